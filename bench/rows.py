"""What was measured and what was known, side by side: the rows of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import compare
from bench.estimates import LOG_METRICS
from bench.executor import Collection
from bench.model import (
    Baseline,
    BaselineEntry,
    BenchmarkSpec,
    Comparison,
    Decision,
    Environment,
    Estimate,
    MetricRecord,
    ProcessFailure,
    Side,
)
from bench.passes import Session
from bench.policy import limits_for, matches_portably, unmissable
from bench.selection import parse_expression
from bench.settings import Settings
from bench.units import parse_budget


@dataclass(frozen=True, slots=True)
class Known:
    """What the baseline offers one benchmark: an entry of this machine kind, or a portable one.

    ``shift``: how far sittings lie apart here (log units), None until ``calibrate`` knows.
    """

    entry: BaselineEntry | None = None
    portable: BaselineEntry | None = None
    shift: float | None = None

    def record(self, spec: BenchmarkSpec, metric: str) -> MetricRecord | None:
        """The record to judge against, None when there is none or the benchmark has changed since."""
        if self.entry is None or self.entry.source_hash != spec.source_hash:
            return None
        return self.entry.metrics.get(metric)


def look_up(baseline: Baseline, spec: BenchmarkSpec, environment: Environment) -> Known:
    """What the baseline knows of this benchmark here, or on a machine kind that memory compares with."""
    entry = baseline.entry(spec.id, environment.machine)
    if entry is not None:
        return Known(entry)
    others = (
        other
        for other in baseline.entries
        if other.benchmark == spec.id
        and other.source_hash == spec.source_hash
        and matches_portably(baseline.machines.get(other.machine, {}), environment.stable)
    )
    return Known(None, next(others, None))


def metrics_of(settings: Settings, spec: BenchmarkSpec) -> set[str]:
    """What to measure of one benchmark: the configured metrics, those of its budgets, rss beside peak."""
    wanted = {*settings.metrics, *(parse_budget(text).measured for text in spec.budgets)}
    return wanted | ({"rss"} if "peak" in settings.metrics else set())


def measured_rows(
    settings: Settings,
    session: Session,
    specs: Sequence[BenchmarkSpec],
    known: Mapping[str, Known],
    decisions: Mapping[tuple[str, str], Decision],
) -> list[Comparison]:
    """Rows of every benchmark: its failure, or its metrics in a fixed order and then its budgets."""
    tolerances = {spec.id: limits_for(settings, spec, "time").tolerance for spec in specs}
    estimates = session.estimates(tolerances.__getitem__)
    rows: list[Comparison] = []
    for spec in specs:
        failure = session.failures.get(spec.id)
        if failure is not None:
            rows.append(compare.failed_row(spec, failure.metric, f"{failure.kind}: {failure.message}"))
            continue
        for metric in sorted(metrics_of(settings, spec), key=_rank):
            if metric in {*settings.metrics, "rss"} and (spec.id, metric) in estimates:
                own = estimates[spec.id, metric]
                rows.append(
                    _row(settings, spec, own, known.get(spec.id, Known()), decisions.get((spec.id, metric)))
                )
        rows.extend(
            compare.compare_budget(spec, parse_budget(text), list(estimates.values()))
            for text in spec.budgets
        )
    return rows


def _row(
    settings: Settings, spec: BenchmarkSpec, own: Estimate, known: Known, decision: Decision | None
) -> Comparison:
    limits = limits_for(settings, spec, own.metric)
    if own.metric in LOG_METRICS:
        if known.entry is None:
            return compare.new_row(spec, own)
        if decision is None or own.metric not in known.entry.metrics:
            return compare.new_row(spec, own, f"the baseline holds no {own.metric}")
        row = compare.compare_time(spec, own, known.entry, decision, limits.tolerance, limits.floor)
        return unmissable(row)
    entry = known.entry or known.portable
    if own.metric not in settings.metrics:
        return compare.compare_shown(spec, own, known.entry, limits)
    if entry is None or own.metric not in entry.metrics:
        return compare.new_row(spec, own)
    note = (
        None
        if known.entry is not None
        else f"against {entry.machine}: memory does not depend on the machine's speed"
    )
    return compare.compare_deterministic(spec, own, entry, limits, note)


def _rank(metric: str) -> int:
    order = ("time", "p95", "p99", "peak", "rss")
    return order.index(metric) if metric in order else len(order)


def collect_rows(collection: Collection) -> list[Comparison]:
    """A failed row for every suite that could not be collected."""
    return [
        compare.failed_row(_suite_spec(problem), "collect", problem.message)
        for problem in collection.problems
    ]


def _suite_spec(problem: ProcessFailure) -> BenchmarkSpec:
    return BenchmarkSpec(problem.benchmark, problem.benchmark, "", 0, "")


def missing_rows(
    settings: Settings, environment: Environment, collection: Collection, baseline: Baseline
) -> list[Comparison]:
    """Rows for what the baseline holds, the selection would have run, and the suites no longer have."""
    here = {spec.id for spec in collection.specs}
    broken = {problem.benchmark for problem in collection.problems}
    machines = {environment.machine} & set(baseline.machines) or {
        name for name, stable in baseline.machines.items() if matches_portably(stable, environment.stable)
    }
    chosen = parse_expression(settings.expression)
    absent: dict[str, BaselineEntry] = {}
    for entry in baseline.entries:
        path = entry.benchmark.partition("::")[0]
        selected = chosen(entry.benchmark) and _within(path, settings.paths)
        if entry.machine in machines and selected and entry.benchmark not in here and path not in broken:
            absent.setdefault(entry.benchmark, entry)
    metric = settings.metrics[0] if settings.metrics else "time"
    return [compare.missing_row(entry, metric) for entry in absent.values()]


def _within(path: str, places: Sequence[str]) -> bool:
    return not places or any(
        place in {".", path} or path.startswith(place.rstrip("/") + "/") for place in places
    )


def base_side(settings: Settings, known: Mapping[str, Known]) -> Side:
    """Commit, date and machine of the newest entry that was compared with."""
    used = [entry for each in known.values() if (entry := each.entry or each.portable) is not None]
    newest = max(used, key=lambda entry: entry.date, default=None)
    return Side(
        kind="baseline",
        ref=str(settings.baseline),
        commit=newest.commit if newest else None,
        date=newest.date if newest else None,
        machine=newest.machine if newest else None,
    )
