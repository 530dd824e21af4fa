"""The pieces of a pattern as frozen values, their canonical text, and matching without backtracking.

`strataregula.core.pattern` holds the grammar and the parser, and re-exports everything here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from strataregula.errors import PatternSyntaxError

__all__ = [
    "ANY_DEPTH",
    "STAR_SEGMENT",
    "Alternation",
    "Capture",
    "CharClass",
    "Glob",
    "Literal",
    "NumberRange",
    "Part",
    "Pattern",
    "Question",
    "Segment",
    "Star",
    "format_key",
    "format_pattern",
    "glob_matches",
    "parse_key",
    "quote_segment",
    "specificity",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """Characters that mean themselves, unescaped."""

    text: str


@dataclass(frozen=True, slots=True)
class Star:
    """``*``: any run of characters inside one segment; alone, the whole segment."""


@dataclass(frozen=True, slots=True)
class Question:
    """``?``: exactly one character."""


@dataclass(frozen=True, slots=True)
class CharClass:
    """``[a-z_]``: one character inside the inclusive ranges, outside them when ``negated``."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def accepts(self, character: str) -> bool:
        """Tell whether the one ``character`` belongs."""
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Alternation:
    """``{a,b}``: one of at least two different literal options."""

    options: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.options)

    def values(self) -> tuple[str, ...]:
        """Return the options in order."""
        return self.options


@dataclass(frozen=True, slots=True)
class NumberRange:
    """``{1..9}``: the integers from ``start`` to ``stop``, both included, up or down.

    ``width`` is the length with leading zeros, 0 for no padding; a sign counts as one of the characters.
    """

    start: int
    stop: int
    width: int = 0

    def __len__(self) -> int:
        return abs(self.stop - self.start) + 1

    def values(self) -> tuple[str, ...]:
        """Return the numbers as text in order; check ``len()`` first, the tuple is built in full."""
        return tuple(self.texts())

    def texts(self) -> Iterator[str]:
        """Yield the numbers as text in order."""
        step = 1 if self.start <= self.stop else -1
        return (f"{number:0{self.width}d}" for number in range(self.start, self.stop + step, step))

    def accepts(self, text: str) -> bool:
        """Tell whether ``text`` is one of the numbers as it is written here."""
        if not (text.isascii() and text.removeprefix("-").isdigit()) or len(text) > _LONGEST_NUMBER:
            return False
        low, high = sorted((self.start, self.stop))
        number = int(text)
        return low <= number <= high and f"{number:0{self.width}d}" == text


Glob: TypeAlias = "tuple[Literal | Star | Question | CharClass, ...]"


@dataclass(frozen=True, slots=True)
class Capture:
    """``{name}`` or ``{name:glob}``: a value of the domain ``name``; used twice, the same value.

    A dotted name such as ``prefecture.region`` is the parent in a hierarchy. ``glob`` is empty when none
    was written.
    """

    name: str
    glob: Glob = ()


Part: TypeAlias = "Literal | Star | Question | CharClass | Alternation | NumberRange | Capture"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a pattern; no parts at all is ``**`` (`ANY_DEPTH`).

    Two neighbouring parts are never both `Literal` and never both `Star`, so equal meaning has one form.
    """

    parts: tuple[Part, ...]

    @property
    def literal(self) -> str | None:
        """The text of a segment that is one literal, otherwise None."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal):
            return self.parts[0].text
        return None

    @property
    def is_any_depth(self) -> bool:
        """True for ``**``."""
        return not self.parts

    @property
    def is_glob(self) -> bool:
        """True when the parts are literals, ``*``, ``?`` and classes, at least one not a literal."""
        kinds = {type(part) for part in self.parts}
        return bool(kinds & _CHOOSING) and kinds <= _GLOB_PARTS

    @property
    def chooses(self) -> bool:
        """True when any part is ``*``, ``?`` or a class, or the segment is ``**``."""
        return not self.parts or any(type(part) in _CHOOSING for part in self.parts)


