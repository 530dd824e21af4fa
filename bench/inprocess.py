"""Measuring inside the running program: quick answers while developing, no gate.

Everything here shares one process, one heap and one moment with its caller. That is good enough to see that
one way is three times faster than another; it is not good enough to convict a change of 10 %, which is what
``bench-guard`` and its fresh processes are for.
"""

from __future__ import annotations

import gc
import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from bench.profiling.allocations import AllocationMeter
from bench.record import Record
from bench.stats.describe import mean, median, sd
from bench.stats.quantiles import needed_for_upper_bound, quantile
from bench.text import printable

FAST_BELOW = 1.5
OK_BELOW = 3.0
"""Relative speeds from which an implementation is no longer FAST, no longer OK."""

_BATCH_S = 0.5e-3
_LEAST_TURNS = 20
_PILED_UP = 10_000
_MB = 1024 * 1024


class MeasurementWarning(UserWarning):
    """The numbers are right but do not say what they seem to say; the message tells why."""


@dataclass(frozen=True, slots=True, eq=False)
class Timing(Record):
    """Times of single calls in microseconds, the cost of reading the clock taken off.

    ``std_us`` is nan for one call; ``p95_us`` and ``p99_us`` are nan below 59 and 299 calls.
    """

    mean_us: float
    median_us: float
    p95_us: float
    p99_us: float
    min_us: float
    max_us: float
    std_us: float
    iterations: int


@dataclass(frozen=True, slots=True, eq=False)
class ComparedTiming(Timing):
    """One implementation among several: the keys of :class:`Timing` and its place among the others.

    ``relative_speed`` is its time over the fastest one's, 1 for the fastest; ``speedup`` the inverse.
    Both are medians of ratios within a turn, so they are steadier than the ratio of the times shown.
    ``agrees`` is False if its result differs from the first implementation's.
    """

    relative_speed: float
    speedup: float
    agrees: bool


@dataclass(frozen=True, slots=True, eq=False)
class MemoryUsage(Record):
    """What one call did to memory.

    ``result``: what the call returned, kept alive while the memory after it was read.
    ``execution_time_ms``: wall time of this one call while its allocations were traced, which is several
    times slower than without; use :func:`benchmark_function` for times.
    ``memory_delta_bytes``, ``memory_delta_mb`` (MiB): Python memory still held after the call and a
    collection, its result included, less what was held before; from tracemalloc.
    ``peak_bytes``, ``peak_mb``: the most Python memory held at any moment of the call above the start.
    ``rss_delta_bytes``: change of the process's resident memory, through psutil. The allocator keeps and
    reuses pages, so it is often 0, may be negative, and includes what tracing itself needed.
    """

    result: Any
    execution_time_ms: float
    memory_delta_bytes: int
    memory_delta_mb: float
    peak_bytes: int
    peak_mb: float
    rss_delta_bytes: int


def benchmark_function(
    func: Callable[..., Any], *args: Any, iterations: int = 1000, warmup: int = 100, **kwargs: Any
) -> Timing:
    """Time ``func(*args, **kwargs)``: ``warmup`` calls that do not count, then ``iterations`` that do.

    The garbage collector is off during the calls and runs between them when much has piled up. Percentiles by
    :func:`bench.stats.quantiles.quantile`; nan with a :class:`MeasurementWarning` where the sample cannot
    carry them. Raises TypeError for an async function or what cannot be called, ValueError for impossible
    counts.

    >>> benchmark_function(sorted, [3, 1, 2], iterations=300)["iterations"]
    300
    """
    _check_subject(func)
    _check_counts(iterations, warmup)
    for _ in range(warmup):
        func(*args, **kwargs)
    with _collector_off():
        times = _time_calls(partial(func, *args, **kwargs), iterations, _clock_cost())
    _warn_of_small_sample(iterations)
    return Timing(**_summary(times))


def measure_memory_usage(func: Callable[..., Any], *args: Any, **kwargs: Any) -> MemoryUsage:
    """Call ``func(*args, **kwargs)`` once and measure what it allocates; see :class:`MemoryUsage`.

    May be used while tracemalloc is already tracing, and inside a traced function. An exception of ``func``
    passes through. Raises TypeError for an async function or what cannot be called.

    >>> usage = measure_memory_usage(bytearray, 1_000_000)
    >>> usage.memory_delta_bytes >= 1_000_000 and usage.peak_bytes >= usage.memory_delta_bytes
    True
    """
    import psutil  # noqa: PLC0415  -- costs 10 ms, and only this function needs it

    _check_subject(func)
    process = psutil.Process()
    gc.collect()
    rss_before = process.memory_info().rss
    with AllocationMeter() as meter:
        start = time.perf_counter()
        result = func(*args, **kwargs)
        elapsed = time.perf_counter() - start
        meter.note_peak()
        gc.collect()
    rss_after = process.memory_info().rss
    return MemoryUsage(
        result=result,
        execution_time_ms=elapsed * 1e3,
        memory_delta_bytes=meter.current_bytes,
        memory_delta_mb=meter.current_bytes / _MB,
        peak_bytes=meter.peak_bytes,
        peak_mb=meter.peak_bytes / _MB,
        rss_delta_bytes=rss_after - rss_before,
    )


