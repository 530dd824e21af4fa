"""examples/own_project as its README says: record, green, broken on purpose, red. Real workers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_project"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
SELECTION = ("-k", "lines=40", "--metric", "time")


@pytest.fixture
def project(tmp_path):
    leave_out = shutil.ignore_patterns("baselines", "reports", "__pycache__")
    return Path(shutil.copytree(EXAMPLE, tmp_path / "pricing", ignore=leave_out))


def bench_guard(project, *arguments):
    dropped = {"CI", "GITHUB_STEP_SUMMARY", "PYTHONPATH"}
    environ = {
        key: text for key, text in os.environ.items() if key not in dropped and "BENCH_GUARD" not in key
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench.cli.main", *arguments],
        cwd=project,
        env=environ | {"PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def break_as_the_readme_says(project):
    ((old, new),) = re.findall(r"^```diff\n-(.*)\n\+(.*)\n```", README, re.MULTILINE)
    module = project / "src" / "pricing" / "quotes.py"
    text = module.read_text(encoding="utf-8")
    assert text.count(old) == 1
    module.write_text(text.replace(old, new), encoding="utf-8")


def test_every_benchmark_is_found(project):
    listed = bench_guard(project, "list")
    assert listed.returncode == 0, listed.stderr
    assert [line.partition("::")[2] for line in listed.stdout.splitlines()] == [
        "quotes[lines=2]",
        "quotes[lines=40]",
        "reads_price_list",
        "stock_of_twenty",
    ]


def test_the_minute_of_the_readme(project):
    recorded = bench_guard(project, "check", *SELECTION)
    assert recorded.returncode == 0, recorded.stderr
    stored = json.loads((project / "baselines" / "baseline.json").read_text(encoding="utf-8"))
    assert list(stored["benchmarks"]) == ["benchmarks/bench_pricing.py::quotes[lines=40]"]

    green = bench_guard(project, "check", *SELECTION)
    assert green.returncode == 0, green.stdout
    assert green.stdout.startswith("PASS: 1 benchmark")

    break_as_the_readme_says(project)
    red = bench_guard(project, "check", *SELECTION)
    assert red.returncode == 1, red.stdout
    assert red.stdout.startswith("REGRESSED: quotes[lines=40]")
