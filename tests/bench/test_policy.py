import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.model import Baseline, BenchmarkSpec, Comparison, Environment, RunVerdict, Verdict
from bench.policy import (
    Conclusion,
    Moved,
    conclude,
    is_calibratable,
    limits_for,
    matches_portably,
    moved_together,
    rule_for,
    sitting_shift,
    unknown_kind,
    unmissable,
)
from bench.settings import BenchmarkOverride, Settings
from bench.sittings import Calibrations, Sitting, SittingsEntry

SPEC = BenchmarkSpec("bench_a.py::wide[n=10]", "bench_a.py", "wide", 0, "hash")


def settings(**values):
    root = Path("/project")
    return Settings(root=root, suites=(), baseline=root / "baselines", reports=root / "reports", **values)


def row(verdict=Verdict.OK, name="bench_a.py::f", metric="time", **more):
    shown = {"head": 1.0, "tolerance": 0.10, **more}
    return Comparison(name, metric, "s", verdict, **shown)


def finish(*rows, measured=True, interrupted=False, shares=True, **values):
    return conclude(
        rows, settings(**values), anything_measured=measured, interrupted=interrupted, shares_benchmark=shares
    )


# --- shift between sittings ---------------------------------------------------------------------------------


def sittings(*means, spread=0.01, commits=None):
    """Calibrations of SPEC: one sitting a mean, of two processes that differ by twice ``spread``."""
    found = tuple(
        Sitting(
            f"2026-01-{day:02}T00:00:00+00:00", commits[day - 1] if commits else "c", (m - spread, m + spread)
        )
        for day, m in enumerate(means, start=1)
    )
    return Calibrations({}, (SittingsEntry(SPEC.id, "here", SPEC.source_hash, sittings=found),))


def test_the_shift_is_unknown_below_three_sittings_of_one_code():
    assert sitting_shift(Calibrations(), "here", SPEC) is None
    assert sitting_shift(sittings(0.0, 0.1), "here", SPEC) is None
    assert sitting_shift(sittings(0.0, 0.1, 0.0, commits="abc"), "here", SPEC) is None
    assert sitting_shift(sittings(0.0, 0.1, 0.0, 0.1, commits="aabb"), "here", SPEC) is not None
    assert sitting_shift(sittings(0.0, 0.1, 0.2), "elsewhere", SPEC) is None


def test_a_shift_that_was_seen_is_believed():
    # Means 0, 0.04, 0.08 with two processes each: MSB = 2 * 0.04^2 = 0.0032, MSW = 2 * 0.01^2, so tau^2 = 0.0015
    assert sitting_shift(sittings(0.0, 0.04, 0.08), "here", SPEC) == pytest.approx(math.sqrt(0.0015))


def test_calm_sittings_lower_the_default_slowly():
    # Weighted by degrees of freedom, the default counting as 4: 4 * 0.01^2 / (4 + 2), then / (4 + 11)
    assert sitting_shift(sittings(0.0, 0.0, 0.0), "here", SPEC) == pytest.approx(0.01 * math.sqrt(4 / 6))
    assert sitting_shift(sittings(*[0.0] * 12), "here", SPEC) == pytest.approx(0.01 * math.sqrt(4 / 15))


def test_the_shift_stays_in_a_sane_range():
    assert sitting_shift(sittings(0.0, 0.5, 1.0), "here", SPEC) == 0.10
    assert sitting_shift(sittings(*[0.0] * 28), "here", SPEC) == 0.005


def test_the_rule_takes_the_shift_and_pairs_have_none():
    assert rule_for(settings(), SPEC, 1, shift=0.03).tau == 0.03
    assert rule_for(settings(), SPEC, 1).tau == 0.01
    paired = rule_for(settings(), SPEC, 1, paired=True, shift=0.03)
    assert (paired.tau, paired.paired) == (0.0, True)


# --- limits -------------------------------------------------------------------------------------------------


