"""Coverage of keys by templates, the trie in front of it, and what two templates share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula import CompilationError, PatternExpander
from strataregula.core.coverage import Coverage
from strataregula.core.overlap import Budget, BudgetSpentError, narrowed
from strataregula.core.pattern import parse_key
from strataregula.core.rule_index import RuleIndex
from strataregula.core.segments import NumberRange
from strataregula.core.templates import MAX_HELD, Factor, NumberTexts

DOMAINS = {
    "place": {"by": "zone", "values": {"n": ["a", "b"], "s": ["b", "c"]}},
    "role": ["x", "y", "xy"],
    "many": [f"m{number}" for number in range(1_200)],
}
EXPANDER = PatternExpander(DOMAINS, max_keys=10**30, max_keys_per_rule=10**30)


def template(pattern):
    return EXPANDER.plan({pattern: 1}).sections[0].rules[0].template


segments = st.sampled_from(
    ["a", "b", "x", "{place}", "{role}", "{zone}", "{x,n}", "*", "**", "?", "b*", "x{role}", "{role}{role}", "{role}y", "a{place}"]
)  # fmt: skip
patterns = st.lists(segments, min_size=1, max_size=4).map(".".join).filter(lambda text: text.count("**") < 2)
keys = st.lists(st.sampled_from(["a", "b", "x", "xy", "xx", "xyy", "n", "ab"]), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(patterns, min_size=1, max_size=6), st.lists(keys, min_size=1, max_size=6))
def test_the_index_names_everything_that_covers_a_key(texts, tried):
    templates = [template(text) for text in texts]
    index = RuleIndex((one, number) for number, one in enumerate(templates))
    for key in tried:
        covering = {number for number, one in enumerate(templates) if Coverage(one).covers(key)}
        candidates = index.candidates(key)
        assert covering <= set(candidates)
        assert len(set(candidates)) == len(candidates)


@settings(max_examples=150, deadline=None)
@given(patterns, patterns)
def test_what_two_templates_share_is_found_in_the_index_and_in_the_narrowed_templates(first, second):
    maker, other = template(first), template(second)
    if maker.selects:
        return
    test = Coverage(other)
    shared = {key for key in maker.iter_keys() if test.covers(parse_key(key))}
    index = RuleIndex([(other, "other")])
    assert not shared or index.overlapping(maker) == ["other"]
    assert not shared or RuleIndex([(maker, "maker")]).overlapping(other) == ["maker"]
    made = {key for one in narrowed(maker, test, Budget(10**6)) for key in one.iter_keys()}
    assert shared <= made <= set(maker.iter_keys())


@given(patterns, keys)
def test_covering_and_binding_agree(pattern, key):
    test = Coverage(template(pattern))
    assert test.covers(key) is (test.bindings(key) is not None)


def test_a_search_ends_when_its_budget_is_spent():
    maker, test = template("{many}.{many}.x"), Coverage(template("**.m7.**.z*"))
    with pytest.raises(BudgetSpentError):
        list(narrowed(maker, test, Budget(1_000)))
    assert list(narrowed(maker, test, Budget(10**6))) == []


def test_what_cannot_be_shared_is_not_made():
    (one,) = narrowed(template("{many}.{role}.{1..50}"), Coverage(template("m7.x*.1?")), Budget(10**6))
    assert one.size == 2 * 10
    assert next(iter(one.iter_keys())) == "m7.x.10"


@pytest.mark.parametrize("pattern", ["{a,b}.**.{a,b}.**", "a.**.{role}"])
def test_two_deep_wildcards_are_fine_where_nothing_belongs_together(pattern):
    assert template(pattern).selects


@pytest.mark.parametrize("pattern", ["**.{role}.**.{role}", "{zone}.**.{place}.**", "**.{role}.{role}.**"])
def test_captures_that_belong_together_stand_on_one_side_of_two_deep_wildcards(pattern):
    with pytest.raises(CompilationError, match="divided in more than one way"):
        template(pattern)


@pytest.mark.parametrize("text", ["0", "7", "07", "100001", "", "-1", "x", "1_0", "1" * 50, "٣"])
def test_a_long_range_is_counted_through_not_held(text):
    numbers = NumberRange(1, MAX_HELD + 1)
    texts = NumberTexts(numbers)
    assert (text in texts) is (text in {"7", "100001"})
    assert (texts[0], texts[-1], len(texts)) == ("1", "100001", MAX_HELD + 1)
    factor = Factor.of_numbers(numbers)
    assert next(iter(factor.rows)) == ("1",)
    assert factor.rows[-1] == ("100001",)
    assert ((text,) in factor.row_set) is (text in texts)
    assert ("7", "7") not in factor.row_set


@pytest.mark.parametrize(
    "pattern", ["n{1..200000}", "{role}.{1..200000}", "{1..200000}.{role}", "{200000..1}.x"]
)
def test_long_ranges_make_their_keys_in_order(pattern):
    one = template(pattern)
    made = list(one.iter_keys())
    assert len(set(made)) == len(made) == one.size
    test = Coverage(one)
    assert all(test.covers(parse_key(key)) for key in (made[0], made[-1], made[123]))
    assert Coverage(template("{role}.{1..200000}")).covers(("x", "200000"))
    assert list(template("{3..1}").iter_keys()) == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("{many}-{1..1200}", "m1-1199", "m1-1201"),
        ("{1..2000}x{1..2000}", "12x7", "12x0"),
        ("{1..2000}{1..2000}", "12", "0"),
        ("v{many}{1..2000}w", "vm11w", "vm1w0"),
    ],
)
def test_a_segment_of_many_independent_values_is_divided(pattern, fits, fails):
    test = Coverage(template(pattern))
    assert test.covers((fits,))
    assert not test.covers((fails,))


def test_a_segment_of_too_many_values_that_belong_together_is_refused():
    with pytest.raises(CompilationError, match="belong together"):
        PatternExpander({"d": [f"v{number}" for number in range(2_000)]}).plan({"{d}-{1..90}.{d}": 1})


@pytest.mark.parametrize(
    ("maker", "other", "size"),
    [
        ("n{1..200000}.{role}", "n{5,7,x}.x", 2),
        ("n{1..200000}.{role}", "n{199999..200002}.{role}", 6),
        ("n{1..200000}.{role}", "n200001.x", 0),
        ("n{1..200000}.{role}", "x7.x", 0),
        ("n{1..200000}.{role}", "n7*.x", 200_000),
        ("n{1..200000}.{role}", "**.y", 200_000),
        ("{role}{1..200000}.x", "x7.x", 600_000),
        ("{role}{zone}.x", "xn.x", 6),
    ],
)
def test_long_ranges_are_narrowed_from_the_side_of_few_texts(maker, other, size):
    made = list(narrowed(template(maker), Coverage(template(other)), Budget(10**6)))
    assert sum(one.size for one in made) == size


def test_too_many_ways_to_stand_beside_each_other_end_the_search():
    deep = ".".join(["**", "?"] * 12)
    with pytest.raises(BudgetSpentError):
        list(narrowed(template(".".join(["{role}"] * 30)), Coverage(template(deep)), Budget(10**6)))
