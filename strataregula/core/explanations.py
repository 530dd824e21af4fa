"""Why a key has its value, or why it has none: the rules matched again, nothing stored for any key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from strataregula.answers import Candidate, Explanation
from strataregula.core.evaluation import Context, Covering, Evaluator
from strataregula.core.expansion import RuleCoverage, covering
from strataregula.core.pattern import parse_key
from strataregula.core.planner import Plan, PlannedRule, SectionPlan
from strataregula.core.rule_index import RuleIndex
from strataregula.core.templates import Slot
from strataregula.diagnostics import closest
from strataregula.model import REMOVED

__all__ = ["CompiledKeys", "SectionRules", "candidate_of", "near_keys"]

_MAX_SCANNED: Final = 200_000
_MAX_SHOWN: Final = 5
_MAX_NEAREST: Final = 50


class CompiledKeys:
    """The keys of expanded sections and the rules behind them; an index is built when first asked for."""

    def __init__(self, plan: Plan, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self._plans = {section.name: section for section in plan.sections}
        self._sections = sections
        self._rules: dict[str, SectionRules] = {}

    def holders(self, key: str) -> Sequence[str]:
        """Return the sections that hold ``key``, in the order of the sources."""
        return [name for name, entries in self._sections.items() if key in entries]

    @property
    def sections(self) -> Collection[str]:
        """The names of all sections."""
        return self._sections.keys()

    def near(self, key: str) -> tuple[str, ...]:
        """Return keys that look like one that no section holds."""
        return near_keys(key, (known for entries in self._sections.values() for known in entries))

    def covering(self, section: str, key: str) -> Covering:
        """Return the rules that cover a key that the section holds, the winner first."""
        return self.rules(section).covering(parse_key(key))

    def rules(self, section: str) -> SectionRules:
        """Return the rules of a section, ready to be matched."""
        rules = self._rules.get(section)
        if rules is None:
            rules = self._rules[section] = SectionRules(self._plans[section])
        return rules


class SectionRules:
    """The rules of one section, matched against keys."""

    def __init__(self, plan: SectionPlan) -> None:
        self.name = plan.name
        self.tests = tuple(map(RuleCoverage, plan.rules))
        self.index = RuleIndex((test.planned.template, test) for test in self.tests)

    def covering(self, segments: tuple[str, ...]) -> Covering:
        """Return the rules that cover a key with their bindings, the winner first."""
        return covering(self.index.candidates(segments), segments)

    def present(self, key: str, value: Any, evaluator: Evaluator | None) -> Explanation:
        """Explain a key that the section holds."""
        rules = self.covering(parse_key(key))
        path = self.name, *parse_key(key)
        context = Context() if evaluator is None else evaluator.context
        count, used = (1, ()) if evaluator is None else evaluator.explain(self.name, key)
        shown = [candidate_of(rule, bindings, context.strategy(rule, path)) for rule, bindings in rules]
        return Explanation(
            key,
            found=True,
            section=self.name,
            value=value,
            winner=shown[0],
            merged=tuple(shown[1:count]),
            losers=tuple(shown[count:]),
            interpolations=used,
        )

    def absent(self, key: str, segments: tuple[str, ...], near: tuple[str, ...]) -> Explanation:
        """Explain a key that the section does not hold."""
        found = self.covering(segments)
        candidates = tuple(candidate_of(planned, bindings) for planned, bindings in found)
        made = any(not planned.template.selects for planned, _ in found)
        if made and found[0][0].rule.value is REMOVED:
            reason = f"{candidates[0].pattern} removes it"
            return Explanation(key, False, self.name, None, candidates[0], candidates[1:], reason, near)  # noqa: FBT003
        uncovered = self._uncovered(key, segments, near)
        if not candidates:
            return uncovered
        reason = "only rules that choose among existing keys cover it, and none makes it"
        if uncovered.nearest is None:
            return self._absent(key, reason, near, candidates[0])
        reason += uncovered.reason.removeprefix("no rule covers it")
        return replace(uncovered, reason=reason)

    def _absent(
        self, key: str, reason: str, near: tuple[str, ...], nearest: Candidate | None = None, stopped: int = 0
    ) -> Explanation:
        return Explanation(
            key,
            found=False,
            section=self.name,
            reason=reason,
            near=near,
            nearest=nearest,
            stopped=stopped,
        )

    def _uncovered(self, key: str, segments: tuple[str, ...], near: tuple[str, ...]) -> Explanation:
        best: list[tuple[tuple[int, int], RuleCoverage]] = []
        for test in self.tests:
            agreeing = test.agreeing(segments)
            if agreeing[0] and not test.covers(segments) and test.planned.rule.value is not REMOVED:
                best.append((agreeing, test))
        if not best:
            return self._absent(key, "no rule covers it, nor comes near", near)
        most = max(fitting for (fitting, _), _ in best)
        equal = [(fixed, test.planned) for (fitting, fixed), test in best if fitting == most]
        planned = max(equal[:_MAX_NEAREST], key=lambda pair: (_likeness(pair[1], segments), pair[0]))[1]
        reason, stopped = _mismatch(planned, segments)
        return self._absent(key, reason, near, candidate_of(planned, {}), stopped)


def _likeness(planned: PlannedRule, segments: tuple[str, ...]) -> float:
    """Say how like the first segment at fault is to one that would do, from 0 to 1."""
    for field, text in zip(planned.template.fields, segments, strict=False):
        lone = field[0] if len(field) == 1 else None
        if isinstance(lone, Slot):
            values = {row[lone.column]: None for row in planned.template.factors[lone.factor].rows}
            wanted = (text,) if text in values else closest(text, values, limit=1)
        else:
            wanted = closest(text, (lone,)) if isinstance(lone, str) and lone != text else (text,)
        if text not in wanted:
            return SequenceMatcher(None, text, wanted[0]).ratio() if wanted else 0.0
    return 0.0


def candidate_of(planned: PlannedRule, bindings: Mapping[str, str], strategy: str = "") -> Candidate:
    """Return a rule as it is shown; ``strategy`` is how it merges at the key in question."""
    rule = planned.rule
    return Candidate(
        rule.pattern,
        rule.value,
        rule.place,
        planned.precedence,
        MappingProxyType(dict(bindings)),
        "" if strategy == "replace" else strategy,
    )


def _mismatch(planned: PlannedRule, segments: tuple[str, ...]) -> tuple[str, int]:
    """Say in which segment the nearest rule and the key part, and its number, 0 for no single one."""
    fields = planned.template.fields
    if len(fields) != len(segments):
        return f"no rule covers it; the nearest has {len(fields)} segments, the key {len(segments)}", 0
    for number, (field, text) in enumerate(zip(fields, segments, strict=True), start=1):
        lone = field[0] if len(field) == 1 else None
        if isinstance(lone, str) and lone != text:
            reason = f"the nearest has {lone!r} in segment {number}, the key {text!r}"
            return f"no rule covers it; {reason}", number
        if isinstance(lone, Slot):
            reason = _refused(planned, lone, text)
            if reason:
                return f"no rule covers it; {text!r} in segment {number} is no {reason}", number
    return "no rule covers it; the nearest leaves out this combination", 0


def _refused(planned: PlannedRule, slot: Slot, text: str) -> str:
    """Name what ``text`` is not, and what would be; the empty text when it is one."""
    factor = planned.template.factors[slot.factor]
    values = dict.fromkeys(row[slot.column] for row in factor.rows)
    if text in values:
        return ""
    name = factor.names[slot.column] or "choice"
    conditions = " under its where and except" if planned.rule.where or planned.rule.unless else ""
    near = closest(text, values, limit=1)
    if near:
        return f"{name} of the nearest rule{conditions}, {near[0]!r} is"
    shown = ", ".join(islice(values, _MAX_SHOWN)) + (", ..." if len(values) > _MAX_SHOWN else "")
    return f"{name} of the nearest rule{conditions}, it has {shown}"


def near_keys(key: str, keys: Iterable[str]) -> tuple[str, ...]:
    """Return similar keys: with all but one segment the same, or at least the same beginning."""
    segments = key.split(".")
    ends = [(".".join(segments[:at]), ".".join(segments[at + 1 :])) for at in range(min(len(segments), 8))]
    ends = [(head, tail) for head, tail in ends if head or tail]
    known = list(islice(keys, _MAX_SCANNED))
    kept = [
        name for name in known if any(name.startswith(head) and name.endswith(tail) for head, tail in ends)
    ]
    kept = kept or [name for name in known if name[:1] == key[:1]]
    kept.sort(key=lambda name: (-_agreeing(name, key), abs(len(name) - len(key))))
    return closest(key, kept) or closest(key, known)


def _agreeing(first: str, second: str) -> int:
    """Count the characters that two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))
