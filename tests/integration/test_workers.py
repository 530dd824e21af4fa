"""Real worker processes: what they measure, and how every kind of misbehaviour ends."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import MeasurementError
from bench.executor import IsolatedExecutor, Task
from bench.model import FailureKind, Method, ProcessFailure, ProcessRun
from bench.schedule import HASH_SEEDS

pytestmark = pytest.mark.integration

SUITE = """
import os, sys, time
from bench import benchmark

def make(n): return list(range(n))

@benchmark(params={"n": [10, 2000]}, setup=make, items="n")
def total(items): return sum(items)

@benchmark
async def waits_a_little(): return None

@benchmark
def raises(): return {}["absent"]

@benchmark(timeout=0.7)
def hangs():
    while True: pass

@benchmark
def kills_itself(): os.kill(os.getpid(), 9)

@benchmark
def leaves(): os._exit(7)

@benchmark
def exits(): sys.exit(3)

@benchmark
def forks_and_returns(): os.fork()

@benchmark
def prints_megabytes(): print("x" * 5_000_000)

@benchmark
def closes_everything(): os.closerange(3, 64)

@benchmark
def seed():
    if os.environ["PYTHONHASHSEED"] != "69": raise ValueError(os.environ["PYTHONHASHSEED"])

@benchmark
def stdin_is_empty():
    if sys.stdin.read() != "": raise ValueError

@benchmark(timeout=5)
def leaves_a_child():
    if not os.fork():
        os.setpgid(0, 0)
        time.sleep(30)
        os._exit(0)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "bench_all.py").write_text(SUITE)
    return root


@pytest.fixture(scope="module")
def collected(project):
    found = IsolatedExecutor(project).collect([project / "bench_all.py"])
    return {spec.id.partition("::")[2]: spec for spec in found.specs}


def measure(project, spec, metric="rss", process=0, **more):
    return IsolatedExecutor(project).measure(spec, Task(metric, process, **more))


def test_every_case_of_a_suite_is_collected_in_source_order(collected):
    assert list(collected)[:3] == ["total[n=10]", "total[n=2000]", "waits_a_little"]
    assert collected["total[n=2000]"].items == 2000.0
    assert collected["waits_a_little"].is_async


def test_time_comes_as_raw_blocks_of_a_pinned_process(project, collected):
    cpu = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    run = IsolatedExecutor(project, cpu=cpu).measure(
        collected["total[n=2000]"], Task("time", 3, duration_s=0.02)
    )

    assert isinstance(run, ProcessRun)
    assert (run.method, run.hash_seed, run.cpu) == (Method.BLOCKS, HASH_SEEDS[3], cpu)
    assert len(run.blocks) >= 50
    assert run.warmup_calls >= 5


def test_more_work_takes_longer(project, collected):
    quick, slow = (
        measure(project, collected[name], "time", duration_s=0.02)
        for name in ("total[n=10]", "total[n=2000]")
    )

    assert sorted(b.ratio for b in slow.blocks)[25] > 5 * sorted(b.ratio for b in quick.blocks)[25]


@pytest.mark.parametrize("metric", ["p95", "peak", "rss", "time"])
def test_coroutines_are_measured_by_every_meter(project, collected, metric):
    run = measure(project, collected["waits_a_little"], metric, duration_s=0.02)

    assert isinstance(run, ProcessRun)
    assert run.blocks or run.values


def test_memory_is_measured_under_one_hash_seed_so_that_two_processes_can_agree(project, collected):
    runs = [measure(project, collected["total[n=2000]"], "peak", process) for process in (0, 1)]

    assert runs[0].values == runs[1].values
    assert runs[0].hash_seed == runs[1].hash_seed == HASH_SEEDS[0]


def test_process_k_runs_under_seed_k(project, collected):
    assert HASH_SEEDS[1] == 69
    assert isinstance(measure(project, collected["seed"], "p95", 1), ProcessRun)
    assert "2750" in measure(project, collected["seed"], "p95", 0).message


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("raises", FailureKind.RAISED, r"KeyError: 'absent' \(bench_all\.py:14\)"),
        ("hangs", FailureKind.TIMED_OUT, "time-out"),
        ("kills_itself", FailureKind.CRASHED, "signal 9"),
        ("leaves", FailureKind.CRASHED, "exited with code 7"),
        ("exits", FailureKind.RAISED, "SystemExit: 3"),
        ("forks_and_returns", FailureKind.RAISED, "os._exit"),
        ("closes_everything", FailureKind.CRASHED, "exited with code"),
    ],
)
def test_a_misbehaving_benchmark_is_a_result_with_its_reason(project, collected, name, kind, message):
    outcome = measure(project, collected[name])

    assert isinstance(outcome, ProcessFailure)
    assert outcome.kind is kind
    assert re.search(message, outcome.message)


def test_the_output_of_a_failure_is_kept_and_bounded(project, collected):
    outcome = measure(project, collected["raises"])

    assert "KeyError" in outcome.output
    assert "in raises" in outcome.output
    assert len(outcome.output) <= 4_000


def test_printing_megabytes_neither_blocks_nor_leaks_into_the_result(project, collected):
    assert isinstance(measure(project, collected["prints_megabytes"]), ProcessRun)


