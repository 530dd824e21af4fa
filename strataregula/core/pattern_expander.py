"""A plan to keys: at once into a dict (`expand`), or one by one in constant memory (`PatternExpander`).

Both agree on the order (the first rule that makes a key decides its place) and on precedence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby, islice
from typing import Any, Final, NamedTuple

from strataregula.core.coverage import Coverage, RuleIndex
from strataregula.core.pattern import MAX_SEGMENTS, parse_key
from strataregula.core.planner import (
    MAX_KEYS,
    Plan,
    PlannedRule,
    SectionPlan,
    make_resolver,
    plan_rules,
    rules_of,
)
from strataregula.core.resolver import MAX_KEYS_PER_RULE
from strataregula.core.values import same_value
from strataregula.diagnostics import DiagnosticLog
from strataregula.errors import UsageError
from strataregula.model import REMOVED

__all__ = ["PatternExpander", "RuleCoverage", "covering", "expand", "expand_section"]

_CHUNK: Final = 1_024
_SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})
_META: Final = re.compile(r'[*?\[\]{}\\"]')
_EMPTY_SEGMENTS: Final = ("..", "\n.", ".\n", "\n!", "\n\n")


def expand(plan: Plan, log: DiagnosticLog | None = None) -> dict[str, dict[str, Any]]:
    """Expand every section of a plan into a dict of its keys.

    Problems that only the keys show (conflicts, rules that select nothing) go to ``log``; without one they
    are raised together as a `CompilationError`.
    """
    collected = log if log is not None else DiagnosticLog()
    sections = {section.name: expand_section(section, collected) for section in plan.sections}
    if log is None:
        collected.raise_if_errors()
    return sections


def expand_section(section: SectionPlan, log: DiagnosticLog) -> dict[str, Any]:
    """Expand one section.

    A second pass in the order of precedence is made only when rules overlap or select.
    """
    entries: dict[str, Any] = {}
    _make(section.rules, entries)
    if len(entries) == section.count and not section.selects:
        return entries
    return _Resolution(section, entries, log).entries()


def _make(rules: Iterable[PlannedRule], into: dict[str, Any]) -> None:
    """Set every key that the rules make, later ones over earlier ones.

    Two concatenated texts are the fastest key in CPython, hence one loop for each place that the shared
    table can have.
    """
    for planned in rules:
        value = planned.rule.value
        if planned.excluded:
            into.update(dict.fromkeys(_kept_keys(planned), value))
            continue
        run = planned.template.run
        for prefix, middles, suffix in (run,) if run else planned.template.blocks():
            if not suffix:
                for middle in middles:
                    into[prefix + middle] = value
            elif not prefix:
                for middle in middles:
                    into[middle + suffix] = value
            else:
                for middle in middles:
                    into[f"{prefix}{middle}{suffix}"] = value


def _kept_keys(planned: PlannedRule) -> Iterator[str]:
    tests = tuple(map(Coverage, planned.excluded))
    for key in planned.template.iter_keys():
        segments = parse_key(key)
        if not any(test.bindings(segments) is not None for test in tests):
            yield key


class RuleCoverage:
    """Tests whether a planned rule, its exceptions considered, covers a key."""

    __slots__ = ("_excluded", "_test", "planned")

    def __init__(self, planned: PlannedRule) -> None:
        self.planned = planned
        self._test = Coverage(planned.template)
        self._excluded = tuple(map(Coverage, planned.excluded))

    def bindings(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """Return the bindings of the rule's captures, None when it does not cover the key."""
        found = self._test.bindings(segments)
        if found is None or any(test.bindings(segments) is not None for test in self._excluded):
            return None
        return found

    def agreeing(self, segments: tuple[str, ...]) -> tuple[int, int]:
        """Say how near the rule comes to a key: segments that fit, and how many of them are fixed text."""
        return self._test.agreeing(segments)


def _rank(planned: PlannedRule) -> tuple[tuple[int, int, tuple[int, ...]], int]:
    return planned.precedence, planned.rule.order


class _Conflict(NamedTuple):
    first: PlannedRule
    second: PlannedRule


