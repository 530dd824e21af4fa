"""The report for a pull request: a GitHub job summary or a comment, naming what it compares with."""

from __future__ import annotations

from collections.abc import Sequence

from bench.model import Comparison, Report, RunVerdict, Verdict
from bench.report import tables
from bench.report.escape import markdown
from bench.report.summary import NO_BASE, headline, host_text, notes, ordered, side_text
from bench.text import printable

_SYMBOLS = {
    RunVerdict.PASS: "✅",
    RunVerdict.REGRESSED: "❌",
    RunVerdict.FAILED: "💥",
    RunVerdict.UNDECIDED: "⚠️",
}
_QUIET = frozenset({Verdict.OK})


def render(report: Report, *, steps: Sequence[str] = ()) -> str:
    """Write a report as GitHub Markdown that ends with a line break; ok rows and provenance are collapsed."""
    rows = ordered(report.comparisons)
    loud = [row for row in rows if row.verdict not in _QUIET]
    fine = [row for row in rows if row.verdict in _QUIET]
    parts = [f"## {_SYMBOLS[report.verdict]} bench-guard", f"**{markdown(headline(report))}**"]
    if loud:
        parts.append(_table(loud))
        parts += _notes(loud)
    if fine:
        parts.append(_details(f"{len(fine)} ok", _table(fine)))
    notices = dict.fromkeys((*report.messages, *report.host.notices))
    if notices:
        parts.append("\n".join(f"- {markdown(text)}" for text in notices))
    if steps:
        commands = "\n".join(printable(step) for step in steps)
        parts.append(_details("What to do next", f"```text\n{commands}\n```"))
    parts.append(_provenance(report))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Comparison]) -> str:
    columns = tables.filled(tables.ALL, rows)
    return tables.table(
        [column.heading for column in columns],
        [[markdown(column.cell(row)) for column in columns] for row in rows],
        [column.number for column in columns],
        style="pipe",
    )


def _notes(rows: Sequence[Comparison]) -> list[str]:
    lines = [f"- {markdown(whose)}: {markdown(note)}" for whose, note in notes(rows)]
    return ["\n".join(lines)] if lines else []


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _provenance(report: Report) -> str:
    sides = {"base": report.base, "head": report.head}
    lines = [f"{name}: {markdown(side_text(side))}" for name, side in sides.items() if side.kind != NO_BASE]
    if host := host_text(report):
        lines.append(f"host: {markdown(host)}")
    return "<sub>" + "<br>".join(lines) + "</sub>"
