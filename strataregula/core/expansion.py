"""A plan to a dict of keys: rules in the order of the sources, and precedence where they overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple

from strataregula.core.codegen import MatchFunction, generated_function
from strataregula.core.coverage import Coverage
from strataregula.core.overlap import Budget, BudgetSpentError, covered_keys, narrowed
from strataregula.core.pattern import parse_key, parse_pattern
from strataregula.core.planner import Plan, PlannedRule, Run, SectionPlan
from strataregula.core.segments import format_key, quote_segment
from strataregula.core.suggestions import near_pattern
from strataregula.core.templates import Template
from strataregula.core.values import same_value
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import REMOVED, shown

__all__ = [
    "MAX_TESTS",
    "RuleCoverage",
    "covering",
    "expand",
    "expand_section",
    "kept_keys",
    "rank",
    "report_conflict",
    "report_no_keys",
]

MAX_TESTS: Final = 10_000_000
"""Keys that the choosing rules of a section may be compared with in all."""
_MANY: Final = 2_000
_KEYS_A_RULE: Final = 16


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
    if section.runs:
        _make_runs(section.runs, entries)
    else:
        _make(section.rules, entries)
    if len(entries) == section.count and not section.selects:
        return entries
    return _Resolution(section, entries, log).entries()


def _make_runs(runs: Iterable[Run], into: dict[str, Any]) -> None:
    """Two concatenated texts are the fastest key in CPython; three cost 1.2 times as much."""
    for prefix, endings, value in runs:
        for ending in endings:
            into[prefix + ending] = value


def _make(rules: Iterable[PlannedRule], into: dict[str, Any]) -> None:
    """Set every key that the rules make, later ones over earlier ones."""
    for planned in rules:
        value = planned.rule.value
        if planned.excluded:
            left_out = covered_keys(planned.template, planned.excluded)
            into.update({key: value for key in planned.template.iter_keys() if key not in left_out})
            continue
        run = planned.template.run
        for prefix, middles, suffix in (run,) if run else planned.template.blocks():
            for middle in middles:
                into[f"{prefix}{middle}{suffix}"] = value


def kept_keys(planned: PlannedRule) -> Iterator[str]:
    """Yield the keys that a rule makes and none of its exceptions covers."""
    tests = tuple(map(Coverage, planned.excluded))
    for key in planned.template.iter_keys():
        segments = parse_key(key)
        if not any(test.covers(segments) for test in tests):
            yield key


class RuleCoverage:
    """Tests whether a planned rule, its exceptions considered, covers a key."""

    __slots__ = ("_excluded", "coverage", "planned")

    def __init__(self, planned: PlannedRule) -> None:
        self.planned = planned
        self.coverage = Coverage(planned.template)
        self._excluded = tuple(map(Coverage, planned.excluded))

    def covers(self, segments: tuple[str, ...]) -> bool:
        """Tell whether the rule covers a key."""
        return self.coverage.covers(segments) and not any(test.covers(segments) for test in self._excluded)

    def bindings(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """Return the bindings of the rule's captures, None when it does not cover the key."""
        found = self.coverage.bindings(segments)
        if found is None or any(test.covers(segments) for test in self._excluded):
            return None
        return found

    def agreeing(self, segments: tuple[str, ...]) -> tuple[int, int]:
        """Say how near the rule comes to a key: segments that fit, and how many of them are fixed text."""
        return self.coverage.agreeing(segments)


def rank(planned: PlannedRule) -> tuple[tuple[int, int, tuple[int, ...]], int]:
    """Return what orders rules for one key: precedence, then the order of the sources."""
    return planned.precedence, planned.rule.order


class _Conflict(NamedTuple):
    first: PlannedRule
    second: PlannedRule