class _Resolution:
    """The second pass over one section: precedence decides, equals with different values are conflicts."""

    def __init__(self, section: SectionPlan, made: dict[str, Any], log: DiagnosticLog) -> None:
        self.section, self.made, self.log = section, made, log
        self.conflicts: dict[str, _Conflict] = {}
        self.segments: dict[int, list[tuple[str, tuple[str, ...]]]] | None = None

    def entries(self) -> dict[str, Any]:
        result = self.made
        for _, group in groupby(
            sorted(self.section.rules, key=_rank), key=lambda planned: planned.precedence
        ):
            rules = list(group)
            entries = self.group(rules)
            for key in self.conflicts.keys() & entries.keys():
                if self.conflicts[key].first.precedence != rules[0].precedence:
                    del self.conflicts[key]
            result.update(entries)
        self.report()
        if any(planned.rule.value is REMOVED for planned in self.section.rules):
            return {key: value for key, value in result.items() if value is not REMOVED}
        return result

    def group(self, rules: list[PlannedRule]) -> dict[str, Any]:
        """Return the keys of rules of equal precedence, the later one winning; note where they disagree."""
        entries: dict[str, Any] = {}
        total = 0
        parts: list[dict[str, Any]] = []
        for planned in rules:
            part: dict[str, Any] = {}
            self.fill(planned, part)
            parts.append(part)
            total += len(part)
            entries.update(part)
        if len(entries) < total:
            self.compare(rules, parts)
        return entries

    def fill(self, planned: PlannedRule, part: dict[str, Any]) -> None:
        if not planned.template.selects:
            _make((planned,), part)
            return
        part.update(dict.fromkeys(self.selected(planned), planned.rule.value))
        if not part:
            hint = "give its wildcards a domain with a shape or a capture, or check the spelling"
            message = (
                f"the rule {planned.rule.pattern!r} ends with no key: "
                f"no other rule of {self.section.name!r} makes one"
            )
            self.log.report(
                "no-keys", message, planned.rule.place, hint=hint, width=len(planned.rule.pattern)
            )

    def selected(self, planned: PlannedRule) -> list[str]:
        test = RuleCoverage(planned)
        if all(planned.template.fields):
            candidates = self.by_length().get(len(planned.template.fields), [])
        else:
            candidates = [pair for pairs in self.by_length().values() for pair in pairs]
        return [key for key, segments in candidates if test.bindings(segments) is not None]

    def by_length(self) -> dict[int, list[tuple[str, tuple[str, ...]]]]:
        if self.segments is None:
            self.segments = {}
            for key in self.made:
                segments = parse_key(key)
                self.segments.setdefault(len(segments), []).append((key, segments))
        return self.segments

    def compare(self, rules: list[PlannedRule], parts: list[dict[str, Any]]) -> None:
        owners: dict[str, PlannedRule] = {}
        for planned, part in zip(rules, parts, strict=True):
            for key in part:
                owner = owners.setdefault(key, planned)
                if owner is not planned and not same_value(owner.rule.value, planned.rule.value):
                    self.conflicts[key] = _Conflict(owner, planned)

    def report(self) -> None:
        by_pair: dict[tuple[int, int], list[str]] = {}
        pairs: dict[tuple[int, int], _Conflict] = {}
        for key, conflict in self.conflicts.items():
            numbers = conflict.first.rule.order, conflict.second.rule.order
            by_pair.setdefault(numbers, []).append(key)
            pairs[numbers] = conflict
        for numbers, keys in by_pair.items():
            report_conflict(pairs[numbers].first, pairs[numbers].second, keys[0], len(keys), self.log)


def report_conflict(
    first: PlannedRule, second: PlannedRule, key: str, count: int, log: DiagnosticLog
) -> None:
    """Report that two rules of equal precedence give ``key`` (and ``count - 1`` more) different values."""
    more = f" and {count - 1:,} more keys" if count > 1 else ""
    message = (
        f"conflict at {key!r}{more}: {second.rule.value!r} here, {first.rule.value!r} at {first.rule.place} "
        f"from {first.rule.pattern!r}, with equal precedence"
    )
    hint = "give one of them a priority, or make its pattern more specific"
    log.report("conflict", message, second.rule.place, hint=hint, width=len(second.rule.pattern))


