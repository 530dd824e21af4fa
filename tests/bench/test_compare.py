import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare import (
    Limits,
    compare_budget,
    compare_deterministic,
    compare_shown,
    compare_time,
    failed_row,
    missing_row,
    new_row,
    not_comparable_row,
)
from bench.model import (
    BaselineEntry,
    BenchmarkSpec,
    Decision,
    Estimate,
    Method,
    MetricRecord,
    Verdict,
)
from bench.stats.intervals import t_quantile
from bench.units import parse_budget

SPEC = BenchmarkSpec("benchmarks/bench_a.py::wide[n=10]", "benchmarks/bench_a.py", "wide", 0, "hash", line=7)
LIMITS = Limits(0.10, 64 * 1024)


def timed(name=SPEC.id, seconds=1e-3, metric="time", spread=(0.0, 0.0, 0.0, 0.0, 0.0), method=Method.BLOCKS):
    return Estimate(name, metric, "s", tuple(2.0 + each for each in spread), seconds, method)


def sized(*sizes, metric="peak", varies=False):
    return Estimate(
        SPEC.id, metric, "B", tuple(map(float, sizes)), sorted(sizes)[len(sizes) // 2], varies=varies
    )


def entry(source_hash="hash", **metrics):
    return BaselineEntry(SPEC.id, "machine", source_hash, metrics)


def record(value, *processes, unit="s", **more):
    return MetricRecord(unit, processes or (value,), value, **more)


STORED = entry(time=record(9e-4, 1.9, 2.0, 2.1))


def decided(verdict, change=0.0, **more):
    return Decision(verdict, change, (change - 0.02, change + 0.02), 0.12, (20, 5), **more)


# --- time ---------------------------------------------------------------------------------------------------


def test_a_time_row_shows_relative_numbers_and_seconds_that_agree():
    row = compare_time(SPEC, timed(), STORED, decided(Verdict.OK, math.log(1.05)), 0.10)
    assert row.verdict is Verdict.OK
    assert row.head == 1e-3
    assert row.head / row.base == pytest.approx(1 + row.change)
    assert row.change == pytest.approx(0.05)
    assert row.interval == pytest.approx((1.05 * math.exp(-0.02) - 1, 1.05 * math.exp(0.02) - 1))
    assert (row.tolerance, row.detectable, row.processes, row.confidence) == (0.10, 0.12, (20, 5), 0.95)
    assert (row.gates, row.suspect, row.note, row.unit) == (True, False, None, "s")
    assert (row.path, row.line) == ("benchmarks/bench_a.py", 7)


def test_undecided_above_the_tolerance_is_suspect():
    row = compare_time(
        SPEC, timed(), STORED, decided(Verdict.UNDECIDED, 0.2, note="time budget used up"), 0.10
    )
    assert row.suspect
    assert row.note == "probably slower; time budget used up"


@pytest.mark.parametrize(
    ("verdict", "change"), [(Verdict.UNDECIDED, 0.05), (Verdict.REGRESSED, 0.3), (Verdict.OK, 0.2)]
)
def test_nothing_else_is_suspect(verdict, change):
    assert not compare_time(SPEC, timed(), STORED, decided(verdict, change), 0.10).suspect


def test_a_change_within_the_floor_is_not_suspect():
    tiny = timed(seconds=30e-9)
    judgement = decided(Verdict.UNDECIDED, 0.2)
    assert compare_time(SPEC, tiny, STORED, judgement, 0.10).suspect
    assert not compare_time(SPEC, tiny, STORED, judgement, 0.10, floor=10e-9).suspect


def test_a_base_that_spreads_too_far_does_not_gate():
    wild = entry(time=record(9e-4, calibratable=False))
    row = compare_time(SPEC, timed(), wild, decided(Verdict.UNDECIDED, 0.01, note="use ab"), 0.10)
    assert (row.gates, row.suspect, row.note) == (False, False, "use ab")


def test_remarks_of_the_samples_stand_behind_the_note_of_the_decision():
    noted = replace(timed(), remarks=("not steady",))
    assert (
        compare_time(SPEC, noted, STORED, decided(Verdict.OK, note="noisier"), 0.10).note
        == "noisier; not steady"
    )


def test_unknown_bounds_are_left_out():
    open_ended = Decision(Verdict.UNDECIDED, 0.1, (-math.inf, math.inf), math.inf, (0, 1))
    row = compare_time(SPEC, timed(), STORED, open_ended, 0.10)
    assert (row.interval, row.detectable) == (None, None)


def test_changed_source_is_never_compared():
    row = compare_time(
        SPEC, timed(), entry("other", time=record(1e-3)), decided(Verdict.REGRESSED, 1.0), 0.10
    )
    assert (row.verdict, row.gates, row.base, row.change) == (Verdict.NOT_COMPARABLE, False, None, None)
    assert (
        row.note
        == "the benchmark's source has changed since the baseline: `bench-guard baseline update -k wide`"
    )


def test_another_method_is_never_compared():
    row = compare_time(SPEC, timed(method=Method.CONCURRENT), STORED, decided(Verdict.OK), 0.10)
    assert row.verdict is Verdict.NOT_COMPARABLE
    assert "blocks, now concurrent" in row.note


def test_a_metric_that_the_baseline_lacks_is_not_compared():
    row = compare_time(SPEC, timed(metric="p95"), STORED, decided(Verdict.OK), 0.10)
    assert (row.verdict, row.metric) == (Verdict.NOT_COMPARABLE, "p95")
    assert "holds no p95" in row.note


def test_a_failed_decision_is_a_failed_row():
    row = compare_time(
        SPEC, timed(), STORED, decided(Verdict.FAILED, math.nan, note="process 3 gave no measurement"), 0.1
    )
    assert (row.verdict, row.note, row.gates) == (Verdict.FAILED, "process 3 gave no measurement", True)


@pytest.mark.parametrize("decision", [decided(Verdict.NOT_COMPARABLE), decided(Verdict.UNDECIDED, math.nan)])
def test_a_decision_without_a_number_is_not_comparable(decision):
    assert compare_time(SPEC, timed(), STORED, decision, 0.10).verdict is Verdict.NOT_COMPARABLE


@given(st.floats(min_value=-3, max_value=3), st.floats(min_value=1e-9, max_value=10))
def test_base_and_change_always_give_the_head(change, seconds):
    row = compare_time(SPEC, timed(seconds=seconds), STORED, decided(Verdict.OK, change), 0.10)
    assert row.base * (1 + row.change) == pytest.approx(row.head)
    assert row.interval[0] <= row.change <= row.interval[1]


# --- memory -------------------------------------------------------------------------------------------------

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (MIB, MIB, "ok"),
        (MIB, 1.09 * MIB, "ok"),
        (MIB, 1.11 * MIB, "regressed"),
        (MIB, 0.92 * MIB, "ok"),
        (MIB, 0.90 * MIB, "improved"),
        (1000, 60_000, "ok"),
        (1000, 67_000, "regressed"),
        (0, 64 * 1024, "ok"),
        (0, 64 * 1024 + 1, "regressed"),
    ],
)
def test_exact_metrics_need_tolerance_and_floor(base, head, verdict):
    stored = entry(peak=record(base, base, base, unit="B"))
    row = compare_deterministic(SPEC, sized(head, head), stored, LIMITS)
    assert row.verdict.value == verdict
    assert row.change == (None if base == 0 else pytest.approx(head / base - 1))
    assert (row.interval, row.processes, row.detectable, row.gates) == (None, (2, 2), 0.10, True)


