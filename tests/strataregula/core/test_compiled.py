"""The compiled configuration: look-ups that never invent, immutability, explanations, matching, writing."""

import copy
import pickle
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from strataregula import AmbiguousKey, CompilationError, CompiledConfig, ConfigCompiler, MissingKey
from strataregula.core.documents import MemoryFiles
from strataregula.errors import StrataregulaError, UsageError

TEXT = """\
domains:
  prefecture: {by: region, values: {kanto: [tokyo, kanagawa], kansai: [osaka]}}
  role: [gateway, api]
shapes: ["edge.{prefecture}.{role}"]
service_times:
  edge.*.gateway: 5
  edge.{prefecture}.api: {value: 7, where: {region: kanto}, priority: 10}
  edge.tokyo.gateway: 3
  edge.tokyo.*: {value: 4, priority: -1}
limits:
  edge.tokyo.gateway: {cpu: [1, 2]}
  db.main: 1
  "*.main": {value: 2, priority: 1}
  old.thing: 1
  "!old.*": {value: null, priority: 1}
"""


def compiled_text(text=TEXT, strict=True):
    return ConfigCompiler(strict=strict, files=MemoryFiles({"a.yaml": text.encode()})).compile("a.yaml")


@pytest.fixture(scope="module")
def compiled():
    return compiled_text()


def test_it_is_a_mapping_over_the_union_of_its_sections(compiled):
    assert isinstance(compiled, Mapping)
    assert compiled["edge.osaka.gateway"] == 5
    assert compiled["db.main"] == 2
    assert "db.main" in compiled
    assert "old.thing" not in compiled
    assert len(compiled) == len(list(compiled)) == 6
    assert compiled.get("nope") is None
    assert compiled.get("nope", 3) == 3
    assert compiled.get("db.main") == 2


def test_a_key_of_several_sections_is_ambiguous_and_says_where_it_is(compiled):
    assert "edge.tokyo.gateway" in compiled
    for ask in (compiled.__getitem__, compiled.get, compiled.explain):
        with pytest.raises(AmbiguousKey) as caught:
            ask("edge.tokyo.gateway")
        assert caught.value.sections == ("service_times", "limits")
    assert "service_times" in str(caught.value)
    assert compiled.section("service_times")["edge.tokyo.gateway"] == 3
    assert compiled.explain("edge.tokyo.gateway", section="limits").value == {"cpu": [1, 2]}


def test_an_absent_key_is_an_error_with_near_matches(compiled):
    with pytest.raises(KeyError) as caught:
        compiled["edge.tokio.api"]
    assert isinstance(caught.value, MissingKey)
    assert caught.value.near[0] == "edge.tokyo.api"
    assert "did you mean 'edge.tokyo.api'" in str(caught.value)
    assert isinstance(caught.value, StrataregulaError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.key, again.near) == (caught.value.key, caught.value.near)
    with pytest.raises(KeyError):
        compiled[3]


def test_an_unknown_section_is_an_error_with_near_names(compiled):
    with pytest.raises(KeyError, match="did you mean 'limits'"):
        compiled.section("limit")


def test_sections_are_read_only_views_in_order(compiled):
    assert list(compiled.sections) == ["service_times", "limits"]
    assert type(compiled.section("limits")) is MappingProxyType
    with pytest.raises(TypeError):
        compiled.section("limits")["x"] = 1
    with pytest.raises(TypeError):
        compiled.sections["x"] = {}


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(x=1),
        lambda value: value.__setitem__("x", 1),
        lambda value: value.pop("cpu"),
        lambda value: value.clear(),
        lambda value: value.setdefault("x", 1),
        lambda value: value.__ior__({"x": 1}),
        lambda value: value["cpu"].append(3),
        lambda value: value["cpu"].__iadd__([3]),
        lambda value: value["cpu"].__setitem__(0, 9),
        lambda value: value["cpu"].sort(),
        lambda value: value["cpu"].__delitem__(0),
    ],
)
def test_values_cannot_be_changed(compiled, change):
    value = compiled.section("limits")["edge.tokyo.gateway"]
    with pytest.raises(TypeError, match="thaw"):
        change(value)
    assert value == {"cpu": [1, 2]}


def test_the_configuration_cannot_be_changed(compiled):
    with pytest.raises(AttributeError):
        compiled.fingerprint = ""
    with pytest.raises(AttributeError):
        del compiled.warnings
    with pytest.raises(TypeError):
        compiled["x"] = 1
    with pytest.raises(TypeError):
        hash(compiled)
    for change in (
        compiled.clear,
        compiled.popitem,
        lambda: compiled.update(x=1),
        lambda: compiled.pop("db.main"),
    ):
        with pytest.raises(TypeError):
            change()


