"""Rules and domains to a `Plan`: every rule bound, counted and given its precedence; nothing is expanded yet.

Precedence for one key is ``(layer, priority, specificity)`` and the highest wins. Specificity, compared
from left to right: fewer ``**``, fewer free ``*``, fewer other segments that are not literal, more literal
characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from strataregula.core.domains import DomainSet, check_parents, read_domains
from strataregula.core.layers import check_shapes, read_rule
from strataregula.core.nodes import NO_MARK, MapEntry, node_of
from strataregula.core.overlap import Budget, BudgetSpentError, covered_keys
from strataregula.core.pattern import clear_pattern_cache, parse_pattern
from strataregula.core.resolver import MAX_KEYS_PER_RULE, BindError, Resolver
from strataregula.core.segments import specificity
from strataregula.core.simple_rules import SimpleRules
from strataregula.core.templates import Template
from strataregula.diagnostics import DiagnosticLog, report_syntax
from strataregula.errors import PatternSyntaxError, UsageError
from strataregula.model import NO_PLACE, Place, Rule

__all__ = [
    "MAX_KEYS",
    "Plan",
    "PlannedRule",
    "SectionPlan",
    "clear_caches",
    "make_resolver",
    "plan_patterns",
    "plan_rules",
    "rules_of",
]

MAX_KEYS: Final = 10_000_000
MAX_EXCLUDED: Final = 2_000_000
"""Keys that the exceptions of a rule may be compared with in all."""
_COMPILE: Final = "compile a document: ConfigCompiler().compile({...})"
_JOINED_TEXTS: Final = 2_000

Run: TypeAlias = tuple[str, Sequence[str], Any]
"""A prefix, the endings it is put before, and the value of all these keys."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})


