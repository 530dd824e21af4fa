"""Measuring in passes: every metric has processes of its own, every benchmark its turn in each round.

A :class:`Session` is one run of the guard. It keeps what the workers answered, hands each outcome to the run
log at once, and remembers per benchmark how its time is taken, so that all processes take it the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.clock import Clock
from bench.estimates import (
    LOG_METRICS,
    PLAIN,
    disturbed,
    estimate,
    fit_calibration,
    process_value,
    reference_speed,
)
from bench.executor import Executor, Task
from bench.model import (
    BenchmarkSpec,
    Calibration,
    Decision,
    Estimate,
    FailureKind,
    Method,
    ProcessFailure,
    ProcessRun,
    Verdict,
)
from bench.policy import CROWDED_SHARE, tempered
from bench.progress import Progress
from bench.schedule import Judge, run_rounds
from bench.store.runs import RunLog

SHOWN_PROCESSES = 5
BASELINE_PROCESSES = 20
_SHOWN_OUTPUT = 12
MEMORY_PROCESSES = {"peak": 2, "rss": 3}


@dataclass
class Session:
    """What one run has measured so far, and the edges it measures through."""

    executor: Executor
    log: RunLog
    clock: Clock
    progress: Progress
    budget_s: float
    task: Task = field(default_factory=lambda: Task("time", 0))
    methods: dict[str, Method] = field(default_factory=dict)
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    runs: dict[tuple[str, str], list[ProcessRun]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, ProcessFailure] = field(default_factory=dict)
    history: list[ProcessRun] = field(default_factory=list)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    def exhausted(self) -> bool:
        """True when the seconds for sampling are used up."""
        return self.clock.monotonic() - self.started > self.budget_s

    def measure(self, spec: BenchmarkSpec, metric: str, process: int, steps: int = 1) -> ProcessRun | None:
        """One process, logged and counted; None when it failed, and then for the rest of the run.

        ``steps`` of the progress are done with it: none by a repetition that nobody had planned.
        """
        if spec.id in self.failures:
            return None
        method = self.methods.get(spec.id) if metric == "time" else None
        outcome = self.executor.measure(
            spec, replace(self.task, metric=metric, process=process, method=method)
        )
        self.log.record(outcome)
        self.progress.advance(spec.id, steps)
        if isinstance(outcome, ProcessFailure):
            self.failures[spec.id] = outcome
            tell_failure(self.progress, outcome)
            return None
        self.history.append(outcome)
        if metric == "time":
            self.methods.setdefault(spec.id, outcome.method)
        self.runs[spec.id, metric].append(outcome)
        return outcome

    def measure_alone(self, spec: BenchmarkSpec, metric: str, process: int) -> ProcessRun | None:
        """One process, and a second try where it had to share its CPU and there is time."""
        run = self.measure(spec, metric, process)
        crowded = run is not None and run.cpu_share < CROWDED_SHARE and not self.exhausted()
        return self._measure_again(spec, metric, process) if crowded else run

    def _measure_again(self, spec: BenchmarkSpec, metric: str, process: int) -> ProcessRun | None:
        """Repeat the process measured last and keep the reading that had more of the CPU."""
        first = self.runs[spec.id, metric].pop()
        second = self.measure(spec, metric, process, steps=0)
        if second is not None and first.cpu_share > second.cpu_share:
            self.runs[spec.id, metric][-1] = first
            return first
        return second

    def calibration(self, name: str, metric: str) -> Calibration:
        """How the time of this benchmark follows the host; a plain ratio for every other metric."""
        return self.calibrations.get(name, PLAIN) if metric == "time" else PLAIN

    def everything(self) -> list[ProcessRun]:
        """All processes of this run that gave a measurement, in the order of time."""
        return list(self.history)

    def estimates(self, tolerance: Callable[[str], float]) -> dict[tuple[str, str], Estimate]:
        """(benchmark, metric) -> estimate; ``tolerance(benchmark)`` decides what deserves a remark."""
        reference = reference_speed(self.everything())
        return {
            (name, metric): estimate(runs, reference, tolerance(name), self.calibration(name, metric))
            for (name, metric), runs in self.runs.items()
            if name not in self.failures
        }


def tell_failure(progress: Progress, failure: ProcessFailure) -> None:
    """What went wrong, and the last lines the subject printed where the message alone cannot explain it.

    An exception names itself and its line; its whole traceback is kept in the run file.
    """
    kind = "" if failure.kind in {FailureKind.IMPORT, FailureKind.FOREIGN} else f"{failure.kind}: "
    progress.say(f"{failure.benchmark}: {kind}{failure.message}")
    if failure.kind not in {FailureKind.RAISED, FailureKind.IMPORT, FailureKind.FOREIGN}:
        for line in failure.output.splitlines()[-_SHOWN_OUTPUT:]:
            progress.say(f"  | {line}")


def sample(count: int) -> Judge:
    """A benchmark with nothing to be judged against: draw ``count`` processes and stop."""
    values = yield count
    return Decision(Verdict.NEW, 0.0, (0.0, 0.0), 0.0, (0, len(values)))


def ratio_pass(
    session: Session, specs: Mapping[str, BenchmarkSpec], metric: str, judges: Mapping[str, Judge]
) -> dict[str, Decision]:
    """Draw processes of a metric divided by the reference, in rounds, until every judge is content."""

    def draw(name: str, process: int) -> float | None:
        run = session.measure_alone(specs[name], metric, process)
        return None if run is None else process_value(run, session.calibration(name, metric))

    session.progress.begin(_title(metric), None)
    try:
        decisions = run_rounds(judges, draw, session.exhausted)
    finally:
        session.progress.end()
    return {
        name: tempered(decision, [run.cpu_share for run in session.runs.get((name, metric), ())])
        for name, decision in decisions.items()
    }


def memory_pass(session: Session, specs: Sequence[BenchmarkSpec], metric: str) -> None:
    """Measure a memory metric in its own processes, two for the traced peak, three for the resident one."""
    if not specs:
        return
    rounds = MEMORY_PROCESSES[metric]
    session.progress.begin(_title(metric), rounds * len(specs))
    for process in range(rounds):
        for spec in specs:
            session.measure(spec, metric, process)
    session.progress.end()


def record_passes(
    session: Session,
    specs: Mapping[str, BenchmarkSpec],
    metrics: Callable[[BenchmarkSpec], set[str]],
    between: Callable[[], None],
    tolerance: Callable[[str], float],
) -> None:
    """Sample to the maximum for a baseline: two passes over the suite, memory after the first."""
    turns = [(spec, metric) for spec in specs.values() for metric in sorted(metrics(spec) & LOG_METRICS)]
    half = BASELINE_PROCESSES // 2
    _pass(session, turns, range(half), "baseline, pass 1 of 2")
    for metric in MEMORY_PROCESSES:
        memory_pass(session, [spec for spec in specs.values() if metric in metrics(spec)], metric)
    if session.failures:
        return  # nothing will be stored, so nothing is worth waiting for
    if turns:
        between()
    _pass(session, turns, range(half, BASELINE_PROCESSES), "baseline, pass 2 of 2")
    for name in specs:
        session.calibrations[name] = fit_calibration(session.runs.get((name, "time"), ()))
    for spec, metric in turns:
        replace_disturbed(session, spec, metric, tolerance(spec.id))
    for name in specs:
        session.calibrations[name] = fit_calibration(session.runs.get((name, "time"), ()))


def _pass(session: Session, turns: Sequence[tuple[BenchmarkSpec, str]], processes: range, title: str) -> None:
    if not turns:
        return
    session.progress.begin(title, len(processes) * len(turns))
    for process in processes:
        for spec, metric in turns:
            session.measure(spec, metric, process)
    session.progress.end()


def replace_disturbed(session: Session, spec: BenchmarkSpec, metric: str, tolerance: float) -> None:
    """Measure again, under the same seed, what a stranger on the host disturbed, and keep that reading."""
    runs = session.runs.get((spec.id, metric), [])
    if spec.id in session.failures or not runs:
        return
    calibration = session.calibration(spec.id, metric)
    for index in disturbed([process_value(run, calibration) for run in runs], tolerance):
        if session.measure(spec, metric, runs[index].process) is not None:
            runs[index] = runs.pop()


def _title(metric: str) -> str:
    return {"time": "time", "peak": "peak memory", "rss": "resident memory"}.get(metric, metric)
