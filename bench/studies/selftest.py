"""``self-test``: does the gate work here? Slows benchmarks by a known factor, and by none.

Both halves go through the real pipelines, :func:`bench.guard.check` and
:func:`bench.revisions.compare_revisions`, with all rules of a run: only the executor is told to make more
calls than it reports (k (1 + e) reported as k, an exact slowdown), and the baseline is held in memory. Every
slowed benchmark has to be red, and without a slowdown the run has to pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import ConfigurationError
from bench.executor import Collection, Executor, Task
from bench.guard import Ports, check, collect, date_of
from bench.model import (
    Baseline,
    BaselineEntry,
    BenchmarkSpec,
    Comparison,
    Host,
    ProcessOutcome,
    Report,
    Side,
    Verdict,
)
from bench.passes import Session, record_passes
from bench.policy import limits_for
from bench.recording import Provenance, baseline_entries
from bench.revisions import Revisions, compare_revisions
from bench.rows import look_up
from bench.settings import Settings
from bench.store.baselines import MemoryBaselineStore
from bench.studies.calibration import BOTH, Mode

_STEP = 0.05
"""Loop counts of a slowed worker are multiples of 20, so that multiples of 5 % are exact."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One benchmark in one mode: unchanged, and slowed by ``slowdown`` (0.2: 20 % more calls).

    ``fault`` says what went wrong. ``tested`` is False where this mode does not gate the benchmark, and
    ``fault`` is then None; ``note`` says why. ``slowed`` is None where the unchanged half had failed already.
    """

    benchmark: str
    mode: Mode
    slowdown: float
    unchanged: Comparison | None
    slowed: Comparison | None
    fault: str | None = None
    tested: bool = True
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The result of ``self-test``, complete. ``failures``: what could not be measured -> why."""

    exit_code: int
    trials: tuple[Trial, ...]
    failures: Mapping[str, str]
    host: Host
    date: str
    machine: str
    commit: str | None
    duration_s: float
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Slowed:
    """An executor whose benchmarks are known already, and slower than they are by exact factors."""

    inner: Executor
    specs: tuple[BenchmarkSpec, ...]
    slowdowns: Mapping[str, float] = field(default_factory=dict)

    def collect(self, suites: Sequence[Path]) -> Collection:  # noqa: ARG002
        return Collection(self.specs)

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        return self.inner.measure(spec, replace(task, slowdown=self.slowdowns.get(spec.id, 0.0)))


def self_test(
    settings: Settings, ports: Ports, *, slowdown: float | None = None, modes: Sequence[Mode] = BOTH
) -> SelfTest:
    """Test the gate on the selected benchmarks in their configuration.

    Without ``slowdown`` each benchmark is slowed by twice its tolerance, and by at least twice the absolute
    floor. That is caught in more than 99 % of comparisons of a benchmark that a stored baseline may gate
    (its processes spread by at most half the tolerance), so that a miss means something. Stored mode compares
    with the baseline of this machine kind, or records 20 processes first where it knows nothing.

    Raises ConfigurationError for a slowdown that is within a tolerance, DiscoveryError without benchmarks.
    """
    settings = replace(settings, metrics=("time",))
    started = ports.clock.monotonic()
    stored = ports.baselines.load() or Baseline()
    found = collect(settings, ports)
    specs = tuple(replace(spec, budgets=()) for spec in found.specs)
    _check_slowdown(settings, specs, slowdown)
    failures = {problem.benchmark: problem.message for problem in found.problems}
    trials: list[Trial] = []
    hosts: list[Host] = []
    surprises: list[str] = []
    for mode in modes:
        if mode is Mode.PAIRED and ports.pairs is None:
            continue
        half = _Halves(settings, ports, mode, specs, stored)
        found_here = list(half.trials(slowdown))
        trials.extend(found_here)
        failures |= half.failures
        hosts.extend(report.host for report in half.reports)
        if not any(trial.fault for trial in found_here):
            surprises.extend(half.surprises())
    tested = [trial for trial in trials if trial.tested]
    faults = [trial for trial in tested if trial.fault]
    return SelfTest(
        exit_code=4 if failures or not tested else 1 if faults or surprises else 0,
        trials=tuple(trials),
        failures=failures,
        host=hosts[-1] if hosts else Host(None, None, ports.notices),
        date=date_of(ports),
        machine=ports.environment.machine,
        commit=ports.commit,
        duration_s=ports.clock.monotonic() - started,
        messages=(*_advice(tested, faults), *surprises),
    )


