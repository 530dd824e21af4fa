"""How often does `check` cry wolf, how often does it miss, an hour after its baseline? Measured live.

::

    python docs/rates/check_rates.py record FOLDER/one.jsonl --passes 240        # a sitting: 23 minutes
    python docs/rates/check_rates.py judge FOLDER FOLDER/one.jsonl FOLDER/two.jsonl --after 3600
    python docs/rates/check_rates.py table FOLDER

A recording holds whole processes of every workload, raw. Each of its baselines is made of 20 of them, ten
in a row from the first half of the sitting and ten in a row from the second, under 20 seeds, as `baseline
update` draws them in two passes; the calibration is fitted, and disturbed processes are replaced, by its
own rules. The one difference: a replacement is not measured afterwards but taken from the last 20
processes of the recording, which no baseline uses.

Heads are measured live: one run judges all workloads in rounds, each against its own baseline, by the
rule of a run of that many comparisons. Slower heads do exactly 15 and 20 % more (``SIZE``). A baseline
meets each slowdown once at most, so no two comparisons of one line of the table share a process.

Baselines and heads should come from one harness: `PYTHONPATH` chooses the copy of `bench` that measures
and judges (the first line printed names it), and ``--trees`` where the workloads lie, best under a path
as long as the one they were recorded under, because that length moves memory layout.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from revisions import SIZES, make_tree
from tally import Row, append, counts, lines, verdict_table, worst

import bench
from bench import machine
from bench.clock import SystemClock
from bench.discovery import find_suites
from bench.estimates import disturbed, estimate, fit_calibration, process_value, reference_speed
from bench.executor import Collection, Executor, IsolatedExecutor, Task
from bench.model import BenchmarkSpec, Block, Calibration, Decision, Method, ProcessOutcome, ProcessRun, Rule
from bench.passes import BASELINE_PROCESSES, Session, ratio_pass
from bench.policy import is_calibratable
from bench.progress import SilentProgress
from bench.schedule import HASH_SEEDS, BaseSample, judge
from bench.store.runs import MemoryRunLog

TOLERANCE = 0.10
SPARE = 20
GROUP = BASELINE_PROCESSES // 2
SLOWDOWNS = ("base", "plus15", "plus20")
DEFAULT_RUNS = {"base": 33, "plus15": 22, "plus20": 11}
VERDICTS_FILE = "check.jsonl"
QUIET_S = 60.0


@dataclass(frozen=True, slots=True)
class StoredBase:
    """One baseline of one workload: calibrated process logs, how they were taken, when the last was taken."""

    logs: tuple[float, ...]
    calibration: Calibration
    method: Method
    seconds_per_unit: float
    at: float
    replaced: int


@dataclass(frozen=True, slots=True)
class Job:
    """All workloads of one baseline number of one recording, against heads of one slowdown."""

    recording: str
    number: int
    slowdown: str
    ready: float


@dataclass(frozen=True)
class _Shifted:
    """An executor whose process k is process k + ``by``: heads start with the seeds of their own baseline."""

    inner: Executor
    by: int

    def collect(self, suites: Sequence[Path]) -> Collection:
        return self.inner.collect(suites)

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        return self.inner.measure(spec, replace(task, process=task.process + self.by))


def main() -> None:
    """Dispatch to one of the three steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    recorder = steps.add_parser("record", help="whole raw processes of every workload, round after round")
    recorder.add_argument("file", type=Path)
    recorder.add_argument("--passes", type=int, default=240)
    judging = steps.add_parser("judge", help="live heads against the baselines of finished recordings")
    judging.add_argument("folder", type=Path)
    judging.add_argument("recordings", type=Path, nargs="+")
    judging.add_argument(
        "--after", type=float, default=3600.0, help="seconds between a baseline and its head"
    )
    judging.add_argument("--runs", nargs="*", default=[], metavar="TAG=N", help=f"default {DEFAULT_RUNS}")
    for step in (recorder, judging):
        step.add_argument(
            "--trees", default="", metavar="PREFIX", help="where the sized copies go: PREFIX100 ..."
        )
        step.add_argument("--cpu", type=int, default=machine.pick_cpu())
    steps.add_parser("table", help="counts with exact intervals, as Markdown").add_argument(
        "folder", type=Path
    )
    given = parser.parse_args()
    if given.step == "table":
        table(given.folder)
        return
    print(f"harness: {Path(bench.__file__).parent}", flush=True)
    with machine.move_parent_off(given.cpu):
        {"record": record, "judge": judge_all}[given.step](given)


