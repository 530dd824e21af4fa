"""The lazy result: what it answers, what it refuses, and that it holds nothing."""

import io
import tracemalloc

import pytest

from strataregula import AmbiguousKey, CompilationError, ConfigCompiler, MissingKey, UsageError
from strataregula.core import lazy_config
from strataregula.core.lazy_check import CHECK_STEPS
from strataregula.emit import FORMATS, write
from strataregula.errors import StrataregulaError, UncountedKeys
from strataregula.model import Place

BIG = {name: [f"{name}{number}" for number in range(1_000)] for name in ("zone", "host", "disk")}
RULES = {
    "{zone}.{host}.{disk}": 5,
    "zone7.{host}.{disk}": 6,
    "zone7.host7.disk7": {"value": [7]},
    "*.*.disk99*": {"value": 8, "priority": 1},
    "!*.host9.disk1": {"value": None, "priority": 2},
}


def lazy(*sources, **options):
    return ConfigCompiler(**options).compile(*sources, lazy=True)


@pytest.fixture(scope="module")
def billion():
    return lazy({"domains": BIG, "latency": RULES})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("zone1.host1.disk1", 5),
        ("zone7.host1.disk1", 6),
        ("zone7.host7.disk7", {"value": [7]}["value"]),
        ("zone3.host9.disk990", 8),
    ],
)
def test_each_key_of_a_billion_has_the_value_of_its_best_rule(billion, key, value):
    assert billion[key] == billion.get(key) == billion.section("latency")[key] == value
    assert key in billion
    assert billion.explain(key).value == value


def test_a_billion_keys_take_the_memory_of_their_rules():
    tracemalloc.start()
    compiled = lazy({"domains": BIG, "latency": RULES})
    compiled["zone1.host1.disk1"]
    compiled.explain("zone1.host1.disk1")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_removed_key_and_one_that_never_was_are_absent(billion):
    for key in ("zone3.host9.disk1", "zone3.host9.disk1000", "zone1", "", "a..b", '"', 7):
        assert key not in billion
        with pytest.raises(MissingKey):
            billion[key]
    assert billion.get("zone3.host9.disk1", "none") == "none"
    assert "removes it" in billion.explain("zone3.host9.disk1").reason
    assert billion.explain("zone1.hots1.disk1").near[0] == "zone1.host1.disk1"
    assert not billion.explain("a..b").found


def test_the_number_of_keys_is_known_or_said_to_be_unknown(billion):
    assert len(lazy({"domains": BIG, "s": {"{zone}.{host}.{disk}": 1, "x.{host}": 2}})) == 10**9 + 1_000
    with pytest.raises(UncountedKeys, match="1,001,000,001"):
        len(billion)
    assert isinstance(UncountedKeys("s", 1), TypeError | StrataregulaError)
    assert bool(billion)
    assert len(lazy({"s": {"{1..30}": 1, "{20..40}": 2}}, strict=False)) == 40
    with pytest.raises(UncountedKeys):
        len(lazy({"s": {"{1..999999999999}.{1..999999999999}": 1}}))


def test_iterating_makes_the_keys_one_by_one(billion):
    assert next(iter(billion)) == "zone0.host0.disk0"
    assert next(iter(billion.items())) == ("zone0.host0.disk0", 5)
    assert next(iter(billion.values())) == 5
    assert next(billion.entries()).section == "latency"


def test_matching_makes_only_what_matches(billion, monkeypatch):
    found = billion.match("zone7.host7.disk?")
    assert [entry.key for entry in found] == [f"zone7.host7.disk{number}" for number in range(10)]
    assert [entry.value for entry in found if entry.value != 6] == [[7]]
    assert len(billion.match("**.host7.disk7")) == 1_000
    assert billion.match("nothing.*") == ()
    monkeypatch.setattr(lazy_config, "MAX_MATCHES", 100)
    with pytest.raises(UsageError, match="more than 100 keys"):
        billion.match("**")
    for bad in ("!a", "a.[", "{none}"):
        with pytest.raises(UsageError):
            billion.match(bad)


SECTIONS = [
    {"domains": {"d": ["a", "b"]}, "s": {"x.{d}": 1, "y": 2}, "t": {"x.a": 3, "z": [4]}},
    {"t": {"x.a": 5}},
]


