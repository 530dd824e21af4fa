import re

import pytest

from bench.model import Host, RunVerdict, Side, Verdict
from bench.report.console import OK_ROWS, render
from bench.report.summary import next_steps


@pytest.mark.parametrize("width", [160, 100, 40])
def test_every_kind_of_row_at_several_widths(golden, every_kind, width):
    golden(f"bench/console_{width}.txt", render(every_kind, width=width, steps=next_steps(every_kind)))


def test_colour_marks_the_verdicts(golden, every_kind):
    golden("bench/console_color.txt", render(every_kind, width=100, color=True))


def test_colour_changes_no_letter(every_kind):
    coloured = render(every_kind, width=100, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(every_kind, width=100)
    assert "\x1b" not in render(every_kind, width=100)


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40])
def test_the_table_fits_the_terminal(every_kind, width):
    lines = render(every_kind, width=width).split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith("verdict"))
    rows = lines[start : lines.index("", start)]
    assert max(map(len, rows)) <= width
    assert len(rows) == len(every_kind.comparisons) + 1


def test_a_terminal_without_width_still_gets_names(every_kind):
    assert "parse" in render(every_kind, width=0)


def test_nothing_from_outside_reaches_the_terminal(every_kind):
    text = render(every_kind, width=100)
    assert all(char.isprintable() or char == "\n" for char in text)


def test_many_ok_rows_are_counted(report, row):
    text = render(report(*(row(f"a.py::f{n:02}") for n in range(OK_ROWS + 5))))
    assert "and 5 more ok" in text
    assert text.count("ok       f") == OK_ROWS


def test_all_other_rows_are_shown(report, row):
    rows = [row(f"a.py::f{n:03}", Verdict.REGRESSED, 0.5) for n in range(50)]
    assert render(report(*rows, verdict=RunVerdict.REGRESSED)).count("regressed  f") == 50


def test_a_file_that_all_rows_share_is_named_once(report, row):
    lines = render(report(row("a.py::f"), row("a.py::g[n=1]"))).splitlines()
    assert lines[2] == "in benchmarks/a.py"
    assert [line.split()[1] for line in lines[4:6]] == ["f", "g[n=1]"]


def test_quiet_keeps_the_verdict_and_what_is_wrong(every_kind, report, row, single):
    rows = (row("a.py::f"), single("a.py::f", Verdict.NEW, metric="rss", gates=False))
    assert render(report(*rows), quiet=True) == "PASS: 1 benchmark, no regression, in 41 s\n"
    text = render(every_kind, quiet=True)
    assert "regressed" in text
    assert "wide" not in text
    assert "base:" not in text


def test_a_report_without_rows_is_a_sentence_and_its_notices(report):
    text = render(report(verdict=RunVerdict.FAILED, host=Host(), messages=("no suite was found",)))
    assert text.startswith("FAILED: nothing could be measured, in 41 s\n")
    assert "* no suite was found" in text


def test_columns_without_any_value_are_left_out(report, single):
    text = render(report(single("a.py::f", Verdict.NEW, base=None)))
    assert re.search(r"verdict +benchmark +metric +head +processes\n", text)


def test_rows_of_several_folders_keep_them_apart(report, row):
    from dataclasses import replace

    rows = [replace(row("x"), benchmark=name) for name in ("one/a.py::f", "two/a.py::f", "a.py::f")]
    text = render(report(*rows))
    assert "\nin " not in text
    assert "one/a.py::f" in text
    assert "\nin one/deep/\n" in render(
        report(*[replace(row("x"), benchmark=f"one/deep/{n}.py::f") for n in "ab"])
    )


def test_a_run_without_a_base_names_only_its_head(report, row):
    text = render(report(row("a.py::f"), base=Side("none")))
    assert "base:" not in text
    assert "head: worktree, commit dead01beef" in text
