"""The common rules bound straight from their text: segments literal, a lone ``*`` or a lone ``{name}``.

It gives exactly what parsing and `Resolver.bind` give, several times faster, or None for a rule that is not
so simple.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from strataregula.core.pattern import MAX_LENGTH, MAX_SEGMENTS
from strataregula.core.resolver import Resolver
from strataregula.core.segments import Capture, Segment
from strataregula.core.templates import Factor, SharedTables, Slot, Template

__all__ = ["SimpleRules", "Specificity"]

Specificity: TypeAlias = "tuple[int, int, int, int]"

_LITERAL: Final = r'[^.*?\[\]{}\\"]+'
_SEGMENT: Final = rf"(?:{_LITERAL}|\*|\{{[^\W\d][\w-]*\}})"
_SIMPLE: Final = re.compile(rf"(?!!){_SEGMENT}(?:\.{_SEGMENT})*")
_WILD: Final = re.compile(r"(\*|\{[^}]*\})")
_SLOTS: Final = tuple(tuple(Slot(number, 0) for number in range(count)) for count in range(MAX_SEGMENTS + 1))
_Shape: TypeAlias = "list[tuple[str, frozenset[str]]]"


class SimpleRules:
    """Binds simple rules for one resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._factors: dict[str, Factor | None] = {}
        self._shapes = _simple_shapes(resolver)
        self._tables = SharedTables()

    def bind(self, text: str) -> tuple[Template, Specificity, int] | None:
        """Return template, specificity and number of keys of a simple rule.

        None when the general way has to decide.
        """
        dots = text.count(".")
        if _SIMPLE.fullmatch(text) is None or dots >= MAX_SEGMENTS or len(text) > MAX_LENGTH:
            return None
        pieces = _WILD.split(text)
        if len(pieces) == 1:
            return Template((text,)), (0, 0, 0, len(text) - dots), 1
        wild = pieces[1::2]
        free = wild.count("*")
        names = self._names(text.split(".")) if free else [item[1:-1] for item in wild]
        factors, size = self._bound(names)
        if not size:
            return None
        texts = tuple(pieces[::2])
        run = self._tables.block(texts[0], factors[0], texts[1]) if len(factors) == 1 else None
        specificity = 0, -free, free - len(wild), len("".join(texts)) - dots
        return Template(texts, _SLOTS[len(names)], factors, run), specificity, size

    def _bound(self, names: list[str]) -> tuple[tuple[Factor, ...], int]:
        """Return the factors of independent names and their product, 0 for what is not so simple."""
        factors = []
        size = 1
        for name in names:
            factor = self._factors[name] if name in self._factors else self._find(name)
            if factor is None:
                return (), 0
            factors.append(factor)
            size *= len(factor.rows)
        if len(names) > 1 and not self._resolver.domains.independent(tuple(names)):
            return (), 0
        return tuple(factors), size if size <= self._resolver.max_keys else 0

    def _find(self, name: str) -> Factor | None:
        found = self._resolver.domains.find(name) if name else None
        factor = self._resolver.factor(found[0], (found[1],)) if found is not None else None
        self._factors[name] = factor = factor if factor is not None and factor.plain else None
        return factor

    def _names(self, segments: list[str]) -> list[str]:
        """Return the name of each wildcard; the empty one, which no domain has, where no shape decides."""
        found: list[str] | None = None
        for shape in self._shapes.get(len(segments), ()):
            names = _lent(segments, shape)
            if names is None:
                continue
            if found is not None:
                return [""]
            found = names
        return [""] if found is None else found


def _simple_shapes(resolver: Resolver) -> dict[int, list[_Shape]]:
    """Return the shapes by their number of segments.

    One that is not simple stands there twice, so that it never decides.
    """
    shapes: dict[int, list[_Shape]] = {}
    for shape in resolver.shapes:
        fields = [_shape_field(segment, resolver) for segment in shape.segments]
        names = tuple(name for name, _ in fields if name)
        known = shapes.setdefault(len(fields), [])
        known.append(fields)
        special = any(value[0] in "*{" for _, values in fields for value in values)
        if special or not resolver.domains.independent(names):
            known.append(fields)
    return shapes


def _shape_field(segment: Segment, resolver: Resolver) -> tuple[str, frozenset[str]]:
    part = segment.parts[0] if len(segment.parts) == 1 else None
    if not isinstance(part, Capture):
        literal = segment.literal
        return "", frozenset(() if literal is None else (literal,))
    found = resolver.domains.find(part.name)
    return part.name, frozenset(found[0].column(found[1]) if found else ())


def _lent(segments: list[str], shape: _Shape) -> list[str] | None:
    """Return the name of each wildcard, None where some segment does not fit the shape."""
    names = []
    for segment, (name, values) in zip(segments, shape):  # noqa: B905 - equal lengths, and this is the hottest loop
        if segment in values:
            continue
        if not name or segment[0] not in "*{":
            return None
        names.append(name if segment == "*" else segment[1:-1])
    return names
