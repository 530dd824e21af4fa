"""Time of one process: subject against the reference kernel, in the way that fits the length of a call."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from time import perf_counter, thread_time

from bench.measure.clock import loop_cost, time_calls, timer_cost
from bench.measure.kernels import reference_kernel
from bench.measure.target import Target
from bench.measure.warmup import WarmUp, quiet_collector, tidy, warm_up
from bench.methods import Method

BLOCK_SECONDS = 0.0007
"""Between 0.5 and 1 ms: there the ratio of two neighbouring blocks spreads 1-2 %, at 10 ms 4-11 %."""
LONG_CALL_SECONDS = 0.002
WAITING_SHARE = 0.95
WAITS_A_CALL = 0.5
MIN_BLOCKS = 50
MIN_LONG_CALLS = 8
MIN_TURNS = 20
MAX_SECONDS = 5.0
_EXACT = 20
"""While a slowdown is injected, loop counts are multiples of this: 5 % is one call in twenty."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw pairs (seconds per call, seconds per reference iteration) and how they were taken."""

    method: Method
    pairs: list[tuple[float, float]]
    loops: int
    reference_loops: int
    warmup_calls: int
    empty_loop_share: float
    cpu_share: float = 1.0


@dataclass(frozen=True, slots=True)
class TimeTask:
    """Seconds to measure for, a method decided before, and the slowdown to inject (0.15 for 15 %)."""

    duration_s: float = 0.22
    method: Method | None = None
    slowdown: float = 0.0


def measure_time(target: Target, task: TimeTask) -> Samples:
    """Warm up, choose the method unless the task names one, and take the blocks with the collector off."""
    warm = warm_up(target)
    method = task.method or choose_method(warm)
    quiet_collector()
    try:
        if method is Method.CONCURRENT:
            return _concurrent(target, task, warm)
        if method is Method.TURNS:
            return _turns(target, task, warm)
        return _blocks(target, task, warm)
    finally:
        gc.enable()


def choose_method(warm: WarmUp) -> Method:
    """Blocks for short calls; long ones run beside the reference, or in turns if they wait."""
    if warm.call_s <= LONG_CALL_SECONDS:
        return Method.BLOCKS
    waits = warm.cpu_share < WAITING_SHARE and warm.waits >= WAITS_A_CALL
    return Method.TURNS if waits else Method.CONCURRENT


def _blocks(target: Target, task: TimeTask, warm: WarmUp) -> Samples:
    loops, done = loop_counts(warm.call_s, task.slowdown)
    reference_loops = max(1, round(BLOCK_SECONDS / _reference_seconds()))
    cost = timer_cost()
    pairs: list[tuple[float, float]] = []
    start, had_cpu = perf_counter(), thread_time()
    while (elapsed := perf_counter() - start) < MAX_SECONDS and (
        elapsed < task.duration_s or len(pairs) < MIN_BLOCKS
    ):
        subject = target.block(done) - cost
        reference = time_calls(reference_kernel, reference_loops) - cost
        pairs.append((subject / loops, reference / reference_loops))
        tidy()
    share = min((thread_time() - had_cpu) / (perf_counter() - start), 1.0)
    empty = loop_cost() / max(warm.call_s, 1e-12)
    return Samples(Method.BLOCKS, pairs, loops, reference_loops, warm.calls, empty, share)


def loop_counts(call_s: float, slowdown: float) -> tuple[int, int]:
    """(calls a block is reported for, calls it makes); they differ by the injected slowdown only."""
    loops = max(1, round(BLOCK_SECONDS / max(call_s, 1e-9)))
    if not slowdown:
        return loops, loops
    loops = max(_EXACT, loops // _EXACT * _EXACT)
    return loops, round(loops * (1 + slowdown))


def _concurrent(target: Target, task: TimeTask, warm: WarmUp) -> Samples:
    """Both at once on one CPU: the operating system interleaves them, each thread's CPU clock counts its own.

    With an injected slowdown a sample is ``_EXACT`` calls, since a single call cannot be lengthened exactly.
    """
    loops, done = (_EXACT, round(_EXACT * (1 + task.slowdown))) if task.slowdown else (1, 1)
    pairs: list[tuple[float, float]] = []
    end = perf_counter() + 2 * task.duration_s  # the CPU is shared with the reference
    limit = perf_counter() + MAX_SECONDS
    from bench.measure.spinner import Spinner  # noqa: PLC0415  -- subprocess, which few workers need

    with Spinner() as spinner:
        while (now := perf_counter()) < limit and (now < end or len(pairs) < MIN_LONG_CALLS):
            spinner.release()
            subject = target.block(done, thread_time)
            pairs.append((subject / loops, spinner.halt()))
            tidy()
    return Samples(Method.CONCURRENT, pairs, loops, spinner.last_iterations, warm.calls, 0.0)


def _turns(target: Target, task: TimeTask, warm: WarmUp) -> Samples:
    """Wall clock of whole calls. Waiting does not scale with the speed of the CPU, so it is not divided.

    The reference column is the constant 1: ratios of these pairs are seconds.
    """
    loops, done = (_EXACT, round(_EXACT * (1 + task.slowdown))) if task.slowdown else (1, 1)
    pairs: list[tuple[float, float]] = []
    limit = perf_counter() + max(MAX_SECONDS, task.duration_s)
    while len(pairs) < MIN_TURNS and perf_counter() < limit:
        pairs.append((target.block(done) / loops, 1.0))
        tidy()
    return Samples(Method.TURNS, pairs, loops, 1, warm.calls, 0.0)


def _reference_seconds() -> float:
    for _ in range(50):
        reference_kernel()
    return min(time_calls(reference_kernel, 5) for _ in range(10)) / 5
