"""Two revisions compared in milliseconds: fakes stand for the pairs and for either side alone."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from bench.clock import FakeClock
from bench.errors import SubjectError
from bench.executor import FakeExecutor
from bench.guard import Ports
from bench.model import (
    BenchmarkSpec,
    Block,
    Environment,
    FailureKind,
    Method,
    ProcessFailure,
    ProcessRun,
    RunVerdict,
    Side,
    Verdict,
)
from bench.progress import SilentProgress
from bench.revisions import Revisions, compare_revisions
from bench.settings import Settings
from bench.store.baselines import MemoryBaselineStore
from bench.store.runs import MemoryRunLog

FILES = (("shop", "/tree/shop.py"),)


def spec(function, path="bench_x.py", **more):
    return BenchmarkSpec(f"{path}::{function}", path, function, 0, more.pop("source_hash", "h"), **more)


SPECS = [spec(name) for name in ("alpha", "beta", "gamma")]


class World:
    """Both sides simulated: ``slower`` is the head's true change, ``seconds`` a call of the base."""

    def __init__(self, head=SPECS, base=None, base_problems=()):
        self.random = random.Random(5)
        self.slower = {}
        self.seconds = {}
        self.peaks = {"base": {}, "head": {}}
        self.failing = {}
        self.fails_from = 0
        self.files = FILES
        self.head = FakeExecutor(head, self.alone("head"))
        self.base = FakeExecutor(head if base is None else base, self.alone("base"), base_problems)
        self.pairs = FakeExecutor(head, self.pair)
        self.log = MemoryRunLog()

    def run(self, spec, task, **more):
        return ProcessRun(spec.id, task.metric, task.process, 0, subject_files=self.files, **more)

    def alone(self, side):
        def measure(spec, task):
            if (side, spec.function) in self.failing:
                return self.failure(spec, task, side)
            if task.metric in {"peak", "rss"}:
                return self.run(
                    spec, task, method=Method.SINGLE, values=(self.peaks[side].get(spec.function, 1e6),)
                )
            noise = [math.exp(self.random.gauss(0, 0.02)) for _ in range(20)]
            return self.run(
                spec, task, method=Method.BLOCKS, blocks=tuple(Block(1e-4 * n, 2e-5) for n in noise)
            )

        return measure

    def failure(self, spec, task, side):
        text = f"on the {side}: {self.failing[side, spec.function]}"
        return ProcessFailure(spec.id, task.metric, task.process, FailureKind.RAISED, text, side=side)

    def pair(self, spec, task):
        for side in ("base", "head"):
            if (side, spec.function) in self.failing and task.process >= self.fails_from:
                return self.failure(spec, task, side)
        if task.metric in {"peak", "rss"}:
            return self.alone("head")(spec, task)
        of_pair = self.random.gauss(math.log1p(self.slower.get(spec.function, 0.0)), 0.02)
        call = self.seconds.get(spec.function, 1e-4)
        quads = [math.exp(of_pair + self.random.gauss(0, 0.02)) for _ in range(50)]
        blocks = tuple(Block(call * quad, call) for quad in quads)
        return self.run(spec, task, method=Method.BLOCKS, blocks=blocks, paired=True, host=(2e-5,) * 20)

    def compare(self, settings, **more):
        ports = Ports(
            self.head,
            MemoryBaselineStore(),
            self.log,
            FakeClock(),
            SilentProgress(),
            Environment({"os": "x"}),
        )
        suites = [Path("bench_x.py")]
        sides = Side("git", "main", "1" * 40), Side("working tree", "working tree", "2" * 40)
        revisions = Revisions(*sides, self.pairs, self.head, self.base, suites, ("shop",))
        return compare_revisions(settings, ports, replace(revisions, **more))


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "bench_x.py").write_text("")
    return Settings(tmp_path, ("bench_x.py",), tmp_path / "baselines", tmp_path / "reports")


def rows(report):
    return {(row.benchmark.partition("::")[2], row.metric): row for row in report.comparisons}


def test_the_same_code_passes_and_says_how_much_it_would_have_seen(settings):
    report = World().compare(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.PASS, 0)
    row = rows(report)["alpha", "time"]
    assert row.verdict is Verdict.OK
    assert row.base == pytest.approx(1e-4, rel=0.01)
    assert 0.10 < row.detectable < 0.15
    assert row.processes == (5, 5)


def test_a_slower_head_is_red_with_the_size_of_the_change(settings):
    world = World()
    world.slower = {"beta": 0.20}

    report = world.compare(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.REGRESSED, 1)
    row = rows(report)["beta", "time"]
    assert row.verdict is Verdict.REGRESSED
    assert row.interval[0] < 0.20 < row.interval[1]
    assert row.head / row.base == pytest.approx(1 + row.change)
    assert rows(report)["alpha", "time"].verdict is Verdict.OK


def test_a_faster_head_is_improved_and_nothing_speaks_of_a_baseline(settings):
    world = World()
    world.slower = {"beta": -0.30}

    report = world.compare(settings)

    assert rows(report)["beta", "time"].verdict is Verdict.IMPROVED
    assert not any("baseline" in message for message in report.messages)


