import errno
import io
import os
import sys

import click
import pytest

import bench
from bench.cli import main as entry
from bench.cli.main import main
from bench.errors import BenchGuardError, Interrupted, SubjectError

COMMANDS = ("run", "list", "check", "baseline update", "baseline show", "doctor")


def test_the_version_goes_to_standard_output(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bench-guard {bench.__version__}\n"


def test_help_lists_every_command_and_exit_code(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name.split()[0]} " in text for name in COMMANDS)
    assert all(f"    {code} " in text for code in (0, 1, 2, 3, 4, 130))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(capsys, command):
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert f"bench-guard {command}" in text
    assert "Exit codes:" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["profile", "name"], "the command 'profile' arrives in a later version"),
        (["ab"], "Missing option '--base'"),
        (["check", "--nonsense"], "No such option"),
        (["check", "--tolerance", "ten"], "not a valid float"),
        (["check", "--report", "html"], "the format 'html' arrives in a later version"),
        (["check", "--report", "pdf=x"], "unknown format 'pdf'"),
        (["check", "--report", "markdown="], "names no file"),
        (["check", "--json", "-", "--report", "markdown"], "both want standard output"),
        (["baseline", "nonsense"], "No such command"),
    ],
)
def test_usage_errors_are_one_message_and_2(project, edges, capsys, arguments, expected):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert "--help" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (
            BenchGuardError("wrong \u00fcber", hint="do this"),
            2,
            "bench-guard: error: wrong \u00fcber\n  hint: do this\n",
        ),
        (SubjectError("elsewhere"), 4, "bench-guard: error: elsewhere\n"),
        (Interrupted("interrupted; kept in x"), 130, "bench-guard: error: interrupted; kept in x\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
        (SystemExit(1), 0, ""),
        (
            ZeroDivisionError("oops"),
            4,
            "bench-guard: internal error: ZeroDivisionError: oops\n  hint: --debug shows where\n",
        ),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(monkeypatch, capsys, error, code, expected):
    def fail(_):
        raise error

    monkeypatch.setattr(entry, "_dispatch", fail)
    assert main(["check"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == expected


@pytest.mark.parametrize("error", [BenchGuardError("x"), ZeroDivisionError("x")])
def test_debug_shows_the_traceback(monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(entry, "_dispatch", fail)
    with pytest.raises(type(error)):
        main(["check", "--debug"])


def test_windows_gets_one_clear_answer(monkeypatch, capsys):
    monkeypatch.setattr(entry.os, "name", "nt")
    assert main(["--version"]) == 2
    assert "Windows is not supported" in capsys.readouterr().err


def test_another_package_of_our_name_is_named_with_both_paths(monkeypatch, capsys):
    monkeypatch.setattr(bench, "__file__", "/their/bench/__init__.py")
    assert main(["--version"]) == 2
    text = capsys.readouterr().err
    assert "/their/bench" in text
    assert str(entry._HOME / "bench") in text


def test_the_working_folder_cannot_stand_in_for_our_modules(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench-guard", "--version"])
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/elsewhere"])
    assert main() == 0
    assert sys.path == ["/elsewhere"]


def test_our_own_folder_stays_importable_when_we_work_in_it(monkeypatch, capsys):
    monkeypatch.chdir(entry._HOME)
    monkeypatch.setattr(sys, "argv", ["bench-guard", "--version"])
    monkeypatch.setattr(sys, "path", [str(entry._HOME)])
    assert main() == 0
    assert sys.path == [str(entry._HOME)]


def test_a_reader_that_went_away_changes_no_exit_code(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["--version"]) == 0


def test_a_stream_without_a_file_that_breaks_is_survived(monkeypatch):
    class Broken(io.StringIO):
        def write(self, _):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Broken())
    assert main(["--version"]) == 0


class Full(io.StringIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_behind_standard_output_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["--version"]) == 2
    assert "standard output cannot be written: No space left on device" in capsys.readouterr().err


def test_a_standard_error_that_fails_changes_no_exit_code(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    assert main(["nonsense"]) == 2


def test_letters_that_an_encoding_lacks_are_replaced(monkeypatch):
    from bench.cli.output import write_stdout

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    write_stdout("4.61 µs ✅ ⚠️ 世\n")
    assert raw.getvalue() == b"4.61 us [pass] [undecided] \\u4e16\n"


@pytest.mark.parametrize("arguments", [[], ["baseline"]])
def test_without_a_command_the_help_is_shown_and_nothing_is_called_an_error(arguments, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: bench-guard")
    assert "error:" not in captured.err
