from dataclasses import replace

import pytest

from bench import guard
from bench.errors import ConfigurationError
from bench.model import FailureKind, ProcessFailure, Verdict
from bench.studies import selftest
from bench.studies.calibration import Mode
from bench.studies.selftest import self_test


def trials(result):
    return {(trial.benchmark.rpartition(":")[2], trial.mode.value): trial for trial in result.trials}


def recorded(lab):
    """The lab with a stored baseline of all its benchmarks."""
    guard.check(lab.configured(metrics=("time",)), lab.ports)
    return lab


def test_a_gate_that_works_passes_in_both_modes(lab):
    result = self_test(lab.settings, lab.ports)

    assert (result.exit_code, result.messages) == (0, ())
    assert set(trials(result)) == {
        (name, mode) for name in ("alpha", "beta") for mode in ("stored", "paired")
    }
    for trial in result.trials:
        assert trial.fault is None
        assert trial.slowed.verdict is Verdict.REGRESSED
        assert trial.unchanged.verdict is Verdict.OK
        assert trial.slowed.change == pytest.approx(0.20, abs=0.06)


def test_nothing_is_stored(lab):
    self_test(lab.settings, lab.ports)
    assert (lab.baselines.writes, lab.baselines.baseline, lab.calibrations.writes) == (0, None, 0)


def test_only_the_slowed_half_is_slowed(lab):
    ports = lab.ports
    self_test(lab.settings, ports)

    for executor in (ports.executor, ports.pairs):
        order = [task.slowdown for _, task in executor.asked]
        first = order.index(0.2)
        assert set(order[:first]) == {0.0}
        assert set(order[first:]) == {0.2}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_slowdown_that_is_not_seen_is_a_failure(lab, mode):
    lab.sees = 0.0

    result = self_test(lab.settings, lab.ports, modes=[mode])

    assert result.exit_code == 1
    assert {trial.fault for trial in result.trials} == {"20 % more work was called ok"}
    assert any("a known slowdown was missed" in message for message in result.messages)


def test_one_missed_slowdown_among_many_is_a_failure(lab):
    block = lab._block

    def blind_to_alpha(spec, log, task, reference):
        lab.sees = float(spec.function != "alpha")
        return block(spec, log, task, reference)

    lab._block = blind_to_alpha
    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])

    assert result.exit_code == 1
    assert trials(result)["alpha", "stored"].fault == "20 % more work was called ok"
    assert trials(result)["beta", "stored"].fault is None


def test_red_on_unchanged_code_is_a_failure(lab):
    recorded(lab)
    lab.factor["alpha"] = 1.4

    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])

    assert result.exit_code == 1
    assert trials(result)["alpha", "stored"].fault == "unchanged code was called regressed"
    assert trials(result)["beta", "stored"].fault is None
    assert any("really is slower than its baseline" in message for message in result.messages)


def test_red_on_unchanged_pairs_is_a_failure(make_lab):
    """One side of every pair is slower although both run the same code."""
    lab = make_lab("alpha")
    lab.factor["alpha"] = 1.2

    result = self_test(lab.settings, lab.ports, modes=[Mode.PAIRED])

    assert result.exit_code == 1
    assert result.trials[0].fault == "unchanged code was called regressed"
    assert not any("its baseline" in message for message in result.messages)


def test_the_stored_baseline_is_the_base_where_there_is_one(lab):
    recorded(lab)
    ports = lab.ports

    result = self_test(lab.settings, ports, modes=[Mode.STORED])

    assert result.exit_code == 0
    assert sum(task.slowdown == 0.0 for _, task in ports.executor.asked) == 10
    assert {trial.note for trial in result.trials} == {"against its stored baseline"}


def test_where_there_is_none_twenty_processes_are_recorded_first(lab):
    recorded(lab)
    lab.specs[0] = replace(lab.specs[0], source_hash="edited")
    ports = lab.ports

    result = self_test(lab.settings, ports, modes=[Mode.STORED])

    assert result.exit_code == 0
    assert trials(result)["alpha", "stored"].note == "against a baseline of this sitting"
    assert trials(result)["beta", "stored"].note == "against its stored baseline"
    unslowed = [name for name, task in ports.executor.asked if task.slowdown == 0.0]
    assert (unslowed.count("bench_x.py::alpha"), unslowed.count("bench_x.py::beta")) == (25, 5)


def test_what_check_cannot_gate_is_tested_by_pairs_alone(make_lab):
    lab = make_lab("alpha", "beta")
    lab.wide["beta"] = 0.2

    result = self_test(lab.settings, lab.ports)

    assert result.exit_code == 0
    found = trials(result)
    assert not found["beta", "stored"].tested
    assert "use `bench-guard ab`" in found["beta", "stored"].note
    assert found["beta", "paired"].tested
    assert found["alpha", "stored"].tested


