"""Two sides of one metric -> one row of the report. Pure; it is told its limits and holds none.

A row *gates* when it may change the exit code. Shown metrics, new benchmarks and benchmarks whose baseline
cannot be compared do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.estimates import LOG_METRICS
from bench.model import BaselineEntry, BenchmarkSpec, Comparison, Decision, Estimate, Verdict
from bench.stats.describe import mean, sd
from bench.stats.intervals import t_quantile, welch
from bench.units import Budget, format_value

SHOWN = "shown, does not gate"


@dataclass(frozen=True, slots=True)
class Limits:
    """Relative tolerance and absolute floor (in the metric's unit) of one metric of one benchmark."""

    tolerance: float
    floor: float = 0.0


def compare_time(
    spec: BenchmarkSpec,
    estimate: Estimate,
    entry: BaselineEntry,
    decision: Decision,
    tolerance: float,
    floor: float = 0.0,
) -> Comparison:
    """The row of ``time``, ``p95`` or ``p99`` against a stored baseline.

    ``floor`` (seconds): a smaller change is never called suspect. The base is shown in the seconds of this
    run's reference, so that base, head and change agree although the host may run at another speed today.
    """
    if (reason := _incomparable(spec, entry, estimate)) is not None:
        return not_comparable_row(spec, estimate, reason)
    if decision.verdict is Verdict.FAILED:
        return failed_row(spec, estimate.metric, decision.note or "a process gave no measurement")
    if decision.verdict is Verdict.NOT_COMPARABLE or not math.isfinite(decision.change):
        return not_comparable_row(spec, estimate, decision.note or "nothing to compare with")
    change = math.expm1(decision.change)
    base = estimate.value / (1.0 + change)
    undecided = decision.verdict is Verdict.UNDECIDED
    suspect = undecided and change > tolerance and estimate.value - base > floor
    words = ["probably slower"] if suspect else []
    words += [decision.note] if decision.note else []
    row = _row(spec, estimate, decision.verdict)
    return replace(
        row,
        base=base,
        change=change,
        interval=_relative(decision.interval),
        tolerance=tolerance,
        detectable=decision.detectable if math.isfinite(decision.detectable) else None,
        processes=decision.counts,
        note=_join([*words, *estimate.remarks]),
        gates=entry.metrics[estimate.metric].calibratable,
        suspect=suspect,
    )


def compare_deterministic(
    spec: BenchmarkSpec, estimate: Estimate, entry: BaselineEntry, limits: Limits, note: str | None = None
) -> Comparison:
    """The row of a metric without noise (``peak``, ``retained``, ``instructions``).

    A change counts beyond both the tolerance and the floor. Where the processes of a side disagree
    ("varies"), all of them must lie beyond for a verdict of regressed or improved, and none for ok.
    """
    if (reason := _incomparable(spec, entry, estimate)) is not None:
        return not_comparable_row(spec, estimate, reason)
    record = entry.metrics[estimate.metric]
    worst = _judge_step(min(record.processes or (record.value,)), max(estimate.processes), limits)
    best = _judge_step(max(record.processes or (record.value,)), min(estimate.processes), limits)
    verdict = worst if worst is best else Verdict.UNDECIDED
    varies = record.varies or estimate.varies
    small = verdict is Verdict.OK and estimate.value > record.value * (1.0 + limits.tolerance)
    change = estimate.value / record.value - 1.0 if record.value > 0 else None
    typical = _judge_step(record.value, estimate.value, limits)
    return replace(
        _row(spec, estimate, verdict),
        base=record.value,
        change=change,
        tolerance=limits.tolerance,
        detectable=limits.tolerance if not varies else None,
        processes=(len(record.processes), len(estimate.processes)),
        note=_join(
            [
                note,
                f"below the floor of {format_value(limits.floor, estimate.unit)}" if small else None,
                "varies from process to process" if varies else None,
                *estimate.remarks,
            ]
        ),
        suspect=verdict is Verdict.UNDECIDED and typical is Verdict.REGRESSED,
    )


def compare_shown(
    spec: BenchmarkSpec, estimate: Estimate, entry: BaselineEntry | None, limits: Limits
) -> Comparison:
    """The row of a metric that informs and never gates, such as ``rss``: medians, without a bound."""
    record = entry.metrics.get(estimate.metric) if entry is not None else None
    if entry is None or record is None:
        return replace(new_row(spec, estimate), note=SHOWN)
    if (reason := _incomparable(spec, entry, estimate)) is not None:
        return not_comparable_row(spec, estimate, reason)
    verdict = _judge_step(record.value, estimate.value, limits)
    if verdict is Verdict.REGRESSED:
        verdict = Verdict.UNDECIDED
    return replace(
        _row(spec, estimate, verdict),
        base=record.value,
        change=estimate.value / record.value - 1.0 if record.value > 0 else None,
        tolerance=limits.tolerance,
        processes=(len(record.processes), len(estimate.processes)),
        note=SHOWN,
        gates=False,
    )


def new_row(spec: BenchmarkSpec, estimate: Estimate, note: str | None = None) -> Comparison:
    """A benchmark or metric that only the head has: it informs."""
    row = _row(spec, estimate, Verdict.NEW)
    return replace(row, note=_join([note, *estimate.remarks]), gates=False)


def missing_row(entry: BaselineEntry, metric: str = "time") -> Comparison:
    """A benchmark that only the baseline has, although the selection would have run it."""
    record = entry.metrics.get(metric)
    return Comparison(
        benchmark=entry.benchmark,
        metric=metric,
        unit=record.unit if record else "",
        verdict=Verdict.MISSING,
        base=record.value if record else None,
        processes=(len(record.processes) if record else 0, 0),
        note="in the baseline but not in the suite; if it went on purpose: `bench-guard baseline update`",
        path=entry.benchmark.partition("::")[0],
    )


def failed_row(spec: BenchmarkSpec, metric: str, message: str, *, gates: bool = True) -> Comparison:
    """A benchmark that could not be measured; ``message`` says what happened."""
    return Comparison(
        benchmark=spec.id,
        metric=metric,
        unit="",
        verdict=Verdict.FAILED,
        note=message,
        gates=gates,
        path=spec.path,
        line=spec.line,
    )


def not_comparable_row(spec: BenchmarkSpec, estimate: Estimate, reason: str) -> Comparison:
    """A benchmark whose stored numbers are of something else; ``reason`` says why, the row what to type."""
    name = spec.id.rpartition("::")[2]
    note = f"{reason}: `bench-guard baseline update -k {name.partition('[')[0]}`"
    return replace(_row(spec, estimate, Verdict.NOT_COMPARABLE), note=note, gates=False)


def compare_budget(spec: BenchmarkSpec, budget: Budget, estimates: Sequence[Estimate]) -> Comparison:
    """The row of one promise: metric ``budget:p95``, base the limit, change None.

    Broken (``regressed``) only when the one-sided 95 % bound over processes lies beyond the limit, ``ok``
    only when it lies within, else ``undecided``. Latencies, throughput (items per second; a call without
    declared items is one item) and speed are judged on logs; ``peak`` exactly. A promise that cannot be
    checked (its metric or its partner was not measured) is ``undecided``, and its note says what is lacking.
    """
    metric = budget.measured
    own = _find(estimates, spec.id, metric)
    if own is None:
        return _unchecked(spec, budget, f"{metric} was not measured; add `--metric {metric}`")
    if budget.metric == "throughput" and not _items(spec) > 0:
        return _unchecked(spec, budget, f"one call handles {_items(spec):g} items")
    if budget.metric == "speed":
        partner = _partner(spec, budget.other or "", estimates)
        if partner is None:
            return _unchecked(spec, budget, f"{budget.other} is not among the benchmarks measured")
        side = _speed(own, partner)
    elif budget.metric == "peak":
        side = _Bounds(own.value, min(own.processes), max(own.processes))
    else:
        side = _one_sample(_logs(spec, budget, own))
    return _budget_row(spec, budget, side, len(own.processes))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A quantity with its one-sided 95 % bounds, in the unit of the budget."""

    value: float
    low: float
    high: float


def _budget_row(spec: BenchmarkSpec, budget: Budget, side: _Bounds, processes: int) -> Comparison:
    upwards = budget.operator == "<="
    beyond: Callable[[float], bool] = budget.limit.__lt__ if upwards else budget.limit.__gt__
    mild, severe = (side.low, side.high) if upwards else (side.high, side.low)
    verdict = Verdict.OK if not beyond(severe) else Verdict.REGRESSED if beyond(mild) else Verdict.UNDECIDED
    note = f"promised {budget.text}"
    if verdict is Verdict.UNDECIDED:
        low, high = (format_value(end, budget.unit) for end in (side.low, side.high))
        known = math.isfinite(side.high)
        note += f"; too close to the limit: {low} to {high}" if known else "; one process shows no spread"
    return Comparison(
        benchmark=spec.id,
        metric=f"budget:{budget.metric}",
        unit=budget.unit,
        verdict=verdict,
        base=budget.limit,
        head=side.value,
        processes=(0, processes),
        note=note,
        suspect=verdict is Verdict.UNDECIDED and beyond(side.value),
        path=spec.path,
        line=spec.line,
    )


def _unchecked(spec: BenchmarkSpec, budget: Budget, lacking: str) -> Comparison:
    return Comparison(
        benchmark=spec.id,
        metric=f"budget:{budget.metric}",
        unit=budget.unit,
        verdict=Verdict.UNDECIDED,
        base=budget.limit,
        note=f"promised {budget.text}; not checked: {lacking}",
        path=spec.path,
        line=spec.line,
    )


def _logs(spec: BenchmarkSpec, budget: Budget, own: Estimate) -> list[float]:
    """Logs of the promised quantity, one per process, in the unit of the budget."""
    if own.metric not in LOG_METRICS:
        return [math.log(max(value, 1.0)) for value in own.processes]
    seconds = _log_seconds(own)
    if budget.metric != "throughput":
        return seconds
    return [math.log(_items(spec)) - value for value in seconds]


def _log_seconds(found: Estimate) -> list[float]:
    """Logs of calibrated seconds, one per process."""
    shift = math.log(found.value) - mean(found.processes)
    return [value + shift for value in found.processes]


def _items(spec: BenchmarkSpec) -> float:
    return 1.0 if spec.items is None else spec.items


def _one_sample(logs: Sequence[float]) -> _Bounds:
    if len(logs) < 2:
        return _bounds(mean(logs), math.inf, 1.0)
    return _bounds(mean(logs), sd(logs) / math.sqrt(len(logs)), len(logs) - 1.0)


def _speed(own: Estimate, partner: Estimate) -> _Bounds:
    return _bounds(*welch(_log_seconds(partner), _log_seconds(own)))


def _bounds(centre: float, error: float, freedom: float) -> _Bounds:
    if not math.isfinite(error):
        return _Bounds(math.exp(centre), 0.0, math.inf)
    reach = t_quantile(0.95, freedom) * error
    return _Bounds(math.exp(centre), math.exp(centre - reach), _exp(centre + reach))


def _partner(spec: BenchmarkSpec, name: str, estimates: Sequence[Estimate]) -> Estimate | None:
    """The estimate that ``speed >= 50x name`` means.

    A full id; else the function of that name in the same file, with the same parameters if it has several
    cases, or its only case.
    """
    times = {found.benchmark: found for found in estimates if found.metric == "time"}
    bare = f"{spec.path}::{name}"
    case = spec.id.rpartition("::")[2]
    parameters = case[case.index("[") :] if "[" in case else ""
    for candidate in (name, bare + parameters, bare):
        if candidate in times:
            return times[candidate]
    cases = [found for benchmark, found in times.items() if benchmark.startswith(f"{bare}[")]
    return cases[0] if len(cases) == 1 else None


def _find(estimates: Sequence[Estimate], benchmark: str, metric: str) -> Estimate | None:
    return next((e for e in estimates if e.benchmark == benchmark and e.metric == metric), None)


def _judge_step(base: float, head: float, limits: Limits) -> Verdict:
    """Two exact numbers, lower is better: beyond the tolerance and the floor is a change."""
    if head > base * (1.0 + limits.tolerance) and head - base > limits.floor:
        return Verdict.REGRESSED
    if head < base / (1.0 + limits.tolerance) and base - head > limits.floor:
        return Verdict.IMPROVED
    return Verdict.OK


def _incomparable(spec: BenchmarkSpec, entry: BaselineEntry, estimate: Estimate) -> str | None:
    """Why these stored numbers are of something else; None when they are comparable."""
    record = entry.metrics.get(estimate.metric)
    if record is None:
        return f"the baseline holds no {estimate.metric}"
    if entry.source_hash != spec.source_hash:
        return "the benchmark's source has changed since the baseline"
    if estimate.metric in LOG_METRICS and record.method != estimate.method.value:
        return f"the baseline was measured by another method ({record.method}, now {estimate.method.value})"
    return None


def _row(spec: BenchmarkSpec, estimate: Estimate, verdict: Verdict) -> Comparison:
    return Comparison(
        benchmark=spec.id,
        metric=estimate.metric,
        unit=estimate.unit,
        verdict=verdict,
        head=estimate.value,
        processes=(0, len(estimate.processes)),
        path=spec.path,
        line=spec.line,
    )


def _relative(interval: tuple[float, float]) -> tuple[float, float] | None:
    low, high = (_exp(end) - 1.0 for end in interval)
    return (low, high) if math.isfinite(high) and math.isfinite(interval[0]) else None


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _join(words: Sequence[str | None]) -> str | None:
    return "; ".join(word for word in words if word) or None
