"""What the segments of a pattern accept, and what their captures take, without backtracking.

A segment is a sequence of parts; the set of positions where its first parts can end is carried from left to
right, so the time is at most parts times characters (times options for an alternation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from strataregula.core.segments import (
    Alternation,
    Capture,
    CharClass,
    Literal,
    NumberRange,
    Part,
    Pattern,
    Question,
    Segment,
    Star,
    glob_matches,
)
from strataregula.errors import PatternSyntaxError

__all__ = [
    "ONE_OR_MORE",
    "Parts",
    "Test",
    "aligned",
    "bound",
    "captured",
    "flattened",
    "refuse_ambiguous_repeats",
    "segment_test",
]

Parts: TypeAlias = "tuple[Part, ...]"
Test: TypeAlias = Callable[[str], bool]

ONE_OR_MORE: Final[Parts] = (Question(), Star())
"""What a capture without a glob accepts where no domain is known."""


def flattened(parts: Parts) -> Parts:
    """Return ``parts`` with captures replaced by what they accept, neighbouring literals joined."""
    flat: list[Part] = []
    for part in parts:
        inner = (part.glob or ONE_OR_MORE) if isinstance(part, Capture) else (part,)
        for atom in inner:
            last = flat[-1] if flat else None
            if isinstance(atom, Literal) and isinstance(last, Literal):
                flat[-1] = Literal(last.text + atom.text)
            else:
                flat.append(atom)
    return tuple(flat)


def segment_test(parts: Parts) -> Test:
    """Return the test of a whole segment against `flattened` parts."""
    if any(isinstance(part, Alternation | NumberRange) for part in parts):
        return partial(_reaches_end, parts)
    return partial(glob_matches, parts)


def _reaches_end(parts: Parts, text: str) -> bool:
    return len(text) in _reached(parts, text)[-1]


def _reached(parts: Parts, text: str) -> list[set[int]]:
    """Return, for each number of leading parts, the positions of ``text`` where they can end."""
    reached = [{0}]
    for part in parts:
        reached.append(_ends(part, text, reached[-1]))
    return reached


def _ends(part: Part, text: str, starts: set[int]) -> set[int]:
    if isinstance(part, Star):
        return set(range(min(starts), len(text) + 1)) if starts else set()
    return {end for start in starts for end in _ends_from(part, text, start)}


def _ends_from(part: Part, text: str, start: int) -> Iterable[int]:
    if isinstance(part, NumberRange):
        return _number_ends(part, text, start)
    if isinstance(part, Alternation):
        return [start + len(option) for option in part.options if text.startswith(option, start)]
    if isinstance(part, Literal):
        return [start + len(part.text)] if text.startswith(part.text, start) else ()
    accepted = start < len(text) and (isinstance(part, Question) or _accepts(part, text[start]))
    return [start + 1] if accepted else ()


def _accepts(part: Part, character: str) -> bool:
    return isinstance(part, CharClass) and part.accepts(character)


def _number_ends(numbers: NumberRange, text: str, start: int) -> Iterator[int]:
    low, high = sorted((numbers.start, numbers.stop))
    longest = max(len(f"{number:0{numbers.width}d}") for number in (low, high))
    for end in range(start + 1, min(start + longest, len(text)) + 1):
        if numbers.accepts(text[start:end]):
            yield end


def aligned(segments: Sequence[Segment], texts: Sequence[str]) -> Iterator[tuple[Segment, str]]:
    """Pair the segments of a fitting pattern with texts; ``**`` before another takes as few as it can."""
    at = 0
    run: list[Segment] = []
    anchored = True
    for segment in segments:
        if not segment.is_any_depth:
            run.append(segment)
            continue
        at = at if anchored else _first_fit(run, texts, at)
        yield from zip(run, texts[at:], strict=False)
        at, run, anchored = at + len(run), [], False
    yield from zip(run, texts[len(texts) - len(run) :], strict=True)


def _first_fit(run: Sequence[Segment], texts: Sequence[str], at: int) -> int:
    tests = [segment_test(flattened(segment.parts)) for segment in run]
    return next(
        start
        for start in range(at, len(texts) - len(run) + 1)
        if all(test(text) for test, text in zip(tests, texts[start:], strict=False))
    )


def captured(parts: Parts, text: str) -> list[tuple[str, str]]:
    """Return what each capture takes of a fitting ``text``; a later one takes as much as it can."""
    if len(parts) == 1:
        return [(part.name, text) for part in parts if isinstance(part, Capture)]
    groups = [(part.glob or ONE_OR_MORE) if isinstance(part, Capture) else (part,) for part in parts]
    reached = _reached(tuple(atom for group in groups for atom in group), text)
    taken: list[tuple[str, str]] = []
    ends = {len(text)}
    for part, group in zip(reversed(parts), reversed(groups), strict=True):
        end = max(ends)
        ends = {end} if isinstance(part, Capture) else ends
        for atom in reversed(group):
            reached.pop()
            ends = _starts(atom, text, reached[-1], ends)
        if isinstance(part, Capture):
            ends = {min(ends)}
            taken.append((part.name, text[min(ends) : end]))
    return taken[::-1]


def _starts(part: Part, text: str, starts: set[int], ends: set[int]) -> set[int]:
    """Return those of ``starts`` from which a part can reach one of ``ends``."""
    if isinstance(part, Star):
        last = max(ends)
        return {start for start in starts if start <= last}
    return {start for start in starts if _ends(part, text, {start}) & ends}


def bound(pattern: Pattern, texts: Sequence[str]) -> dict[str, str] | None:
    """Return what the captures of a fitting pattern take; None when a repeated one met different texts."""
    bindings: dict[str, str] = {}
    for segment, text in aligned(pattern.segments, texts):
        for name, value in captured(segment.parts, text):
            if bindings.setdefault(name, value) != value:
                return None
    return bindings


def refuse_ambiguous_repeats(pattern: Pattern) -> None:
    """Raise `PatternSyntaxError` where a repeated capture could divide a text in more than one way."""
    counts = Counter(capture.name for capture in pattern.captures)
    repeated = {name for name, count in counts.items() if count > 1}
    if not repeated:
        return
    deep = sum(segment.is_any_depth for segment in pattern.segments)
    for segment in pattern.segments:
        names = {part.name for part in segment.parts if isinstance(part, Capture)} & repeated
        variable = sum(not isinstance(part, Literal | Question | CharClass) for part in segment.parts)
        if names and (variable > 1 or deep > 1):
            source = pattern.source or str(pattern)
            raise PatternSyntaxError(
                f"{{{min(names)}}} is repeated where a text can be divided in more than one way",
                source=source,
                span=(0, len(source)),
                hint="give the captures different names, or put each into a segment of its own",
            )
