"""The result: an immutable mapping of every key to its value, that can say where each one came from."""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from types import MappingProxyType
from typing import Any, Final, NoReturn

from strataregula.answers import Explanation
from strataregula.core.coverage import Coverage
from strataregula.core.difference import HasSections, difference
from strataregula.core.evaluation import Evaluator
from strataregula.core.explanations import CompiledKeys, near_keys
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.planner import Plan
from strataregula.core.resolver import BindError, Resolver
from strataregula.core.values import FrozenDict
from strataregula.diagnostics import closest
from strataregula.errors import AmbiguousKey, MissingKey, PatternSyntaxError, UsageError
from strataregula.files import write_atomically
from strataregula.model import Diagnostic, Difference, Entry, Place

__all__ = ["CompiledConfig"]

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class CompiledConfig(FrozenDict):
    """A compiled configuration: a read-only mapping over the union of its sections.

    ``compiled[key]`` raises `MissingKey` (a `KeyError`) with near matches for an absent key and
    `AmbiguousKey` for a key that several sections hold. Values are immutable. ``warnings`` are the problems
    that a lenient compilation passed over, and ``fingerprint`` is the SHA-256 of the contents and options
    that it was made from.

    It is a dict that cannot change, because nothing else is looked up at the speed of a dict; the dict
    itself holds the keys that only one section has.
    """

    __slots__ = (
        "_ambiguous",
        "_evaluator",
        "_keys",
        "_resolver",
        "_sections",
        "fingerprint",
        "warnings",
    )

    _ambiguous: dict[str, tuple[str, ...]]
    _evaluator: Evaluator | None
    _keys: CompiledKeys
    _resolver: Resolver
    _sections: dict[str, MappingProxyType[str, Any]]
    fingerprint: str
    warnings: tuple[Diagnostic, ...]

    def __init__(
        self,
        sections: Mapping[str, dict[str, Any]],
        plan: Plan,
        resolver: Resolver,
        *,
        fingerprint: str,
        warnings: tuple[Diagnostic, ...] = (),
        evaluator: Evaluator | None = None,
    ) -> None:
        union, ambiguous = _unite(sections)
        assign = object.__setattr__
        assign(self, "_sections", {name: MappingProxyType(entries) for name, entries in sections.items()})
        super().__init__(union)
        assign(self, "_ambiguous", ambiguous)
        assign(self, "_keys", CompiledKeys(plan, sections))
        assign(self, "_evaluator", evaluator)
        assign(self, "_resolver", resolver)
        assign(self, "fingerprint", fingerprint)
        assign(self, "warnings", warnings)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a compiled configuration cannot change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a compiled configuration cannot change: {name}")

    def __missing__(self, key: object) -> NoReturn:
        raise self._absent(key)

    def _absent(self, key: object) -> KeyError:
        if isinstance(key, str):
            if key in self._ambiguous:
                return AmbiguousKey(key, self._ambiguous[key])
            return MissingKey(key, lambda: self._near(key))
        return MissingKey(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, ``default`` when no section holds it.

        Raise `AmbiguousKey` when several do.
        """
        if key in self._ambiguous:
            raise AmbiguousKey(key, self._ambiguous[key])
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self._ambiguous

    def __len__(self) -> int:
        return super().__len__() + len(self._ambiguous)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """Return a view of every key, in the order of the sources."""
        return KeysView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return a view of the value of every key.

        Iterating raises `AmbiguousKey` where several sections have one.
        """
        return ValuesView(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """Return a view of every key with its value; iterating raises `AmbiguousKey` like `values`."""
        return ItemsView(self)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a compiled configuration is not pickled: pickle its sections, or compile it again")

    def __iter__(self) -> Iterator[str]:
        if not self._ambiguous:
            yield from super().__iter__()
            return
        seen: set[str] = set()
        for entries in self._sections.values():
            for key in entries:
                if key not in self._ambiguous:
                    yield key
                elif key not in seen:
                    seen.add(key)
                    yield key

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompiledConfig):
            return self._sections == other._sections
        if isinstance(other, Mapping):
            return not self._ambiguous and dict.__eq__(self, other)
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<CompiledConfig of {len(self):,} keys in {len(self._sections)} sections>"

    @property
    def sections(self) -> Mapping[str, Mapping[str, Any]]:
        """The read-only mapping of section name to its read-only mapping, in the order of the sources."""
        return MappingProxyType(self._sections)

    def section(self, name: str) -> Mapping[str, Any]:
        """Return the read-only mapping of one section.

        Raise `MissingKey` with near names for an unknown one.
        """
        found = self._sections.get(name)
        if found is None:
            raise MissingKey(name, closest(name, self._sections))
        return found

    def explain(self, key: str, section: str | None = None) -> Explanation:
        """Say which rule gave ``key`` its value, or why it has none.

        Nothing is stored for this, rules are matched again.

        Raise `AmbiguousKey` when several sections hold the key and ``section`` names none of them.
        """
        if section is None and key in self._ambiguous:
            raise AmbiguousKey(key, self._ambiguous[key])
        names = [section] if section is not None else list(self._sections)
        for name in names:
            if key in self.section(name):
                value = self._sections[name][key]
                return self._keys.rules(name).present(key, value, self._evaluator)
        return self._explain_absent(key, names)

    def place_of(self, section: str, key: str) -> Place:
        """Return where the rule stands that gives a key of a section its value."""
        return self._keys.covering(section, key)[0][0].rule.place

    def _explain_absent(self, key: str, names: list[str]) -> Explanation:
        known = (name for section in names for name in self._sections[section] if name != key)
        near = near_keys(key, dict.fromkeys(known) if len(names) > 1 else known)
        try:
            segments = parse_key(key)
        except PatternSyntaxError as error:
            return Explanation(key, found=False, reason=f"it is no key: {error.reason}", near=near)
        found = [self._keys.rules(name).absent(key, segments, near) for name in names]
        removed = [explanation for explanation in found if explanation.winner]
        named = [explanation for explanation in found if explanation.nearest]
        return next(
            iter(removed + named + found),
            Explanation(key, found=False, reason="there are no rules", near=near),
        )

    def _near(self, key: str) -> tuple[str, ...]:
        return near_keys(key, self)

    def match(self, pattern: str) -> tuple[Entry, ...]:
        """Return the entries whose keys match ``pattern``, section by section.

        Captures range over the domains.

        Raise `UsageError` for a pattern that does not parse, names an unknown domain or begins with ``!``.
        """
        try:
            parsed = parse_pattern(pattern)
            template = self._resolver.select(parsed)
        except (PatternSyntaxError, BindError) as error:
            raise UsageError(str(error)) from error
        if parsed.negated:
            raise UsageError(f"{pattern} removes keys; match chooses them: leave out the !")
        test = Coverage(template)
        return tuple(
            Entry(name, key, value)
            for name, entries in self._sections.items()
            for key, value in entries.items()
            if test.bindings(parse_key(key)) is not None
        )

    def diff(self, other: HasSections) -> Difference:
        """Return what changes from this configuration to ``other``, section by section.

        Values of different types differ: ``1``, ``1.0``, ``True`` and ``"1"`` are four values.
        """
        return difference(self._sections, other.sections)

    def write(self, path: str | os.PathLike[str], format: str = "json", section: str | None = None) -> None:  # noqa: A002
        """Write the configuration to ``path`` atomically in ``format``: json, ndjson, yaml or python."""
        from strataregula import emit  # noqa: PLC0415 - encoders are loaded only by those who write

        write_atomically(path, lambda file: emit.write(self, file, format, section=section))


def _unite(sections: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """Return the union of the sections and, apart, the keys that several of them hold."""
    if len(sections) == 1:
        return next(iter(sections.values())), {}
    union: dict[str, Any] = {}
    shared: set[str] = set()
    for entries in sections.values():
        shared |= union.keys() & entries.keys()
        union.update(entries)
    ambiguous = {
        key: tuple(name for name, entries in sections.items() if key in entries) for key in sorted(shared)
    }
    for key in ambiguous:
        del union[key]
    return union, ambiguous
