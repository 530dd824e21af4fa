"""The pipeline: discover, schedule, measure, estimate, compare, judge, report.

Every function takes the :class:`~bench.settings.Settings` of the run and its :class:`Ports`, and returns a
complete :class:`~bench.model.Report`; nothing here prints, and only :func:`check` (when no baseline exists)
and :func:`update_baseline` write one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.anchors import anchor_rows
from bench.clock import Clock
from bench.discovery import find_suites
from bench.errors import ConfigurationError, DiscoveryError
from bench.estimates import LOG_METRICS
from bench.executor import Collection, Executor
from bench.host import diagnose
from bench.model import (
    Acceptance,
    Baseline,
    BenchmarkSpec,
    Comparison,
    Decision,
    Environment,
    Host,
    Method,
    MetricRecord,
    ProcessRun,
    Report,
    RunVerdict,
    Side,
)
from bench.passes import (
    SHOWN_PROCESSES,
    Session,
    memory_pass,
    ratio_pass,
    record_passes,
    sample,
    tell_failure,
)
from bench.policy import conclude, limits_for, rule_for, sitting_shift, unknown_kind
from bench.progress import Progress
from bench.recording import (
    Provenance,
    Recording,
    acceptances,
    baseline_entries,
    merged,
    recorded_words,
    refuse_acceptance,
)
from bench.rows import Known, base_side, collect_rows, look_up, measured_rows, metrics_of, missing_rows
from bench.schedule import BaseSample, Judge, judge
from bench.selection import parse_expression
from bench.settings import Settings
from bench.store.baselines import BaselineStore
from bench.store.calibrations import CalibrationStore, MemoryCalibrationStore
from bench.store.runs import RunLog
from bench.units import parse_budget

BETWEEN_PASSES_S = 60
"""A second pass at once would share the host's mood of the first; a minute later it is another sample."""

_ENDED = {
    RunVerdict.FAILED: "had failures",
    RunVerdict.REGRESSED: "breaks a budget",
    RunVerdict.UNDECIDED: "was left undecided",
}


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
    pairs: Executor | None = None
    calibrations: CalibrationStore = field(default_factory=MemoryCalibrationStore)
    afterwards: Callable[[], tuple[str, ...]] = tuple
    """What disturbed the host meanwhile, asked at the end."""


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
        tell_failure(ports.progress, problem)
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
    rows = [*collect_rows(collection), *measured_rows(settings, session, collection.specs, {}, {})]
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
        return _record(ports, session, collection, settings, Recording("first check"))
    baseline = baseline or Baseline()
    shifts = ports.calibrations.load()
    here = ports.environment
    known = {
        spec.id: replace(look_up(baseline, spec, here), shift=sitting_shift(shifts, here.machine, spec))
        for spec in collection.specs
    }
    decisions = _measure(settings, session, collection.specs, known)
    rows = [
        *collect_rows(collection),
        *measured_rows(settings, session, collection.specs, known, decisions),
        *anchor_rows(settings, session, collection.specs, known),
        *missing_rows(settings, ports.environment, collection, baseline),
    ]
    stored = {entry.benchmark for entry in baseline.entries}
    shares = not stored or any(spec.id in stored for spec in collection.specs)
    report = _report(settings, ports, session, rows, base_side(settings, known), shares_benchmark=shares)
    unknown = unknown_kind(baseline, ports.environment)
    return replace(report, messages=(*report.messages, unknown)) if unknown else report


def update_baseline(settings: Settings, ports: Ports, reason: str | None = None) -> Report:
    """Sample to the maximum, in two passes a minute apart, and store what is selected for this machine kind.

    Nothing is written unless the run passes: a baseline never comes from a failing run.
    """
    session = _session(settings, ports)
    collection = collect(settings, ports)
    ports.baselines.load()  # damaged or newer: say so before minutes of measuring, not after
    return _record(ports, session, collection, settings, Recording(reason, lambda: _wait(ports)))


def accept(settings: Settings, ports: Ports, reason: str, *, everything: bool = False) -> Report:
    """Record the named benchmarks anew as :func:`update_baseline` does, and put on record what was accepted.

    Moves the anchor too. ConfigurationError without a reason, or for a selection that was hardly meant (see
    :func:`~bench.recording.refuse_acceptance`); then nothing is measured.
    """
    if not reason.strip():
        raise ConfigurationError("accepting needs a reason", hint="--reason 'WHY'; it is kept for good")
    session = _session(settings, ports)
    collection = collect(settings, ports)
    stored = ports.baselines.load() or Baseline()
    refuse_acceptance(settings, stored, collection, ports.environment, everything=everything)
    recording = Recording(reason.strip(), lambda: _wait(ports), accepting=True)
    return _record(ports, session, collection, settings, recording)


