r"""Patterns: text to a frozen `Pattern`, and back.

Grammar::

    pattern     = ["!"] segment *("." segment)              at most 64 segments and 8,192 characters
    segment     = "**" | quoted | 1*( literal | "*" | "?" | class | alternation | capture )
    quoted      = '"' 1*( character | '\"' | '\\' ) '"'     one literal segment; dots and metacharacters
    mean themselves literal     = 1*( character except . * ? [ ] { } \ " | "\" character ) class       = "["
    ["!"] 1*( character | character "-" character ) "]" alternation = "{" option 1*( "," option ) "}" | "{"
    integer ".." integer "}" capture     = "{" name *( "." name ) [ ":" glob ] "}" glob        = 1*( literal
    | "*" | "?" | class ) name        = a Python identifier, also with "-" after its first character

``!`` is special at the very beginning only (a removing pattern). ``*`` alone is one segment; inside a
segment it is any run of characters; it never crosses a dot. ``?`` is one character. ``**`` is any number of
segments, also none. ``{01..12}`` keeps the leading zeros. Inside brackets and braces the metacharacters
that end or divide them are escaped with ``\``.

Braces *make* keys: captures and alternations have a finite list of values. ``*``, ``?`` and classes
*choose*: among the values of a domain where one is known, otherwise among keys that exist.

A *key* is segments joined by dots; a segment with a dot in it, or with a quote at its beginning, is written
in quotes (see `format_key` and `parse_key`). No other character is special in a key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from strataregula.core.segments import (
    ANY_DEPTH,
    STAR_SEGMENT,
    Alternation,
    Capture,
    CharClass,
    Glob,
    Literal,
    NumberRange,
    Part,
    Pattern,
    Question,
    Segment,
    Star,
    format_key,
    format_pattern,
    glob_matches,
    parse_key,
    quote_segment,
)
from strataregula.errors import PatternSyntaxError

__all__ = [
    "ANY_DEPTH",
    "MAX_LENGTH",
    "MAX_OPTIONS",
    "MAX_PARTS",
    "MAX_SEGMENTS",
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
    "clear_pattern_cache",
    "format_key",
    "format_pattern",
    "glob_matches",
    "is_literal_text",
    "is_name",
    "parse_glob",
    "parse_key",
    "parse_pattern",
    "quote_segment",
]

MAX_SEGMENTS: Final = 64
MAX_LENGTH: Final = 8_192
MAX_PARTS: Final = 64
MAX_OPTIONS: Final = 1_000
MAX_DIGITS: Final = 18

_LITERAL_TEXT: Final = re.compile(r'(?!!)[^.*?\[\]{}\\"]+(?:\.[^.*?\[\]{}\\"]+)*', re.DOTALL)
_SIMPLE_TEXT: Final = re.compile(r'(?!!)[^\[\]{}\\"]+', re.DOTALL)
_PLAIN_RUN: Final = re.compile(r'[^.*?\[\]{}\\"]+', re.DOTALL)
_GLOB_RUN: Final = re.compile(r'[^*?\[\]{}\\",]+', re.DOTALL)
_RANGE: Final = re.compile(r"(-?[0-9]+)\.\.(-?[0-9]+)")
_NAME: Final = re.compile(r"[^\W\d][\w-]*(?:\.[^\W\d][\w-]*)*")


def is_literal_text(text: str) -> bool:
    """Tell whether ``text`` is a key as it stands: no metacharacter, no empty segment, within the limits.

    False does not mean "wrong", only that `parse_pattern` has to decide.
    """
    if len(text) >= 2 * MAX_SEGMENTS and (len(text) > MAX_LENGTH or text.count(".") >= MAX_SEGMENTS):
        return False
    return _LITERAL_TEXT.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Tell whether ``text`` can name a domain: a capture's name without a dot."""
    return "." not in text and _NAME.fullmatch(text) is not None


def parse_pattern(text: str) -> Pattern:
    """Parse one pattern; raise `PatternSyntaxError` with the text and the characters at fault."""
    if not text:
        raise PatternSyntaxError("empty pattern", source=text, span=(0, 0), hint="write at least one segment")
    if len(text) > MAX_LENGTH:
        raise PatternSyntaxError(
            f"pattern of {len(text):,} characters, at most {MAX_LENGTH:,} are allowed",
            source=f"{text[:40]}...",
            span=(0, 40),
        )
    if _SIMPLE_TEXT.fullmatch(text) is None:
        return _Parser(text).pattern()
    pieces = text.split(".")
    if "" in pieces or len(pieces) > MAX_SEGMENTS:
        return _Parser(text).pattern()
    try:
        return Pattern(tuple(map(_simple_segment, pieces)), source=text)
    except PatternSyntaxError:
        return _Parser(text).pattern()


