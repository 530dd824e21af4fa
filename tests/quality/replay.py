"""Whole runs of the gate on dealt processes: the real passes, calibration, limits and decisions, counted.

Nothing of the rule is written again here. A fake executor hands out processes instead of measuring them;
:func:`~bench.passes.record_passes` records the baseline, :func:`~bench.passes.ratio_pass` draws the heads in
rounds and feeds :func:`~bench.schedule.judge`, under the rule of :func:`~bench.policy.rule_for`. What is known
of a process is computed once for all slowdowns that are tried on it (:class:`Memory`).
"""

import itertools
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from noise import Deal, Source, Stream

from bench import passes
from bench.clock import FakeClock
from bench.estimates import PLAIN, base_seconds, fit_calibration, process_value
from bench.executor import FakeExecutor, Task
from bench.model import BenchmarkSpec, Block, Calibration, Decision, ProcessRun, Verdict
from bench.passes import Session, ratio_pass, record_passes
from bench.policy import is_calibratable, rule_for
from bench.progress import SilentProgress
from bench.schedule import BaseSample, judge
from bench.settings import Settings
from bench.stats.intervals import binomial_interval
from bench.store.runs import MemoryRunLog

COMPARISONS = 13
"""Gating comparisons of a run: as many as the project's own gate has; they share the error of 1 %."""
TRIALS = int(os.environ.get("QUALITY_TRIALS", "200"))
"""Comparisons a cell. Few in the ordinary run; ``QUALITY_TRIALS=20000``, as ``tox run -e quality`` sets it,
for the rates of the documentation."""

CROWDED = "something else ran on the CPU"
"""What the note of a comparison says that would be red, had its processes not had to share their CPU."""

_FOLDER = Path("/nowhere")
SETTINGS = Settings(_FOLDER, (), _FOLDER, _FOLDER, metrics=("time",), budget=math.inf)


@dataclass(frozen=True)
class Base:
    """A recorded baseline of one benchmark, ready to be judged against."""

    sample: BaseSample
    calibration: Calibration


@dataclass
class Tally:
    """What became of many comparisons that could gate, and of the runs they belong to."""

    verdicts: Counter = field(default_factory=Counter)
    processes: int = 0
    covered: int = 0
    crowded: int = 0
    not_gated: int = 0
    runs: int = 0
    red_runs: int = 0
    by_workload: Counter = field(default_factory=Counter)

    @property
    def trials(self) -> int:
        return self.verdicts.total()

    def share(self, verdict: Verdict) -> float:
        return self.verdicts[verdict] / self.trials

    def interval(self, verdict: Verdict) -> tuple[float, float]:
        """Exact 95 % interval (Clopper-Pearson) of the verdict's share."""
        return binomial_interval(self.verdicts[verdict], self.trials)

    def caught(self) -> tuple[float, float]:
        """The same of red, among the comparisons that no stranger on the CPU kept from a verdict."""
        return binomial_interval(self.verdicts[Verdict.REGRESSED], self.trials - self.crowded)

    def coverage(self) -> tuple[float, float]:
        """The same of the comparisons whose own interval held the truth when they stopped."""
        return binomial_interval(self.covered, self.trials)

    def add(self, workload: str, decision: Decision, slowdown: float) -> None:
        self.verdicts[decision.verdict] += 1
        self.by_workload[workload, decision.verdict] += 1
        self.processes += decision.counts[1]
        self.crowded += decision.verdict is Verdict.UNDECIDED and CROWDED in (decision.note or "")
        low, high = decision.interval
        self.covered += low <= math.log1p(slowdown) <= high


