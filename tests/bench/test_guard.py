"""The whole pipeline in milliseconds: a fake executor replays blocks, the fake clock never waits."""

import json
import math
import random

import pytest

from bench import guard
from bench.clock import FakeClock
from bench.errors import ConfigurationError, DamagedFileError, DiscoveryError
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
from bench.store.baselines import MemoryBaselineStore
from bench.store.runs import MemoryRunLog

STABLE = {
    "os": "linux",
    "cpu": "fast",
    "implementation": "cpython",
    "python": "3.11",
    "pointer": "64",
    "allocator": "pymalloc",
}
HERE = Environment(STABLE)
OTHER = Environment({**STABLE, "cpu": "another"})


class Host:
    """A simulated machine: its speed changes by phases, hitting subject and reference alike.

    ``seconds`` maps a function to the seconds of one call; processes differ by ``spread`` (log sd).
    """

    def __init__(self, seed=1, spread=0.02):
        self.random = random.Random(seed)
        self.spread = spread
        self.seconds = {}
        self.peak = {}
        self.failing = {}

    def __call__(self, spec, task):
        if spec.function in self.failing:
            return ProcessFailure(
                spec.id, task.metric, task.process, FailureKind.RAISED, self.failing[spec.function]
            )
        common = {"benchmark": spec.id, "metric": task.metric, "process": task.process, "hash_seed": 0}
        if task.metric in {"peak", "rss"}:
            return ProcessRun(**common, method=Method.SINGLE, values=(self.peak.get(spec.function, 1e6),))
        layout = math.exp(self.random.gauss(0.0, self.spread))
        blocks = []
        for index in range(60):
            phase = 1.0 if index < 30 else 2.0
            noise = math.exp(self.random.gauss(0.0, 0.05))
            blocks.append(Block(self.seconds.get(spec.function, 1e-4) * layout * phase * noise, 2e-5 * phase))
        return ProcessRun(**common, method=task.method or Method.BLOCKS, blocks=tuple(blocks))


def spec(function, **more):
    return BenchmarkSpec(
        f"bench_x.py::{function}", "bench_x.py", function, 0, more.pop("source_hash", "h"), **more
    )


SPECS = [spec(name) for name in ("alpha", "beta", "gamma")]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "bench_x.py").write_text("")
    return tmp_path


@pytest.fixture
def settings(root):
    return Settings(root=root, suites=("bench_x.py",), baseline=root / "baselines", reports=root / "reports")


class Crowded(Host):
    """The same machine while another process holds the CPU half of the time."""

    crowded = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
    attempts = 0

    def __call__(self, spec, task):
        from dataclasses import replace

        run = super().__call__(spec, task)
        self.attempts += task.metric == "time" and task.process in self.crowded
        share = 0.5 if task.metric == "time" and task.process in self.crowded else 0.99
        return replace(run, cpu_share=share)


class World:
    """Ports over a simulated host, remembering the baseline from call to call."""

    def __init__(self, specs=SPECS, environment=HERE, problems=()):
        self.host = Host()
        self.store = MemoryBaselineStore()
        self.specs = specs
        self.environment = environment
        self.problems = problems
        self.log = MemoryRunLog()
        self.clock = FakeClock()

    @property
    def ports(self):
        self.executor = FakeExecutor(self.specs, self.host, self.problems)
        self.progress = SilentProgress()
        return guard.Ports(
            self.executor, self.store, self.log, self.clock, self.progress, self.environment, "abc123"
        )

    def check(self, settings, **changes):
        from dataclasses import replace

        return guard.check(replace(settings, **changes), self.ports)


@pytest.fixture
def world(settings):
    made = World()
    made.check(settings)
    return made


def rows(report, metric="time"):
    return {row.benchmark.partition("::")[2]: row for row in report.comparisons if row.metric == metric}


