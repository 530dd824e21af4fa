"""The frozen values that one stage of the compiler hands to the next.

Nothing here reads, parses or decides: documents become `Rule` and `Domain`, the planner adds a `Plan`,
expansion yields `Entry`, problems are `Diagnostic`. Answers about keys are in `strataregula.answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from strataregula.errors import visible

__all__ = [
    "NO_PLACE",
    "REMOVED",
    "Change",
    "Condition",
    "Diagnostic",
    "Difference",
    "Domain",
    "Entry",
    "Layer",
    "Place",
    "Rule",
    "Severity",
    "shown",
]


class Severity(StrEnum):
    """How much a diagnostic weighs: an error fails the compilation, a warning is only told."""

    ERROR = "error"
    WARNING = "warning"


_WINDOW = 160
"""Characters of a source line that a message shows around its column."""
_LONGEST = 500


def shown(value: Any) -> str:
    """Return a value for a message: its `repr`, shortened; an integer that has none in hexadecimal."""
    try:
        return _shortened(repr(value))
    except ValueError:
        return (
            _shortened(hex(value)) if isinstance(value, int) else f"a {type(value).__name__} of huge numbers"
        )


def _shortened(text: str) -> str:
    """A message quotes keys and values, and those may be a megabyte long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: ``file`` as given by the caller, ``line`` and ``column`` counted from 1.

    Line 0 means that there is no text to point at (a mapping handed in from Python).
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return ``file:line:col``, or the file alone where no line is known."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NO_PLACE = Place("<patterns>")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what, where, how bad, and what to type next.

    ``code`` is stable (``duplicate-key``, ``pattern-syntax``, ...); ``source_line`` is the whole line at
    `place` (empty when unknown) and ``width`` the number of characters under the caret.
    """

    code: str
    message: str
    place: Place
    severity: Severity = Severity.ERROR
    source_line: str = ""
    width: int = 1
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """True when this problem fails the compilation."""
        return self.severity is Severity.ERROR

    @property
    def is_input_failure(self) -> bool:
        """True when a file could not be read at all (exit code 3 on the command line)."""
        return self.code == "unreadable"

    def __str__(self) -> str:
        return self.render()

    def render(self) -> str:
        """Return the text for people, safe for a terminal.

        The first line is ``file:line:col: severity[code]: message``; the source line with its caret and the
        hint follow.
        """
        message = visible(_shortened(self.message))
        lines = [f"{visible(str(self.place))}: {self.severity}[{self.code}]: {message}"]
        if self.source_line:
            start = max(0, self.place.column - 1 - _WINDOW // 2) if len(self.source_line) > _WINDOW else 0
            before = visible(self.source_line[start : max(0, self.place.column - 1)])
            lines.append(f"    {visible(self.source_line[start : start + _WINDOW])}")
            lines.append(f"    {' ' * len(before)}{'^' * min(max(1, self.width), _WINDOW // 2)}")
        if self.hint:
            lines.append(f"    hint: {visible(_shortened(self.hint))}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a JSON report."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "source_line": self.source_line,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class Layer:
    """One source in the order of precedence; ``index`` 0 is the base, ``name`` the path."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Domain:
    """A named list of values, or the children of a hierarchy.

    ``values`` keeps the order of the source. With ``parent`` (the name after ``by``) ``parents[i]`` is the
    parent of ``values[i]``, and one value may stand under several parents; without it both are empty.
    """

    name: str
    values: tuple[str, ...]
    parent: str = ""
    parents: tuple[str, ...] = ()
    place: Place = NO_PLACE


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of ``where`` or ``except``: the capture ``name`` takes one of ``values`` (globs)."""

    name: str
    values: tuple[str, ...]
    place: Place = NO_PLACE


class _Removed:
    """The value of a removing rule (``!pattern``)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<removed>"


REMOVED = _Removed()


class Rule(NamedTuple):
    """One line of a section as written: a pattern's text and its value, not yet bound to domains.

    A named tuple because there are as many as lines: it is made in a third of the time of a frozen dataclass.

    ``order`` counts the rules of a compilation from 0 over all layers; ``value`` is immutable, `REMOVED`
    for ``!pattern``. ``where`` all hold, none of ``unless`` (the mapping form of ``except``) holds, and
    ``excluded`` are patterns of keys to leave out (its list form). ``merge`` is the strategy of the long
    form, empty where none was written.
    """

    section: str
    pattern: str
    value: Any
    place: Place = NO_PLACE
    layer: int = 0
    order: int = 0
    priority: int = 0
    where: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    excluded: tuple[str, ...] = ()
    merge: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One compiled key with its value and the section that holds it."""

    section: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value differs between two configurations."""

    section: str
    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes from one configuration to another; false when nothing does."""

    added: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    changed: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)
