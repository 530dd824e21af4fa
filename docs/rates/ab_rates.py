"""How often does `ab` cry wolf, and how often does it miss? The real command line, again and again, live.

::

    python docs/rates/ab_rates.py run FOLDER --save-pairs FOLDER/pairs.jsonl
    python docs/rates/ab_rates.py run FOLDER --counts base=66 plus15=22      # comparisons of each slowdown
    python docs/rates/ab_rates.py table FOLDER

Runs ``bench-guard ab --base base --head TAG`` in a scratch repository whose revisions differ in nothing but
how much they do (see ``revisions.py``). A run of all workloads gives one comparison each; every one has
processes of its own, so all comparisons are disjoint. Slowdowns take turns over the whole sitting. What is
done is kept: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from revisions import SIZES, make_repository
from tally import Row, append, counts, farthest_behind, lines, seconds, verdict_table, worst

from bench.model import ProcessRun
from bench.store.runs import read_run

COMPARISONS = {"base": 600, "plus15": 200, "plus12": 100, "plus05": 100}
EXPECTED_EXITS = frozenset({0, 1, 3})
CRASHES_IN_A_ROW = 3
_ROWS, _CRASHES = "ab.jsonl", "ab-crashes.jsonl"
_OUTPUT_KEPT = 2_000


def main() -> None:
    """Dispatch to one of the two steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    running = steps.add_parser("run", help="compare until every slowdown has its comparisons")
    running.add_argument("folder", type=Path)
    running.add_argument("--counts", nargs="*", default=[], metavar="TAG=N", help=f"default {COMPARISONS}")
    running.add_argument("--save-pairs", type=Path, metavar="FILE", help="raw quads of the A/A pairs")
    running.add_argument("-k", dest="expression", default="", help="some of the workloads, for a trial")
    steps.add_parser("table", help="counts with exact intervals, as Markdown").add_argument(
        "folder", type=Path
    )
    given = parser.parse_args()
    if given.step == "table":
        table(given.folder)
    else:
        run_all(given)


def run_all(given: argparse.Namespace) -> None:
    """One run after the other; stops when three in a row could not compare."""
    repository = make_repository(given.folder.resolve() / "repository")
    wanted = counts(given.counts, COMPARISONS)
    crashes = 0
    while True:
        rows = list(lines(given.folder / _ROWS))
        done = Counter(row["slowdown"] for row in rows)
        tag = farthest_behind(done, wanted)
        if tag is None:
            break
        number = 1 + max((row["run"] for row in rows), default=0)
        found, run_file, crash = _run_once(repository, tag, number, given.expression)
        if crash is not None:
            crashes += 1
            append(given.folder / _CRASHES, [crash])
            print(f"{number} {tag}: {crash['output']}", flush=True)
            if crashes == CRASHES_IN_A_ROW:
                raise SystemExit(f"{crashes} runs in a row could not compare: see {given.folder / _CRASHES}")
            continue
        crashes = 0
        append(given.folder / _ROWS, found)
        if given.save_pairs and tag == "base" and run_file is not None:
            _save_pairs(given.save_pairs, run_file, found[0]["at"])
        words = ", ".join(f"{row['name']} {row['verdict']}" for row in found if row["verdict"] != "ok")
        left = {kind: max(0, count - done[kind]) for kind, count in wanted.items()}
        print(
            f"{number} {tag}: {words or 'all ok'} ({found[0]['run_s']:.0f} s; left before: {left})",
            flush=True,
        )