def test_what_the_caller_changes_later_changes_nothing():
    source = {"s": {"a": {"list": [1]}}}
    compiled = ConfigCompiler().compile(source)
    source["s"]["a"]["list"].append(2)
    assert compiled["a"] == {"list": [1]}


def test_frozen_values_copy_and_pickle(compiled):
    value = compiled.section("limits")["edge.tokyo.gateway"]
    assert copy.copy(value) is value
    assert copy.deepcopy(value["cpu"]) is value["cpu"]
    assert copy.copy(value["cpu"]) == [1, 2]
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_views_follow_the_mapping():
    compiled = ConfigCompiler().compile({"s": {"b": 1, "a": 2}, "t": {"c": 3}})
    assert list(compiled.keys()) == ["b", "a", "c"] == list(reversed(list(reversed(compiled))))
    assert list(compiled.values()) == [1, 2, 3]
    assert list(compiled.items()) == [("b", 1), ("a", 2), ("c", 3)]
    assert dict(compiled) == {**compiled} == {"b": 1, "a": 2, "c": 3}
    both = ConfigCompiler().compile({"s": {"b": 1, "a": 2}, "t": {"a": 3, "d": 4}})
    assert list(both) == ["b", "a", "d"]
    assert len(both) == 3
    for reading in (lambda: list(both.values()), lambda: list(both.items()), lambda: dict(both)):
        with pytest.raises(AmbiguousKey):
            reading()


def test_a_configuration_is_not_pickled_by_accident(compiled):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(compiled)
    assert copy.deepcopy(compiled) is compiled


def test_equality_follows_the_contents(compiled):
    assert compiled == compiled_text()
    assert compiled != compiled_text(TEXT + "  x: 1\n")
    single = ConfigCompiler().compile({"s": {"a": 1}})
    assert single == {"a": 1}
    assert single != {"a": 2}
    assert compiled != {"db.main": 2}
    assert (compiled == 3) is False
    assert "6 keys in 2 sections" in repr(compiled)


def test_iteration_follows_the_sources(compiled):
    assert list(compiled) == [*compiled.section("service_times"), "db.main"]
    assert list(ConfigCompiler().compile({"s": {"b": 1, "a": 2}})) == ["b", "a"]


def test_a_configuration_without_sections_is_empty():
    compiled = ConfigCompiler().compile({"domains": {"d": ["x"]}})
    assert len(compiled) == 0
    assert not compiled.explain("x").found
    with pytest.raises(KeyError):
        compiled["x"]


def test_explain_names_the_winner_with_place_and_bindings(compiled):
    answer = compiled.explain("edge.kanagawa.api")
    assert (answer.found, answer.section, answer.value) == (True, "service_times", 7)
    assert str(answer.place) == "a.yaml:7:3"
    assert answer.winner.priority == 10
    assert answer.winner.layer == 0
    assert dict(answer.bindings) == {"prefecture": "kanagawa"}
    with pytest.raises(TypeError):
        answer.bindings["x"] = "y"
    with pytest.raises(AttributeError):
        answer.value = 8


def test_explain_lists_the_losers_in_order(compiled):
    answer = compiled.explain("edge.tokyo.gateway", section="service_times")
    assert [(str(loser.place), loser.value) for loser in answer.losers] == [
        ("a.yaml:6:3", 5),
        ("a.yaml:9:3", 4),
    ]
    lines = answer.render().splitlines()
    assert lines[0] == "edge.tokyo.gateway = 3  (section service_times)"
    assert lines[1].startswith("  winner  a.yaml:8:3  edge.tokyo.gateway: 3")
    assert lines[3] == "  loser   a.yaml:9:3  edge.tokyo.*: 4  priority -1  (role=gateway)"


def test_explain_of_every_key_agrees_with_its_value(compiled):
    for name, entries in compiled.sections.items():
        for key, value in entries.items():
            answer = compiled.explain(key, section=name)
            assert answer.value == value == answer.winner.value


def test_explain_across_layers():
    files = {"base.yaml": b"s:\n  a: 1\n", "prod.yaml": b"s:\n  a: 2\n"}
    answer = ConfigCompiler(files=MemoryFiles(files)).compile("base.yaml", "prod.yaml").explain("a")
    assert [str(candidate.place) for candidate in (answer.winner, *answer.losers)] == [
        "prod.yaml:2:3",
        "base.yaml:2:3",
    ]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("edge.toky.api", "'toky' in segment 2 is no prefecture"),
        ("edge.osaka.api", "'osaka' in segment 2 is no prefecture"),
        ("edge.tokyo.gatewy", "in segment 3"),
        ("edge.tokyo.api.x", "has 3 segments, the key 4"),
        ("other", "no rule covers it"),
        ("a..b", "it is no key"),
        ("old.thing", "!old.* removes it"),
        ("zzz.main", "only rules that choose among existing keys"),
    ],
)
def test_explain_of_an_absent_key_says_why_not(compiled, key, reason):
    answer = compiled.explain(key)
    assert not answer.found
    assert reason in answer.reason
    assert key in answer.render()


