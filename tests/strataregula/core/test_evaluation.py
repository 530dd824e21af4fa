"""References in a compiled configuration: captures, parents, keys, the environment, cycles, limits."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula import CompilationError, ConfigCompiler
from strataregula.core import evaluation
from strataregula.core.explanations import CompiledKeys

DOMAINS = {
    "prefecture": {"by": "region", "values": {"kanto": ["tokyo", "kanagawa"], "kansai": ["osaka"]}},
    "role": ["gateway", "api"],
    "twin": {"by": "side", "values": {"left": ["a", "b"], "right": ["b"]}},
}


def compiled(rules, *more, env=None, strict=True, shapes=()):
    document = {"domains": DOMAINS, "shapes": list(shapes), "s": rules}
    return ConfigCompiler(strict=strict).compile(document, *more, env=env)


def problems(rules, *more, env=None):
    with pytest.raises(CompilationError) as caught:
        compiled(rules, *more, env=env)
    return [(problem.code, problem.message) for problem in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("pattern", "value", "key", "result"),
    [
        ("a.{prefecture}", "${prefecture}", "a.tokyo", "tokyo"),
        ("a.{prefecture}", "in ${prefecture.region}", "a.osaka", "in kansai"),
        ("a.{prefecture}", "${region}!", "a.tokyo", "kanto!"),
        ("{prefecture.region}.{prefecture}", "${region}", "kanto.tokyo", "kanto"),
        ("{region}.{role}", "${role}@${region}", "kansai.api", "api@kansai"),
        ("{twin:a}", "${side}", "a", "left"),
        ("{twin.side}.{twin}", "${twin.side}", "right.b", "right"),
        ("edge.*.api", "${prefecture}", "edge.osaka.api", "osaka"),
    ],
)
def test_captures_and_their_parents(pattern, value, key, result):
    assert compiled({pattern: value}, shapes=["edge.{prefecture}.{role}"])[key] == result


def test_a_parent_that_is_not_the_only_one_is_no_answer():
    ((code, message),) = problems({"a.{twin}": "${side}"})
    assert code == "unresolved-reference"
    assert "'side'" in message


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("${n}", 5),
        ("${list}", [1, {"x": "5"}]),
        ("n=${n} f=${f} t=${t} z=${z} d=${d}", "n=5 f=1.5 t=true z=null d=2024-01-02"),
        ({"deep": ["${n}", {"k": '${q."a.b"}'}]}, {"deep": [5, {"k": 7}]}),
        ({"${n}": 1}, {"${n}": 1}),
        ("$${n} costs $5", "${n} costs $5"),
        ("${t:n}", "other"),
        ("${only}", 1),
        ("${q.${which}}", 8),
        ("${a:b}", 9),
    ],
)
def test_keys(value, result):
    rules = {"n": 5, "f": 1.5, "t": True, "z": None, "d": dt.date(2024, 1, 2), "list": [1, {"x": "${n}x"}]}
    rules["list"] = [1, {"x": "5"}]
    rules |= {'q."a.b"': 7, "q.c": 8, "which": "c", "a:b": 9, "it": value}
    got = compiled(rules, {"t": {"n": "other", "only": 1}}).section("s")["it"]
    assert got == result
    assert isinstance(got, type(result))


def test_the_winner_of_the_other_key_counts_and_chains_are_followed():
    rules = {"b.{role}": "${c}", "b.api": "${c}/api", "c": "${d}", "d": 1, "a.{role}": "${b.${role}}"}
    result = compiled(rules)
    assert result["a.api"] == "1/api"
    assert result["a.gateway"] == 1


def test_a_chain_may_be_longer_than_the_stack():
    rules = {f"k{number}": f"${{k{number + 1}}}" for number in range(5_000)} | {"k5000": "end"}
    assert compiled(rules)["k0"] == "end"
    assert compiled(dict(reversed(rules.items())))["k0"] == "end"


@pytest.mark.parametrize(
    ("rules", "cycle"),
    [
        ({"a": "${a}"}, "a -> a"),
        ({"a": "${b}", "b": ["${c}"], "c": {"k": "${a}"}}, "a -> b -> c -> a"),
        ({"start": "${a}", "a": "${b}", "b": "${a}"}, "a -> b -> a"),
    ],
)
def test_a_cycle_is_told_as_its_path_once(rules, cycle):
    ((code, message),) = problems(rules)
    assert code == "reference-cycle"
    assert message.endswith(cycle)
    with pytest.raises(CompilationError):
        compiled(rules, strict=False)


def test_a_cycle_over_sections_names_them():
    ((_, message),) = problems({"a": "${t:b}"}, {"t": {"b": "${s:a}"}})
    assert message.endswith("a -> t:b -> a")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("${rol}", "name a capture"),
        ("${keyy.a}", "did you mean 'key.a'?"),
        ("${twice}", "${t:twice}"),
        ("${.}", "name a capture"),
        ("${t:nope}", "name a capture"),
    ],
)
def test_an_unresolved_reference(value, hint):
    others = {"t": {"twice": 1}, "u": {"twice": 2}}
    with pytest.raises(CompilationError) as caught:
        compiled({"key.a": 1, "it": value}, others)
    (problem,) = caught.value.diagnostics
    assert problem.code == "unresolved-reference"
    assert value in problem.message
    assert hint in problem.hint
    lenient = compiled({"key.a": 1, "it": f"<{value}>"}, others, strict=False)
    assert lenient["it"] == f"<{value}>"
    assert [warning.code for warning in lenient.warnings] == ["unresolved-reference"]


def test_a_fault_is_told_once_for_its_rule_and_not_for_each_key():
    assert len(problems({"a.{prefecture}.{role}": "${nope}"})) == 1
    assert len(problems({"a.{prefecture}.{role}": "${nope.${role}}"})) == 1


def test_a_broken_reference_is_a_syntax_error_also_when_lenient():
    ((code, message),) = problems({"a": "x ${b"})
    assert code == "reference-syntax"
    assert "never closed" in message
    with pytest.raises(CompilationError):
        compiled({"a": "${b"}, strict=False)


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", pytest.param(10**5_000, id="huge"), {1}])
def test_what_has_no_form_in_text_is_refused_there(value):
    assert compiled({"a": value, "b": "${a}"})["b"] == value
    assert [code for code, _ in problems({"a": value, "b": "x${a}"})] == ["reference-type"]


@pytest.mark.parametrize(
    ("text", "env", "result"),
    [
        ("${env:HOME}", {"HOME": "/root"}, "/root"),
        ("${env:HOME:-x}", {"HOME": "/root"}, "/root"),
        ("${env:HOME:-x:-y}", {"HOME": None}, "x:-y"),
        ("${env:HOME:-}", {"HOME": ""}, ""),
        ("${env:HOME}", {"HOME": ""}, ""),
        ("${env:HOME:-${s:n}}", {"HOME": None}, "5"),
        ("${env:HOME}", {"HOME": "${n}"}, "${n}"),
        ("${env:${which}}", {"B": "b"}, "b"),
    ],
)
def test_allowed_variables(text, env, result):
    assert compiled({"n": 5, "which": "B", "it": text}, env=env)["it"] == result


@pytest.mark.parametrize(
    ("text", "env", "code"),
    [
        ("${env:HOME}", {}, "env-not-allowed"),
        ("${env:HOME:-x}", {"PATH": "x"}, "env-not-allowed"),
        ("${env:HOME}", {"HOME": None}, "unresolved-reference"),
        ("${env:1x}", {}, "reference-syntax"),
        ("${env:}", {}, "reference-syntax"),
    ],
)
def test_other_variables_are_refused(monkeypatch, text, env, code):
    monkeypatch.setenv("HOME", "/secret")
    found = problems({"it": text}, env=env)
    assert [one for one, _ in found] == [code]
    assert "/secret" not in str(found)


def test_the_variables_are_part_of_the_fingerprint():
    rules = {"a": 1}
    prints = [compiled(rules, env=env).fingerprint for env in (None, {"A": "1"}, {"A": "2"}, {"A": None}, {})]
    assert len(set(prints)) == 4
    assert prints[0] == prints[4]


def test_the_text_of_a_domain_or_a_variable_is_never_read_again():
    document = {"domains": {"d": ["${x}", "$${x}"]}, "s": {"a.{d}": "${d}/${env:E}", "x": 1}}
    result = ConfigCompiler().compile(document, env={"E": "${x}"})
    assert result["a.${x}"] == "${x}/${x}"


def test_bombs_are_bounded():
    doubling = {f"k{number:02d}": f"${{k{number + 1:02d}}}" * 2 for number in range(40)} | {"k40": "boom"}
    found = problems(doubling)
    assert found[0][0] == "limit"
    lists = {f"k{number:02d}": [f"${{k{number + 1:02d}}}"] * 2 for number in range(40)} | {"k40": "boom"}
    assert problems(lists)[0][0] == "limit"
    nested = {f"k{number:03d}": [f"${{k{number + 1:03d}}}"] for number in range(150)} | {"k150": 1}
    assert problems(nested)[0][0] == "nesting"


def test_the_work_of_one_compilation_is_bounded(monkeypatch):
    monkeypatch.setattr(evaluation, "MAX_BUILT", 10_000)
    document = {
        "domains": {"n": [f"n{number}" for number in range(1_000)]},
        "s": {"a.{n}": "x" * 100 + "${n}"},
    }
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler().compile(document)
    assert [problem.code for problem in caught.value.diagnostics] == ["limit"]


def test_thousands_of_misspelled_references_are_compared_for_the_first_only(monkeypatch):
    asked = []
    monkeypatch.setattr(CompiledKeys, "near", lambda self, key: asked.append(key) or ())
    assert len(problems({"a": [f"${{k{number}}}" for number in range(1_000)]})) == 200
    assert len(asked) == 20


def test_explain_names_merges_and_references():
    rules = {
        "a.{prefecture}": {"host": "${prefecture}.${base}", "zone": "${region}"},
        "a.tokyo": {"value": {"port": "${env:PORT:-80}"}, "merge": "deep"},
        "base": "example.org",
    }
    result = compiled(rules, env={"PORT": None})
    explained = result.explain("a.tokyo")
    assert explained.value == {"host": "tokyo.example.org", "zone": "kanto", "port": "80"}
    assert [rule.pattern for rule in explained.merged] == ["a.{prefecture}"]
    used = {one.source: (one.origin, one.value) for one in explained.interpolations}
    assert used == {
        "${env:PORT:-80}": ("default", "80"),
        "${prefecture}": ("capture", "tokyo"),
        "${base}": ("key", "example.org"),
        "${region}": ("capture", "kanto"),
    }
    place = next(one for one in explained.interpolations if one.key == "base").place
    assert place == result.explain("base").place
    text = explained.render()
    assert "with    ${base} = 'example.org'  from base at <mapping 1>" in text
    assert "with    ${env:PORT:-80} = '80'  from its default" in text
    data = explained.as_dict()
    assert data["merged"][0]["pattern"] == "a.{prefecture}"
    assert data["winner"]["merge"] == "deep"
    assert {one["origin"] for one in data["interpolations"]} == {"default", "capture", "key"}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.text(st.sampled_from("abcdef${}x"), max_size=8), max_size=6)
)
def test_any_references_end_in_values_or_diagnostics(rules):
    try:
        result = compiled(rules)
    except CompilationError:
        return
    for key in rules:
        assert result.explain(key).value == result[key]


PATTERNS = ["a.{role}", "{prefecture}.api", "*.api", "tokyo.{role}", "**", "tokyo.api", "a.api"]
VALUES = [
    {"x": 1, "tags": ["a"]},
    {"y": {"z": "${role}"}},
    {"x": "${tokyo.api}"},
    {"t": "${one}"},
    "${one}",
    {"tags": ["a", "b"]},
]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PATTERNS), st.sampled_from(VALUES), st.sampled_from(["", "deep", "replace"])
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_a_lazy_result_and_a_stream_give_the_same_values(rules, by_path):
    layers = [
        {"s": {pattern: {"value": value, **({"merge": merge} if merge else {})}}}
        for pattern, value, merge in rules
    ]
    by_paths = {"settings": {"merge": {"s.**": "deep", "s.*.*.tags": "unique"}}} if by_path else {}
    base = {"domains": DOMAINS, **by_paths, "s": {"a.{role}": {"x": 0}, "one": 5}}
    try:
        full = dict(ConfigCompiler(strict=False).compile(base, *layers))
    except CompilationError:
        return
    lazy = ConfigCompiler(strict=False).compile(base, *layers, lazy=True)
    assert {key: lazy[key] for key in full} == full
    streamed = {entry.key: entry.value for entry in ConfigCompiler(strict=False).stream(base, *layers)}
    assert streamed == full
    assert list(streamed) == list(full)
