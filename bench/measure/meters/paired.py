"""Time of a pair: two workers on one CPU, base and head, that take turns block by block.

Both sides follow one plan that either computes from what warming up showed on both, so nothing but the turn
itself is passed while they measure. A quad is two blocks of either side in the order A B B A, so that a host
whose speed drifts meanwhile touches both alike; its value is (b1 + b2) / (a1 + a2). No reference stands in
between: the other side is the reference. Who begins changes from pair to pair: in 280 comparisons of
identical code the side that did not was 0.42 % faster (standard error 0.06 %).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, thread_time

from bench.measure.clock import Timer, loop_cost, time_calls, timer_cost
from bench.measure.kernels import reference_kernel
from bench.measure.link import Link
from bench.measure.meters.time import BLOCK_SECONDS, MAX_SECONDS, TimeTask, choose_method, loop_counts
from bench.measure.target import Target
from bench.measure.warmup import WarmUp, quiet_collector, tidy, warm_up, warm_up_like
from bench.methods import Method

QUADS = {Method.BLOCKS: 50, Method.CONCURRENT: 5, Method.TURNS: 20, Method.CALLS: 0}
"""Fewest quads of a pair; only concurrent ones, two rounds in which both sides run at once, are also taken
for a while. 50 quads leave 0.7-1 % of noise in the value of a pair, where pairs spread by 1-3 %."""
TAIL_CALLS = {"p95": 200, "p99": 1_000}
_READINGS = 10
_READING_LOOPS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How both sides measure: calls that a block counts for, quads at least, seconds at least."""

    method: Method
    loops: int
    quads: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Half:
    """One side's part: seconds per call in every quad (the mean of its two blocks), readings of the host."""

    method: Method
    times: list[float]
    loops: int
    warmup_calls: int
    empty_loop_share: float
    host: list[float]


def measure_half(
    target: Target, task: TimeTask, metric: str, link: Link, *, leads: bool, slowed: bool
) -> Half:
    """Warm up in turn, agree on the plan, take the blocks with the collector off.

    The side that leads begins every quad and decides when there were enough; only the one that is ``slowed``
    makes the further calls of an injected slowdown. Whatever one side does, reading the host included, the
    other does too.
    """
    warm, other = _warm_up_in_turn(target, link, leads=leads)
    plan = make_plan(warm, other, task, metric)
    quiet_collector()
    try:
        side = _Side(target, plan, link, task.slowdown if slowed else 0.0)
        host = _host_readings()
        times = _rounds(side, leads=leads)
        host += _host_readings()
    finally:
        gc.enable()
    empty = loop_cost() / max(warm.call_s, 1e-12) if plan.method is Method.BLOCKS else 0.0
    return Half(plan.method, times, plan.loops, warm.calls, empty, host)


def _warm_up_in_turn(target: Target, link: Link, *, leads: bool) -> tuple[WarmUp, WarmUp]:
    """(own, other's): the second makes the same number of calls as the first did before it."""
    if leads:
        warm = warm_up(target)
        link.tell(warm)
        return warm, link.hear()
    other = link.hear()
    warm = warm_up_like(target, other.calls)
    link.tell(warm)
    return warm, other


def make_plan(one: WarmUp, other: WarmUp, task: TimeTask, metric: str = "time") -> Plan:
    """The plan that both sides compute alike. The slower side sets the loop count and the method."""
    slower = max(one, other, key=lambda warm: (warm.call_s, warm.waits))
    if metric in TAIL_CALLS:
        return Plan(Method.CALLS, 1, TAIL_CALLS[metric], 0.0)
    method = task.method or choose_method(slower)
    if method is Method.BLOCKS:
        loops = loop_counts(slower.call_s, task.slowdown)[0]
        return Plan(method, loops, QUADS[method], 0.0)
    loops = loop_counts(BLOCK_SECONDS, task.slowdown)[0]  # one call, or as many as the slowdown needs
    return Plan(method, loops, QUADS[method], task.duration_s if method is Method.CONCURRENT else 0.0)


class _Side:
    """One side of the pair: its blocks, and the calls that it makes for them."""

    def __init__(self, target: Target, plan: Plan, link: Link, slowdown: float) -> None:
        self.plan = plan
        self.link = link
        self._target = target
        self._calls = round(plan.loops * (1 + slowdown))
        self._timer: Timer = thread_time if plan.method is Method.CONCURRENT else perf_counter
        self._cost = timer_cost(self._timer)

    def block(self) -> float:
        """Seconds per call of one block."""
        return (self._target.block(self._calls, self._timer) - self._cost) / self.plan.loops


def _rounds(side: _Side, *, leads: bool) -> list[float]:
    if side.plan.method is Method.CALLS:
        return _single_calls(side, leads=leads)
    quad = _together if side.plan.method is Method.CONCURRENT else _in_turn
    return _lead(side, quad) if leads else _follow(side, quad)


def _lead(side: _Side, quad: Callable[..., float]) -> list[float]:
    times: list[float] = []
    start = perf_counter()
    while (elapsed := perf_counter() - start) < MAX_SECONDS and (
        elapsed < side.plan.duration_s or len(times) < side.plan.quads
    ):
        times.append(quad(side, leads=True))
        tidy()
    side.link.stop()
    return times


def _follow(side: _Side, quad: Callable[..., float]) -> list[float]:
    times: list[float] = []
    while side.link.wait():
        times.append(quad(side, leads=False))
        tidy()
    return times


def _in_turn(side: _Side, *, leads: bool) -> float:
    """A B B A: the side that leads measures, hands over for two blocks of the other, and measures again.

    Nothing but the turn is handed over: of its two blocks in a row either side has one with the caches as the
    other left them, and one with its own.
    """
    if leads:
        first = side.block()
        side.link.go()
        side.link.wait()
        return (first + side.block()) / 2
    both = side.block() + side.block()
    side.link.go()
    return both / 2


def _together(side: _Side, *, leads: bool) -> float:
    """Both at once, twice: released by a barrier, first the one side ahead and then the other."""
    if leads:
        side.link.go()
    total = 0.0
    for first in (True, False):
        if leads == first:  # the last to arrive goes on running
            side.link.wait()
            side.link.go()
        else:
            side.link.go()
            side.link.wait()
        total += side.block()
    side.link.go()
    side.link.wait()  # neither begins anything while the other still runs
    return total / 2


def _single_calls(side: _Side, *, leads: bool) -> list[float]:
    """The sides alternate call by call, and so does who is first."""
    times: list[float] = []
    for index in range(side.plan.quads):
        mine_first = leads == (index % 2 == 0)
        if not mine_first:
            side.link.wait()
        times.append(max(side.block(), 1e-9))
        side.link.go()
        if mine_first:
            side.link.wait()
        tidy()
    return times


def _host_readings() -> list[float]:
    """Seconds per iteration of the reference kernel, ten times in some milliseconds: the host's raw speed."""
    return [time_calls(reference_kernel, _READING_LOOPS) / _READING_LOOPS for _ in range(_READINGS)]
