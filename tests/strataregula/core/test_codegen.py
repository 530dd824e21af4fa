"""Generated functions against a slow oracle that tries every division, and the cache that keeps them."""

import inspect
import linecache
import threading
import traceback
from gc import collect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula import CompiledPatternCache
from strataregula.core import codegen
from strataregula.core.binding import flattened, segment_test
from strataregula.core.codegen import SegmentTest, generated_function
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.segments import Alternation, Capture, CharClass, Literal, NumberRange, Question, Star
from strataregula.errors import PatternSyntaxError, UsageError


def readings(parts, text, bound):
    """Yield every way to read ``text`` as ``parts``: plain backtracking over all divisions."""
    if not parts:
        if not text:
            yield bound
        return
    for end in range(len(text) + 1):
        piece, part = text[:end], parts[0]
        if isinstance(part, Capture):
            fits = bound.get(part.name, piece) == piece
            fits = fits and any(True for _ in readings(part.glob or (Question(), Star()), piece, {}))
            inner = {**bound, part.name: piece}
        else:
            fits, inner = accepts(part, piece), bound
        if fits:
            yield from readings(parts[1:], text[end:], inner)


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


def alignments(segments, texts, bound):
    if not segments:
        if not texts:
            yield bound
    elif segments[0].is_any_depth:
        for taken in range(len(texts) + 1):
            yield from alignments(segments[1:], texts[taken:], bound)
    elif texts:
        for inner in readings(segments[0].parts, texts[0], bound):
            yield from alignments(segments[1:], texts[1:], inner)


def oracle(pattern, text):
    try:
        segments = parse_key(text)
    except PatternSyntaxError:
        return False
    return any(True for _ in alignments(parse_pattern(pattern).segments, segments, {}))


pieces = st.sampled_from(
    ["a", "b", "ab", "ba", "*", "*", "?", "[ab]", "[!a]", "[a-c]", "[!x-z1]", "{a,ab}", "{1..12}", "{01..03}", "{x}", "{x:a*}", "{y:?b}"]
)  # fmt: skip
segments = st.one_of(
    st.just("**"), st.sampled_from(["*", "{x}", "{y}"]), st.lists(pieces, min_size=1, max_size=5).map("".join)
)
patterns = st.lists(segments, min_size=1, max_size=5).map(".".join)
texts = st.lists(st.text("ab1cx0", min_size=1, max_size=6), min_size=1, max_size=5).map(".".join)


@settings(max_examples=400, deadline=None)
@given(patterns, st.lists(texts, min_size=1, max_size=4))
def test_a_generated_function_gives_what_trying_everything_gives(pattern, keys):
    try:
        function = generated_function(parse_pattern(pattern))
    except PatternSyntaxError:
        return
    for key in keys:
        assert function(key) is oracle(pattern, key), inspect.getsource(function)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(pieces, min_size=1, max_size=7), st.lists(st.text("ab1c0", max_size=8), min_size=1, max_size=5)
)
def test_a_generated_segment_gives_what_the_two_pointers_give(parts, tried):
    try:
        flat = flattened(parse_pattern("".join(parts)).segments[0].parts)
    except PatternSyntaxError:
        return
    generated = codegen._generated_test(flat)
    for text in tried:
        assert generated(text) is segment_test(flat)(text), inspect.getsource(generated)


@pytest.mark.parametrize(
    "text", ["", "a..b", ".", "a.", ".a", '"a', '"a".b', 'a."b.c"', '"', 'a".b', "a.b", '"a.b"', "a\\.b"]
)  # fmt: skip
def test_odd_texts_fit_or_not_but_never_fail(text):
    for pattern in ("a.b", "**", "*", "a.*", '"a.b"', "**.b", "{x}.{x}", "a*"):
        assert generated_function(parse_pattern(pattern))(text) is oracle(pattern, text)


HOSTILE = [
    "'", '\\"', "\\\\", "\n", "\r", "\x00", "'''", "{}", "%s", "é", "\u2028", "\ud800", "#",
    "');__import__(\"os\")#", "{0.__class__}", '"""',
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_hostile_literals_are_text_and_nothing_else(hostile):
    quoted = '"' + hostile.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for pattern in (quoted, f"a.{quoted}", f"*.{quoted}.**", f"**.{quoted}.**.b"):
        function = generated_function(parse_pattern(pattern))
        for key in (quoted, f"a.{quoted}", f"x.{quoted}.y", f"x.{quoted}.b", "a.b", "x.y.b"):
            assert function(key) is oracle(pattern, key)
    escaped = "".join("\\" + character for character in hostile)
    inside = generated_function(parse_pattern(f"x*{escaped}*y"))
    assert inside(f'"x{quoted[1:-1]}y"') is True
    assert inside('"xy"') is False


def test_generated_code_reaches_nothing_but_what_it_needs():
    names = generated_function(parse_pattern("a*b?c.**.[x-z]")).__globals__
    assert set(names["__builtins__"]) == {"len"}


def test_a_traceback_shows_the_generated_line():
    function = generated_function(parse_pattern("edge.to*.api"))
    assert "startswith('to', 0)" in inspect.getsource(function.__globals__["segment_1"])
    try:
        function(None)
    except TypeError:
        assert "segments = _segments(text)" in traceback.format_exc()
    else:
        pytest.fail("None is no text")


def test_the_cache_evicts_what_was_not_used_for_the_longest_time():
    cache = CompiledPatternCache(max_cache_size=2)
    first = cache.get_compiled_function("a.*")
    cache.get_compiled_function("b.*")
    assert cache.get_compiled_function("a.*") is first
    cache.get_compiled_function("c.*")
    assert cache.get_compiled_function("a.*") is first
    assert cache.info() == (2, 3, 1, 2, 2)
    cache.get_compiled_function("b.*")
    assert (cache.info().misses, cache.info().evictions, len(cache)) == (4, 2, 2)


def test_clearing_forgets_functions_and_counts():
    cache = CompiledPatternCache()
    cache.get_compiled_function("a")
    cache.clear()
    assert cache.info() == (0, 0, 0, 0, 1000)


def test_a_pattern_that_does_not_parse_is_not_kept():
    cache = CompiledPatternCache()
    for bad in ("a.[", "", "{a}{b}.{a}"):
        with pytest.raises(PatternSyntaxError):
            cache.get_compiled_function(bad)
    assert cache.info().current_size == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_cache_holds_at_least_one(size):
    with pytest.raises(UsageError):
        CompiledPatternCache(max_cache_size=size)


def test_evicted_functions_take_their_source_with_them():
    collect()
    before = set(linecache.cache)
    cache = CompiledPatternCache(max_cache_size=3)
    for number in range(50):
        cache.get_compiled_function(f"a{number}.*")
    collect()
    assert len(set(linecache.cache) - before) <= 3


def test_threads_that_ask_for_one_pattern_get_one_function():
    cache, found, gate = CompiledPatternCache(), [], threading.Barrier(8)

    def ask():
        gate.wait()
        found.append([cache.get_compiled_function(f"a{number}.*") for number in range(30)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(functions == found[0] for functions in found)
    assert cache.info()[:3] == (7 * 30, 30, 0)


def test_a_segment_that_is_tested_often_gets_a_function_and_the_same_answers():
    parts = flattened(parse_pattern("a*b?[0-9]").segments[0].parts)
    test = SegmentTest(parts)
    answers = {test(text) for text in ["axbc1"] * 150}
    assert answers == {True}
    assert test("axbc") is False
    assert inspect.getsource(test._answer).startswith("def segment_matches")
