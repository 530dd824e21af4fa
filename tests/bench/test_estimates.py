import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import MeasurementError
from bench.estimates import (
    PLAIN,
    disturbed,
    estimate,
    fit_calibration,
    process_value,
    reference_speed,
)
from bench.model import Block, Calibration, Method, ProcessRun
from bench.stats.describe import sd


def blocks(*pairs):
    return tuple(Block(subject, reference) for subject, reference in pairs)


def run(pairs=(), *, metric="time", process=0, values=(), method=Method.BLOCKS, share=0.0):
    return ProcessRun(
        "bench_x.py::f", metric, process, 0, method, blocks(*pairs), tuple(values), empty_loop_share=share
    )


def steady(process, level=1.0, count=60, metric="time", method=Method.BLOCKS, share=0.0):
    rng = random.Random(process)
    pairs = []
    for _ in range(count):
        host = rng.choice([1e-6, 2e-6])  # the host's two speeds hit subject and reference alike
        pairs.append((level * host * rng.uniform(0.99, 1.01), host))
    return run(pairs, metric=metric, process=process, method=method, share=share)


def test_a_process_is_the_log_of_the_median_ratio():
    assert process_value(run([(2.0, 1.0), (9.0, 3.0), (400.0, 4.0)])) == pytest.approx(math.log(3.0))


def test_tails_are_quantiles_of_single_calls():
    pairs = [(float(i), 1.0) for i in range(1, 102)]
    assert process_value(run(pairs, metric="p95")) == pytest.approx(math.log(96.0))
    assert process_value(run(pairs, metric="p99")) == pytest.approx(math.log(100.0))


def test_memory_is_a_plain_number():
    assert process_value(run(metric="peak", values=[4096.0])) == 4096.0
    assert process_value(run(metric="rss", values=[1.0, 3.0, 8.0])) == 3.0


def test_blocks_without_time_are_left_out():
    assert process_value(run([(-1e-9, 1.0), (1.0, 0.0), (math.nan, 1.0), (2.0, 1.0)])) == pytest.approx(
        math.log(2)
    )


@pytest.mark.parametrize(
    "lost", [run(), run([(0.0, 1.0)]), run(metric="peak"), run(metric="peak", values=[math.nan])]
)
def test_a_process_without_samples_is_an_error_that_names_it(lost):
    with pytest.raises(MeasurementError, match=r"bench_x\.py::f: process 1 returned no usable sample"):
        process_value(lost)


def test_an_estimate_needs_a_process():
    with pytest.raises(MeasurementError, match="at least one process"):
        estimate([], 1.0, 0.1)


def test_seconds_are_the_mean_of_logs_times_the_reference():
    runs = [run([(2.0, 1.0)]), run([(8.0, 1.0)])]
    found = estimate(runs, 1e-3, 0.10)
    assert found.processes == pytest.approx((math.log(2), math.log(8)))
    assert found.value == pytest.approx(4e-3)
    assert (found.unit, found.metric, found.method, found.varies) == ("s", "time", Method.BLOCKS, False)


def test_calls_that_wait_are_in_seconds_already():
    found = estimate([run([(0.25, 1.0)], method=Method.TURNS)], 1e-3, 0.10)
    assert found.value == pytest.approx(0.25)
    assert found.remarks == ("waits instead of computing: wall-clock time of whole calls",)


def test_memory_that_differs_varies():
    same = estimate([run(metric="peak", values=[100.0]), run(metric="peak", values=[100.0])], 1.0, 0.1)
    other = estimate([run(metric="peak", values=[100.0]), run(metric="peak", values=[108.0])], 1.0, 0.1)
    assert (same.value, same.unit, same.varies) == (100.0, "B", False)
    assert (other.value, other.varies) == (104.0, True)
    assert estimate([run(metric="growth", values=[1.0])], 1.0, 0.1).unit == ""