def _run_once(
    repository: Path, tag: str, number: int, expression: str
) -> tuple[list[Row], Path | None, Row | None]:
    """Rows of one run and its file of raw samples, or what it said instead."""
    report, runs = repository.parent / "report.json", repository / "reports" / "runs"
    report.unlink(missing_ok=True)
    before = set(runs.glob("*.jsonl"))
    program = str(Path(sys.executable).with_name("bench-guard"))
    command = [program, "ab", "--base", "base", "--head", tag, "--json", str(report), "--no-progress"]
    command += ["-k", expression] if expression else []
    started = time.time()
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    took = time.time() - started
    if done.returncode not in EXPECTED_EXITS or not report.exists():
        output = (done.stderr + done.stdout)[-_OUTPUT_KEPT:]
        crash = {"slowdown": tag, "run": number, "at": started, "exit": done.returncode, "output": output}
        return [], None, crash
    run_file = max(set(runs.glob("*.jsonl")) - before, default=None)
    measured = _seconds_by_benchmark(run_file)
    document = json.loads(report.read_text(encoding="utf-8"))
    compared = [row for row in document["comparisons"] if row["metric"] == "time"]
    rows = [
        {
            "run": number, "slowdown": tag, "name": row["benchmark"].rpartition("::")[2],
            "verdict": row["verdict"], "change": row["change"], "interval": row["interval"],
            "detectable": row["detectable"], "processes": row["processes"], "note": row["note"],
            "seconds": measured.get(row["benchmark"], 0.0),
            "report_s": document["duration_s"] / len(compared),
            "run_s": took, "exit": done.returncode, "at": started,
        }
        for row in compared
    ]  # fmt: skip
    return rows, run_file, None


def _seconds_by_benchmark(run_file: Path | None) -> dict[str, float]:
    """Seconds that the processes of each benchmark took, from start to answer."""
    spent: dict[str, float] = defaultdict(float)
    for outcome in read_run(run_file)[1] if run_file else ():
        if isinstance(outcome, ProcessRun) and outcome.metric == "time":
            spent[outcome.benchmark] += outcome.duration_s
    return spent


def _save_pairs(file: Path, run_file: Path, at: float) -> None:
    """The quads of every A/A pair, seconds per call of head and base; ``k`` counts a workload's pairs."""
    have = Counter(row["name"] for row in lines(file))
    rows: list[Row] = []
    for outcome in read_run(run_file)[1]:
        if not isinstance(outcome, ProcessRun) or not outcome.paired:
            continue
        name = outcome.benchmark.rpartition("::")[2]
        quads = [[float(f"{block.subject:.5g}"), float(f"{block.reference:.5g}")] for block in outcome.blocks]
        rows.append({
            "name": name, "k": have[name], "at": at, "method": outcome.method.value,
            "cpu_share": outcome.cpu_share, "d": outcome.duration_s, "pairs": quads,
        })  # fmt: skip
        have[name] += 1
    append(file, rows)


def table(folder: Path) -> None:
    """Counts with exact (Clopper-Pearson) 95 % intervals, where it went wrong, and what it cost."""
    rows = list(lines(folder / _ROWS))
    if not rows:
        raise SystemExit(f"{folder / _ROWS}: nothing compared yet")
    groups = {
        tag: [row for row in rows if row["slowdown"] == tag]
        for tag in sorted(COMPARISONS, key=SIZES.__getitem__)
    }
    groups = {tag: own for tag, own in groups.items() if own}
    print(verdict_table({f"+{SIZES[tag] - 100} %": own for tag, own in groups.items()}))
    print("\nSeconds are median / 90th percentile per benchmark, of the processes themselves; by run:\n")
    for tag, own in groups.items():
        print(f"- +{SIZES[tag] - 100} %: {_of_runs(own)}")
        hoped = "ok" if SIZES[tag] < 110 else "regressed"
        print(f"  not {hoped}: {worst(own, hoped)}")
    crashes = Counter(row["exit"] for row in lines(folder / _CRASHES))
    print(f"- runs that could not compare, by exit code: {dict(crashes) or 'none'}")


def _of_runs(rows: Sequence[Row]) -> str:
    runs = {row["run"]: row for row in rows}
    red = {row["run"] for row in rows if row["verdict"] == "regressed"}
    shares = [row["report_s"] for row in runs.values()]
    return f"{len(runs)} runs, {len(red)} with a red; whole run over its benchmarks {seconds(shares)} s"


if __name__ == "__main__":
    main()
