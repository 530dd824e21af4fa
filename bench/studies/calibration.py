"""``calibrate``: the same code measured against itself, to learn what this machine can resolve.

Every benchmark gets processes as a baseline gets them and pairs as `ab` draws them, with identical code on
both sides, in rounds. The processes are kept as a sitting (:mod:`bench.sittings`); from three sittings on,
`check` uses the shift that was measured between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from statistics import median

from bench.errors import ConfigurationError
from bench.estimates import base_seconds, fit_calibration, process_value
from bench.executor import Collection
from bench.guard import Ports, collect, date_of, diagnosed
from bench.model import BenchmarkSpec, Decision, Host, ProcessRun, Verdict
from bench.passes import Session, replace_disturbed
from bench.policy import SITTING_SHIFT, is_calibratable, limits_for, rule_for, sitting_shift, tempered
from bench.schedule import BaseSample, Judge, judge
from bench.settings import Settings
from bench.sittings import Calibrations, Sitting, SittingsEntry, with_sitting
from bench.stats.describe import mean, sd
from bench.studies.resolution import FINE, Noise, detectable, processes_for, smallest_tolerance

PROCESSES = 20
LEAST_PROCESSES = 5


class Mode(StrEnum):
    """The two ways to compare a time."""

    STORED = "stored"
    """`check`: against a baseline of an earlier sitting."""
    PAIRED = "paired"
    """`ab`: two sides in one sitting, by turns."""


BOTH = (Mode.STORED, Mode.PAIRED)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one benchmark allows in one mode on this machine. Ratios are relative (0.10 is 10 %).

    ``processes`` were measured (pairs in paired mode) and took ``seconds`` each; ``spread`` is the standard
    deviation of their log ratios; ``shift`` is tau between sittings (log units), ``shift_measured`` False
    where it is the default. ``detectable`` belongs to the configured tolerance. ``smallest`` is the smallest
    tolerance that is resolved, None beyond 100 %. ``fine_processes`` and ``fine_seconds`` are what a
    comparison at 5 % would take, None where no number of processes is enough. ``identical`` comparisons of
    the code with itself were judged, ``red`` of them convicted it.
    """

    processes: int
    seconds: float
    spread: float
    shift: float
    shift_measured: bool
    detectable: float
    smallest: float | None
    fine_processes: int | None
    fine_seconds: float | None
    identical: int
    red: int


@dataclass(frozen=True, slots=True)
class BenchmarkResolution:
    """One benchmark: its configured tolerance, its sittings so far, what each mode allows, what to set."""

    benchmark: str
    tolerance: float
    sittings: int
    modes: Mapping[Mode, Resolution]
    suggested: float | None = None

    def falls_short(self, mode: Mode) -> bool:
        """Whether the configured tolerance is below what this machine resolves in this mode."""
        found = self.modes.get(mode)
        return found is not None and (found.smallest is None or self.tolerance < found.smallest)


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """The result of ``calibrate``, complete; ``failures``: what could not be measured -> why."""

    exit_code: int
    machine: str
    commit: str | None
    date: str
    benchmarks: tuple[BenchmarkResolution, ...]
    failures: Mapping[str, str]
    host: Host
    duration_s: float
    messages: tuple[str, ...] = ()


def calibrate(
    settings: Settings, ports: Ports, *, processes: int = PROCESSES, modes: Sequence[Mode] = BOTH
) -> CalibrationReport:
    """Measure the selected benchmarks against themselves and keep the sitting.

    ``processes`` of each mode, at least 5. Raises DiscoveryError without benchmarks, StoreError for a
    calibration file that cannot be understood (before measuring).
    """
    if processes < LEAST_PROCESSES:
        raise ConfigurationError(f"--processes: expected at least {LEAST_PROCESSES}, got {processes}")
    ports.calibrations.load()
    date = date_of(ports)
    study = _Study(settings, ports, collect(settings, ports), modes)
    study.measure(processes)
    messages = study.remember(date) if Mode.STORED in modes else ()
    return study.report(date, messages)