def test_the_first_check_records_a_baseline_and_passes(settings):
    world = World()

    report = world.check(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.PASS, 0)
    assert {entry.benchmark for entry in world.store.baseline.entries} == {spec.id for spec in SPECS}
    entry = world.store.baseline.entry("bench_x.py::alpha", HERE.machine)
    assert len(entry.metrics["time"].processes) == 20
    assert entry.commit == "abc123"
    assert entry.metrics["time"].calibratable
    assert any("baseline written" in message for message in report.messages)
    assert any("no baseline yet" in line for line in world.progress.said)


def test_unchanged_code_passes_with_five_processes_each(world, settings):
    report = world.check(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.PASS, 0)
    assert {row.verdict for row in rows(report).values()} == {Verdict.OK}
    assert [row.processes for row in rows(report).values()] == [(20, 5)] * 3
    assert all(row.change is not None and abs(row.change) < 0.05 for row in rows(report).values())


def test_processes_run_in_rounds_one_of_each_benchmark(world, settings):
    world.check(settings)

    order = [
        (name.partition("::")[2], task.process)
        for name, task in world.executor.asked
        if task.metric == "time"
    ]

    assert order[:6] == [("alpha", 0), ("beta", 0), ("gamma", 0), ("alpha", 1), ("beta", 1), ("gamma", 1)]


def test_a_slowdown_is_red_and_only_where_it_is(world, settings):
    world.host.seconds["beta"] = 1.25e-4

    report = world.check(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.REGRESSED, 1)
    assert {name: row.verdict for name, row in rows(report).items()} == {
        "alpha": Verdict.OK, "beta": Verdict.REGRESSED, "gamma": Verdict.OK,
    }  # fmt: skip
    assert rows(report)["beta"].change == pytest.approx(0.25, abs=0.05)
    assert rows(report)["beta"].processes[1] >= 10


def test_nobody_is_convicted_on_processes_that_shared_their_cpu(world, settings):
    world.host = Crowded(seed=3)
    world.host.seconds["beta"] = 1.25e-4

    report = world.check(settings)

    row = rows(report)["beta"]
    assert (row.verdict, row.suspect, report.exit_code) == (Verdict.UNDECIDED, True, 0)
    assert "quieter host" in row.note
    assert world.check(settings, ci=True).exit_code == 3


def test_a_change_too_large_for_a_shared_cpu_stays_red(world, settings):
    world.host = Crowded(seed=3)
    world.host.seconds["beta"] = 3e-4

    assert rows(world.check(settings))["beta"].verdict is Verdict.REGRESSED


def test_a_process_that_shared_its_cpu_is_measured_a_second_time_and_the_better_reading_kept(world, settings):
    world.host = Crowded(seed=3)
    world.host.crowded = frozenset({2})

    report = world.check(settings, expression="alpha")

    assert world.host.attempts == 2
    assert rows(report)["alpha"].processes == (20, 5)


def test_the_conviction_needs_fresh_processes(world, settings):
    world.host.seconds["beta"] = 1.5e-4

    world.check(settings)

    drawn = [
        task.process for name, task in world.executor.asked if name.endswith("beta") and task.metric == "time"
    ]
    assert drawn == list(range(10))


def test_a_speed_up_is_improved_and_the_baseline_called_stale(world, settings):
    world.host.seconds["beta"] = 0.6e-4

    report = world.check(settings)

    assert report.exit_code == 0
    assert rows(report)["beta"].verdict is Verdict.IMPROVED
    assert any("stale" in message for message in report.messages)


def test_a_host_that_is_twice_as_slow_altogether_changes_nothing(world, settings):
    class Slower(Host):
        def __call__(self, spec, task):
            run = super().__call__(spec, task)
            blocks = tuple(Block(2 * b.subject, 2 * b.reference) for b in run.blocks)
            return ProcessRun(run.benchmark, run.metric, run.process, 0, run.method, blocks, run.values)

    world.host = Slower(seed=9)

    assert world.check(settings).verdict is RunVerdict.PASS