class PatternExpander:
    """Expands patterns with values lazily, in constant memory.

    ``domains`` is plain data as under ``domains:`` in a document, ``shapes`` a list of patterns; neither is
    needed for literals, alternations and ranges. The limits may be raised for streams that are never held
    in memory.

    >>> expander = PatternExpander({"role": ["api", "web"]})
    >>> list(expander.expand_pattern_stream({"edge.{role}": 5, "edge.api": 7}))
    [('edge.api', 7), ('edge.web', 5)]
    """

    def __init__(
        self,
        domains: Mapping[str, Any] | None = None,
        shapes: Iterable[str] = (),
        *,
        max_keys: int = MAX_KEYS,
        max_keys_per_rule: int = MAX_KEYS_PER_RULE,
    ) -> None:
        log = DiagnosticLog()
        self._max_keys = max_keys
        self._resolver = make_resolver(domains, shapes, log, max_keys_per_rule)
        log.raise_if_errors()

    def plan(self, patterns: Mapping[str, Any]) -> Plan:
        """Plan the patterns as one section called ``patterns``.

        Raise `CompilationError` with every problem.
        """
        log = DiagnosticLog()
        plan = self._plan(patterns, log)
        log.raise_if_errors()
        return plan

    def _plan(self, patterns: Mapping[str, Any], log: DiagnosticLog) -> Plan:
        return plan_rules(
            rules_of(patterns, "patterns", log), self._resolver, log, ("patterns",), self._max_keys
        )

    def expand_pattern_stream(self, patterns: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield ``(key, value)`` for every key that ``patterns`` make, once, with the value that wins.

        Problems are raised as one `CompilationError` before the first key. Keys come rule by rule; values
        are immutable.
        """
        if not isinstance(patterns, Mapping):
            raise UsageError(f"patterns is {type(patterns).__name__}, not a mapping of pattern to value")
        if _all_literal(patterns):
            return iter(patterns.items())
        log = DiagnosticLog()
        plan = self._plan(patterns, log)
        log.raise_if_errors()
        stream = _Stream(plan.sections[0])
        stream.check(log)
        log.raise_if_errors()
        return stream.entries()


def _all_literal(patterns: Mapping[str, Any]) -> bool:
    """Tell whether every text is a key as it stands and every value a scalar, without parsing any."""
    texts, values = iter(patterns), iter(patterns.values())
    while chunk := list(islice(texts, _CHUNK)):
        if not _SCALARS.issuperset(map(type, islice(values, _CHUNK))):
            return False
        try:
            joined = "\n".join(("", *chunk, ""))
        except TypeError:
            return False
        if max(map(len, chunk)) >= 2 * MAX_SEGMENTS or _META.search(joined):
            return False
        if any(empty in joined for empty in _EMPTY_SEGMENTS):
            return False
    return True


class _Stream:
    """One section as a stream.

    Every key is given by the first rule that makes it, with the value of the rule that wins.
    """

    def __init__(self, section: SectionPlan) -> None:
        self.rules = section.rules
        self.section = section
        self.index = RuleIndex((planned.template, number) for number, planned in enumerate(self.rules))
        self.tests: dict[int, RuleCoverage] = {}

    def test(self, number: int) -> RuleCoverage:
        known = self.tests.get(number)
        if known is None:
            known = self.tests[number] = RuleCoverage(self.rules[number])
        return known

    def rivals(self, number: int) -> list[int]:
        if len(self.rules) == 1:
            return []
        return [other for other in self.index.overlapping(self.rules[number].template) if other != number]

    def entries(self) -> Iterator[tuple[str, Any]]:
        for number, planned in enumerate(self.rules):
            if planned.template.selects:
                continue
            rivals = self.rivals(number)
            if rivals or planned.excluded:
                yield from self.contested(number, rivals)
            else:
                value = planned.rule.value
                for prefix, middles, suffix in planned.template.blocks():
                    for middle in middles:
                        yield f"{prefix}{middle}{suffix}", value

    def contested(self, number: int, rivals: list[int]) -> Iterator[tuple[str, Any]]:
        planned = self.rules[number]
        keys = _kept_keys(planned) if planned.excluded else planned.template.iter_keys()
        for key in keys:
            segments = parse_key(key)
            covering = [rival for rival in rivals if self.test(rival).bindings(segments) is not None]
            if any(rival < number and not self.rules[rival].template.selects for rival in covering):
                continue
            winner = max((self.rules[rival] for rival in (number, *covering)), key=_rank)
            if winner.rule.value is not REMOVED:
                yield key, winner.rule.value

    def check(self, log: DiagnosticLog) -> None:
        """Report conflicts and rules that select nothing, before the first key."""
        for number, planned in enumerate(self.rules):
            rivals = self.rivals(number)
            if planned.template.selects and not any(self.chosen(number, rival) for rival in rivals):
                message = f"the rule {planned.rule.pattern!r} ends with no key: no other rule makes one"
                log.report("no-keys", message, planned.rule.place, hint="give its wildcards a domain")
            for rival in rivals:
                if rival > number and self.rules[rival].precedence == planned.precedence:
                    self.compare(number, rival, log)

    def chosen(self, number: int, rival: int) -> bool:
        if self.rules[rival].template.selects:
            return False
        test = self.test(number)
        return any(
            test.bindings(parse_key(key)) is not None for key in self.rules[rival].template.iter_keys()
        )

    def compare(self, number: int, rival: int, log: DiagnosticLog) -> None:
        first, second = self.rules[number], self.rules[rival]
        if same_value(first.rule.value, second.rule.value):
            return
        for key in self.shared(number, rival):
            segments = parse_key(key)
            others = self.index.candidates(segments)
            covering = [other for other in others if self.test(other).bindings(segments) is not None]
            if all(self.rules[other].precedence <= first.precedence for other in covering):
                report_conflict(first, second, key, 1, log)
                return

    def shared(self, number: int, rival: int) -> Iterator[str]:
        """Yield the keys that both rules cover, walking the smaller one that makes keys."""
        makers = [at for at in (number, rival) if not self.rules[at].template.selects]
        if not makers:
            made: Iterator[str] = chain.from_iterable(planned.template.iter_keys() for planned in self.rules)
        else:
            made = self.rules[min(makers, key=lambda at: self.rules[at].size)].template.iter_keys()
        tests = self.test(number), self.test(rival)
        return (key for key in made if all(test.bindings(parse_key(key)) is not None for test in tests))


def covering(
    rules: Iterable[RuleCoverage], segments: tuple[str, ...]
) -> list[tuple[PlannedRule, Mapping[str, str]]]:
    """Return the rules that cover a key with their bindings, the winner first."""
    found = [(test.planned, bindings) for test in rules if (bindings := test.bindings(segments)) is not None]
    return sorted(found, key=lambda pair: _rank(pair[0]), reverse=True)
