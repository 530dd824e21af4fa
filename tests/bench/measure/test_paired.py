"""Two sides that take turns: both halves run in threads here, which is all that the link between them needs."""

import os
import socket
import threading

import pytest

from bench.measure.link import Link, PartnerLost
from bench.measure.meters.paired import TAIL_CALLS, make_plan, measure_half
from bench.measure.meters.time import TimeTask
from bench.measure.target import PlainTarget
from bench.measure.warmup import WarmUp
from bench.methods import Method

QUICK = WarmUp(calls=1_000, call_s=10e-6, cpu_share=1.0, waits=0.0)
LONG = WarmUp(calls=5, call_s=0.05, cpu_share=1.0, waits=0.0)
PLAIN_TASK = TimeTask()
WAITING = WarmUp(calls=5, call_s=0.05, cpu_share=0.1, waits=1.0)


@pytest.fixture
def ends():
    pair = socket.socketpair()
    yield [Link(end.fileno()) for end in pair], pair
    for end in pair:
        end.close()


def both(ends, calls, task=PLAIN_TASK, metric="time"):
    """(base, head) halves of one pair whose sides run the given calls."""
    links, _ = ends
    halves = {}

    def side(name, link, call):
        base = name == "base"
        halves[name] = measure_half(PlainTarget(call), task, metric, link, leads=base, slowed=not base)

    threads = [
        threading.Thread(target=side, args=args) for args in zip(("base", "head"), links, calls, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return halves["base"], halves["head"]


def counting(work=20):
    def call():
        call.count += 1
        return sum(range(work))

    call.count = 0
    return call


class TestLink:
    def test_what_warming_up_showed_arrives_whole(self, ends):
        (here, there), _ = ends

        here.tell(QUICK)

        assert there.hear() == QUICK

    def test_a_turn_is_handed_over_until_there_is_none_any_more(self, ends):
        (here, there), _ = ends

        here.go()
        here.stop()

        assert there.wait() is True
        assert there.wait() is False

    def test_a_partner_that_ended_is_noticed_by_reading_and_by_writing(self, ends):
        (here, _), (_, other) = ends
        other.close()

        with pytest.raises(PartnerLost):
            here.wait()
        with pytest.raises(PartnerLost):
            here.go()

    def test_a_record_that_is_cut_short_is_a_lost_partner(self, ends):
        (here, _), (_, other) = ends
        os.write(other.fileno(), b"half")
        other.close()

        with pytest.raises(PartnerLost):
            here.hear()


class TestPlan:
    def test_short_calls_make_blocks_of_half_a_millisecond_to_one(self):
        plan = make_plan(QUICK, QUICK, TimeTask())

        assert plan.method is Method.BLOCKS
        assert 0.5e-3 <= plan.loops * QUICK.call_s <= 1e-3
        assert plan.quads >= 50

    @pytest.mark.parametrize("slow", [LONG, WAITING])
    def test_the_slower_side_decides_whichever_it_is(self, slow):
        assert make_plan(QUICK, slow, TimeTask()) == make_plan(slow, QUICK, TimeTask())

    def test_long_calls_run_at_once_and_waiting_ones_in_turn(self):
        assert make_plan(LONG, LONG, TimeTask()).method is Method.CONCURRENT
        waiting = make_plan(WAITING, WAITING, TimeTask())
        assert waiting.method is Method.TURNS
        assert waiting.quads >= 20

    def test_a_method_that_was_settled_before_stays(self):
        assert make_plan(QUICK, QUICK, TimeTask(method=Method.CONCURRENT)).method is Method.CONCURRENT

    @pytest.mark.parametrize("metric", ["p95", "p99"])
    def test_tails_take_single_calls_enough_for_their_quantile(self, metric):
        plan = make_plan(QUICK, LONG, TimeTask(), metric)

        assert (plan.method, plan.loops, plan.quads) == (Method.CALLS, 1, TAIL_CALLS[metric])

    def test_an_injected_slowdown_is_a_whole_number_of_calls(self):
        plan = make_plan(QUICK, QUICK, TimeTask(slowdown=0.15))

        assert plan.loops * 1.15 == pytest.approx(round(plan.loops * 1.15))


class TestHalves:
    def test_both_sides_have_one_time_a_quad_and_agree_how_many(self, ends):
        base, head = both(ends, (counting(), counting()))

        assert base.method is head.method is Method.BLOCKS
        assert len(base.times) == len(head.times) >= 50
        assert base.loops == head.loops
        assert all(time > 0 for time in base.times + head.times)

    def test_both_sides_warm_up_by_the_same_number_of_calls(self, ends):
        base, head = both(ends, (counting(), counting()))

        assert base.warmup_calls == head.warmup_calls

    def test_both_sides_read_the_speed_of_the_host(self, ends):
        base, head = both(ends, (counting(), counting()))

        assert len(base.host) == len(head.host) == 20

    @pytest.mark.parametrize("method", [Method.CONCURRENT, Method.TURNS])
    def test_long_and_waiting_calls_come_in_quads_too(self, ends, method):
        base, head = both(ends, (counting(), counting()), TimeTask(duration_s=0.01, method=method))

        assert base.method is head.method is method
        assert len(base.times) == len(head.times) >= (5 if method is Method.CONCURRENT else 20)

    def test_single_calls_alternate(self, ends):
        base, head = both(ends, (counting(), counting()), metric="p95")

        assert len(base.times) == len(head.times) == TAIL_CALLS["p95"]

    def test_a_slowdown_makes_the_head_alone_call_more(self, ends):
        plain, slowed = counting(200), counting(200)
        base, _head = both(ends, (plain, slowed), TimeTask(slowdown=0.5))
        timed_by_base = plain.count - base.warmup_calls

        assert slowed.count - base.warmup_calls == pytest.approx(1.5 * timed_by_base)

    def test_a_lost_partner_ends_the_measurement(self, ends):
        (here, _), (_, other) = ends
        other.close()

        with pytest.raises(PartnerLost):
            measure_half(PlainTarget(counting()), PLAIN_TASK, "time", here, leads=True, slowed=False)