def compare_implementations(
    implementations: Mapping[str, Callable[[Any], Any]], test_data: Any, iterations: int = 1000
) -> dict[str, ComparedTiming]:
    """Time several implementations of one thing on the same data, each called as ``func(test_data)``.

    First every one is called once and its result compared with the first one's: a difference is a
    :class:`MeasurementWarning` before anything is timed, and ``agrees=False`` in the result. Then they take
    turns in batches of about half a millisecond, in an order that rotates, so that a slow phase of the host
    meets them all. ``test_data`` must survive the calls unchanged. Raises ValueError without implementations.

    >>> found = compare_implementations({"list": list, "tuple": lambda data: [*tuple(data)]}, range(100), 300)
    >>> min(row.relative_speed for row in found.values())
    1.0
    """
    if not implementations:
        raise ValueError("compare_implementations needs at least one implementation, got an empty mapping")
    for func in implementations.values():
        _check_subject(func)
    _check_counts(iterations, 0)
    agrees = _agreement(implementations, test_data)
    batch = _warm_up(implementations.values(), test_data, iterations)
    turns = _take_turns(implementations, test_data, iterations, batch)
    _warn_of_small_sample(iterations)
    relative = _relative_speeds(turns)
    return {
        name: ComparedTiming(
            **_summary([seconds for turn in turns[name] for seconds in turn]),
            relative_speed=relative[name],
            speedup=1 / relative[name],
            agrees=agrees[name],
        )
        for name in implementations
    }


def print_comparison_report(results: Mapping[str, Mapping[str, Any]], file: TextIO | None = None) -> None:
    """Print what :func:`compare_implementations` found, fastest first, to ``file`` or standard output.

    FAST takes less than 1.5 times as long as the fastest, OK less than 3 times, everything else is SLOW; an
    implementation with another result than the first one's is marked DIFFERS.
    """
    from tabulate import tabulate  # noqa: PLC0415  -- only needed to print

    ranked = sorted(results.items(), key=lambda item: item[1]["relative_speed"])
    rows = [
        [
            printable(name),
            *(_microseconds(row[key]) for key in ("mean_us", "median_us", "p95_us")),
            f"{row['relative_speed']:.2f}x",
            _status(row),
        ]
        for name, row in ranked
    ]
    headers = ["implementation", "mean us", "median us", "p95 us", "relative", "status"]
    align = ("left", "right", "right", "right", "right", "left")
    print(tabulate(rows, headers=headers, colalign=align if rows else None, disable_numparse=True), file=file)


def _status(row: Mapping[str, Any]) -> str:
    relative = row["relative_speed"]
    speed = "FAST" if relative < FAST_BELOW else "OK" if relative < OK_BELOW else "SLOW"
    return speed if row.get("agrees", True) else f"{speed}, DIFFERS"


def _microseconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.2f}"


def _check_subject(func: Callable[..., Any]) -> None:
    if not callable(func):
        raise TypeError(
            f"expected something to call, got {type(func).__name__}; pass the function, not its result"
        )
    if inspect.iscoroutinefunction(func):
        raise TypeError(
            f"{_name(func)} is async: a call only builds a coroutine; declare it with @benchmark and use "
            "bench-guard, which awaits it"
        )
    if inspect.isgeneratorfunction(func):
        warnings.warn(
            f"{_name(func)} is a generator function: a call runs none of its body; measure something that "
            "consumes it, such as lambda data: list(func(data))",
            MeasurementWarning,
            stacklevel=3,
        )


def _name(func: Callable[..., Any]) -> str:
    return printable(str(getattr(func, "__qualname__", type(func).__name__)))


