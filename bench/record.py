"""Frozen results that also answer like mappings: ``result.mean_us`` is ``result["mean_us"]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, ClassVar


class Record(Mapping[str, Any]):
    """Base of a dataclass whose fields are its keys, in their order.

    Use ``@dataclass(frozen=True, slots=True, eq=False)``: equality is then that of mappings, so a record
    equals the dict of its values.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __getitem__(self, key: str) -> Any:
        if key in self.__dataclass_fields__:
            return getattr(self, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in fields(self))

    def __len__(self) -> int:
        return len(fields(self))