@pytest.mark.parametrize(
    ("base", "head", "verdict", "suspect"),
    [
        ((MIB, MIB), (1.0 * MIB, 1.05 * MIB), "ok", False),
        ((MIB, 1.01 * MIB), (1.3 * MIB, 1.4 * MIB), "regressed", False),
        ((MIB, MIB), (1.05 * MIB, 1.2 * MIB), "undecided", True),
        ((MIB, 1.2 * MIB), (1.19 * MIB, 1.19 * MIB), "undecided", True),
        ((MIB, 1.1 * MIB), (0.5 * MIB, 0.6 * MIB), "improved", False),
    ],
)
def test_exact_metrics_that_vary_need_all_processes_beyond(base, head, verdict, suspect):
    stored = entry(peak=record(base[0], *base, unit="B", varies=base[0] != base[1]))
    row = compare_deterministic(SPEC, sized(*head, varies=head[0] != head[1]), stored, LIMITS)
    assert (row.verdict.value, row.suspect, row.detectable) == (verdict, suspect, None)
    assert row.note == "varies from process to process"


def test_a_portable_comparison_says_against_what():
    stored = entry(peak=record(MIB, unit="B"))
    assert compare_deterministic(SPEC, sized(MIB), stored, LIMITS, "against linux").note == "against linux"
    changed = compare_deterministic(SPEC, sized(MIB), entry("other", peak=record(MIB, unit="B")), LIMITS)
    assert changed.verdict is Verdict.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("head", "verdict"), [(30 * MIB, "ok"), (20 * MIB, "improved"), (60 * MIB, "undecided")]
)
def test_shown_metrics_inform_and_never_gate(head, verdict):
    stored = entry(rss=record(30 * MIB, unit="B"))
    row = compare_shown(SPEC, sized(head, metric="rss"), stored, Limits(0.10, MIB))
    assert (row.verdict.value, row.gates, row.suspect, row.note) == (
        verdict,
        False,
        False,
        "shown, does not gate",
    )


