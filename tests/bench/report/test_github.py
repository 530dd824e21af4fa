from dataclasses import replace

from bench.model import RunVerdict, Verdict
from bench.report.github import render


def test_every_kind_of_row(golden, every_kind):
    golden("bench/annotations.txt", render(every_kind))


def test_a_regression_marks_its_line(report, row):
    marked = replace(row("a.py::f", Verdict.REGRESSED, 0.2), path="benchmarks/a,b.py", line=7)
    first, *_ = render(report(marked, verdict=RunVerdict.REGRESSED)).split("\n")
    assert first.startswith("::error file=benchmarks/a%2Cb.py,line=7,title=time regressed in f::")
    assert "4.61 ms -> 5.53 ms (+20.0 %25)" in first


def test_a_suspect_is_a_warning_and_the_rest_is_not_marked(report, row):
    text = render(
        report(
            row("a.py::f", Verdict.UNDECIDED, suspect=True), row("a.py::g", Verdict.UNDECIDED), row("a.py::h")
        )
    )
    assert text.count("::warning ") == 1
    assert text.count("\n") == 2


def test_nothing_from_outside_starts_a_command(every_kind):
    lines = render(every_kind).rstrip("\n").split("\n")
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)


def test_percent_signs_are_escaped(report, single):
    text = render(report(single("a.py::f", Verdict.FAILED, note="100%\n::error::x\r")))
    assert "100%25%0A::error::x\\r" in text
