import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bench.model import Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.report.json_format import to_json


def test_every_kind_of_row(golden, every_kind):
    golden("bench/report.json", to_json(every_kind).decode())


def test_the_keys_are_those_of_version_1(every_kind):
    document = json.loads(to_json(every_kind))
    assert (document["format"], document["version"]) == ("bench-guard/report", 1)
    assert (document["verdict"], document["exit_code"], document["duration_s"]) == ("regressed", 1, 41.2)
    assert document["base"].keys() == document["head"].keys() == {"kind", "ref", "commit", "date", "machine"}
    assert {key: document["host"][key] for key in ("reference_cv", "shift", "notices")} == {
        "reference_cv": 0.21,
        "shift": 1.02,
        "notices": ["the processor throttled 3 times"],
    }
    first = document["comparisons"][0]
    assert first["benchmark"] == "benchmarks/bench_expand.py::wide[n=100]"
    assert first["processes"] == [20, 5]
    assert first["interval"] == [0.011 - 0.02, 0.011 + 0.02]
    assert first["note"] is None
    assert {
        "benchmark",
        "metric",
        "unit",
        "verdict",
        "base",
        "head",
        "change",
        "interval",
        "confidence",
        "tolerance",
        "detectable",
        "processes",
        "note",
    } <= first.keys()


def test_numbers_that_json_lacks_are_null(report, row):
    odd = report(
        replace(row("a::f"), head=float("nan"), interval=(float("-inf"), 0.5)),
        host=Host(float("nan"), float("inf")),
    )
    document = json.loads(to_json(odd), parse_constant=lambda name: 1 / 0)
    assert document["comparisons"][0]["head"] is None
    assert document["comparisons"][0]["interval"] == [None, 0.5]
    assert (document["host"]["reference_cv"], document["host"]["shift"]) == (None, None)


@given(st.text(), st.floats(), st.sampled_from(Verdict))
def test_any_row_survives(name, number, verdict):
    row = Comparison(name, "time", "s", verdict, head=number, note=name)
    report = Report(RunVerdict.PASS, 0, Side("a"), Side("b"), Host(), (row,), 1.0)
    found = json.loads(to_json(report))["comparisons"][0]
    assert (found["benchmark"], found["note"], found["verdict"]) == (name, name, verdict.value)
