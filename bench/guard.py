"""The pipeline: discover, schedule, measure, estimate, compare, judge, report.

Every function takes the :class:`~bench.settings.Settings` of the run and its :class:`Ports`, and returns a
complete :class:`~bench.model.Report`; nothing here prints, and only :func:`check` (when no baseline exists)
and :func:`update_baseline` write one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench import compare
from bench.clock import Clock
from bench.discovery import find_suites
from bench.errors import ConfigurationError, DiscoveryError
from bench.estimates import LOG_METRICS, reference_cv, reference_shift
from bench.executor import Collection, Executor
from bench.model import (
    Baseline,
    BaselineEntry,
    BenchmarkSpec,
    Comparison,
    Decision,
    Environment,
    Estimate,
    Host,
    Method,
    MetricRecord,
    ProcessFailure,
    Report,
    Side,
)
from bench.passes import SHOWN_PROCESSES, Session, memory_pass, ratio_pass, record_passes, sample
from bench.policy import conclude, is_calibratable, limits_for, matches_portably, rule_for
from bench.progress import Progress
from bench.schedule import BaseSample, Judge, judge
from bench.selection import parse_expression
from bench.settings import Settings
from bench.store.baselines import BaselineStore
from bench.store.runs import RunLog
from bench.units import parse_budget

BETWEEN_PASSES_S = 60
"""A second pass at once would share the host's mood of the first; a minute later it is another sample."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The edges of a run, and what was read from them once before it began."""

    executor: Executor
    baselines: BaselineStore
    runs: RunLog
    clock: Clock
    progress: Progress
    environment: Environment
    commit: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the baseline offers one benchmark: an entry of this machine kind, or a portable one."""

    entry: BaselineEntry | None = None
    portable: BaselineEntry | None = None

    def record(self, spec: BenchmarkSpec, metric: str) -> MetricRecord | None:
        """The record to judge against, None when there is none or the benchmark has changed since."""
        if self.entry is None or self.entry.source_hash != spec.source_hash:
            return None
        return self.entry.metrics.get(metric)


def collect(settings: Settings, ports: Ports) -> Collection:
    """Import the suites in workers, keep what PATHS and -k select; DiscoveryError without any."""
    files = find_suites(settings.root, settings.paths or settings.suites)
    if not files:
        raise DiscoveryError(
            f"no suite files in {', '.join(settings.paths or settings.suites) or settings.root}",
            hint="write bench_NAME.py with functions marked @benchmark, or set [tool.bench-guard] suites",
        )
    found = ports.executor.collect(files)
    for name, file in found.subject_files:
        ports.progress.say(f"measuring {name} from {file}")
    for problem in found.problems:
        ports.progress.say(f"{problem.benchmark}: {problem.message}")
    if not found.specs and not found.problems:
        raise DiscoveryError(
            f"no benchmark in {', '.join(path.name for path in files)}",
            hint="mark functions with @benchmark (from bench import benchmark)",
        )
    chosen = parse_expression(settings.expression)
    specs = tuple(spec for spec in found.specs if chosen(spec.id))
    if not specs and not found.problems:
        raise DiscoveryError(
            f"-k {settings.expression!r} selects none of {len(found.specs)} benchmarks",
            hint="see `bench-guard list`",
        )
    _check_budgets(specs)
    return replace(found, specs=specs)


def run(settings: Settings, ports: Ports) -> Report:
    """Measure what is selected and compare it with nothing but its own budgets."""
    session = _session(settings, ports)
    collection = collect(settings, ports)
    _measure(settings, session, collection.specs, {})
    rows = [*_collect_rows(collection), *_rows(settings, session, collection.specs, {}, {})]
    settings = replace(settings, require_baseline=False)
    return _report(settings, ports, session, rows, Side("none"))


def check(settings: Settings, ports: Ports) -> Report:
    """Compare with the stored baseline. Without any baseline file, and not in CI, record one instead."""
    session = _session(settings, ports)
    collection = collect(settings, ports)
    baseline = ports.baselines.load()
    if baseline is None and not settings.ci and not settings.require_baseline:
        ports.progress.say(
            "no baseline yet: this run records one (20 processes a benchmark) instead of comparing"
        )
        return _record(ports, session, collection, settings, lambda: None, "first check")
    baseline = baseline or Baseline()
    known = {spec.id: _look_up(baseline, spec, ports.environment) for spec in collection.specs}
    decisions = _measure(settings, session, collection.specs, known)
    rows = [
        *_collect_rows(collection),
        *_rows(settings, session, collection.specs, known, decisions),
        *_missing(settings, ports, collection, baseline),
    ]
    stored = {entry.benchmark for entry in baseline.entries}
    shares = not stored or any(spec.id in stored for spec in collection.specs)
    return _report(settings, ports, session, rows, _base_side(settings, known), shares_benchmark=shares)


def update_baseline(settings: Settings, ports: Ports, reason: str | None = None) -> Report:
    """Sample to the maximum, in two passes a minute apart, and store what is selected for this machine kind.

    Nothing is written when a benchmark failed: a baseline never comes from a broken run.
    """
    session = _session(settings, ports)
    collection = collect(settings, ports)
    ports.baselines.load()  # damaged or newer: say so before minutes of measuring, not after
    return _record(ports, session, collection, settings, lambda: _wait(ports), reason)


def _record(
    ports: Ports,
    session: Session,
    collection: Collection,
    settings: Settings,
    between: Callable[[], None],
    reason: str | None,
) -> Report:
    specs = {spec.id: spec for spec in collection.specs}
    wanted = sorted({metric for spec in collection.specs for metric in _metrics_of(settings, spec)})
    record_passes(
        session, specs, wanted, between, lambda name: limits_for(settings, specs[name], "time").tolerance
    )
    rows = [*_collect_rows(collection), *_rows(settings, session, collection.specs, {}, {})]
    messages: tuple[str, ...] = ("nothing was written: a baseline never comes from a run with failures",)
    if not session.failures and not collection.problems:
        entries = _entries(settings, ports, session, collection.specs, reason)
        path = ports.baselines.update(
            lambda old: _merged(old, entries, collection, settings, ports.environment)
        )
        messages = (f"baseline written: {len(entries)} benchmarks of {ports.environment.machine} in {path}",)
    settings = replace(settings, require_baseline=False)
    report = _report(settings, ports, session, rows, Side("none"))
    return replace(report, messages=(*messages, *report.messages))


def _wait(ports: Ports) -> None:
    ports.progress.begin(
        "waiting a minute, so that the second pass sees the host in another mood", BETWEEN_PASSES_S
    )
    for _ in range(BETWEEN_PASSES_S):
        ports.clock.sleep(1.0)
        ports.progress.advance("")
    ports.progress.end()


def _session(settings: Settings, ports: Ports) -> Session:
    return Session(ports.executor, ports.runs, ports.clock, ports.progress, settings.budget)


def _check_budgets(specs: Iterable[BenchmarkSpec]) -> None:
    for spec in specs:
        for text in spec.budgets:
            try:
                parse_budget(text)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{spec.id}: budget {text!r}: {error.message}", hint=error.hint
                ) from error


def _metrics_of(settings: Settings, spec: BenchmarkSpec) -> set[str]:
    """What to measure of one benchmark: the configured metrics, those of its budgets, rss beside peak."""
    wanted = {*settings.metrics, *(parse_budget(text).measured for text in spec.budgets)}
    return wanted | ({"rss"} if "peak" in settings.metrics else set())


def _measure(
    settings: Settings, session: Session, specs: Sequence[BenchmarkSpec], known: Mapping[str, _Known]
) -> dict[tuple[str, str], Decision]:
    """All passes; returns the sequential decisions by (benchmark, metric)."""
    decisions: dict[tuple[str, str], Decision] = {}
    for metric in ("time", "p95", "p99"):
        wanted = {spec.id: spec for spec in specs if metric in _metrics_of(settings, spec)}
        if wanted:
            judges = _judges(settings, session, wanted, metric, known)
            found = ratio_pass(session, wanted, metric, judges)
            decisions |= {(name, metric): decision for name, decision in found.items()}
    for metric in ("peak", "rss"):
        chosen = [spec for spec in specs if metric in _metrics_of(settings, spec)]
        if chosen:
            memory_pass(session, chosen, metric)
    return decisions


def _judges(
    settings: Settings,
    session: Session,
    specs: Mapping[str, BenchmarkSpec],
    metric: str,
    known: Mapping[str, _Known],
) -> dict[str, Judge]:
    records = {name: known.get(name, _Known()).record(spec, metric) for name, spec in specs.items()}
    gating = sum(1 for record in records.values() if record is not None and record.calibratable)
    judges: dict[str, Judge] = {}
    for name, spec in specs.items():
        record = records[name]
        if record is None or metric not in settings.metrics:
            judges[name] = sample(SHOWN_PROCESSES)
            continue
        if metric == "time":
            session.methods[name] = Method(record.method)
            session.calibrations[name] = record.calibration
        base = BaseSample(record.processes, record.calibratable, _seconds_per_unit(record))
        judges[name] = judge(rule_for(settings, spec, gating, metric), base)
    return judges


def _seconds_per_unit(record: MetricRecord) -> float:
    """Seconds of one iteration of the reference when the baseline was recorded."""
    return (
        record.value / math.exp(sum(record.processes) / len(record.processes))
        if record.processes
        else math.nan
    )


def _rows(
    settings: Settings,
    session: Session,
    specs: Sequence[BenchmarkSpec],
    known: Mapping[str, _Known],
    decisions: Mapping[tuple[str, str], Decision],
) -> list[Comparison]:
    tolerances = {spec.id: limits_for(settings, spec, "time").tolerance for spec in specs}
    estimates = session.estimates(tolerances.__getitem__)
    rows: list[Comparison] = []
    for spec in specs:
        failure = session.failures.get(spec.id)
        if failure is not None:
            rows.append(compare.failed_row(spec, failure.metric, f"{failure.kind}: {failure.message}"))
            continue
        for metric in sorted(_metrics_of(settings, spec), key=_rank):
            if metric in {*settings.metrics, "rss"} and (spec.id, metric) in estimates:
                own = estimates[spec.id, metric]
                rows.append(
                    _row(settings, spec, own, known.get(spec.id, _Known()), decisions.get((spec.id, metric)))
                )
        rows.extend(
            compare.compare_budget(spec, parse_budget(text), list(estimates.values()))
            for text in spec.budgets
        )
    return rows


def _row(
    settings: Settings, spec: BenchmarkSpec, own: Estimate, known: _Known, decision: Decision | None
) -> Comparison:
    limits = limits_for(settings, spec, own.metric)
    if own.metric in LOG_METRICS:
        if known.entry is None:
            return compare.new_row(spec, own)
        if decision is None or own.metric not in known.entry.metrics:
            return compare.new_row(spec, own, f"the baseline holds no {own.metric}")
        return compare.compare_time(spec, own, known.entry, decision, limits.tolerance, limits.floor)
    entry = known.entry or known.portable
    if own.metric not in settings.metrics:
        return compare.compare_shown(spec, own, known.entry, limits)
    if entry is None or own.metric not in entry.metrics:
        return compare.new_row(spec, own)
    note = (
        None
        if known.entry is not None
        else f"against {entry.machine}: memory does not depend on the machine's speed"
    )
    return compare.compare_deterministic(spec, own, entry, limits, note)


def _rank(metric: str) -> int:
    order = ("time", "p95", "p99", "peak", "rss")
    return order.index(metric) if metric in order else len(order)


def _collect_rows(collection: Collection) -> list[Comparison]:
    return [
        compare.failed_row(_suite_spec(problem), "collect", problem.message)
        for problem in collection.problems
    ]


def _suite_spec(problem: ProcessFailure) -> BenchmarkSpec:
    return BenchmarkSpec(problem.benchmark, problem.benchmark, "", 0, "")


def _look_up(baseline: Baseline, spec: BenchmarkSpec, environment: Environment) -> _Known:
    entry = baseline.entry(spec.id, environment.machine)
    if entry is not None:
        return _Known(entry)
    others = (
        other
        for other in baseline.entries
        if other.benchmark == spec.id
        and other.source_hash == spec.source_hash
        and matches_portably(baseline.machines.get(other.machine, {}), environment.stable)
    )
    return _Known(None, next(others, None))


def _missing(
    settings: Settings, ports: Ports, collection: Collection, baseline: Baseline
) -> list[Comparison]:
    """Rows for what the baseline holds, the selection would have run, and the suites no longer have."""
    here = {spec.id for spec in collection.specs}
    broken = {problem.benchmark for problem in collection.problems}
    machines = {ports.environment.machine} & set(baseline.machines) or {
        name
        for name, stable in baseline.machines.items()
        if matches_portably(stable, ports.environment.stable)
    }
    chosen = parse_expression(settings.expression)
    absent: dict[str, BaselineEntry] = {}
    for entry in baseline.entries:
        path = entry.benchmark.partition("::")[0]
        selected = chosen(entry.benchmark) and _within(path, settings.paths)
        if entry.machine in machines and selected and entry.benchmark not in here and path not in broken:
            absent.setdefault(entry.benchmark, entry)
    metric = settings.metrics[0] if settings.metrics else "time"
    return [compare.missing_row(entry, metric) for entry in absent.values()]


def _within(path: str, places: Sequence[str]) -> bool:
    return not places or any(
        place in {".", path} or path.startswith(place.rstrip("/") + "/") for place in places
    )


def _entries(
    settings: Settings, ports: Ports, session: Session, specs: Sequence[BenchmarkSpec], reason: str | None
) -> list[BaselineEntry]:
    tolerances = {spec.id: limits_for(settings, spec, "time").tolerance for spec in specs}
    estimates = session.estimates(tolerances.__getitem__)
    date = ports.clock.now().isoformat(timespec="seconds")
    return [
        BaselineEntry(
            benchmark=spec.id,
            machine=ports.environment.machine,
            source_hash=spec.source_hash,
            metrics={
                metric: _stored(own, limits_for(settings, spec, metric).tolerance)
                for (name, metric), own in estimates.items()
                if name == spec.id
            },
            commit=ports.commit,
            date=date,
            reason=reason,
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


def _merged(
    old: Baseline,
    entries: Sequence[BaselineEntry],
    collection: Collection,
    settings: Settings,
    here: Environment,
) -> Baseline:
    """The new entries replace this machine's old ones; a whole run also drops benchmarks that are gone."""
    fresh = {entry.benchmark for entry in entries}
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


def _base_side(settings: Settings, known: Mapping[str, _Known]) -> Side:
    used = [entry for each in known.values() if (entry := each.entry or each.portable) is not None]
    newest = max(used, key=lambda entry: entry.date, default=None)
    return Side(
        kind="baseline",
        ref=str(settings.baseline),
        commit=newest.commit if newest else None,
        date=newest.date if newest else None,
        machine=newest.machine if newest else None,
    )


def _report(
    settings: Settings,
    ports: Ports,
    session: Session,
    rows: Sequence[Comparison],
    base: Side,
    *,
    shares_benchmark: bool = True,
) -> Report:
    everything = session.everything()
    verdict, code, messages = conclude(
        rows, settings, anything_measured=bool(everything), shares_benchmark=shares_benchmark
    )
    return Report(
        verdict=verdict,
        exit_code=code,
        base=base,
        head=Side(
            "working tree",
            str(settings.root),
            ports.commit,
            ports.clock.now().isoformat(timespec="seconds"),
            ports.environment.machine,
        ),
        host=Host(reference_cv(everything), reference_shift(everything), ports.notices),
        comparisons=tuple(rows),
        duration_s=ports.clock.monotonic() - session.started,
        messages=tuple(messages),
    )
