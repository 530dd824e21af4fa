"""Raw blocks -> one number per process -> one estimate per benchmark, and words about their shape.

Inside a process the median over blocks counts, because a host disturbs single blocks; over processes the mean
of logs, because processes are independent and their errors multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from bench.errors import MeasurementError
from bench.model import Block, Estimate, Method, ProcessRun
from bench.stats.describe import cv, mean, median
from bench.stats.intervals import half_width
from bench.stats.quantiles import quantile

LOG_METRICS = frozenset({"time", "p95", "p99"})
"""Metrics whose process values are natural logs of subject/reference; the others are plain numbers."""

UNITS = {"time": "s", "p95": "s", "p99": "s", "peak": "B", "rss": "B", "retained": "blocks"}
"""Unit of each metric's value; a metric not named here is a plain number."""

_TAILS = {"p95": 0.95, "p99": 0.99}
_REFERENCE_QUANTILE = 0.05
_LOUD_LOOP = 0.20


def process_value(run: ProcessRun) -> float:
    """The number that stands for one process.

    ``time``: log of the median block ratio; ``p95`` and ``p99``: log of that quantile of the ratios of single
    calls; otherwise the median of the values. Raises :class:`MeasurementError` when nothing usable is there.
    """
    samples = [block.ratio for block in _usable(run)] if run.metric in LOG_METRICS else _finite(run.values)
    if not samples:
        place = f"{run.benchmark}: process {run.process + 1}"
        raise MeasurementError(f"{place} returned no usable sample of {run.metric}")
    if run.metric in _TAILS:
        return math.log(quantile(samples, _TAILS[run.metric]))
    return math.log(median(samples)) if run.metric in LOG_METRICS else median(samples)


def estimate(runs: Sequence[ProcessRun], reference_s: float, tolerance: float) -> Estimate:
    """One estimate from all processes of one metric of one benchmark.

    ``reference_s``: seconds per iteration of the reference on this host (:func:`reference_speed`), by which
    ratios become seconds. ``tolerance`` (relative) sets what is worth a remark. Raises
    :class:`MeasurementError` without runs or without usable samples.
    """
    if not runs:
        raise MeasurementError("an estimate needs at least one process")
    first = runs[0]
    values = tuple(process_value(run) for run in runs)
    logs = first.metric in LOG_METRICS
    return Estimate(
        benchmark=first.benchmark,
        metric=first.metric,
        unit=UNITS.get(first.metric, ""),
        processes=values,
        value=math.exp(mean(values)) * _seconds_per_unit(first, reference_s) if logs else median(values),
        method=first.method,
        varies=not logs and len(set(values)) > 1,
        remarks=tuple(_remarks(runs, tolerance)) if logs else (),
    )


def _seconds_per_unit(run: ProcessRun, reference_s: float) -> float:
    """Seconds that a ratio of 1 stands for: a call that waits is measured in seconds."""
    return 1.0 if run.method is Method.TURNS else reference_s


def reference_speed(runs: Sequence[ProcessRun]) -> float:
    """Seconds per iteration of the reference on a quick host: 5th percentile; ``nan`` without blocks."""
    return quantile(_reference_times(runs), _REFERENCE_QUANTILE)


def reference_cv(runs: Sequence[ProcessRun]) -> float | None:
    """Coefficient of variation of the reference over a run: how noisy the host was; None without blocks."""
    spread = cv(_reference_times(runs))
    return spread if math.isfinite(spread) else None


def reference_shift(runs: Sequence[ProcessRun]) -> float | None:
    """Reference in the last third of a run over the first (1.05: the host became 5 % slower).

    Processes are drawn in rounds, so their index is their order in time.
    """
    times = _reference_times(sorted(runs, key=lambda run: run.process))
    third = len(times) // 3
    return median(times[-third:]) / median(times[:third]) if third else None


def _remarks(runs: Sequence[ProcessRun], tolerance: float) -> Iterator[str]:
    noteworthy = math.log1p(tolerance / 2)
    tail = runs[0].metric in _TAILS
    if not tail and median(_over_processes(runs, _mean_over_median)) > noteworthy:
        yield "the cost sits in few calls: the mean over blocks lies well above their median"
    drift = _over_processes(runs, _drift)
    if not tail and abs(mean(drift)) > max(noteworthy, half_width(drift, 0.975)):
        direction = "slower" if mean(drift) > 0 else "faster"
        share = math.exp(abs(mean(drift))) - 1
        yield f"not steady: {share:.0%} {direction} at the end of a process than at its start"
    loud = median([run.empty_loop_share for run in runs])
    if loud > _LOUD_LOOP:
        yield f"{loud:.0%} of the time is the empty loop: let one call do more"
    if runs[0].method is Method.TURNS:
        yield "waits instead of computing: wall-clock time of whole calls"


def _over_processes(runs: Sequence[ProcessRun], statistic: Callable[[Sequence[Block]], float]) -> list[float]:
    """The statistic of every process that has one."""
    return _finite([statistic(blocks) for run in runs if (blocks := _usable(run))])


def _mean_over_median(blocks: Sequence[Block]) -> float:
    """Log of the ratio of means over the median of ratios; the host disturbs both means alike."""
    of_means = mean([block.subject for block in blocks]) / mean([block.reference for block in blocks])
    return math.log(of_means / median([block.ratio for block in blocks]))


def _drift(blocks: Sequence[Block]) -> float:
    """Log of the last third's ratio over the first third's; ``nan`` below 6 blocks."""
    third = len(blocks) // 3
    if third < 2:
        return math.nan
    ratios = [block.ratio for block in blocks]
    return math.log(median(ratios[-third:]) / median(ratios[:third]))


def _usable(run: ProcessRun) -> tuple[Block, ...]:
    """Blocks with two positive times; subtracting the timer can leave less than nothing of an empty call."""
    return tuple(b for b in run.blocks if 0 < b.subject < math.inf and 0 < b.reference < math.inf)


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _reference_times(runs: Sequence[ProcessRun]) -> list[float]:
    """Wall-clock readings of the reference; a call that waits has none, a long call only CPU time."""
    wall = [run for run in runs if run.method in {Method.BLOCKS, Method.CALLS}]
    used = wall or [run for run in runs if run.method is Method.CONCURRENT]
    return [block.reference for run in used for block in _usable(run)]
