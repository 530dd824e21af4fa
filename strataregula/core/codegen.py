r"""Patterns as generated Python functions, and the bounded cache that keeps them.

The only text from outside that enters the code are literals, each through ``repr()``. No regular expression
is involved: segments are compared in place, the text between two ``*`` is searched from left to right and
never looked at again, and ``**`` does the same with segments, so that the time is linear in the text.

The source is registered with `linecache`: tracebacks show its lines, ``inspect.getsource`` returns it.
"""

from __future__ import annotations

import linecache
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import count, pairwise, product
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias

from strataregula.core.binding import Parts, bound, flattened, refuse_ambiguous_repeats, segment_test
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.segments import (
    Alternation,
    CharClass,
    Literal,
    NumberRange,
    Part,
    Pattern,
    Question,
    Segment,
    Star,
    format_key,
)
from strataregula.errors import PatternSyntaxError, UsageError

__all__ = ["CacheInfo", "CompiledPatternCache", "MatchFunction", "SegmentTest", "generated_function"]

MatchFunction: TypeAlias = Callable[[str], bool]
"""Tells whether a key, written as in a configuration, fits a pattern."""

_MAX_TEXTS: Final = 100
_OFTEN: Final = 100
_numbers = count(1)


class CacheInfo(NamedTuple):
    """How a cache was used since it was made or cleared."""

    hits: int
    misses: int
    evictions: int
    current_size: int
    max_size: int


class CompiledPatternCache:
    """Functions for patterns; the one that was not used for the longest time makes room for a new one.

    >>> cache = CompiledPatternCache(max_cache_size=100)
    >>> is_api = cache.get_compiled_function("edge.*.api")
    >>> is_api("edge.tokyo.api"), is_api("edge.tokyo.web")
    (True, False)
    >>> cache.info()
    CacheInfo(hits=0, misses=1, evictions=0, current_size=1, max_size=100)

    Safe to use from several threads; two that ask for one pattern get one function.
    """

    def __init__(self, max_cache_size: int = 1000) -> None:
        """Make an empty cache; raise `UsageError` for a size below 1."""
        if max_cache_size < 1:
            raise UsageError(f"max_cache_size is {max_cache_size}; a cache holds at least 1 function")
        self._max_size = max_cache_size
        self._functions: OrderedDict[str, MatchFunction] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get_compiled_function(self, pattern: str) -> MatchFunction:
        """Return the function that tells whether a text fits ``pattern``, which knows no domains.

        A capture takes any text of at least one character, or what its glob takes; one named twice takes the
        same text. For ``!pattern`` the function tells what is removed. Raise `PatternSyntaxError`.
        """
        with self._lock:
            function = self._functions.get(pattern)
            if function is not None:
                self._hits += 1
                self._functions.move_to_end(pattern)
                return function
            function = generated_function(parse_pattern(pattern))
            self._misses += 1
            self._functions[pattern] = function
            if len(self._functions) > self._max_size:
                self._functions.popitem(last=False)
                self._evictions += 1
            return function

    def clear(self) -> None:
        """Forget every function and start counting anew."""
        with self._lock:
            self._functions.clear()
            self._hits = self._misses = self._evictions = 0

    def info(self) -> CacheInfo:
        """Return hits, misses, evictions, and how many functions there are and may be."""
        with self._lock:
            return CacheInfo(self._hits, self._misses, self._evictions, len(self._functions), self._max_size)

    def __len__(self) -> int:
        with self._lock:
            return len(self._functions)


def generated_function(pattern: Pattern) -> MatchFunction:
    """Generate the function of one pattern; raise `PatternSyntaxError` for an ambiguous repeated capture."""
    refuse_ambiguous_repeats(pattern)
    writer = _Writer()
    writer.pattern(pattern)
    return writer.function("pattern_matches")


class SegmentTest:
    """Tells whether a segment fits `flattened` parts; a function is generated once it was asked often enough.

    Generating takes as long as some hundred answers without a function, and of many patterns few are asked.
    """

    __slots__ = ("_answer", "_asked", "_parts")

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asked = 0
        self._answer = segment_test(parts)

    def __call__(self, text: str) -> bool:
        """Test the whole segment ``text``."""
        if self._asked < _OFTEN:
            self._asked += 1
            if self._asked == _OFTEN:
                self._answer = _generated_test(self._parts)
        return self._answer(text)