def test_the_rule_of_a_benchmark():
    rule = rule_for(settings(), SPEC, 12)
    assert (rule.tolerance, rule.floor, rule.alpha, rule.comparisons, rule.tau) == (
        0.10,
        10e-9,
        0.01,
        12,
        0.01,
    )
    assert not rule.paired
    assert rule_for(settings(), SPEC, 0).comparisons == 1


def test_tolerances_come_from_the_settings():
    strict = settings(tolerance=0.05, overrides=(BenchmarkOverride("wide*", 0.3),))
    assert rule_for(strict, SPEC, 1).tolerance == 0.3
    assert rule_for(settings(tolerance=0.05), SPEC, 1).tolerance == 0.05


@pytest.mark.parametrize(
    ("metric", "tolerance", "floor"),
    [("time", 0.10, 10e-9), ("p95", 0.25, 10e-9), ("p99", 0.25, 10e-9), ("peak", 0.10, 65536), ("rss", 0.10, 1048576),
     ("retained", 0.10, 1.0), ("instructions", 0.01, 0.0), ("growth", 0.20, 0.0)],
)  # fmt: skip
def test_limits_of_every_metric(metric, tolerance, floor):
    limits = limits_for(settings(), SPEC, metric)
    assert (limits.tolerance, limits.floor) == (tolerance, floor)


def test_a_generous_benchmark_is_generous_with_its_tails_not_with_counts():
    generous = settings(tolerance=0.5)
    assert limits_for(generous, SPEC, "p99").tolerance == 0.5
    assert limits_for(generous, SPEC, "peak").tolerance == 0.5
    assert limits_for(generous, SPEC, "instructions").tolerance == 0.01


def test_a_baseline_gates_while_its_spread_is_at_most_half_the_tolerance():
    # sd of (-a, a) is a * sqrt(2)
    assert is_calibratable([-0.0353, 0.0353], 0.10)
    assert not is_calibratable([-0.0354, 0.0354], 0.10)
    assert is_calibratable([-0.0354, 0.0354], 0.20)
    assert not is_calibratable([1.0], 0.10)
    assert not is_calibratable([], 0.10)
    assert not is_calibratable([1.0, float("nan")], 0.10)


STABLE = {
    "implementation": "cpython",
    "python": "3.11",
    "pointer": "64",
    "allocator": "pymalloc",
    "build": "a",
    "libc": "g",
}


def test_portable_metrics_ignore_the_machine():
    assert matches_portably(STABLE, {**STABLE, "cpu": "other", "build": "b", "libc": "m"})


@pytest.mark.parametrize("key", ["implementation", "python", "pointer", "allocator"])
def test_portable_metrics_need_the_same_interpreter(key):
    assert not matches_portably(STABLE, {**STABLE, key: "other"})
    without = {name: value for name, value in STABLE.items() if name != key}
    assert not matches_portably(without, without)


@pytest.mark.parametrize("key", ["build", "libc"])
def test_instructions_need_the_same_build(key):
    assert matches_portably(STABLE, STABLE, "instructions")
    assert not matches_portably(STABLE, {**STABLE, key: "other"}, "instructions")


# --- conclusions --------------------------------------------------------------------------------------------


def test_all_is_well():
    assert finish(row(), row(Verdict.NEW, gates=False)) == Conclusion(RunVerdict.PASS, 0, ())


