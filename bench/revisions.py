"""``ab``: two revisions measured against each other in one sitting, by pairs of processes that take turns.

Time and its tails are compared by pairs; memory by processes of either side; budgets are promises of the
head alone. A benchmark that the base cannot run (its suite does not import there, or it fails) is ``new``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import compare
from bench.errors import SubjectError
from bench.estimates import LOG_METRICS, base_seconds
from bench.executor import Collection, Executor
from bench.guard import Ports, collect, diagnosed
from bench.model import (
    BaselineEntry,
    BenchmarkSpec,
    Comparison,
    Decision,
    Estimate,
    FailureKind,
    MetricRecord,
    ProcessFailure,
    ProcessRun,
    Report,
    Side,
    Verdict,
)
from bench.pairs import PairedExecutor
from bench.passes import SHOWN_PROCESSES, Session, memory_pass, ratio_pass, sample
from bench.policy import conclude, limits_for, rule_for
from bench.rows import collect_rows
from bench.schedule import BaseSample, Judge, judge
from bench.selection import parse_expression
from bench.settings import Settings
from bench.units import parse_budget

_TIMES = ("time", "p95", "p99")
_MEMORY = ("peak", "rss")
_SAME = "base and head are the same code: this run compares it with itself and should find nothing"
_ONLY_BASE = "on the base but not on the head"
_OTHER_SOURCE = (
    "the benchmark itself differs between base and head; `--suite-from head` runs the head's on both"
)


@dataclass(frozen=True, slots=True)
class Revisions:
    """Both sides of a comparison, ready to be measured.

    ``pairs`` measures head against base; ``head`` and ``base`` measure one side alone. ``base_suites`` are
    the suite files of the base's side. ``subjects`` are the bound names: something of them must be imported.
    ``only`` are the ids to compare; empty means all that the settings select.
    """

    base_side: Side
    head_side: Side
    pairs: Executor
    head: Executor
    base: Executor
    base_suites: Sequence[Path]
    subjects: tuple[str, ...] = ()
    same_code: bool = False
    notices: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()


def compare_revisions(settings: Settings, ports: Ports, revisions: Revisions) -> Report:
    """Judge the head against the base. Nothing is written but the run file.

    Raises SubjectError when nothing that was measured imports the subject: both sides would have run the
    same code, and a pass would mean nothing.
    """
    settings = replace(settings, require_baseline=True)
    same = (_SAME,) if revisions.same_code else ()
    ports = replace(ports, executor=revisions.head, notices=(*same, *ports.notices, *revisions.notices))
    collection = collect(settings, ports)
    if revisions.only:
        chosen = tuple(spec for spec in collection.specs if spec.id in revisions.only)
        collection = replace(collection, specs=chosen)
    study = _Study(settings, ports, revisions, collection)
    rows = study.rows()
    measured = study.measured()
    _prove_subject(measured, revisions.subjects)
    verdict, code, messages = conclude(rows, settings, anything_measured=bool(measured), against="base")
    return Report(
        verdict=verdict,
        exit_code=code,
        base=revisions.base_side,
        head=replace(revisions.head_side, machine=ports.environment.machine),
        host=diagnosed(measured, ports),
        comparisons=tuple(rows),
        duration_s=ports.clock.monotonic() - study.pairs.started,
        messages=tuple(messages),
    )


def _prove_subject(measured: Sequence[ProcessRun], subjects: Sequence[str]) -> None:
    if subjects and measured and not any(run.subject_files for run in measured):
        raise SubjectError(
            f"no benchmark imports {' or '.join(subjects)}: both sides ran the same code",
            hint='name the package that the suites import: [tool.bench-guard] subject = ["yourpackage"]',
        )


def _refuse_foreign(collection: Collection, side: str) -> None:
    """A base without the benchmark makes it new; a base that runs other code than its own must not."""
    for problem in collection.problems:
        if problem.kind is FailureKind.FOREIGN:
            raise SubjectError(
                f"on the {side}, {problem.benchmark}: {problem.message}",
                hint="where suites lie inside of the package, each revision has its own: --suite-from each",
            )


class _Study:
    """One run of ``ab``: what both sides hold, and the sessions that measure them."""

    def __init__(
        self, settings: Settings, ports: Ports, revisions: Revisions, collection: Collection
    ) -> None:
        self.settings = settings
        self.collection = collection
        there = revisions.base.collect(revisions.base_suites)
        _refuse_foreign(there, "base")
        _refuse_foreign(collection, "head")
        for name, file in there.subject_files:
            ports.progress.say(f"against {name} from {file}")
        self._there = {spec.id: spec for spec in there.specs if spec.id in (revisions.only or {spec.id})}
        pairs = revisions.pairs
        if isinstance(pairs, PairedExecutor):  # with suites of its own, the base's cases have other numbers
            pairs = replace(pairs, base_specs=self._there)
        self.pairs, self.head, self.base = (
            Session(executor, ports.runs, ports.clock, ports.progress, settings.budget)
            for executor in (pairs, revisions.head, revisions.base)
        )
        self._unimportable = {problem.benchmark: problem.message for problem in there.problems}

    def measured(self) -> list[ProcessRun]:
        """Every process of either side that gave a measurement."""
        return [run for session in (self.pairs, self.head, self.base) for run in session.everything()]

    def rows(self) -> list[Comparison]:
        """Measure everything and return the rows, in the order of the suites."""
        shared = [spec for spec in self.collection.specs if self._reason(spec) is None]
        decisions = self._pair_times(shared)
        self._measure_memory([spec for spec in shared if spec.id not in self.pairs.failures])
        self._measure_head_alone()
        pairs, head, base = (
            session.estimates(self._tolerance) for session in (self.pairs, self.head, self.base)
        )
        rows = collect_rows(self.collection)
        for spec in self.collection.specs:
            if (failure := self._failure(spec)) is not None:
                rows.append(compare.failed_row(spec, failure.metric, f"{failure.kind}: {failure.message}"))
                continue
            for metric in self.settings.metrics:
                key = (spec.id, metric)
                own = head.get(key) if self._reason(spec) else pairs.get(key) or head.get(key)
                if own is not None:
                    rows.append(self._row(spec, own, decisions.get(key), base.get(key)))
            promises = [parse_budget(text) for text in spec.budgets]
            rows.extend(compare.compare_budget(spec, promise, list(head.values())) for promise in promises)
        return [*rows, *self._missing()]

    def _tolerance(self, name: str) -> float:
        spec = next(spec for spec in (*self.collection.specs, *self._there.values()) if spec.id == name)
        return limits_for(self.settings, spec, "time").tolerance

    def _failure(self, spec: BenchmarkSpec) -> ProcessFailure | None:
        """What went wrong on the head; a base that fails only makes the benchmark new."""
        failures = (session.failures.get(spec.id) for session in (self.pairs, self.head))
        return next((failure for failure in failures if failure and not self._base_cannot(failure)), None)

    def _base_cannot(self, failure: ProcessFailure) -> bool:
        """Whether the base is not able to run the benchmark: not where a pair of it was measured before."""
        could = bool(self.pairs.runs.get((failure.benchmark, failure.metric)))
        return failure.side == "base" and failure.kind is not FailureKind.FOREIGN and not could

    def _reason(self, spec: BenchmarkSpec) -> str | None:
        """Why the base is no partner for this benchmark; None when it is one."""
        failure = self.pairs.failures.get(spec.id)
        if failure is not None and self._base_cannot(failure):
            return f"fails {failure.message}"
        partner = self._there.get(spec.id)
        if partner is None:
            problem = self._unimportable.get(spec.path)
            return f"only on the head: on the base {problem}" if problem else "only on the head"
        return None if partner.source_hash == spec.source_hash else _OTHER_SOURCE

    def _pair_times(self, specs: Sequence[BenchmarkSpec]) -> dict[tuple[str, str], Decision]:
        decisions: dict[tuple[str, str], Decision] = {}
        comparisons = len(specs) * len(LOG_METRICS & set(self.settings.metrics))
        for metric in _TIMES:
            if metric in self.settings.metrics and specs:
                wanted = {spec.id: spec for spec in specs}
                judges = {spec.id: self._judge(spec, metric, comparisons) for spec in specs}
                found = ratio_pass(self.pairs, wanted, metric, judges)
                decisions |= {(name, metric): decision for name, decision in found.items()}
        return decisions

    def _judge(self, spec: BenchmarkSpec, metric: str, comparisons: int) -> Judge:
        rule = rule_for(self.settings, spec, comparisons, metric, paired=True)
        runs = self.pairs.runs[spec.id, metric]
        return judge(rule, BaseSample((), measured_s=lambda: base_seconds(runs)))

    def _measure_memory(self, specs: Sequence[BenchmarkSpec]) -> None:
        for metric in _MEMORY:
            if metric in self.settings.metrics:
                memory_pass(self.base, [self._there[spec.id] for spec in specs], metric)
                memory_pass(self.head, specs, metric)

    def _measure_head_alone(self) -> None:
        """What has no partner, and what budgets promise; a ``speed`` budget needs the time of all."""
        specs = self.collection.specs
        budgets = {spec.id: [parse_budget(text) for text in spec.budgets] for spec in specs}
        of_all = (
            {"time"} if any(each.metric == "speed" for own in budgets.values() for each in own) else set()
        )
        for metric in (*_TIMES, *_MEMORY):
            wanted = {
                spec.id: spec
                for spec in specs
                if (spec.id, metric) not in self.head.runs
                and metric in of_all | {each.measured for each in budgets[spec.id]} | self._unpaired(spec)
            }
            if wanted and metric in LOG_METRICS:
                ratio_pass(self.head, wanted, metric, {name: sample(SHOWN_PROCESSES) for name in wanted})
            elif wanted:
                memory_pass(self.head, list(wanted.values()), metric)

    def _unpaired(self, spec: BenchmarkSpec) -> set[str]:
        return set() if self._reason(spec) is None else set(self.settings.metrics)

    def _row(
        self, spec: BenchmarkSpec, own: Estimate, decision: Decision | None, base: Estimate | None
    ) -> Comparison:
        limits = limits_for(self.settings, spec, own.metric)
        if (reason := self._reason(spec)) is not None:
            return _without_partner(spec, own, reason)
        if decision is not None and own.metric in LOG_METRICS:
            entry = _entry(spec, own.metric, MetricRecord("s", (), own.value, own.method.value))
            return compare.compare_time(spec, own, entry, decision, limits.tolerance, limits.floor)
        if base is None:
            return compare.new_row(spec, own, "could not be measured on the base")
        record = MetricRecord(base.unit, base.processes, base.value, base.method.value, varies=base.varies)
        return compare.compare_deterministic(spec, own, _entry(spec, own.metric, record), limits)

    def _missing(self) -> Iterator[Comparison]:
        """What the base's own suites hold, the selection would have run, and the head's no longer have."""
        chosen = parse_expression(self.settings.expression)
        here = {spec.id for spec in self.collection.specs}
        broken = {problem.benchmark for problem in self.collection.problems}
        for spec in self._there.values():
            if spec.id not in here and spec.path not in broken and chosen(spec.id):
                metric = self.settings.metrics[0] if self.settings.metrics else "time"
                yield Comparison(spec.id, metric, "", Verdict.MISSING, note=_ONLY_BASE, path=spec.path)


def _entry(spec: BenchmarkSpec, metric: str, record: MetricRecord) -> BaselineEntry:
    """The base's side in the shape of a stored entry, which is what rows are made from."""
    return BaselineEntry(spec.id, "", spec.source_hash, {metric: record})


def _without_partner(spec: BenchmarkSpec, own: Estimate, reason: str) -> Comparison:
    row = compare.new_row(spec, own, reason)
    return replace(row, verdict=Verdict.NOT_COMPARABLE) if reason is _OTHER_SOURCE else row
