"""Warm-up, calibration and keeping the collector out of the timing."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from time import perf_counter, sleep, thread_time

from bench.measure.target import Target

MIN_CALLS = 5
MIN_SECONDS = 0.1
MAX_SECONDS = 1.0

_PILED_UP = 20_000
"""Container objects that may pile up before a collection between two blocks; about 1 ms of collecting."""


class ForkedBack(RuntimeError):  # noqa: N818  -- a state of affairs, raised in the wrong process
    """The benchmark forked, and its child returned into the measurement instead of exiting."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What warming up showed: calls made, seconds of a fast call, best share of CPU time in wall time."""

    calls: int
    call_s: float
    cpu_share: float


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
            raise ForkedBack("the benchmark forks and its child returns from the call; end the child with os._exit")
        if self._forks and not self._settled:
            sleep(0.3)
        self._settled = True


def warm_up(target: Target, *, min_s: float = MIN_SECONDS, max_s: float = MAX_SECONDS) -> WarmUp:
    """Call the target until it had at least 5 calls and ``min_s`` seconds, or ``max_s`` seconds.

    ``call_s`` is the fastest of the later bursts, because a burst that the host interrupted says nothing of
    the call; ``cpu_share`` is the best burst for the same reason: only code that really waits is below 0.95
    in every burst.
    """
    calls, burst, fastest, share = 0, 1, float("inf"), 0.0
    forks = _ForkWatch()
    start = perf_counter()
    while True:
        cpu = thread_time()
        wall = target.block(burst)
        cpu = thread_time() - cpu
        forks.check()
        calls += burst
        fastest = min(fastest, wall / burst)
        share = max(share, cpu / wall if wall > 0 else 1.0)
        elapsed = perf_counter() - start
        if (elapsed >= min_s and calls >= MIN_CALLS) or elapsed >= max_s:
            return WarmUp(calls, fastest, min(share, 1.0))
        if wall < 0.002:
            burst *= 2


def quiet_collector() -> None:
    """Collect, set aside everything alive and switch the collector off for the timing."""
    gc.collect()
    gc.freeze()
    gc.disable()


def tidy() -> None:
    """Between two blocks: collect when cyclic garbage has piled up."""
    if gc.get_count()[0] > _PILED_UP:
        gc.collect()