def test_more_peak_memory_is_red_beyond_tolerance_and_floor_only(world, settings):
    world.host.peak["alpha"] = 1.09e6
    world.host.peak["beta"] = 1.2e6
    report = world.check(settings)

    assert rows(report, "peak")["alpha"].verdict is Verdict.OK
    assert rows(report, "peak")["beta"].verdict is Verdict.REGRESSED
    assert report.exit_code == 1


def test_resident_memory_is_shown_and_never_gates(world, settings):
    def doubled(spec, task):
        run = original(spec, task)
        if task.metric != "rss":
            return run
        return ProcessRun(run.benchmark, "rss", run.process, 0, Method.SINGLE, values=(9e9,))

    original = world.host
    world.host = doubled
    report = world.check(settings)

    assert report.exit_code == 0
    assert not rows(report, "rss")["alpha"].gates


def test_a_failing_benchmark_is_4_and_the_others_are_judged(world, settings):
    world.host.failing["alpha"] = "ValueError: x"

    report = world.check(settings)

    assert (report.verdict, report.exit_code) == (RunVerdict.FAILED, 4)
    (failed,) = [row for row in report.comparisons if row.verdict is Verdict.FAILED]
    assert "ValueError: x" in failed.note
    assert rows(report)["beta"].verdict is Verdict.OK
    assert any("ValueError" in line for line in world.progress.said)


def test_the_last_output_of_a_crash_is_shown_and_that_of_an_exception_is_not(world, settings):
    def crashing(spec, task):
        kind = FailureKind.CRASHED if spec.function == "alpha" else FailureKind.RAISED
        return ProcessFailure(spec.id, task.metric, 0, kind, "ended", f"first\nlast words of {spec.function}")

    world.host = crashing
    world.check(settings)

    assert "  | last words of alpha" in world.progress.said
    assert "  | last words of beta" not in world.progress.said


def test_a_baseline_never_comes_from_a_run_with_failures(settings):
    world = World()
    world.host.failing["alpha"] = "ValueError: x"

    report = world.check(settings)

    assert report.exit_code == 4
    assert world.store.baseline is None
    assert "nothing was written" in report.messages[0]


def test_a_suite_that_does_not_import_fails_but_hides_no_other(world, settings):
    world.problems = [
        ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "bench_y.py does not import")
    ]

    report = world.check(settings)

    assert report.exit_code == 4
    assert len(rows(report)) == 3


def test_a_benchmark_that_is_gone_is_missing_and_red(world, settings):
    world.specs = SPECS[:2]

    report = world.check(settings)

    assert report.exit_code == 1
    (row,) = [row for row in report.comparisons if row.verdict is Verdict.MISSING]
    assert row.benchmark.endswith("gamma")


def test_what_was_not_selected_is_not_missing(world, settings):
    world.specs = SPECS[:2]

    assert world.check(settings, expression="alpha").exit_code == 0
    assert world.check(settings, paths=("bench_x.py",)).exit_code == 1


def test_what_a_broken_suite_held_is_not_missing_but_failed(world, settings):
    world.specs = []
    world.problems = [ProcessFailure("bench_x.py", "collect", 0, FailureKind.IMPORT, "does not import")]

    report = world.check(settings)

    assert report.exit_code == 4
    assert Verdict.MISSING not in {row.verdict for row in report.comparisons}


def test_a_new_benchmark_informs(world, settings):
    world.specs = [*SPECS, spec("delta")]

    report = world.check(settings)

    assert report.exit_code == 0
    assert rows(report)["delta"].verdict is Verdict.NEW


def test_changed_source_is_not_comparable_and_says_what_to_type(world, settings):
    world.specs = [spec("alpha", source_hash="other"), *SPECS[1:]]

    report = world.check(settings)

    row = rows(report)["alpha"]
    assert row.verdict is Verdict.NOT_COMPARABLE
    assert "baseline update -k alpha" in row.note
    assert report.exit_code == 0


