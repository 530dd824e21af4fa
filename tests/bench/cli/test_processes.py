"""The command line as a user starts it: a process, a project on disk, real workers."""

import functools
import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from bench.store.runs import read_run

pytestmark = pytest.mark.integration

SUITE = """
from bench import benchmark
from thing import work

@benchmark
def small():
    return work(50)
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "thing"\n')
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "__init__.py").write_text("def work(n):\n    return sum(range(n))\n")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a.py").write_text(SUITE)
    return tmp_path


def environment(**changes):
    dropped = ("CI", "GITHUB_STEP_SUMMARY", "PYTHONPATH", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PYTHONSAFEPATH": "1"} | changes


def started(project, *arguments, script=False, env=None, **options):
    console_script = [str(Path(sysconfig.get_path("scripts")) / "bench-guard")]
    command = console_script if script else [sys.executable, "-P", "-m", "bench.cli.main"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    # A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    where = {"cwd": project, "env": env or environment(), "preexec_fn": heard}
    return subprocess.Popen([*command, *arguments], text=True, **where, **pipes)


def finished(project, *arguments, **options):
    process = started(project, *arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def lines_in(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("run-*.jsonl"))


def test_list(project):
    code, out, err = finished(project, "list")
    assert (code, out) == (0, "benchmarks/bench_a.py::small\n")
    assert f"measuring thing from {project / 'thing' / '__init__.py'}" in err


def test_run_measures_and_keeps_every_process(project):
    code, out, err = finished(project, "run", "--metric", "time", "--json", "-")
    assert code == 0, err
    document = json.loads(out)
    assert document["verdict"] == "pass"
    row = next(row for row in document["comparisons"] if row["metric"] == "time")
    assert row["verdict"] == "new"
    assert 0 < row["head"] < 1e-3
    (path,) = (project / "reports" / "runs").glob("run-*.jsonl")
    header, outcomes = read_run(path)
    assert header.command == "run"
    assert len(outcomes) >= 5
    assert all(run.subject_files[0][0] == "thing" for run in outcomes)
    assert not (project / "baselines").exists()


def test_ctrl_c_is_130_and_keeps_what_was_finished(project):
    many = SUITE.replace("@benchmark\n", '@benchmark(params={"n": list(range(9))})\n').replace(
        "small()", "small(n)"
    )
    (project / "benchmarks" / "bench_a.py").write_text(many)
    process = started(project, "run", "--metric", "time")
    runs = project / "reports" / "runs"
    while process.poll() is None and lines_in(runs) < 2:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted; finished processes are kept in" in err
    assert "Traceback" not in err
    (path,) = runs.glob("run-*.jsonl")
    assert len(read_run(path)[1]) >= 1


def test_a_reader_that_stops_reading_changes_nothing(project):
    with started(project, "doctor") as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_an_encoding_without_our_letters_is_survived(project):
    (project / "benchmarks" / "bench_a.py").write_text(SUITE.replace("small", "über"), encoding="utf-8")
    code, out, _ = finished(project, "list", env=environment(PYTHONIOENCODING="ascii"))
    assert code == 0
    assert out == "benchmarks/bench_a.py::\\xfcber\n"


def test_a_damaged_baseline_is_an_error_and_stays_as_it_is(project):
    (project / "baselines").mkdir()
    path = project / "baselines" / "baseline.json"
    path.write_text('{"format": ')
    for arguments in (["check"], ["baseline", "update"], ["baseline", "show"]):
        code, _, err = finished(project, *arguments)
        assert code == 2, err
        assert "baseline.json:1:" in err
        assert "Traceback" not in err
    assert path.read_text() == '{"format": '


def test_a_folder_called_bench_in_the_project_does_not_shadow_us(project):
    (project / "bench").mkdir()
    (project / "bench" / "__init__.py").write_text("raise RuntimeError('shadowed')\n")
    env = environment()
    del env["PYTHONSAFEPATH"]
    code, out, err = finished(project, "list", "benchmarks", script=True, env=env)
    assert (code, out) == (0, "benchmarks/bench_a.py::small\n"), err


def test_a_subject_called_bench_is_one_clear_error(project):
    (project / "bench").mkdir()
    (project / "bench" / "__init__.py").write_text("")
    (project / "pyproject.toml").write_text(
        "[tool.bench-guard]\nsubject = ['bench']\nsuites = ['benchmarks']\n"
    )
    code, out, err = finished(project, "check", script=True)
    assert (code, out) == (4, "")
    assert str(project / "bench") in err
    assert "Traceback" not in err
