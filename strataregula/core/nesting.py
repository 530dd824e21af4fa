"""Keys as mappings inside mappings: ``a.b.c: 1`` becomes ``{a: {b: {c: 1}}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strataregula.core.segments import format_key, parse_key
from strataregula.errors import EmitError, visible

__all__ = ["NestedSections"]


class NestedSections:
    """The sections of a configuration, to be written nested."""

    def __init__(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self.sections = sections

    def section(self, name: str) -> Mapping[str, Any]:
        """Return one section nested; raise `EmitError` where one key goes on inside the value of another."""
        return _nested(name, self.sections[name])


class _Level(dict[str, Any]):
    """A mapping that keys made; that of a value is of another type."""


def _nested(section: str, entries: Mapping[str, Any]) -> _Level:
    root = _Level()
    for key, value in entries.items():
        segments = parse_key(key)
        level = root
        for number, segment in enumerate(segments[:-1], start=1):
            inner = level.setdefault(segment, _Level())
            if not isinstance(inner, _Level):
                raise _clash(section, format_key(segments[:number]), key)
            level = inner
        if isinstance(level.get(segments[-1]), _Level):
            raise _clash(section, key, f"{key}.{next(iter(level[segments[-1]]))}")
        level[segments[-1]] = value
    return root


def _clash(section: str, outer: str, inner: str) -> EmitError:
    keys = f"{visible(outer)!r} has a value and {visible(inner)!r} goes on below it"
    return EmitError(f"section {visible(section)!r}: {keys}; write it without --nested")
