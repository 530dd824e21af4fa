"""How often does the gate cry wolf, and how often does it miss? Measured live, against stored baselines.

::

    python docs/rates/stored_rates.py record FOLDER --bases 35     # baselines: 20 processes each, two passes
    python docs/rates/stored_rates.py judge FOLDER --after 1800    # each at least 30 minutes later
    python docs/rates/stored_rates.py peers FOLDER --after 1800    # pytest-benchmark on the same functions
    python docs/rates/stored_rates.py table FOLDER                 # the table, as Markdown

Every comparison has a baseline and a head of its own, so no two of a row share a process. Slowdowns are
exact: the head makes k(1+e) calls and reports them as k.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.clock import SystemClock
from bench.discovery import find_suites
from bench.estimates import process_value
from bench.executor import IsolatedExecutor, Task
from bench.model import BenchmarkSpec, Calibration, Method, ProcessRun, Rule
from bench.passes import Session, record_passes
from bench.policy import is_calibratable
from bench.progress import SilentProgress
from bench.schedule import BaseSample, judge
from bench.store.runs import MemoryRunLog

HERE = Path(__file__).resolve().parent
GROUP = 7
SLOWDOWNS = (0.0, 0.15, 0.20)
PLUS_20_OF = 7
"""Every baseline meets identical code once, and one slower head: 20 % for 3 in 7 baselines, else 15 %."""
TOLERANCE = 0.10


def main() -> None:
    """Dispatch to one of the three steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["record", "judge", "peers", "table"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bases", type=int, default=35, help="baselines per workload")
    parser.add_argument("--after", type=float, default=1800.0, help="seconds between a baseline and its head")
    parser.add_argument("--cpu", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop judging after so long")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {given.cpu})
    step = {"record": record, "judge": judge_all, "peers": peers, "table": table}[given.step]
    step(given)


def suite(cpu: int) -> tuple[IsolatedExecutor, tuple[BenchmarkSpec, ...]]:
    """The executor and the cases of the workloads beside this file."""
    executor = IsolatedExecutor(HERE, cpu=cpu)
    return executor, executor.collect(find_suites(HERE, ["bench_workloads.py"])).specs


def record(given: argparse.Namespace) -> None:
    """Baselines as ``baseline update`` records them, in groups: seven first passes, then their second passes.

    So the two passes of a baseline are minutes apart, as the other first and second passes lie in between.
    """
    executor, specs = suite(given.cpu)
    for first in range(0, given.bases, GROUP):
        bases = list(range(first, min(first + GROUP, given.bases)))
        _record_nested(given, executor, {spec.id: spec for spec in specs}, bases)
        print(f"{bases[-1] + 1} of {given.bases} baselines", flush=True)


def _record_nested(
    given: argparse.Namespace, executor: IsolatedExecutor, specs: dict[str, BenchmarkSpec], bases: list[int]
) -> None:
    if not bases:
        time.sleep(60)
        return
    session = Session(executor, MemoryRunLog(), SystemClock(), SilentProgress(), math.inf)
    rest = bases[1:]
    record_passes(
        session,
        specs,
        lambda _: {"time"},
        lambda: _record_nested(given, executor, specs, rest),
        lambda _: TOLERANCE,
    )
    for (name, _), own in session.estimates(lambda _: TOLERANCE).items():
        row = {
            "name": specs[name].function,
            "base": bases[0],
            "at": time.time(),
            "sensitivity": own.calibration.sensitivity,
            "reference_s": own.calibration.reference_s,
            "logs": own.processes,
        }
        _append(given.folder / "bases.jsonl", row)


def judge_all(given: argparse.Namespace) -> None:
    """One sequential decision for every baseline and slowdown, as soon as the baseline is old enough."""
    executor, specs = suite(given.cpu)
    by_name = {spec.function: spec for spec in specs}
    done = {(r["name"], r["base"], r["slowdown"]) for r in _lines(given.folder / "verdicts.jsonl")}
    rule = Rule(tolerance=TOLERANCE, comparisons=len(specs))
    end = time.monotonic() + 60 * given.minutes
    for row in list(_lines(given.folder / "bases.jsonl")):
        slower = SLOWDOWNS[2 if int(str(row["base"])) % PLUS_20_OF < 3 else 1]
        for slowdown in (SLOWDOWNS[0], slower):
            if (row["name"], row["base"], slowdown) in done or time.monotonic() > end:
                continue
            time.sleep(max(0.0, row["at"] + given.after - time.time()))
            verdict = _judge_one(executor, by_name[row["name"]], row, rule, slowdown)
            _append(given.folder / "verdicts.jsonl", verdict)
            print(verdict, flush=True)


def _judge_one(
    executor: IsolatedExecutor, spec: BenchmarkSpec, row: dict[str, object], rule: Rule, slowdown: float
) -> dict[str, object]:
    logs = tuple(row["logs"])  # type: ignore[arg-type]
    base = BaseSample(logs, is_calibratable(logs, TOLERANCE))
    started = time.monotonic()
    fit = Calibration(float(str(row["sensitivity"])), float(str(row["reference_s"])))
    generator = judge(rule, base)
    wanted, process = next(generator), 0
    while True:
        drawn = []
        for _ in range(wanted):
            run = executor.measure(spec, Task("time", process, method=Method.BLOCKS, slowdown=slowdown))
            process += 1
            if isinstance(run, ProcessRun):
                drawn.append(process_value(run, fit))
        try:
            wanted = generator.send(drawn)
        except StopIteration as stop:
            decision = stop.value
            return {
                "name": spec.function, "base": row["base"], "slowdown": slowdown,
                "verdict": decision.verdict.value, "change": math.expm1(decision.change),
                "processes": process, "seconds": time.monotonic() - started,
                "age": time.time() - row["at"],  # type: ignore[operator]
                "calibratable": base.calibratable,
            }  # fmt: skip


PEER = """
import importlib.util, itertools, pytest
spec = importlib.util.spec_from_file_location("bench_workloads", {path!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
NAMES = {names!r}
@pytest.mark.parametrize("name", NAMES)
def test_peer(benchmark, name):
    call = getattr(module, name)
    def twenty():
        for _ in itertools.repeat(None, {calls}):
            call()
    benchmark(twenty)
"""


def peers(given: argparse.Namespace) -> None:
    """pytest-benchmark with its defaults on the same functions: a base run, then runs of 20 and of 23 calls.

    The first half of ``--bases`` is recorded at once, their heads after ``--after`` seconds; each head is
    compared with the base of its own number, by ratio of mean, median and min at the same tolerance.
    """
    names = [spec.function for spec in suite(given.cpu)[1]]
    file = given.folder / "peers.jsonl"
    have = {(row["kind"], row["base"]): row for row in _lines(file)}
    for kind, calls in (("base", 20), ("0.0", 20), ("0.15", 23)):
        for base in range(given.bases):
            if (kind, base) in have:
                continue
            if kind != "base":
                time.sleep(max(0.0, float(str(have["base", base]["at"])) + given.after - time.time()))
            row = {"kind": kind, "base": base, "stats": _peer_run(names, calls), "at": time.time()}
            have[kind, base] = row
            _append(file, row)
            print(kind, base, flush=True)


def _peer_run(names: list[str], calls: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        test, out = Path(folder) / "test_peer.py", Path(folder) / "out.json"
        test.write_text(PEER.format(path=str(HERE / "bench_workloads.py"), names=names, calls=calls))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--benchmark-json={out}",
            str(test),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        found = json.loads(out.read_text())["benchmarks"]
    return {b["params"]["name"]: {key: b["stats"][key] for key in ("mean", "median", "min")} for b in found}


def table(given: argparse.Namespace) -> None:
    """Print the table of rates with exact (Clopper-Pearson) 95 % intervals."""
    print("| gate | slowdown | red | undecided | share red (95 % interval) | median s per benchmark |")
    print("|---|---|---|---|---|---|")
    rows = list(_lines(given.folder / "verdicts.jsonl"))
    for slowdown in SLOWDOWNS:
        mine = [row for row in rows if row["slowdown"] == slowdown]
        red = sum(row["verdict"] == "regressed" for row in mine)
        unsure = sum(row["verdict"] == "undecided" for row in mine)
        seconds = statistics.median(float(str(row["seconds"])) for row in mine)
        print(
            f"| bench-guard check | {slowdown:+.0%} | {red} of {len(mine)} | {unsure} "
            f"| {_share(red, len(mine))} | {seconds:.1f} |"
        )
    measured = {(row["kind"], row["base"]): row["stats"] for row in _lines(given.folder / "peers.jsonl")}
    for statistic in ("mean", "median", "min"):
        for slowdown in SLOWDOWNS:
            ratios = [
                stats[name][statistic] / measured["base", base][name][statistic]  # type: ignore[index]
                for (kind, base), stats in measured.items()
                if kind == str(slowdown)
                for name in stats  # type: ignore[attr-defined]
            ]
            red = sum(ratio > 1 + TOLERANCE for ratio in ratios)
            if ratios:
                print(
                    f"| pytest-benchmark, {statistic} | {slowdown:+.0%} | {red} of {len(ratios)} | - "
                    f"| {_share(red, len(ratios))} | |"
                )


def _share(hits: int, count: int) -> str:
    low, high = _clopper_pearson(hits, count)
    return f"{hits / count:.1%} ({low:.1%} to {high:.1%})"


def _clopper_pearson(hits: int, count: int) -> tuple[float, float]:
    """Exact 95 % interval of a proportion, by bisection on the binomial tails."""

    def tail(p: float, at_most: int) -> float:
        return sum(math.comb(count, i) * p**i * (1 - p) ** (count - i) for i in range(at_most + 1))

    def solve(target: float, at_most: int) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if tail(middle, at_most) > target else (low, middle)
        return low

    return (solve(0.975, hits - 1) if hits else 0.0), (solve(0.025, hits) if hits < count else 1.0)


def _lines(path: Path) -> Iterator[dict[str, object]]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)


def _append(path: Path, row: dict[str, object]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
