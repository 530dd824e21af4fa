"""The matcher against a slow one that tries every division of every text."""

import sys
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula.core.matcher import PatternMatcher
from strataregula.core.pattern import format_key, parse_key, parse_pattern
from strataregula.core.segments import Alternation, Capture, CharClass, Literal, NumberRange, Question, Star
from strataregula.errors import PatternSyntaxError


def part_bindings(parts, text, bound):
    """Yield every way to bind the captures of one segment: plain backtracking, all divisions."""
    if not parts:
        if not text:
            yield bound
        return
    first, rest = parts[0], parts[1:]
    for end in range(len(text) + 1):
        piece = text[:end]
        if isinstance(first, Capture):
            glob = first.glob or (Question(), Star())
            if not list(part_bindings(glob, piece, {})):
                continue
            if bound.get(first.name, piece) != piece:
                continue
            yield from part_bindings(rest, text[end:], {**bound, first.name: piece})
        elif accepts(first, piece):
            yield from part_bindings(rest, text[end:], bound)


def accepts(part, piece):
    match part:
        case Literal(text):
            return piece == text
        case Star():
            return True
        case Question():
            return len(piece) == 1
        case CharClass():
            return len(piece) == 1 and part.accepts(piece)
        case Alternation() | NumberRange():
            return piece in part.values()


def all_bindings(segments, texts, bound):
    """Yield every way to bind the captures of a whole pattern."""
    if not segments:
        if not texts:
            yield bound
        return
    first, rest = segments[0], segments[1:]
    if first.is_any_depth:
        for taken in range(len(texts) + 1):
            yield from all_bindings(rest, texts[taken:], bound)
    elif texts:
        for inner in part_bindings(first.parts, texts[0], bound):
            yield from all_bindings(rest, texts[1:], inner)


def fits(pattern, text):
    return next(all_bindings(parse_pattern(pattern).segments, parse_key(text), {}), None) is not None


def rank(pattern):
    """Fewer ``**``, then fewer ``*`` segments, then fewer other non-literal segments, then more literal characters."""
    segments = parse_pattern(pattern).segments
    deep = sum(segment.is_any_depth for segment in segments)
    free = sum(segment.parts == (Star(),) for segment in segments)
    other = sum(segment.literal is None for segment in segments) - deep - free
    texts = [part for segment in segments for part in segment.parts]
    return -deep, -free, -other, sum(len(part.text) for part in texts if isinstance(part, Literal))


def slow_all(patterns, text):
    """Return the indices of what fits, best first, the later of equals first; nothing when a removal is best."""
    found = [index for index, pattern in enumerate(patterns) if fits(pattern, text)]
    found.sort(key=lambda index: (rank(patterns[index]), index), reverse=True)
    if found and patterns[found[0]].startswith("!"):
        return []
    return [index for index in found if not patterns[index].startswith("!")]


names = st.sampled_from(["a", "b", "ab", "ba", "aab", "1", "02", "12"])
segments = st.one_of(
    names,
    names,
    st.sampled_from(
        [
            "*",
            "**",
            "{x}",
            "{y}",
            "{x:a*}",
            "a*",
            "*b",
            "a*b",
            "*a*",
            "?",
            "?b",
            "[ab]",
            "[!a]*",
            "{a,ab}",
            "{1..12}",
            "{01..12}",
            "{a,ab}b",
            "a{1..3}",
            "{x}-{z}",
            "a{x}",
            "{x}b",
            "{z:?}b",
            "*{a,ba}",
            "{z:ab}",
            "{z:a}b",
            "[ab]{a,b}",
        ]
    ),
)
patterns = st.builds(
    lambda mark, parts: mark + ".".join(parts),
    st.sampled_from(["", "", "", "!"]),
    st.lists(segments, min_size=1, max_size=4),
)
texts = st.lists(st.one_of(names, st.text("ab-12", min_size=1, max_size=4)), min_size=1, max_size=5).map(
    ".".join
)


def is_accepted(pattern):
    try:
        PatternMatcher([pattern])
    except PatternSyntaxError:
        return False
    return True


accepted = patterns.filter(is_accepted)


@settings(max_examples=300, deadline=None)
@given(st.lists(accepted, max_size=8), st.lists(texts, min_size=1, max_size=5))
def test_the_same_patterns_in_the_same_order_as_the_slow_matcher(patterns, texts):
    matcher = PatternMatcher(patterns)
    for text in texts:
        expected = slow_all(patterns, text)
        assert [match.index for match in matcher.all(text)] == expected
        best = matcher.match(text)
        assert (best and best.index) == (expected[0] if expected else None)


@settings(max_examples=200, deadline=None)
@given(accepted, texts)
def test_bindings_are_one_of_the_possible_divisions(pattern, text):
    match = PatternMatcher([pattern]).match(text)
    if match is not None:
        assert dict(match.bindings) in list(
            all_bindings(parse_pattern(pattern).segments, parse_key(text), {})
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(accepted, max_size=6), texts)
def test_specificity_falls_along_all_matches(patterns, text):
    found = PatternMatcher(patterns).all(text)
    assert all(first.specificity >= second.specificity for first, second in pairwise(found))


def test_a_literal_beats_every_wildcard():
    matcher = PatternMatcher(["edge.tokyo.api", "edge.tokyo.*", "**", "edge.{tokyo,osaka}.api"])
    assert [match.index for match in matcher.all("edge.tokyo.api")] == [0, 3, 1, 2]


def test_of_equals_the_last_wins():
    assert PatternMatcher(["a.*", "a.*", "a.b", "a.b"]).match("a.b").index == 3
    assert PatternMatcher(["a.*", "a.*"]).match("a.c").index == 1