def test_shown_metrics_without_a_base_are_new():
    for stored in (None, STORED):
        row = compare_shown(SPEC, sized(MIB, metric="rss"), stored, LIMITS)
        assert (row.verdict, row.gates, row.note) == (Verdict.NEW, False, "shown, does not gate")


def test_shown_metrics_of_changed_source_are_not_compared():
    row = compare_shown(SPEC, sized(MIB, metric="rss"), entry("other", rss=record(0.0, unit="B")), LIMITS)
    assert row.verdict is Verdict.NOT_COMPARABLE
    assert (
        compare_shown(SPEC, sized(1, metric="rss"), entry(rss=record(0.0, unit="B")), LIMITS).change is None
    )


# --- the other rows -----------------------------------------------------------------------------------------


def test_new_row_informs():
    row = new_row(SPEC, replace(timed(), remarks=("not steady",)), "no entry")
    assert (row.verdict, row.head, row.base, row.gates, row.note) == (
        Verdict.NEW,
        1e-3,
        None,
        False,
        "no entry; not steady",
    )


def test_missing_row_gates():
    row = missing_row(STORED)
    assert (row.verdict, row.base, row.head, row.gates) == (Verdict.MISSING, 9e-4, None, True)
    assert (row.benchmark, row.path, row.unit, row.processes) == (SPEC.id, SPEC.path, "s", (3, 0))
    assert missing_row(STORED, "peak").base is None


def test_failed_row():
    row = failed_row(SPEC, "time", "raised: ZeroDivisionError")
    assert (row.verdict, row.note, row.gates, row.line) == (
        Verdict.FAILED,
        "raised: ZeroDivisionError",
        True,
        7,
    )
    assert not failed_row(SPEC, "rss", "no /proc", gates=False).gates


def test_not_comparable_row_says_what_to_type():
    row = not_comparable_row(SPEC, timed(), "the reference kernel has changed")
    assert row.note == "the reference kernel has changed: `bench-guard baseline update -k wide`"


# --- budgets ------------------------------------------------------------------------------------------------

JITTER = (-0.02, -0.01, 0.0, 0.01, 0.02)
REACH = math.exp(t_quantile(0.95, 4) * math.sqrt(0.001 / 4 / 5))


def budget_row(text, *estimates, spec=SPEC):
    return compare_budget(spec, parse_budget(text), estimates)


@pytest.mark.parametrize(
    ("limit", "verdict", "suspect"),
    [
        (1e-3 * REACH * 1.001, "ok", False),
        (1e-3 * REACH * 0.999, "undecided", False),
        (1e-3 / REACH * 1.001, "undecided", True),
        (1e-3 / REACH * 0.999, "regressed", False),
    ],
)
@pytest.mark.parametrize("metric", ["time", "p95"])
def test_latency_is_broken_only_beyond_its_bound(limit, verdict, suspect, metric):
    row = budget_row(f"{metric} <= {limit:.12f}s", timed(metric=metric, spread=JITTER))
    assert (row.verdict.value, row.suspect) == (verdict, suspect)
    assert (row.metric, row.unit, row.change, row.interval) == (f"budget:{metric}", "s", None, None)
    assert row.base == pytest.approx(limit)
    assert row.head == pytest.approx(1e-3)
    assert row.processes == (0, 5)
    assert row.gates


def test_mean_and_median_are_promises_about_time():
    for metric in ("mean", "median"):
        assert budget_row(f"{metric} <= 2ms", timed()).metric == f"budget:{metric}"


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(1e5 / REACH * 0.999, "ok"), (1e5, "undecided"), (1e5 * REACH * 1.001, "regressed")],
)
def test_throughput_is_items_per_second(rate, verdict):
    spec = replace(SPEC, items=100.0)
    row = budget_row(f"throughput >= {rate:.6f}/s", timed(spread=JITTER), spec=spec)
    assert (row.verdict.value, row.unit) == (verdict, "1/s")
    assert row.head == pytest.approx(1e5)


def test_throughput_without_items_counts_calls():
    assert budget_row("throughput >= 1/s", timed()).head == pytest.approx(1000)


