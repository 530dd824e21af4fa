"""The value of a key from the rules that cover it: merges and references, one key at a time.

A value counts when its rule wins, or when the rule above it merges. The references of each value that
counts are resolved first, with the bindings of its own rule; then the values are joined from the lowest up.
Nothing recurses from key to key, so chains of references may be of any length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from strataregula.answers import Interpolation
from strataregula.core.domains import EMPTY_DOMAINS, DomainSet
from strataregula.core.expansion import report_conflict
from strataregula.core.interpolation import (
    ENVIRONMENT,
    Reference,
    ReferenceSyntaxError,
    Text,
    parse_text,
    refers,
)
from strataregula.core.merging import NO_PATHS, MergeError, MergePaths, merged
from strataregula.core.pattern import parse_key
from strataregula.core.planner import PlannedRule
from strataregula.core.references import (
    Address,
    Captures,
    Names,
    Unresolved,
    address_of,
    as_text,
    variable,
)
from strataregula.core.values import MAX_DEPTH, FrozenDict, FrozenList, same_value
from strataregula.diagnostics import DiagnosticLog, did_you_mean
from strataregula.model import REMOVED, Rule, shown

__all__ = [
    "MAX_BUILT",
    "MAX_VALUE",
    "Context",
    "Covering",
    "Evaluator",
    "Keys",
    "is_special",
]

MAX_VALUE: Final = 1_000_000
"""Characters and items of one value, what it refers to counted in full."""
MAX_BUILT: Final = 100_000_000
"""Characters and items that references and merges of one compilation make anew."""
_MAX_COMPARISONS: Final = 20

Covering: TypeAlias = "Sequence[tuple[PlannedRule, Mapping[str, str]]]"
"""The rules that cover a key with the bindings of their captures, the winner first."""


class Keys(Names, Protocol):
    """The keys of a configuration and the rules behind them, expanded or not."""

    def near(self, key: str) -> Sequence[str]:
        """Return keys that look like one that no section holds."""

    def covering(self, section: str, key: str) -> Covering:
        """Return the rules that cover a key that the section holds, the winner first."""


@dataclass(frozen=True, slots=True)
class Context:
    """What values depend on beside the rules.

    ``environment`` holds the names that ``${env:NAME}`` may ask for, None for one that is not set.
    """

    paths: MergePaths = NO_PATHS
    environment: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    domains: DomainSet = EMPTY_DOMAINS

    def strategy(self, planned: PlannedRule, path: tuple[str, ...]) -> str:
        """Return how a rule joins what is below it at a path of section and key."""
        return planned.rule.merge or self.paths.strategy(path) or "replace"


def _contributors(covering: Covering, otherwise: str) -> Covering:
    """Return the leading rules of ``covering`` whose values count, the winner first.

    ``otherwise`` is the strategy of rules that name none.
    """
    for number, (planned, _) in enumerate(covering):
        if planned.rule.value is REMOVED:
            return covering[:number]
        if (planned.rule.merge or otherwise) == "replace":
            return covering[: number + 1]
    return covering


def is_special(rule: Rule) -> bool:
    """Tell whether the value of a rule is not simply what stands there: it merges, or it has references."""
    return rule.merge not in {"", "replace"} or refers(rule.value)


class _Evaluated(NamedTuple):
    value: Any
    size: int
    depth: int


_NOTHING: Final = _Evaluated(None, 1, 1)


class Evaluator:
    """Evaluates keys of one configuration; problems go to ``log``, each once for its rule."""

    def __init__(self, keys: Keys, context: Context, log: DiagnosticLog) -> None:
        self.keys, self.context, self.log = keys, context, log
        self.captures = Captures(context.domains)
        self.texts: dict[str, Text] = {}
        self.done: dict[Address, _Evaluated] = {}
        self._shared: dict[tuple[int, ...], _Evaluated] = {}
        self._reported: set[object] = set()
        self._built = 0
        self._comparisons = _MAX_COMPARISONS

    def value(self, section: str, key: str) -> Any:
        """Return the value of a key that the section holds."""
        start = section, key
        known = self.done.get(start)
        if known is not None:
            return known.value
        frames: dict[Address, list[Address]] = {start: []}
        while True:
            address, pending = next(reversed(frames.items()))
            if pending:
                self._descend(pending.pop(), frames)
                continue
            attempt = _Attempt(self, address)
            found = self._evaluate(attempt)
            if found is None:
                pending += attempt.missing
                continue
            del frames[address]
            if not frames:
                return found.value
            self.done[address] = found

    def explain(self, section: str, key: str) -> tuple[int, tuple[Interpolation, ...]]:
        """Return how many rules the value of a key is made of, and the references that count in it."""
        self.value(section, key)
        attempt = _Attempt(self, (section, key))
        attempt.run()
        used = {(one.source, one.section, one.key, shown(one.value)): one for one in attempt.used}
        return len(attempt.counting), tuple(map(self._placed, used.values()))

    def _placed(self, used: Interpolation) -> Interpolation:
        if not used.key:
            return used
        return replace(used, place=self.keys.covering(used.section, used.key)[0][0].rule.place)

    def report(self, code: str, message: str, planned: PlannedRule, hint: str, about: object) -> None:
        """Report a problem of a rule, once for what it is ``about``."""
        if self.first_time((code, planned.rule.order, about)):
            self.log.report(code, message, planned.rule.place, hint=hint, width=len(planned.rule.pattern))

    def hint(self, problem: Unresolved) -> str:
        """Return what to write instead; keys are compared for the first problems only, it takes its time."""
        if not problem.like or not self._comparisons or not self.log.has_room(problem.code):
            return problem.hint
        self._comparisons -= 1
        return did_you_mean(problem.like, self.keys.near(problem.like)) or problem.hint

    def first_time(self, mark: object) -> bool:
        """Tell whether ``mark`` was not seen before, and remember it."""
        known = mark in self._reported
        self._reported.add(mark)
        return not known

    def _descend(self, need: Address, frames: dict[Address, list[Address]]) -> None:
        if need in self.done:
            return
        if need not in frames:
            frames[need] = []
            return
        path = list(frames)
        cycle = path[path.index(need) :]
        named = [f"{section}:{key}" if section != need[0] else key for section, key in [*cycle, need]]
        message = f"the value of {need[1]!r} refers to itself: {' -> '.join(named)}"
        planned = self.keys.covering(*need)[0][0]
        hint = "let one of them hold a value of its own"
        self.report("reference-cycle", message, planned, hint, "cycle")
        self.done[need] = _NOTHING

    def _evaluate(self, attempt: _Attempt) -> _Evaluated | None:
        shared = None
        if not self.context.paths or len(attempt.counting) == 1:
            shared = tuple([planned.rule.order for planned, _ in attempt.counting])
            known = self._shared.get(shared)
            if known is not None:
                return known
        if self._built > MAX_BUILT:
            return _NOTHING
        value = attempt.run()
        if attempt.missing:
            return None
        self._built += attempt.size
        found = self._within_limits(attempt, value)
        if shared is not None and not attempt.bound:
            self._shared[shared] = found
        return found

    def _within_limits(self, attempt: _Attempt, value: Any) -> _Evaluated:
        planned = attempt.counting[0][0]
        code, about = "limit", "size"
        if self._built > MAX_BUILT:
            message = f"references and merges make more than {MAX_BUILT:,} characters and items"
            about = "all"
        elif attempt.total > MAX_VALUE:
            message = f"the value of {attempt.key!r} has more than {MAX_VALUE:,} characters and items"
        elif attempt.depth > MAX_DEPTH:
            message = f"the value of {attempt.key!r} is nested more than {MAX_DEPTH} levels deep"
            code = "nesting"
        else:
            return _Evaluated(value, attempt.total, attempt.depth)
        self.report(code, message, planned, "refer to less, or merge less", about)
        return _NOTHING


class _Attempt:
    """One pass over the values that count for one key; ``missing`` are the keys to evaluate first."""

    def __init__(self, evaluator: Evaluator, address: Address) -> None:
        self.evaluator = evaluator
        self.section, self.key = address
        self.path = self.section, *parse_key(self.key)
        self.covering = evaluator.keys.covering(*address)
        self.otherwise = evaluator.context.paths.strategy(self.path) or "replace"
        self.counting = _contributors(self.covering, self.otherwise)
        self.missing: list[Address] = []
        self.used: list[Interpolation] = []
        self.bound = False
        self.size = self.referred = self.depth = 0

    @property
    def total(self) -> int:
        """The size of the value, what it refers to included."""
        return self.size + self.referred

    def run(self) -> Any:
        """Return the value, of no use while something is ``missing``."""
        parts = []
        for planned, bindings in self.counting:
            one = _Resolution(self, planned, bindings)
            parts.append((planned, one.tree(planned.rule.value, 1)))
        if self.missing or self.total > MAX_VALUE:
            return None
        self.check_conflicts()
        _, value = parts.pop()
        for planned, part in reversed(parts):
            value = self.joined(planned, value, part)
        return value

    def check_conflicts(self) -> None:
        """Rules of equal rank that disagree conflict below a merging rule as they do at the top."""
        lower = [planned for planned, _ in self.covering[1 : len(self.counting) + 1]]
        for above, below in pairwise(lower):
            if (
                above.precedence == below.precedence
                and not same_value(above.rule.value, below.rule.value)
                and self.evaluator.first_time((below.rule.order, above.rule.order))
            ):
                report_conflict(below, above, self.key, 1, self.evaluator.log)

    def joined(self, planned: PlannedRule, below: Any, above: Any) -> Any:
        strategy = planned.rule.merge or self.otherwise
        try:
            return merged(strategy, below, above, self.evaluator.context.paths, self.path)
        except MergeError as error:
            hint = "write merge: replace for this rule, or make the values of one kind"
            self.evaluator.report("merge-type", error.message, planned, hint, error.path)
            return above


class _Resolution:
    """Resolves the references in the value of one rule for the key of an attempt."""

    def __init__(self, attempt: _Attempt, planned: PlannedRule, bindings: Mapping[str, str]) -> None:
        self.attempt, self.planned, self.bindings = attempt, planned, bindings
        self.evaluator = attempt.evaluator

    def tree(self, value: Any, depth: int) -> Any:
        """Return a value with its references resolved, counting its parts."""
        attempt = self.attempt
        attempt.size += 1
        attempt.depth = max(attempt.depth, depth)
        if isinstance(value, str):
            attempt.size += len(value)
            return self.text(value, depth) if "${" in value else value
        if isinstance(value, dict):
            return FrozenDict({key: self.tree(item, depth + 1) for key, item in value.items()})
        if isinstance(value, list):
            return FrozenList([self.tree(item, depth + 1) for item in value])
        return value

    def text(self, source: str, depth: int) -> Any:
        parts = self.parts(source)
        if len(parts) == 1 and isinstance(parts[0], Reference):
            found = self.reference(parts[0])
            self.attempt.referred += found.size
            self.attempt.depth = max(self.attempt.depth, depth + found.depth - 1)
            return found.value
        return self.joined(parts)

    def parts(self, source: str) -> Text:
        known = self.evaluator.texts.get(source)
        if known is not None:
            return known
        try:
            parts = parse_text(source)
        except ReferenceSyntaxError as error:
            shown = source[max(0, error.at - 20) : error.at + 40]
            self.report("reference-syntax", f"{error.reason} in {shown!r}", error.hint, source)
            return (source.replace("${", "{"),)
        self.evaluator.texts[source] = parts
        return parts

    def joined(self, parts: Text) -> str:
        texts: list[str] = []
        for part in parts:
            text = part if isinstance(part, str) else self.piece(part)
            texts.append(text)
            if self.attempt.total > MAX_VALUE:
                break
        return "".join(texts)

    def piece(self, reference: Reference) -> str:
        value = self.reference(reference).value
        text = as_text(value)
        if text is None:
            kinds = {FrozenList: "a list", FrozenDict: "a mapping", int: "a number of thousands of digits"}
            kind = kinds.get(type(value)) or f"a value of type {type(value).__name__}"
            message = f"{reference.source} is {kind}, which has no form inside text"
            hint = "let the reference be the whole value"
            self.report("reference-type", message, hint, reference.source)
            return ""
        self.attempt.size += len(text)
        return text

    def reference(self, reference: Reference) -> _Evaluated:
        """Return what a reference stands for, the text as written where that is not known."""
        inside = self.joined(reference.inside)
        if self.attempt.missing:
            return _NOTHING
        if inside.startswith(ENVIRONMENT):
            environment = self.evaluator.context.environment
            return self.simple(
                reference, variable(reference.source, inside.removeprefix(ENVIRONMENT), environment)
            )
        bound = self.evaluator.captures.value(inside, self.bindings) if self.bindings else ""
        if bound:
            self.attempt.bound = True
            return self.simple(reference, Interpolation(reference.source, bound, "capture"))
        address = address_of(inside, self.attempt.section, self.evaluator.keys)
        if isinstance(address, Unresolved):
            return self.simple(reference, address)
        return self.at_address(reference, address)

    def at_address(self, reference: Reference, address: Address) -> _Evaluated:
        found = self.evaluator.done.get(address)
        if found is None:
            self.attempt.missing.append(address)
            return _NOTHING
        self.attempt.used.append(Interpolation(reference.source, found.value, "key", *address))
        return found

    def simple(self, reference: Reference, found: Interpolation | Unresolved) -> _Evaluated:
        text = reference.source
        if isinstance(found, Unresolved):
            self.unresolved(found, text)
        else:
            self.attempt.used.append(found)
            text = str(found.value)
        return _Evaluated(text, 1 + len(text), 1)

    def unresolved(self, problem: Unresolved, source: str) -> None:
        """Report a reference, once for the rule; what it may have meant is looked for then and not before."""
        evaluator, rule = self.evaluator, self.planned.rule
        if evaluator.first_time((problem.code, rule.order, source)):
            message, hint = f"{source}: {problem.message}", evaluator.hint(problem)
            evaluator.log.report(problem.code, message, rule.place, hint=hint, width=len(rule.pattern))

    def report(self, code: str, message: str, hint: str, about: object) -> None:
        self.evaluator.report(code, message, self.planned, hint, about)
