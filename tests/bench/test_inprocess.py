import gc
import io
import math
import tracemalloc
import warnings
from functools import partial

import pytest

import bench
from bench import inprocess
from bench.inprocess import (
    MeasurementWarning,
    benchmark_function,
    compare_implementations,
    measure_memory_usage,
    print_comparison_report,
)

TIMING_KEYS = ["mean_us", "median_us", "p95_us", "p99_us", "min_us", "max_us", "std_us", "iterations"]


class ScriptedClock:
    """A clock that advances by the given nanoseconds per call of ``work``, and by ``read`` per reading."""

    def __init__(self, monkeypatch, read=0):
        self.now = 0
        self.read = read
        monkeypatch.setattr(inprocess.time, "perf_counter_ns", self.ns)
        monkeypatch.setattr(inprocess.time, "perf_counter", lambda: self.ns() * 1e-9)

    def ns(self):
        self.now += self.read
        return self.now

    def taking(self, *durations_us):
        """A function whose calls take these times in turn, for ever."""
        state = {"at": 0}

        def work(*_args, **_kwargs):
            self.now += round(durations_us[state["at"] % len(durations_us)] * 1000)
            state["at"] += 1

        return work


def test_the_statistics_are_those_of_the_calls(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    timing = benchmark_function(clock.taking(*range(1, 301)), iterations=300, warmup=0)
    assert list(timing) == TIMING_KEYS
    assert timing["mean_us"] == pytest.approx(150.5)
    assert timing.median_us == pytest.approx(150.5)
    assert timing.p95_us == pytest.approx(1 + 0.95 * 299)
    assert timing.p99_us == pytest.approx(1 + 0.99 * 299)
    assert (timing.min_us, timing.max_us) == (pytest.approx(1), pytest.approx(300))
    assert timing.std_us == pytest.approx(86.7467579)
    assert timing.iterations == 300


def test_the_cost_of_reading_the_clock_is_taken_off(monkeypatch):
    clock = ScriptedClock(monkeypatch, read=50)
    timing = benchmark_function(clock.taking(2), iterations=300, warmup=0)
    assert timing.mean_us == pytest.approx(2)


def test_warm_up_calls_do_not_count(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    timing = benchmark_function(clock.taking(*[1000] * 7, *[1] * 300), iterations=300, warmup=7)
    assert timing.max_us == pytest.approx(1)


def test_arguments_reach_the_function():
    seen = set()
    benchmark_function(
        lambda *args, **kwargs: seen.add((args, tuple(kwargs.items()))), 1, 2, iterations=300, key=3
    )
    assert seen == {((1, 2), (("key", 3),))}


@pytest.mark.parametrize(
    ("iterations", "p95", "p99", "words"),
    [
        (58, False, False, "p95 (needs 59) and p99 (needs 299)"),
        (59, True, False, "p99 (needs 299)"),
        (298, True, False, "p99"),
    ],
)
def test_a_percentile_that_the_sample_cannot_carry_is_nan_with_a_warning(iterations, p95, p99, words):
    with pytest.warns(MeasurementWarning) as caught:
        timing = benchmark_function(int, iterations=iterations)
    assert words in str(caught[0].message)
    assert math.isfinite(timing.p95_us) == p95
    assert math.isfinite(timing.p99_us) == p99


def test_enough_calls_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isfinite(benchmark_function(int, iterations=299).p99_us)


def test_one_call_has_no_standard_deviation():
    with pytest.warns(MeasurementWarning):
        assert math.isnan(benchmark_function(int, iterations=1, warmup=0).std_us)


@pytest.mark.parametrize(
    "counts", [{"iterations": 0}, {"iterations": 1.5}, {"iterations": True}, {"warmup": -1}]
)
def test_impossible_counts_are_refused_by_name(counts):
    with pytest.raises(ValueError, match=next(iter(counts))):
        benchmark_function(int, **counts)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="pass the function"):
        benchmark_function(3)


def test_an_async_function_is_refused_with_the_way_out():
    async def work():
        pass

    with pytest.raises(TypeError, match="bench-guard, which awaits it"):
        benchmark_function(work)
    with pytest.raises(TypeError, match="async"):
        measure_memory_usage(work)


def test_a_generator_function_is_warned_about():
    def items():
        yield 1

    with pytest.warns(MeasurementWarning, match="consumes it"):
        benchmark_function(items, iterations=300)


def test_the_collector_is_off_while_timing_and_back_as_it_was():
    states = set()
    benchmark_function(lambda: states.add(gc.isenabled()), iterations=300, warmup=0)
    assert states == {False}
    assert gc.isenabled()
    gc.disable()
    try:
        benchmark_function(int, iterations=300)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_garbage_does_not_pile_up_without_bound():
    most = []

    def litter():
        for _ in range(1000):
            cycle = []
            cycle.append(cycle)
        most.append(gc.get_count()[0])

    benchmark_function(litter, iterations=300, warmup=0)
    assert max(most) < 20_000


def test_an_exception_of_the_function_passes_through_and_leaves_the_collector_on():
    with pytest.raises(ZeroDivisionError):
        benchmark_function(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compare_implementations({"bad": lambda data: 1 / data}, 0)
    assert gc.isenabled()


def test_memory_of_what_is_kept_and_of_the_peak():
    def work():
        bytearray(3_000_000)
        return bytearray(1_000_000)

    usage = measure_memory_usage(work)
    assert len(usage.result) == 1_000_000
    assert 1_000_000 <= usage.memory_delta_bytes < 1_050_000
    assert usage.memory_delta_mb == usage["memory_delta_bytes"] / 2**20
    assert 3_000_000 <= usage.peak_bytes < 3_050_000
    assert usage.peak_mb == usage.peak_bytes / 2**20
    assert usage.execution_time_ms > 0
    assert isinstance(usage.rss_delta_bytes, int)
    assert not tracemalloc.is_tracing()


def test_memory_that_was_freed_does_not_count():
    usage = measure_memory_usage(lambda: len(bytearray(2_000_000)))
    assert usage.result == 2_000_000
    assert abs(usage.memory_delta_bytes) < 50_000
    assert usage.peak_bytes >= 2_000_000


def test_cyclic_garbage_is_collected_before_the_rest_is_read():
    def work():
        cycle = [bytearray(1_000_000)]
        cycle.append(cycle)

    usage = measure_memory_usage(work)
    assert abs(usage.memory_delta_bytes) < 50_000


def test_memory_passes_arguments_on_and_leaves_a_running_trace_running():
    tracemalloc.start()
    try:
        usage = measure_memory_usage(sorted, [2, 1], reverse=False)
        assert usage.result == [1, 2]
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_a_failing_function_stops_the_trace():
    with pytest.raises(ZeroDivisionError):
        measure_memory_usage(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()


def test_comparison_keys_and_ratios(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    results = compare_implementations(
        {"slow": clock.taking(400), "fast": clock.taking(100)}, None, iterations=300
    )
    assert list(results) == ["slow", "fast"]
    assert list(results["slow"]) == [*TIMING_KEYS, "relative_speed", "speedup", "agrees"]
    assert results["slow"]["relative_speed"] == pytest.approx(4)
    assert results["slow"]["speedup"] == pytest.approx(0.25)
    assert results["fast"]["relative_speed"] == results["fast"]["speedup"] == 1
    assert results["slow"].iterations == 300


def test_a_single_interruption_does_not_change_the_ranking(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    interrupted = clock.taking(*[100] * 399, 5_000_000)
    results = compare_implementations({"a": interrupted, "b": clock.taking(110)}, None, iterations=300)
    assert results["a"].relative_speed == 1
    assert results["b"].relative_speed == pytest.approx(1.1)


def test_implementations_take_turns_in_a_rotating_order(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    order = []

    def named(name, duration):
        work = clock.taking(duration)

        def call(_data):
            order.append(name)
            work()

        return call

    with pytest.warns(MeasurementWarning):
        compare_implementations({"a": named("a", 600), "b": named("b", 600)}, None, iterations=8)
    assert "".join(order[-16:]) == "abba" * 4


def test_a_slow_phase_of_the_host_meets_all_implementations(monkeypatch):
    clock = ScriptedClock(monkeypatch)

    def work(_data):
        clock.now += 200_000 if clock.now < 60_000_000 else 100_000

    results = compare_implementations({"one": work, "two": partial(work)}, None, iterations=300)
    assert results["one"].mean_us == pytest.approx(results["two"].mean_us, rel=0.03)


def test_times_below_the_clock_resolution_count_as_equal(monkeypatch):
    clock = ScriptedClock(monkeypatch)
    results = compare_implementations({"a": clock.taking(0), "b": clock.taking(0)}, None, iterations=300)
    assert results["a"].relative_speed == results["b"].relative_speed == 1


def test_a_different_result_is_reported_before_timing_and_in_the_result():
    calls = {"wrong": 0}

    def wrong(data):
        calls["wrong"] += 1
        return sum(data) + 1

    with pytest.warns(MeasurementWarning, match="wrong: not the same result as right") as caught:
        results = compare_implementations({"right": sum, "wrong": wrong}, [1, 2], iterations=300)
    assert len(caught) == 1
    assert results["right"].agrees
    assert not results["wrong"].agrees
    calls["wrong"] = 0
    with pytest.raises(MeasurementWarning):
        compare_implementations({"right": sum, "wrong": wrong}, [1, 2])
    assert calls["wrong"] == 1


class Array:
    """Equality element by element, as numerical arrays have it."""

    def __init__(self, *values):
        self.values = values

    def __eq__(self, other):
        if len(self.values) != len(other.values):
            raise ValueError("shapes differ")
        return Truths(a == b for a, b in zip(self.values, other.values, strict=True))

    __hash__ = None


class Truths(list):
    def all(self):
        return all(self)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (0.1 + 0.2, 0.3, True),
        (math.nan, math.nan, True),
        (1.0, 1.1, False),
        (iter([1, 2]), iter([1, 2]), True),
        (iter([1, 2]), [1, 2], True),
        (iter([1, 2]), 3, False),
        (Array(1, 2), Array(1, 2), True),
        (Array(1, 2), Array(1, 3), False),
        (Array(1, 2), Array(1), False),
        ("a", "b", False),
    ],
)
def test_what_counts_as_the_same_result(first, second, same):
    assert inprocess._same(first, second) is same


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        compare_implementations({}, None)


def row(relative, **more):
    return {"mean_us": 1234.5, "median_us": 1000.0, "p95_us": math.nan, "relative_speed": relative, **more}


def test_the_report_ranks_and_judges(capsys):
    results = {
        "tortoise": row(3.0),
        "hare": row(1.0),
        "fox": row(1.49),
        "hen": row(1.5),
        "fake\x1b": row(2.99, agrees=False),
    }
    print_comparison_report(results)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["hare", "fox", "hen", "fake\\x1b", "tortoise"]
    assert [line.split("x  ")[-1].strip() for line in lines] == ["FAST", "FAST", "OK", "OK, DIFFERS", "SLOW"]
    assert "1,234.50" in lines[0]
    assert " - " in lines[0]


def test_the_report_goes_to_a_given_file_and_takes_real_results(capsys):
    file = io.StringIO()
    print_comparison_report(
        compare_implementations({"one": sum, "two": partial(sum)}, [1, 2], 300), file=file
    )
    assert "one" in file.getvalue()
    assert capsys.readouterr().out == ""


def test_an_empty_report_is_a_heading(capsys):
    print_comparison_report({})
    assert "implementation" in capsys.readouterr().out


def test_the_names_are_importable_from_the_package():
    assert bench.benchmark_function is benchmark_function
    assert bench.measure_memory_usage is measure_memory_usage
    assert bench.compare_implementations is compare_implementations
    assert bench.print_comparison_report is print_comparison_report