def test_throughput_of_no_items_is_not_checked():
    row = budget_row("throughput >= 1/s", timed(), spec=replace(SPEC, items=0.0))
    assert (row.verdict, row.head) == (Verdict.UNDECIDED, None)
    assert "one call handles 0 items" in row.note


def test_peak_is_exact():
    assert budget_row("peak <= 1MiB", sized(MIB, MIB)).verdict is Verdict.OK
    assert budget_row("peak <= 1MiB", sized(MIB + 1, MIB + 1)).verdict is Verdict.REGRESSED
    wide = budget_row("peak <= 1MiB", sized(MIB - 1, MIB + 1))
    assert wide.verdict is Verdict.UNDECIDED
    assert wide.suspect


def test_rss_is_judged_over_processes():
    sizes = [10 * MIB, 10.1 * MIB, 10.2 * MIB]
    assert budget_row("rss <= 20MiB", sized(*sizes, metric="rss")).verdict is Verdict.OK
    assert budget_row("rss <= 9MiB", sized(*sizes, metric="rss")).verdict is Verdict.REGRESSED
    assert budget_row("rss <= 10.1MiB", sized(*sizes, metric="rss")).verdict is Verdict.UNDECIDED


def test_one_process_proves_no_promise():
    row = budget_row("time <= 1s", timed(spread=(0.0,)))
    assert row.verdict is Verdict.UNDECIDED
    assert row.note == "promised time <= 1s; one process shows no spread"
    assert budget_row("time <= 1ns", timed(spread=(0.0,))).suspect


def other(name, seconds=10e-3, path="benchmarks/bench_a.py", **more):
    return timed(name if "::" in name else f"{path}::{name}", seconds, spread=JITTER, **more)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("speed >= 9x slow", "ok"), ("speed >= 10x slow", "undecided"), ("speed >= 11x slow", "regressed")],
)
def test_speed_is_relative_to_another_benchmark(text, verdict):
    row = budget_row(text, timed(spread=JITTER), other("slow"))
    assert (row.verdict.value, row.unit) == (verdict, "x")
    assert row.head == pytest.approx(10)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("slow", 3e-3),  # the same parameters before anything else
        ("slow[n=99]", 5e-3),
        ("lone", 7e-3),
        ("benchmarks/bench_b.py::far", 9e-3),
    ],
)
def test_names_of_a_speed_budget(name, seconds):
    measured = [
        other("slow[n=99]", 5e-3),
        other("slow[n=10]", 3e-3),
        other("lone[k=1]", 7e-3),
        other("benchmarks/bench_b.py::far", 9e-3),
        other("slow", 1.0, path="benchmarks/bench_b.py"),
        other("slow[n=10]", 2.0, metric="p95"),
    ]
    row = budget_row(f"speed >= 1x {name}", timed(spread=JITTER), *measured)
    assert row.head == pytest.approx(seconds / 1e-3)


@pytest.mark.parametrize("name", ["absent", "slow"])
def test_a_speed_budget_without_its_partner_is_not_checked(name):
    row = budget_row(f"speed >= 2x {name}", timed(), other("slow[n=1]"), other("slow[n=2]"))
    assert (row.verdict, row.suspect, row.head) == (Verdict.UNDECIDED, False, None)
    assert (
        row.note == f"promised speed >= 2x {name}; not checked: {name} is not among the benchmarks measured"
    )


def test_a_waiting_call_and_a_computing_one_are_compared_in_seconds():
    """Their logs have different units: seconds here, references there."""
    waiting = replace(
        other("wait", 0.05, method=Method.TURNS), processes=tuple(math.log(0.05) + j for j in JITTER)
    )
    assert budget_row("speed >= 2x wait", timed(spread=JITTER), waiting).head == pytest.approx(50)


def test_a_budget_on_what_was_not_measured_is_not_checked():
    row = budget_row("p95 <= 1s", timed())
    assert (row.verdict, row.gates, row.head) == (Verdict.UNDECIDED, True, None)
    assert row.note == "promised p95 <= 1s; not checked: p95 was not measured; add `--metric p95`"


@given(st.floats(min_value=1e-6, max_value=1.0), st.floats(min_value=0.001, max_value=0.2))
def test_a_promise_is_never_both_kept_and_broken(limit, spread):
    own = timed(spread=tuple(spread * j for j in (-2, -1, 0, 1, 2)))
    latency = budget_row(f"time <= {limit:.15f}s", own)
    rate = budget_row(f"throughput >= {1 / limit:.15f}/s", own)
    assert latency.verdict is rate.verdict
