"""Strict JSON (RFC 8259) with the position of every value.

The standard parser gives no positions and keeps the last of two equal keys without a word, hence this one.
It refuses what RFC 8259 refuses: trailing commas, comments, ``NaN``, control characters inside strings.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

from strataregula.core.nodes import ListNode, MapEntry, MapNode, Mark, Node, ScalarNode
from strataregula.core.values import MAX_DEPTH
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import Place

__all__ = ["read_json"]

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class _JsonError(Exception):
    def __init__(self, code: str, message: str, at: int, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.at, self.hint = code, message, at, hint


def read_json(text: str, file: str, log: DiagnosticLog) -> Node | None:
    """Parse ``text``.

    Report problems to ``log`` as diagnostics of ``file`` and return None after a fatal one.
    """
    scanner = _Scanner(text, file, log)
    try:
        return scanner.document()
    except _JsonError as error:
        log.report(error.code, error.message, Place(file, *scanner.mark(error.at)), hint=error.hint)
        return None


class _Scanner:
    def __init__(self, text: str, file: str, log: DiagnosticLog) -> None:
        self.text, self.file, self.log = text, file, log
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def mark(self, at: int) -> Mark:
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1

    def skip(self) -> str:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def document(self) -> Node:
        node = self.value(0)
        if self.skip():
            raise _JsonError("json-syntax", "text after the end of the document", self.at, "remove it")
        return node

    def value(self, depth: int) -> Node:
        character = self.skip()
        if depth > MAX_DEPTH:
            hint = "give what is inside a key of its own"
            raise _JsonError("nesting", f"nested more than {MAX_DEPTH} levels deep", self.at, hint)
        if character == "{":
            return self.mapping(depth)
        if character == "[":
            return self.sequence(depth)
        start = self.at
        mark = self.mark(start)
        if character == '"':
            text = self.string()
            return ScalarNode(text, mark, text)
        return ScalarNode(self.word_or_number(), mark, self.text[start : self.at])

    def string(self) -> str:
        try:
            text, self.at = scanstring(self.text, self.at + 1, True)  # noqa: FBT003 - the flag of the standard library
        except JSONDecodeError as error:
            raise _JsonError("json-syntax", f"{error.msg[0].lower()}{error.msg[1:]}", error.pos) from None
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise _JsonError("json-syntax", "half of a surrogate pair is no character", self.at - 1)
        return str(text)

    def word_or_number(self) -> Any:
        number = _NUMBER.match(self.text, self.at)
        if number:
            return self.number(number)
        word = _WORD.match(self.text, self.at)
        if word and word.group() in _WORDS:
            self.at = word.end()
            return _WORDS[word.group()]
        raise self.unexpected(word)

    def number(self, number: re.Match[str]) -> int | float:
        if self.text[number.end() : number.end() + 1].isalnum():
            raise _JsonError("json-syntax", "not a number", self.at, "put text in double quotes")
        fraction, exponent = number.groups()
        try:
            value = float(number.group()) if fraction or exponent else int(number.group())
        except ValueError:
            raise _JsonError("json-syntax", "a number with too many digits", self.at) from None
        if value in {float("inf"), float("-inf")}:
            raise _JsonError("json-syntax", "a number beyond the range of a float", self.at)
        self.at = number.end()
        return value

    def unexpected(self, word: re.Match[str] | None) -> _JsonError:
        if not self.text[self.at :]:
            return _JsonError(
                "json-syntax", "the document ends too early", max(0, self.at - 1), "close every bracket"
            )
        what = word.group() if word else self.text[self.at]
        hints = {
            "'": "strings take double quotes",
            "/": "JSON has no comments",
            "]": "remove the comma before it",
            "}": "remove the comma before it",
        }
        hint = hints.get(what, "put text in double quotes")
        return _JsonError("json-syntax", f"unexpected {what!r}", self.at, hint)

    def sequence(self, depth: int) -> ListNode:
        mark = self.mark(self.at)
        self.at += 1
        items: list[Node] = []
        if self.skip() == "]":
            self.at += 1
            return ListNode((), mark)
        while True:
            items.append(self.value(depth + 1))
            if self.separator("]"):
                return ListNode(tuple(items), mark)

    def separator(self, closing: str) -> bool:
        character = self.skip()
        if character not in {",", closing} or not character:
            hint = f"separate with a comma, or close with {closing}"
            raise _JsonError(
                "json-syntax", f"expected , or {closing}", min(self.at, len(self.text) - 1), hint
            )
        self.at += 1
        return character == closing

    def mapping(self, depth: int) -> MapNode:
        mark = self.mark(self.at)
        self.at += 1
        entries: dict[str, MapEntry] = {}
        if self.skip() == "}":
            self.at += 1
            return MapNode((), mark)
        while True:
            self.entry(entries, depth)
            if self.separator("}"):
                return MapNode(tuple(entries.values()), mark)

    def entry(self, entries: dict[str, MapEntry], depth: int) -> None:
        if self.skip() != '"':
            hint = (
                "remove the comma before it"
                if self.text[self.at : self.at + 1] == "}"
                else "keys take double quotes"
            )
            raise _JsonError(
                "json-syntax", "expected a key in double quotes", min(self.at, len(self.text) - 1), hint
            )
        mark = self.mark(self.at)
        key = self.string()
        if self.skip() != ":":
            raise _JsonError("json-syntax", "expected : after a key", min(self.at, len(self.text) - 1))
        self.at += 1
        before = entries.get(key)
        if before is not None:
            message = f"duplicate key {key!r}, first on line {before.mark[0]}"
            place = Place(self.file, *mark)
            self.log.report("duplicate-key", message, place, hint="remove one of them", width=len(key) + 2)
        entries[key] = MapEntry(key, mark, self.value(depth + 1))
