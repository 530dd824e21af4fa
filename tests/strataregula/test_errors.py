"""Messages: complete, short of control characters, with the exit code that the command line documents."""

import pickle

import pytest

from strataregula.diagnostics import DiagnosticLog, closest, did_you_mean
from strataregula.errors import (
    AmbiguousKey,
    CompilationError,
    MissingKey,
    PatternSyntaxError,
    StrataregulaError,
    UsageError,
    visible,
)
from strataregula.model import REMOVED, Diagnostic, Place, Severity


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本", "plain é 日本"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\tb", "a    b"),
        ("\u202e", "\\u202e"),
        ("\n", "\\n"),
    ],
)
def test_control_characters_are_made_visible(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (MissingKey("k"), 1),
        (AmbiguousKey("k", ["a"]), 1),
        (PatternSyntaxError("x", source="[", span=(0, 1)), 1),
        (CompilationError([Diagnostic("conflict", "x", Place("f"))]), 1),
        (CompilationError([Diagnostic("unreadable", "x", Place("f"))]), 3),
    ],
)
def test_exit_codes(error, code):
    assert isinstance(error, StrataregulaError)
    assert error.exit_code == code


def test_a_compilation_error_shows_twenty_problems_and_counts_the_rest():
    error = CompilationError(
        [Diagnostic("conflict", f"number {number}", Place("f", 1, 1)) for number in range(30)]
    )
    lines = str(error).splitlines()
    assert lines[0] == "f:1:1: error[conflict]: number 0"
    assert lines[-1] == "... and 10 more"
    assert len(error.diagnostics) == 30


def test_the_caret_stands_under_the_fault_whatever_comes_before_it():
    found = Diagnostic("c", "m", Place("f", 3, 4), source_line="\t\x07x[a", width=2)
    _, line, caret = found.render().splitlines()
    assert line[caret.index("^") : caret.index("^") + 2] == "[a"
    assert "\x07" not in line


def test_diagnostics_as_plain_data():
    found = Diagnostic("c", "m", Place("f", 3, 4), Severity.WARNING, "line", 1, "do this")
    assert found.as_dict() == {
        "code": "c", "severity": "warning", "message": "m", "file": "f", "line": 3, "column": 4, "source_line": "line", "hint": "do this",
    }  # fmt: skip


def test_a_place_without_a_line_is_its_file():
    assert str(Place("f")) == "f"
    assert str(Place("f", 1, 2)) == "f:1:2"


def test_the_log_keeps_errors_and_warnings_apart_and_bounded():
    log = DiagnosticLog(lenient=True)
    for _ in range(300):
        log.report("conflict", "m", Place("f"))
    log.report("pattern-syntax", "m", Place("f"))
    assert (len(log.warnings), len(log.errors)) == (200, 1)
    with pytest.raises(CompilationError) as caught:
        log.raise_if_errors()
    assert caught.value.diagnostics[0].code == "pattern-syntax"
    assert len(caught.value.diagnostics) == 200


def test_the_log_finds_source_lines_and_quoted_patterns():
    log = DiagnosticLog()
    log.add_source("f", "one\r\n  'a.b': 1\n  a.b: 2\n")
    assert log.column_of("a.b", Place("f", 2, 3)) == 4
    assert log.column_of("a.b", Place("f", 3, 3)) == 3
    assert log.column_of("zzz", Place("f", 3, 3)) == 0
    assert log.column_of("a.b", Place("elsewhere", 1, 1)) == 0
    log.report("c", "m", Place("f", 1, 1), width=99)
    assert (log.errors[0].source_line, log.errors[0].width) == ("one", 3)
    log.report("c", "m", Place("f", 99, 1))
    assert log.errors[1].source_line == ""


def test_near_names_are_found_in_bounded_time():
    assert did_you_mean("regoin", ["region", "role"]) == "did you mean 'region'?"
    assert did_you_mean("zzz", ["region"]) == ""
    assert closest("name", (f"x{number}" for number in iter(int, 1))) == ()


def test_errors_of_look_ups_read_as_sentences_and_travel():
    assert str(MissingKey("a\x1b", ["ab"])) == "no such key: 'a\\\\x1b' (did you mean 'ab'?)"
    assert str(AmbiguousKey("k", ["a", "b"])).startswith("key 'k' is in several sections: 'a', 'b'")
    assert pickle.loads(pickle.dumps(MissingKey("k", lambda: ["n"]))).near == ("n",)
    assert repr(REMOVED) == "<removed>"