def record(given: argparse.Namespace) -> None:
    """Append passes over all workloads until the file holds ``--passes`` of them."""
    prefix = given.trees or str(given.file.parent / "size")
    executor, specs = _suite(prefix, SIZES["base"], given.cpu)
    done: Row = {}
    methods: dict[str, Method] = {}
    for row in lines(given.file):
        done[row["name"]] = row["k"]
        methods[row["name"]] = Method(row["method"])
    for k in range(min((done.get(s.function, -1) for s in specs.values()), default=-1) + 1, given.passes):
        rows = []
        for spec in specs.values():
            run = executor.measure(spec, Task("time", k, method=methods.get(spec.function)))
            if not isinstance(run, ProcessRun):
                raise SystemExit(f"{run.benchmark}: {run.message}")
            methods[spec.function] = run.method
            rows.append(_recorded(spec, run))
        append(given.file, rows)
        if k % 20 == 19:
            print(f"{k + 1} of {given.passes} passes", flush=True)


def _recorded(spec: BenchmarkSpec, run: ProcessRun) -> Row:
    return {
        "name": spec.function, "k": run.process, "at": time.time(), "method": run.method.value,
        "loops": run.loops, "rl": run.reference_loops, "cpu_share": run.cpu_share, "d": run.duration_s,
        "pairs": [[float(f"{b.subject:.5g}"), float(f"{b.reference:.5g}")] for b in run.blocks],
    }  # fmt: skip


def _suite(prefix: str, size: int, cpu: int | None) -> tuple[IsolatedExecutor, dict[str, BenchmarkSpec]]:
    """An executor bound to the copy of one size, and its benchmarks by id."""
    tree = make_tree(Path(f"{prefix}{size}").resolve(), size)
    executor = IsolatedExecutor(tree, roots={"kinds": str(tree)}, cpu=cpu)
    found = executor.collect(find_suites(tree, ["bench_kinds.py"]))
    if found.problems or not found.specs:
        raise SystemExit(f"{tree}: the suite could not be collected: {found.problems}")
    return executor, {spec.id: spec for spec in found.specs}


def baselines(path: Path) -> list[dict[str, StoredBase]]:
    """The baselines of a finished recording: one mapping from workload to its baseline per number."""
    if time.time() - path.stat().st_mtime < QUIET_S:
        raise SystemExit(
            f"{path} was written less than {QUIET_S:.0f} s ago: its baselines are not settled yet"
        )
    recorded: dict[str, dict[int, tuple[ProcessRun, float]]] = defaultdict(dict)
    for row in lines(path):
        recorded[row["name"]][row["k"]] = (_process(row), row["at"])
    processes = min((len(runs) for runs in recorded.values()), default=0)
    if any(sorted(runs)[:processes] != list(range(processes)) for runs in recorded.values()):
        raise SystemExit(f"{path}: some processes are missing, so passes cannot be told apart")
    count = (processes - SPARE) // BASELINE_PROCESSES
    if count < 1:
        raise SystemExit(f"{path}: {processes} processes a workload make no baseline of {BASELINE_PROCESSES}")
    shift = _shift_of_second_passes(count)
    spare = {name: [runs[k] for k in range(count * 20, processes)] for name, runs in recorded.items()}
    return [
        {
            name: _base([runs[k] for k in _members(number, count, shift)], spare[name])
            for name, runs in recorded.items()
        }
        for number in range(count)
    ]


