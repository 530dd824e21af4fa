"""What other tools make of the same functions, the same slowdown and the same kind of host.

::

    python -m venv peers && peers/bin/pip install pytest pytest-benchmark pyperf asv virtualenv
    python docs/rates/peers.py run FOLDER --python peers/bin/python --rounds 5
    python docs/rates/peers.py table FOLDER --python peers/bin/python

The eight shorter workloads, as they are and exactly 15 % slower. A round of pytest-benchmark and of
pyperf is a run of the base, a run of the same again, and a run of the slower copy, one right after the
other, each tool with its own defaults (pyperf with ``--fast``); a round of asv is ``asv continuous -f
1.1`` between two commits of the same code and between two that differ by 15 %. A round therefore gives
eight comparisons of each kind, and no two rounds share a measurement. What is done is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from revisions import SIZES, git, make_repository, make_tree
from tally import Row, append, lines, seconds, share

WORKLOADS = (
    "integer_loop", "method_calls", "string_dicts", "node_trees",
    "regex_lines", "json_orders", "sort_names", "checksums",
)  # fmt: skip
LIMIT = 1.10
SAME, SLOWER = "same", "plus15"
HEADS = {SAME: SIZES["base"], SLOWER: SIZES["plus15"]}
ROUNDS_OF = {"pytest-benchmark": 2, "pyperf": 1, "asv": 1}
"""How many times ``--rounds`` each tool gets: the quick one more."""

_PYTEST = """\
import pytest, kinds

@pytest.mark.parametrize("name", {names!r})
def test_peer(benchmark, name):
    benchmark(getattr(kinds, name))
"""
_PYPERF = """\
import pyperf, kinds

runner = pyperf.Runner()
for name in {names!r}:
    runner.bench_func(name, getattr(kinds, name))
"""
_PYPERF_COMPARE = """\
import json, sys, pyperf
from pyperf._utils import is_significant

def values(file):
    return {b.get_name(): list(b.get_values()) for b in pyperf.BenchmarkSuite.load(file).get_benchmarks()}

out = []
for base, head in json.load(sys.stdin):
    old, new = values(base), values(head)
    ratio = {n: sum(new[n]) / len(new[n]) * len(old[n]) / sum(old[n]) for n in old}
    out.append({n: [ratio[n], bool(is_significant(old[n], new[n])[0])] for n in old})
print(json.dumps(out))
"""
_ASV_SUITE = """\
import kinds

def track_size():
    return kinds.SIZE

"""
_ASV_INSTALL = (
    "in-dir={build_dir} python -c "
    '\'import shutil, sysconfig; shutil.copytree("kinds", sysconfig.get_path("purelib") + "/kinds")\''
)
_ASV_UNINSTALL = (
    "return-code=any python -c "
    '\'import shutil, sysconfig; shutil.rmtree(sysconfig.get_path("purelib") + "/kinds", True)\''
)
_WORSE = re.compile(r"^\|\s*\+\s*\|.*\|\s*\w+\.time_(\w+)", re.MULTILINE)
_FILE = "peers.jsonl"


def main() -> None:
    """Dispatch to one of the two steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    for name, words in (("run", "measure"), ("table", "counts with exact intervals, as Markdown")):
        step = steps.add_parser(name, help=words)
        step.add_argument("folder", type=Path)
        step.add_argument("--python", type=Path, required=True, help="interpreter that has the tools")
    running = steps.choices["run"]
    running.add_argument("--rounds", type=int, default=5)
    running.add_argument("--tools", nargs="*", default=list(ROUNDS_OF), choices=list(ROUNDS_OF))
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    given.python = given.python.absolute()
    if given.step == "table":
        table(given.folder, given.python)
    else:
        run_all(given)


def run_all(given: argparse.Namespace) -> None:
    """Round after round, the tools in turn."""
    file = given.folder / _FILE
    for turn in range(given.rounds):
        for tool in given.tools:
            for number in range(turn * ROUNDS_OF[tool], (turn + 1) * ROUNDS_OF[tool]):
                for kind in (SAME, SLOWER) if tool == "asv" else ("base", SAME, SLOWER):
                    if any(_key(row) == (tool, number, kind) for row in lines(file)):
                        continue
                    out = given.folder / "out" / f"{tool}-{number}-{kind}"
                    out.parent.mkdir(parents=True, exist_ok=True)
                    started = time.time()
                    RUNNERS[tool](given.folder, given.python, kind, out)
                    took = (time.time() - started) / len(WORKLOADS)
                    append(file, [{**_named(tool, number, kind), "s": took, "at": started}])
                    print(f"{tool} {number} {kind}: {took:.1f} s a benchmark", flush=True)


def _named(tool: str, number: int, kind: str) -> Row:
    return {"tool": tool, "round": number, "kind": kind, "load": os.getloadavg()[0]}


def _key(row: Row) -> tuple[str, int, str]:
    return row["tool"], row["round"], row["kind"]