def test_on_another_machine_kind_times_are_new_and_memory_still_gates(world, settings):
    world.environment = OTHER
    world.host.peak["beta"] = 2e6

    report = world.check(settings)

    assert {row.verdict for row in rows(report).values()} == {Verdict.NEW}
    assert rows(report, "peak")["alpha"].verdict is Verdict.OK
    assert HERE.machine in rows(report, "peak")["alpha"].note
    assert rows(report, "peak")["beta"].verdict is Verdict.REGRESSED
    assert report.exit_code == 1


def test_in_ci_on_another_machine_kind_memory_is_enough_to_gate(world, settings):
    world.environment = OTHER

    assert world.check(settings, ci=True, require_baseline=True).exit_code == 0


def test_in_ci_without_a_baseline_nothing_is_written_and_nothing_can_gate(settings):
    world = World()

    report = world.check(settings, ci=True, require_baseline=True)

    assert report.exit_code == 3
    assert world.store.baseline is None


def test_in_ci_without_a_baseline_a_budget_is_enough_to_gate(settings):
    world = World([spec("alpha", budgets=("time <= 1ms",))])

    report = world.check(settings, ci=True, require_baseline=True)

    assert report.exit_code == 0
    assert rows(report, "budget:time")["alpha"].verdict is Verdict.OK


def test_a_baseline_that_shares_no_benchmark_is_3(world, settings):
    world.specs = [BenchmarkSpec("bench_z.py::zeta", "bench_z.py", "zeta", 0, "h")]

    assert world.check(settings, paths=("bench_x.py",), expression="zeta").exit_code == 3


def test_a_spread_too_wide_to_calibrate_is_shown_and_not_gated(settings):
    world = World()
    world.host.spread = 0.12
    world.check(settings)
    world.host.spread = 0.0
    world.host.seconds["alpha"] = 1.02e-4

    report = world.check(settings)

    row = rows(report)["alpha"]
    assert (row.verdict, row.gates, row.processes[1]) == (Verdict.UNDECIDED, False, 5)
    assert "bench-guard ab" in row.note
    assert report.exit_code == 0


def test_a_broken_budget_is_red_without_any_baseline(settings):
    world = World([spec("alpha", budgets=("time <= 1us", "peak <= 10MB"))])

    report = guard.run(settings, world.ports)

    assert report.exit_code == 1
    assert rows(report, "budget:time")["alpha"].verdict is Verdict.REGRESSED
    assert rows(report, "budget:peak")["alpha"].verdict is Verdict.OK


def test_a_budget_brings_its_own_pass(settings):
    world = World([spec("alpha", budgets=("p95 <= 1s",))])

    guard.run(settings, world.ports)

    assert {task.metric for _, task in world.executor.asked} == {"time", "p95", "peak", "rss"}


def test_a_budget_text_nobody_understands_stops_before_measuring(settings):
    world = World([spec("alpha", budgets=("p95 < fast",))])

    with pytest.raises(ConfigurationError, match="p95 < fast"):
        guard.run(settings, world.ports)
    assert world.executor.asked == []


def test_tails_gate_against_a_baseline_that_holds_them(settings):
    world = World([spec("alpha")])
    world.check(settings, metrics=("p95",))
    world.host.seconds["alpha"] = 2e-4

    report = world.check(settings, metrics=("p95",))

    assert rows(report, "p95")["alpha"].verdict is Verdict.REGRESSED


def test_the_method_of_the_baseline_is_asked_for_again(world, settings):
    world.check(settings)

    assert {task.method for _, task in world.executor.asked if task.metric == "time"} == {Method.BLOCKS}


def test_run_compares_nothing_and_writes_nothing(settings):
    world = World()

    report = guard.run(settings, world.ports)

    assert {row.verdict for row in report.comparisons} == {Verdict.NEW}
    assert world.store.baseline is None
    assert report.base.kind == "none"


def test_update_waits_a_minute_between_its_passes_and_keeps_the_reason(settings):
    world = World()

    report = guard.update_baseline(settings, world.ports, "new parser")

    assert world.clock.elapsed >= 60
    assert {entry.reason for entry in world.store.baseline.entries} == {"new parser"}
    assert report.exit_code == 0


