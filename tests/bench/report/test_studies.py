import json
import tomllib
from dataclasses import replace

import pytest

from bench.model import Comparison, Host, Verdict
from bench.report import studies
from bench.settings import load_settings
from bench.studies.calibration import BenchmarkResolution, CalibrationReport, Mode, Resolution
from bench.studies.selftest import SelfTest, Trial

HOST = Host(0.21, 1.02, ("busy host: load 9",))
RESOLUTION = Resolution(
    processes=20,
    seconds=0.6,
    spread=0.021,
    shift=0.01,
    shift_measured=False,
    detectable=0.131,
    smallest=0.07,
    fine_processes=None,
    fine_seconds=None,
    identical=2,
    red=0,
)
PAIRED = replace(
    RESOLUTION,
    spread=0.015,
    shift=0.0,
    detectable=0.109,
    smallest=0.03,
    fine_processes=6,
    fine_seconds=8.4,
    identical=1,
)


def resolved(name, tolerance=0.10, stored=RESOLUTION, paired=PAIRED, suggested=None):
    modes = {
        mode: found for mode, found in ((Mode.STORED, stored), (Mode.PAIRED, paired)) if found is not None
    }
    return BenchmarkResolution(f"benchmarks/bench_a.py::{name}", tolerance, 2, modes, suggested)


NOISY = replace(RESOLUTION, spread=0.07, shift=0.008, shift_measured=True, detectable=0.18, smallest=0.14)
HOPELESS = replace(RESOLUTION, spread=0.9, detectable=2.0, smallest=None)


def calibration(*rows, **changes):
    whole = CalibrationReport(
        exit_code=0,
        machine="linux-x86_64",
        commit="c0ffee",
        date="2026-01-02T03:04:05+00:00",
        benchmarks=rows,
        failures={},
        host=HOST,
        duration_s=93.4,
        messages=("sitting stored in b/calibration.json",),
    )
    return replace(whole, **changes)


FULL = calibration(
    resolved("parse"),
    resolved("wide[n=10]", stored=NOISY, suggested=0.14),
    resolved("memory", stored=HOPELESS),
)


def test_a_calibration_as_text(golden):
    golden("bench/calibration.txt", studies.render_calibration(FULL, width=100))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_names_are_shortened_from_the_front(width):
    text = studies.render_calibration(calibration(resolved("x" * 90 + "[n=10]")), width=width)
    assert "[n=10]" in text
    table = [line for line in text.splitlines() if line.endswith(" of 2")]
    assert all(len(line) <= max(width, 100) for line in table)


