"""The grammar of patterns: what parses, what does not and where it says so, and the canonical text as the inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strataregula.core import pattern as grammar
from strataregula.core.pattern import (
    ANY_DEPTH,
    STAR_SEGMENT,
    Alternation,
    Capture,
    CharClass,
    Literal,
    NumberRange,
    Pattern,
    Question,
    Segment,
    Star,
    format_key,
    format_pattern,
    glob_matches,
    is_literal_text,
    parse_glob,
    parse_key,
    parse_pattern,
)
from strataregula.errors import PatternSyntaxError

texts = st.text(st.sampled_from('ab1*?[]{}\\".,!^- é\n:'), min_size=1, max_size=6)
letters = st.sampled_from("abz]-^!\\é.")
names = st.sampled_from(["region", "prefecture.region", "a-b", "_x"])


@st.composite
def classes(draw):
    pairs = draw(st.lists(st.tuples(letters, letters), min_size=1, max_size=3))
    return CharClass(tuple((min(pair), max(pair)) for pair in pairs), draw(st.booleans()))


def settled(parts):
    """Drop what would make two neighbours of one kind, which no parsed pattern holds."""
    kept = []
    for part in parts:
        if not (kept and type(kept[-1]) is type(part) and isinstance(part, Literal | Star)):
            kept.append(part)
    return tuple(kept)


glob_parts = st.one_of(st.builds(Literal, texts), st.just(Star()), st.just(Question()), classes())
globs = st.lists(glob_parts, min_size=1, max_size=4).map(settled)
numbers = st.builds(NumberRange, st.integers(-99, 99), st.integers(-99, 99))
alternations = st.lists(texts, min_size=2, max_size=4, unique=True).map(
    lambda options: Alternation(tuple(options))
)
captures = st.one_of(st.builds(Capture, names), st.builds(Capture, names, globs))
segments = st.one_of(
    st.just(ANY_DEPTH),
    st.lists(st.one_of(glob_parts, numbers, alternations, captures), min_size=1, max_size=5).map(
        lambda parts: Segment(settled(parts))
    ),
)
patterns = st.builds(Pattern, st.lists(segments, min_size=1, max_size=5).map(tuple), st.booleans())


@given(patterns)
def test_the_canonical_text_of_a_pattern_parses_to_the_same_pattern(pattern):
    assert parse_pattern(format_pattern(pattern)) == pattern


def attempt(text):
    try:
        return parse_pattern(text), None
    except PatternSyntaxError as error:
        return None, error


@given(st.text(st.sampled_from('ab1*?[]{}\\".,!-:'), max_size=14))
def test_any_text_either_fails_inside_itself_or_survives_the_round_trip(text):
    pattern, error = attempt(text)
    if error is not None:
        start, end = error.span
        assert error.source == text
        assert 0 <= start <= end <= len(text) + 1
        return
    canonical = format_pattern(pattern)
    assert parse_pattern(canonical) == pattern
    assert format_pattern(parse_pattern(canonical)) == canonical


@given(st.text(st.sampled_from('ab*?[]{}\\".!'), max_size=10))
def test_literal_text_is_exactly_a_pattern_that_is_its_own_key(text):
    if is_literal_text(text):
        assert parse_pattern(text).key == text


@given(st.lists(texts, min_size=1, max_size=4))
def test_a_key_splits_into_the_segments_it_was_made_of(parts):
    assert parse_key(format_key(parts)) == tuple(parts)


def oracle(glob, text):
    if not glob:
        return not text
    first, rest = glob[0], glob[1:]
    if isinstance(first, Star):
        return any(oracle(rest, text[cut:]) for cut in range(len(text) + 1))
    if isinstance(first, Literal):
        return text.startswith(first.text) and oracle(rest, text[len(first.text) :])
    return bool(text) and (isinstance(first, Question) or first.accepts(text[0])) and oracle(rest, text[1:])


small_globs = st.lists(
    st.one_of(
        st.builds(Literal, st.text("ab", min_size=1, max_size=2)),
        st.just(Star()),
        st.just(Question()),
        st.builds(CharClass, st.just((("a", "a"),)), st.booleans()),
    ),
    min_size=1,
    max_size=5,
).map(settled)


@given(small_globs, st.text("ab", max_size=8))
def test_two_pointer_matching_agrees_with_trying_everything(glob, text):
    assert glob_matches(glob, text) is oracle(glob, text)


def test_a_hostile_glob_takes_a_bounded_number_of_steps(monkeypatch):
    steps = 0
    real = grammar.glob_matches.__globals__["_step"]

    def counted(part, text, at):
        nonlocal steps
        steps += 1
        return real(part, text, at)

    monkeypatch.setitem(grammar.glob_matches.__globals__, "_step", counted)
    glob = parse_glob("a*" * 30 + "b")
    assert not glob_matches(glob, "a" * 400)
    assert steps <= len(glob) * 400


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("a", [Segment((Literal("a"),))]),
        ("a.*", [Segment((Literal("a"),)), STAR_SEGMENT]),
        ("**", [ANY_DEPTH]),
        ("to*.?x", [Segment((Literal("to"), Star())), Segment((Question(), Literal("x")))]),
        ("[a-c_]", [Segment((CharClass((("a", "c"), ("_", "_"))),))]),
        ("[!a-]", [Segment((CharClass((("a", "a"), ("-", "-")), negated=True),))]),
        ("{a,b}", [Segment((Alternation(("a", "b")),))]),
        ("{08..10}", [Segment((NumberRange(8, 10, 2),))]),
        ("{region}", [Segment((Capture("region"),))]),
        ("{prefecture.region}", [Segment((Capture("prefecture.region"),))]),
        ("x-{p:to*}", [Segment((Literal("x-"), Capture("p", (Literal("to"), Star()))))]),
        ('"a.b"', [Segment((Literal("a.b"),))]),
        (r"a\.b", [Segment((Literal("a.b"),))]),
        (r"\*", [Segment((Literal("*"),))]),
        (r"\!a", [Segment((Literal("!a"),))]),
        ("a,b", [Segment((Literal("a,b"),))]),
    ],
)
def test_texts_and_their_segments(text, segments):
    assert parse_pattern(text) == Pattern(tuple(segments))


def test_an_exclamation_mark_removes_only_at_the_beginning():
    assert parse_pattern("!a.b").negated
    assert not parse_pattern("a.!b").negated
    assert str(parse_pattern("!a.b")) == "!a.b"


def test_ranges_count_without_being_built_and_list_in_order():
    assert len(NumberRange(1, 10**12)) == 10**12
    assert NumberRange(8, 11, 2).values() == ("08", "09", "10", "11")
    assert NumberRange(3, 1).values() == ("3", "2", "1")
    assert len(Alternation(("a", "b"))) == 2


def test_a_pattern_tells_its_key_and_its_captures():
    assert parse_pattern(r'a."b.c".d\*').key == 'a."b.c".d*'
    assert parse_pattern("a.*").key is None
    assert parse_pattern("a.b").is_literal
    assert [capture.name for capture in parse_pattern("{a}.{b:x*}-{a}").captures] == ["a", "b", "a"]


def test_segments_tell_globs_from_generators():
    kinds = {text: parse_pattern(text).segments[0] for text in ("a", "a*", "{x}*", "{x}", "**")}
    assert [kinds[text].is_glob for text in kinds] == [False, True, False, False, False]
    assert [kinds[text].chooses for text in kinds] == [False, True, True, False, True]
    assert ANY_DEPTH.is_any_depth


@pytest.mark.parametrize(
    ("text", "reason", "span"),
    [
        ("", "empty pattern", (0, 0)),
        ("a..b", "empty segment", (2, 3)),
        ("a.", "empty segment", (2, 3)),
        (".a", "empty segment", (0, 1)),
        ("!", "empty segment", (1, 2)),
        ("[a", "the class is never closed", (0, 2)),
        ("[]", "empty class", (0, 2)),
        ("[z-a]", "the range runs backwards", (1, 4)),
        ("[^a]", "^ does not negate a class", (1, 2)),
        ("{a", "the brace is never closed", (0, 2)),
        ("{a,b", "the brace is never closed", (0, 4)),
        ("{a:b", "the brace is never closed", (0, 4)),
        ("{a:}", "nothing follows the colon", (0, 4)),
        ("{a:b,c}", "',' has no meaning here", (4, 5)),
        ("{a b}", "{a b} is neither a name nor a choice", (0, 5)),
        ("{a,a}", "an option is repeated", (0, 5)),
        ("{a,{b}}", "options are literal text", (3, 4)),
        ("{,a}", "empty option", (0, 2)),
        ("a}", "'}' without its opening partner", (1, 2)),
        ('a"b', "'\"' without its opening partner", (1, 2)),
        ("a**", "** must be a whole segment", (1, 3)),
        ("***", "** must be a whole segment", (0, 2)),
        ('"x', "the quote is never closed", (0, 2)),
        ('""', "empty segment", (0, 2)),
        ('"x"y', "a quoted segment goes on after its quote", (3, 4)),
        ("a\\", "nothing follows the backslash", (1, 2)),
        ("{1..9999999999999999999}", "a number of more than 18 digits", (0, 24)),
    ],
)
def test_syntax_errors_name_the_characters_at_fault(text, reason, span):
    with pytest.raises(PatternSyntaxError) as caught:
        parse_pattern(text)
    assert (caught.value.reason, caught.value.span) == (reason, span)
    assert caught.value.source == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 8_193, "pattern of 8,193 characters"),
        (".".join("a" * 65), "more than 64 segments"),
        (".".join("*" * 65) + ".{a}", "more than 64 segments"),
        ("a?" * 33, "more than 64 parts in one segment"),
        ("{x:" + "a?" * 33 + "}", "more than 64 parts in one glob"),
        ("{" + ",".join(map(str, range(1_002))) + "}", "more than 1,000 options"),
    ],
)
def test_limits_are_errors(text, reason):
    with pytest.raises(PatternSyntaxError, match=reason):
        parse_pattern(text)


def test_deep_nesting_is_an_error_and_not_a_recursion():
    with pytest.raises(PatternSyntaxError):
        parse_pattern("{" * 8_000)


def test_the_message_shows_the_pattern_with_a_caret_and_hides_control_characters():
    with pytest.raises(PatternSyntaxError) as caught:
        parse_pattern("\x1b[a")
    lines = str(caught.value).splitlines()
    assert lines[1] == "  \\x1b[a"
    assert lines[2] == "      ^^"
    assert lines[3].startswith("  hint: ")


@pytest.mark.parametrize("text", ["a..b", "", '"a', ".a"])
def test_keys_that_are_none(text):
    with pytest.raises(PatternSyntaxError):
        parse_key(text)


def test_a_glob_value_takes_dots_but_no_braces():
    assert glob_matches(parse_glob("10.*"), "10.0.0.1")
    with pytest.raises(PatternSyntaxError, match="has no meaning here"):
        parse_glob("{a}")
    with pytest.raises(PatternSyntaxError, match="empty value"):
        parse_glob("")


def test_literal_text_of_any_length_is_recognised_up_to_the_limits():
    assert is_literal_text(".".join("a" * 64))
    assert not is_literal_text(".".join("a" * 65))
    assert not is_literal_text("x" * 8_193)
    assert not is_literal_text("!a")


def test_forgetting_parsed_segments_changes_nothing():
    before = parse_pattern("edge.to*.x")
    grammar.clear_pattern_cache()
    assert parse_pattern("edge.to*.x") == before
