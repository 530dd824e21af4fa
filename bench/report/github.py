"""Annotations for GitHub Actions: workflow commands that mark the benchmark's line in the pull request."""

from __future__ import annotations

from bench.model import Comparison, Report, Verdict
from bench.report.summary import case_name, headline, ordered
from bench.report.tables import BASE, CHANGE, DETECTABLE, HEAD
from bench.text import printable

_ERRORS = frozenset({Verdict.REGRESSED, Verdict.FAILED, Verdict.MISSING})


def render(report: Report) -> str:
    """Write one annotation a row that is red or suspect, and the verdict as a notice."""
    lines = [_annotation(row) for row in ordered(report.comparisons) if _is_marked(row)]
    lines.append(f"::notice title=bench-guard::{_data(headline(report))}")
    return "\n".join(lines) + "\n"


def _is_marked(row: Comparison) -> bool:
    return row.verdict in _ERRORS or (row.verdict is Verdict.UNDECIDED and row.suspect)


def _annotation(row: Comparison) -> str:
    level = "error" if row.verdict in _ERRORS else "warning"
    place = "" if row.path is None else f"file={_property(row.path)},line={row.line or 1},"
    title = f"{row.metric} {row.verdict.value} in {case_name(row.benchmark)}"
    change = "" if row.change is None else f"{BASE.cell(row)} -> {HEAD.cell(row)} ({CHANGE.cell(row)})"
    detects = "" if row.detectable is None else f"this run detects {DETECTABLE.cell(row)}"
    text = "; ".join(part for part in (change, row.note, detects) if part) or row.verdict.value
    return f"::{level} {place}title={_property(title)}::{_data(text)}"


def _data(text: str) -> str:
    """Escape a message; line breaks are allowed, other control characters are shown."""
    lines = [printable(line) for line in text.split("\n")]
    return "%0A".join(line.replace("%", "%25") for line in lines)


def _property(text: str) -> str:
    return printable(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