def _check_slowdown(settings: Settings, specs: Sequence[BenchmarkSpec], slowdown: float | None) -> None:
    for spec in specs:
        tolerance = limits_for(settings, spec, "time").tolerance
        if slowdown is not None and slowdown <= tolerance:
            raise ConfigurationError(
                f"--slowdown: {slowdown:g} is within the tolerance of {spec.id}, {tolerance:g}, so it has to "
                "pass",
                hint=f"slow by more, such as --slowdown {2 * tolerance:g}, or leave the option out",
            )


class _Halves:
    """One mode: the same benchmarks unchanged and slowed, each half a whole run of the gate."""

    def __init__(
        self,
        settings: Settings,
        ports: Ports,
        mode: Mode,
        specs: Sequence[BenchmarkSpec],
        stored: Baseline,
    ) -> None:
        self.settings = settings
        self.ports = ports
        self.mode = mode
        self.specs = tuple(specs)
        self.failures: dict[str, str] = {}
        self.reports: list[Report] = []
        self._wanted: list[int] = []
        self._base = stored
        self._recorded: frozenset[str] = frozenset()

    def trials(self, slowdown: float | None) -> Iterator[Trial]:
        """Run both halves; one trial per benchmark that could be measured."""
        if self.mode is Mode.STORED:
            self._base = self._complete(self._base)
        unchanged = self._run("unchanged", self._able(self.specs), {})
        gating = [spec for spec in self.specs if (row := unchanged.get(spec.id)) is not None and row.gates]
        slowdowns = {
            spec.id: slowdown or _slowdown_for(self.settings, spec, unchanged[spec.id]) for spec in gating
        }
        slowed = self._run("slowed", self._able(gating), slowdowns)
        for spec in self.specs:
            if spec.id in self.failures or spec.id not in unchanged:
                continue
            if spec.id in slowdowns:
                yield self._judged(spec, slowdowns[spec.id], unchanged[spec.id], slowed.get(spec.id))
            else:
                row = unchanged[spec.id]
                yield Trial(spec.id, self.mode, 0.0, row, None, tested=False, note=row.note)

    def surprises(self) -> Iterator[str]:
        """Runs that ended otherwise than they should, in the words of the run itself.

        A run in which nothing could gate says nothing about the gate.
        """
        for report, wanted in zip(self.reports, self._wanted, strict=True):
            gated = any(row.gates for row in report.comparisons)
            if gated and report.exit_code not in {wanted, 4}:
                half = "slowed" if wanted else "unchanged"
                reasons = f": {'; '.join(report.messages)}" if report.messages else ""
                yield f"{self.mode}, {half}: ended with exit {report.exit_code}, not {wanted}{reasons}"

    def _able(self, specs: Sequence[BenchmarkSpec]) -> tuple[BenchmarkSpec, ...]:
        return tuple(spec for spec in specs if spec.id not in self.failures)

    def _complete(self, stored: Baseline) -> Baseline:
        """The baseline with an entry for each benchmark: the stored one, or one recorded now."""
        here = self.ports.environment
        known = [
            entry
            for spec in self.specs
            if (entry := look_up(stored, spec, here).entry) is not None
            and entry.source_hash == spec.source_hash
            and "time" in entry.metrics
        ]
        names = {entry.benchmark for entry in known}
        unknown = {spec.id: spec for spec in self.specs if spec.id not in names}
        self._recorded = frozenset(unknown)
        entries = [replace(entry, metrics={"time": entry.metrics["time"]}, anchor=None) for entry in known]
        return Baseline({here.machine: here.stable}, (*entries, *self._record(unknown)))

    def _record(self, specs: Mapping[str, BenchmarkSpec]) -> list[BaselineEntry]:
        """Twenty processes of each in this sitting; none of what fails."""
        if not specs:
            return []
        ports = self.ports
        ports.progress.say(f"no baseline of this machine kind for {len(specs)} benchmarks: recording one")
        session = Session(ports.executor, ports.runs, ports.clock, ports.progress, math.inf)
        record_passes(
            session,
            specs,
            lambda _: {"time"},
            lambda: None,
            lambda name: limits_for(self.settings, specs[name], "time").tolerance,
        )
        self.failures |= {name: f"{each.kind}: {each.message}" for name, each in session.failures.items()}
        able = [spec for spec in specs.values() if spec.id not in session.failures]
        provenance = Provenance(ports.environment.machine, ports.commit, date_of(ports), "self-test")
        return baseline_entries(self.settings, session, able, provenance) if able else []

    def _run(
        self, what: str, specs: tuple[BenchmarkSpec, ...], slowdowns: Mapping[str, float]
    ) -> dict[str, Comparison]:
        """One whole run of the gate over these benchmarks: the row of each, failures kept apart."""
        if not specs:
            return {}
        self.ports.progress.say(f"{self.mode}, {what}: {len(specs)} benchmark{'s' if len(specs) > 1 else ''}")
        run = self._check if self.mode is Mode.STORED else self._compare
        report = run(specs, slowdowns)
        self.reports.append(report)
        self._wanted.append(1 if slowdowns else 0)
        rows = {row.benchmark: row for row in report.comparisons if row.metric in {"time", "collect"}}
        failed = {name: row for name, row in rows.items() if row.verdict is Verdict.FAILED}
        self.failures |= {name: row.note or "no measurement" for name, row in failed.items()}
        return {name: row for name, row in rows.items() if name not in failed}

    def _check(self, specs: tuple[BenchmarkSpec, ...], slowdowns: Mapping[str, float]) -> Report:
        names = {spec.id for spec in specs}
        entries = tuple(entry for entry in self._base.entries if entry.benchmark in names)
        executor = _Slowed(self.ports.executor, specs, slowdowns)
        store = MemoryBaselineStore(replace(self._base, entries=entries))
        return check(self.settings, replace(self.ports, executor=executor, baselines=store))

    def _compare(self, specs: tuple[BenchmarkSpec, ...], slowdowns: Mapping[str, float]) -> Report:
        plain = _Slowed(self.ports.executor, specs)
        pairs = _Slowed(self.ports.pairs or plain, specs, slowdowns)
        side = Side("working tree", str(self.settings.root), self.ports.commit)
        revisions = Revisions(side, side, pairs, plain, plain, ())
        return compare_revisions(self.settings, replace(self.ports, executor=plain), revisions)

    def _judged(
        self, spec: BenchmarkSpec, slowdown: float, unchanged: Comparison, slowed: Comparison | None
    ) -> Trial:
        faults = []
        if unchanged.verdict is Verdict.REGRESSED:
            faults.append("unchanged code was called regressed")
        elif unchanged.verdict is Verdict.UNDECIDED and self._stops(unchanged):
            faults.append("unchanged code stayed undecided, which fails a run in this configuration")
        if slowed is None or slowed.verdict is not Verdict.REGRESSED:
            why = f" ({slowed.note})" if slowed is not None and slowed.note else ""
            word = "not measured" if slowed is None else f"called {slowed.verdict}{why}"
            faults.append(f"{100 * slowdown:.0f} % more work was {word}")
        base = "" if self.mode is Mode.PAIRED else "against its stored baseline"
        if base and spec.id in self._recorded:
            base = "against a baseline of this sitting"
        return Trial(
            spec.id, self.mode, slowdown, unchanged, slowed, "; ".join(faults) or None, note=base or None
        )

    def _stops(self, row: Comparison) -> bool:
        return self.settings.strict or (self.settings.ci and row.suspect)


