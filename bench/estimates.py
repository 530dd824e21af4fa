"""Raw blocks -> one number per process -> one estimate per benchmark, and words about their shape.

Inside a process the median over blocks counts, because a host disturbs single blocks; over processes the mean
of logs, because processes are independent and their errors multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from bench.errors import MeasurementError
from bench.model import Block, Calibration, Estimate, Method, ProcessRun
from bench.stats.describe import mean, median, sd
from bench.stats.intervals import half_width
from bench.stats.modes import two_modes
from bench.stats.quantiles import quantile

LOG_METRICS = frozenset({"time", "p95", "p99"})
"""Metrics whose process values are natural logs of subject/reference; the others are plain numbers."""

UNITS = {"time": "s", "p95": "s", "p99": "s", "peak": "B", "rss": "B", "retained": "blocks"}
"""Unit of each metric's value; a metric not named here is a plain number."""

_TAILS = {"p95": 0.95, "p99": 0.99}
_REFERENCE_QUANTILE = 0.05
_LOUD_LOOP = 0.20
_WINDOW = 10
_BINS = 12
_NEAR = 5
_HARDLY_ANY = 0.2
"""On a busy host a preempted block lifts the mean of some processes, of nearly all only the work itself."""
_FAR = 5.0
_MAD_TO_SD = 1.4826
"""Of a normal distribution: 1 over the 75 % quantile."""
_SWING = 0.2
"""Least spread (10th to 90th percentile, log) of the reference from which a slope can be read."""
_SLOPES = (0.4, 1.6)
_PRIOR_VARIANCE = 0.25**2
PLAIN = Calibration()
"""No correction: a plain ratio."""


def process_value(run: ProcessRun, calibration: Calibration = PLAIN) -> float:
    """The number that stands for one process.

    ``time``: log of the median block ratio, each block brought to the reference speed of ``calibration``;
    ``p95`` and ``p99``: log of that quantile of the ratios of single calls; otherwise the median of the
    values. Raises :class:`MeasurementError` when nothing usable is there.
    """
    logs = run.metric in LOG_METRICS
    samples = [_brought_to(block, calibration) for block in _usable(run)] if logs else _finite(run.values)
    if not samples:
        place = f"{run.benchmark}: process {run.process + 1}"
        raise MeasurementError(f"{place} returned no usable sample of {run.metric}")
    if run.metric in _TAILS:
        share = _TAILS[run.metric]
        return _tail_of_pair(_usable(run), share) if run.paired else math.log(quantile(samples, share))
    return math.log(median(samples)) if logs else median(samples)


def _tail_of_pair(calls: Sequence[Block], share: float) -> float:
    """Log of the head's quantile of single calls over the base's.

    Each call is first divided by the level of both sides around it (the median of some 20 calls), so that a
    slow phase of the host does not become the tail of either.
    """
    levels = []
    for index in range(len(calls)):
        near = calls[max(0, index - _NEAR) : index + _NEAR + 1]
        levels.append(median([time for call in near for time in (call.subject, call.reference)]))
    head = quantile([call.subject / level for call, level in zip(calls, levels, strict=True)], share)
    base = quantile([call.reference / level for call, level in zip(calls, levels, strict=True)], share)
    return math.log(head / base)


def _brought_to(block: Block, calibration: Calibration) -> float:
    """The ratio this block would have shown with the reference at its stated speed."""
    if calibration.reference_s is None or calibration.sensitivity == 1.0:
        return block.ratio
    exponent = 1.0 - calibration.sensitivity
    return block.ratio * math.pow(block.reference / calibration.reference_s, exponent)


def fit_calibration(runs: Sequence[ProcessRun]) -> Calibration:
    """How strongly this benchmark follows the host, from all blocks of its baseline processes.

    Medians of windows of 10 blocks, sorted by the speed of the reference and gathered into 12 bins, then the
    least-squares slope of log subject over log reference through the medians of the bins. Windows and bins
    keep the noise of single readings out of the slope (it would pull it towards 0). The slope is then drawn
    towards 1 by as much as it is uncertain: a jackknife over the processes gives its variance, and the
    kinds of code measured so far spread around 1 by about a quarter. Where the reference hardly varied there
    is nothing to learn, and the plain ratio (1) is kept.

    Measured on a shared 2-core host over six kinds of code, 24 processes each: slopes of 0.77 to 1.17; the
    process-to-process standard deviation fell from 1.8-5.0 % to 1.0-3.6 %.
    """
    if not runs or runs[0].metric != "time" or runs[0].method is not Method.BLOCKS:
        return PLAIN
    speed = reference_speed(runs)
    windows = [list(_windows(_usable(run))) for run in runs]
    speeds = [x for run in windows for x, _ in run]
    if len(speeds) < 2 * _BINS or quantile(speeds, 0.9) - quantile(speeds, 0.1) < _SWING:
        return Calibration(1.0, speed)
    slope = _binned_slope(windows)
    without = [_binned_slope(windows[:g] + windows[g + 1 :]) for g in range(len(windows))]
    variance = (len(without) - 1) * mean([(value - mean(without)) ** 2 for value in without])
    weight = _PRIOR_VARIANCE / (_PRIOR_VARIANCE + variance)
    return Calibration(min(max(1.0 + weight * (slope - 1.0), _SLOPES[0]), _SLOPES[1]), speed)


