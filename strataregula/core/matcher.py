"""Which of many patterns fits a text best: an exact dictionary, a trie over segments, globs inside segments.

The cost follows the text, not the number of patterns:

1. *exact*: literal patterns are one dictionary look-up;
2. *simple*: whole segments that are literal, ``*``, ``{capture}``, ``{a,b}`` or ``{1..9}`` are edges of a
trie,
   each found by a dictionary look-up for the segment of the text;
3. *complex*: other segments hang at their node, filed under their literal beginning or end, and are tested
   without backtracking: by two pointers at first, by a generated function once they are tested often.

A matcher knows no domains: ``{capture}`` takes any text of at least one character, ``{capture:glob}`` what
the glob takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from strataregula.core.binding import ONE_OR_MORE, Parts, bound, flattened, refuse_ambiguous_repeats
from strataregula.core.codegen import SegmentTest
from strataregula.core.pattern import format_key, parse_key, parse_pattern
from strataregula.core.segments import (
    Alternation,
    Literal,
    NumberRange,
    Pattern,
    Segment,
    Star,
    specificity,
)
from strataregula.errors import PatternSyntaxError

__all__ = ["Match", "PatternMatcher"]

_WHOLE: Final[Parts] = (Star(),)
_MAX_EDGES: Final = 1_000
_NO_BINDINGS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Match:
    """One pattern that fits a text.

    ``pattern`` is its text, ``index`` its position among the patterns given to `PatternMatcher`,
    ``specificity`` its rank (the greatest wins: fewer ``**``, fewer ``*`` segments, fewer other non-literal
    segments, more literal characters), ``bindings`` what its captures took, by name.
    """

    pattern: str
    index: int
    specificity: tuple[int, int, int, int]
    bindings: Mapping[str, str] = field(default_factory=lambda: _NO_BINDINGS)


class PatternMatcher:
    """Answers for many texts which of a fixed set of patterns fits.

    >>> matcher = PatternMatcher(["edge.*.api", "edge.{city}.*", "edge.tokyo.api"])
    >>> matcher.match("edge.tokyo.api").pattern
    'edge.tokyo.api'
    >>> matcher.match("edge.osaka.gateway").bindings["city"]
    'osaka'
    >>> [match.pattern for match in matcher.all("edge.osaka.api")]
    ['edge.*.api', 'edge.{city}.*']
    >>> matcher.match("core.osaka.api") is None
    True
    """

    def __init__(self, patterns: Iterable[str | Pattern]) -> None:
        """Parse the patterns and file them.

        Raise `PatternSyntaxError` for a pattern that does not parse, and for a capture name that is used
        twice where the text could be divided in more than one way (``{a}{a}``, ``**.{a}.**.{a}``).
        """
        entries = [_Entry.of(index, pattern) for index, pattern in enumerate(patterns)]
        self._entries = sorted(entries, key=lambda entry: (entry.match.specificity, entry.match.index))
        self._exact: dict[str, list[int]] = {}
        self._root = _Node()
        self._has_loops = False
        for rank, entry in enumerate(self._entries):
            self._file(rank, entry.pattern)

    def __len__(self) -> int:
        return len(self._entries)

    def match(self, text: str) -> Match | None:
        """Return the most specific match, of equals the one given last; None when nothing fits.

        A ``!pattern`` takes part like any other; where it is the most specific the text has no match.
        """
        exact = self._exact.get(text)
        if exact is not None:
            best = self._entries[exact[-1]]
            return None if best.pattern.negated else best.match
        segments = _split(text)
        return next(self._matches(text, segments), None) if segments else None

    def all(self, text: str) -> tuple[Match, ...]:
        """Return every match, the best first; empty where `match` returns None."""
        segments = _split(text)
        return tuple(self._matches(text, segments)) if segments else ()

    def _file(self, rank: int, pattern: Pattern) -> None:
        key = pattern.key
        if key is not None:
            self._exact.setdefault(key, []).append(rank)
            return
        node = self._root
        for segment in pattern.segments:
            node = node.child(segment)
            self._has_loops = self._has_loops or node.loops
        node.accepts.append(rank)

    def _matches(self, text: str, segments: Sequence[str]) -> Iterator[Match]:
        ranks = self._accepted(segments)
        key = format_key(segments) if '"' in text else text
        ranks += self._exact.get(key, [])
        ranks.sort(reverse=True)
        first = True
        for rank in ranks:
            entry = self._entries[rank]
            found = entry.bound(segments)
            if found is None:
                continue
            if not entry.pattern.negated:
                yield found
            elif first:
                return
            first = False

    def _accepted(self, segments: Sequence[str]) -> list[int]:
        nodes = self._with_loops([self._root]) if self._has_loops else [self._root]
        for text in segments:
            reached: list[_Node] = []
            for node in nodes:
                node.step(text, reached)
            nodes = self._with_loops(reached) if self._has_loops else reached
        return [rank for node in nodes for rank in node.accepts]

    @staticmethod
    def _with_loops(nodes: list[_Node]) -> list[_Node]:
        closed = dict.fromkeys(nodes)
        added = list(closed)
        while added:
            added = [node.loop for node in added if node.loop is not None and node.loop not in closed]
            closed.update(dict.fromkeys(added))
        return list(closed)


def _split(text: str) -> Sequence[str] | None:
    """Return the segments of ``text``, None when it is no key."""
    if '"' not in text:
        segments = text.split(".")
        return None if "" in segments else segments
    try:
        return parse_key(text)
    except PatternSyntaxError:
        return None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A pattern with the match that it gives, but for the bindings."""

    pattern: Pattern
    match: Match
    binds: bool

    @classmethod
    def of(cls, index: int, pattern: str | Pattern) -> _Entry:
        parsed = parse_pattern(pattern) if isinstance(pattern, str) else pattern
        refuse_ambiguous_repeats(parsed)
        match = Match(parsed.source or str(parsed), index, specificity(parsed))
        return cls(parsed, match, bool(parsed.captures))

    def bound(self, segments: Sequence[str]) -> Match | None:
        """Return the match with its bindings; None when a repeated capture met different texts."""
        if not self.binds:
            return self.match
        bindings = bound(self.pattern, segments)
        return None if bindings is None else replace(self.match, bindings=MappingProxyType(bindings))