def test_a_process_that_a_stranger_disturbed_is_measured_again(settings):
    world = World([spec("alpha")])
    real = world.host
    again = []

    def disturbed_once(spec, task):
        run = real(spec, task)
        if task.metric == "time" and task.process == 7:
            again.append(task)
            if len(again) == 1:
                blocks = tuple(Block(0.6 * b.subject, b.reference) for b in run.blocks)
                return ProcessRun(run.benchmark, "time", 7, 0, run.method, blocks)
        return run

    world.host = disturbed_once
    world.check(settings)

    record = world.store.baseline.entries[0].metrics["time"]
    assert len(again) == 2
    assert len(record.processes) == 20
    assert record.calibratable


def test_updating_one_benchmark_leaves_the_others_alone(world, settings):
    from dataclasses import replace

    before = world.store.baseline
    guard.update_baseline(replace(settings, expression="alpha"), world.ports, "again")

    assert world.store.baseline.entry("bench_x.py::beta", HERE.machine) == before.entry(
        "bench_x.py::beta", HERE.machine
    )
    assert world.store.baseline.entry("bench_x.py::alpha", HERE.machine).reason == "again"


def test_a_metric_not_measured_this_time_keeps_its_record(world, settings):
    from dataclasses import replace

    world.host.peak["alpha"] = 5e6
    guard.update_baseline(replace(settings, metrics=("peak",)), world.ports)

    metrics = world.store.baseline.entry("bench_x.py::alpha", HERE.machine).metrics
    assert len(metrics["time"].processes) == 20
    assert metrics["peak"].value == 5e6
    assert world.clock.elapsed == 0


def test_a_record_of_another_source_is_not_kept(world, settings):
    from dataclasses import replace

    world.specs = [spec("alpha", source_hash="new")]
    guard.update_baseline(replace(settings, metrics=("peak",), expression="alpha"), world.ports)

    assert set(world.store.baseline.entry("bench_x.py::alpha", HERE.machine).metrics) == {"peak", "rss"}


def test_nothing_is_measured_for_a_baseline_when_a_suite_does_not_import(settings):
    world = World(
        problems=[ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "does not import")]
    )

    report = world.check(settings)

    assert report.exit_code == 4
    assert world.executor.asked == []
    assert world.store.baseline is None


def test_growth_below_the_floor_is_ok_and_says_so(settings):
    world = World([spec("alpha")])
    world.host.peak["alpha"] = 1000.0
    world.check(settings)
    world.host.peak["alpha"] = 1400.0

    row = rows(world.check(settings), "peak")["alpha"]

    assert row.verdict is Verdict.OK
    assert "below the floor" in row.note


def test_a_whole_update_drops_what_is_gone_and_keeps_other_machine_kinds(world, settings):
    world.environment = OTHER
    world.specs = SPECS[:2]

    guard.update_baseline(settings, world.ports)

    kept = {(entry.benchmark.partition("::")[2], entry.machine) for entry in world.store.baseline.entries}
    assert kept == {
        (name, machine) for name in ("alpha", "beta") for machine in (HERE.machine, OTHER.machine)
    }
    assert set(world.store.baseline.machines) == {HERE.machine, OTHER.machine}


def test_a_damaged_baseline_is_found_before_an_update_measures(settings):
    class Damaged(MemoryBaselineStore):
        def load(self):
            raise DamagedFileError("baseline.json: damaged")

    world = World()
    world.store = Damaged()

    with pytest.raises(DamagedFileError):
        guard.update_baseline(settings, world.ports)
    assert world.executor.asked == []


def test_the_sampling_budget_stops_extra_draws_but_not_the_first(world, settings):
    world.host.seconds = {spec.function: 1.11e-4 for spec in SPECS}

    report = world.check(settings, budget=-1.0)

    assert [row.processes[1] for row in rows(report).values()] == [5, 5, 5]