def disturbed(values: Sequence[float], tolerance: float) -> tuple[int, ...]:
    """Processes that something outside disturbed: farther from the median than any spread of the others says.

    Farther than 5 scaled median absolute deviations (Iglewicz and Hoaglin, How to Detect and Handle Outliers,
    1993, ask for 3.5) and than half the tolerance. Seen once in 960 processes on a shared host, 38 % off: it
    alone made a baseline of 20 useless; a test suite running beside the recording put 3 of 20 there. At most
    a quarter of the processes counts as disturbed, and none where the values spread by more than half the
    tolerance even without the farthest: that is how the benchmark behaves. Replacing strays made one baseline
    in fifteen of memory-bound code look calm enough to gate: the only false alarms of a replay.
    """
    centre = median(values)
    rest = sorted(values, key=lambda value: abs(value - centre))[:-1]
    if sd(rest) > math.log1p(tolerance / 2):
        return ()
    spread = _MAD_TO_SD * median([abs(value - centre) for value in values])
    limit = max(_FAR * spread, math.log1p(tolerance / 2))
    far = tuple(index for index, value in enumerate(values) if abs(value - centre) > limit)
    return far if len(far) <= max(1, len(values) // 4) else ()


def _windows(blocks: Sequence[Block]) -> Iterator[tuple[float, float]]:
    """(log reference, log subject) of each ten blocks in a row, by their medians."""
    for start in range(0, len(blocks) - _WINDOW + 1, _WINDOW):
        window = blocks[start : start + _WINDOW]
        yield math.log(median([b.reference for b in window])), math.log(median([b.subject for b in window]))


def _binned_slope(windows: Sequence[Sequence[tuple[float, float]]]) -> float:
    points = sorted(point for run in windows for point in run)
    bins = [points[i * len(points) // _BINS : (i + 1) * len(points) // _BINS] for i in range(_BINS)]
    return _slope([(median([x for x, _ in group]), median([y for _, y in group])) for group in bins])


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: covariance over variance of the first coordinate; 1 where that does not vary."""
    x0, y0 = mean([x for x, _ in points]), mean([y for _, y in points])
    variance = sum((x - x0) ** 2 for x, _ in points)
    return sum((x - x0) * (y - y0) for x, y in points) / variance if variance > 0 else 1.0


def estimate(
    runs: Sequence[ProcessRun], reference_s: float, tolerance: float, calibration: Calibration = PLAIN
) -> Estimate:
    """One estimate from all processes of one metric of one benchmark.

    ``reference_s``: seconds per iteration of the reference on this host (:func:`reference_speed`), by which
    ratios become seconds unless ``calibration`` states a speed of its own. ``tolerance`` (relative) sets
    what is worth a remark. Raises :class:`MeasurementError` without runs or without usable samples.
    """
    if not runs:
        raise MeasurementError("an estimate needs at least one process")
    first = runs[0]
    values = tuple(process_value(run, calibration) for run in runs)
    logs = first.metric in LOG_METRICS
    if first.paired:
        seconds = base_seconds(runs)
    else:
        seconds = 1.0 if first.method is Method.TURNS else calibration.reference_s or reference_s
    return Estimate(
        benchmark=first.benchmark,
        metric=first.metric,
        unit=UNITS.get(first.metric, ""),
        processes=values,
        value=math.exp(mean(values)) * seconds if logs else median(values),
        method=first.method,
        varies=not logs and len(set(values)) > 1,
        remarks=(*_remarks(runs, tolerance), *_modes(values, tolerance)) if logs else (),
        calibration=calibration,
    )


def base_seconds(runs: Sequence[ProcessRun]) -> float:
    """Seconds per call of the base in paired runs, as the clock read them; ``nan`` without any."""
    return median([median([block.reference for block in blocks]) for run in runs if (blocks := _usable(run))])


def reference_speed(runs: Sequence[ProcessRun]) -> float:
    """Seconds per iteration of the reference on a quick host: 5th percentile; ``nan`` without blocks."""
    return quantile(_reference_times(runs), _REFERENCE_QUANTILE)


def _remarks(runs: Sequence[ProcessRun], tolerance: float) -> Iterator[str]:
    noteworthy = math.log1p(tolerance / 2)
    tail = runs[0].metric in _TAILS
    if not tail and quantile(_over_processes(runs, _mean_over_median), _HARDLY_ANY) > noteworthy:
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


def _modes(values: Sequence[float], tolerance: float) -> Iterator[str]:
    """Two kinds of process, farther apart than half the tolerance: memory layout or hash order."""
    modes = two_modes(values)
    if modes is not None and modes.high - modes.low > math.log1p(tolerance / 2):
        apart = 100 * math.expm1(modes.high - modes.low)
        yield f"two modes: {modes.upper} of {len(values)} processes are {apart:.0f} % slower than the others"


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
    if paired := [reading for run in runs if run.paired for reading in run.host]:
        return paired
    return [block.reference for run in _timed(runs) for block in _usable(run)]


def _timed(runs: Sequence[ProcessRun]) -> list[ProcessRun]:
    alone = [run for run in runs if not run.paired]
    wall = [run for run in alone if run.method in {Method.BLOCKS, Method.CALLS}]
    return wall or [run for run in alone if run.method is Method.CONCURRENT]