def test_a_more_specific_removal_takes_the_text_away():
    matcher = PatternMatcher(["edge.*.api", "!edge.osaka.api", "!edge.**"])
    assert matcher.match("edge.osaka.api") is None
    assert matcher.all("edge.osaka.api") == ()
    assert matcher.match("edge.tokyo.api").pattern == "edge.*.api"
    assert matcher.match("edge.tokyo.web") is None


@pytest.mark.parametrize("text", ["", ".", "a..b", ".a", "a.", '"a', '"a"b'])
def test_what_is_no_key_matches_nothing(text):
    assert PatternMatcher(["**", "*", "a.*"]).match(text) is None
    assert PatternMatcher(["**", "*", "a.*"]).all(text) == ()


def test_a_quoted_segment_is_one_segment():
    matcher = PatternMatcher(['host."a.b"', "host.*", "host.*.*"])
    assert matcher.match('host."a.b"').index == 0
    assert [match.index for match in matcher.all('host."a.b"')] == [0, 1]
    assert matcher.match('"host"."a.b"').index == 0
    assert matcher.match("host.a.b").index == 2


@pytest.mark.parametrize(
    ("pattern", "text", "bindings"),
    [
        ("edge.{city}.{role}", "edge.tokyo.api", {"city": "tokyo", "role": "api"}),
        ("{a}-{b}", "x-y-z", {"a": "x", "b": "y-z"}),
        ("v{major:?}.{rest:*}x", "v1.x", {"major": "1", "rest": ""}),
        ("**.{last}", "a.b.c", {"last": "c"}),
        ("{first}.**", "a.b.c", {"first": "a"}),
        ("**.b.{x}.**", "a.b.c.b.d", {"x": "c"}),
        ("{a}.x.{a}", "1.x.1", {"a": "1"}),
        ("{a}.**.{a}", "1.x.y.1", {"a": "1"}),
        ("p{n}{a,ab}", "p1ab", {"n": "1"}),
        ("*-{a}-*", "1-2-3-4", {"a": "2-3"}),
        ("edge.*", "edge.x", {}),
    ],
)
def test_bindings(pattern, text, bindings):
    match = PatternMatcher([pattern]).match(text)
    assert dict(match.bindings) == bindings
    assert match.pattern == pattern
    with pytest.raises(TypeError):
        match.bindings["x"] = "y"


def test_a_capture_used_twice_binds_one_value():
    assert PatternMatcher(["{a}.x.{a}"]).match("1.x.2") is None
    assert PatternMatcher(["{a}.x.{a}", "*.x.*"]).match("1.x.2").index == 1


@pytest.mark.parametrize("pattern", ["{a}{a}", "{a}.x-{a}*", "**.{a}.**.{a}", "{a}.{a}{b,bb}"])
def test_repeats_that_could_be_divided_in_several_ways_are_refused(pattern):
    with pytest.raises(PatternSyntaxError, match="more than one way") as caught:
        PatternMatcher([pattern])
    assert caught.value.source == pattern


def test_patterns_may_be_parsed_beforehand():
    assert PatternMatcher([parse_pattern("a.*")]).match("a.b").pattern == "a.*"
    assert len(PatternMatcher(["a", "b"])) == 2


def test_a_syntax_error_is_the_parsers():
    with pytest.raises(PatternSyntaxError, match="empty segment"):
        PatternMatcher(["a..b"])


def test_numbers_are_those_of_the_range_only():
    matcher = PatternMatcher(["n.{1..100000}", "m.x{08..12}", "k.{-2..2}y"])
    assert [
        text for text in ("0", "1", "99", "100000", "100001", "01", "1x", "²") if matcher.match(f"n.{text}")
    ] == ["1", "99", "100000"]
    assert [text for text in ("8", "08", "12", "012") if matcher.match(f"m.x{text}")] == ["08", "12"]
    assert [text for text in ("-2", "-0", "0", "-", "--1", "3") if matcher.match(f"k.{text}y")] == ["-2", "0"]


def steps_of(call):
    """Count the lines of the package that ``call`` runs: the same on every machine, whatever the collector does."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line" and "strataregula" in frame.f_code.co_filename
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", ["svc{}.*", "*.svc{}.*", "x.s{}*.*", "*-{}.x", "{{a,b}}.s{}.?"])
def test_the_work_does_not_grow_with_the_number_of_patterns(shape):
    def work(count):
        matcher = PatternMatcher([shape.format(f"{number:04d}") for number in range(count)])
        return steps_of(lambda: matcher.match("x.s0003y.z"))

    assert work(2_000) == work(8)


@pytest.mark.parametrize(
    "pattern", ["*a*a*a*a*a*b", "{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}*{a,aa}b", "{x}a{y}a{z}a{w}b"]
)
def test_no_pattern_makes_the_time_explode(pattern):
    matcher = PatternMatcher([pattern])
    short, long = (steps_of(partial(matcher.match, "a" * size)) for size in (100, 200))
    assert long <= 6 * short


def test_many_any_depth_segments_do_not_explode():
    pattern = ".".join(["**", "a"] * 10 + ["b"])
    matcher = PatternMatcher([pattern])
    assert matcher.match(".".join(["a"] * 60)) is None
    assert matcher.match(".".join(["a"] * 60 + ["b"])).pattern == pattern


def test_keys_are_compared_in_canonical_form():
    assert PatternMatcher(['"a".b']).match("a.b").index == 0
    assert PatternMatcher([format_key(["a.b", "c"])]).match('"a.b".c').index == 0
