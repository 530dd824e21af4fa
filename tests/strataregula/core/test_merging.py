"""How values join: the laws of the strategies, strategies by path, and merges of whole configurations."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strataregula import CompilationError, ConfigCompiler
from strataregula.core.merging import NO_PATHS, STRATEGIES, MergeError, MergePaths, identity, merged
from strataregula.core.values import FrozenDict, FrozenList, same_value

scalars = st.one_of(
    st.booleans(), st.integers(-2, 2), st.floats(allow_nan=True), st.text("ab", max_size=2), st.none()
)
lists = st.lists(scalars, max_size=4).map(FrozenList)


def trees_of(kinds):
    """Mappings in which a name always leads to a value of the same kind, as a configuration has them."""
    fields = {"leaf": st.integers(0, 3), "list": lists}
    if kinds:
        fields["inner"] = trees_of(kinds - 1)
    return st.fixed_dictionaries({}, optional=fields).map(FrozenDict)


trees = trees_of(2)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(FrozenList),
        st.dictionaries(st.text("ab", max_size=1), inner, max_size=3).map(FrozenDict),
    ),
    max_leaves=6,
)


def join(strategy, below, above, paths=NO_PATHS):
    return merged(strategy, below, above, paths, ("s", "k"))


@given(trees, trees, trees)
def test_deep_is_associative(a, b, c):
    left, right = join("deep", join("deep", a, b), c), join("deep", a, join("deep", b, c))
    assert same_value(left, right)
    assert list(left) == list(right)


@given(trees)
def test_deep_has_an_identity_and_is_idempotent(tree):
    empty = FrozenDict()
    assert same_value(join("deep", empty, tree), tree)
    assert same_value(join("deep", tree, empty), tree)
    assert same_value(join("deep", tree, tree), tree)


@given(lists, lists, lists)
def test_append_is_associative_with_an_identity(a, b, c):
    assert same_value(join("append", join("append", a, b), c), join("append", a, join("append", b, c)))
    assert same_value(join("append", a, FrozenList()), a)
    assert same_value(join("append", FrozenList(), a), a)


@given(lists, lists, lists)
def test_unique_is_idempotent_associative_and_keeps_the_first(a, b, c):
    once = join("unique", a, b)
    assert same_value(join("unique", once, b), once)
    assert same_value(join("unique", once, a), once)
    assert same_value(join("unique", once, c), join("unique", a, join("unique", b, c)))
    assert len(set(map(identity, once))) == len(once)
    assert {identity(item) for item in once} == {identity(item) for item in [*a, *b]}


@given(values, values)
def test_replace_takes_the_upper_value(below, above):
    assert join("replace", below, above) is above


@given(values, st.sampled_from(STRATEGIES))
def test_null_never_merges(value, strategy):
    assert join(strategy, None, value) is value
    assert join(strategy, value, None) is None


@given(values, values)
def test_identity_is_equality_of_values(first, second):
    assert (identity(first) == identity(second)) == same_value(first, second)
    assert hash(identity(first)) == hash(identity(first))


@given(values, values, st.sampled_from(STRATEGIES))
def test_two_values_join_or_are_refused_with_their_path(below, above, strategy):
    before = repr((below, above))
    with contextlib.suppress(MergeError):
        join(strategy, below, above)
    assert repr((below, above)) == before


def test_the_most_specific_path_decides():
    paths = MergePaths({"s.**": "deep", "s.k.env": "append", "s.*.labels": "replace", "s.{x}.tags": "unique"})
    below = FrozenDict(env=FrozenList([1]), labels=FrozenDict(a=1), tags=FrozenList([1]), cpu=1)
    above = FrozenDict(env=FrozenList([1]), labels=FrozenDict(b=1), tags=FrozenList([1]), cpu=2)
    assert join("deep", below, above, paths) == {"env": [1, 1], "labels": {"b": 1}, "tags": [1], "cpu": 2}
    assert paths.strategy(("t", "k")) == ""
    assert paths.strategy(("s", "a.b", "")) == ""


def compiled(*documents, strict=True):
    return ConfigCompiler(strict=strict).compile(*documents)


def codes(*documents, strict=True):
    with pytest.raises(CompilationError) as caught:
        compiled(*documents, strict=strict)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


BASE = {
    "domains": {"role": ["api", "web"]},
    "s": {"{role}.env": {"cpu": 1, "labels": {"team": "a"}, "tags": ["x"]}},
}


def test_a_rule_merges_onto_the_rules_below_until_one_replaces():
    layers = [
        BASE,
        {"s": {"api.env": {"value": {"cpu": 2, "labels": {"tier": "b"}}, "merge": "deep"}}},
        {"s": {"*.env": {"value": {"tags": ["y"]}, "merge": "deep"}}},
    ]
    result = compiled(*layers)
    assert result["api.env"] == {"cpu": 2, "labels": {"team": "a", "tier": "b"}, "tags": ["y"]}
    assert result["web.env"] == {"cpu": 1, "labels": {"team": "a"}, "tags": ["y"]}
    explained = result.explain("api.env")
    assert [explained.winner.merge, *[rule.merge for rule in explained.merged]] == ["deep", "deep", ""]
    assert explained.losers == ()
    assert explained.value == result["api.env"]
    assert "merged" in explained.render()
    replaced = compiled(*layers, {"s": {"api.env": {"value": {"new": 1}, "merge": "replace"}}})
    assert replaced["api.env"] == {"new": 1}
    assert len(replaced.explain("api.env").losers) == 3


def test_a_removal_ends_the_merge():
    result = compiled(
        BASE,
        {"s": {"!api.env": None}},
        {"s": {"{role}.env": {"value": {"cpu": 9}, "merge": "deep"}}},
    )
    assert result["api.env"] == {"cpu": 9}
    assert result["web.env"]["labels"] == {"team": "a"}


def test_values_of_different_kinds_are_refused_with_the_path():
    upper = {"s": {"api.env": {"value": {"labels": "none"}, "merge": "deep"}}}
    with pytest.raises(CompilationError) as caught:
        compiled(BASE, upper)
    (problem,) = caught.value.diagnostics
    assert problem.code == "merge-type"
    assert "'s.api.env.labels'" in problem.message
    result = compiled(BASE, upper, strict=False)
    assert result["api.env"] == {"labels": "none"}
    assert [warning.code for warning in result.warnings] == ["merge-type"]


def test_a_conflict_below_a_merge_is_a_conflict():
    rules = {"{a}.x": [1], "x.{b}": [2]}
    upper = {"s": {"x.x": {"value": [3], "merge": "append"}}}
    base = {"domains": {"a": ["x", "y"], "b": ["x", "y"]}, "s": rules}
    assert codes(base, upper) == ["conflict"]
    assert compiled(base, upper, strict=False)["x.x"] == [2, 3]
    assert compiled(base, {"s": {"x.x": [3]}})["x.x"] == [3]


def test_a_merged_value_cannot_be_changed_and_is_shared_where_the_rules_are_the_same():
    upper = {"s": {"{role}.env": {"value": {"cpu": 2}, "merge": "deep"}}}
    result = compiled(BASE, upper)
    assert result["api.env"] is result["web.env"]
    with pytest.raises(TypeError):
        result["api.env"]["labels"]["team"] = "b"