def test_sections_are_united_like_those_of_a_compiled_one():
    eager, ours = ConfigCompiler().compile(*SECTIONS), lazy(*SECTIONS)
    assert list(ours) == list(eager)
    assert len(ours) == len(eager)
    assert list(ours.sections) == ["s", "t"]
    assert {name: dict(entries) for name, entries in ours.sections.items()} == {
        name: dict(entries) for name, entries in eager.sections.items()
    }
    assert (ours["x.b"], ours.get("z"), ours.get("no", 9)) == (1, [4], 9)
    for ask in (ours.__getitem__, ours.get, ours.explain):
        with pytest.raises(AmbiguousKey):
            ask("x.a")
    assert ours.explain("x.a", "t") == eager.explain("x.a", "t")
    assert ours.explain("x.c").reason == eager.explain("x.c").reason
    for views in (ours.items(), ours.values()):
        with pytest.raises(AmbiguousKey):
            list(views)
    with pytest.raises(MissingKey):
        ours.section("u")
    with pytest.raises(MissingKey):
        ours["x.c"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_the_bytes_of_the_compiled_one(name, tmp_path):
    eager, ours = ConfigCompiler().compile(*SECTIONS), lazy(*SECTIONS)
    expected, found = io.StringIO(), io.StringIO()
    write(eager, expected, name)
    write(ours, found, name)
    assert found.getvalue() == expected.getvalue()
    ours.write(tmp_path / "out", format=name)
    assert (tmp_path / "out").read_text(encoding="utf-8") == expected.getvalue()


def test_differences_between_lazy_and_compiled_ones():
    first, second = SECTIONS[0], {**SECTIONS[0], "s": {"x.{d}": 1, "y": "2", "w": 0}}
    difference = lazy(first).diff(lazy(second))
    assert difference == ConfigCompiler().compile(first).diff(ConfigCompiler().compile(second))
    assert difference == lazy(first).diff(ConfigCompiler().compile(second))
    assert not lazy(first).diff(lazy(first))


def test_equal_are_two_of_the_same_sources_and_options():
    assert lazy(*SECTIONS) == lazy(*SECTIONS)
    assert hash(lazy(*SECTIONS)) == hash(lazy(*SECTIONS))
    assert lazy(*SECTIONS) != lazy(SECTIONS[0])
    assert lazy(*SECTIONS) != 1
    one = lazy(*SECTIONS).section("s")
    assert one == one  # noqa: PLR0124 - that is what is promised
    assert one != lazy(*SECTIONS).section("s")
    assert {one: 1}[one] == 1
    assert "2 rules" in repr(one)
    assert "4 rules in 2 sections" in repr(lazy(SECTIONS[0]))


def test_values_refer_and_merge_when_they_are_read():
    sources = (
        {
            "domains": {"city": {"by": "land", "values": {"f": ["paris"], "g": ["berlin", "bonn"]}}},
            "s": {
                "{city}.tags": ["all"],
                "{city}.name": "${city} in ${city.land}",
                "base": "x",
                "up": "${base}/y",
            },
        },
        {"s": {"bonn.tags": {"value": ["small"], "merge": "append"}}},
    )
    eager, ours = ConfigCompiler().compile(*sources), lazy(*sources)
    assert dict(ours) == dict(eager)
    assert ours["bonn.tags"] == ["all", "small"]
    assert ours["bonn.name"] == "bonn in g"
    assert ours["up"] == "x/y"
    assert ours.explain("bonn.tags") == eager.explain("bonn.tags")
    assert ours.explain("up") == eager.explain("up")


@pytest.mark.parametrize("value", ["${nothing.there}", "${env:HOME}", "${s"])
def test_references_that_cannot_work_are_told_by_the_compilation(value):
    with pytest.raises(CompilationError):
        lazy({"s": {"{1..3}.a": value}})


def test_what_a_document_forbids_is_forbidden_lazily_too():
    with pytest.raises(CompilationError, match="limit"):
        lazy({"settings": {"limits": {"keys": 10}}, "s": {"{1..30}": 1}})
    with pytest.raises(CompilationError, match="limit"):
        lazy({"s": {"{1..30}": 1}}, max_keys=10)


def test_a_contradiction_that_was_not_looked_for_is_told_when_it_is_read():
    many = [f"v{number}" for number in range(60)]
    deep = ".".join(["{d}"] * 2)
    rules = {f"{{d}}.{{1..{CHECK_STEPS}}}.{{a}}.{{1..9}}": 1, f"{{d}}.{{1..{CHECK_STEPS}}}.{{1..9}}.{{a}}": 2}
    document = {"domains": {"d": many, "a": ["7", "x"]}, "s": {**rules, deep: 3}}
    compiled = lazy(document, strict=False)
    assert compiled["v1.99999.7.7"] == 2
    assert compiled["v1.99999.x.7"] == 1


def test_a_stream_yields_what_a_compilation_holds():
    entries = list(ConfigCompiler().stream(*SECTIONS))
    eager = ConfigCompiler().compile(*SECTIONS)
    assert [(entry.section, entry.key, entry.value) for entry in entries] == [
        (name, key, value) for name, of in eager.sections.items() for key, value in of.items()
    ]


def test_a_place_is_where_the_rule_stands(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("domains: {d: [x]}\ns:\n  k.{d}: 1\n", encoding="utf-8")
    assert lazy(path).explain("k.x").place == Place(str(path), 3, 3)


def test_keys_like_an_absent_one_are_not_looked_for_for_ever():
    compiled = lazy(
        {
            "s": {
                "{1..99999999999}": 1,
                "!*": {"value": None, "priority": 1},
                "{1..9}": {"value": 2, "priority": 2},
            }
        }
    )
    with pytest.raises(MissingKey) as caught:
        compiled["x"]
    assert caught.value.near == ()
    assert compiled["7"] == 2
    assert "10" not in compiled
    assert lazy({"s": {"{1..99999999999}x": 1}}).near("1xy")[0] == "1x"