def _members(number: int, count: int, shift: int) -> Iterator[int]:
    """Indices of the 20 processes of a baseline: one group of the first half, one of the second."""
    for group in (number, count + (number + shift) % count):
        yield from range(group * GROUP, (group + 1) * GROUP)


def _shift_of_second_passes(count: int) -> int:
    """By how many groups to turn the second half, so that second passes go on with the seeds of the first.

    `baseline update` uses 20 seeds, and seeds repeat after 40 processes.
    """
    period = len(HASH_SEEDS) // GROUP

    def follow_on(shift: int) -> tuple[bool, int]:
        steps = [(count + (number + shift) % count - number) % period for number in range(count)]
        return 0 not in steps, steps.count(1)

    return max(range(count), key=follow_on)


def _process(row: Row) -> ProcessRun:
    return ProcessRun(
        benchmark=row["name"],
        metric="time",
        process=row["k"],
        hash_seed=HASH_SEEDS[row["k"] % len(HASH_SEEDS)],
        method=Method(row["method"]),
        blocks=tuple(Block(subject, reference) for subject, reference in row["pairs"]),
        loops=row["loops"],
        reference_loops=row["rl"],
        cpu_share=row["cpu_share"],
        duration_s=row["d"],
    )


def _base(taken: Sequence[tuple[ProcessRun, float]], spare: list[tuple[ProcessRun, float]]) -> StoredBase:
    """Fit, replace what was disturbed, fit again, as the recording of a baseline does; uses up ``spare``."""
    members = list(taken)
    calibration = fit_calibration([run for run, _ in members])
    far = disturbed([process_value(run, calibration) for run, _ in members], TOLERANCE)
    for index in far:
        seed = members[index][0].hash_seed
        if spare:
            members[index] = min(spare, key=lambda own: own[0].hash_seed != seed)
            spare.remove(members[index])
    runs = [run for run, _ in members]
    calibration = fit_calibration(runs)
    own = estimate(runs, reference_speed(runs), TOLERANCE, calibration)
    mean = sum(own.processes) / len(own.processes)
    return StoredBase(
        own.processes,
        calibration,
        own.method,
        own.value / math.exp(mean),
        max(at for _, at in members),
        len(far),
    )


def judge_all(given: argparse.Namespace) -> None:
    """Runs in an even mixture of slowdowns, each as soon as one of its baselines is old enough."""
    bases = {path.stem: baselines(path) for path in given.recordings}
    for name, own in bases.items():
        print(f"{name}: {len(own)} baselines of {len(own[0])} workloads", flush=True)
    wanted = counts(given.runs, DEFAULT_RUNS)
    suites = {
        tag: _suite(given.trees or str(given.folder / "size"), SIZES[tag], given.cpu) for tag in SLOWDOWNS
    }
    file = given.folder / VERDICTS_FILE
    while (job := _next_job(bases, wanted, lines(file), given.after)) is not None:
        if job.ready > time.time():
            print(f"waiting {job.ready - time.time():.0f} s for {job.recording} {job.number}", flush=True)
            time.sleep(job.ready - time.time())
        rows = _judge_run(job, bases[job.recording][job.number], *suites[job.slowdown])
        append(file, rows)
        words = ", ".join(f"{row['name']} {row['verdict']}" for row in rows if row["verdict"] != "ok")
        print(f"{job.slowdown} {job.recording} {job.number}: {words or 'all ok'}", flush=True)