def test_standard_input_is_empty(project, collected):
    assert isinstance(measure(project, collected["stdin_is_empty"]), ProcessRun)


def test_a_child_left_behind_does_not_hold_up_the_result(project, collected):
    started = time.monotonic()

    assert isinstance(measure(project, collected["leaves_a_child"]), ProcessRun)
    assert time.monotonic() - started < 20


def test_a_suite_that_does_not_import_is_a_problem_and_the_others_are_collected(project):
    (project / "bench_broken.py").write_text("import nothing_of_this_name")
    (project / "bench_exits.py").write_text("raise SystemExit(5)")
    suites = [project / name for name in ("bench_broken.py", "bench_exits.py", "bench_all.py")]

    found = IsolatedExecutor(project).collect(suites)

    assert [problem.benchmark for problem in found.problems] == ["bench_broken.py", "bench_exits.py"]
    assert "No module named 'nothing_of_this_name' (bench_broken.py:1)" in found.problems[0].message
    assert found.problems[0].kind is FailureKind.IMPORT
    assert len(found.specs) == 14


def test_a_syntax_error_is_placed_in_the_file_that_has_it(project):
    (project / "broken_module.py").write_text("x = 1\ndef (")
    (project / "bench_imports_it.py").write_text("import broken_module")
    (project / "bench_has_it.py").write_text("\n\ndef (")

    suites = [project / "bench_imports_it.py", project / "bench_has_it.py"]
    found = IsolatedExecutor(project).collect(suites)

    assert "(broken_module.py:2)" in found.problems[0].message
    assert "(bench_has_it.py:3)" in found.problems[1].message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_guard_that_is_told_to_end(tmp_path, number):
    marker = tmp_path / "pid"
    (tmp_path / "bench_loop.py").write_text(
        "import os, pathlib\nfrom bench import benchmark\n@benchmark\ndef work():\n"
        f"    pathlib.Path({str(marker)!r}).write_text(str(os.getpid()))\n    while True: pass"
    )
    command = [sys.executable, "-P", "-m", "bench.cli.main", "run", "bench_loop.py", "-q"]
    guard = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    wait_until(lambda: marker.is_file() and marker.read_text())
    guard.send_signal(number)
    guard.communicate()

    assert guard.returncode == (130 if number == signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not alive(int(marker.read_text())))


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_suite_that_hangs_at_import_times_out(project):
    (project / "bench_slow.py").write_text("import time; time.sleep(60)")

    found = IsolatedExecutor(project, collect_timeout_s=0.7).collect([project / "bench_slow.py"])

    assert found.problems[0].kind is FailureKind.TIMED_OUT


def test_a_contradictory_declaration_is_a_problem_of_its_suite(project):
    (project / "bench_wrong.py").write_text(
        "from bench import benchmark\n@benchmark(items='n')\ndef work(): ..."
    )

    found = IsolatedExecutor(project).collect([project / "bench_wrong.py"])

    assert "items='n' must be a positive number" in found.problems[0].message


def test_the_subject_is_the_copy_in_its_root_and_says_so(tmp_path):
    for copy in ("ours", "theirs"):
        (tmp_path / copy / "shop").mkdir(parents=True)
        (tmp_path / copy / "shop" / "__init__.py").write_text(f"COPY = {copy!r}")
    (tmp_path / "bench_shop.py").write_text(
        "import shop\nfrom bench import benchmark\n@benchmark\ndef work():\n    assert shop.COPY == 'ours'"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "theirs")}
    bound = IsolatedExecutor(tmp_path, roots={"shop": str(tmp_path / "ours")}, environ=environ)
    unbound = IsolatedExecutor(tmp_path, watch=["shop"], environ=environ)

    found = bound.collect([tmp_path / "bench_shop.py"])

    assert found.subject_files == (("shop", str(tmp_path / "ours" / "shop" / "__init__.py")),)
    assert isinstance(bound.measure(found.specs[0], Task("rss", 0)), ProcessRun)
    assert "theirs" in dict(unbound.collect([tmp_path / "bench_shop.py"]).subject_files)["shop"]
    assert isinstance(unbound.measure(found.specs[0], Task("rss", 0)), ProcessFailure)


def test_a_package_called_bench_in_the_project_does_not_become_the_harness(tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("raise RuntimeError('wrong bench')")
    (tmp_path / "bench_x.py").write_text("from bench import benchmark\n@benchmark\ndef work(): ...")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}

    found = IsolatedExecutor(tmp_path, environ=environ).collect([tmp_path / "bench_x.py"])

    assert [spec.function for spec in found.specs] == ["work"]


def test_no_worker_is_left_after_an_interrupt(project, collected, monkeypatch):
    from bench import workers

    def interrupted(heard, deadline):
        interrupted.pid = heard[0].process.pid
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "_gather", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(project, collected["hangs"])

    with pytest.raises(ProcessLookupError):
        os.kill(interrupted.pid, 0)


def test_an_interpreter_that_cannot_be_started_is_one_error(project, collected):
    broken = IsolatedExecutor(project, python=str(project / "no-python"))

    with pytest.raises(MeasurementError, match="no worker process could be started"):
        broken.measure(collected["seed"], Task("time", 0))
