"""The common rules bound straight from their text: segments that are literal, a lone ``*`` or a lone ``{name}``.

It gives exactly what parsing and `Resolver.bind` give, several times faster, or None for a rule that is not so simple.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from strataregula.core.pattern import MAX_LENGTH, MAX_SEGMENTS
from strataregula.core.resolver import Resolver
from strataregula.core.segments import Capture, Segment
from strataregula.core.templates import Factor, Slot, Template

__all__ = ["SimpleRules", "Specificity"]

Specificity: TypeAlias = "tuple[int, int, int, int]"

_LITERAL: Final = r'[^.*?\[\]{}\\"]+'
_SEGMENT: Final = rf"(?:{_LITERAL}|\*|\{{[^\W\d][\w-]*\}})"
_SIMPLE: Final = re.compile(rf"(?!!){_SEGMENT}(?:\.{_SEGMENT})*")
_WILD: Final = re.compile(r"\*|\{[^}]*\}")
_SLOTS: Final = tuple(tuple(Slot(number, 0) for number in range(count)) for count in range(MAX_SEGMENTS + 1))
_Shape: TypeAlias = "list[tuple[str, frozenset[str]]]"


class SimpleRules:
    """Binds simple rules for one resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._factors: dict[str, Factor | None] = {}
        self._shapes = _simple_shapes(resolver)

    def bind(self, text: str) -> tuple[Template, Specificity] | None:
        """Return the template and the specificity of a simple rule, None when the general way has to decide."""
        if len(text) > MAX_LENGTH or _SIMPLE.fullmatch(text) is None:
            return None
        wild = _WILD.findall(text)
        if not wild:
            characters = len(text) - text.count(".")
            return (Template((text,)), (0, 0, 0, characters)) if text.count(".") < MAX_SEGMENTS else None
        names = self._names(text, wild) if "*" in wild else [item[1:-1] for item in wild]
        factors = self._bound(names)
        if factors is None:
            return None
        texts = tuple(_WILD.split(text))
        dots = text.count(".")
        if dots >= MAX_SEGMENTS:
            return None
        free = wild.count("*")
        characters = sum(map(len, texts)) - dots
        return Template(texts, _SLOTS[len(names)], factors), (0, -free, free - len(wild), characters)

    def _bound(self, names: list[str]) -> tuple[Factor, ...] | None:
        """Return the factors of independent names with at most the allowed product, None otherwise."""
        factors = []
        size = 1
        for name in names:
            factor = self._factors[name] if name in self._factors else self._find(name)
            if factor is None:
                return None
            factors.append(factor)
            size *= len(factor.rows)
        if len(names) > 1 and not self._resolver.domains.independent(tuple(names)):
            return None
        return tuple(factors) if 0 < size <= self._resolver.max_keys else None

    def _find(self, name: str) -> Factor | None:
        found = self._resolver.domains.find(name) if name else None
        factor = self._resolver.factor(found[0], (found[1],)) if found is not None else None
        self._factors[name] = factor = factor if factor is not None and factor.plain else None
        return factor

    def _names(self, text: str, wild: list[str]) -> list[str]:
        """Return the name of each wildcard; the empty name, which no domain has, where no single shape lends one."""
        segments = text.split(".")
        fitting = [shape for shape in self._shapes.get(len(segments), ()) if _fits(segments, shape)]
        if len(fitting) != 1:
            return [""]
        lent = fitting[0]
        at = [number for number, segment in enumerate(segments) if segment[0] in "*{"]
        return [lent[number][0] if item == "*" else item[1:-1] for number, item in zip(at, wild, strict=True)]


def _simple_shapes(resolver: Resolver) -> dict[int, list[_Shape]]:
    """Return the shapes by their number of segments; those whose captures correlate stand for no simple rule."""
    shapes: dict[int, list[_Shape]] = {}
    for shape in resolver.shapes:
        fields = [_shape_field(segment, resolver) for segment in shape.segments]
        names = tuple(name for name, _ in fields if name)
        known = shapes.setdefault(len(fields), [])
        known.append(fields)
        if not resolver.domains.independent(names):
            known.append(fields)
    return shapes


def _shape_field(segment: Segment, resolver: Resolver) -> tuple[str, frozenset[str]]:
    part = segment.parts[0] if len(segment.parts) == 1 else None
    if not isinstance(part, Capture):
        literal = segment.literal
        return "", frozenset(() if literal is None else (literal,))
    found = resolver.domains.find(part.name)
    return part.name, frozenset(found[0].column(found[1]) if found else ())


def _fits(segments: list[str], shape: _Shape) -> bool:
    """Tell whether every literal is what the shape has there, and every wildcard stands at one of its captures."""
    for segment, (name, values) in zip(segments, shape, strict=True):
        if segment[0] in "*{":
            if not name:
                return False
        elif segment not in values:
            return False
    return True
