"""Reading time inside a worker: the timer's own cost, and the cost of an empty loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from time import perf_counter

Timer = Callable[[], float]


def time_calls(call: Callable[[], object], count: int, timer: Timer = perf_counter) -> float:
    """Seconds that ``count`` calls take, loop overhead included, the cost of reading the timer too."""
    loop = itertools.repeat(None, count)
    start = timer()
    for _ in loop:
        call()
    return timer() - start


def timer_cost(timer: Timer = perf_counter, readings: int = 200) -> float:
    """Smallest difference of two readings in a row, seconds: what every timed block contains too much."""
    smallest = float("inf")
    for _ in range(readings):
        start = timer()
        smallest = min(smallest, timer() - start)
    return smallest


def loop_cost(rounds: int = 5, count: int = 2_000, timer: Timer = perf_counter) -> float:
    """Seconds that one turn of the measuring loop takes without any call in it."""
    best = float("inf")
    for _ in range(rounds):
        loop = itertools.repeat(None, count)
        start = timer()
        for _turn in loop:
            pass
        best = min(best, timer() - start)
    return best / count