def _slowdown_for(settings: Settings, spec: BenchmarkSpec, row: Comparison) -> float:
    """Twice the tolerance and twice the floor, rounded up to what can be injected exactly."""
    limits = limits_for(settings, spec, "time")
    floor = limits.floor / row.head if row.head else 0.0
    return round(math.ceil(max(2 * limits.tolerance, 2 * floor) / _STEP - 1e-9) * _STEP, 2)


def _advice(tested: Sequence[Trial], faults: Sequence[Trial]) -> Iterator[str]:
    """What a failure means, in words."""
    if not tested:
        yield "nothing could be tested: no benchmark can be gated in this mode; try --mode paired"
    if any(t.unchanged is not None and t.unchanged.verdict is Verdict.REGRESSED for t in faults):
        against = [t for t in faults if t.note == "against its stored baseline"]
        yield (
            "unchanged code was called regressed: raise the tolerance, find a quieter host, or gate by "
            "`bench-guard ab`"
            + ("; or the code really is slower than its baseline: see `bench-guard check`" if against else "")
        )
    if any(t.slowed is None or t.slowed.verdict is not Verdict.REGRESSED for t in faults):
        yield (
            "a known slowdown was missed: this host is too noisy for the tolerance; raise it, find a quieter "
            "host, give more time (--budget), or gate by `bench-guard ab`"
        )
