import io
import json
import sys

import pytest

from bench import guard
from bench.cli.main import main
from bench.cli.progress import BarProgress, LineProgress
from bench.errors import SubjectError
from bench.model import Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.progress import SilentProgress


def result(run_verdict=RunVerdict.PASS, code=0, **changes):
    values = {"verdict": Verdict.OK, "base": 0.001, "head": 0.00101, "change": 0.01, "interval": (0.0, 0.02)}
    row = Comparison("benchmarks/bench_a.py::parse", "time", "s", **values | changes)
    return Report(run_verdict, code, Side("baseline", "b.json"), Side("head"), Host(), (row,), 1.5)


@pytest.fixture
def measured(monkeypatch):
    """Replace every measuring command; ``measured.report`` is what they find."""

    class Measured:
        report = result()
        error = None
        reason = None

        def __call__(self, _settings, _ports, reason=None, **more):
            self.more = more
            if self.error is not None:
                raise self.error
            self.reason = reason
            return self.report

    found = Measured()
    for name in ("run", "check", "update_baseline", "accept"):
        monkeypatch.setattr(guard, name, found)
    return found


@pytest.mark.parametrize("command", ["run", "check", "baseline update"])
@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_exit_code_is_that_of_the_report(project, edges, measured, capsys, command, code):
    measured.report = result(RunVerdict.REGRESSED, code)
    assert main(command.split()) == code
    assert edges.command == command
    assert capsys.readouterr().out.startswith("REGRESSED: ")


def test_options_reach_the_settings(project, edges, measured):
    (project / "other.py").write_text("")
    arguments = (
        "check other.py -k parse --metric time --metric rss --tolerance 0.2 --budget 9 --strict --installed"
    )
    assert main([*arguments.split(), "--require-baseline"]) == 0
    found = edges.settings
    assert (found.paths, found.expression, found.metrics) == (("other.py",), "parse", ("time", "rss"))
    assert (found.tolerance, found.budget) == (0.2, 9.0)
    assert found.strict
    assert found.installed
    assert found.require_baseline
    assert found.origins["tolerance"] == "--tolerance"


def test_options_that_are_not_given_leave_the_file_alone(project, edges, measured):
    (project / "pyproject.toml").write_text(
        "[tool.bench-guard]\nstrict = true\ninstalled = true\nbudget = 7\n"
    )
    assert main(["check"]) == 0
    assert edges.settings.strict
    assert edges.settings.installed
    assert edges.settings.budget == 7


def test_the_environment_reaches_the_settings(project, edges, measured, monkeypatch):
    monkeypatch.setenv("BENCH_GUARD_BUDGET", "5")
    monkeypatch.setenv("CI", "true")
    assert main(["check"]) == 0
    assert edges.settings.budget == 5
    assert edges.settings.ci
    assert edges.settings.require_baseline


def test_a_wrong_setting_is_an_error_before_anything_is_opened(project, edges, measured, capsys):
    (project / "pyproject.toml").write_text("[tool.bench-guard]\ntolerence = 1\n")
    assert main(["check"]) == 2
    assert "pyproject.toml:2: unknown key 'tolerence'" in capsys.readouterr().err
    assert edges.settings is None


def test_accepting_hands_on_reason_and_selection(project, edges, measured):
    assert main(["baseline", "accept", "-k", "parse", "--reason", "it checks more"]) == 0
    assert (measured.reason, measured.more) == ("it checks more", {"everything": False})
    assert (edges.command, edges.settings.expression) == ("baseline accept", "parse")
    assert main(["baseline", "accept", "--all", "--reason", "new Python"]) == 0
    assert measured.more == {"everything": True}


def test_accepting_without_a_reason_is_a_usage_error(project, edges, measured, capsys):
    assert main(["baseline", "accept", "-k", "parse"]) == 2
    assert "--reason" in capsys.readouterr().err


def test_the_reason_is_handed_on(project, edges, measured):
    assert main(["baseline", "update", "--reason", "it checks more"]) == 0
    assert measured.reason == "it checks more"


