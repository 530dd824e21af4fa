"""Expansion: the dict and the stream agree with each other and with a slow reading of the rules."""

import tracemalloc
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula import CompilationError, PatternExpander
from strataregula.core.coverage import Coverage
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.pattern_expander import expand
from strataregula.core.planner import plan_patterns, specificity
from strataregula.core.segments import glob_matches
from strataregula.errors import UsageError

DOMAINS = {
    "place": {"by": "zone", "values": {"n": ["a", "b"], "s": ["b", "c"]}},
    "role": ["x", "y"],
    "odd": ["1.2", '"q', "plain"],
}
VALUES = {"place": ("a", "b", "c"), "role": ("x", "y"), "place.zone": ("n", "s"), "zone": ("n", "s")}
PAIRS = {("a", "n"), ("b", "n"), ("b", "s"), ("c", "s")}

segment_texts = st.sampled_from(
    [
        "a",
        "b",
        "x",
        "n",
        "{place}",
        "{role}",
        "{place.zone}",
        "{zone}",
        "{x,n}",
        "{place:[ab]}",
        "*",
        "?",
        "**",
        "b*",
    ]
)
pattern_texts = st.lists(segment_texts, min_size=1, max_size=3).map(".".join)
rule_values = st.one_of(
    st.integers(0, 2),
    st.builds(
        lambda value, priority: {"value": value, "priority": priority}, st.integers(0, 2), st.integers(0, 2)
    ),
)
rule_sets = st.dictionaries(pattern_texts, rule_values, min_size=1, max_size=5)


def outcome(function):
    try:
        return function()
    except CompilationError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}


@settings(max_examples=300)
@given(rule_sets)
def test_the_stream_gives_what_the_dict_gives_in_the_same_order(rules):
    expander = PatternExpander(DOMAINS)
    eager = outcome(lambda: list(expand(expander.plan(rules))["patterns"].items()))
    assert outcome(lambda: list(expander.expand_pattern_stream(rules))) == eager


def bindings_by_hand(pattern, segments):
    """Try every alignment and every value: slow, and obviously right."""
    if any(segment.is_any_depth for segment in pattern.segments):
        fixed = len(pattern.segments) - sum(segment.is_any_depth for segment in pattern.segments)
        spread = len(segments) - fixed
        counts = [range(spread + 1) if segment.is_any_depth else (1,) for segment in pattern.segments]
        return any(
            sum(choice) == len(segments) and matches(pattern, segments, choice) for choice in product(*counts)
        )
    return len(segments) == len(pattern.segments) and matches(pattern, segments, [1] * len(segments))


def matches(pattern, segments, counts):
    at, bound = 0, {}
    for segment, count in zip(pattern.segments, counts, strict=True):
        if not segment.is_any_depth and not one_matches(segment, segments[at], bound):
            return False
        at += count
    zone = bound.get("place.zone", bound.get("zone"))
    zones_agree = "zone" not in bound or "place.zone" not in bound or bound["zone"] == bound["place.zone"]
    return ("place" not in bound or zone is None or (bound["place"], zone) in PAIRS) and (
        ("place" not in bound and "place.zone" not in bound) or zones_agree
    )


def one_matches(segment, text, bound):
    (part,) = segment.parts if len(segment.parts) == 1 else (None,)
    name = getattr(part, "name", None)
    if name is not None:
        allowed = text in VALUES[name] and (not part.glob or glob_matches(part.glob, text))
        return allowed and bound.setdefault(name, text) == text
    if hasattr(part, "options"):
        return text in part.options
    return glob_matches(segment.parts, text)


@settings(max_examples=300)
@given(rule_sets)
def test_the_dict_is_what_a_slow_reading_of_the_rules_gives(rules):
    made = outcome(lambda: expand(PatternExpander(DOMAINS).plan(rules))["patterns"])
    if isinstance(made, set):
        return
    parsed = [
        (parse_pattern(text), rule if isinstance(rule, dict) else {"value": rule, "priority": 0})
        for text, rule in rules.items()
    ]
    for key, value in made.items():
        segments = parse_key(key)
        ranks = [
            ((rule["priority"], specificity(pattern)), rule["value"])
            for pattern, rule in parsed
            if bindings_by_hand(pattern, segments)
        ]
        best = max(rank for rank, _ in ranks)
        assert {found for rank, found in ranks if rank == best} == {value}


@given(
    st.lists(segment_texts, min_size=1, max_size=3),
    st.lists(st.sampled_from("abcxyns"), min_size=1, max_size=4),
)
def test_coverage_agrees_with_trying_everything(texts, segments):
    text = ".".join(texts)
    rule = PatternExpander(DOMAINS).plan({text: 1}).sections[0].rules[0]
    assert (Coverage(rule.template).bindings(segments) is not None) is bindings_by_hand(
        parse_pattern(text), segments
    )


