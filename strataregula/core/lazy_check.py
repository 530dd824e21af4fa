"""What is wrong with a section is looked for among the keys that rules share; no other key is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strataregula.core.expansion import report_conflict, report_no_keys
from strataregula.core.lazy import LazySection
from strataregula.core.overlap import Budget, BudgetSpentError, narrowed
from strataregula.core.pattern import parse_key
from strataregula.core.planner import PlannedRule
from strataregula.core.values import same_value
from strataregula.diagnostics import DiagnosticLog

__all__ = ["CHECK_STEPS", "check_section"]

CHECK_STEPS: Final = 100_000
"""Steps that a check may take before it leaves the rest to the look-ups; about 50 ms."""


def check_section(section: LazySection, log: DiagnosticLog, budget: Budget | None = None) -> None:
    """Report conflicts and rules that select nothing, as far as the budget goes.

    A conflict that is not found here is found when its key is read.
    """
    check = _Check(section, log, budget or Budget(CHECK_STEPS))
    try:
        for planned in section.plan.rules:
            check.rule(planned)
    except BudgetSpentError:
        return


class _Check:
    def __init__(self, section: LazySection, log: DiagnosticLog, budget: Budget) -> None:
        self.section, self.log, self.budget = section, log, budget

    def rule(self, planned: PlannedRule) -> None:
        rivals = [self.section.rules[number] for number in self.section.rivals(planned)]
        self.budget.spend(len(rivals) // 8)
        makers = [rival for rival in rivals if not rival.template.selects]
        if planned.template.selects and not any(next(self.shared(of, planned), None) for of in makers):
            report_no_keys(planned, self.section.name, self.log)
        for rival in rivals:
            if (
                rival.rule.order > planned.rule.order
                and rival.precedence == planned.precedence
                and not same_value(rival.rule.value, planned.rule.value)
            ):
                self.pair(planned, rival)

    def pair(self, first: PlannedRule, second: PlannedRule) -> None:
        for key in self.of_both(first, second):
            winner = self.section.winner(parse_key(key), strict=False)
            if winner is not None and winner.precedence == first.precedence:
                report_conflict(first, second, key, 1, self.log)
                return

    def of_both(self, first: PlannedRule, second: PlannedRule) -> Iterator[str]:
        """Yield keys that both rules cover and some rule makes."""
        makers = [rule for rule in (first, second) if not rule.template.selects]
        makers.sort(key=lambda rule: rule.size)
        if makers:
            yield from self.shared(makers[0], second if makers[0] is first else first)
            return
        test = self.section.test_of(second)
        for maker in self.section.plan.rules:
            if not maker.template.selects:
                yield from (key for key in self.shared(maker, first) if test.covers(parse_key(key)))

    def shared(self, maker: PlannedRule, other: PlannedRule) -> Iterator[str]:
        """Yield the keys that one rule makes and another one covers."""
        mine, theirs = self.section.test_of(maker), self.section.test_of(other)
        for template in narrowed(maker.template, theirs.coverage, self.budget):
            for key in template.iter_keys():
                self.budget.spend()
                segments = parse_key(key)
                if theirs.covers(segments) and (not maker.excluded or mine.covers(segments)):
                    yield key
