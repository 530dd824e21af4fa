"""What changes from one configuration to another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from strataregula.core.values import same_value
from strataregula.model import Change, Difference, Entry

__all__ = ["HasSections", "difference"]

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class HasSections(Protocol):
    """A configuration, compiled or lazy."""

    @property
    def sections(self) -> Mapping[str, Mapping[str, Any]]:
        """The sections by name."""


def difference(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Difference:
    """Compare sections by name and key.

    Values of different types differ: ``1``, ``1.0``, ``True`` and ``"1"`` are four values.
    """
    added: list[Entry] = []
    removed: list[Entry] = []
    changed: list[Change] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _EMPTY), after.get(name, _EMPTY)
        added += [Entry(name, key, value) for key, value in new.items() if key not in old]
        for key, value in old.items():
            if key not in new:
                removed.append(Entry(name, key, value))
            elif not same_value(value, new[key]):
                changed.append(Change(name, key, value, new[key]))
    return Difference(tuple(added), tuple(removed), tuple(changed))