def test_names_from_outside_are_made_harmless():
    evil = calibration(resolved("\x1b[31mred\n", stored=NOISY, suggested=0.14), messages=("\x1b[0m",))
    text = studies.render_calibration(evil)
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_settings_to_paste_are_settings(tmp_path):
    rows = (
        resolved("wide[n=10]", stored=NOISY, suggested=0.14),
        resolved('odd"\\name', stored=NOISY, suggested=0.2),
        resolved("memory", stored=HOPELESS),
        resolved("parse"),
    )
    lines = studies.settings_to_paste(calibration(*rows))
    (tmp_path / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")

    settings = load_settings(tmp_path, {}, {})

    assert settings.tolerance_for(rows[0].benchmark, None) == 0.14
    assert settings.tolerance_for(rows[1].benchmark, None) == 0.2
    assert settings.tolerance_for(rows[2].benchmark, None) == 0.10
    assert settings.tolerance_for(rows[3].benchmark, None) == 0.10
    assert any(line.startswith("# benchmarks/bench_a.py::memory: too noisy") for line in lines)
    assert tomllib.loads("\n".join(lines))["tool"]["bench-guard"]["benchmarks"].keys() == {
        row.benchmark for row in rows[:2]
    }


def test_nothing_is_proposed_where_everything_is_resolved():
    assert studies.settings_to_paste(calibration(resolved("parse"))) == []
    assert "paste" not in studies.render_calibration(calibration(resolved("parse")))


def test_a_tolerance_above_half_is_not_proposed():
    loud = replace(NOISY, smallest=0.7)
    (line,) = studies.settings_to_paste(calibration(resolved("loud", stored=loud, suggested=0.7)))
    assert line == "# benchmarks/bench_a.py::loud: too noisy to gate here; bench-guard ab resolves 3 %"


def test_only_the_mode_that_was_studied_is_shown():
    text = studies.render_calibration(calibration(resolved("parse", stored=None)))
    assert "ab: both sides" in text
    assert "check: against" not in text


@pytest.mark.parametrize(
    ("report", "start"),
    [
        (FULL, "CALIBRATED: 3 benchmarks, identical code called regressed in 0 of 9 comparisons, in 93 s"),
        (calibration(resolved("a", stored=replace(NOISY, red=1)), exit_code=1), "RED ON IDENTICAL CODE: 1 benchmark,"),
        (calibration(exit_code=4, failures={"a": "b"}), "FAILED: nothing could be measured"),
        (calibration(resolved("a"), exit_code=4, failures={"b": "c"}), "FAILED: 1 could not be measured"),
    ],
)  # fmt: skip
def test_the_first_line_says_how_it_went(report, start):
    assert studies.render_calibration(report).startswith(start)


def test_failures_are_shown_with_their_reason():
    text = studies.render_calibration(calibration(exit_code=4, failures={"a.py::f": "raised: one\ntwo"}))
    assert "not measured: a.py::f: raised: one\n    two" in text


@pytest.mark.parametrize(
    ("report", "code"),
    [(FULL, "33"), (calibration(resolved("a")), "32"), (calibration(exit_code=4), "31")],
)
def test_colour_follows_the_outcome(report, code):
    assert studies.render_calibration(report, color=True).startswith(f"\x1b[1;{code}m")


def test_a_quiet_calibration_keeps_what_to_do():
    text = studies.render_calibration(FULL, quiet=True)
    assert "smallest" not in text
    assert "tolerance = 0.14" in text


def test_a_calibration_as_data():
    document = json.loads(studies.calibration_json(FULL))
    assert (document["format"], document["version"]) == ("bench-guard/calibration-report", 1)
    assert document["benchmarks"][1]["stored"]["smallest"] == 0.14
    assert document["benchmarks"][1]["suggested_tolerance"] == 0.14
    assert document["settings"] == studies.settings_to_paste(FULL)
    only = json.loads(studies.calibration_json(calibration(resolved("a", paired=None))))
    assert only["benchmarks"][0]["paired"] is None


def test_numbers_that_json_lacks_are_null():
    unknown = replace(RESOLUTION, spread=float("nan"), detectable=float("inf"))
    document = json.loads(studies.calibration_json(calibration(resolved("a", stored=unknown))))
    assert document["benchmarks"][0]["stored"]["spread"] is None
    assert document["benchmarks"][0]["stored"]["detectable"] is None


# --- self-test ------------------------------------------------------------------------------------------------


def half(verdict, change, **more):
    return Comparison(
        "benchmarks/bench_a.py::parse", "time", "s", verdict, change=change, interval=(change - 0.01, change + 0.01),
        tolerance=0.10, detectable=0.12, processes=(20, 5), **more,
    )  # fmt: skip


def trial(name="parse", mode=Mode.STORED, slowed=Verdict.REGRESSED, fault=None, **more):
    return Trial(
        f"benchmarks/bench_a.py::{name}",
        mode,
        0.2,
        half(Verdict.OK, 0.004),
        half(slowed, 0.196),
        fault,
        **more,
    )


def outcome(*trials, exit_code=0, **changes):
    whole = SelfTest(exit_code, trials, {}, HOST, "2026-01-02T03:04:05+00:00", "linux-x86_64", None, 41.0)
    return replace(whole, **changes)


UNGATED = Trial(
    "benchmarks/bench_a.py::memory", Mode.STORED, 0.0, half(Verdict.UNDECIDED, 0.3, gates=False), None,
    tested=False, note="use ab",
)  # fmt: skip
MISSED = trial("wide", slowed=Verdict.UNDECIDED, fault="20 % more work was called undecided")
ALARM = replace(trial("deep", Mode.PAIRED, fault="unchanged code was called regressed"), unchanged=half(Verdict.REGRESSED, 0.2))  # fmt: skip


def test_a_self_test_as_text(golden):
    result = outcome(
        trial(), trial(mode=Mode.PAIRED), UNGATED, MISSED, ALARM, exit_code=1, messages=("raise it",)
    )
    golden("bench/self_test.txt", studies.render_self_test(result, width=100))


@pytest.mark.parametrize(
    ("result", "start"),
    [
        (outcome(trial()), "THE GATE WORKS HERE: 1 of 1 slowdowns caught, no false alarm (stored), in 41 s"),
        (outcome(trial(), MISSED, ALARM, exit_code=1), "THE GATE DOES NOT WORK HERE: 1 of 3 slowdowns missed, 1 false alarm,"),
        (outcome(UNGATED, exit_code=4), "FAILED: nothing could be tested"),
        (outcome(trial(), exit_code=4, failures={"a": "b"}), "FAILED: 1 could not be measured"),
        (outcome(trial(), exit_code=1), "THE GATE DOES NOT WORK HERE: 0 of 1"),
    ],
)  # fmt: skip
def test_the_first_line_says_whether_it_works(result, start):
    assert studies.render_self_test(result).startswith(start)


def test_a_quiet_self_test_shows_what_is_wrong():
    text = studies.render_self_test(outcome(trial(), MISSED, exit_code=1), quiet=True)
    assert "wide" in text
    assert "parse" not in text
    assert "busy host" not in text
    assert studies.render_self_test(outcome(trial()), quiet=True).count("\n") == 1


def test_a_self_test_as_data():
    document = json.loads(studies.self_test_json(outcome(trial(), UNGATED, MISSED, exit_code=1)))
    assert (document["format"], document["version"]) == ("bench-guard/self-test", 1)
    assert [each["holds"] for each in document["trials"]] == [True, False, False]
    assert [each["tested"] for each in document["trials"]] == [True, False, True]
    assert document["trials"][0]["slowed"]["verdict"] == "regressed"
    assert document["trials"][1]["slowed"] is None


def test_words_from_outside_are_made_harmless():
    bad = outcome(
        replace(UNGATED, benchmark="a.py::\x1b[31m", note="\x1b[0m"), failures={"\x1b": "\x1b"}, exit_code=4
    )
    assert "\x1b" not in studies.render_self_test(bad)