def test_nothing_that_could_be_tested_is_a_failure_to_measure(make_lab):
    lab = make_lab("alpha")
    lab.wide["alpha"] = 0.2
    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])
    assert result.exit_code == 4
    assert any("nothing could be tested" in message for message in result.messages)


def test_the_slowdown_is_twice_the_tolerance_rounded_up_to_what_is_exact(lab):
    result = self_test(lab.configured(tolerance=0.12), lab.ports, modes=[Mode.PAIRED])
    assert {trial.slowdown for trial in result.trials} == {0.25}


def test_a_short_call_is_slowed_by_more_than_the_floor(lab):
    """20 % of 40 ns is below the floor of 10 ns, which is never called a change."""
    lab.seconds = 40e-9
    result = self_test(lab.settings, lab.ports, modes=[Mode.PAIRED])
    assert result.exit_code == 0
    assert {trial.slowdown for trial in result.trials} <= {0.5, 0.55}


def test_the_slowdown_can_be_chosen(lab):
    result = self_test(lab.settings, lab.ports, slowdown=0.4, modes=[Mode.PAIRED])
    assert {trial.slowdown for trial in result.trials} == {0.4}


def test_a_slowdown_within_a_tolerance_is_an_error(lab):
    with pytest.raises(ConfigurationError, match=r"within the tolerance of bench_x\.py::alpha") as caught:
        self_test(lab.settings, lab.ports, slowdown=0.1)
    assert "--slowdown 0.2" in caught.value.hint


def test_budgets_of_the_suites_take_no_part(lab):
    lab.specs = [replace(each, budgets=("time <= 1us",)) for each in lab.specs]
    result = self_test(lab.settings, lab.ports)
    assert result.exit_code == 0


def test_undecided_unchanged_code_is_a_failure_only_where_it_fails_a_run(make_lab):
    lab = recorded(make_lab("alpha"))
    lab.spread, lab.factor["alpha"] = 0.045, 1.09
    seen = set()
    for seed in range(12):
        for strict in (False, True):
            lab.random.seed(seed)
            result = self_test(lab.configured(strict=strict), lab.ports, slowdown=0.5, modes=[Mode.STORED])
            (trial,) = result.trials
            if trial.unchanged.verdict is Verdict.UNDECIDED:
                seen.add(strict)
                assert result.exit_code == int(strict)
                assert bool(trial.fault) is strict
    assert seen == {False, True}


def test_the_exit_code_of_a_whole_half_counts_too(make_lab, monkeypatch):
    """Whatever a run may ever end with for reasons of its own: unchanged code has to end with 0."""
    monkeypatch.setattr(
        selftest,
        "check",
        lambda settings, ports: replace(guard.check(settings, ports), exit_code=3, messages=("no reason",)),
    )
    lab = make_lab("alpha")

    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])

    assert result.exit_code == 1
    assert not any(trial.fault for trial in result.trials)
    assert result.messages == (
        "stored, unchanged: ended with exit 3, not 0: no reason",
        "stored, slowed: ended with exit 3, not 1: no reason",
    )


def test_an_enormous_change_of_a_benchmark_too_noisy_to_gate_stops_ci(make_lab):
    lab = make_lab("alpha", "beta")
    lab.wide["beta"] = 0.2
    recorded(lab)
    lab.factor["beta"] = 20.0

    result = self_test(lab.configured(ci=True), lab.ports, modes=[Mode.STORED])

    assert result.exit_code == 1
    assert "stayed undecided, which fails a run" in trials(result)["beta", "stored"].fault


def test_a_benchmark_that_fails_is_named(lab):
    lab.failing = {"alpha"}
    result = self_test(lab.settings, lab.ports)
    assert result.exit_code == 4
    assert "ValueError: no" in result.failures["bench_x.py::alpha"]
    assert set(trials(result)) == {("beta", "stored"), ("beta", "paired")}


def test_a_benchmark_that_fails_in_the_slowed_half_is_named(lab):
    process = lab.process

    def fails_when_slowed(spec, task):
        lab.failing = {"alpha"} if task.slowdown else set()
        return process(spec, task)

    lab.process = fails_when_slowed
    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])
    assert result.exit_code == 4
    assert set(result.failures) == {"bench_x.py::alpha"}


def test_a_suite_that_cannot_be_imported_is_a_failure(lab):
    lab.problems = [ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "no module")]
    result = self_test(lab.settings, lab.ports, modes=[Mode.STORED])
    assert result.exit_code == 4
    assert result.failures == {"bench_y.py": "no module"}


def test_without_pairs_only_check_is_tested(lab):
    lab.pairs_too = False
    result = self_test(lab.settings, lab.ports)
    assert {trial.mode for trial in result.trials} == {Mode.STORED}
