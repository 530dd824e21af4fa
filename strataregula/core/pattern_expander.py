"""A plan to keys: at once into a dict (`expand`), or one by one in constant memory (`PatternExpander`).

Both agree on the order (the first rule that makes a key decides its place) and on precedence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from strataregula.core.expansion import expand
from strataregula.core.lazy import LazySection
from strataregula.core.lazy_check import check_section
from strataregula.core.pattern import MAX_SEGMENTS
from strataregula.core.planner import MAX_KEYS, Plan, make_resolver, plan_rules, rules_of
from strataregula.core.resolver import MAX_KEYS_PER_RULE
from strataregula.diagnostics import DiagnosticLog
from strataregula.errors import UsageError

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
        section = LazySection(plan.sections[0])
        check_section(section, log)
        log.raise_if_errors()
        return section.entries()


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
