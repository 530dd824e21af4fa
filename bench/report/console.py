"""The report for a terminal: verdict first, then what matters most, aligned, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.model import Comparison, Report, RunVerdict, Verdict
from bench.report import tables
from bench.report.escape import printable_lines, shortened
from bench.report.summary import NO_BASE, headline, host_text, notes, ordered, side_text
from bench.report.tables import Column
from bench.text import printable

Cells = Mapping[str, list[str]]
"""Heading -> one text a row."""

OK_ROWS = 20
"""So many rows that say ``ok`` are shown; the others are counted."""

_DROPPED_FIRST = (
    tables.PROCESSES,
    tables.INTERVAL,
    tables.BASE,
    tables.DETECTABLE,
    tables.HEAD,
    tables.METRIC,
)
_FINE = frozenset({Verdict.OK, Verdict.IMPROVED, Verdict.NEW})
_NAME_WIDTH = 24
_LEAST_NAME = 8
_GAP = 2
_RED, _GREEN, _YELLOW, _BOLD = "31", "32", "33", "1"
_VERDICT_COLORS = {
    Verdict.REGRESSED: _RED,
    Verdict.FAILED: _RED,
    Verdict.MISSING: _RED,
    Verdict.UNDECIDED: _YELLOW,
    Verdict.NOT_COMPARABLE: _YELLOW,
    Verdict.IMPROVED: _GREEN,
}
_RUN_COLORS = {
    RunVerdict.PASS: _GREEN,
    RunVerdict.REGRESSED: _RED,
    RunVerdict.FAILED: _RED,
    RunVerdict.UNDECIDED: _YELLOW,
}


def render(
    report: Report, *, width: int = 100, color: bool = False, steps: Sequence[str] = (), quiet: bool = False
) -> str:
    """Write a report as plain text that ends with a line break.

    ``width``: columns of the terminal; columns of the table are left out until it fits. ``steps``: what to
    type next. ``quiet`` keeps the verdict and what is wrong.
    """
    head = printable(headline(report))
    lines = [_colored(head, f"{_BOLD};{_RUN_COLORS[report.verdict]}", color=color), ""]
    rows = ordered(report.comparisons)
    shown = [row for row in rows if row.verdict not in _FINE] if quiet else _limited(rows)
    lines += _table(shown, width, color=color)
    if not quiet:
        lines += _hidden(rows, shown)
    lines += _notes(shown)
    if not quiet:
        lines += _frame(report)
    lines += _notices(report)
    if steps:
        lines += ["next:", *(f"  {printable(step)}" for step in steps), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _limited(rows: Sequence[Comparison]) -> list[Comparison]:
    fine = [row for row in rows if row.verdict is Verdict.OK]
    return [row for row in rows if row.verdict is not Verdict.OK] + fine[:OK_ROWS]


def _hidden(rows: Sequence[Comparison], shown: Sequence[Comparison]) -> list[str]:
    hidden = len(rows) - len(shown)
    return [f"and {hidden} more ok (--report markdown lists all)", ""] if hidden else []


def _table(rows: Sequence[Comparison], width: int, *, color: bool) -> list[str]:
    if not rows:
        return []
    prefix = tables.common_start([row.benchmark for row in rows])
    cells = {column.heading: [printable(column.cell(row)) for row in rows] for column in tables.ALL}
    names = [name.removeprefix(prefix) for name in cells[tables.BENCHMARK.heading]]
    columns = _fitting(cells, min(_NAME_WIDTH, max(map(len, [tables.BENCHMARK.heading, *names]))), width)
    if tables.METRIC not in columns:
        names = [f"{name} {metric}" for name, metric in zip(names, cells[tables.METRIC.heading], strict=True)]
    room = max(_room(columns, cells, width), _LEAST_NAME)
    cells[tables.BENCHMARK.heading] = [shortened(name, room) for name in names]
    cells[tables.VERDICT.heading] = [
        _colored(word, _VERDICT_COLORS.get(row.verdict, ""), color=color)
        for row, word in zip(rows, cells[tables.VERDICT.heading], strict=True)
    ]
    text = tables.table(
        [column.heading for column in columns],
        [[cells[column.heading][index] for column in columns] for index in range(len(rows))],
        [column.number for column in columns],
        style="plain",
    )
    where = [f"in {printable(prefix.removesuffix('::'))}"] if prefix else []
    return [*where, *(line.rstrip() for line in text.split("\n")), ""]


def _fitting(cells: Cells, name_width: int, width: int) -> list[Column]:
    """The columns that say something, without so many that a name has less than ``name_width``."""
    columns = [column for column in tables.ALL if set(cells[column.heading]) != {tables.NOTHING}]
    for dropped in _DROPPED_FIRST:
        if _room(columns, cells, width) < name_width:
            columns = [column for column in columns if column is not dropped]
    return columns


def _room(columns: Sequence[Column], cells: Cells, width: int) -> int:
    """Columns of the terminal that are left for the name of the benchmark."""
    others = [column.heading for column in columns if column is not tables.BENCHMARK]
    taken = sum(max(len(heading), *map(len, cells[heading])) + _GAP for heading in others)
    return width - taken


def _notes(rows: Sequence[Comparison]) -> list[str]:
    lines = []
    for whose, note in notes(rows):
        first, *more = printable_lines(note)
        lines.append(f"{printable(whose)}: {first}")
        lines += [f"    {line}" for line in more]
    return [*lines, ""] if lines else []


def _frame(report: Report) -> list[str]:
    sides = {"base": report.base, "head": report.head}
    lines = [f"{name}: {printable(side_text(side))}" for name, side in sides.items() if side.kind != NO_BASE]
    if host := host_text(report):
        lines.append(f"host: {host}")
    return [*lines, ""]


def _notices(report: Report) -> list[str]:
    lines = list(_bullets((*report.messages, *report.host.notices)))
    return [*lines, ""] if lines else []


def _bullets(texts: Sequence[str]) -> Iterator[str]:
    for text in dict.fromkeys(texts):
        first, *more = printable_lines(text)
        yield f"* {first}"
        yield from (f"  {line}" for line in more)


def _colored(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
