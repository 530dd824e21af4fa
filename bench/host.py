"""How the host behaved during a run, read from the reference work beside every measurement. Pure.

Blocks of the reference are readings of the host's raw speed. Verdicts do not need them, ratios cancel it; a
person who wonders about a verdict does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bench.model import Host, Method, ProcessRun
from bench.stats.describe import cv, median

NOISY = 0.30
"""A shared 2-core host varies by 23-27 % on an ordinary day; beyond that it is worth a word."""
SHIFTED = 0.10
_WINDOW = 10
_LEAST = 3


def diagnose(runs: Sequence[ProcessRun], notices: Sequence[str] = ()) -> Host:
    """The host's speed before, during and after, its variation, and in words what is remarkable.

    ``runs``: all processes of a run in the order of time. ``notices`` are kept in front.
    """
    readings = list(_readings(runs))
    spread = cv(readings)
    third = len(readings) // 3
    if not third:
        return Host(spread if math.isfinite(spread) else None, None, tuple(notices))
    before, during, after = (
        median(part) for part in (readings[:third], readings[third:-third], readings[-third:])
    )
    paired = any(run.paired for run in runs)
    words = (*notices, *_shift_words(before, after), *_noise_words(spread, paired=paired))
    return Host(spread, after / before, words, before, during, after)


def _shift_words(before: float, after: float) -> Iterator[str]:
    if abs(math.log(after / before)) <= math.log1p(SHIFTED):
        return
    slower = after > before
    share = 100 * (max(after / before, before / after) - 1)
    yield (
        f"the host became {share:.0f} % {'slower' if slower else 'faster'} during the run: changes allow for "
        "it, because what is compared was measured in turn; run again if something is undecided"
    )


def _noise_words(spread: float, *, paired: bool) -> Iterator[str]:
    if spread <= NOISY:
        return
    advice = "raise --budget" if paired else "compare revisions side by side with `bench-guard ab`"
    yield (
        f"very noisy host: its speed varied by {spread * 100:.0f} % (CV), so verdicts take longer and more "
        f"of them may stay undecided; stop other work, or {advice}"
    )


def _readings(runs: Sequence[ProcessRun]) -> Iterator[float]:
    """Seconds per iteration of the reference, medians of ten neighbouring blocks (some 15 ms).

    A single block that was preempted for a while would otherwise say more than all others together.
    """
    for run in _that_read(runs):
        readings = _raw(run)
        if _LEAST <= len(readings) < _WINDOW:
            yield median(readings)
        for start in range(0, len(readings) - _WINDOW + 1, _WINDOW):
            yield median(readings[start : start + _WINDOW])


def _that_read(runs: Sequence[ProcessRun]) -> list[ProcessRun]:
    """Runs with wall-clock readings; where there are none, long calls, whose reference has CPU time only.

    A call that waits has no reference beside it.
    """
    wall = [run for run in runs if run.paired or run.method in {Method.BLOCKS, Method.CALLS}]
    return wall or [run for run in runs if run.method is Method.CONCURRENT]


def _raw(run: ProcessRun) -> list[float]:
    """A pair reads the host before and after its turns; its blocks are base and head."""
    found = run.host if run.paired else [block.reference for block in run.blocks]
    return [reading for reading in found if 0 < reading < math.inf]
