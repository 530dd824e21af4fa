"""Warm-up, calibration and keeping the collector out of the timing."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep, thread_time

from bench.measure.target import Target

MIN_CALLS = 5
MIN_SECONDS = 0.1
MAX_SECONDS = 1.0
_BURST_SECONDS = 0.002

_PILED_UP = 20_000
"""Container objects that may pile up before a collection between two blocks; about 1 ms of collecting."""


class ForkedBack(RuntimeError):  # noqa: N818  -- a state of affairs, raised in the wrong process
    """The benchmark forked, and its child returned into the measurement instead of exiting."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What warming up showed: calls made, seconds of a fast call, and whether calls wait.

    ``cpu_share`` is the best burst's share of CPU time in wall time, ``waits`` how often a call gave the CPU
    up by itself. A busy host lowers the first and not the second: only both together mean a call that waits.
    """

    calls: int
    call_s: float
    cpu_share: float
    waits: float


class _ForkWatch:
    """Notices children of the benchmark that come back through our loop, before the loop multiplies them.

    A burst of n calls that fork and return makes 2**n processes, so after a first call that forked the parent
    waits until a returning child, if there is one, has reported the fault (which ends the worker).
    """

    def __init__(self) -> None:
        self._me = os.getpid()
        self._forks = 0
        self._settled = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=self._count)

    def _count(self) -> None:
        self._forks += 1

    def check(self) -> None:
        if os.getpid() != self._me:
            raise ForkedBack(
                "the benchmark forks and its child returns from the call; end the child with os._exit"
            )
        if self._forks and not self._settled:
            sleep(0.3)
        self._settled = True


def warm_up(target: Target, *, min_s: float = MIN_SECONDS, max_s: float = MAX_SECONDS) -> WarmUp:
    """Call the target until it had at least 5 calls and ``min_s`` seconds, or ``max_s`` seconds.

    ``call_s`` is the fastest of the bursts, because a burst that the host interrupted says nothing of the
    call.
    """

    def enough(calls: int, elapsed: float) -> bool:
        return (elapsed >= min_s and calls >= MIN_CALLS) or elapsed >= max_s

    return _in_bursts(target, enough, None)


def warm_up_like(target: Target, calls: int, *, max_s: float = MAX_SECONDS) -> WarmUp:
    """Call the target as often as another process did; from 5 calls on, for ``max_s`` seconds at most."""

    def enough(done: int, elapsed: float) -> bool:
        return done >= calls or (elapsed >= max_s and done >= MIN_CALLS)

    return _in_bursts(target, enough, calls)


def _in_bursts(target: Target, enough: Callable[[int, float], bool], most: int | None) -> WarmUp:
    calls, burst, fastest, share = 0, 1, float("inf"), 0.0
    forks = _ForkWatch()
    switches = _voluntary_switches()
    start = perf_counter()
    while True:
        burst = burst if most is None else max(1, min(burst, most - calls))
        cpu = thread_time()
        wall = target.block(burst)
        cpu = thread_time() - cpu
        forks.check()
        calls += burst
        fastest = min(fastest, wall / burst)
        share = max(share, cpu / wall if wall > 0 else 1.0)
        if enough(calls, perf_counter() - start):
            return WarmUp(calls, fastest, min(share, 1.0), (_voluntary_switches() - switches) / calls)
        if wall < _BURST_SECONDS:
            burst *= 2


def _voluntary_switches() -> int:
    """Context switches of this thread that it asked for (getrusage(2), ru_nvcsw); of the process on macOS."""
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nvcsw


def quiet_collector() -> None:
    """Collect, set aside everything alive and switch the collector off for the timing."""
    gc.collect()
    gc.freeze()
    gc.disable()


def tidy() -> None:
    """Between two blocks: collect when cyclic garbage has piled up."""
    if gc.get_count()[0] > _PILED_UP:
        gc.collect()