@given(pattern_texts)
def test_a_rule_covers_exactly_the_keys_that_it_makes(text):
    planned = PatternExpander(DOMAINS).plan({text: 1}).sections[0].rules[0]
    keys = list(planned.template.iter_keys())
    assert len(keys) == len(set(keys)) == planned.size
    assert all(Coverage(planned.template).bindings(parse_key(key)) is not None for key in keys)


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("{odd}", ['"1.2"', '"\\"q"', "plain"]),
        ("k.{odd}.{role}", ['k."1.2".x', 'k."1.2".y', 'k."\\"q".x', 'k."\\"q".y', "k.plain.x", "k.plain.y"]),
        ("v{odd}", ['"v1.2"', 'v"q', "vplain"]),
    ],
)
def test_segments_that_need_quotes_get_them(pattern, keys):
    found = list(dict(PatternExpander(DOMAINS).expand_pattern_stream({pattern: 1})))
    assert found == keys
    assert all(len(parse_key(key)) == len(parse_pattern(pattern).segments) for key in found)


def test_literals_need_no_arguments_and_pass_straight_through():
    patterns = {f"svc.node{number}.timeout": number for number in range(3_000)}
    assert dict(PatternExpander().expand_pattern_stream(patterns)) == patterns


@pytest.mark.parametrize(
    "text", ["a.*", "a..b", "a.", ".a", "", "!a", "a\n!b.[", "{a", '"a"', "x" * 9_000, ".".join("a" * 65)]
)
def test_the_scan_for_literals_lets_nothing_else_through(text):
    patterns = {"fine": 1, text: 2, "also.fine": 3}
    try:
        found = dict(PatternExpander().expand_pattern_stream(patterns))
    except CompilationError:
        return
    assert text == '"a"'
    assert found == {"fine": 1, "a": 2, "also.fine": 3}


def test_a_newline_in_a_key_is_no_seam():
    patterns = {"a\n.b": 1, "c\n": 2, "\nd": 3}
    with pytest.raises(CompilationError):
        dict(PatternExpander().expand_pattern_stream({**patterns, "e\n..": 4}))
    assert dict(PatternExpander().expand_pattern_stream(patterns)) == patterns


def test_the_same_key_written_in_two_ways_is_one_key():
    stream = PatternExpander().expand_pattern_stream({"a.b": 1, '"a".b': 1})
    assert list(stream) == [("a.b", 1)]
    with pytest.raises(CompilationError, match="conflict"):
        PatternExpander().expand_pattern_stream({"a.b": 1, '"a".b': 2})


def test_values_of_a_stream_cannot_change_the_patterns():
    patterns = {"a": [1], "b.{1..2}": {"k": [1]}}
    for _, value in PatternExpander().expand_pattern_stream(patterns):
        with pytest.raises(TypeError):
            value.clear()
    assert patterns == {"a": [1], "b.{1..2}": {"k": [1]}}


def test_the_long_form_and_removal_work_in_streams():
    patterns = {"k.{1..3}": {"value": 1, "except": ["*.2"]}, "k.3": 9, "!k.1": None}
    assert dict(PatternExpander().expand_pattern_stream(patterns)) == {"k.3": 9}


def test_a_stream_of_a_million_keys_takes_constant_memory():
    expander = PatternExpander({"d": [f"v{number}" for number in range(100)]})
    stream = expander.expand_pattern_stream({"{1..100}.{d}.k": 1, "x.{1..9999}": 2})
    next(stream)
    tracemalloc.start()
    for _ in islice(stream, 15_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_streams_may_be_larger_when_asked():
    with pytest.raises(CompilationError, match="2,000,000"):
        PatternExpander().expand_pattern_stream({"{1..2000}.{1..1000}": 1})
    stream = PatternExpander(max_keys_per_rule=10**7).expand_pattern_stream({"{1..2000}.{1..1000}": 1})
    assert next(stream) == ("1.1", 1)


@pytest.mark.parametrize("patterns", [["a"], "a", None])
def test_patterns_that_are_no_mapping_are_a_misuse(patterns):
    with pytest.raises(UsageError):
        PatternExpander().expand_pattern_stream(patterns)


def test_shapes_given_as_one_text_are_a_misuse():
    with pytest.raises(UsageError):
        PatternExpander(shapes="edge.{d}")


@pytest.mark.parametrize(
    ("domains", "shapes", "code"),
    [
        ({"d": "text"}, (), "domain-values"),
        ({"d": ["x"]}, ["a.["], "pattern-syntax"),
        ({}, ["a.{d}"], "undefined-domain"),
    ],
)
def test_bad_domains_and_shapes_are_told_at_once(domains, shapes, code):
    with pytest.raises(CompilationError) as caught:
        PatternExpander(domains, shapes)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]


def test_keys_that_are_no_text_and_values_that_are_no_data():
    for patterns in ({1: 2}, {"a": object()}):
        with pytest.raises(CompilationError):
            PatternExpander().expand_pattern_stream(patterns)


def test_a_plan_from_texts_expands_like_the_stream():
    plan = plan_patterns({"edge.*.{role}": 1, "edge.a.x": 2}, DOMAINS, ["edge.{place}.{role}"], section="s")
    made = expand(plan)["s"]
    expander = PatternExpander(DOMAINS, ["edge.{place}.{role}"])
    assert list(made.items()) == list(expander.expand_pattern_stream({"edge.*.{role}": 1, "edge.a.x": 2}))
    assert plan.count == 7
