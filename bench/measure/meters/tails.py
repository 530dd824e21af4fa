"""Single calls, each beside a block of the reference: the material of p95 and p99."""

from __future__ import annotations

import gc
from time import perf_counter

from bench.measure.clock import time_calls, timer_cost
from bench.measure.kernels import reference_kernel
from bench.measure.meters.time import Samples
from bench.measure.target import Target
from bench.measure.warmup import quiet_collector, tidy, warm_up
from bench.methods import Method

CALLS = {"p95": 200, "p99": 1_000}
_REFERENCE_LOOPS = 4
_MAX_SECONDS = 10.0


def measure_tails(target: Target, metric: str) -> Samples:
    """At least 200 (p95) or 1,000 (p99) timed calls, the collector off; pairs as in the time pass."""
    warm = warm_up(target)
    quiet_collector()
    cost = timer_cost()
    pairs: list[tuple[float, float]] = []
    limit = perf_counter() + _MAX_SECONDS
    try:
        while len(pairs) < CALLS[metric] and perf_counter() < limit:
            subject = target.block(1) - cost
            reference = time_calls(reference_kernel, _REFERENCE_LOOPS) - cost
            pairs.append((max(subject, 1e-9), reference / _REFERENCE_LOOPS))
            tidy()
    finally:
        gc.enable()
    return Samples(Method.CALLS, pairs, 1, _REFERENCE_LOOPS, warm.calls, 0.0)
