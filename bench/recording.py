"""From a measured session to entries of a baseline, and into what the baseline holds already. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.errors import ConfigurationError
from bench.estimates import LOG_METRICS, process_value
from bench.executor import Collection
from bench.model import (
    Acceptance,
    Baseline,
    BaselineEntry,
    BenchmarkSpec,
    Environment,
    Estimate,
    MetricRecord,
    ProcessRun,
)
from bench.passes import Session
from bench.policy import is_calibratable, limits_for
from bench.settings import Settings
from bench.stats.describe import mean, sd
from bench.units import format_ratio

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where new entries come from: machine kind, commit, date (ISO 8601), and why they were recorded."""

    machine: str
    commit: str | None
    date: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Recording:
    """Why a baseline is recorded, what happens between the two passes, and whether it accepts a change."""

    reason: str | None
    between: Callable[[], None] = lambda: None
    accepting: bool = False


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


def recorded_words(entries: Sequence[BaselineEntry], moved: Sequence[Acceptance]) -> Iterator[str]:
    """What deserves a word after a recording: changes put on record, times that spread too far to gate."""
    if moved:
        yield f"accepted and put on record: {_listed([_moved_words(each) for each in moved])}"
    noisy = [
        f"{entry.benchmark} ({metric}, sd {format_ratio(sd(record.processes)).removeprefix('+')})"
        for entry in entries
        for metric, record in entry.metrics.items()
        if not record.calibratable
    ]
    if noisy:
        yield (
            f"too noisy to gate, and stored as such: {_listed(noisy)}; record again on a quieter host, or "
            "raise the tolerance to twice the sd"
        )


def _moved_words(each: Acceptance) -> str:
    change = "" if each.change is None else f" {format_ratio(each.change)}"
    return f"{each.benchmark} ({each.metric}{change})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def refuse_acceptance(
    settings: Settings, baseline: Baseline, collection: Collection, here: Environment, *, everything: bool
) -> None:
    """ConfigurationError unless what is selected can be accepted and was clearly meant.

    Accepting names its benchmarks: a selection that takes in all of several needs ``everything``. Every one
    must be in the baseline for this machine kind, with the same source; otherwise nothing is there to move.
    """
    if not everything and not settings.expression and not settings.paths:
        raise ConfigurationError(
            f"nothing names what to accept, and there are {_counted(len(collection.specs))}",
            hint="bench-guard baseline accept -k NAME --reason TEXT; --all for everything",
        )
    stored = {entry.benchmark: entry for entry in baseline.entries if entry.machine == here.machine}
    selected = {spec.id for spec in collection.specs}
    if not everything and len(stored) > 1 and selected >= set(stored):
        raise ConfigurationError(
            f"the selection takes in all {_counted(len(selected))}",
            hint="narrow -k down to what changed, or add --all if you mean everything",
        )
    unknown = [spec.id for spec in collection.specs if not _holds(stored.get(spec.id), spec, settings)]
    if unknown:
        raise ConfigurationError(
            f"the baseline of {here.machine} does not hold {_listed(unknown)} as written now: "
            "nothing to accept",
            hint="bench-guard baseline update records what is new or was rewritten",
        )


def _counted(count: int) -> str:
    return f"{count} benchmark{'' if count == 1 else 's'}"


def _holds(entry: BaselineEntry | None, spec: BenchmarkSpec, settings: Settings) -> bool:
    """Whether the entry is of this source and has one of the gating metrics at least."""
    if entry is None or entry.source_hash != spec.source_hash:
        return False
    return any(metric in entry.metrics for metric in settings.metrics)


def acceptances(
    old: Baseline, entries: Sequence[BaselineEntry], session: Session, metrics: Sequence[str]
) -> tuple[Acceptance, ...]:
    """What moves when ``entries`` replace the stored ones: one record for each of the gating ``metrics``.

    A time that is divided by the reference is restated for the old record's calibration before the two are
    compared, as a check does; its old value is given in the seconds of the new recording.
    """
    moved = []
    for entry in entries:
        before = old.entry(entry.benchmark, entry.machine)
        for metric in metrics:
            if before is None or metric not in before.metrics or metric not in entry.metrics:
                continue
            record, runs = before.metrics[metric], session.runs.get((entry.benchmark, metric), ())
            value, change = _movement(record, entry.metrics[metric], runs)
            moved.append(
                Acceptance(
                    benchmark=entry.benchmark,
                    machine=entry.machine,
                    metric=metric,
                    unit=record.unit,
                    old=value,
                    new=entry.metrics[metric].value,
                    change=change,
                    date=entry.date,
                    commit=entry.commit,
                    reason=entry.reason or "",
                )
            )
    return tuple(moved)


def _movement(
    before: MetricRecord, after: MetricRecord, runs: Sequence[ProcessRun]
) -> tuple[float, float | None]:
    """The old value in today's unit, and the relative change."""
    if before.unit != "s" or before.method != after.method:
        return before.value, after.value / before.value - 1.0 if before.value > 0 else None
    now = mean([process_value(run, before.calibration) for run in runs])
    change = math.expm1(now - mean(before.processes))
    return after.value / (1.0 + change), change


def _continued(entry: BaselineEntry, before: BaselineEntry | None, *, moves_anchor: bool) -> BaselineEntry:
    """The entry with what it takes over from the one it replaces: unmeasured metrics, and the anchor.

    Nothing when the benchmark's source has changed. A record that time cannot be compared with (another
    method, too wide a spread) anchors nothing.
    """
    if before is None or before.source_hash != entry.source_hash:
        return entry
    metrics = {**before.metrics, **entry.metrics}
    if moves_anchor:
        return replace(entry, metrics=metrics)
    pinned = before.anchor or before
    usable = {
        name: record
        for name, record in pinned.metrics.items()
        if name in metrics and record.method == metrics[name].method and record.calibratable
    }
    anchor = replace(pinned, metrics=usable, anchor=None) if usable else None
    return replace(entry, metrics=metrics, anchor=anchor)


def merged(
    old: Baseline,
    entries: Sequence[BaselineEntry],
    collection: Collection,
    settings: Settings,
    here: Environment,
    accepted: Sequence[Acceptance] = (),
) -> Baseline:
    """The new entries replace this machine's old ones; a whole run also drops benchmarks that are gone.

    A metric that was not measured this time keeps its old record while the benchmark's source is the same,
    and so does the anchor; ``accepted`` changes move the anchor of their benchmark to the new entry.
    """
    fresh = {entry.benchmark for entry in entries}
    moving = {each.benchmark for each in accepted}
    entries = [
        _continued(entry, old.entry(entry.benchmark, entry.machine), moves_anchor=entry.benchmark in moving)
        for entry in entries
    ]
    whole = not settings.expression and not settings.paths
    existing = {spec.id for spec in collection.specs}
    kept = [
        entry
        for entry in old.entries
        if not (entry.machine == here.machine and entry.benchmark in fresh)
        and (not whole or entry.benchmark in existing)
    ]
    machines = {**old.machines, here.machine: here.stable}
    ordered = tuple(sorted([*kept, *entries], key=lambda e: (e.benchmark, e.machine)))
    return Baseline(machines, ordered, (*old.accepted, *accepted))
