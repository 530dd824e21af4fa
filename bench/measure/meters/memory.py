"""Peak of traced memory of one call, and the high-water mark of the whole process."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from bench.measure.target import Target
from bench.measure.warmup import warm_up


def measure_peak(target: Target) -> float:
    """Bytes: tracemalloc's peak during one call above what was traced before it.

    One call first, so that what is allocated once (caches, imports) does not count; a full collection empties
    the free lists, otherwise the first blocks would come from there, untraced.
    """
    import tracemalloc  # noqa: PLC0415  -- its start-up would be in every other worker

    warm_up(target, min_s=0, max_s=0)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        target.once()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    return float(max(0, peak - before))


def measure_rss(target: Target) -> float:
    """Bytes: resident high-water mark of this process after one call.

    VmHWM on Linux: ``ru_maxrss`` of a child starts at the peak of the parent that it was forked from
    (getrusage(2)). Elsewhere ``ru_maxrss``, which is bytes on macOS.
    """
    warm_up(target, min_s=0, max_s=0)
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(text for text in status.read_text().splitlines() if text.startswith("VmHWM:"))
        return float(line.split()[1]) * 1024
    import resource  # noqa: PLC0415  -- not on every platform

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
