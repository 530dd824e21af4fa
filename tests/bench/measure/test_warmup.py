import gc
import time

import pytest

from bench.measure import warmup
from bench.measure.meters.time import choose_method
from bench.measure.target import PlainTarget
from bench.model import Method


class CountingTarget(PlainTarget):
    """Tells how the warm-up grouped its calls."""

    def __init__(self, call=lambda: None):
        super().__init__(call)
        self.bursts = []

    def block(self, count, timer=time.perf_counter):
        self.bursts.append(count)
        return super().block(count, timer)


def test_at_least_five_calls_are_made():
    target = CountingTarget()

    warm = warmup.warm_up(target, min_s=0.0)

    assert warm.calls == sum(target.bursts) >= 5


def test_the_cap_ends_a_warm_up_of_slow_calls():
    target = CountingTarget()

    assert warmup.warm_up(target, min_s=0.0, max_s=0.0).calls == 1


class InstantTarget(CountingTarget):
    """Every burst takes a microsecond, however busy the host is."""

    def block(self, count, timer=time.perf_counter):
        super().block(count, timer)
        return 1e-6


def test_bursts_of_short_calls_grow_and_end_with_the_number_asked_for():
    target = InstantTarget()

    warm = warmup.warm_up_like(target, 100)

    assert target.bursts == [1, 2, 4, 8, 16, 32, 37]
    assert warm.calls == 100


def test_a_partner_that_is_much_slower_stops_at_the_cap_but_makes_five_calls():
    target = CountingTarget(lambda: time.sleep(0.001))

    assert warmup.warm_up_like(target, 1_000_000, max_s=0.0).calls >= 5


def test_a_call_that_sleeps_waits_and_one_that_computes_does_not():
    sleeping = warmup.warm_up(PlainTarget(lambda: time.sleep(0.003)), min_s=0.0)
    computing = warmup.warm_up(PlainTarget(lambda: sum(range(200_000))), min_s=0.0)

    assert sleeping.waits > 0.5
    assert sleeping.cpu_share < 0.95
    assert computing.waits < 0.5


@pytest.mark.parametrize(
    ("call_s", "cpu_share", "waits", "method"),
    [
        (0.0001, 1.0, 0.0, Method.BLOCKS),
        (0.0001, 0.1, 1.0, Method.BLOCKS),
        (0.0500, 1.0, 0.0, Method.CONCURRENT),
        (
            0.0500,
            0.5,
            0.0,
            Method.CONCURRENT,
        ),  # preempted by a busy host, but it never gave up the CPU itself
        (0.0500, 0.5, 1.0, Method.TURNS),
        (0.0500, 0.99, 3.0, Method.CONCURRENT),
    ],
)
def test_the_method_follows_the_length_of_a_call_and_whether_it_waits(call_s, cpu_share, waits, method):
    assert choose_method(warmup.WarmUp(10, call_s, cpu_share, waits)) is method


def test_a_returning_child_of_a_fork_is_an_error_in_the_child(monkeypatch):
    watch = warmup._ForkWatch()
    monkeypatch.setattr(warmup.os, "getpid", lambda: -1)

    with pytest.raises(warmup.ForkedBack, match=r"os\._exit"):
        watch.check()


def test_after_a_first_call_that_forked_the_parent_waits_once_for_a_returning_child(monkeypatch):
    slept = []
    monkeypatch.setattr(warmup, "sleep", slept.append)
    watch = warmup._ForkWatch()
    watch._count()

    watch.check()
    watch.check()

    assert len(slept) == 1


def test_the_collector_is_off_and_tidying_collects_only_what_piled_up(monkeypatch):
    collected = []
    monkeypatch.setattr(warmup.gc, "collect", lambda: collected.append(1))
    try:
        warmup.quiet_collector()
        assert not gc.isenabled()
        assert len(collected) == 1
        monkeypatch.setattr(warmup.gc, "get_count", lambda: (100, 0, 0))
        warmup.tidy()
        assert len(collected) == 1
        monkeypatch.setattr(warmup.gc, "get_count", lambda: (50_000, 0, 0))
        warmup.tidy()
        assert len(collected) == 2
    finally:
        gc.enable()
        gc.unfreeze()
