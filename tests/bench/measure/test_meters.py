import gc
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.meters import memory
from bench.measure.meters import time as timing
from bench.measure.meters.tails import measure_tails
from bench.measure.target import PlainTarget
from bench.measure.warmup import WarmUp
from bench.model import Method


def work():
    return sum(range(400))


@pytest.fixture(autouse=True)
def collector():
    yield
    gc.enable()
    gc.unfreeze()


def test_blocks_pair_the_subject_with_the_reference_and_the_collector_comes_back():
    samples = timing.measure_time(PlainTarget(work), timing.TimeTask(duration_s=0.02))

    assert samples.method is Method.BLOCKS
    assert len(samples.pairs) >= timing.MIN_BLOCKS
    assert all(subject > 0 and reference > 0 for subject, reference in samples.pairs)
    assert samples.warmup_calls >= 5
    assert gc.isenabled()


def test_the_collector_comes_back_after_a_benchmark_that_raises():
    calls = iter(range(10_000_000))

    def fails_later():
        if next(calls) > 20_000:
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        timing.measure_time(PlainTarget(fails_later), timing.TimeTask(duration_s=30))

    assert gc.isenabled()


@given(call_s=st.floats(1e-9, 1e-2), percent=st.sampled_from([5, 10, 15, 20, 50]))
def test_an_injected_slowdown_is_exact_in_the_loop_counts(call_s, percent):
    loops, done = timing.loop_counts(call_s, percent / 100)

    assert done * 100 == loops * (100 + percent)


@given(call_s=st.floats(1e-8, 7e-4))
def test_without_a_slowdown_a_block_lasts_about_seven_tenths_of_a_millisecond(call_s):
    loops, done = timing.loop_counts(call_s, 0.0)

    assert loops == done
    assert 0.5 * timing.BLOCK_SECONDS <= loops * call_s <= 1.5 * timing.BLOCK_SECONDS


def test_the_slowdown_shows_in_the_numbers_and_not_in_the_loop_count():
    made = []
    target = PlainTarget(lambda: made.append(1))
    task = timing.TimeTask(duration_s=0.0, slowdown=0.5)

    samples = timing._turns(target, task, WarmUp(1, 0.01, 1.0, 1.0))

    assert samples.loops == 20
    assert len(made) == 30 * timing.MIN_TURNS


def test_a_call_that_waits_is_timed_in_wall_clock_seconds_not_divided_by_anything():
    samples = timing.measure_time(PlainTarget(lambda: time.sleep(0.003)), timing.TimeTask())

    assert samples.method is Method.TURNS
    assert len(samples.pairs) == timing.MIN_TURNS
    assert all(reference == 1.0 and subject >= 0.003 for subject, reference in samples.pairs)


def test_a_long_call_is_measured_beside_the_reference_by_cpu_clocks():
    samples = timing.measure_time(PlainTarget(lambda: sum(range(300_000))), timing.TimeTask(duration_s=0.05))

    assert samples.method is Method.CONCURRENT
    assert len(samples.pairs) >= timing.MIN_LONG_CALLS
    assert all(0 < reference < 0.01 for _, reference in samples.pairs)


def test_a_method_named_by_the_task_is_taken():
    samples = timing.measure_time(PlainTarget(work), timing.TimeTask(duration_s=0.0, method=Method.TURNS))

    assert samples.method is Method.TURNS


@pytest.mark.parametrize(("metric", "calls"), [("p95", 200), ("p99", 1000)])
def test_tails_have_as_many_single_calls_as_the_quantile_needs(metric, calls):
    samples = measure_tails(PlainTarget(lambda: None), metric)

    assert len(samples.pairs) == calls
    assert (samples.method, samples.loops) == (Method.CALLS, 1)
    assert gc.isenabled()


def test_the_peak_is_what_one_call_holds_at_most():
    assert 1_000_000 <= memory.measure_peak(PlainTarget(lambda: bytearray(1_000_000))) < 1_010_000


def test_what_is_allocated_once_does_not_count():
    cache = []

    def first_call_allocates():
        if not cache:
            cache.append(bytearray(5_000_000))

    assert memory.measure_peak(PlainTarget(first_call_allocates)) < 10_000


def test_the_peak_is_the_same_twice():
    def build():
        return {str(i): [i] for i in range(500)}

    assert memory.measure_peak(PlainTarget(build)) == memory.measure_peak(PlainTarget(build)) > 0


def test_resident_memory_is_a_plausible_number_of_bytes():
    seen = memory.measure_rss(PlainTarget(lambda: None))

    assert 5e6 < seen < 5e9
    assert math.isclose(seen % 1024, 0.0)


def test_resident_memory_without_proc_comes_from_getrusage(monkeypatch):
    class NoFile:
        def __init__(self, _path): ...

        def is_file(self):
            return False

    monkeypatch.setattr(memory, "Path", NoFile)

    assert 5e6 < memory.measure_rss(PlainTarget(lambda: None)) < 5e9
