"""The result without a product: a configuration of any number of keys in the memory of its rules."""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from strataregula.answers import Explanation
from strataregula.core.coverage import Coverage
from strataregula.core.difference import HasSections, difference
from strataregula.core.evaluation import Context, Covering, Evaluator, is_special
from strataregula.core.explanations import SectionRules
from strataregula.core.lazy import LazySection
from strataregula.core.lazy_check import CHECK_STEPS, check_section
from strataregula.core.overlap import Budget
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.planner import Plan, SectionPlan
from strataregula.core.resolver import BindError, Resolver
from strataregula.diagnostics import DiagnosticLog, closest
from strataregula.errors import AmbiguousKey, MissingKey, PatternSyntaxError, UncountedKeys, UsageError
from strataregula.files import write_atomically
from strataregula.model import Diagnostic, Difference, Entry

__all__ = ["MAX_MATCHES", "LazyConfig"]

MAX_MATCHES: Final = 1_000_000
_MAX_SAMPLES: Final = 200


class LazyConfig(Mapping[str, Any]):
    """A configuration whose keys are resolved when they are asked for.

    It answers like a `CompiledConfig` and holds no key. Iterating makes the keys one by one; ``len()`` raises
    `UncountedKeys` where rules overlap and only walking a million keys or more would tell. A contradiction
    that the compilation did not find is raised as `CompilationError` when such a key is read. Two lazy
    configurations are equal when they were made from the same contents and options; keys are not compared.
    """

    __slots__ = ("_context", "_explainers", "_lenient", "_resolver", "_sections", "fingerprint", "warnings")

    def __init__(
        self, plan: Plan, resolver: Resolver, context: Context, *, fingerprint: str, log: DiagnosticLog
    ) -> None:
        """Check the plan as far as a bounded time allows; problems go to ``log``."""
        self._lenient = log.lenient
        self._resolver, self._context = resolver, context
        self._sections = {section.name: self._lazy(section) for section in plan.sections}
        self._explainers: dict[str, SectionRules] = {}
        budget = Budget(CHECK_STEPS)
        for section in self._sections.values():
            check_section(section, log, budget)
        self._try_samples(log)
        self.fingerprint = fingerprint
        self.warnings: tuple[Diagnostic, ...] = log.warnings

    def _lazy(self, plan: SectionPlan) -> LazySection:
        special = frozenset(
            planned.rule.order for planned in plan.rules if self._context.paths or is_special(planned.rule)
        )
        return LazySection(plan, lenient=self._lenient, evaluate=self._evaluated, special=special)

    def _try_samples(self, log: DiagnosticLog) -> None:
        """Evaluate one key of each rule that merges or refers, so that what cannot work is told at once."""
        evaluator = Evaluator(self, self._context, log)
        for section in self._sections.values():
            for key in islice(section.samples(), _MAX_SAMPLES):
                evaluator.value(section.name, key)

    def _evaluated(self, section: str, key: str) -> Any:
        log = DiagnosticLog(lenient=self._lenient)
        value = Evaluator(self, self._context, log).value(section, key)
        log.raise_if_errors()
        return value

    def holders(self, key: str) -> list[str]:
        """Return the names of the sections that hold ``key``, in the order of the sources."""
        return [name for name, section in self._sections.items() if key in section]

    def covering(self, section: str, key: str) -> Covering:
        """Return the rules of a section that cover a key with their bindings, the winner first."""
        return self._sections[section].covering(parse_key(key))

    def near(self, key: str) -> tuple[str, ...]:
        """Return keys that look like ``key``, the most similar first."""
        return closest(
            key, dict.fromkeys(n for section in self._sections.values() for n in section.near(key))
        )

    def __getitem__(self, key: str) -> Any:
        if len(self._sections) == 1:
            return next(iter(self._sections.values()))[key]
        name = self._holder(key)
        if name is None:
            raise MissingKey(key, lambda: self.near(key))
        return self._sections[name][key]

    def _holder(self, key: str) -> str | None:
        names = self.holders(key)
        if len(names) > 1:
            raise AmbiguousKey(key, names)
        return names[0] if names else None

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, ``default`` when no section holds it.

        Raise `AmbiguousKey` when several do.
        """
        if len(self._sections) == 1:
            return next(iter(self._sections.values())).get(key, default)
        name = self._holder(key)
        return default if name is None else self._sections[name][key]

    def __contains__(self, key: object) -> bool:
        return any(key in section for section in self._sections.values())

    def __iter__(self) -> Iterator[str]:
        before: list[LazySection] = []
        for section in self._sections.values():
            for key in section:
                if not any(key in other for other in before):
                    yield key
            before.append(section)

    def __len__(self) -> int:
        sections = list(self._sections.values())
        total = sum(map(len, sections))
        if not any(first.meets(second) for at, first in enumerate(sections) for second in sections[at + 1 :]):
            return total
        if total > MAX_MATCHES:
            raise UncountedKeys(", ".join(self._sections), total)
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(self._sections.values())

    def items(self) -> ItemsView[str, Any]:
        """Return a view of every key with its value; iterating raises `AmbiguousKey` for a shared key."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Return a view of the value of every key; iterating raises `AmbiguousKey` for a shared key."""
        return _Values(self)

    def __eq__(self, other: object) -> bool:
        return self.fingerprint == other.fingerprint if isinstance(other, LazyConfig) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        rules = sum(len(section.rules) for section in self._sections.values())
        return f"<LazyConfig of {rules:,} rules in {len(self._sections)} sections>"

    @property
    def sections(self) -> Mapping[str, LazySection]:
        """The read-only mapping of section name to its lazy mapping, in the order of the sources."""
        return MappingProxyType(self._sections)

    def section(self, name: str) -> LazySection:
        """Return the lazy mapping of one section; raise `MissingKey` with near names for an unknown one."""
        found = self._sections.get(name)
        if found is None:
            raise MissingKey(name, closest(name, self._sections))
        return found

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, section by section, in constant memory."""
        for name, section in self._sections.items():
            for key, value in section.entries():
                yield Entry(name, key, value)

    def explain(self, key: str, section: str | None = None) -> Explanation:
        """Say which rule gives ``key`` its value, or why it has none.

        Raise `AmbiguousKey` when several sections hold the key and ``section`` names none of them.
        """
        names = [section] if section is not None else list(self._sections)
        holding = [name for name in names if key in self.section(name)]
        if len(holding) > 1:
            raise AmbiguousKey(key, holding)
        if holding:
            evaluator = Evaluator(self, self._context, DiagnosticLog(lenient=True))
            return self._rules(holding[0]).present(key, self._sections[holding[0]][key], evaluator)
        return self._explain_absent(key, names)

    def _rules(self, name: str) -> SectionRules:
        known = self._explainers.get(name)
        if known is None:
            known = self._explainers[name] = SectionRules(self._sections[name].plan)
        return known

    def _explain_absent(self, key: str, names: Sequence[str]) -> Explanation:
        near = self.near(key)
        try:
            segments = parse_key(key)
        except PatternSyntaxError as error:
            return Explanation(key, found=False, reason=f"it is no key: {error.reason}", near=near)
        found = [self._rules(name).absent(key, segments, near) for name in names]
        best = [explanation for explanation in found if explanation.winner]
        best += [explanation for explanation in found if explanation.nearest] + found
        return best[0] if best else Explanation(key, found=False, reason="there are no rules", near=near)

    def match(self, pattern: str) -> tuple[Entry, ...]:
        """Return the entries whose keys match ``pattern``, section by section; others are not made.

        Raise `UsageError` for a pattern that does not parse, names an unknown domain, begins with ``!``, or
        matches more than a million keys.
        """
        try:
            parsed = parse_pattern(pattern)
            test = Coverage(self._resolver.select(parsed))
        except (PatternSyntaxError, BindError) as error:
            raise UsageError(str(error)) from error
        if parsed.negated:
            raise UsageError(f"{pattern} removes keys; match chooses them: leave out the !")
        found = (
            Entry(name, key, value)
            for name, section in self._sections.items()
            for key, value in section.matching(test)
        )
        entries = tuple(islice(found, MAX_MATCHES + 1))
        if len(entries) > MAX_MATCHES:
            raise UsageError(f"{pattern} matches more than {MAX_MATCHES:,} keys: narrow it, or use entries()")
        return entries

    def diff(self, other: HasSections) -> Difference:
        """Return what changes from this configuration to ``other``; both are walked key by key."""
        return difference(self._sections, other.sections)

    def write(self, path: str | os.PathLike[str], format: str = "json", section: str | None = None) -> None:  # noqa: A002
        """Write the configuration to ``path`` atomically in ``format``, in constant memory."""
        from strataregula import emit  # noqa: PLC0415 - encoders are loaded only by those who write

        write_atomically(path, lambda file: emit.write(self, file, format, section=section))


class _Items(ItemsView[str, Any]):
    __slots__ = ()
    _mapping: LazyConfig

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        config = self._mapping
        alone = len(config.sections) == 1
        for entry in config.entries():
            if not alone and len(names := config.holders(entry.key)) > 1:
                raise AmbiguousKey(entry.key, names)
            yield entry.key, entry.value


class _Values(ValuesView[Any]):
    __slots__ = ()
    _mapping: LazyConfig

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping.items())
