"""calibrate and self-test as commands: options, exit codes, where the result goes."""

import json

import pytest

from bench.cli import calibrate as calibrate_command
from bench.cli import self_test as self_test_command
from bench.cli.main import main
from bench.errors import ConfigurationError
from bench.model import Comparison, Host, Verdict
from bench.progress import SilentProgress
from bench.studies.calibration import BOTH, BenchmarkResolution, CalibrationReport, Mode, Resolution
from bench.studies.selftest import SelfTest, Trial

NAME = "benchmarks/bench_a.py::parse"
HOST = Host(0.2, 1.0, ())
FOUND = Resolution(20, 0.5, 0.02, 0.01, False, 0.13, 0.07, None, None, 1, 0)
ROW = Comparison(NAME, "time", "s", Verdict.REGRESSED, change=0.2)


def calibration(exit_code):
    rows = (BenchmarkResolution(NAME, 0.1, 1, {Mode.STORED: FOUND}),)
    return CalibrationReport(exit_code, "here", None, "2026-01-01T00:00:00+00:00", rows, {}, HOST, 2.0)


def outcome(exit_code):
    trials = (Trial(NAME, Mode.PAIRED, 0.2, ROW, ROW),)
    return SelfTest(exit_code, trials, {}, HOST, "2026-01-01T00:00:00+00:00", "here", None, 2.0)


@pytest.fixture
def studied(monkeypatch):
    """Replace both studies; ``studied.code`` is what they end with, ``studied.asked`` what they were asked."""

    class Studied:
        code = 0
        error = None
        asked = None

        def answer(self, make):
            def study(settings, ports, **asked):
                if self.error is not None:
                    raise self.error
                self.asked = asked
                return make(self.code)

            return study

    found = Studied()
    monkeypatch.setattr(calibrate_command, "calibrate", found.answer(calibration))
    monkeypatch.setattr(self_test_command, "self_test", found.answer(outcome))
    return found


COMMANDS = pytest.mark.parametrize("command", ["calibrate", "self-test"])


@COMMANDS
@pytest.mark.parametrize("code", [0, 1, 4])
def test_the_exit_code_is_that_of_the_study(project, edges, studied, capsys, command, code):
    studied.code = code
    assert main([command]) == code
    assert edges.command == command
    captured = capsys.readouterr()
    assert captured.out
    assert captured.err == ""


@COMMANDS
def test_options_reach_the_settings(project, edges, studied, command):
    assert main([command, "benchmarks", "-k", "parse", "--tolerance", "0.2", "--installed"]) == 0
    found = edges.settings
    assert (found.paths, found.expression, found.tolerance, found.installed) == (
        ("benchmarks",), "parse", 0.2, True,
    )  # fmt: skip


@COMMANDS
@pytest.mark.parametrize(
    ("word", "modes"), [("both", BOTH), ("stored", (Mode.STORED,)), ("paired", (Mode.PAIRED,))]
)
def test_the_modes_can_be_chosen(project, edges, studied, command, word, modes):
    assert main([command, "--mode", word]) == 0
    assert studied.asked["modes"] == modes


def test_calibrate_takes_a_number_of_processes(project, edges, studied, capsys):
    assert main(["calibrate"]) == 0
    assert studied.asked["processes"] == 20
    assert main(["calibrate", "--processes", "7"]) == 0
    assert studied.asked["processes"] == 7
    assert main(["calibrate", "--processes", "4"]) == 2
    assert "--processes" in capsys.readouterr().err


def test_self_test_takes_a_slowdown_and_a_budget(project, edges, studied, capsys):
    assert main(["self-test"]) == 0
    assert studied.asked["slowdown"] is None
    assert main(["self-test", "--slowdown", "0.25", "--budget", "9"]) == 0
    assert studied.asked["slowdown"] == 0.25
    assert edges.settings.budget == 9
    assert main(["self-test", "--slowdown", "0"]) == 2
    assert "--slowdown" in capsys.readouterr().err


@COMMANDS
def test_data_on_standard_output_leaves_the_text_for_standard_error(project, edges, studied, capsys, command):
    assert main([command, "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["version"] == 1
    assert "in 2 s" in captured.err


@COMMANDS
def test_data_goes_to_a_file_too(project, edges, studied, capsys, command):
    assert main([command, "--json", "r.json"]) == 0
    assert json.loads((project / "r.json").read_text())["exit_code"] == 0
    assert "in 2 s" in capsys.readouterr().out


@COMMANDS
def test_a_file_that_cannot_be_written_is_named_before_measuring(project, edges, studied, capsys, command):
    assert main([command, "--json", "pyproject.toml/r"]) == 2
    assert "pyproject.toml: cannot be written" in capsys.readouterr().err
    assert edges.settings is None


@COMMANDS
def test_quiet_is_without_progress(project, edges, studied, capsys, command):
    assert main([command, "-q"]) == 0
    assert isinstance(edges.progress, SilentProgress)
    assert capsys.readouterr().out


@COMMANDS
def test_an_interrupt_says_what_is_kept(project, edges, studied, capsys, command):
    studied.error = KeyboardInterrupt()
    edges.runs.path = project / "run.jsonl"
    assert main([command]) == 130
    assert f"finished processes are kept in {project / 'run.jsonl'}" in capsys.readouterr().err


@COMMANDS
def test_an_error_is_one_message(project, edges, studied, capsys, command):
    studied.error = ConfigurationError("that cannot be", hint="try this")
    assert main([command]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "bench-guard: error: that cannot be\n  hint: try this\n"


@COMMANDS
def test_every_study_explains_itself_with_an_example(capsys, command):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert f"bench-guard {command}" in text
    assert "Exit codes:" in text
