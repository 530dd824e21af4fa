"""The one table renderer, and the columns that a comparison has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bench.model import Comparison, Verdict
from bench.units import format_ratio, format_value

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what it shows of a comparison (plain text, not escaped) and whether it is a number."""

    heading: str
    cell: Callable[[Comparison], str]
    number: bool = True


def _value(value: float | None, unit: str) -> str:
    return NOTHING if value is None else format_value(value, unit)


def _change(row: Comparison) -> str:
    return NOTHING if row.change is None else format_ratio(row.change)


def _interval(row: Comparison) -> str:
    if row.interval is None:
        return NOTHING
    low, high = row.interval
    return f"{format_ratio(low)} .. {format_ratio(high)}"


def _detectable(row: Comparison) -> str:
    return NOTHING if row.detectable is None else format_ratio(row.detectable)


def _metric(row: Comparison) -> str:
    """The metric, in parentheses where it was compared but cannot turn a run red."""
    compared = row.verdict in {Verdict.OK, Verdict.IMPROVED, Verdict.UNDECIDED}
    return f"({row.metric})" if compared and not row.gates else row.metric


def _processes(row: Comparison) -> str:
    base, head = row.processes
    return f"{base}/{head}" if base else str(head)


def filled(columns: Sequence[Column], rows: Sequence[Comparison]) -> list[Column]:
    """Return the columns that say something about at least one of the rows."""
    return [column for column in columns if any(column.cell(row) != NOTHING for row in rows)]


VERDICT = Column("verdict", lambda row: row.verdict.value.replace("_", " "), number=False)
BENCHMARK = Column("benchmark", lambda row: row.benchmark, number=False)
METRIC = Column("metric", _metric, number=False)
BASE = Column("base", lambda row: _value(row.base, row.unit))
HEAD = Column("head", lambda row: _value(row.head, row.unit))
CHANGE = Column("change", _change)
INTERVAL = Column("95 % interval", _interval)
DETECTABLE = Column("detects", _detectable)
PROCESSES = Column("processes", _processes)
ALL = (VERDICT, BENCHMARK, METRIC, BASE, HEAD, CHANGE, INTERVAL, DETECTABLE, PROCESSES)


def common_start(names: Sequence[str]) -> str:
    """What all ids begin with: their only file up to ``::``, else a folder with its slash, or nothing."""
    paths = [name.partition("::")[0] for name in names]
    if len(set(paths)) == 1 and all("::" in name for name in names):
        return f"{paths[0]}::"
    folders = [path.split("/")[:-1] for path in paths]
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in shared)


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool], *, style: str
) -> str:
    """Render text cells with aligned columns; ``numbers`` says which stand to the right.

    ``style`` is one of tabulate's formats: ``plain`` for a terminal, ``pipe`` for Markdown. Cells must be
    escaped for it already; colour codes do not count as width.
    """
    from tabulate import tabulate  # noqa: PLC0415  -- kept out of the start of every command

    # As a plain row the headings get no padding, so that a table is as narrow as its cells.
    plain = style == "plain"
    return tabulate(
        [headings, *rows] if plain and headings else rows,
        headers=() if plain else headings,
        tablefmt=style,
        disable_numparse=True,
        colalign=["right" if number else "left" for number in numbers],
    )