class Memory:
    """While it is entered, the passes compute the value and the calibration of the same processes only once.

    Both are pure. Keys are the processes themselves, which the memory keeps alive; it lives as long as a run.
    """

    def __init__(self) -> None:
        self._known: dict[object, float | Calibration] = {}
        self._alive: list[object] = []
        self._streams: dict[object, tuple[list[ProcessRun], Stream]] = {}
        self._patch = patch.multiple(passes, process_value=self.value, fit_calibration=self.fit)

    def __enter__(self) -> None:
        self._patch.start()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    def value(self, run: ProcessRun, calibration: Calibration = PLAIN) -> float:
        plain = calibration.sensitivity == 1.0
        return self._once(
            (id(run), PLAIN if plain else calibration), run, lambda: process_value(run, calibration)
        )

    def fit(self, runs: Sequence[ProcessRun]) -> Calibration:
        return self._once(tuple(map(id, runs)), tuple(runs), lambda: fit_calibration(runs))

    def stream(self, key: object, begin: Callable[[], Stream]) -> Stream:
        """The same processes from the start, each dealt only once."""
        dealt, source = self._streams.setdefault(key, ([], begin()))
        for index in itertools.count():
            if index == len(dealt):
                dealt.append(next(source))
            yield dealt[index]

    def _once(self, key: object, alive: object, compute: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = compute()
            self._alive.append(alive)
        return self._known[key]


@dataclass(frozen=True)
class Run:
    """One run: what was dealt, its specs, and the baselines where there are any."""

    deals: Mapping[str, Deal]
    specs: Mapping[str, BenchmarkSpec]
    bases: Mapping[str, Base]
    paired: bool
    memory: Memory

    def gates(self, name: str) -> bool:
        return self.paired or self.bases[name].sample.calibratable

    def judged(self, slowdowns: Mapping[str, float], head: int = 0) -> dict[str, Decision]:
        """The decisions about one head, benchmarks slowed down by what ``slowdowns`` says."""
        slower = {name: math.log1p(slowdowns[name]) + deal.shift for name, deal in self.deals.items()}
        streams = {
            name: self.memory.stream((name, head), partial(deal.head, head))
            for name, deal in self.deals.items()
        }
        if self.paired:
            streams = {name: slowed(stream, slower[name]) for name, stream in streams.items()}
        session = _session(self.specs, streams)
        session.calibrations |= {name: base.calibration for name, base in self.bases.items()}
        gating = sum(map(self.gates, self.specs))
        judges = {}
        for name, spec in self.specs.items():
            rule = rule_for(SETTINGS, spec, gating, "time", paired=self.paired)
            judges[name] = judge(rule, self._base(session, name, slower[name]))
        with self.memory:
            return ratio_pass(session, self.specs, "time", judges)

    def _base(self, session: Session, name: str, slower: float) -> BaseSample:
        """What the head is compared with: of pairs, as ``ab`` has it, only the seconds of the base so far.

        A stored base is moved instead of every reading of the head: only their difference counts.
        """
        if self.paired:
            runs = session.runs[name, "time"]
            return BaseSample((), measured_s=lambda: base_seconds(runs))
        sample = self.bases[name].sample
        return replace(
            sample,
            processes=tuple(value - slower for value in sample.processes),
            seconds_per_unit=sample.seconds_per_unit * math.exp(slower),
        )


def begin(source: Source, rng: random.Random, comparisons: int = COMPARISONS) -> Run:
    """Deal a run, and record its baselines as ``baseline update`` records them."""
    deals = {f"bench_{i}.py::{d.workload}": d for i, d in enumerate(source.deal(rng, comparisons))}
    specs = {name: BenchmarkSpec(name, name.split("::")[0], "f", 0, "") for name in deals}
    run = Run(deals, specs, {}, source.paired, Memory())
    return run if source.paired else replace(run, bases=_bases(run))


def _bases(run: Run) -> dict[str, Base]:
    session = _session(run.specs, {name: deal.base() for name, deal in run.deals.items()})
    with run.memory:
        record_passes(session, run.specs, lambda _: {"time"}, lambda: None, lambda _: SETTINGS.tolerance)
    found = {}
    for name in run.specs:
        calibration = session.calibrations[name]
        values = tuple(run.memory.value(one, calibration) for one in session.runs[name, "time"])
        gates = is_calibratable(values, SETTINGS.tolerance)
        found[name] = Base(BaseSample(values, gates, calibration.reference_s or math.nan), calibration)
    return found


def slowed(stream: Stream, log_ratio: float) -> Stream:
    """The processes with every reading of their subject longer by that much."""
    factor = math.exp(log_ratio)
    for run in stream:
        blocks = tuple(Block(block.subject * factor, block.reference) for block in run.blocks)
        yield replace(run, blocks=blocks)


def _session(specs: Mapping[str, BenchmarkSpec], streams: Mapping[str, Stream]) -> Session:
    def outcome(spec: BenchmarkSpec, _: Task) -> ProcessRun:
        return next(streams[spec.id])

    executor = FakeExecutor(specs.values(), outcome)
    return Session(executor, MemoryRunLog(), FakeClock(), SilentProgress(), SETTINGS.budget)


def runs(source: Source, trials: int, comparisons: int = COMPARISONS) -> Iterator[Run]:
    """Seeded runs until ``trials`` comparisons could gate."""
    gated, number = 0, 0
    while gated < trials:
        run = begin(source, random.Random(f"{source.name} {number}"), comparisons)
        gated += sum(map(run.gates, run.specs))
        number += 1
        if not gated and number > 10:
            raise AssertionError(f"{source.name}: nothing can gate")
        yield run


def count(run: Run, slowdown: float, tally: Tally) -> dict[str, Decision]:
    """Judge the first head of a run, every benchmark slowed down by the same."""
    decisions = run.judged(dict.fromkeys(run.specs, slowdown))
    for name, decision in decisions.items():
        if run.gates(name):
            tally.add(run.deals[name].workload, decision, slowdown)
        else:
            tally.not_gated += 1
    tally.runs += 1
    tally.red_runs += any(d.verdict is Verdict.REGRESSED for d in decisions.values())
    return decisions


def count_printed(run: Run, unchanged: Mapping[str, Decision], tally: Tally) -> None:
    """Judge the second head, each benchmark slowed down by what the first, unchanged one printed for it."""
    effects = {
        name: decision.detectable
        for name, decision in unchanged.items()
        if run.gates(name) and math.isfinite(decision.detectable)
    }
    for name, decision in run.judged(dict.fromkeys(run.specs, 0.0) | effects, head=1).items():
        if name in effects:
            tally.add(run.deals[name].workload, decision, effects[name])


@dataclass(frozen=True)
class Rates:
    """A tally per slowdown, and one of heads slowed down by exactly the effect printed as detectable."""

    at: Mapping[float, Tally]
    printed: Tally


def replay(
    source: Source,
    slowdowns: Sequence[float],
    trials: int = TRIALS,
    progress: Callable[[int], object] = lambda _: None,
) -> Rates:
    """All slowdowns are tried on the same processes; the printed effect on others of the same sitting."""
    rates = Rates({slowdown: Tally() for slowdown in slowdowns}, Tally())
    for run in runs(source, trials):
        decisions = {slowdown: count(run, slowdown, tally) for slowdown, tally in rates.at.items()}
        if 0.0 in decisions:
            count_printed(run, decisions[0.0], rates.printed)
        progress(rates.at[slowdowns[0]].trials)
    return rates