class _Study:
    """One run of ``calibrate``: a session a mode, and what was learnt."""

    def __init__(
        self, settings: Settings, ports: Ports, collection: Collection, modes: Sequence[Mode]
    ) -> None:
        self.settings = settings
        self.ports = ports
        self.collection = collection
        executors = {Mode.STORED: ports.executor, Mode.PAIRED: ports.pairs}
        self.sessions = {
            mode: Session(executor, ports.runs, ports.clock, ports.progress, math.inf)
            for mode in modes
            if (executor := executors[mode]) is not None
        }
        self.started = ports.clock.monotonic()
        self.calibrations = Calibrations()

    def measure(self, processes: int) -> None:
        """Process k of every benchmark in every mode before process k + 1 of any."""
        specs, progress = self.collection.specs, self.ports.progress
        progress.begin("identical code against itself", processes * len(specs) * len(self.sessions))
        for process in range(processes):
            for session, spec in product(self.sessions.values(), specs):
                session.measure_alone(spec, "time", process)
        progress.end()
        stored = self.sessions.get(Mode.STORED)
        if stored is None:
            return
        for repeat in (True, False):
            for spec in specs:
                runs = stored.runs.get((spec.id, "time"), ())
                stored.calibrations[spec.id] = fit_calibration(runs)
                if repeat:
                    replace_disturbed(stored, spec, "time", self.tolerance(spec))

    def tolerance(self, spec: BenchmarkSpec) -> float:
        """The configured tolerance of the time of a benchmark."""
        return limits_for(self.settings, spec, "time").tolerance

    def failures(self) -> dict[str, str]:
        """What could not be measured, and why."""
        found = {problem.benchmark: problem.message for problem in self.collection.problems}
        for session in self.sessions.values():
            for name, failure in session.failures.items():
                found.setdefault(name, f"{failure.kind}: {failure.message}")
        return found

    def runs(self, spec: BenchmarkSpec, mode: Mode) -> list[ProcessRun]:
        """The processes of one benchmark in one mode; none where it failed."""
        session = self.sessions.get(mode)
        if session is None or spec.id in self.failures():
            return []
        return session.runs.get((spec.id, "time"), [])

    def remember(self, date: str) -> tuple[str, ...]:
        """Store this sitting of everything that was measured; says where."""
        measured = {spec.id: self.runs(spec, Mode.STORED) for spec in self.collection.specs}
        if not any(measured.values()):
            return ()
        here = self.ports.environment

        def with_these(old: Calibrations) -> Calibrations:
            new = [
                with_sitting(entry, Sitting(date, self.ports.commit, _values(runs, entry)))
                for spec in self.collection.specs
                if (runs := measured[spec.id])
                for entry in [self._entry(old, spec, runs)]
            ]
            names = {entry.benchmark for entry in new}
            kept = [e for e in old.entries if not (e.machine == here.machine and e.benchmark in names)]
            machines = {**old.machines, here.machine: here.stable}
            self.calibrations = Calibrations(machines, (*kept, *new))
            return self.calibrations

        path = self.ports.calibrations.update(with_these)
        return (f"sitting stored in {path}",)

    def _entry(self, old: Calibrations, spec: BenchmarkSpec, runs: Sequence[ProcessRun]) -> SittingsEntry:
        """The entry that this sitting belongs to: the same source, timed in the same way, or a new one."""
        here, method = self.ports.environment.machine, runs[0].method.value
        found = old.entry(spec.id, here, spec.source_hash)
        if found is not None and found.method == method:
            return found
        calibration = self.sessions[Mode.STORED].calibration(spec.id, "time")
        return SittingsEntry(spec.id, here, spec.source_hash, method, calibration)

    def report(self, date: str, messages: Sequence[str]) -> CalibrationReport:
        """Everything that was learnt."""
        rows = [row for spec in self.collection.specs if (row := self._row(spec)) is not None]
        failures = self.failures()
        red = any(found.red for row in rows for found in row.modes.values())
        everything = [run for session in self.sessions.values() for run in session.everything()]
        return CalibrationReport(
            exit_code=4 if failures or not rows else 1 if red else 0,
            machine=self.ports.environment.machine,
            commit=self.ports.commit,
            date=date,
            benchmarks=tuple(rows),
            failures=failures,
            host=diagnosed(everything, self.ports),
            duration_s=self.ports.clock.monotonic() - self.started,
            messages=(*_advice(rows), *messages),
        )

    def _row(self, spec: BenchmarkSpec) -> BenchmarkResolution | None:
        modes = {mode: found for mode in self.sessions if (found := self._resolution(spec, mode)) is not None}
        if not modes:
            return None
        entry = self.calibrations.entry(spec.id, self.ports.environment.machine, spec.source_hash)
        row = BenchmarkResolution(
            spec.id, self.tolerance(spec), 0 if entry is None else len(entry.sittings), modes
        )
        decisive = next(iter(modes))
        return replace(row, suggested=modes[decisive].smallest) if row.falls_short(decisive) else row

    def _resolution(self, spec: BenchmarkSpec, mode: Mode) -> Resolution | None:
        runs = self.runs(spec, mode)
        if not runs:
            return None
        session, comparisons = self.sessions[mode], len(self.collection.specs)
        values = [process_value(run, session.calibration(spec.id, "time")) for run in runs]
        seconds = median(run.duration_s for run in runs)
        noise, measured = Noise(sd(values), seconds), False
        if mode is Mode.STORED:
            known = sitting_shift(self.calibrations, self.ports.environment.machine, spec)
            noise = replace(noise, base=PROCESSES, shift=SITTING_SHIFT if known is None else known)
            measured = known is not None
        tolerance, fine = self.tolerance(spec), processes_for(noise, FINE)
        shares = [run.cpu_share for run in runs]
        verdicts = [
            tempered(_replayed(found, head), shares).verdict
            for found, head in self._identical(spec, mode, values, noise.shift)
        ]
        return Resolution(
            processes=len(values),
            seconds=seconds,
            spread=noise.spread,
            shift=noise.shift,
            shift_measured=measured,
            detectable=detectable(noise, tolerance),
            smallest=smallest_tolerance(noise, comparisons),
            fine_processes=fine,
            fine_seconds=None if fine is None else fine * seconds,
            identical=len(verdicts),
            red=verdicts.count(Verdict.REGRESSED),
        )

    def _identical(
        self, spec: BenchmarkSpec, mode: Mode, values: Sequence[float], shift: float
    ) -> Iterator[tuple[Judge, Sequence[float]]]:
        """Comparisons of the code with itself, each as its judge and the processes that it may draw."""
        count = len(self.collection.specs)
        if mode is Mode.PAIRED:
            runs = self.runs(spec, mode)
            rule = rule_for(self.settings, spec, count, paired=True)
            yield judge(rule, BaseSample((), measured_s=lambda: base_seconds(runs))), values
            return
        rule = rule_for(self.settings, spec, count, shift=shift)
        seconds = self._seconds_per_unit(spec)
        for base, head in ((values[::2], values[1::2]), *self._across_sittings(spec)):
            calibratable = is_calibratable(base, rule.tolerance)
            yield judge(rule, BaseSample(tuple(base), calibratable, seconds)), head

    def _across_sittings(self, spec: BenchmarkSpec) -> Iterator[tuple[Sequence[float], Sequence[float]]]:
        """This sitting against each earlier one of the same commit."""
        entry = self.calibrations.entry(spec.id, self.ports.environment.machine, spec.source_hash)
        earlier = () if entry is None else entry.sittings[:-1]
        for sitting in earlier:
            if entry is not None and sitting.commit == entry.sittings[-1].commit:
                yield sitting.processes, entry.sittings[-1].processes

    def _seconds_per_unit(self, spec: BenchmarkSpec) -> float:
        """Seconds that a ratio of 1 stands for."""
        found = self.sessions[Mode.STORED].estimates(lambda _: self.tolerance(spec))[spec.id, "time"]
        return found.value / math.exp(mean(found.processes))