class _Resolution:
    """The second pass over one section: precedence decides, equals with different values are conflicts."""

    def __init__(self, section: SectionPlan, made: dict[str, Any], log: DiagnosticLog) -> None:
        self.section, self.made, self.log = section, made, log
        self.makers = [planned for planned in section.rules if not planned.template.selects]
        self.budget = Budget(MAX_TESTS)
        self.gave_up = False
        self.conflicts: dict[str, _Conflict] = {}

    def entries(self) -> dict[str, Any]:
        result = self.made
        for _, group in groupby(sorted(self.section.rules, key=rank), key=lambda planned: planned.precedence):
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
        if not part and not self.gave_up:
            report_no_keys(planned, self.section.name, self.log, self.made)

    def selected(self, planned: PlannedRule) -> list[str]:
        """Return the keys that a rule chooses; none when testing them would take too long."""
        try:
            return self.chosen(planned)
        except BudgetSpentError:
            self.overtaxed(planned)
            return []

    def chosen(self, planned: PlannedRule) -> list[str]:
        test = RuleCoverage(planned)
        if self.section.count < _KEYS_A_RULE * len(self.makers):
            head, tail = _fixed_ends(planned.template)
            likely = [key for key in self.made if key.startswith(head) and key.endswith(tail)]
            self.budget.spend(len(likely))
        else:
            likely = list(self.shared(test.coverage))
        fits = _text_test(planned) if len(likely) > _MANY else None
        if fits is None:
            return [key for key in likely if test.covers(parse_key(key))]
        return list(filter(fits, likely))

    def shared(self, coverage: Coverage) -> Iterator[str]:
        """Yield the made keys that may be covered, some of them twice."""
        for maker in self.makers:
            for template in narrowed(maker.template, coverage, self.budget):
                self.budget.spend(template.size)
                yield from (key for key in template.iter_keys() if key in self.made)

    def overtaxed(self, planned: PlannedRule) -> None:
        if self.gave_up:
            return
        self.gave_up = True
        message = (
            f"the rules of {self.section.name!r} that choose among existing keys need "
            f"more than {MAX_TESTS:,} comparisons"
        )
        hint = "begin and end them with fixed segments, or give their wildcards domains"
        self.log.report("limit", message, planned.rule.place, hint=hint, width=len(planned.rule.pattern))

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


def _text_test(planned: PlannedRule) -> MatchFunction | None:
    """Return a function on whole keys for a rule without captures and exceptions, which is much faster."""
    if planned.template.factors or planned.excluded:
        return None
    return generated_function(replace(parse_pattern(planned.rule.pattern), negated=False))


def _fixed_ends(template: Template) -> tuple[str, str]:
    """Return what every key that a template covers begins and ends with.

    ``**`` may stand for nothing, not even a dot.
    """
    fixed = [len(field) == 1 and isinstance(field[0], str) for field in template.fields]
    if all(fixed):
        return format_key([str(field[0]) for field in template.fields]), ""
    lead, trail = fixed.index(False), fixed[::-1].index(False)
    head = "".join([quote_segment(str(field[0])) + "." for field in template.fields[:lead]])
    tail = "".join(["." + quote_segment(str(field[0])) for field in template.fields[len(fixed) - trail :]])
    if not all(template.fields):
        return head.removesuffix("."), tail.removeprefix(".")
    return head, tail


def report_no_keys(planned: PlannedRule, section: str, log: DiagnosticLog, keys: Iterable[str] = ()) -> None:
    """Report that a rule which selects finds none of the ``keys`` of its section."""
    if not log.has_room("no-keys"):
        return
    pattern = planned.rule.pattern
    message = f"the rule {pattern!r} ends with no key: no other rule of {section!r} makes one"
    near = near_pattern(pattern, planned.template, keys)
    hint = "give its wildcards a domain with a shape or a capture, or check the spelling"
    hint = f"did you mean {near!r}?" if near else hint
    log.report("no-keys", message, planned.rule.place, hint=hint, width=len(pattern))


def report_conflict(
    first: PlannedRule, second: PlannedRule, key: str, count: int, log: DiagnosticLog
) -> None:
    """Report that two rules of equal precedence give ``key`` (and ``count - 1`` more) different values."""
    more = f" and {count - 1:,} more keys" if count > 1 else ""
    message = (
        f"conflict at {key!r}{more}: {shown(second.rule.value)} here, {shown(first.rule.value)} "
        f"at {first.rule.place} from {first.rule.pattern!r}, with equal precedence"
    )
    hint = "give one of them a priority, or make its pattern more specific"
    log.report("conflict", message, second.rule.place, hint=hint, width=len(second.rule.pattern))


def covering(
    rules: Iterable[RuleCoverage], segments: tuple[str, ...]
) -> list[tuple[PlannedRule, Mapping[str, str]]]:
    """Return the rules that cover a key with their bindings, the winner first."""
    found = [(test.planned, bindings) for test in rules if (bindings := test.bindings(segments)) is not None]
    return sorted(found, key=lambda pair: rank(pair[0]), reverse=True)
