"""The gate tests itself with real workers, on whatever host the tests run."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

SUITE = """
from bench import benchmark

TEXT = "one two three four five six seven eight nine ten " * 20

@benchmark(tolerance=0.5)
def split(): return [word.upper() for word in TEXT.split()]
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "thing"\n')
    (tmp_path / "bench_words.py").write_text(SUITE)
    return tmp_path


def guard(project, *arguments):
    """Run bench-guard there; its exit code and its data."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_GUARD_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.cli.main", *arguments, "--json", "-", "--no-progress"],
        cwd=project,
        env=environ | {"CI": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_gate_catches_twice_the_work_and_nothing_else(project):
    """A tolerance of 50 % and twice the work: beyond what a crowded host can imitate or hide."""
    code, found = guard(project, "self-test", "--mode", "paired", "--slowdown", "1.0")

    assert (code, found["exit_code"], found["failures"]) == (0, 0, [])
    (trial,) = found["trials"]
    assert trial["holds"]
    assert trial["unchanged"]["verdict"] == "ok"
    assert trial["slowed"]["verdict"] == "regressed"
    assert trial["slowed"]["change"] > 0.7
    assert not (project / "baselines").exists()


def test_a_sitting_is_measured_and_kept(project):
    code, found = guard(project, "calibrate", "--processes", "5", "--mode", "stored")

    assert code == 0
    (row,) = found["benchmarks"]
    assert row["sittings"] == 1
    assert row["paired"] is None
    assert row["stored"]["processes"] == 5
    assert 0 < row["stored"]["spread"] < 1
    assert row["stored"]["seconds"] > 0
    assert row["stored"]["red"] == 0
    stored = json.loads((project / "baselines" / "calibration.json").read_text())
    (kinds,) = stored["benchmarks"].values()
    (entry,) = kinds.values()
    assert len(entry["sittings"][0]["processes"]) == 5
