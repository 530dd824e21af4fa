"""How a value joins the values below it: ``replace``, ``deep``, ``append``, ``unique``, also chosen by path.

``deep`` and ``append`` are associative and have the identities ``{}`` and ``[]``; ``unique`` is idempotent.
Null never merges: above anything it replaces it, below anything it is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strataregula.core.matcher import PatternMatcher
from strataregula.core.segments import format_key
from strataregula.core.values import FrozenDict, FrozenList

__all__ = ["NO_PATHS", "STRATEGIES", "MergeError", "MergePaths", "identity", "merged"]

STRATEGIES: Final = ("replace", "deep", "append", "unique")


class MergeError(Exception):
    """Two values that a strategy cannot join; ``path`` leads to them from the section on."""

    def __init__(self, message: str, path: tuple[str, ...]) -> None:
        super().__init__(message)
        self.message, self.path = message, path


class MergePaths:
    """Strategies by path: the section, the segments of the key, then the keys inside its value.

    Of several patterns that match a path the most specific counts, of equals the one given last.
    """

    def __init__(self, strategies: Mapping[str, str]) -> None:
        self.patterns = dict(strategies)
        self._strategies = list(strategies.values())
        self._matcher = PatternMatcher(strategies)

    def __bool__(self) -> bool:
        return bool(self._strategies)

    def strategy(self, path: tuple[str, ...]) -> str:
        """Return the strategy that a pattern gives ``path``, the empty text when none matches."""
        if not self._strategies:
            return ""
        found = self._matcher.match(format_key(path))
        return "" if found is None else self._strategies[found.index]


NO_PATHS: Final = MergePaths({})


def merged(strategy: str, below: Any, above: Any, paths: MergePaths, path: tuple[str, ...]) -> Any:
    """Return what ``above`` makes of ``below``; the values stay as they are. Raise `MergeError`."""
    if strategy == "replace" or below is None or above is None:
        return above
    if strategy == "deep":
        if isinstance(below, dict) and isinstance(above, dict):
            return _deep(below, above, paths, path)
        if isinstance(below, dict) or isinstance(above, dict):
            raise _mismatch("deep", below, above, path)
        return above
    if not isinstance(below, list) or not isinstance(above, list):
        raise _mismatch(strategy, below, above, path)
    if strategy == "append":
        return FrozenList([*below, *above])
    kept: dict[object, Any] = {}
    for item in (*below, *above):
        kept.setdefault(identity(item), item)
    return FrozenList(kept.values())


def _deep(
    below: dict[str, Any], above: dict[str, Any], paths: MergePaths, path: tuple[str, ...]
) -> FrozenDict:
    joined = dict(below)
    for key, value in above.items():
        if key not in below:
            joined[key] = value
            continue
        inner = (*path, key)
        joined[key] = merged(paths.strategy(inner) or "deep", below[key], value, paths, inner)
    return FrozenDict(joined)


def _mismatch(strategy: str, below: Any, above: Any, path: tuple[str, ...]) -> MergeError:
    message = f"{strategy} cannot join {_kind(above)} to {_kind(below)} at {format_key(path)!r}"
    return MergeError(message, path)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"a single value ({type(value).__name__})"


def identity(value: Any) -> object:
    """Return something hashable that is equal exactly where `same_value` holds."""
    if isinstance(value, dict):
        return "map", frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return "list", tuple(map(identity, value))
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return "nan"
    return type(value), value