def _run(command: Sequence[object], cwd: Path, environ: Mapping[str, str] | None = None) -> str:
    """Standard output of a command; SystemExit with the end of what it said when it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **(environ or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def _tree(folder: Path, kind: str) -> Path:
    size = HEADS.get(kind, SIZES["base"])
    return make_tree(folder / f"peer{size}", size)


def run_pytest_benchmark(folder: Path, python: Path, kind: str, out: Path) -> None:
    """All workloads with the defaults."""
    tree = _tree(folder, kind)
    (tree / "test_peer.py").write_text(_PYTEST.format(names=WORKLOADS))
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", tree, f"--benchmark-json={out}", "test_peer.py"]
    _run([python, "-m", "pytest", *options], tree)


def run_pyperf(folder: Path, python: Path, kind: str, out: Path) -> None:
    """All workloads with ``--fast``."""
    tree = _tree(folder, kind)
    (tree / "pyperf_suite.py").write_text(_PYPERF.format(names=WORKLOADS))
    out.unlink(missing_ok=True)
    _run([python, "pyperf_suite.py", "--fast", "-q", "-o", out], tree)


def run_asv(folder: Path, python: Path, kind: str, out: Path) -> None:
    """``asv continuous -f 1.1`` with a result store of its own."""
    project = folder / "asv"
    repository = make_repository(project / "repository")
    home = {"HOME": str(project), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    if not (project / "asv.conf.json").exists():
        _make_asv_project(project, repository)
        _run([python, "-m", "asv", "machine", "--yes"], project, home)
    results = project / f"results-{out.name}"
    configuration = json.loads((project / "asv.conf.json").read_text()) | {"results_dir": str(results)}
    (project / "asv.conf.json").write_text(json.dumps(configuration))
    command = [python, "-m", "asv", "continuous", "-f", str(LIMIT), "--show-stderr", "base", kind]
    done = subprocess.run(
        list(map(str, command)),
        cwd=project,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    out.write_text(said)
    if done.returncode not in {0, 1} or "BENCHMARKS" not in said or "failed" in said:
        raise SystemExit(f"asv: exit code {done.returncode}\n{said[-2000:]}")


def _make_asv_project(project: Path, repository: Path) -> None:
    if SAME not in git(repository, "tag").split():
        identity = ("-c", "user.name=rates", "-c", "user.email=rates@example.org")
        git(repository, *identity, "commit", "-q", "--allow-empty", "-m", "the same again")
        git(repository, "tag", SAME)
    suite = project / "benchmarks"
    suite.mkdir(exist_ok=True)
    (suite / "__init__.py").touch()
    calls = [f"def time_{name}():\n    kinds.{name}()\n\n" for name in WORKLOADS]
    (suite / "peers.py").write_text(_ASV_SUITE + "\n".join(calls))
    configuration = {
        "version": 1, "project": "kinds", "repo": str(repository), "branches": ["main"],
        "environment_type": "virtualenv", "build_command": [], "install_command": [_ASV_INSTALL],
        "uninstall_command": [_ASV_UNINSTALL], "env_dir": "env", "html_dir": "html",
    }  # fmt: skip
    (project / "asv.conf.json").write_text(json.dumps(configuration))


RUNNERS: Mapping[str, Callable[[Path, Path, str, Path], None]] = {
    "pytest-benchmark": run_pytest_benchmark,
    "pyperf": run_pyperf,
    "asv": run_asv,
}


def table(folder: Path, python: Path) -> None:
    """Red verdicts of every tool at 0 and at +15 %, with exact (Clopper-Pearson) 95 % intervals."""
    rows = list(lines(folder / _FILE))
    if not rows:
        raise SystemExit(f"{folder / _FILE}: nothing measured yet")
    print("| gate | red on identical code | red at +15 % | s per benchmark, both sides |")
    print("|---|---|---|---|")
    for tool, words, judge in (
        *(
            (("pytest-benchmark"), f"pytest-benchmark, {name}", _by_statistic(name))
            for name in ("mean", "median", "min")
        ),
        ("pyperf", "pyperf `--fast`, t test and 10 %", _by_pyperf(python)),
        ("asv", "`asv continuous -f 1.1`", _by_asv),
    ):
        mine = [row for row in rows if row["tool"] == tool]
        cells = []
        for kind in (SAME, SLOWER):
            numbers = sorted(row["round"] for row in mine if row["kind"] == kind)
            red = judge([(folder / "out", number, kind) for number in numbers])
            cells.append(share(sum(red), len(red)))
        sides = 1 if tool == "asv" else 2
        took = seconds([row["s"] * sides for row in mine])
        print(f"| {words} | {cells[0]} | {cells[1]} | {took} |")
    loads = sorted(row["load"] for row in rows)
    print(
        f"\nSeconds: median / 90th percentile. Load of the host meanwhile: {loads[0]:.1f} to {loads[-1]:.1f}."
    )


Place = tuple[Path, int, str]


def _by_statistic(name: str) -> Callable[[Sequence[Place]], list[bool]]:
    def read(folder: Path, number: int, kind: str) -> dict[str, float]:
        document = json.loads((folder / f"pytest-benchmark-{number}-{kind}").read_text())
        return {found["params"]["name"]: found["stats"][name] for found in document["benchmarks"]}

    def judge(places: Sequence[Place]) -> list[bool]:
        red = []
        for folder, number, kind in places:
            base, head = read(folder, number, "base"), read(folder, number, kind)
            red += [head[workload] / base[workload] > LIMIT for workload in WORKLOADS]
        return red

    return judge


def _by_pyperf(python: Path) -> Callable[[Sequence[Place]], list[bool]]:
    def judge(places: Sequence[Place]) -> list[bool]:
        files = [
            [str(folder / f"pyperf-{number}-{kind}") for kind in ("base", head)]
            for folder, number, head in places
        ]
        done = subprocess.run(
            [str(python), "-c", _PYPERF_COMPARE],
            input=json.dumps(files),
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            ratio > LIMIT and significant
            for compared in json.loads(done.stdout)
            for ratio, significant in compared.values()
        ]

    return judge


def _by_asv(places: Sequence[Place]) -> list[bool]:
    red = []
    for folder, number, kind in places:
        worse = set(_WORSE.findall((folder / f"asv-{number}-{kind}").read_text()))
        red += [workload in worse for workload in WORKLOADS]
    return red


if __name__ == "__main__":
    main()