def _record(
    ports: Ports, session: Session, collection: Collection, settings: Settings, recording: Recording
) -> Report:
    specs = {spec.id: spec for spec in collection.specs}
    if not collection.problems:
        record_passes(
            session,
            specs,
            lambda spec: metrics_of(settings, spec),
            recording.between,
            lambda name: limits_for(settings, specs[name], "time").tolerance,
        )
    rows = [*collect_rows(collection), *measured_rows(settings, session, collection.specs, {}, {})]
    report = _report(replace(settings, require_baseline=False), ports, session, rows, Side("none"))
    if report.exit_code == 0:
        messages = _written(ports, session, collection, settings, recording)
    else:
        messages = (f"nothing was written: a baseline never comes from a run that {_ENDED[report.verdict]}",)
    return replace(report, messages=(*messages, *report.messages))


def _written(
    ports: Ports, session: Session, collection: Collection, settings: Settings, recording: Recording
) -> tuple[str, ...]:
    provenance = Provenance(ports.environment.machine, ports.commit, date_of(ports), recording.reason)
    entries = baseline_entries(settings, session, collection.specs, provenance)

    moved: tuple[Acceptance, ...] = ()

    def change(old: Baseline) -> Baseline:
        nonlocal moved
        moved = acceptances(old, entries, session, settings.metrics) if recording.accepting else ()
        return merged(old, entries, collection, settings, ports.environment, moved)

    path = ports.baselines.update(change)
    count = f"{len(entries)} benchmark{'s' if len(entries) > 1 else ''}"
    written = f"baseline written: {count} of {ports.environment.machine} in {path}"
    return (written, *recorded_words(entries, moved))


def date_of(ports: Ports) -> str:
    """Now, as ISO 8601."""
    return ports.clock.now().isoformat(timespec="seconds")


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


def _measure(
    settings: Settings, session: Session, specs: Sequence[BenchmarkSpec], known: Mapping[str, Known]
) -> dict[tuple[str, str], Decision]:
    """All passes; returns the sequential decisions by (benchmark, metric)."""
    decisions: dict[tuple[str, str], Decision] = {}
    for metric in ("time", "p95", "p99"):
        wanted = {spec.id: spec for spec in specs if metric in metrics_of(settings, spec)}
        if wanted:
            judges = _judges(settings, session, wanted, metric, known)
            found = ratio_pass(session, wanted, metric, judges)
            decisions |= {(name, metric): decision for name, decision in found.items()}
    for metric in ("peak", "rss"):
        chosen = [spec for spec in specs if metric in metrics_of(settings, spec)]
        if chosen:
            memory_pass(session, chosen, metric)
    return decisions


def _judges(
    settings: Settings,
    session: Session,
    specs: Mapping[str, BenchmarkSpec],
    metric: str,
    known: Mapping[str, Known],
) -> dict[str, Judge]:
    records = {name: known.get(name, Known()).record(spec, metric) for name, spec in specs.items()}
    gating = sum(_gating(settings, spec, known.get(name, Known())) for name, spec in specs.items())
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
        shift = known[name].shift if metric == "time" and name in known else None
        judges[name] = judge(rule_for(settings, spec, gating, metric, shift=shift), base)
    return judges


def _gating(settings: Settings, spec: BenchmarkSpec, known: Known) -> int:
    """How many comparisons of this benchmark can convict by chance: they share the error of the run."""
    records = (known.record(spec, metric) for metric in settings.metrics if metric in LOG_METRICS)
    return sum(1 for record in records if record is not None and record.calibratable)


def _seconds_per_unit(record: MetricRecord) -> float:
    """Seconds of one iteration of the reference when the baseline was recorded."""
    return (
        record.value / math.exp(sum(record.processes) / len(record.processes))
        if record.processes
        else math.nan
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
            date_of(ports),
            ports.environment.machine,
        ),
        host=diagnosed(everything, ports),
        comparisons=tuple(rows),
        duration_s=ports.clock.monotonic() - session.started,
        messages=tuple(messages),
    )


def diagnosed(measured: Sequence[ProcessRun], ports: Ports) -> Host:
    """The host meanwhile, read from the reference work in everything that was measured."""
    return diagnose(measured, (*ports.notices, *ports.afterwards()))
