"""``bench-guard baseline update`` and ``bench-guard baseline show``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench import guard
from bench.cli import options
from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES, say, write_stdout
from bench.cli.session import execute
from bench.model import Baseline, BaselineEntry, MetricRecord
from bench.report.tables import NOTHING, table
from bench.selection import parse_expression
from bench.settings import load_settings
from bench.stats.describe import sd
from bench.store.baselines import FileBaselineStore
from bench.text import printable
from bench.units import format_ratio, format_value

_NO_BASELINE = 3
_HEADINGS = ("benchmark", "time", "sd", "peak", "date", "commit", "gates time", "reason")
_NUMBERS = (False, True, True, True, False, False, False, False)


@click.group(
    "baseline",
    epilog="""\b
Examples:
  bench-guard baseline update --reason 'new parser'
  bench-guard baseline show""",
)
def command() -> None:
    """Record or show the stored baseline, a reviewed JSON file."""


@command.command(
    epilog=f"""\b
Examples:
  bench-guard baseline update                          everything, for this kind of machine
  bench-guard baseline update -k parse --reason 'checks its input since #12'
\b
{EXIT_CODES}"""
)
@measuring
@click.option("--reason", metavar="TEXT", help="Why the numbers are accepted; kept beside them.")
def update(reason: str | None, **values: Any) -> int:
    """Measure with 20 processes a benchmark, in two passes a minute apart, and store the result.

    Entries of other machine kinds are kept. Nothing is written when anything could not be measured.
    """
    return execute(
        "baseline update",
        MeasuringOptions(**values),
        lambda settings, ports: guard.update_baseline(settings, ports, reason),
    )


@command.command(
    epilog="""\b
Examples:
  bench-guard baseline show
  bench-guard baseline show -k parse
\b
Exit codes:
  0    shown
  2    usage or configuration error, or a file that cannot be understood
  3    there is no baseline"""
)
@options.EXPRESSION
@options.DEBUG
def show(expression: str | None, debug: bool) -> int:  # noqa: ARG001  -- main reads --debug
    """Show what is stored: time and its spread over processes, memory, when, where and why."""
    settings = load_settings(Path.cwd(), os.environ, {"expression": expression})
    chosen = parse_expression(settings.expression)
    store = FileBaselineStore(settings.baseline)
    baseline = store.load()
    if baseline is None:
        say(f"there is no baseline: {store.path} does not exist\n  hint: bench-guard check records one")
        return _NO_BASELINE
    write_stdout(_shown(baseline, [entry for entry in baseline.entries if chosen(entry.benchmark)]))
    return 0


def _shown(baseline: Baseline, entries: Sequence[BaselineEntry]) -> str:
    parts = []
    for machine in sorted(baseline.machines):
        here = [entry for entry in entries if entry.machine == machine]
        if here:
            cpu = baseline.machines[machine].get("cpu", "")
            rows = [_row(entry) for entry in sorted(here, key=lambda entry: entry.benchmark)]
            parts.append(f"{printable(machine)}  {printable(cpu)}\n{_lines(rows)}\n")
    return "\n".join(parts) if parts else "nothing is stored under these names\n"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = table(_HEADINGS, rows, _NUMBERS, style="plain")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _row(entry: BaselineEntry) -> list[str]:
    time, peak = entry.metrics.get("time"), entry.metrics.get("peak")
    cells = (
        entry.benchmark,
        _value(time),
        NOTHING if time is None else format_ratio(sd(time.processes)).removeprefix("+"),
        _value(peak),
        entry.date[:10],
        (entry.commit or NOTHING)[:10],
        NOTHING if time is None else "yes" if time.calibratable else "no (use ab)",
        entry.reason or "",
    )
    return [printable(cell) for cell in cells]


def _value(record: MetricRecord | None) -> str:
    return NOTHING if record is None else format_value(record.value, record.unit)
