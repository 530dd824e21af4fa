"""A section of which no key is made until somebody asks: looked up through its rules, or streamed.

A key exists when some rule makes it and the rule that wins does not remove it; rules that only select make
none. Memory and time to build follow the number of rules, not the number of keys.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final

from strataregula.core.coverage import Coverage
from strataregula.core.expansion import RuleCoverage, kept_keys, rank, report_conflict
from strataregula.core.overlap import Budget, BudgetSpentError, narrowed
from strataregula.core.pattern import parse_key
from strataregula.core.planner import PlannedRule, SectionPlan
from strataregula.core.rule_index import RuleIndex
from strataregula.core.segments import format_key
from strataregula.core.templates import Block, Template
from strataregula.core.values import same_value
from strataregula.diagnostics import DiagnosticLog, closest
from strataregula.errors import CompilationError, MissingKey, PatternSyntaxError, UncountedKeys
from strataregula.model import REMOVED

__all__ = ["LazySection"]

_COUNTED: Final = 1_000_000
_NEAR_RULES: Final = 20
_NEAR_VALUES: Final = 2_000
_NEAR_KEYS: Final = 200
_FEW: Final = 8
_HELD: Final = 10_000

Evaluate = Callable[[str, str], Any]
_Step = tuple[PlannedRule, Iterable[Block], Iterable[tuple[str, PlannedRule]]]


class LazySection(Mapping[str, Any]):
    """One section as a read-only mapping without its keys.

    ``special`` names the rules (by order) whose values ``evaluate(section, key)`` has to make. A key whose
    best rules contradict each other raises `CompilationError` when it is read, unless ``lenient``. A section
    is equal to itself alone: comparing keys would make them all.
    """

    __slots__ = ("_evaluate", "_index", "_length", "_ranks", "_special", "_tests", "lenient", "plan", "rules")

    def __init__(
        self,
        plan: SectionPlan,
        *,
        lenient: bool = False,
        evaluate: Evaluate | None = None,
        special: frozenset[int] = frozenset(),
    ) -> None:
        self.plan, self.lenient = plan, lenient
        self.rules = tuple(sorted(plan.rules, key=rank, reverse=True))
        self._evaluate, self._special = evaluate, special
        self._tests: list[RuleCoverage | None] = [None] * len(self.rules)
        self._ranks = {planned.rule.order: number for number, planned in enumerate(self.rules)}
        self._index = RuleIndex((planned.template, number) for number, planned in enumerate(self.rules))
        self._length = -1

    @property
    def name(self) -> str:
        """The name of the section."""
        return self.plan.name

    def __getitem__(self, key: str) -> Any:
        segments = _segments(key)
        winner = self.winner(segments) if segments else None
        if winner is None or winner.rule.value is REMOVED:
            raise MissingKey(key, lambda: self.near(key))
        return self._value(winner, key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, ``default`` when the section does not hold it."""
        segments = _segments(key)
        winner = self.winner(segments) if segments else None
        if winner is None or winner.rule.value is REMOVED:
            return default
        return self._value(winner, key)

    def __contains__(self, key: object) -> bool:
        segments = _segments(key)
        winner = self.winner(segments, strict=False) if segments else None
        return winner is not None and winner.rule.value is not REMOVED

    def __iter__(self) -> Iterator[str]:
        for _, blocks, contested in self._walk():
            for prefix, middles, suffix in blocks:
                yield from (f"{prefix}{middle}{suffix}" for middle in middles)
            yield from (key for key, _ in contested)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def __len__(self) -> int:
        """Return the number of keys; raise `UncountedKeys` when only walking too many of them would tell."""
        if self._length < 0:
            self._length = self._count()
        return self._length

    def items(self) -> ItemsView[str, Any]:
        """Return a view of every key with its value, made while it is read."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Return a view of the values, made while it is read."""
        return _Values(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<LazySection {self.name!r} of {len(self.rules):,} rules>"

    def covering(self, segments: Sequence[str]) -> list[tuple[PlannedRule, Mapping[str, str]]]:
        """Return the rules that cover a key with the bindings of their captures, the winner first."""
        found = []
        for number in sorted(self._index.candidates(segments)):
            bindings = self.test(number).bindings(tuple(segments))
            if bindings is not None:
                found.append((self.rules[number], bindings))
        return found

    def test(self, number: int) -> RuleCoverage:
        """Return the test of a rule by its number, made when it is needed for the first time."""
        known = self._tests[number]
        if known is None:
            known = self._tests[number] = RuleCoverage(self.rules[number])
        return known

    def winner(self, segments: tuple[str, ...], *, strict: bool = True) -> PlannedRule | None:
        """Return the rule that gives a key its value, None when no rule makes the key."""
        numbers = self._index.candidates(segments)
        if len(numbers) > 1:
            numbers.sort()
        winner: PlannedRule | None = None
        made = False
        for number in numbers:
            planned = self.rules[number]
            if winner is not None and made and planned.precedence != winner.precedence:
                break
            if not self.test(number).covers(segments):
                continue
            made = made or not planned.template.selects
            if winner is None:
                winner = planned
            elif strict and planned.precedence == winner.precedence:
                self._agree(planned, winner, segments)
        return winner if made else None

    def test_of(self, planned: PlannedRule) -> RuleCoverage:
        """Return the test of a rule."""
        return self.test(self._ranks[planned.rule.order])

    def _agree(self, lower: PlannedRule, upper: PlannedRule, segments: tuple[str, ...]) -> None:
        if not self.lenient and not same_value(lower.rule.value, upper.rule.value):
            log = DiagnosticLog()
            report_conflict(lower, upper, format_key(segments), 1, log)
            raise CompilationError(log.errors)

    def _value(self, winner: PlannedRule, key: str) -> Any:
        if self._evaluate is not None and winner.rule.order in self._special:
            return self._evaluate(self.name, key)
        return winner.rule.value

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield every key once with its value, in the order of the rules, in constant memory."""
        for planned, blocks, contested in self._walk():
            value = planned.rule.value
            plain = planned.rule.order not in self._special
            for prefix, middles, suffix in blocks:
                for middle in middles:
                    key = f"{prefix}{middle}{suffix}"
                    yield key, value if plain else self._value(planned, key)
            for key, winner in contested:
                yield key, self._value(winner, key)

    def _walk(self) -> Iterator[_Step]:
        """Yield the rules that make keys, each with its own keys and with keys that have their winner."""
        for planned in self.plan.rules:
            if planned.template.selects:
                continue
            rivals = self.rivals(planned)
            disputed = self._disputed(planned, rivals)
            if disputed is None:
                yield planned, (), self._contested(planned, rivals)
            elif disputed:
                yield planned, (), self._settled(planned, disputed)
            else:
                yield planned, planned.template.blocks(), ()

    def _disputed(self, planned: PlannedRule, rivals: list[int]) -> AbstractSet[str] | None:
        """Return the keys of a rule that others may cover too, None when they are too many to hold."""
        if planned.excluded:
            return None
        if not rivals:
            return frozenset()
        disputed: set[str] = set()
        budget = Budget(planned.size)
        try:
            for number in rivals:
                for template in narrowed(planned.template, self.test(number).coverage, budget):
                    if len(disputed) + template.size > _HELD:
                        return None
                    disputed.update(template.iter_keys())
        except BudgetSpentError:
            return None
        return disputed

    def _first_winner(self, planned: PlannedRule, segments: tuple[str, ...]) -> PlannedRule | None:
        """Return the rule that gives a key its value; None where an earlier rule made it or it is removed."""
        if self._made_before(planned, segments):
            return None
        winner = self.winner(segments)
        return None if winner is None or winner.rule.value is REMOVED else winner

    def samples(self) -> Iterator[str]:
        """Yield a key that the section holds for each rule whose value has to be evaluated."""
        for planned in self.plan.rules:
            if planned.rule.order in self._special and not planned.template.selects:
                yield from islice(
                    (key for key in islice(planned.template.iter_keys(), _FEW) if key in self), 1
                )

    def meets(self, other: LazySection) -> bool:
        """Tell whether a rule that makes keys may share one with such a rule of ``other``."""
        return any(
            not self.rules[number].template.selects
            for planned in other.rules
            if not planned.template.selects
            for number in self._index.overlapping(planned.template)
        )

    def rivals(self, planned: PlannedRule) -> list[int]:
        """Return the numbers of the other rules that may share a key with one."""
        if len(self.rules) == 1:
            return []
        found = self._index.overlapping(planned.template)
        if len(found) == 1:
            return []
        mine = self._ranks[planned.rule.order]
        return sorted(number for number in found if number != mine)

    def _settled(self, planned: PlannedRule, disputed: AbstractSet[str]) -> Iterator[tuple[str, PlannedRule]]:
        """Yield the keys of a rule with the rule that wins each; those of earlier rules are left out."""
        for key in planned.template.iter_keys():
            if key not in disputed:
                yield key, planned
            elif (winner := self._first_winner(planned, parse_key(key))) is not None:
                yield key, winner

    def _contested(self, planned: PlannedRule, rivals: list[int]) -> Iterator[tuple[str, PlannedRule]]:
        """Do the same for a rule of which any key may be disputed."""
        tests = [self.test(number) for number in rivals] if len(rivals) <= _FEW else None
        for key in kept_keys(planned) if planned.excluded else planned.template.iter_keys():
            segments = parse_key(key)
            if tests is not None and not any(test.covers(segments) for test in tests):
                yield key, planned
            elif (winner := self._first_winner(planned, segments)) is not None:
                yield key, winner

    def matching(self, test: Coverage) -> Iterator[tuple[str, Any]]:
        """Yield the keys that ``test`` covers with their values, rule by rule, without walking the others."""
        for planned in self.plan.rules:
            if planned.template.selects:
                continue
            seen: set[str] = set()
            for template in narrowed(planned.template, test, Budget(sys.maxsize)):
                for key in template.iter_keys():
                    segments = parse_key(key)
                    if key in seen or not test.covers(segments) or self._made_before(planned, segments):
                        continue
                    seen.add(key)
                    winner = self.winner(segments)
                    if winner is not None and winner.rule.value is not REMOVED:
                        yield key, self._value(winner, key)

    def _made_before(self, planned: PlannedRule, segments: tuple[str, ...]) -> bool:
        """Tell whether an earlier rule makes a key, or an exception of this one leaves it out."""
        if not self.test_of(planned).covers(segments):
            return True
        return any(
            self.rules[number].rule.order < planned.rule.order
            and not self.rules[number].template.selects
            and self.test(number).covers(segments)
            for number in self._index.candidates(segments)
        )

    def _count(self) -> int:
        total = 0
        for planned in self.plan.rules:
            if planned.template.selects:
                continue
            rivals = [self.rules[number] for number in self.rivals(planned)]
            if planned.excluded or any(
                not rival.template.selects or rival.rule.value is REMOVED for rival in rivals
            ):
                return self._walked()
            total += planned.size
        if total > sys.maxsize:
            raise UncountedKeys(self.name, total)
        return total

    def _walked(self) -> int:
        if self.plan.count > _COUNTED:
            raise UncountedKeys(self.name, self.plan.count)
        return sum(1 for _ in self)

    def near(self, key: str) -> tuple[str, ...]:
        """Return keys like ``key``: those of the rules that come nearest, each segment put right."""
        try:
            segments = parse_key(key)
        except PatternSyntaxError:
            return ()
        agreeing = [
            (self.test(number).agreeing(segments), number)
            for number in range(min(len(self.rules), _NEAR_VALUES))
            if not self.rules[number].template.selects
        ]
        best = sorted(
            (found for found in agreeing if found[0] > (0, 0)), key=lambda found: found[0], reverse=True
        )
        guesses = (_guess(self.rules[number].template, segments) for _, number in best[:_NEAR_RULES])
        found = [guess for guess in dict.fromkeys(guesses) if guess and guess in self]
        return closest(key, found or list(islice(self._first_keys(), _NEAR_VALUES)))

    def _first_keys(self) -> Iterator[str]:
        """Yield the first keys of each rule; walking on could take for ever where most are removed."""
        for planned in self.plan.rules:
            if not planned.template.selects:
                yield from (key for key in islice(planned.template.iter_keys(), _NEAR_KEYS) if key in self)


def _guess(template: Template, segments: tuple[str, ...]) -> str:
    """Return the key of a template that looks most like some segments, the empty text for none."""
    test = Coverage(template)
    texts = []
    for number, text in enumerate(segments[: len(template.fields)]):
        if test.fits(number, text):
            texts.append(text)
            continue
        like = closest(text, islice(template.texts_of(number), _NEAR_VALUES), limit=1)
        if not like:
            return ""
        texts.append(like[0])
    return format_key(texts)


def _segments(key: object) -> tuple[str, ...]:
    """Return the segments of a key, none for what is no key in its canonical form."""
    if not isinstance(key, str):
        return ()
    if '"' not in key:
        segments = tuple(key.split("."))
        return () if "" in segments else segments
    try:
        segments = parse_key(key)
    except PatternSyntaxError:
        return ()
    return segments if format_key(segments) == key else ()


class _Items(ItemsView[str, Any]):
    __slots__ = ()
    _mapping: LazySection

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping.entries()


class _Values(ValuesView[Any]):
    __slots__ = ()
    _mapping: LazySection

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping.entries())
