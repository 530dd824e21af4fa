"""Python: an importable module of literals and look-up functions.

A literal is only ever the `repr` of a value of a known type, so text of a source cannot become code.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, TextIO

from strataregula.emit.values import MAX_INT_BITS, Sections, converted, is_sequence, sorted_set
from strataregula.errors import EmitError, visible

__all__ = ["literal", "write_python"]

_REPR: Final = frozenset({str, bool, type(None), bytes, dt.date})
_ZONES: Final = frozenset({type(None), dt.timezone})

_HEAD: Final = '''\
"""A compiled configuration, written by strataregula. Change its sources and compile again; do not edit."""

import datetime  # noqa: F401  (literals of dates and times)
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["SECTIONS", "get", "section"]

SECTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
'''

_TAIL: Final = '''\
})


def section(name: str) -> Mapping[str, Any]:
    """Return one section as a read-only mapping; raise KeyError when there is none of this name."""
    return SECTIONS[name]


def get(key: str, section: str | None = None) -> Any:
    """Return the value of ``key`` in ``section``, or in the only section that holds it.

    Raise KeyError when the key is absent, or when several sections hold it and none was named.
    """
    if section is not None:
        return SECTIONS[section][key]
    holders = [name for name, entries in SECTIONS.items() if key in entries]
    if len(holders) > 1:
        raise KeyError(f"{key!r} is in several sections: {', '.join(holders)}")
    if not holders:
        raise KeyError(key)
    return SECTIONS[holders[0]][key]
'''


def write_python(sections: Sections, file: TextIO) -> None:
    """Write a module with ``SECTIONS``, ``section(name)`` and ``get(key, section=None)``.

    Every type of YAML survives: inf, nan, dates, times, bytes, sets, integers of any size. Raise `EmitError`
    for other types.
    """
    file.write(_HEAD)
    for name, entries in sections:
        file.write(f"    {name!r}: MappingProxyType({{\n")
        for batch in converted(name, entries.items(), literal):
            file.writelines([f"        {key!r}: {text},\n" for key, text in batch.items()])
        file.write("    }),\n")
    file.write(_TAIL)


def literal(value: Any) -> str:
    """Return an expression that evaluates to ``value``; ``datetime`` is the only import that it needs.

    Mappings become ``dict``, sequences ``list``. Raise `EmitError` for a type that is none of YAML's.
    """
    kind = type(value)
    if kind in _REPR:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= MAX_INT_BITS else hex(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    return _long_literal(value)


def _long_literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, AbstractSet):
        return f"set([{', '.join(map(literal, sorted_set(value)))}])"
    if is_sequence(value):
        return f"[{', '.join(map(literal, value))}]"
    if type(value) in {dt.datetime, dt.time} and type(value.tzinfo) in _ZONES:
        return repr(value)
    raise EmitError(f"no Python literal for {visible(type(value).__name__)}; write it as text")
