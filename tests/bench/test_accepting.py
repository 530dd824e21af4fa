"""Accepting a change by name, the anchor that it moves, and what never becomes a baseline."""

import math
import random
from dataclasses import replace

import pytest

from bench import guard
from bench.clock import FakeClock
from bench.errors import ConfigurationError
from bench.executor import FakeExecutor
from bench.model import (
    Baseline,
    BenchmarkSpec,
    Block,
    Environment,
    FailureKind,
    Method,
    ProcessFailure,
    ProcessRun,
    RunVerdict,
    Verdict,
)
from bench.progress import SilentProgress
from bench.settings import Settings
from bench.store.baselines import MemoryBaselineStore, decode_baseline, encode_baseline
from bench.store.runs import MemoryRunLog

HERE = Environment({"os": "linux", "cpu": "fast"})


def spec(name, **more):
    return BenchmarkSpec(f"bench_x.py::{name}", "bench_x.py", name, 0, more.pop("source_hash", "h"), **more)


class World:
    """A project of two benchmarks on a simulated host; what is stored goes through the file's format."""

    def __init__(self, root):
        (root / "bench_x.py").write_text("")
        self.settings = Settings(
            root=root, suites=("bench_x.py",), baseline=root / "baselines", reports=root / "reports"
        )
        self.specs = [spec("alpha"), spec("beta")]
        self.seconds = {"alpha": 1e-4, "beta": 1e-4}
        self.peak = {}
        self.random = random.Random(5)
        self.store = MemoryBaselineStore()
        self.clock = FakeClock()
        self.commit = "first"
        self.answer = self.measure

    def measure(self, spec, task):
        common = {"benchmark": spec.id, "metric": task.metric, "process": task.process, "hash_seed": 0}
        if task.metric in {"peak", "rss"}:
            return ProcessRun(**common, method=Method.SINGLE, values=(self.peak.get(spec.function, 1e6),))
        level = self.seconds[spec.function] * math.exp(self.random.gauss(0.0, 0.01))
        blocks = tuple(Block(level * math.exp(self.random.gauss(0.0, 0.03)), 2e-5) for _ in range(12))
        return ProcessRun(**common, method=task.method or Method.BLOCKS, blocks=blocks)

    def ports(self):
        self.asked = FakeExecutor(self.specs, self.answer)
        return guard.Ports(
            self.asked, self.store, MemoryRunLog(), self.clock, SilentProgress(), HERE, self.commit
        )

    def stored(self):
        return self.store.baseline

    def entry(self, name):
        return self.store.baseline.entry(f"bench_x.py::{name}", HERE.machine)

    def check(self, **changes):
        return guard.check(replace(self.settings, **changes), self.ports())

    def update(self, **changes):
        report = guard.update_baseline(replace(self.settings, **changes), self.ports(), "update")
        self.through_the_file()
        return report

    def accept(self, reason="checks its input", *, everything=False, **changes):
        report = guard.accept(replace(self.settings, **changes), self.ports(), reason, everything=everything)
        self.through_the_file()
        return report

    def elsewhere(self, environment):
        return tuple(replace(entry, machine=environment.machine) for entry in self.stored().entries)

    def through_the_file(self):
        self.store = MemoryBaselineStore(decode_baseline(encode_baseline(self.store.baseline), "b.json"))


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.check()
    made.through_the_file()
    return made


def rows(report, metric):
    return {row.benchmark.partition("::")[2]: row for row in report.comparisons if row.metric == metric}


def test_an_accepted_regression_passes_and_is_on_record(world):
    world.seconds["beta"] = 1.3e-4
    assert world.check().exit_code == 1
    world.commit = "c0ffee-dirty"

    report = world.accept("parses dates too", expression="beta")

    assert (report.verdict, report.exit_code) == (RunVerdict.PASS, 0)
    assert report.messages[1].startswith("accepted and put on record: bench_x.py::beta (time +")
    time, peak = world.stored().accepted
    assert (time.benchmark, time.metric, time.unit, time.machine) == (
        "bench_x.py::beta", "time", "s", HERE.machine,
    )  # fmt: skip
    assert (time.commit, time.reason) == ("c0ffee-dirty", "parses dates too")
    assert time.date.startswith("2026-01-01")
    assert time.change == pytest.approx(0.30, abs=0.03)
    assert time.new / time.old == pytest.approx(1.0 + time.change, rel=1e-4)
    assert (peak.metric, peak.old, peak.new, peak.change) == ("peak", 1e6, 1e6, 0.0)
    assert world.check().exit_code == 0
    assert world.entry("alpha").reason == "first check"


def test_what_was_accepted_stays_on_record_for_good(world):
    world.accept("one", expression="beta")
    world.accept("two", expression="beta", metrics=("time",))
    world.update()
    world.specs = world.specs[:1]
    world.update()
    assert world.entry("beta") is None
    assert [each.reason for each in world.stored().accepted] == ["one", "one", "two"]