def test_explain_of_an_absent_key_names_the_nearest_rule_and_keys(compiled):
    answer = compiled.explain("edge.toky.api")
    assert str(answer.nearest.place) == "a.yaml:7:3"
    assert answer.near[0] == "edge.tokyo.api"
    assert "nearest a.yaml:7:3" in answer.render()
    assert answer.place is None
    assert dict(answer.bindings) == {}


def test_explain_knows_what_a_removal_took(compiled):
    answer = compiled.explain("old.thing")
    assert answer.winner.pattern == "!old.*"
    assert [loser.pattern for loser in answer.losers] == ["old.thing"]


def test_explain_of_a_combination_that_a_hierarchy_has_not():
    text = TEXT.split("shapes", maxsplit=1)[0] + "s: {'{prefecture.region}.{prefecture}': 1}"
    assert "leaves out this combination" in compiled_text(text).explain("kansai.tokyo").reason


def test_explain_of_one_among_very_many_builds_no_table(compiled):
    large = ConfigCompiler().compile({"s": {"host{1..200000}.x": 1}})
    assert large.explain("host77.x").value == 1
    assert not large.explain("host200001.x").found
    assert not large.explain("hos.x").found
    assert str(large.explain("host77.x")) == large.explain("host77.x").render()
    assert str(compiled.explain("db.main").winner).startswith("a.yaml:13:3  *.main: 2")


def test_explain_in_a_section_that_is_not_there(compiled):
    with pytest.raises(KeyError):
        compiled.explain("x", section="nope")


def test_explain_without_a_source_text():
    answer = ConfigCompiler().compile({"s": {"a": 1}}).explain("a")
    assert str(answer.place) == "<mapping 1>"


def test_match_chooses_entries_by_glob(compiled):
    assert [(entry.section, entry.key) for entry in compiled.match("edge.*.api")] == [
        ("service_times", "edge.tokyo.api"),
        ("service_times", "edge.kanagawa.api"),
    ]
    assert [entry.key for entry in compiled.match("{prefecture.region}.**")] == []
    assert len(compiled.match("**")) == 7
    assert [entry.value for entry in compiled.match("db.main")] == [2]


def test_diff_names_what_came_went_and_changed():
    before = ConfigCompiler().compile({"s": {"a": 1, "b": 1, "c": [1]}, "old": {"x": 1}})
    after = ConfigCompiler().compile({"s": {"a": True, "c": [1], "d": 2}, "new": {"x": 1}})
    found = before.diff(after)
    assert [(entry.section, entry.key) for entry in found.removed] == [("s", "b"), ("old", "x")]
    assert [(entry.section, entry.key) for entry in found.added] == [("s", "d"), ("new", "x")]
    assert [(change.key, change.before, change.after) for change in found.changed] == [("a", 1, True)]
    assert found
    assert not before.diff(before)


def test_near_keys_are_found_among_many_siblings():
    compiled = ConfigCompiler().compile({"s": {"svc{1..5000}.timeout": 1, "single": 2}})
    assert compiled.explain("svc4321.timeot").near[0] == "svc4321.timeout"
    assert compiled.explain("svc4321x.timeout").near[0] == "svc4321.timeout"
    assert compiled.explain("singel").near == ("single",)


@pytest.mark.parametrize("pattern", ["a.[", "{nope}.x", "", "!a"])
def test_match_of_what_is_no_glob_is_a_misuse(compiled, pattern):
    with pytest.raises(UsageError):
        compiled.match(pattern)


def test_writing_goes_through_the_emitters(compiled, tmp_path):
    import json

    target = tmp_path / "out.json"
    compiled.write(target)
    assert json.loads(target.read_text())["limits"]["db.main"] == 2
    compiled.write(str(target), format="json", section="limits")
    assert "service_times" not in target.read_text()


def test_warnings_stay_with_the_result():
    compiled = compiled_text("user: {a: 1}", strict=False)
    assert [warning.code for warning in compiled.warnings] == ["questioned-name"]
    assert "hint" in compiled.warnings[0].as_dict()
    with pytest.raises(CompilationError):
        compiled_text("user: {a: 1}")


def test_the_class_is_what_the_package_names():
    assert type(compiled_text()) is CompiledConfig


def test_a_number_without_a_decimal_form_is_shown_in_another(tmp_path):
    (tmp_path / "a.yaml").write_text(f"s:\n  a: 0x{'f' * 5_000}\n  '*': {{value: 1, priority: -1}}\n")
    text = ConfigCompiler().compile(tmp_path / "a.yaml").explain("a").render()
    assert "a = 0xfff" in text
    assert len(text) < 2_000