def test_json_on_standard_output_is_alone_there(project, edges, measured, capsys):
    assert main(["check", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "pass"
    assert "PASS: " in captured.err


def test_reports_go_to_their_files_and_the_console_stays(project, edges, measured, capsys):
    arguments = ["check", "--json", "deep/r.json", "--report", "markdown=r.md", "--report", "junit=r.xml"]
    assert main([*arguments, "--report", "console=r.txt"]) == 0
    assert json.loads((project / "deep" / "r.json").read_text())["format"] == "bench-guard/report"
    assert (project / "r.md").read_text().startswith("## ")
    assert (project / "r.xml").read_text().startswith("<?xml")
    text = capsys.readouterr().out
    assert text.startswith("PASS: ")
    assert (project / "r.txt").read_text() == text


@pytest.mark.parametrize(
    ("format_name", "start"), [("markdown", "## "), ("github", "::notice"), ("junit", "<?xml")]
)
def test_a_report_without_a_file_replaces_the_console(project, edges, measured, capsys, format_name, start):
    assert main(["check", "--report", format_name]) == 0
    text = capsys.readouterr().out
    assert text.startswith(start)
    assert "PASS: " not in text.split("\n")[0] or format_name == "github"


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_report_that_cannot_be_written_is_named_before_measuring(project, edges, measured, capsys, option):
    file = "pyproject.toml/r"
    assert main(["check", option, file if option == "--json" else f"markdown={file}"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "pyproject.toml: cannot be written" in captured.err
    assert edges.settings is None


def test_a_report_that_fails_at_the_end_comes_after_the_result(project, edges, measured, capsys):
    (project / "r.json").mkdir()
    assert main(["check", "--json", "r.json"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith("PASS: ")
    assert "r.json: cannot be written" in captured.err


def test_the_job_summary_is_appended_without_being_asked(project, edges, measured, monkeypatch, capsys):
    (project / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    assert main(["check"]) == 0
    text = (project / "summary.md").read_text()
    assert text.startswith("before\n## ")
    assert "commit" in text or "b.json" in text


def test_a_job_summary_that_cannot_be_written_fails_nothing(project, edges, measured, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "none" / "summary.md"))
    assert main(["check"]) == 0
    assert "the job summary was not written" in capsys.readouterr().err


def test_what_to_type_next_is_shown(project, edges, measured, capsys):
    measured.report = result(RunVerdict.REGRESSED, 1, verdict=Verdict.REGRESSED, change=0.5)
    assert main(["check"]) == 1
    assert "bench-guard baseline accept -k parse --reason 'WHY'" in capsys.readouterr().out


def test_quiet_says_the_verdict_only(project, edges, measured, capsys):
    assert main(["check", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "PASS: 1 benchmark, no regression, in 2 s\n"
    assert captured.err == ""
    assert isinstance(edges.progress, SilentProgress)


def test_an_interrupt_says_what_is_kept(project, edges, measured, capsys):
    measured.error = KeyboardInterrupt()
    edges.runs.path = project / "run.jsonl"
    assert main(["check"]) == 130
    assert f"finished processes are kept in {project / 'run.jsonl'}" in capsys.readouterr().err


def test_an_interrupt_before_any_process_promises_nothing(project, edges, measured, capsys):
    measured.error = KeyboardInterrupt()
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "bench-guard: error: interrupted\n"


def test_edges_that_cannot_be_opened_are_an_error(project, edges, measured, capsys):
    edges.error = SubjectError("thing is elsewhere")
    assert main(["check"]) == 4
    assert "thing is elsewhere" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("variable", "colored"),
    [(None, True), (("NO_COLOR", "1"), False), (("TERM", "dumb"), False), (("NO_COLOR", ""), True)],
)
def test_colour_is_for_terminals_that_want_it(project, edges, measured, monkeypatch, variable, colored):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if variable is not None:
        monkeypatch.setenv(*variable)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["check"]) == 0
    assert ("\x1b[" in screen.getvalue()) is colored


def test_a_pipe_gets_plain_lines_and_a_terminal_a_bar(project, edges, measured, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert main(["check"]) == 0
    assert isinstance(edges.progress, LineProgress)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["check"]) == 0
    assert isinstance(edges.progress, BarProgress)
    assert main(["check", "--no-progress"]) == 0
    assert isinstance(edges.progress, SilentProgress)


def test_the_table_is_as_wide_as_the_terminal(project, edges, measured, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["check"]) == 0
    table = capsys.readouterr().out.split("\n\n")[1]
    assert max(map(len, table.split("\n"))) <= 50
