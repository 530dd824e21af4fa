"""References inside text: ``${other.key}``, ``${prefecture.region}``, ``${env:NAME:-default}``.

Grammar::

    text      = *( character | escape | reference )
    escape    = "$$"                     before a brace, or another escape before one: one dollar
    reference = "${" 1*( character | reference ) "}"
    inside    = "env:" NAME [ ":-" default ] | [ section ":" ] key

A dollar that no brace follows means itself. A key inside a reference may have quoted segments; a reference
inside a reference is resolved first. Nothing here knows what a reference stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["ENVIRONMENT", "MAX_INNER", "Reference", "ReferenceSyntaxError", "Text", "parse_text", "refers"]

ENVIRONMENT: Final = "env:"
MAX_INNER: Final = 8
"""How deep references may stand inside references."""
_INSIDE: Final = re.compile(r'[}"]|\$\{')
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


class ReferenceSyntaxError(Exception):
    """Text whose ``${`` does not become a reference; ``at`` is the offset of the fault."""

    def __init__(self, reason: str, at: int, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.at, self.hint = reason, at, hint


class Reference(NamedTuple):
    """One ``${...}``; ``source`` is how it was written, braces included."""

    inside: Text
    source: str


Text: TypeAlias = "tuple[str | Reference, ...]"
"""Literal pieces and references from left to right."""


def refers(value: Any) -> bool:
    """Tell whether ``${`` stands anywhere in the texts of a value (keys of mappings are never touched)."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(refers, value.values()))
    return isinstance(value, list) and any(map(refers, value))


def parse_text(text: str) -> Text:
    """Split a text into its pieces; raise `ReferenceSyntaxError`."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[str | Reference]:
    at = 0
    literal = ""
    while (brace := text.find("${", at)) >= 0:
        dollars = _dollars(text, at, brace)
        literal += text[at : brace + 1 - dollars] + "$" * (dollars // 2)
        if dollars % 2 == 0:
            literal, at = literal + "{", brace + 2
            continue
        if literal:
            yield literal
        literal = ""
        reference, at = _reference(text, brace + 2, 1)
        yield reference
    literal += text[at:]
    if literal:
        yield literal


def _dollars(text: str, start: int, last: int) -> int:
    """Count the dollars that end at ``last``, not looking before ``start``."""
    first = last
    while first > start and text[first - 1] == "$":
        first -= 1
    return last - first + 1


def _reference(text: str, start: int, depth: int) -> tuple[Reference, int]:
    """Parse behind the brace that ends at ``start``; return the reference and where the text goes on."""
    if depth > MAX_INNER:
        hint = "give an inner one a key of its own"
        raise ReferenceSyntaxError(f"more than {MAX_INNER} references inside each other", start - 2, hint)
    inside: list[str | Reference] = []
    at = done = start
    while (found := _INSIDE.search(text, at)) is not None:
        at = found.end()
        if found[0] == "}":
            inside += [text[done : at - 1]] if at - 1 > done else []
            if not inside:
                raise ReferenceSyntaxError("an empty reference", start - 2, "write ${key}, or $${} for ${}")
            return Reference(tuple(inside), text[start - 2 : at]), at
        if found[0] == '"':
            at = _quote_end(text, start, at)
        else:
            inside += [text[done : at - 2]] if at - 2 > done else []
            inner, at = _reference(text, at, depth + 1)
            inside.append(inner)
            done = at
    raise ReferenceSyntaxError(
        "a reference is never closed", start - 2, "end it with }, or write $${ for the characters ${"
    )


def _quote_end(text: str, start: int, at: int) -> int:
    """Return where to go on behind a quote: behind its partner where it opens a segment of a key."""
    if text.startswith(ENVIRONMENT, start) or (at - 1 > start and text[at - 2] not in ".:"):
        return at
    quoted = _QUOTED.match(text, at - 1)
    if quoted is None:
        raise ReferenceSyntaxError("a quote in a reference is never closed", at - 1, 'end it with "')
    return quoted.end()
