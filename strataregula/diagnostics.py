"""Collecting diagnostics: strict or lenient, at most 200, each with its source line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from typing import Final

from strataregula.errors import CompilationError, PatternSyntaxError
from strataregula.model import Diagnostic, Place, Severity

__all__ = [
    "CODES",
    "LENIENT_CODES",
    "MAX_DIAGNOSTICS",
    "DiagnosticLog",
    "closest",
    "did_you_mean",
    "report_syntax",
]

MAX_DIAGNOSTICS: Final = 200
LENIENT_CODES: Final = frozenset(
    {
        "conflict",
        "domain-values",
        "duplicate-key",
        "duplicate-value",
        "empty-domain",
        "env-not-allowed",
        "key-type",
        "merge-type",
        "no-keys",
        "questioned-name",
        "undefined-domain",
        "unresolved-reference",
    }
)
CODES: Final = (
    "alias-cycle",
    "alias-growth",
    "ambiguous-shape",
    "conflict",
    "document-type",
    "domain-name",
    "domain-type",
    "domain-values",
    "duplicate-key",
    "duplicate-value",
    "empty-document",
    "empty-domain",
    "encoding",
    "env-not-allowed",
    "file-size",
    "json-syntax",
    "key-type",
    "layer-cycle",
    "layer-path",
    "limit",
    "list-expected",
    "merge-key",
    "merge-type",
    "multi-document",
    "nesting",
    "no-effect",
    "no-keys",
    "pattern-syntax",
    "questioned-name",
    "reference-cycle",
    "reference-syntax",
    "reference-type",
    "removal-value",
    "rule-form",
    "schema",
    "schema-form",
    "section-type",
    "setting",
    "shape-form",
    "undefined-capture",
    "undefined-domain",
    "undefined-value",
    "unknown-format",
    "unknown-pack",
    "unknown-tag",
    "unreadable",
    "unresolved-reference",
    "unsupported",
    "value-type",
    "yaml-syntax",
    "yaml-value",
)
"""Every code there is; `docs/diagnostics.md` tells about each."""
_MAX_COMPARED: Final = 500
_MAX_LENGTH: Final = 100


class DiagnosticLog:
    """Collects the problems of one compilation.

    ``lenient`` turns the problems of `LENIENT_CODES` into warnings. Sources are registered with
    `add_source`, so that a diagnostic can show the line it points at.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.lenient = lenient
        self._errors: list[Diagnostic] = []
        self._warnings: list[Diagnostic] = []
        self._sources: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The first 200 errors."""
        return tuple(self._errors)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The first 200 warnings."""
        return tuple(self._warnings)

    def add_source(self, file: str, text: str) -> None:
        """Remember the text of ``file`` for the source lines of diagnostics."""
        self._sources[file] = text
        self._lines.pop(file, None)

    def report(self, code: str, message: str, place: Place, *, hint: str = "", width: int = 1) -> None:
        """Add one problem.

        ``width`` is the number of characters to underline. Past the limit nothing is added.
        """
        lenient = self.lenient and code in LENIENT_CODES
        severity = Severity.WARNING if lenient else Severity.ERROR
        kept = self._warnings if lenient else self._errors
        if len(kept) >= MAX_DIAGNOSTICS:
            return
        line = self._line(place)
        width = max(1, min(width, len(line) - place.column + 1))
        kept.append(Diagnostic(code, message, place, severity, line, width, hint))

    def has_room(self, code: str) -> bool:
        """Tell whether one more problem of this kind would be kept; hints for others are not needed."""
        kept = self._warnings if self.lenient and code in LENIENT_CODES else self._errors
        return len(kept) < MAX_DIAGNOSTICS

    def column_of(self, text: str, place: Place) -> int:
        """Return the column where ``text`` begins at ``place``, after its quote if there is one.

        0 when it is not there as it is.
        """
        line = self._line(place)
        start = place.column - 1
        if line.startswith(text, start):
            return start + 1
        quoted = line[start : start + 1] in {"'", '"'} and line.startswith(text, start + 1)
        return start + 2 if quoted else 0

    def relax(self) -> None:
        """Become lenient, also for what was reported before."""
        self.lenient = True
        lenient = [one for one in self._errors if one.code in LENIENT_CODES]
        self._errors = [one for one in self._errors if one.code not in LENIENT_CODES]
        self._warnings += [replace(one, severity=Severity.WARNING) for one in lenient]
        del self._warnings[MAX_DIAGNOSTICS:]

    def raise_if_errors(self) -> None:
        """Raise one `CompilationError` with every problem, errors first, when there is any error."""
        if self._errors:
            raise CompilationError([*self._errors, *self._warnings][:MAX_DIAGNOSTICS])

    def _line(self, place: Place) -> str:
        if not place.line or place.file not in self._sources:
            return ""
        lines = self._lines.get(place.file)
        if lines is None:
            lines = self._lines[place.file] = self._sources[place.file].split("\n")
        return lines[place.line - 1].rstrip("\r") if place.line <= len(lines) else ""


def closest(name: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Return at most ``limit`` of the ``known`` names that look like ``name``, the most alike first.

    The first 500 names of at most 100 characters are compared, so the answer takes a bounded time.
    """
    if len(name) > _MAX_LENGTH:
        return ()
    short = (candidate for candidate in islice(known, 10 * _MAX_COMPARED) if len(candidate) <= _MAX_LENGTH)
    return tuple(get_close_matches(name, list(islice(short, _MAX_COMPARED)), n=limit, cutoff=0.6))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` or an empty text."""
    near = closest(name, known, limit=1)
    return f"did you mean {near[0]!r}?" if near else ""


def report_syntax(error: PatternSyntaxError, place: Place, log: DiagnosticLog) -> None:
    """Report a pattern's syntax error, at the characters at fault where the source has them as they are."""
    start, end = error.span
    column = log.column_of(error.source, place)
    if column:
        place, width = Place(place.file, place.line, column + start), max(1, end - start)
    else:
        width = 1
    message = f"{error.reason} in {error.source!r}"
    log.report("pattern-syntax", message, place, hint=error.hint, width=width)
