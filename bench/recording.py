"""From a measured session to entries of a baseline, and into what the baseline holds already. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.estimates import LOG_METRICS
from bench.executor import Collection
from bench.model import Baseline, BaselineEntry, BenchmarkSpec, Environment, Estimate, MetricRecord
from bench.passes import Session
from bench.policy import is_calibratable, limits_for
from bench.settings import Settings


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where new entries come from: machine kind, commit, date (ISO 8601), and why they were recorded."""

    machine: str
    commit: str | None
    date: str
    reason: str | None


def baseline_entries(
    settings: Settings, session: Session, specs: Sequence[BenchmarkSpec], provenance: Provenance
) -> list[BaselineEntry]:
    """One entry per benchmark, holding every metric that the session measured of it."""
    tolerances = {spec.id: limits_for(settings, spec, "time").tolerance for spec in specs}
    estimates = session.estimates(tolerances.__getitem__)
    return [
        BaselineEntry(
            benchmark=spec.id,
            machine=provenance.machine,
            source_hash=spec.source_hash,
            metrics={
                metric: _stored(own, limits_for(settings, spec, metric).tolerance)
                for (name, metric), own in estimates.items()
                if name == spec.id
            },
            commit=provenance.commit,
            date=provenance.date,
            reason=provenance.reason,
        )
        for spec in specs
    ]


def _stored(own: Estimate, tolerance: float) -> MetricRecord:
    return MetricRecord(
        unit=own.unit,
        processes=own.processes,
        value=own.value,
        method=own.method.value,
        calibratable=own.metric not in LOG_METRICS or is_calibratable(own.processes, tolerance),
        varies=own.varies,
        calibration=own.calibration,
    )


def _with_old_metrics(entry: BaselineEntry, before: BaselineEntry | None) -> BaselineEntry:
    if before is None or before.source_hash != entry.source_hash:
        return entry
    return replace(entry, metrics={**before.metrics, **entry.metrics})


def merged(
    old: Baseline,
    entries: Sequence[BaselineEntry],
    collection: Collection,
    settings: Settings,
    here: Environment,
) -> Baseline:
    """The new entries replace this machine's old ones; a whole run also drops benchmarks that are gone.

    A metric that was not measured this time keeps its old record while the benchmark's source is the same.
    """
    fresh = {entry.benchmark for entry in entries}
    entries = [_with_old_metrics(entry, old.entry(entry.benchmark, entry.machine)) for entry in entries]
    whole = not settings.expression and not settings.paths
    existing = {spec.id for spec in collection.specs}
    kept = [
        entry
        for entry in old.entries
        if not (entry.machine == here.machine and entry.benchmark in fresh)
        and (not whole or entry.benchmark in existing)
    ]
    machines = {**old.machines, here.machine: here.stable}
    return Baseline(machines, tuple(sorted([*kept, *entries], key=lambda e: (e.benchmark, e.machine))))