def _generated_test(parts: Parts) -> MatchFunction:
    writer = _Writer()
    writer.segment("segment_matches", parts)
    return writer.function("segment_matches")


def _segments(text: str) -> list[str]:
    """Return the segments of a key with quotes, none when it is no key."""
    try:
        return list(parse_key(text))
    except PatternSyntaxError:
        return []


class _Writer:
    """Writes the source of one function and what it calls."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"__builtins__": {"len": len}, "_segments": _segments}

    def function(self, name: str) -> MatchFunction:
        source = "\n".join(self.lines) + "\n"
        file = f"<strataregula pattern {next(_numbers)}>"
        exec(compile(source, file, "exec"), self.names)  # noqa: S102 - literals enter through repr() alone
        function: MatchFunction = self.names[name]
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
        weakref.finalize(function, linecache.cache.pop, file, None)
        return function

    def pattern(self, pattern: Pattern) -> None:
        key = pattern.key
        if key is not None:
            self.names["_format_key"] = format_key
            self.lines += ["def pattern_matches(text):", f"    if text == {key!r}:", "        return True"]
            self.lines += [f"    return '\"' in text and _format_key(_segments(text)) == {key!r}"]
            return
        tests = [self.test(index, segment) for index, segment in enumerate(pattern.segments)]
        self.lines += ["def pattern_matches(text):"]
        self.lines += ["    segments = _segments(text) if '\"' in text else text.split('.')"]
        deep = [index for index, segment in enumerate(pattern.segments) if segment.is_any_depth]
        if deep:
            self.deep_body(tests, deep)
        else:
            self.flat_body(tests)
        names = [capture.name for capture in pattern.captures]
        if len(set(names)) < len(names):
            self.names.update(_bound=bound, _pattern=pattern)
            self.lines += ["    return _bound(_pattern, segments) is not None"]
        else:
            self.lines += ["    return True"]

    def flat_body(self, tests: list[str]) -> None:
        self.lines += [f"    if len(segments) != {len(tests)}:", "        return False"]
        conditions = [test.format(f"segments[{index}]") for index, test in enumerate(tests)]
        self.refuse("'' in segments", *conditions)

    def deep_body(self, tests: list[str], deep: list[int]) -> None:
        """``**`` leaves runs: the first and the last stand still, the others go as far left as they can."""
        head, tail = tests[: deep[0]], tests[deep[-1] + 1 :]
        self.lines += ["    count = len(segments)"]
        self.lines += [f"    if count < {len(tests) - len(deep)} or '' in segments or not segments:"]
        self.lines += ["        return False"]
        self.refuse("", *[test.format(f"segments[{index}]") for index, test in enumerate(head)])
        self.refuse("", *[test.format(f"segments[{index - len(tail)}]") for index, test in enumerate(tail)])
        self.lines += [f"    at, end = {len(head)}, count - {len(tail)}"]
        for before, after in pairwise(deep):
            run = tests[before + 1 : after]
            fits = [test.format(f"segments[at + {index}]") for index, test in enumerate(run)]
            self.search(len(run), [fit for fit in fits if fit])

    def refuse(self, fault: str, *conditions: str) -> None:
        wanted = [f"not ({condition})" for condition in conditions if condition]
        for condition in [fault, *wanted]:
            if condition:
                self.lines += [f"    if {condition}:", "        return False"]

    def search(self, length: int, conditions: list[str], skip: str = "") -> None:
        """Move ``at`` behind the first place from ``at`` on where all conditions hold."""
        if not length:
            return
        self.lines += ["    while True:", *([f"        {skip}"] if skip else [])]
        self.lines += [
            f"        if {'at < 0 or ' if skip else ''}at + {length} > end:",
            "            return False",
        ]
        if conditions:
            self.lines += [f"        if {' and '.join(conditions)}:", "            break", "        at += 1"]
        else:
            self.lines += ["        break"]
        self.lines += [f"    at += {length}"]

    def test(self, index: int, segment: Segment) -> str:
        """Return the condition for a segment with ``{}`` for its text, empty where anything does."""
        parts = flattened(segment.parts)
        if segment.is_any_depth or parts == (Star(),) or parts == (Question(), Star()):
            return ""
        if len(parts) == 1 and isinstance(parts[0], Literal):
            return "{} == " + _braced(parts[0].text)
        name = f"segment_{index}"
        self.segment(name, parts)
        return name + "({})"

    def segment(self, name: str, parts: Parts) -> None:
        self.lines += [f"def {name}(text):"]
        texts = _texts(parts)
        if texts is not None:
            self.lines += [f"    return text in {{{', '.join(map(repr, texts))}}}"]
        elif any(isinstance(part, Alternation | NumberRange) for part in parts):
            self.names[f"_{name}"] = segment_test(parts)
            self.lines += [f"    return _{name}(text)"]
        else:
            self.glob(parts)

    def glob(self, parts: Parts) -> None:
        """Between stars stand blocks of a fixed length; but for the first and the last they are found."""
        blocks: list[list[Part]] = [[]]
        for part in parts:
            if isinstance(part, Star):
                blocks.append([])
            else:
                blocks[-1].append(part)
        lengths = [sum(map(_length, block)) for block in blocks]
        if len(blocks) == 1:
            self.lines += [f"    if len(text) != {lengths[0]}:", "        return False"]
            self.refuse("", *_conditions(blocks[0], "{}"))
        else:
            self.lines += [f"    end = len(text) - {lengths[-1]}"]
            self.lines += [f"    if end < {sum(lengths[:-1])}:", "        return False"]
            self.refuse("", *_conditions(blocks[0], "{}"), *_conditions(blocks[-1], "end + {}"))
            self.lines += [f"    at = {lengths[0]}"]
            for block, length in zip(blocks[1:-1], lengths[1:-1], strict=True):
                found = len(block) == 1 and isinstance(block[0], Literal)
                conditions = [] if found else list(_conditions(block, "at + {}"))
                self.search(length, conditions, _skip(block, length))
        self.lines += ["    return True"]


def _braced(text: str) -> str:
    return repr(text).replace("{", "{{").replace("}", "}}")


def _length(part: Part) -> int:
    return len(part.text) if isinstance(part, Literal) else 1


def _conditions(block: list[Part], place: str) -> Iterator[str]:
    """Yield what has to hold for each part of a block; ``place`` with the offset in it is where it begins."""
    offset = 0
    for part in block:
        at = place.format(offset)
        if isinstance(part, Literal):
            yield f"text.startswith({part.text!r}, {at})"
        elif isinstance(part, CharClass):
            yield _class_condition(part, f"text[{at}]")
        offset += _length(part)


def _class_condition(part: CharClass, character: str) -> str:
    if all(low == high for low, high in part.ranges):
        members = "".join(low for low, _ in part.ranges)
        return f"{character} {'not in' if part.negated else 'in'} {members!r}"
    inside = " or ".join(f"{low!r} <= {character} <= {high!r}" for low, high in part.ranges)
    return f"not ({inside})" if part.negated else f"({inside})"


def _skip(block: list[Part], length: int) -> str:
    """Return the statement that jumps to the next place of a block's first literal, if it has one."""
    for offset, part in enumerate(block):
        if isinstance(part, Literal):
            last = length - offset - len(part.text)
            return f"at = text.find({part.text!r}, at + {offset}, end - {last}) - {offset}"
    return ""


def _texts(parts: Parts) -> list[str] | None:
    """Return the few texts that a segment of literals and choices stands for, None for any other."""
    choices = [
        (part.text,) if isinstance(part, Literal) else part
        for part in parts
        if isinstance(part, Literal | Alternation | NumberRange)
    ]
    if len(choices) < len(parts) or prod(map(len, choices)) > _MAX_TEXTS:
        return None
    options = [choice if isinstance(choice, tuple) else choice.values() for choice in choices]
    return list(map("".join, product(*options)))