def test_steady_samples_get_no_remark():
    assert estimate([steady(process) for process in range(5)], 1e-6, 0.10).remarks == ()


def test_few_expensive_calls_are_said():
    runs = [run([(1.0, 1.0)] * 45 + [(5.0, 1.0)] * 15 + [(1.0, 1.0)] * 20, process=k) for k in range(5)]
    assert any("few calls" in remark for remark in estimate(runs, 1e-6, 0.10).remarks)


def test_a_disturbed_host_is_not_mistaken_for_expensive_calls():
    runs = [run([(1.0, 1.0)] * 40 + [(30.0, 30.0)] * 4, process=k) for k in range(5)]
    assert estimate(runs, 1e-6, 0.10).remarks == ()


@pytest.mark.parametrize(("end", "words"), [(1.3, "30% slower"), (1 / 1.3, "30% faster")])
def test_drift_within_processes_is_said(end, words):
    runs = [
        run([(1.0, 1.0)] * 20 + [(math.sqrt(end), 1.0)] * 20 + [(end, 1.0)] * 20, process=k) for k in range(5)
    ]
    assert (
        f"not steady: {words} at the end of a process than at its start" in estimate(runs, 1e-6, 0.10).remarks
    )


def test_drift_of_one_process_among_calm_ones_is_not_proved():
    wild = run([(1.0, 1.0)] * 20 + [(2.0, 1.0)] * 40, process=4)
    assert estimate([*(steady(k) for k in range(4)), wild], 1e-6, 0.10).remarks == ()


def test_too_few_blocks_show_no_drift():
    assert estimate([run([(1.0, 1.0)] * 2 + [(2.0, 1.0)] * 2)] * 2, 1e-6, 0.5).remarks == ()


def test_an_empty_loop_is_said():
    remarks = estimate([steady(k, share=0.35) for k in range(3)], 1e-6, 0.10).remarks
    assert remarks == ("35% of the time is the empty loop: let one call do more",)


def test_tails_are_not_expected_to_be_steady():
    pairs = [(1.0, 1.0)] * 80 + [(9.0, 1.0)] * 40
    assert estimate([run(pairs, metric="p95", process=k) for k in range(3)], 1.0, 0.1).remarks == ()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(min_value=0.5, max_value=4), min_size=1, max_size=20),
    st.floats(min_value=0.01, max_value=100),
)
def test_the_speed_of_the_host_cancels(ratios, host):
    usual = run([(ratio, 1.0) for ratio in ratios])
    today = run([(ratio * host, host) for ratio in ratios])
    assert process_value(today) == pytest.approx(process_value(usual), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(min_value=0.1, max_value=10))
def test_twice_the_work_is_log_two(level):
    pair = [process_value(steady(1, level * factor)) for factor in (1, 2)]
    assert pair[1] - pair[0] == pytest.approx(math.log(2))


def test_reference_speed_is_its_fifth_percentile():
    assert reference_speed([run([(1.0, float(i)) for i in range(1, 102)])]) == pytest.approx(6.0)
    assert math.isnan(reference_speed([]))


def test_reference_of_a_waiting_call_counts_for_nothing():
    waiting = run([(1.0, 1.0)] * 9, method=Method.TURNS)
    assert math.isnan(reference_speed([waiting]))
    assert reference_speed([waiting, run([(1.0, 5e-6)])]) == 5e-6
    assert reference_speed([run([(1.0, 7e-6)], method=Method.CONCURRENT)]) == 7e-6


# --- calibration to one speed of the host -------------------------------------------------------------------