@pytest.mark.parametrize(
    ("rows", "values", "verdict", "code"),
    [
        ([row(Verdict.REGRESSED)], {}, "regressed", 1),
        ([row(Verdict.MISSING, head=None)], {}, "regressed", 1),
        ([row(Verdict.REGRESSED, metric="budget:p95")], {}, "regressed", 1),
        ([row(Verdict.FAILED, head=None), row(Verdict.REGRESSED)], {}, "failed", 4),
        ([row(Verdict.REGRESSED), row(Verdict.UNDECIDED, suspect=True)], {"ci": True}, "regressed", 1),
        ([row(Verdict.UNDECIDED)], {}, "pass", 0),
        ([row(Verdict.UNDECIDED)], {"ci": True}, "pass", 0),
        ([row(Verdict.UNDECIDED)], {"strict": True}, "undecided", 3),
        ([row(Verdict.UNDECIDED, suspect=True)], {}, "pass", 0),
        ([row(Verdict.UNDECIDED, suspect=True)], {"ci": True}, "undecided", 3),
        ([row(Verdict.UNDECIDED, suspect=True)], {"strict": True}, "undecided", 3),
        ([row(Verdict.IMPROVED)], {"ci": True, "strict": True, "require_baseline": True}, "pass", 0),
        ([row(Verdict.NOT_COMPARABLE, gates=False)], {}, "pass", 0),
        ([row(Verdict.NEW, gates=False)], {}, "pass", 0),
        ([row(Verdict.NEW, gates=False)], {"require_baseline": True}, "undecided", 3),
        ([row(Verdict.NOT_COMPARABLE, gates=False)], {"require_baseline": True}, "undecided", 3),
        ([row(Verdict.NEW, gates=False), row(metric="budget:p95")], {"require_baseline": True}, "pass", 0),
        ([row(Verdict.NEW, gates=False), row(metric="peak")], {"require_baseline": True}, "pass", 0),
        ([row(Verdict.UNDECIDED, metric="budget:p95", head=None)], {"require_baseline": True}, "undecided", 3),
        ([row(Verdict.MISSING, head=None)], {"require_baseline": True}, "regressed", 1),
        ([row(Verdict.REGRESSED, gates=False), row(Verdict.FAILED, gates=False)], {"strict": True}, "pass", 0),
        ([row(Verdict.UNDECIDED, gates=False, suspect=True)], {"ci": True, "strict": True}, "pass", 0),
    ],
)  # fmt: skip
def test_exit_codes(rows, values, verdict, code):
    conclusion = finish(*rows, **values)
    assert (conclusion.verdict.value, conclusion.exit_code) == (verdict, code)


def test_an_interruption_comes_before_everything():
    conclusion = finish(row(Verdict.REGRESSED), row(Verdict.FAILED), interrupted=True)
    assert (conclusion.verdict, conclusion.exit_code) == (RunVerdict.FAILED, 130)
    assert conclusion.messages[0] == "interrupted: what was finished is kept"
    assert finish(measured=False, interrupted=True).exit_code == 130


def test_nothing_measured_is_a_failure():
    conclusion = finish(measured=False, require_baseline=True)
    assert (conclusion.verdict, conclusion.exit_code) == (RunVerdict.FAILED, 4)
    assert conclusion.messages == ("nothing was measured",)


def test_a_baseline_of_other_benchmarks_is_not_passed_in_silence():
    conclusion = finish(row(Verdict.NEW, gates=False), shares=False)
    assert (conclusion.verdict, conclusion.exit_code) == (RunVerdict.UNDECIDED, 3)
    assert "knows none of these benchmarks" in conclusion.messages[0]
    assert finish(row(Verdict.MISSING, head=None), shares=False).exit_code == 1


def test_messages_name_what_happened_and_what_to_type():
    conclusion = finish(
        row(Verdict.REGRESSED, "a.py::slow", change=0.23),
        row(Verdict.REGRESSED, "a.py::big", metric="budget:peak"),
        row(Verdict.MISSING, "a.py::gone", head=None),
        row(Verdict.UNDECIDED, "a.py::odd", suspect=True, change=0.12),
        row(Verdict.UNDECIDED, "a.py::far", metric="budget:speed", head=None),
        row(Verdict.IMPROVED, "a.py::quick", change=-0.4),
        strict=True,
    )
    regressed, broken, missing, suspect, undecided, unchecked, stale = conclusion.messages
    assert regressed == "regressed: a.py::slow (time +23.0 %)"
    assert broken == "budget broken: a.py::big (peak)"
    assert missing.startswith("in the baseline but not in the suite: a.py::gone")
    assert "baseline update" in missing
    assert suspect.startswith("probably slower, but not proved: a.py::odd (time +12.0 %)")
    assert undecided.startswith("undecided, which --strict does not accept: a.py::odd")
    assert unchecked == "budgets that were not checked: a.py::far (speed)"
    assert stale.startswith("faster or smaller than the baseline, which is stale: a.py::quick (time -40.0 %)")