def _values(runs: Sequence[ProcessRun], entry: SittingsEntry) -> tuple[float, ...]:
    return tuple(process_value(run, entry.calibration) for run in runs)


def _replayed(found: Judge, values: Sequence[float]) -> Decision:
    """The decision of a judge that draws from these values and finds its budget used up after them."""
    at, wanted = 0, next(found)
    while True:
        drawn = values[at : at + wanted]
        at += len(drawn)
        try:
            wanted = found.send(drawn)
        except StopIteration as stop:
            decision: Decision = stop.value
            return decision


def _advice(rows: Sequence[BenchmarkResolution]) -> Iterator[str]:
    """What follows from the numbers, in words."""
    for row in rows:
        for mode, found in row.modes.items():
            if found.red:
                yield (
                    f"{row.benchmark}: identical code was called regressed in {found.red} of "
                    f"{found.identical} {mode} comparisons: raise its tolerance, or find a quieter host"
                )
    short = [row.benchmark for row in rows if row.falls_short(Mode.STORED)]
    helped = [row for row in rows if row.falls_short(Mode.STORED) and not row.falls_short(Mode.PAIRED)]
    if short:
        yield (
            f"`bench-guard check` cannot resolve the configured tolerance of {len(short)} of {len(rows)} "
            "benchmarks here: raise it as below, or compare by `bench-guard ab`"
            + (
                f", which resolves {len(helped)} of them"
                if any(Mode.PAIRED in row.modes for row in helped)
                else ""
            )
        )
    unpaired = [row.benchmark for row in rows if row.falls_short(Mode.PAIRED)]
    if unpaired:
        yield (
            f"not even `bench-guard ab` resolves the configured tolerance of {len(unpaired)} of {len(rows)} "
            "benchmarks: raise it, or find a quieter host"
        )
    stored = [row for row in rows if Mode.STORED in row.modes]
    unknown = [row for row in stored if not row.modes[Mode.STORED].shift_measured]
    if unknown:
        least = min(row.sittings for row in unknown)
        yield (
            f"the shift between sittings is not known yet ({least} sitting{'' if least == 1 else 's'} so "
            "far, 1 % is assumed): calibrate the same commit three times or more, 20 minutes or more apart"
        )