class PlannedRule(NamedTuple):
    """One rule with its template, its precedence, and how many keys it makes (0 when it selects)."""

    rule: Rule
    template: Template
    precedence: tuple[int, int, tuple[int, ...]]
    size: int
    excluded: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """The rules of one section in the order of the sources; ``count`` keys are made, overlaps counted twice.

    ``selects`` tells that some rule chooses among the keys of the others. ``runs`` is the same section as
    (prefix, endings, value) where every rule is that simple, else empty: expanding from it touches no rule,
    which is an eighth of the time of 500 rules of 47 keys.
    """

    name: str
    rules: tuple[PlannedRule, ...]
    count: int
    selects: bool
    runs: tuple[Run, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", _runs(self.rules))


def _runs(rules: Iterable[PlannedRule]) -> tuple[Run, ...]:
    """All rules as runs, tables joined once with the suffix they share; empty when a rule is not so simple.

    A plan expands nothing, so what is joined stays small: tables that the rules share, not keys.
    """
    joined: dict[tuple[int, str], Sequence[str]] = {}
    runs: list[Run] = []
    room = _JOINED_TEXTS
    for planned in rules:
        run = planned.template.run
        if run is None or planned.excluded:
            return ()
        prefix, endings, suffix = run
        if suffix:
            use = id(endings), suffix
            if use not in joined:
                room -= len(endings)
                if room < 0:
                    return ()
                joined[use] = [middle + suffix for middle in endings]
            endings = joined[use]
        runs.append((prefix, endings, planned.rule.value))
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an expansion will do, section by section."""

    sections: tuple[SectionPlan, ...]

    @property
    def count(self) -> int:
        """How many keys all sections make, overlaps counted twice."""
        return sum(section.count for section in self.sections)


def plan_rules(
    rules: Iterable[Rule],
    resolver: Resolver,
    log: DiagnosticLog,
    sections: Sequence[str] = (),
    max_keys: int = MAX_KEYS,
) -> Plan:
    """Bind and count every rule; problems go to ``log`` and the rules without problems are planned.

    ``sections`` gives the order of the sections and names the empty ones.
    """
    by_section: dict[str, list[PlannedRule]] = {name: [] for name in sections}
    simple = SimpleRules(resolver)
    for rule in rules:
        bound = None if rule.where or rule.unless or rule.excluded else simple.bind(rule.pattern)
        if bound is not None:
            template, specific, count = bound
            planned: PlannedRule | None = PlannedRule(
                rule, template, (rule.layer, rule.priority, specific), count
            )
        else:
            planned = _plan_rule(rule, resolver, log)
        if planned is not None:
            by_section.setdefault(rule.section, []).append(planned)
    plan = Plan(tuple(_section_plan(name, of) for name, of in by_section.items()))
    if plan.count > max_keys:
        first = plan.sections[0].rules[0].rule.place if plan.sections and plan.sections[0].rules else NO_PLACE
        message = f"the rules make {plan.count:,} keys together, at most {max_keys:,} are allowed"
        log.report("limit", message, Place(first.file), hint="narrow the largest rules with where:")
    return plan


def _section_plan(name: str, rules: list[PlannedRule]) -> SectionPlan:
    count = sum([planned.size for planned in rules])
    return SectionPlan(name, tuple(rules), count, any(planned.template.selects for planned in rules))


def _plan_rule(rule: Rule, resolver: Resolver, log: DiagnosticLog) -> PlannedRule | None:
    try:
        pattern = parse_pattern(rule.pattern)
    except PatternSyntaxError as error:
        report_syntax(error, rule.place, log)
        return None
    try:
        template = resolver.bind(pattern, rule.where, rule.unless)
        excluded = tuple(_bind_exception(text, resolver) for text in rule.excluded) if rule.excluded else ()
    except BindError as error:
        if log.has_room(error.code):
            log.report(error.code, error.message, rule.place, hint=error.hint, width=len(rule.pattern))
        return None
    except PatternSyntaxError as error:
        report_syntax(error, rule.place, log)
        return None
    size = template.size
    if excluded and size <= MAX_KEYS_PER_RULE and not template.selects:
        size = _count_after(excluded, template, rule, log)
    if not size and not template.selects:
        hint = "check its where and except, and the names that it fixes"
        log.report("no-keys", f"the rule {rule.pattern!r} ends with no key", rule.place, hint=hint)
    return PlannedRule(rule, template, (rule.layer, rule.priority, specificity(pattern)), size, excluded)


def _bind_exception(text: str, resolver: Resolver) -> Template:
    return resolver.bind(parse_pattern(text))


def _count_after(excluded: tuple[Template, ...], template: Template, rule: Rule, log: DiagnosticLog) -> int:
    budget = Budget(MAX_EXCLUDED)
    left_out: set[str] = set()
    try:
        for number, exception in enumerate(excluded):
            hit = covered_keys(template, (exception,), budget)
            left_out |= hit
            if not hit:
                message = f"except {rule.excluded[number]!r} excludes none of the rule's keys"
                hint = "write a pattern of whole keys, or except: {capture: [value, ...]}"
                log.report("no-effect", message, rule.place, hint=hint)
    except BudgetSpentError:
        message = f"the exceptions of {rule.pattern!r} need more than {MAX_EXCLUDED:,} comparisons"
        log.report("limit", message, rule.place, hint="write except: {capture: [value, ...]}, or fewer")
    return template.size - len(left_out)


def make_resolver(
    domains: Mapping[str, Any] | None,
    shapes: Iterable[str],
    log: DiagnosticLog,
    max_keys_per_rule: int = MAX_KEYS_PER_RULE,
) -> Resolver:
    """Return the resolver for domains as plain data (as in a document) and the texts of shapes."""
    if isinstance(shapes, str):
        raise UsageError(f"shapes is the text {shapes!r} where a list of patterns is meant")
    node = node_of(domains or {}, "<domains>", log)
    known = DomainSet(read_domains(node, "<domains>", log) if node is not None else ())
    check_parents(known, log)
    parsed = []
    for text in shapes:
        try:
            parsed.append(parse_pattern(text))
        except PatternSyntaxError as error:
            report_syntax(error, Place("<shapes>"), log)
    check_shapes(parsed, known, Place("<shapes>"), log)
    return Resolver(known, parsed, max_keys=max_keys_per_rule)


def rules_of(patterns: Mapping[Any, Any], section: str, log: DiagnosticLog) -> list[Rule]:
    """Read pattern texts with values, short or long form, as the rules of one section."""
    rules: list[Rule] = []
    for text, value in patterns.items():
        if not isinstance(text, str):
            message = f"the pattern {text!r} is {type(text).__name__}, not text"
            log.report("key-type", message, NO_PLACE, hint=f'quote it: "{text}"')
            continue
        if type(value) in _SCALARS and text[:1] != "!":
            rules.append(Rule(section, text, value, NO_PLACE, 0, len(rules)))
            continue
        node = node_of(value, NO_PLACE.file, log)
        if node is None:
            continue
        rule = read_rule(section, MapEntry(text, NO_MARK, node), NO_PLACE, len(rules), log)
        if rule is not None and rule.merge not in {"", "replace"}:
            log.report("unsupported", f"a stream of patterns cannot merge: {text!r}", NO_PLACE, hint=_COMPILE)
        elif rule is not None:
            rules.append(rule)
    return rules


def plan_patterns(
    patterns: Mapping[str, Any],
    domains: Mapping[str, Any] | None = None,
    shapes: Iterable[str] = (),
    section: str = "patterns",
) -> Plan:
    """Plan pattern texts with values under ``domains`` given as plain data; raise `CompilationError`."""
    log = DiagnosticLog()
    resolver = make_resolver(domains, shapes, log)
    plan = plan_rules(rules_of(patterns, section, log), resolver, log, (section,))
    log.raise_if_errors()
    return plan


def clear_caches() -> None:
    """Forget everything that speeds up a second run in the same process: the parsed segments of patterns.

    Domains, factors and tables of suffixes belong to one resolver or one expansion and are never kept longer.
    """
    clear_pattern_cache()