def _next_job(
    bases: Mapping[str, Sequence[Mapping[str, StoredBase]]],
    wanted: Mapping[str, int],
    rows: Iterator[Row],
    after: float,
) -> Job | None:
    """The slowdown that is farthest behind its share, with a baseline that is ready; recordings in turn."""
    done = {(row["slowdown"], row["recording"], row["base"]) for row in rows}
    finished = {tag: sum(tag == key[0] for key in done) for tag in SLOWDOWNS}
    used = {(tag, name): sum(key[:2] == (tag, name) for key in done) for tag in SLOWDOWNS for name in bases}
    jobs = [
        Job(name, number, tag, after + max(base.at for base in own[number].values()))
        for tag in SLOWDOWNS
        if finished[tag] < wanted[tag]
        for name, own in bases.items()
        for number in range(len(own))
        if (tag, name, number) not in done
    ]

    def urgency(job: Job) -> tuple[float, float, int, int]:
        behind = (finished[job.slowdown] + 0.5) / wanted[job.slowdown]
        return max(job.ready, now), behind, used[job.slowdown, job.recording], job.number

    now = time.time()
    return min(jobs, key=urgency, default=None)


def _judge_run(
    job: Job, bases: Mapping[str, StoredBase], executor: IsolatedExecutor, specs: Mapping[str, BenchmarkSpec]
) -> list[Row]:
    """One run of `check` over all workloads; one row a comparison."""
    shifted = _Shifted(executor, job.number * GROUP)
    session = Session(shifted, MemoryRunLog(), SystemClock(), SilentProgress(), math.inf)
    judges = {}
    for name, spec in specs.items():
        own = bases[spec.function]
        session.methods[name], session.calibrations[name] = own.method, own.calibration
        sample = BaseSample(own.logs, is_calibratable(own.logs, TOLERANCE), own.seconds_per_unit)
        judges[name] = judge(Rule(tolerance=TOLERANCE, comparisons=len(specs)), sample)
    started = time.time()
    decisions = ratio_pass(session, specs, "time", judges)
    return [
        _row(job, bases[specs[name].function], specs[name].function, decision, session.runs[name, "time"])
        | {"age_s": started - bases[specs[name].function].at, "at": started}
        for name, decision in decisions.items()
    ]


def _row(job: Job, base: StoredBase, name: str, decision: Decision, runs: Sequence[ProcessRun]) -> Row:
    """One comparison, with the calibrated log of every process of its head."""
    return {
        "name": name, "recording": job.recording, "base": job.number, "slowdown": job.slowdown,
        "verdict": decision.verdict.value, "change": math.expm1(decision.change),
        "interval": [math.expm1(bound) for bound in decision.interval], "processes": decision.counts[1],
        "seconds": sum(run.duration_s for run in runs), "note": decision.note,
        "calibratable": is_calibratable(base.logs, TOLERANCE), "replaced": base.replaced,
        "head": [process_value(run, base.calibration) for run in runs],
    }  # fmt: skip


def table(folder: Path) -> None:
    """Counts with exact (Clopper-Pearson) 95 % intervals; calibratable baselines apart from the others."""
    rows = list(lines(folder / VERDICTS_FILE))
    if not rows:
        raise SystemExit(f"{folder / VERDICTS_FILE}: nothing judged yet")
    groups = {
        (tag, fit): [row for row in rows if row["slowdown"] == tag and row["calibratable"] is fit]
        for fit in (True, False)
        for tag in SLOWDOWNS
    }
    kind = {True: "", False: ", not calibratable"}
    print(verdict_table({f"+{SIZES[tag] - 100} %{kind[fit]}": own for (tag, fit), own in groups.items()}))
    print()
    for tag in SLOWDOWNS:
        mine = groups[tag, True]
        print(f"- +{SIZES[tag] - 100} %, not as hoped: {worst(mine, 'ok' if tag == 'base' else 'regressed')}")
        runs = {(row["recording"], row["base"]) for row in mine}
        red = {(row["recording"], row["base"]) for row in mine if row["verdict"] == "regressed"}
        print(f"  runs with at least one red: {len(red)} of {len(runs)}")
    spread = sorted({row["name"] for row in groups["base", False]})
    print(f"- workloads with baselines that could not be calibrated: {', '.join(spread) or 'none'}")
    ages = [row["age_s"] / 60 for row in rows]
    sittings = len({row["recording"] for row in rows})
    print(f"- {sittings} recordings; heads {min(ages):.0f} to {max(ages):.0f} minutes after their baselines")


if __name__ == "__main__":
    main()
