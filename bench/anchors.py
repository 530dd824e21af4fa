"""Slow creep: the head against the entry that was pinned first, at twice the tolerance.

Every update of a baseline may take in a change just below the tolerance; ten of them double the time, and no
single check ever saw it. The anchor does not move with updates, only when a change is accepted by name. It is
compared with the processes that the ordinary comparison drew, so it costs no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import compare
from bench.compare import Limits
from bench.estimates import LOG_METRICS, process_value
from bench.model import BaselineEntry, BenchmarkSpec, Comparison, Estimate, Verdict
from bench.passes import Session
from bench.policy import ANCHOR, ANCHOR_TOLERANCES, limits_for, rule_for
from bench.rows import Known
from bench.schedule import BaseSample, judge_drawn
from bench.settings import Settings
from bench.stats.describe import mean


def anchor_rows(
    settings: Settings, session: Session, specs: Sequence[BenchmarkSpec], known: Mapping[str, Known]
) -> list[Comparison]:
    """A row ``anchor:METRIC`` for each gating metric whose baseline has moved away from its anchor since."""
    tolerances = {spec.id: limits_for(settings, spec, "time").tolerance for spec in specs}
    estimates = session.estimates(tolerances.__getitem__)
    found = []
    for metric in settings.metrics:
        pairs = [
            (spec, anchor, estimates[spec.id, metric])
            for spec in specs
            if (spec.id, metric) in estimates
            and (anchor := _anchor(known.get(spec.id), spec, estimates[spec.id, metric])) is not None
        ]
        for spec, anchor, own in pairs:
            if metric in LOG_METRICS:
                shift = known[spec.id].shift if metric == "time" else None
                row = _time_row(settings, session, (spec, anchor, own), len(pairs), shift)
            else:
                limits = _doubled(settings, spec, metric)
                row = compare.compare_deterministic(spec, own, anchor, limits)
            found.append(_said(row, anchor))
    return found


def _anchor(known: Known | None, spec: BenchmarkSpec, own: Estimate) -> BaselineEntry | None:
    """The pinned entry of this machine kind, if it can be compared with what was measured."""
    anchor = known.entry.anchor if known is not None and known.entry is not None else None
    if anchor is None or anchor.source_hash != spec.source_hash:
        return None
    record = anchor.metrics.get(own.metric)
    return anchor if record is not None and record.method == own.method.value else None


def _doubled(settings: Settings, spec: BenchmarkSpec, metric: str) -> Limits:
    limits = limits_for(settings, spec, metric)
    return replace(limits, tolerance=ANCHOR_TOLERANCES * limits.tolerance)


def _time_row(
    settings: Settings,
    session: Session,
    side: tuple[BenchmarkSpec, BaselineEntry, Estimate],
    comparisons: int,
    shift: float | None,
) -> Comparison:
    """The same processes, brought to the reference speed that the anchor is stated for."""
    spec, anchor, own = side
    record, limits = anchor.metrics[own.metric], _doubled(settings, spec, own.metric)
    rule = rule_for(settings, spec, comparisons, own.metric, shift=shift)
    head = [process_value(run, record.calibration) for run in session.runs[spec.id, own.metric]]
    base = BaseSample(record.processes, seconds_per_unit=record.value / math.exp(mean(record.processes)))
    decision = judge_drawn(replace(rule, tolerance=limits.tolerance), base, head)
    return compare.compare_time(spec, own, anchor, decision, limits.tolerance, limits.floor)


def _said(row: Comparison, anchor: BaselineEntry) -> Comparison:
    """The row under its own metric; less than the anchor is no news, and a doubt stops nobody."""
    fine = row.verdict in {Verdict.OK, Verdict.IMPROVED}
    pinned = ", ".join(
        filter(None, (anchor.date[:10], f"commit {anchor.commit[:10]}" if anchor.commit else ""))
    )
    note = (
        f"against the anchor of {pinned}, at twice the tolerance; only `bench-guard baseline accept` moves it"
    )
    return replace(
        row,
        metric=f"{ANCHOR}{row.metric}",
        verdict=Verdict.OK if fine else row.verdict,
        note=None if fine else note,
        suspect=False,
    )
