"""The files around the packages: they name commands, options and settings, so those must exist."""

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
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


STUB_TOX = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
env = sys.argv[sys.argv.index("-e") + 1]
with (here / "calls").open("a") as calls:
    calls.write(env + "\\n")
scenario = json.loads((here / "scenario.json").read_text())
turn = (here / "calls").read_text().split().count(env) - 1
steps = scenario.get(env, [{{}}])
step = steps[min(turn, len(steps) - 1)]
print(step.get("says", env + " says nothing"))
if "report" in step:
    pathlib.Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(step["report"]))
sys.exit(step.get("exit", 0))
"""

STUB_PYTHON3 = """#!/bin/bash
mkdir -p .venv/bin
cp "$STUBS/tox" "$STUBS/scenario.json" .venv/bin/
printf '#!/bin/sh\\nexec {python} "$@"\\n' > .venv/bin/python
printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/pip
chmod +x .venv/bin/*
"""


@pytest.fixture
def ci(tmp_path):
    """``ci(scenario)``: the script run in an empty project where tox answers by the scenario; (exit, lines, calls)."""
    script = tmp_path / "project" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / ".ci" / "run").read_bytes())
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    programs = {
        "tox": STUB_TOX,
        "python3": STUB_PYTHON3,
        "python3.11": "#!/bin/sh\n",
        "python3.12": "#!/bin/sh\n",
    }
    programs["python3.13"] = "#!/bin/sh\nexit 127\n"  # a version manager's shim without the version
    for name, text in programs.items():
        (stubs / name).write_text(text.format(python=sys.executable) if "{" in text else text)
    for path in [script, *stubs.iterdir()]:
        path.chmod(0o755)

    def run(scenario):
        (stubs / "scenario.json").write_text(json.dumps(scenario))
        environ = {
            "PATH": f"{stubs}:/usr/bin:/bin",
            "STUBS": str(stubs),
            "PYENV_ROOT": str(tmp_path / "none"),
        }
        done = subprocess.run(
            [str(script)],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        calls = (script.parents[1] / ".venv" / "bin" / "calls").read_text().split()
        return done.returncode, done.stdout.splitlines(), calls

    return run


def others():
    """The environments of the interpreters that the stubs offer, but for the one that runs."""
    running = f"py{sys.version_info.major}{sys.version_info.minor}"
    return [env for env in ("py311", "py312") if env != running]


def summary(passed, failed=0, errors=0):
    counts = [f"{n} {word}" for n, word in ((failed, "failed"), (passed, "passed"), (errors, "errors")) if n]
    return f"===== {', '.join(counts)} in 12.34s ====="


def test_a_green_run_does_everything_in_order_and_counts(ci):
    scenario = {"test": [{"says": summary(100)}], **{env: [{"says": summary(40)}] for env in others()}}
    code, lines, calls = ci(scenario)
    assert calls == ["lint", "type", "test", *others(), "guard"]
    assert code == 0
    assert lines[-1] == f"{100 + 40 * len(others())} passed, 0 failed"
    assert any(line.startswith("absent  fast-3.13") for line in lines) == (sys.version_info[:2] != (3, 13))


def test_a_failing_step_does_not_hide_the_others(ci):
    code, lines, calls = ci(
        {"lint": [{"exit": 1}], "test": [{"says": summary(90, failed=3, errors=2), "exit": 1}]}
    )
    assert code == 1
    assert calls[-1] == "guard"
    assert lines[-1] == "90 passed, 5 failed"
    assert [line.split()[1] for line in lines if line.startswith("FAILED ")] == ["lint", "test"]


def red(metric):
    comparisons = [{"metric": metric, "verdict": "regressed", "gates": True}]
    return {
        "exit": 1,
        "says": f"{metric} is red",
        "report": {"verdict": "regressed", "comparisons": comparisons},
    }


def test_a_gate_with_red_times_only_is_run_once_more_and_both_are_shown(ci):
    code, lines, calls = ci({"guard": [red("time"), {"says": "all is well"}]})
    assert code == 0
    assert calls.count("guard") == 2
    assert lines.index("time is red") < lines.index("all is well")


def test_a_gate_that_stays_red_fails_after_the_second_run(ci):
    code, _, calls = ci({"guard": [red("time")]})
    assert code == 1
    assert calls.count("guard") == 2


def test_a_gate_with_other_reds_is_not_repeated(ci):
    code, _, calls = ci({"guard": [red("peak")]})
    assert code == 1
    assert calls.count("guard") == 1
