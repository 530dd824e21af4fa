"""The commands as a person or a script meets them: exit codes, streams, messages."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml

from strataregula import __version__
from strataregula.cli import compile_command, options, output
from strataregula.cli.main import main

SERVICES = """\
domains:
  prefecture: {by: region, values: {kanto: [tokyo, kanagawa], kansai: [osaka]}}
  role: [gateway, api]
shapes: ["edge.{prefecture}.{role}"]
service_times:
  edge.*.gateway: 5
  edge.tokyo.gateway: 3
limits:
  edge.*.*: 10
"""
EXPECTED = {
    "service_times": {"edge.tokyo.gateway": 3, "edge.kanagawa.gateway": 5, "edge.osaka.gateway": 5},
    "limits": {
        f"edge.{place}.{role}": 10 for place in ("tokyo", "kanagawa", "osaka") for role in ("gateway", "api")
    },
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services.yaml").write_text(SERVICES, encoding="utf-8")
    (tmp_path / "prod.json").write_text('{"service_times": {"edge.osaka.gateway": 9}}', encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("a:\n  b: [1, 2\n", encoding="utf-8")
    (tmp_path / "twice.yaml").write_text("a:\n  b: 1\n  b: 2\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    def call(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_compile_prints_json_and_nothing_else(run):
    code, out, err = run("compile", "services.yaml")
    assert (code, err) == (0, "")
    assert json.loads(out) == EXPECTED


def test_later_files_win(run):
    code, out, _ = run("compile", "services.yaml", "prod.json")
    assert code == 0
    assert json.loads(out)["service_times"]["edge.osaka.gateway"] == 9


def test_a_folder_is_a_layer(run, folder):
    (folder / "layer").mkdir()
    (folder / "layer" / "a.yaml").write_text("s: {x: 1}")
    (folder / "layer" / "b.yaml").write_text("s: {y: 2}")
    assert json.loads(run("compile", "layer")[1]) == {"s": {"x": 1, "y": 2}}


@pytest.mark.parametrize("form", ["json", "ndjson", "yaml", "python"])
def test_every_format_is_written_to_a_file_as_to_the_screen(run, folder, form):
    _, printed, _ = run("compile", "services.yaml", "--format", form)
    code, out, err = run("compile", "services.yaml", "--format", form, "--out", "result")
    assert (code, out, err) == (0, "", "")
    assert (folder / "result").read_bytes() == printed.encode()


def test_one_section(run):
    code, out, _ = run("compile", "services.yaml", "--section", "service_times", "--format", "yaml")
    assert code == 0
    assert yaml.safe_load(out) == {"service_times": EXPECTED["service_times"]}


def test_an_unknown_section_names_the_others(run):
    code, out, err = run("compile", "services.yaml", "--section", "times")
    assert (code, out) == (2, "")
    assert "no section 'times'; the sections are: service_times, limits" in err


def test_check_counts(run):
    assert run("check", "services.yaml", "prod.json") == (0, "ok: 9 keys in 2 sections from 2 sources\n", "")


@pytest.mark.parametrize("command", [["check"], ["compile"], ["explain", "a.b"]])
def test_broken_yaml_is_one_located_message(run, command):
    code, out, err = run(*command, "broken.yaml")
    assert (code, out) == (1, "")
    assert err.startswith("broken.yaml:")
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["check"], ["compile"], ["explain", "a.b"]])
def test_a_missing_file_is_an_input_failure(run, command):
    code, out, err = run(*command, "services.yaml", "nowhere.yaml")
    assert (code, out) == (3, "")
    assert err.startswith("nowhere.yaml: error[unreadable]: ")


def test_an_empty_folder_is_an_input_failure(run, folder):
    (folder / "empty").mkdir()
    code, _, err = run("check", "empty")
    assert code == 3
    assert "no .yaml, .yml, .json file" in err


def test_lenient_warns_and_goes_on(run):
    code, out, err = run("compile", "twice.yaml", "--lenient")
    assert code == 0
    assert json.loads(out) == {"a": {"b": 2}}
    assert "warning[duplicate-key]" in err
    assert run("compile", "twice.yaml")[0] == 1


def test_several_problems_are_counted(run):
    code, _, err = run("check", "twice.yaml", "broken.yaml", "--lenient")
    assert code == 1
    assert err.endswith("\n1 error, 1 warning\n")
    assert err.count("[duplicate-key]") == 1


def test_diagnostics_as_json_are_one_object(run):
    code, out, err = run("check", "twice.yaml", "--diagnostics", "json")
    report = json.loads(err)
    assert (code, out) == (1, "")
    assert (report["errors"], report["warnings"]) == (1, 0)
    assert report["diagnostics"][0]["code"] == "duplicate-key"
    assert report["diagnostics"][0]["file"] == "twice.yaml"
    assert (report["diagnostics"][0]["line"], report["diagnostics"][0]["column"]) == (3, 3)


def test_diagnostics_as_json_are_there_when_all_is_well(run):
    _, _, err = run("compile", "services.yaml", "--diagnostics", "json")
    assert json.loads(err) == {"diagnostics": [], "errors": 0, "warnings": 0}


def test_a_failure_outside_the_sources_is_in_the_json_too(run, folder):
    (folder / "inf.yaml").write_text("a: {b: .inf}")
    code, out, err = run("compile", "inf.yaml", "--diagnostics", "json", "--out", "x.json")
    report = json.loads(err)
    assert (code, out, report["errors"]) == (1, "", 1)
    assert report["diagnostics"][0]["code"] == "emit-error"
    assert "section 'a', key 'b': JSON has no inf" in report["diagnostics"][0]["message"]
    assert not (folder / "x.json").exists()


def test_explain_names_winner_and_losers_with_their_places(run):
    code, out, _ = run("explain", "edge.tokyo.gateway", "services.yaml", "--section", "service_times")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "edge.tokyo.gateway = 3  (section service_times)"
    assert lines[1].split()[:2] == ["winner", "services.yaml:7:3"]
    assert lines[2].split()[:2] == ["loser", "services.yaml:6:3"]
    assert "prefecture=tokyo" in lines[2]


def test_explain_shows_every_section_that_holds_the_key(run):
    code, out, _ = run("explain", "edge.tokyo.gateway", "services.yaml")
    assert code == 0
    assert "(section service_times)" in out
    assert "(section limits)" in out


def test_explain_says_why_a_key_is_absent(run):
    code, out, _ = run("explain", "edge.tokio.gateway", "services.yaml")
    assert code == 1
    assert "edge.tokio.gateway is not compiled" in out
    assert "did you mean edge.tokyo.gateway" in out


def test_explain_names_the_rule_that_removed_a_key(run, folder):
    (folder / "less.yaml").write_text('service_times: {"!edge.osaka.gateway": }')
    code, out, _ = run(
        "explain", "edge.osaka.gateway", "services.yaml", "less.yaml", "--section", "service_times"
    )
    assert code == 1
    assert "removed less.yaml:1:17" in out


def test_explain_knows_its_sections(run):
    code, _, err = run("explain", "edge.tokyo.gateway", "services.yaml", "--section", "nope")
    assert code == 2
    assert "no section 'nope'; the sections are: service_times, limits" in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Usage: strataregula"),
        (["compil", "x"], "no command 'compil'; did you mean 'compile'?"),
        (["zzz\x1b[2J"], r"no command 'zzz\\x1b[2J'; the commands are: check, compile, diff, explain, match"),
        (["compile"], "Missing argument 'FILE...'"),
        (["compile", "services.yaml", "--format", "toml"], "'toml' is not one of"),
        (["compile", "services.yaml", "--nope"], "No such option"),
        (["check", "services.yaml", ""], "one FILE is an empty text"),
        (["explain", "a.b", "-"], "standard input is not read"),
        (
            ["compile", "services.yaml", "--out", "services.yaml"],
            "is one of the sources and would be overwritten",
        ),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_right(run, arguments, expected):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert expected in err


def test_the_sources_survive_an_out_that_names_one_of_them(run, folder):
    run("compile", "services.yaml", "--out", "services.yaml")
    assert (folder / "services.yaml").read_text(encoding="utf-8") == SERVICES


def test_version(run):
    assert run("--version") == (0, f"strataregula, version {__version__}\n", "")


@pytest.mark.parametrize("command", [[], ["compile"], ["check"], ["diff"], ["explain"], ["match"]])
def test_every_help_shows_an_example(run, command):
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert f"    strataregula {' '.join(command)}".rstrip() in out.partition("Examples:")[2]


@pytest.mark.parametrize("target", ["missing/out.json", "."])
def test_an_out_that_cannot_be_written_is_an_output_failure(run, folder, target):
    before = sorted(folder.iterdir())
    code, out, err = run("compile", "services.yaml", "--out", target)
    assert (code, out) == (3, "")
    assert f"error[output-error]: cannot write {target}: " in err
    assert sorted(folder.iterdir()) == before


def test_a_failed_write_keeps_the_old_file(run, folder):
    (folder / "inf.yaml").write_text("a: {x: 1, b: .nan}")
    (folder / "old.json").write_text("old")
    assert run("compile", "inf.yaml", "--out", "old.json")[0] == 1
    assert (folder / "old.json").read_text() == "old"
    assert not list(folder.glob(".strataregula*"))


def test_a_replaced_file_keeps_its_permissions_and_its_link(run, folder):
    (folder / "real.json").write_text("old")
    (folder / "real.json").chmod(0o640)
    (folder / "link.json").symlink_to("real.json")
    assert run("compile", "services.yaml", "--out", "link.json")[0] == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "real.json").read_text()) == EXPECTED
    assert stat.S_IMODE((folder / "real.json").stat().st_mode) == 0o640


def test_a_new_file_has_the_permissions_of_any_other(run, folder):
    (folder / "other").write_text("")
    run("compile", "services.yaml", "--out", "new.json")
    assert (folder / "new.json").stat().st_mode == (folder / "other").stat().st_mode


def test_a_device_is_written_directly(run, folder):
    assert run("compile", "services.yaml", "--out", os.devnull)[0] == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_dash_is_standard_output(run):
    assert json.loads(run("compile", "services.yaml", "--out", "-")[1]) == EXPECTED


def test_hostile_text_reaches_no_terminal(run, folder):
    (folder / "hostile.yaml").write_text('"a\\e[2J": {"x.\\e]0;owned\\a": "\\e[31m", "x.\\e]0;owned\\a": 2}')
    for arguments in (["check"], ["compile", "--lenient"], ["explain", "x.y\x1b[2J", "--lenient"]):
        _, out, err = run(*arguments, "hostile.yaml")
        assert "\x1b" not in out + err
        assert "\x07" not in out + err


def test_interruption_exits_130(run, monkeypatch):
    monkeypatch.setattr(compile_command, "compiled_sources", interrupt)
    assert run("compile", "services.yaml") == (130, "", "interrupted\n")


def interrupt(*_arguments, **_options):
    raise KeyboardInterrupt


def test_a_reader_that_has_gone_exits_141_in_silence(run, monkeypatch):
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    code, _, err = run("compile", "services.yaml")
    assert (code, err) == (141, "")


def test_a_full_disk_behind_standard_output_is_told(run, monkeypatch):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    code, _, err = run("compile", "services.yaml")
    assert code == 3
    assert "cannot write standard output: No space left on device" in err


def test_a_closed_standard_output_is_told(run, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    code, _, err = run("check", "services.yaml")
    assert code == 3
    assert "cannot write standard output: it is closed" in err


def test_a_broken_pipe_behind_out_exits_141(run, monkeypatch):
    def gone(*_arguments):
        raise BrokenPipeError

    monkeypatch.setattr(output, "write_atomically", gone)
    assert run("compile", "services.yaml", "--out", "x")[0] == 141


def fail(*_arguments, **_options):
    raise RuntimeError("boom\x1b[2J")


def test_a_fault_of_the_program_is_one_message_without_a_traceback(run, monkeypatch):
    monkeypatch.setattr(compile_command, "compiled_sources", fail)
    code, out, err = run("compile", "services.yaml")
    assert (code, out) == (70, "")
    assert r"internal error: RuntimeError: boom\x1b[2J" in err
    assert "--debug" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(run, monkeypatch):
    assert "Traceback" in run("--debug", "check", "nowhere.yaml")[2]
    assert "Traceback" in run("check", "nowhere.yaml", "--debug")[2]
    monkeypatch.setattr(compile_command, "compiled_sources", fail)
    assert "Traceback" in run("compile", "services.yaml", "--debug")[2]


def test_samefile_of_a_path_that_cannot_be(folder):
    assert not output.same_file("services.yaml", "\0")
    assert not output.same_file("services.yaml", "nowhere")


def test_examples_end_a_help_text():
    assert options.examples("a b", "c") == "\b\nExamples:\n  a b\n  c"