_CHOOSING: Final = frozenset({Star, Question, CharClass})
_GLOB_PARTS: Final = _CHOOSING | {Literal}
STAR_SEGMENT: Final = Segment((Star(),))
ANY_DEPTH: Final = Segment(())
_LONGEST_NUMBER: Final = 40
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\.|\Z)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern; ``source`` is the text it came from and takes no part in equality.

    ``str(pattern)`` is the canonical text (`format_pattern`).
    """

    segments: tuple[Segment, ...]
    negated: bool = False
    source: str = field(default="", compare=False)

    @property
    def is_literal(self) -> bool:
        """True when every segment is literal: the pattern stands for one key."""
        return all(segment.literal is not None for segment in self.segments)

    @property
    def key(self) -> str | None:
        """The one key that a literal pattern stands for, otherwise None."""
        texts = [segment.literal for segment in self.segments]
        literal = [text for text in texts if text is not None]
        return format_key(literal) if len(literal) == len(texts) else None

    @property
    def captures(self) -> tuple[Capture, ...]:
        """The captures from left to right, repeated ones included."""
        return tuple(part for segment in self.segments for part in segment.parts if isinstance(part, Capture))

    def __str__(self) -> str:
        return format_pattern(self)


def format_pattern(pattern: Pattern) -> str:
    """Return the canonical text; ``parse_pattern(format_pattern(p)) == p`` for every valid pattern."""
    text = ".".join(map(_format_segment, pattern.segments))
    if pattern.negated:
        return "!" + text
    return "\\" + text if text.startswith("!") else text


def _format_segment(segment: Segment) -> str:
    if segment.is_any_depth:
        return "**"
    literal = segment.literal
    if literal is not None and "." in literal:
        return _quoted(literal)
    return "".join(map(_format_part, segment.parts))


def _format_part(part: Part) -> str:  # noqa: PLR0911 - one line for each kind of part
    match part:
        case Literal(text):
            return _escaped(text, '.*?[]{}\\"')
        case Star():
            return "*"
        case Question():
            return "?"
        case CharClass(ranges, negated):
            return f"[{'!' * negated}{''.join(_format_range(low, high) for low, high in ranges)}]"
        case Alternation(options):
            return "{" + ",".join(_escaped(option, '*?[]{}\\",:') for option in options) + "}"
        case NumberRange(start, stop, width):
            return f"{{{start:0{width}d}..{stop:0{width}d}}}"
        case Capture(name, glob):
            return "{" + name + (":" if glob else "") + "".join(map(_format_glob_part, glob)) + "}"


def _format_glob_part(part: Part) -> str:
    return _escaped(part.text, '*?[]{}\\",') if isinstance(part, Literal) else _format_part(part)


def _format_range(low: str, high: str) -> str:
    first, last = _escaped(low, "]\\!^-"), _escaped(high, "]\\!^-")
    return first if low == high else f"{first}-{last}"


def _escaped(text: str, special: str) -> str:
    return "".join("\\" + character if character in special else character for character in text)


def specificity(pattern: Pattern) -> tuple[int, int, int, int]:
    """Return a tuple that is greater for the more specific pattern.

    Compared from left to right: fewer ``**``, fewer free ``*``, fewer other segments that are not literal,
    more literal characters.
    """
    deep = free = constrained = characters = 0
    for segment in pattern.segments:
        parts = segment.parts
        if len(parts) == 1:
            part = parts[0]
            if type(part) is Literal:
                characters += len(part.text)
            elif type(part) is Star:
                free += 1
            else:
                constrained += 1
        elif parts:
            constrained += 1
            characters += sum(len(part.text) for part in parts if isinstance(part, Literal))
        else:
            deep += 1
    return -deep, -free, -constrained, characters


def quote_segment(text: str) -> str:
    """Return one segment as it stands in a key: in quotes when it holds a dot or begins with a quote."""
    return _quoted(text) if "." in text or text.startswith('"') else text


def _quoted(text: str) -> str:
    return '"' + _escaped(text, '"\\') + '"'


def format_key(segments: Sequence[str]) -> str:
    """Join segments to a key; the inverse of `parse_key`."""
    return ".".join(map(quote_segment, segments))


def parse_key(text: str) -> tuple[str, ...]:
    """Split a key into its segments; raise `PatternSyntaxError` for an empty segment or an open quote."""
    segments = tuple(_key_segments(text) if '"' in text else text.split("."))
    if "" in segments:
        raise PatternSyntaxError(
            "empty segment", source=text, span=(0, len(text)), hint="remove the extra dot"
        )
    return segments


def _key_segments(text: str) -> list[str]:
    segments: list[str] = []
    at = 0
    while at <= len(text):
        if text.startswith('"', at):
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                hint = 'end the segment with "'
                raise PatternSyntaxError(
                    "the quote is never closed", source=text, span=(at, len(text)), hint=hint
                )
            segments.append(_ESCAPE.sub(r"\1", quoted.group(1)))
            at = quoted.end() + 1
        else:
            end = text.find(".", at)
            end = len(text) if end < 0 else end
            segments.append(text[at:end])
            at = end + 1
    return segments


def glob_matches(glob: Sequence[Part], text: str) -> bool:
    """Tell whether ``text`` as a whole matches literals, ``*``, ``?`` and classes.

    Two pointers with one point of return (the last ``*``), so the time is at most ``len(glob) * len(text)``
    steps.
    """
    part, at, star, resume = 0, 0, -1, 0
    while at < len(text) or part < len(glob):
        if part < len(glob) and isinstance(glob[part], Star):
            star, resume = part, at
            part += 1
            continue
        step = _step(glob[part], text, at) if part < len(glob) else 0
        if step:
            part += 1
            at += step
        elif star >= 0 and resume < len(text):
            resume += 1
            part, at = star + 1, resume
        else:
            return False
    return True


def _step(part: Part, text: str, at: int) -> int:
    if isinstance(part, Literal):
        return len(part.text) if text.startswith(part.text, at) else 0
    if at >= len(text):
        return 0
    if isinstance(part, CharClass):
        return int(part.accepts(text[at]))
    return int(isinstance(part, Question))
