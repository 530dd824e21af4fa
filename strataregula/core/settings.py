"""What a document says about its own compilation: ``settings: {lenient, limits, merge}``.

A document can be stricter with limits than its caller, never laxer. Later layers override earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from strataregula.core.matcher import PatternMatcher
from strataregula.core.merging import STRATEGIES
from strataregula.core.nodes import MapEntry, MapNode, Node, ScalarNode, kind_of
from strataregula.core.pattern import parse_pattern
from strataregula.diagnostics import DiagnosticLog, did_you_mean, report_syntax
from strataregula.errors import PatternSyntaxError
from strataregula.model import Place

__all__ = ["SETTINGS", "Limits", "Settings", "read_settings"]

SETTINGS: Final = ("lenient", "limits", "merge")
_LIMITS: Final = ("keys", "keys_per_rule")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many keys a compilation and one of its rules may make."""

    keys: int
    keys_per_rule: int


@dataclass(slots=True)
class Settings:
    """The settings of all documents read so far; ``merges`` is strategy and place by pattern of a path."""

    limits: Limits
    lenient: bool = False
    merges: dict[str, tuple[str, Place]] = field(default_factory=dict)


def read_settings(node: Node, file: str, settings: Settings, log: DiagnosticLog) -> None:
    """Add what one document says to ``settings``; problems go to ``log``."""
    _Reader(file, settings, log).read(node)


class _Reader:
    def __init__(self, file: str, settings: Settings, log: DiagnosticLog) -> None:
        self.file, self.settings, self.log = file, settings, log

    def report(self, message: str, at: Node | MapEntry, hint: str) -> None:
        self.log.report("setting", message, Place(self.file, *at.mark), hint=hint)

    def read(self, node: Node) -> None:
        readers: dict[str, Callable[[Node], None]] = {
            "lenient": self.lenient,
            "limits": self.limits,
            "merge": self.merge,
        }
        for entry in self.entries(node, "settings", SETTINGS):
            readers[entry.key](entry.node)

    def entries(self, node: Node, owner: str, known: tuple[str, ...] = ()) -> list[MapEntry]:
        """Return the entries of a mapping, only those of the ``known`` names where there are any."""
        if not isinstance(node, MapNode):
            example = known[0] if known else "pattern"
            self.report(
                f"{owner} is {kind_of(node)}, not a mapping", node, f"write {owner}: {{{example}: ...}}"
            )
            return []
        unknown = [entry for entry in node.entries if known and entry.key not in known]
        for entry in unknown:
            hint = did_you_mean(entry.key, known) or f"known are {', '.join(known)}"
            self.report(f"{owner} has the unknown name {entry.key!r}", entry, hint)
        return [entry for entry in node.entries if entry not in unknown]

    def lenient(self, node: Node) -> None:
        value = _scalar(node)
        if isinstance(value, bool):
            self.settings.lenient = value
        else:
            self.report(f"lenient is {kind_of(node)}, not true or false", node, "write lenient: true")

    def limits(self, node: Node) -> None:
        given = self.settings.limits
        found = {"keys": given.keys, "keys_per_rule": given.keys_per_rule}
        for entry in self.entries(node, "limits", _LIMITS):
            value, most = _scalar(entry.node), found[entry.key]
            if type(value) is int and 0 < value <= most:
                found[entry.key] = value
            else:
                hint = f"write {entry.key}: {min(most, 1_000)}; only the caller can raise it: --max-keys"
                self.report(f"{entry.key} is no whole number from 1 to {most:,}", entry.node, hint)
        self.settings.limits = Limits(**found)

    def merge(self, node: Node) -> None:
        for entry in self.entries(node, "merge"):
            strategy = _scalar(entry.node)
            if strategy not in STRATEGIES:
                hint = did_you_mean(str(strategy), STRATEGIES) or f"one of {', '.join(STRATEGIES)}"
                self.report(f"unknown merge strategy {strategy!r}", entry.node, hint)
            elif self.is_path(entry):
                self.settings.merges.pop(entry.key, None)
                self.settings.merges[entry.key] = str(strategy), Place(self.file, *entry.mark)

    def is_path(self, entry: MapEntry) -> bool:
        try:
            parsed = parse_pattern(entry.key)
            PatternMatcher([parsed])
        except PatternSyntaxError as error:
            report_syntax(error, Place(self.file, *entry.mark), self.log)
            return False
        if parsed.negated:
            self.report(f"{entry.key!r} removes; a path chooses", entry, "leave out the !")
        return not parsed.negated


def _scalar(node: Node) -> Any:
    return node.value if isinstance(node, ScalarNode) else None
