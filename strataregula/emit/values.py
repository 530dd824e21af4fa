"""What the output formats share: the sections to write, and plain copies of frozen values.

Compiled values are immutable; encoders want ``dict`` and ``list``. Making the copies is also the one place
where a value that a format cannot hold is found and named.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol, TextIO, TypeAlias, TypeVar

from strataregula.errors import EmitError, visible

__all__ = [
    "BATCH",
    "SectionSource",
    "Sections",
    "Writer",
    "converted",
    "escaped",
    "is_sequence",
    "plain_json",
    "plain_yaml",
    "sorted_set",
]

_T = TypeVar("_T")

BATCH: Final = 1_000
"""Entries encoded at once: the memory of a writer grows with this number, not with the section."""

MAX_INT_BITS: Final = 14_000
"""Python reads and writes decimal integers up to 4,300 digits, which is a little more than this."""

Sections: TypeAlias = Iterable[tuple[str, Mapping[str, Any]]]
"""Section names with their entries, in the order of the output."""

Writer: TypeAlias = Callable[[Sections, TextIO], None]

_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")

_JSON_AS_IS: Final = frozenset({str, bool, type(None)})
_YAML_AS_IS: Final = frozenset({str, float, bool, type(None), bytes, dt.date, dt.datetime})


class SectionSource(Protocol):
    """What can be written: a compiled configuration, or anything with named sections of flat entries."""

    @property
    def sections(self) -> Iterable[str]:
        """The names of the sections in the order of the sources."""

    def section(self, name: str, /) -> Mapping[str, Any]:
        """Return the entries of one section."""


def converted(
    section: str, entries: Iterable[tuple[str, Any]], convert: Callable[[Any], _T]
) -> Iterator[dict[str, _T]]:
    """Yield the entries with converted values in batches of at most `BATCH`.

    An `EmitError` of ``convert`` is raised again with the section and the key in front.
    """
    batch: dict[str, _T] = {}
    for key, value in entries:
        try:
            batch[key] = convert(value)
        except EmitError as error:
            place = f"section {visible(section)!r}, key {visible(key)!r}"
            raise EmitError(f"{place}: {error}") from None
        if len(batch) == BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def is_sequence(value: Any) -> bool:
    """Tell whether ``value`` is written as a list."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def sorted_set(values: AbstractSet[Any]) -> list[Any]:
    """Return the members in an order that no hash seed moves: by type name, then by their text."""
    return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def plain_json(value: Any) -> Any:
    """Return ``value`` as JSON types; dates and times become ISO 8601 strings, a set a sorted list.

    Raise `EmitError` for what JSON cannot hold: infinity, nan, bytes, keys that are not strings.
    """
    kind = type(value)
    if kind in _JSON_AS_IS:
        return value
    if kind is int or kind is float:
        return _json_number(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_json_key(key): plain_json(inner) for key, inner in value.items()}
    if isinstance(value, AbstractSet):
        value = sorted_set(value)
    if is_sequence(value):
        return [plain_json(inner) for inner in value]
    raise EmitError(f"JSON has no {kind.__name__}; use --format yaml or python, or write it as text")


def escaped(text: str) -> str:
    r"""Return JSON or quoted YAML with invisible characters as ``\uNNNN``, harmless to terminals."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _json_number(value: float) -> float:
    if isinstance(value, int):
        return _readable_int(value)
    if not math.isfinite(value):
        raise EmitError(f"JSON has no {value!r}; use --format yaml or python, or quote the value")
    return value


def _json_key(key: Any) -> str:
    if type(key) is not str:
        raise EmitError(f"JSON keys are strings, found {visible(repr(key))}; quote it in the source")
    return key


def _readable_int(value: int) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise EmitError("integer of more than 4,000 digits; use --format python, or write it as text")
    return value


def plain_yaml(value: Any) -> Any:
    """Return ``value`` as the types that YAML itself names. Raise `EmitError` for any other type."""
    kind = type(value)
    if kind in _YAML_AS_IS:
        return value
    if kind is int:
        return _readable_int(value)
    if isinstance(value, Mapping):
        return {plain_yaml(key): plain_yaml(inner) for key, inner in value.items()}
    if isinstance(value, AbstractSet):
        return frozenset(map(plain_yaml, value))
    if is_sequence(value):
        return [plain_yaml(inner) for inner in value]
    raise EmitError(f"YAML has no {kind.__name__}; write it as text")