def _check_counts(iterations: int, warmup: int) -> None:
    for name, value, least in (("iterations", iterations, 1), ("warmup", warmup, 0)):
        if type(value) is not int or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def _time_calls(call: Callable[[], Any], count: int, overhead_ns: int) -> list[float]:
    """Seconds of each of ``count`` calls; garbage is collected between them when much has piled up."""
    clock = time.perf_counter_ns
    times = []
    for _ in range(count):
        start = clock()
        call()
        times.append(max(clock() - start - overhead_ns, 0) * 1e-9)
        if gc.get_count()[0] > _PILED_UP:
            gc.collect()
    return times


def _clock_cost() -> int:
    """What reading the clock adds to every call, in nanoseconds."""
    clock = time.perf_counter_ns
    return min(-(clock() - clock()) for _ in range(200))


@contextmanager
def _collector_off() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _summary(times: list[float]) -> dict[str, Any]:
    micros = [seconds * 1e6 for seconds in times]
    return {
        "mean_us": mean(micros),
        "median_us": median(micros),
        "p95_us": _percentile(micros, 0.95),
        "p99_us": _percentile(micros, 0.99),
        "min_us": min(micros),
        "max_us": max(micros),
        "std_us": sd(micros),
        "iterations": len(micros),
    }


def _percentile(values: list[float], p: float) -> float:
    return quantile(values, p) if len(values) >= needed_for_upper_bound(p) else math.nan


def _warn_of_small_sample(count: int) -> None:
    lacking = {f"p{p * 100:.0f}": needed_for_upper_bound(p) for p in (0.95, 0.99)}
    lacking = {name: needed for name, needed in lacking.items() if count < needed}
    if lacking:
        wanted = " and ".join(f"{name} (needs {needed})" for name, needed in lacking.items())
        warnings.warn(f"{count} calls are too few for {wanted}: nan", MeasurementWarning, stacklevel=3)


def _agreement(implementations: Mapping[str, Callable[[Any], Any]], test_data: Any) -> dict[str, bool]:
    """Whether each result equals the first one's; differing ones are named in a warning."""
    results = {name: func(test_data) for name, func in implementations.items()}
    first, *others = results
    agrees = {first: True} | {name: _same(results[first], results[name]) for name in others}
    differing = [printable(name) for name, same in agrees.items() if not same]
    if differing:
        warnings.warn(
            f"{', '.join(differing)}: not the same result as {printable(first)}; "
            "a faster wrong answer is no gain",
            MeasurementWarning,
            stacklevel=3,
        )
    return agrees


def _same(first: Any, second: Any) -> bool:
    """Equality; floats may differ in rounding, iterators are equal in what they yield, arrays as a whole."""
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-9) or (math.isnan(first) and math.isnan(second))
    try:
        if isinstance(first, Iterator) or isinstance(second, Iterator):
            return list(first) == list(second)
        equal = first == second
        return bool(equal.all()) if hasattr(equal, "all") else bool(equal)
    except (TypeError, ValueError):
        return False


def _warm_up(functions: Any, test_data: Any, iterations: int) -> int:
    """Call each often enough to be warm, at most 0.1 s; return how many calls make a turn."""
    slowest = 0.0
    for func in functions:
        start = time.perf_counter()
        calls = 0
        while calls < min(iterations, 100) and (calls < 1 or time.perf_counter() - start < 0.1):
            func(test_data)
            calls += 1
        slowest = max(slowest, (time.perf_counter() - start) / calls)
    return max(1, min(iterations // _LEAST_TURNS, int(_BATCH_S / max(slowest, 1e-9))))


def _take_turns(
    implementations: Mapping[str, Callable[[Any], Any]], test_data: Any, iterations: int, batch: int
) -> dict[str, list[list[float]]]:
    """Per implementation, per turn, the seconds of its calls."""
    times: dict[str, list[list[float]]] = {name: [] for name in implementations}
    names = list(implementations)
    with _collector_off():
        overhead = _clock_cost()
        for turn, done in enumerate(range(0, iterations, batch)):
            size = min(batch, iterations - done)
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                times[name].append(_time_calls(partial(implementations[name], test_data), size, overhead))
    return times


def _relative_speeds(turns: Mapping[str, list[list[float]]]) -> dict[str, float]:
    """Time of each over the fastest's: medians over the turns of its ratio to the first in the same turn.

    What the clock (1 ns) cannot see counts as equal.
    """
    typical = {name: [max(median(calls), 1e-9) for calls in taken] for name, taken in turns.items()}
    first = next(iter(typical.values()))
    ratios = {
        name: median([one / other for one, other in zip(taken, first, strict=True)])
        for name, taken in typical.items()
    }
    fastest = min(ratios.values())
    return {name: ratio / fastest for name, ratio in ratios.items()}