@lru_cache(maxsize=4_096)
def _simple_segment(text: str) -> Segment:
    if "*" not in text and "?" not in text:
        return Segment((Literal(text),))
    if text == "*":
        return STAR_SEGMENT
    return _Parser(text).segment()


def clear_pattern_cache() -> None:
    """Forget the parsed segments that `parse_pattern` keeps (at most 4,096)."""
    _simple_segment.cache_clear()


def parse_glob(text: str) -> Glob:
    """Parse text that may hold literals, ``*``, ``?`` and classes only, such as a value in ``where``.

    Dots are ordinary characters here. Raise `PatternSyntaxError`.
    """
    if not text:
        raise PatternSyntaxError("empty value", source=text, span=(0, 0), hint="write at least one character")
    parser = _Parser(text)
    glob = parser.glob(until="", within=0)
    if parser.at < len(text):
        raise parser.error(
            f"{text[parser.at]!r} has no meaning here", parser.at, parser.at + 1, "escape it with \\"
        )
    return glob


class _Parser:
    """One left-to-right pass over one pattern; ``at`` is the next character."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, reason: str, start: int, end: int, hint: str = "") -> PatternSyntaxError:
        return PatternSyntaxError(reason, source=self.text, span=(start, end), hint=hint)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def pattern(self) -> Pattern:
        negated = self.peek() == "!"
        if negated:
            self.at = 1
        segments = [self.segment()]
        while self.at < len(self.text):
            if len(segments) == MAX_SEGMENTS:
                raise self.error(f"more than {MAX_SEGMENTS} segments", self.at, len(self.text))
            self.at += 1
            segments.append(self.segment())
        return Pattern(tuple(segments), negated=negated, source=self.text)

    def segment(self) -> Segment:
        start = self.at
        if self.peek() == '"':
            return self.quoted()
        if self.text.startswith("**", start) and self.text[start + 2 : start + 3] in {"", "."}:
            self.at += 2
            return ANY_DEPTH
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] != ".":
            self.add(parts, self.part())
            if len(parts) > MAX_PARTS:
                raise self.error(f"more than {MAX_PARTS} parts in one segment", start, self.at)
        if not parts:
            raise self.error("empty segment", start, start + 1, "remove the extra dot, or escape it: \\.")
        return Segment(tuple(parts))

    def add(self, parts: list[Part], part: Part) -> None:
        last = parts[-1] if parts else None
        if isinstance(part, Literal) and isinstance(last, Literal):
            parts[-1] = Literal(last.text + part.text)
            return
        if isinstance(part, Star) and isinstance(last, Star):
            hint = "write one *, or put dots around **"
            raise self.error("** must be a whole segment", self.at - 2, self.at, hint)
        parts.append(part)

    def part(self) -> Part:
        character = self.text[self.at]
        if character == "*":
            self.at += 1
            return Star()
        if character == "?":
            self.at += 1
            return Question()
        if character == "[":
            return self.char_class()
        if character == "{":
            return self.braces()
        return self.literal()

    def literal(self) -> Literal:
        start = self.at
        if self.text[start] == "\\":
            return Literal(self.escaped())
        run = _PLAIN_RUN.match(self.text, start)
        if run is None:
            what = self.text[start]
            hint = "quote the whole segment" if what == '"' else "escape it"
            raise self.error(f"{what!r} without its opening partner", start, start + 1, f"{hint}: \\{what}")
        self.at = run.end()
        return Literal(run.group())

    def escaped(self) -> str:
        if self.at + 1 >= len(self.text):
            raise self.error(
                "nothing follows the backslash", self.at, self.at + 1, "write \\\\ for a backslash"
            )
        self.at += 2
        return self.text[self.at - 1]

    def quoted(self) -> Segment:
        start = self.at
        self.at += 1
        characters: list[str] = []
        while self.peek() != '"':
            if not self.peek():
                raise self.error("the quote is never closed", start, len(self.text), 'end the segment with "')
            characters.append(self.character())
        self.at += 1
        if not characters:
            raise self.error(
                "empty segment", start, self.at, "write at least one character between the quotes"
            )
        if self.peek() not in {"", "."}:
            hint = 'quote the whole segment: "a.b"'
            raise self.error("a quoted segment goes on after its quote", self.at, self.at + 1, hint)
        return Segment((Literal("".join(characters)),))

    def character(self) -> str:
        if self.text[self.at] == "\\":
            return self.escaped()
        self.at += 1
        return self.text[self.at - 1]

    def char_class(self) -> CharClass:
        start = self.at
        self.at += 1
        negated = self.peek() == "!"
        self.at += negated
        if self.peek() == "^":
            raise self.error(
                "^ does not negate a class", self.at, self.at + 1, "write [!...], or \\^ for itself"
            )
        ranges: list[tuple[str, str]] = []
        while self.peek() != "]":
            if not self.peek():
                raise self.error(
                    "the class is never closed", start, len(self.text), "end it with ], or write \\["
                )
            ranges.append(self.class_range())
        self.at += 1
        if not ranges:
            raise self.error("empty class", start, self.at, "name at least one character, or write \\[\\]")
        return CharClass(tuple(ranges), negated)

    def class_range(self) -> tuple[str, str]:
        start = self.at
        low = self.character()
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in {"", "]"}:
            return low, low
        self.at += 1
        high = self.character()
        if high < low:
            hint = f"write {high}-{low}"
            raise self.error("the range runs backwards", start, self.at, hint)
        return low, high

    def braces(self) -> Part:
        start = self.at
        self.at += 1
        numbers = _RANGE.match(self.text, self.at)
        if numbers and self.text[numbers.end() : numbers.end() + 1] == "}":
            self.at = numbers.end() + 1
            return self.number_range(numbers, start)
        name = _NAME.match(self.text, self.at)
        if name and self.text[name.end() : name.end() + 1] in {"}", ":"}:
            self.at = name.end()
            return self.capture(name.group(), start)
        return self.alternation(start)

    def number_range(self, numbers: re.Match[str], start: int) -> NumberRange:
        low, high = numbers.groups()
        if max(len(low), len(high)) > MAX_DIGITS:
            raise self.error(f"a number of more than {MAX_DIGITS} digits", start, self.at)
        padded = any(text.lstrip("-").startswith("0") and len(text.lstrip("-")) > 1 for text in (low, high))
        return NumberRange(int(low), int(high), max(len(low), len(high)) if padded else 0)

    def capture(self, name: str, start: int) -> Capture:
        if self.text[self.at] == "}":
            self.at += 1
            return Capture(name)
        self.at += 1
        glob = self.glob(until="}", within=start)
        if self.peek() != "}":
            raise self.brace_error(start)
        self.at += 1
        if not glob:
            raise self.error(
                "nothing follows the colon", start, self.at, f"write {{{name}}} or {{{name}:glob}}"
            )
        return Capture(name, glob)

    def glob(self, until: str, within: int) -> Glob:
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] != until:
            if self.text[self.at] in ',{}"':
                break
            self.add(parts, self.glob_part())
            if len(parts) > MAX_PARTS:
                raise self.error(f"more than {MAX_PARTS} parts in one glob", within, self.at)
        return tuple(part for part in parts if isinstance(part, Literal | Star | Question | CharClass))

    def glob_part(self) -> Part:
        run = _GLOB_RUN.match(self.text, self.at)
        if run is None:
            return self.part()
        self.at = run.end()
        return Literal(run.group())

    def alternation(self, start: int) -> Alternation:
        options = [self.option(start)]
        while self.peek() == ",":
            self.at += 1
            options.append(self.option(start))
            if len(options) > MAX_OPTIONS:
                raise self.error(f"more than {MAX_OPTIONS:,} options", start, self.at, "make them a domain")
        if self.peek() != "}":
            raise self.brace_error(start)
        self.at += 1
        if len(options) == 1:
            hint = "write {name}, {name:glob}, {a,b} or {1..9}, or escape the brace: \\{"
            raise self.error(f"{{{options[0]}}} is neither a name nor a choice", start, self.at, hint)
        if len(set(options)) < len(options):
            raise self.error("an option is repeated", start, self.at, "keep it once")
        return Alternation(tuple(options))

    def option(self, start: int) -> str:
        first = self.at
        characters: list[str] = []
        while self.peek() not in {",", "}"}:
            if not self.peek():
                raise self.brace_error(start)
            if self.text[self.at] in '*?[]{"':
                hint = "escape it with \\"
                raise self.error("options are literal text", self.at, self.at + 1, hint)
            characters.append(self.character())
        if not characters:
            raise self.error("empty option", start, max(first, start) + 1, "write two patterns instead")
        return "".join(characters)

    def brace_error(self, start: int) -> PatternSyntaxError:
        if self.at < len(self.text):
            what = self.text[self.at]
            return self.error(f"{what!r} has no meaning here", self.at, self.at + 1, "escape it with \\")
        return self.error("the brace is never closed", start, len(self.text), "end it with }, or write \\{")
