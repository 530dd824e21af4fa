"""A plan to keys: at once into a dict (`expand`), or one by one in constant memory (`PatternExpander`).

Both agree on the order (the first rule that makes a key decides its place) and on precedence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

from strataregula.core.expansion import RuleCoverage, expand, kept_keys, rank, report_conflict
from strataregula.core.pattern import MAX_SEGMENTS, parse_key
from strataregula.core.planner import MAX_KEYS, Plan, SectionPlan, make_resolver, plan_rules, rules_of
from strataregula.core.resolver import MAX_KEYS_PER_RULE
from strataregula.core.rule_index import RuleIndex
from strataregula.core.values import same_value
from strataregula.diagnostics import DiagnosticLog
from strataregula.errors import UsageError
from strataregula.model import REMOVED

__all__ = ["PatternExpander", "expand"]

_CHUNK: Final = 1_024
_SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})
_META: Final = re.compile(r'[*?\[\]{}\\"]')
_EMPTY_SEGMENTS: Final = ("..", "\n.", ".\n", "\n!", "\n\n")


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
        keys = kept_keys(planned) if planned.excluded else planned.template.iter_keys()
        for key in keys:
            segments = parse_key(key)
            covering = [rival for rival in rivals if self.test(rival).bindings(segments) is not None]
            if any(rival < number and not self.rules[rival].template.selects for rival in covering):
                continue
            winner = max((self.rules[rival] for rival in (number, *covering)), key=rank)
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