def moody(process, slope, level=1.0, blocks_count=60):
    """A host between 1x and 2x for stretches of ten blocks; the subject follows it with the power ``slope``."""
    rng = random.Random(process)
    pairs = []
    for _ in range(blocks_count // 10):
        host = 1e-6 * 2 ** rng.random()
        for _ in range(10):
            pairs.append(
                (
                    level * 1e-6 * (host / 1e-6) ** slope * rng.uniform(0.995, 1.005),
                    host * rng.uniform(0.995, 1.005),
                )
            )
    return run(pairs, process=process)


@pytest.mark.parametrize("slope", [0.7, 1.0, 1.3])
def test_how_strongly_a_benchmark_follows_the_host_is_learnt(slope):
    fitted = fit_calibration([moody(k, slope) for k in range(20)])
    assert fitted.sensitivity == pytest.approx(slope, abs=0.03)
    assert fitted.reference_s == pytest.approx(1e-6, rel=0.15)


@pytest.mark.parametrize("slope", [0.7, 1.3])
def test_a_calibrated_process_does_not_show_the_mood_of_the_host(slope):
    learnt = fit_calibration([moody(k, slope) for k in range(20)])
    fresh = [moody(k, slope, blocks_count=10) for k in range(100, 140)]
    calibrated = [process_value(each, learnt) for each in fresh]
    plain = [process_value(each) for each in fresh]
    assert sd(calibrated) < sd(plain) / 4


def test_a_calibrated_estimate_is_in_seconds_of_the_stated_speed():
    learnt = Calibration(1.3, 1e-6)
    found = estimate([moody(k, 1.3, level=5.0) for k in range(5)], 99.0, 0.10, learnt)
    assert found.value == pytest.approx(5e-6, rel=0.02)
    assert found.calibration == learnt


def test_slopes_are_kept_within_reason():
    assert fit_calibration([moody(k, 3.0) for k in range(20)]).sensitivity == 1.6
    assert fit_calibration([moody(k, 0.0) for k in range(20)]).sensitivity == 0.4


def test_a_calm_host_teaches_nothing():
    calm = [run([(1e-5, 1e-6)] * 60, process=k) for k in range(20)]
    assert fit_calibration(calm) == Calibration(1.0, 1e-6)
    assert fit_calibration([moody(1, 1.3)]).sensitivity == 1.0


def test_only_blocks_of_time_are_calibrated():
    waiting = replace(moody(1, 1.3), method=Method.TURNS)
    tail = replace(moody(1, 1.3), metric="p95")
    for runs in ([], [waiting], [tail]):
        assert fit_calibration(runs) == PLAIN == Calibration()


def test_a_lone_reading_far_from_the_others_was_disturbed():
    quiet = [0.01 * (k % 5) for k in range(20)]

    assert disturbed(quiet, 0.10) == ()
    assert disturbed([*quiet[:7], 0.74, *quiet[8:]], 0.10) == (7,)
    assert disturbed([*quiet[:7], -0.48, *quiet[8:]], 0.10) == (7,)


def test_a_second_mode_is_how_the_benchmark_behaves_and_not_a_disturbance():
    assert disturbed([0.0] * 14 + [0.3] * 6, 0.10) == ()


def test_values_that_spread_even_without_the_farthest_were_not_disturbed_but_are_like_that():
    wild = [0.0] * 16 + [0.3, -0.25, 0.2, 0.4]
    two_strays = [0.0] * 18 + [0.12, 0.4]

    assert disturbed(wild, 0.10) == ()
    assert disturbed(two_strays, 0.10) == (18, 19)


def test_readings_within_half_the_tolerance_are_never_called_disturbed():
    assert disturbed([0.0] * 19 + [0.04], 0.10) == ()


def test_two_kinds_of_process_are_said():
    runs = [steady(k, level=1.3 if k % 3 == 0 else 1.0) for k in range(12)]
    assert estimate(runs, 1e-6, 0.10).remarks == (
        "two modes: 4 of 12 processes are 30 % slower than the others",
    )


def test_two_modes_closer_than_half_the_tolerance_are_not_worth_a_word():
    runs = [steady(k, level=1.3 if k % 3 == 0 else 1.0) for k in range(12)]
    assert estimate(runs, 1e-6, 0.80).remarks == ()