def test_a_change_below_the_floor_of_ten_nanoseconds_is_none(settings):
    world = World()
    world.slower, world.seconds = {"alpha": 0.5}, {"alpha": 15e-9}

    assert rows(world.compare(settings))["alpha", "time"].verdict is Verdict.OK


def test_memory_is_compared_between_the_sides(settings):
    world = World()
    world.peaks["head"] = {"gamma": 2e6}

    report = world.compare(settings)

    row = rows(report)["gamma", "peak"]
    assert (row.verdict, row.base, row.head) == (Verdict.REGRESSED, 1e6, 2e6)
    assert report.exit_code == 1


@pytest.mark.parametrize("metric", ["p95", "p99"])
def test_tails_are_compared_by_pairs_too(settings, metric):
    world = World()
    world.slower = {"alpha": 1.0}

    report = world.compare(replace(settings, metrics=(metric,)))

    assert rows(report)["alpha", metric].verdict is Verdict.REGRESSED
    assert rows(report)["beta", metric].verdict is Verdict.OK


class TestWhatOneSideDoesNotHave:
    def test_a_suite_that_does_not_import_on_the_base_is_new(self, settings):
        problem = ProcessFailure("bench_x.py", "collect", 0, FailureKind.IMPORT, "no module shop.fast")
        world = World(base=[], base_problems=[problem])

        report = world.compare(settings)

        assert {row.verdict for row in report.comparisons} == {Verdict.NEW}
        assert "no module shop.fast" in rows(report)["alpha", "time"].note
        assert rows(report)["alpha", "time"].head is not None

    def test_a_base_that_fails_after_some_pairs_is_a_failure_and_not_a_new_benchmark(self, settings):
        world = World()
        world.failing["base", "alpha"], world.fails_from = "no answer", 3

        report = world.compare(settings)

        assert (rows(report)["alpha", "time"].verdict, report.exit_code) == (Verdict.FAILED, 4)
        assert "on the base" in rows(report)["alpha", "time"].note

    def test_nothing_that_runs_on_both_sides_is_no_pass(self, settings):
        report = World(base=[]).compare(settings)

        assert (report.verdict, report.exit_code) == (RunVerdict.UNDECIDED, 3)
        assert any("no benchmark runs on both sides" in message for message in report.messages)

    def test_a_benchmark_that_fails_on_the_base_is_new_and_the_others_are_judged(self, settings):
        world = World()
        world.failing = {("base", "alpha"): "AttributeError: shop has no fast"}

        report = world.compare(settings)

        assert rows(report)["alpha", "time"].verdict is Verdict.NEW
        assert "shop has no fast" in rows(report)["alpha", "time"].note
        assert rows(report)["beta", "time"].verdict is Verdict.OK
        assert report.exit_code == 0

    def test_a_benchmark_that_fails_on_the_head_has_failed(self, settings):
        world = World()
        world.failing = {("head", "alpha"): "ValueError: no"}

        report = world.compare(settings)

        assert rows(report)["alpha", "time"].verdict is Verdict.FAILED
        assert report.exit_code == 4

    def test_a_benchmark_that_only_the_base_has_is_missing(self, settings):
        report = World(head=SPECS[:2], base=SPECS).compare(settings)

        assert rows(report)["gamma", "time"].verdict is Verdict.MISSING
        assert report.exit_code == 1

    def test_a_missing_one_that_was_not_selected_is_not_missed(self, settings):
        report = World(head=SPECS[:2], base=SPECS).compare(replace(settings, expression="alpha or beta"))

        assert report.exit_code == 0

    def test_another_source_on_either_side_is_not_comparable(self, settings):
        other = [replace(SPECS[0], source_hash="other"), *SPECS[1:]]

        report = World(base=other).compare(settings)

        row = rows(report)["alpha", "time"]
        assert row.verdict is Verdict.NOT_COMPARABLE
        assert "--suite-from head" in row.note


def test_budgets_are_promises_of_the_head(settings):
    promising = [replace(SPECS[0], budgets=("time <= 1us",)), replace(SPECS[1], budgets=("time <= 1s",))]
    report = World(head=promising, base=promising).compare(settings)

    assert rows(report)["alpha", "budget:time"].verdict is Verdict.REGRESSED
    assert rows(report)["beta", "budget:time"].verdict is Verdict.OK


def test_a_ratio_between_benchmarks_measures_both_of_them(settings):
    promising = [replace(SPECS[0], budgets=("speed >= 50x beta",)), SPECS[1]]
    report = World(head=promising, base=promising).compare(settings)

    assert rows(report)["alpha", "budget:speed"].verdict is Verdict.REGRESSED


def test_a_subject_that_nothing_imports_is_an_error_never_a_pass(settings):
    world = World()
    world.files = ()

    with pytest.raises(SubjectError, match="no benchmark imports shop"):
        world.compare(settings)


def test_the_same_code_on_both_sides_is_said(settings):
    report = World().compare(settings, same_code=True)

    assert any("same code" in notice for notice in report.host.notices)


def test_the_sides_and_the_host_are_in_the_report(settings):
    report = World().compare(settings)

    assert (report.base.kind, report.base.ref, report.head.ref) == ("git", "main", "working tree")
    assert report.head.machine == Environment({"os": "x"}).machine
    assert report.host.reference_cv == pytest.approx(0.0)