def test_every_process_reaches_the_run_log(world, settings):
    before = len(world.log.outcomes)

    world.check(settings)

    assert len(world.log.outcomes) - before == 3 * (5 + 2 + 3)


def test_where_the_subject_came_from_is_said(settings, monkeypatch):
    world = World()
    ports = world.ports
    world.executor.collection = guard.Collection(tuple(SPECS), (), (("shop", "/src/shop/__init__.py"),))

    guard.run(settings, ports)

    assert "measuring shop from /src/shop/__init__.py" in world.progress.said


@pytest.mark.parametrize(
    ("specs", "expression", "words"),
    [([], "", "no benchmark in bench_x.py"), (SPECS, "nothing", "selects none of 3")],
)
def test_nothing_to_measure_is_an_error_and_not_a_pass(settings, specs, expression, words):
    from dataclasses import replace

    with pytest.raises(DiscoveryError, match=words) as caught:
        guard.check(replace(settings, expression=expression), World(specs).ports)
    assert caught.value.exit_code == 4


def test_no_suite_file_at_all_is_an_error(settings, root):
    from dataclasses import replace

    (root / "empty").mkdir()
    with pytest.raises(DiscoveryError, match="no suite files in empty"):
        guard.collect(replace(settings, suites=("empty",)), World().ports)


def test_base_and_head_name_their_commit_date_and_machine(world, settings):
    report = world.check(settings)

    assert (report.base.kind, report.base.commit, report.base.machine) == ("baseline", "abc123", HERE.machine)
    assert report.base.date.startswith("2026-01-01")
    assert report.head.machine == HERE.machine
    assert report.host.reference_cv > 0.2


def test_the_baseline_survives_the_file_it_is_stored_in(world, settings, tmp_path):
    from bench.store.baselines import decode_baseline, encode_baseline

    world.store = MemoryBaselineStore(decode_baseline(encode_baseline(world.store.baseline), tmp_path))

    assert world.check(settings).exit_code == 0
    assert json.loads(encode_baseline(world.store.baseline))["version"] == 2


def test_an_empty_baseline_outside_ci_is_not_overwritten_by_check(settings):
    world = World()
    world.store = MemoryBaselineStore(Baseline())

    report = world.check(settings)

    assert report.exit_code == 0
    assert world.store.baseline == Baseline()


def test_what_disturbed_the_host_meanwhile_is_asked_at_the_end(world, settings):
    from dataclasses import replace

    ports = replace(world.ports, notices=("busy host",), afterwards=lambda: ("the system swapped",))
    report = guard.check(settings, ports)
    assert report.host.notices[:2] == ("busy host", "the system swapped")
    assert report.host.before is not None
    assert report.host.shift == pytest.approx(report.host.after / report.host.before)


def test_all_metrics_that_can_convict_share_the_error_of_the_run(settings, monkeypatch):
    world = World()
    world.check(settings, metrics=("time", "p95"))
    asked = []
    real = guard.rule_for
    monkeypatch.setattr(
        guard, "rule_for", lambda *given, **more: asked.append(given[2]) or real(*given, **more)
    )
    world.check(settings, metrics=("time", "p95"))
    assert asked == [6] * 6


def test_an_unknown_machine_kind_is_said_in_the_report(world, settings):
    world.environment = OTHER

    report = world.check(settings)

    assert OTHER.machine in report.messages[-1]
    assert "here cpu 'another'" in report.messages[-1]
    assert "`bench-guard baseline update` adds it" in report.messages[-1]


def test_an_enormous_change_of_a_benchmark_that_cannot_gate_stops_ci(settings):
    world = World()
    world.host.spread = 0.12
    world.check(settings)
    world.host.seconds["alpha"] = 3e-4

    report = world.check(settings, ci=True)

    row = rows(report)["alpha"]
    assert (row.verdict, row.gates, row.suspect, row.processes[1]) == (Verdict.UNDECIDED, True, True, 5)
    assert "probably slower" in row.note
    assert report.exit_code == 3
    assert not rows(report)["beta"].gates
