"""Values of a configuration.

Checked, immutable, compared without confusing ``1``, ``1.0``, ``True`` and ``"1"``.

Lists and mappings stay lists and mappings (so that they compare, print and encode as usual) but every
method that changes them raises.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, NoReturn

__all__ = ["FrozenDict", "FrozenList", "checked_scalar", "same_value", "thaw"]

MAX_DEPTH: Final = 100
_SCALARS: Final = (
    type(None), bool, int, float, str, bytes, dt.date, dt.datetime, dt.time,
)  # fmt: skip


def _refuse(self: object, *_arguments: object, **_options: object) -> NoReturn:
    kind = "mapping" if isinstance(self, dict) else "list"
    raise TypeError(
        f"this {kind} belongs to a compiled configuration and cannot change; thaw() makes a copy that can"
    )


class FrozenDict(dict[str, Any]):
    """A mapping that cannot change; equal to the dict with the same items."""

    __slots__ = ()
    __setitem__: Callable[..., NoReturn] = _refuse
    __delitem__: Callable[..., NoReturn] = _refuse
    __ior__: Callable[..., NoReturn] = _refuse
    clear: Callable[..., NoReturn] = _refuse
    pop: Callable[..., NoReturn] = _refuse
    popitem: Callable[..., NoReturn] = _refuse
    setdefault: Callable[..., NoReturn] = _refuse
    update: Callable[..., NoReturn] = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> FrozenDict:
        return self


class FrozenList(list[Any]):
    """A list that cannot change; equal to the list with the same items."""

    __slots__ = ()
    __setitem__: Callable[..., NoReturn] = _refuse
    __delitem__: Callable[..., NoReturn] = _refuse
    __iadd__: Callable[..., NoReturn] = _refuse
    __imul__: Callable[..., NoReturn] = _refuse
    append: Callable[..., NoReturn] = _refuse
    clear: Callable[..., NoReturn] = _refuse
    extend: Callable[..., NoReturn] = _refuse
    insert: Callable[..., NoReturn] = _refuse
    pop: Callable[..., NoReturn] = _refuse
    remove: Callable[..., NoReturn] = _refuse
    reverse: Callable[..., NoReturn] = _refuse
    sort: Callable[..., NoReturn] = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenList, (list(self),)

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> FrozenList:
        return self


def checked_scalar(value: Any) -> Any:
    """Return a value without parts as it is, a set as a frozen set of such values.

    Raise `TypeError` for other types.
    """
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, set | frozenset):
        return frozenset(map(checked_scalar, value))
    raise TypeError(
        f"a value of type {type(value).__name__} cannot be compiled: use text, numbers, lists, mappings"
    )


def thaw(value: Any) -> Any:
    """Return a copy of plain dicts and lists that the caller may change."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return value


def same_value(first: Any, second: Any) -> bool:
    """Tell whether two frozen values are the same, type for type.

    NaN is the same as NaN, the order of keys does not count.
    """
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same_value(item, second[key]) for key, item in first.items()
        )
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same_value, first, second))
    return bool(first == second) or (first != first and second != second)  # noqa: PLR0124 - NaN alone differs from itself
