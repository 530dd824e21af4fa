"""``bench-guard baseline update``, ``accept`` and ``show``."""

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
from bench.model import Acceptance, Baseline, BaselineEntry, MetricRecord
from bench.report.tables import NOTHING, table
from bench.selection import parse_expression
from bench.settings import load_settings
from bench.stats.describe import sd
from bench.store.baselines import FileBaselineStore
from bench.text import printable
from bench.units import format_ratio, format_value

_NO_BASELINE = 3
_HEADINGS = ("benchmark", "time", "sd", "peak", "date", "commit", "anchor", "gates time", "reason")
_NUMBERS = (False, True, True, True, False, False, False, False, False)
_ACCEPTED_HEADINGS = ("benchmark", "metric", "old", "new", "change", "date", "commit", "machine", "reason")
_ACCEPTED_NUMBERS = (False, False, True, True, True, False, False, False, False)


@click.group(
    "baseline",
    epilog="""\b
Examples:
  bench-guard baseline update --reason 'new parser'
  bench-guard baseline accept -k parse --reason 'checks its input since #12'
  bench-guard baseline show""",
)
def command() -> None:
    """Record, accept or show the stored baseline, a reviewed JSON file."""


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

    Entries of other machine kinds are kept. Nothing is written unless the run passes: no failure, no broken
    budget. The anchor of a benchmark, pinned when it was first recorded, stays where it is.
    """
    return execute(
        "baseline update",
        MeasuringOptions(**values),
        lambda settings, ports: guard.update_baseline(settings, ports, reason),
    )


@command.command(
    epilog=f"""\b
Examples:
  bench-guard baseline accept -k parse --reason 'checks its input since #12'
  bench-guard baseline accept benchmarks/bench_parse.py --reason 'new parser'
  bench-guard baseline accept --all --reason 'Python 3.13'
\b
{EXIT_CODES}"""
)
@measuring
@click.option(
    "--reason", metavar="TEXT", required=True, help="Why the change is accepted; kept on record for good."
)
@click.option("--all", "everything", is_flag=True, help="Mean every benchmark, not a selection.")
def accept(reason: str, everything: bool, **values: Any) -> int:
    """Accept a change of the benchmarks named by -k or [PATHS]: measure anew, store, put on record.

    Measures as `baseline update` does, and moves the anchor too. What moved from where to where, when, at
    which commit and why is added to the list of accepted changes in the baseline, which only ever grows.
    Refused where the selection takes in every benchmark of several without --all. Nothing is written unless
    the run passes.
    """
    return execute(
        "baseline accept",
        MeasuringOptions(**values),
        lambda settings, ports: guard.accept(settings, ports, reason, everything=everything),
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
    """Show what is stored: time and its spread, memory, when, where and why; and what was accepted."""
    settings = load_settings(Path.cwd(), os.environ, {"expression": expression})
    chosen = parse_expression(settings.expression)
    store = FileBaselineStore(settings.baseline)
    baseline = store.load()
    if baseline is None:
        say(f"there is no baseline: {store.path} does not exist\n  hint: bench-guard check records one")
        return _NO_BASELINE
    accepted = [each for each in baseline.accepted if chosen(each.benchmark)]
    write_stdout(
        _shown(baseline, [entry for entry in baseline.entries if chosen(entry.benchmark)])
        + _shown_acceptances(accepted)
    )
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


def _shown_acceptances(accepted: Sequence[Acceptance]) -> str:
    if not accepted:
        return ""
    rows = [[printable(cell) for cell in _acceptance_row(each)] for each in accepted]
    text = _lines(rows, _ACCEPTED_HEADINGS, _ACCEPTED_NUMBERS)
    return f"\naccepted changes, oldest first\n{text}\n"


def _acceptance_row(each: Acceptance) -> list[str]:
    return [
        each.benchmark,
        each.metric,
        format_value(each.old, each.unit),
        format_value(each.new, each.unit),
        NOTHING if each.change is None else format_ratio(each.change),
        each.date[:10],
        _commit(each.commit),
        each.machine,
        each.reason,
    ]


def _commit(commit: str | None) -> str:
    """Ten digits, and ``-dirty`` where the tree had local changes."""
    if commit is None:
        return NOTHING
    digits, dash, mark = commit.partition("-")
    return digits[:10] + dash + mark


def _lines(
    rows: Sequence[Sequence[str]], headings: Sequence[str] = _HEADINGS, numbers: Sequence[bool] = _NUMBERS
) -> str:
    text = table(headings, rows, numbers, style="plain")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _row(entry: BaselineEntry) -> list[str]:
    time, peak = entry.metrics.get("time"), entry.metrics.get("peak")
    cells = (
        entry.benchmark,
        _value(time),
        NOTHING if time is None else format_ratio(sd(time.processes)).removeprefix("+"),
        _value(peak),
        entry.date[:10],
        _commit(entry.commit),
        NOTHING if entry.anchor is None else entry.anchor.date[:10],
        NOTHING if time is None else "yes" if time.calibratable else "no (use ab)",
        entry.reason or "",
    )
    return [printable(cell) for cell in cells]


def _value(record: MetricRecord | None) -> str:
    return NOTHING if record is None else format_value(record.value, record.unit)