class _Node:
    """A state of the trie: the patterns that end here and the edges to follow for the next segment."""

    __slots__ = ("accepts", "anchored", "edges", "literal", "loop", "loops", "unanchored", "whole")

    def __init__(self, *, loops: bool = False) -> None:
        self.edges: dict[Parts, _Node] = {}
        self.literal: dict[str, list[_Node]] = {}
        self.whole: _Node | None = None
        self.loop: _Node | None = None
        self.loops = loops
        self.anchored: list[tuple[slice, dict[str, list[tuple[SegmentTest | None, _Node]]]]] = []
        self.unanchored: list[tuple[SegmentTest, _Node]] = []
        self.accepts: list[int] = []

    def child(self, segment: Segment) -> _Node:
        """Return the node behind ``segment``, made when it is the first of its meaning."""
        parts = flattened(segment.parts)
        parts = _WHOLE if parts == ONE_OR_MORE else parts
        node = self.edges.get(parts)
        if node is None:
            node = self.edges[parts] = _Node(loops=not parts)
            self._connect(parts, node)
        return node

    def _connect(self, parts: Parts, node: _Node) -> None:
        if not parts:
            self.loop = node
        elif parts == _WHOLE:
            self.whole = node
        elif (texts := _texts(parts)) is not None:
            for text in texts:
                self.literal.setdefault(text, []).append(node)
        else:
            self._connect_complex(parts, node)

    def _connect_complex(self, parts: Parts, node: _Node) -> None:
        first, last = parts[0], parts[-1]
        head = first.text if isinstance(first, Literal) else ""
        tail = last.text if isinstance(last, Literal) else ""
        if not head and not tail:
            self.unanchored.append((SegmentTest(parts), node))
            return
        anchor, cut = (head, slice(len(head))) if len(head) >= len(tail) else (tail, slice(-len(tail), None))
        table = next((table for known, table in self.anchored if known == cut), None)
        if table is None:
            table = {}
            self.anchored.append((cut, table))
        decided = len(parts) == 2 and Star() in parts
        table.setdefault(anchor, []).append((None if decided else SegmentTest(parts), node))

    def step(self, text: str, reached: list[_Node]) -> None:
        """Append the nodes that the segment ``text`` leads to."""
        nodes = self.literal.get(text)
        if nodes is not None:
            reached += nodes
        if self.whole is not None:
            reached.append(self.whole)
        for cut, table in self.anchored:
            for decisive, node in table.get(text[cut], ()):
                if decisive is None or decisive(text):
                    reached.append(node)
        for test, node in self.unanchored:
            if test(text):
                reached.append(node)
        if self.loops:
            reached.append(self)


def _texts(parts: Parts) -> Sequence[str] | None:
    """Return the texts of a segment that stands for few, None for any other."""
    if len(parts) != 1:
        return None
    part = parts[0]
    if isinstance(part, Literal):
        return (part.text,)
    if isinstance(part, Alternation | NumberRange) and len(part) <= _MAX_EDGES:
        return part.values()
    return None
