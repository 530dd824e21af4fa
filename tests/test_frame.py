"""The files around the packages: they name commands, options and settings, so those must exist."""

import configparser
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from bench.cli.main import main

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "examples" / "github-actions" / "bench-guard.yml"


def workflow_steps():
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def workflow_commands():
    return [step["run"] for step in workflow_steps() if step.get("run", "").startswith("bench-guard ")]


@pytest.mark.parametrize("command", workflow_commands())
def test_every_command_of_the_workflow_is_understood(command, capsys):
    arguments = [word for word in shlex.split(command)[1:] if not word.startswith("$")]
    if arguments[-1] == "--reason":
        arguments.append("because")
    assert main([*arguments, "--help"]) == 0
    named = [word for word in arguments if word.startswith("-")]
    help_text = capsys.readouterr().out
    assert [option for option in named if option not in help_text] == []


def test_the_workflow_gates_pull_requests_and_hands_no_input_to_a_shell():
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "pull_request:" in text
    assert any(command.startswith("bench-guard check") for command in workflow_commands())
    assert not [step for step in workflow_steps() if "${{" in step.get("run", "")]


def tox():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    return parser


def test_tox_tests_the_wheel_and_passes_the_variables_that_count():
    assert {"py311", "py312", "py313", "test", "guard", "lint", "type"} == set(
        re.split(r", ", tox()["tox"]["env_list"])
    )
    common = tox()["testenv"]
    assert common["package"] == "wheel"
    assert common["pass_env"].split() == ["CI", "GITHUB_*", "BENCH_GUARD_*"]
    assert common["set_env"].split() == ["PYTHONSAFEPATH", "=", "1"]
    assert tox()["testenv:guard"]["commands"].strip() == "bench-guard check --installed {posargs}"


def test_the_linter_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (ruff,) = project["optional-dependencies"]["lint"]
    assert tox()["testenv:lint"]["deps"] == ruff


def test_the_marker_of_every_deselected_test_exists():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = {line.split(":")[0] for line in settings["tool"]["pytest"]["ini_options"]["markers"]}
    assert set(re.findall(r"not (\w+)", tox()["testenv"]["commands"])) <= markers


def test_the_ci_script_is_a_program_that_bash_accepts():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False, timeout=30).returncode == 0


REPORTS = [
    ('{"verdict": "regressed", "comparisons": [{"metric": "time", "verdict": "regressed"}]}', True),
    ('{"verdict": "undecided", "comparisons": [{"metric": "time", "verdict": "undecided"}]}', True),
    (
        (
            '{"verdict": "regressed", "comparisons": [{"metric": "time", "verdict": "regressed"},'
            ' {"metric": "rss", "verdict": "regressed", "gates": false}]}'
        ),
        True,
    ),
    (
        (
            '{"verdict": "regressed", "comparisons": [{"metric": "time", "verdict": "regressed"},'
            ' {"metric": "peak", "verdict": "regressed"}]}'
        ),
        False,
    ),
    ('{"verdict": "regressed", "comparisons": [{"metric": "time", "verdict": "missing"}]}', False),
    ('{"verdict": "failed", "comparisons": [{"metric": "time", "verdict": "failed"}]}', False),
    ('{"verdict": "regressed", "comparisons": []}', False),
    ('{"verdict": "regressed", "compari', False),
    (None, False),
]


@pytest.mark.parametrize(("report", "repeated"), REPORTS)
def test_the_ci_script_repeats_only_a_run_whose_reds_are_all_times(tmp_path, report, repeated):
    """The decision, cut out of the script and run as it stands there."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    program = text.split("<<'PYTHON'\n", 1)[1].split("\nPYTHON\n", 1)[0]
    file = tmp_path / "report.json"
    if report is not None:
        file.write_text(report, encoding="utf-8")
    done = subprocess.run(
        ["python3", "-c", program, str(file)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode == 0) == repeated, done.stderr
    assert done.stderr == ""