@pytest.mark.parametrize(
    ("reason", "changes", "words"),
    [
        (" ", {"expression": "beta"}, "accepting needs a reason"),
        ("why", {}, "nothing names what to accept, and there are 2 benchmarks"),
        ("why", {"expression": "alpha or beta"}, "the selection takes in all 2 benchmarks"),
        ("why", {"paths": ("bench_x.py",)}, "the selection takes in all 2 benchmarks"),
    ],
)
def test_a_selection_that_was_hardly_meant_is_refused_before_measuring(world, reason, changes, words):
    before = world.stored()
    with pytest.raises(ConfigurationError, match=words) as caught:
        world.accept(reason, **changes)
    assert "--reason" in caught.value.hint or "--all" in caught.value.hint
    assert world.asked.asked == []
    assert world.stored() == before


def test_everything_can_be_meant(world):
    assert world.accept(everything=True).exit_code == 0
    assert {each.benchmark for each in world.stored().accepted} == {spec.id for spec in world.specs}


def test_the_only_benchmark_there_is_was_named_by_naming_it(world):
    world.specs = world.specs[:1]
    world.update()
    assert world.accept(expression="alpha").exit_code == 0


@pytest.mark.parametrize("change", ["new", "rewritten"])
def test_what_the_baseline_does_not_hold_cannot_be_accepted(world, change):
    world.specs.append(spec("gamma"))
    world.seconds["gamma"] = 1e-4
    if change == "rewritten":
        world.specs[0] = spec("alpha", source_hash="other")
    name = "gamma" if change == "new" else "alpha"
    with pytest.raises(
        ConfigurationError, match=f"does not hold bench_x.py::{name} as written now"
    ) as caught:
        world.accept(expression=name)
    assert "baseline update" in caught.value.hint


def test_a_metric_that_the_baseline_does_not_hold_is_added_and_not_accepted(world):
    with pytest.raises(ConfigurationError, match=r"does not hold bench_x\.py::beta"):
        world.accept(expression="beta", metrics=("p95",))
    world.accept(expression="beta", metrics=("p95", "peak"))
    assert [each.metric for each in world.stored().accepted] == ["peak"]
    assert "p95" in world.entry("beta").metrics


# --- what never becomes a baseline --------------------------------------------------------------------------


def fails(world):
    world.answer = lambda spec, task: (
        ProcessFailure(spec.id, task.metric, 0, FailureKind.RAISED, "ValueError: x")
        if spec.function == "alpha"
        else world.measure(spec, task)
    )
    return 4


def breaks_a_budget(world):
    world.specs[0] = spec("alpha", budgets=("time <= 1us",))
    return 1


def stays_undecided(world):
    # the limit lies in the middle of the processes, so no number of them decides
    world.specs[0] = spec("alpha", budgets=("time <= 100us",))
    return 3


@pytest.mark.parametrize("trouble", [fails, breaks_a_budget, stays_undecided])
@pytest.mark.parametrize("command", ["check", "update", "accept"])
def test_only_a_run_that_passes_becomes_the_baseline(world, trouble, command):
    code = trouble(world)
    before = world.stored()
    if command == "check":
        world.store = MemoryBaselineStore()
        before = None
        report = world.check(strict=True)
    else:
        world.store = MemoryBaselineStore(before)
        run = world.update if command == "update" else world.accept
        report = run(strict=True, expression="alpha")
    assert report.exit_code == code
    assert report.messages[0].startswith("nothing was written: a baseline never comes from a run that")
    assert world.stored() == before


def test_an_interrupted_run_writes_nothing(world):
    before = world.stored()
    calls = []

    def stopped(spec, task):
        calls.append(task)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return world.measure(spec, task)

    world.answer = stopped
    with pytest.raises(KeyboardInterrupt):
        world.update()
    assert world.stored() == before


def test_a_time_too_noisy_to_gate_is_said_when_it_is_recorded(world):
    def wild(spec, task):
        run = world.measure(spec, task)
        if task.metric != "time" or spec.function == "beta":
            return run
        level = 1.0 + 0.2 * (task.process % 3)
        return replace(run, blocks=tuple(Block(level * b.subject, b.reference) for b in run.blocks))

    world.answer = wild
    (words,) = [text for text in world.update().messages if "too noisy" in text]
    assert words.startswith("too noisy to gate, and stored as such: bench_x.py::alpha (time, sd ")
    assert "beta" not in words


# --- the anchor ---------------------------------------------------------------------------------------------


def creep(world, *steps):
    """Record the baseline after each step: every one of them is below the tolerance."""
    for number, step in enumerate(steps):
        world.commit = f"step{number}"
        world.seconds["alpha"] *= 1 + step
        world.update()


def test_as_long_as_nothing_was_updated_the_entry_is_its_own_anchor(world):
    assert world.entry("alpha").anchor is None
    assert rows(world.check(), "anchor:time") == {}


def test_updates_leave_the_anchor_where_it_was_pinned(world):
    first = world.entry("alpha")
    creep(world, 0.05, 0.05)
    anchor = world.entry("alpha").anchor
    assert (anchor.commit, anchor.reason) == ("first", "first check")
    assert anchor.metrics["time"].processes == pytest.approx(first.metrics["time"].processes, rel=1e-5)
    assert anchor.anchor is None