def test_failures_are_named():
    assert finish(row(Verdict.FAILED, "a.py::f")).messages[0] == "could not be measured: a.py::f (time)"


def test_long_lists_are_cut():
    rows = [row(Verdict.REGRESSED, f"a.py::f{i}") for i in range(5)]
    assert finish(*rows).messages == (
        "regressed: a.py::f0 (time), a.py::f1 (time), a.py::f2 (time) and 2 more",
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ([0.06, 0.07, 0.08, 0.09, 0.06], "slower"),
        ([-0.06, -0.07, -0.08, 0.0, -0.06], "faster"),
        ([0.06, 0.07, 0.08, 0.0, 0.0], None),
        ([0.06, 0.07, 0.08, -0.06, -0.07], None),
        ([0.06, 0.07, 0.08, 0.09], None),
        ([0.04] * 8, None),
    ],
)
def test_all_moved_together(changes, word):
    messages = finish(*(row(change=change) for change in changes), row(Verdict.NEW, change=None)).messages
    assert any("all moved" in text and f"became {word}" in text for text in messages) is (word is not None)


def test_what_moved_together_names_the_red_rows():
    red = row(Verdict.REGRESSED, "a.py::red", change=0.3)
    rows = [
        red,
        *(row(name=f"a.py::f{i}", change=0.07) for i in range(4)),
        row(name="a.py::still", change=0.0),
    ]
    shown = replace(row(name="a.py::wild", change=-0.9), gates=False)
    assert moved_together([*rows, shown]) == Moved(1, 5, 6, (red,))
    assert moved_together([replace(each, change=-0.2) for each in rows]) == Moved(
        -1, 6, 6, (replace(red, change=-0.2),)
    )
    assert moved_together(rows[:4]) is None
    assert moved_together([]) is None


def wild(low, *, suspect=True, gates=False):
    shown = row(Verdict.UNDECIDED, change=1.2)
    return replace(shown, gates=gates, suspect=suspect, interval=(low, 3.0), note="use `bench-guard ab`")


def test_an_enormous_change_of_what_cannot_gate_stops_ci():
    found = unmissable(wild(0.52))
    assert (found.gates, found.suspect, found.verdict) == (True, True, Verdict.UNDECIDED)
    assert found.note.startswith("probably slower: far beyond")
    assert finish(found).exit_code == 0
    assert finish(found, ci=True).exit_code == 3


def test_any_other_row_stays_as_it_is():
    for other in (
        wild(0.48),
        wild(0.9, suspect=False),
        wild(0.9, gates=True),
        row(Verdict.NEW, change=None),
        replace(wild(0.9), interval=None),
    ):
        assert unmissable(other) is other


def test_a_machine_kind_that_the_baseline_does_not_know_is_said_with_what_to_type():
    here = Environment({"os": "linux", "cpu": "other", "cores": "2"})
    near = Environment({"os": "linux", "cpu": "fast", "cores": "2"})
    far = Environment({"os": "darwin", "cpu": "fast", "cores": "8"})
    words = unknown_kind(Baseline({near.machine: near.stable, far.machine: far.stable}), here)
    assert here.machine in words
    assert f"nearest is {near.machine}; here cpu 'other'" in words
    assert "`bench-guard baseline update` adds it" in words
    assert unknown_kind(Baseline({here.machine: here.stable}), here) is None
    assert unknown_kind(Baseline(), here) is None


def test_creep_is_told_apart_from_a_regression():
    crept = replace(row(Verdict.REGRESSED, "a.py::slow", change=0.3), metric="anchor:time")
    messages = finish(crept).messages
    assert len(messages) == 1
    assert messages[0].startswith(
        "crept away from the anchor, update by update: a.py::slow (anchor:time +30.0 %)"
    )
    assert "baseline accept" in messages[0]
