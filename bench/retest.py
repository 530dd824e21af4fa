"""Many benchmarks moved together: the red ones are asked again, beside the baseline's commit. Pure.

When most of a suite becomes slower by more than half the tolerance, either code that all of it shares did, or
the host is not what it was when the baseline was recorded. A stored baseline cannot tell the two apart; a
comparison in one sitting can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.model import Baseline, Comparison, Report, Verdict
from bench.policy import conclude, moved_together
from bench.settings import Settings
from bench.units import format_ratio

_DIRTY = "-dirty"
_ACQUITS = frozenset({Verdict.OK, Verdict.IMPROVED})


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Benchmarks (ids) whose regression the host may explain, and the commit to ask about them."""

    commit: str
    benchmarks: frozenset[str]


def suspicion(report: Report, baseline: Baseline) -> Suspicion | None:
    """What to compare again; None where not most of the suite moved, or its commit cannot be had.

    Only entries recorded at the commit that the report names take part: others are other code.
    """
    moved = moved_together(report.comparisons)
    commit = report.base.commit
    if moved is None or moved.direction < 0 or not commit or commit.endswith(_DIRTY):
        return None
    recorded_there = {
        entry.benchmark
        for entry in baseline.entries
        if entry.commit == commit and entry.machine == report.base.machine
    }
    red = frozenset(row.benchmark for row in moved.red) & recorded_there
    return Suspicion(commit, red) if red else None


def confirmed(report: Report, again: Report, settings: Settings) -> Report:
    """The report after the second comparison: acquitted where that finds no change, red everywhere else."""
    second = {row.benchmark: row for row in again.comparisons if row.metric == "time"}
    rows = tuple(_settled(row, second.get(row.benchmark), again) for row in report.comparisons)
    verdict, code, messages = conclude(rows, settings, anything_measured=True)
    return replace(
        report,
        verdict=verdict,
        exit_code=code,
        comparisons=rows,
        messages=messages,
        duration_s=report.duration_s + again.duration_s,
    )


def _settled(row: Comparison, second: Comparison | None, again: Report) -> Comparison:
    if row.metric != "time" or row.verdict is not Verdict.REGRESSED or second is None:
        return row
    commit = (again.base.commit or "")[:10]
    if second.verdict in _ACQUITS and row.change is not None:
        stored = format_ratio(row.change)
        return replace(second, note=f"{stored} against the baseline, but not beside {commit}: the host moved")
    if second.verdict is Verdict.REGRESSED and second.change is not None:
        note = f"confirmed beside {commit}: {format_ratio(second.change)}"
        return replace(row, note="; ".join(filter(None, (note, row.note))))
    return row