def test_creep_that_no_single_check_sees_is_red_against_the_anchor(world):
    creep(world, 0.09, 0.09, 0.09)

    report = world.check()

    assert report.exit_code == 1
    assert rows(report, "time")["alpha"].verdict is Verdict.OK
    row = rows(report, "anchor:time")["alpha"]
    assert row.verdict is Verdict.REGRESSED
    assert row.change == pytest.approx(1.09**3 - 1, abs=0.04)
    assert row.tolerance == pytest.approx(0.20)
    assert "against the anchor of 2026-01-01, commit first" in row.note
    assert rows(report, "anchor:time")["beta"].verdict is Verdict.OK
    assert any(text.startswith("crept away from the anchor") for text in report.messages)


def test_the_anchor_costs_no_process(world):
    creep(world, 0.0)
    world.check()
    times = [task for _, task in world.asked.asked if task.metric == "time"]
    assert len(times) == 2 * 5


def test_change_within_twice_the_tolerance_of_the_anchor_is_fine(world):
    creep(world, 0.07, 0.07)
    report = world.check()
    row = rows(report, "anchor:time")["alpha"]
    assert (report.exit_code, row.verdict, row.note) == (0, Verdict.OK, None)


def test_accepting_moves_the_anchor(world):
    creep(world, 0.09, 0.09, 0.09)
    world.accept(expression="alpha")
    assert world.entry("alpha").anchor is None
    assert world.check().exit_code == 0
    assert world.entry("beta").anchor is not None


def test_memory_creeps_too(world):
    for peak in (1.09e6, 1.18e6, 1.28e6):
        world.peak["alpha"] = peak
        world.update()
    report = world.check()
    assert rows(report, "peak")["alpha"].verdict is Verdict.OK
    assert rows(report, "anchor:peak")["alpha"].verdict is Verdict.REGRESSED
    assert report.exit_code == 1


def test_a_gain_since_the_anchor_is_no_news(world):
    creep(world, -0.4)
    report = world.check()
    assert rows(report, "anchor:time")["alpha"].verdict is Verdict.OK
    assert not any("stale" in text for text in report.messages)


def test_a_benchmark_that_was_rewritten_is_pinned_anew(world):
    creep(world, 0.09)
    world.specs[0] = spec("alpha", source_hash="other")
    world.update()
    assert world.entry("alpha").anchor is None


def test_an_anchor_taken_by_another_method_is_dropped(world):
    def turns(spec, task):
        run = world.measure(spec, task)
        if task.metric != "time":
            return run
        return replace(run, method=Method.TURNS, blocks=tuple(Block(b.subject, 1.0) for b in run.blocks))

    world.answer = turns
    world.update()
    assert set(world.entry("alpha").anchor.metrics) == {"peak", "rss"}
    assert rows(world.check(), "anchor:time") == {}


# --- gates that cannot pass without having compared anything ---------------------------------------------------


CI = {"ci": True, "require_baseline": True}


def rewritten(world):
    world.specs = [spec("alpha", source_hash="new"), spec("beta", source_hash="new")]


def without_a_baseline(world):
    world.store = MemoryBaselineStore()


def with_an_empty_baseline(world):
    world.store = MemoryBaselineStore(Baseline())


def on_another_machine(world):
    elsewhere = Environment({"os": "darwin", "cpu": "other"})
    world.store = MemoryBaselineStore(
        Baseline({elsewhere.machine: elsewhere.stable}, world.elsewhere(elsewhere))
    )


def with_benchmarks_unknown_to_it(world):
    world.specs = [BenchmarkSpec("bench_z.py::zeta", "bench_z.py", "zeta", 0, "h")]
    world.seconds["zeta"] = 1e-4


@pytest.mark.parametrize(
    "change",
    [
        rewritten,
        without_a_baseline,
        with_an_empty_baseline,
        on_another_machine,
        with_benchmarks_unknown_to_it,
    ],
)
def test_in_ci_a_run_that_could_not_gate_is_no_pass_and_writes_nothing(world, change):
    change(world)
    before = world.stored()
    selected = {"expression": "zeta"} if change is with_benchmarks_unknown_to_it else {}
    report = world.check(**CI, **selected)
    assert (report.verdict, report.exit_code) == (RunVerdict.UNDECIDED, 3)
    assert "baseline" in report.messages[0]
    assert world.stored() == before


def test_metrics_that_the_baseline_does_not_hold_cannot_gate(world):
    assert world.check(**CI, metrics=("p95",)).exit_code == 3


def test_a_benchmark_that_is_gone_is_no_pass(world):
    world.specs = world.specs[:1]
    assert world.check(**CI).exit_code == 1


def test_a_baseline_that_is_beaten_is_called_stale(world):
    world.seconds["alpha"] = 0.7e-4
    report = world.check(**CI)
    assert report.exit_code == 0
    assert any("which is stale: bench_x.py::alpha" in text for text in report.messages)
