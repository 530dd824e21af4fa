import math
from dataclasses import replace

import pytest

from bench import guard
from bench.errors import ConfigurationError, DamagedFileError, DiscoveryError
from bench.model import FailureKind, Method, ProcessFailure
from bench.policy import sitting_shift
from bench.sittings import Calibrations
from bench.store.calibrations import FileCalibrationStore
from bench.studies.calibration import Mode, calibrate


def only(report, name="alpha"):
    return next(row for row in report.benchmarks if row.benchmark.endswith(f"::{name}"))


def test_process_and_pair_spread_come_out_within_their_sampling_error(make_lab):
    """An sd of 40 processes is within 27 % of the truth in 98 of 100 cases (chi-square, 39 df)."""
    lab = make_lab("alpha")
    lab.spread, lab.pair_spread = 0.03, 0.012

    row = only(calibrate(lab.settings, lab.ports, processes=40))

    assert row.modes[Mode.STORED].spread == pytest.approx(0.03, rel=0.27)
    assert row.modes[Mode.PAIRED].spread == pytest.approx(0.012, rel=0.27)
    assert {found.processes for found in row.modes.values()} == {40}


def test_the_shift_between_sittings_comes_out_within_its_sampling_error(make_lab):
    """A tau with 11 df is within 43 % in 95 of 100 cases; what `check` uses is what was found."""
    lab = make_lab("alpha")
    lab.tau = 0.04
    for _ in range(12):
        lab.next_sitting()
        report = calibrate(lab.settings, lab.ports, processes=10, modes=[Mode.STORED])

    found = only(report).modes[Mode.STORED]

    assert found.shift_measured
    assert found.shift == pytest.approx(0.04, rel=0.43)
    assert only(report).sittings == 12
    assert found.shift == sitting_shift(lab.calibrations.load(), lab.ports.environment.machine, lab.specs[0])
    assert not any("not known yet" in message for message in report.messages)


def test_processes_run_in_rounds_over_modes_and_benchmarks(lab):
    ports = lab.ports

    calibrate(lab.settings, ports, processes=5)

    for executor in (ports.executor, ports.pairs):
        order = [(name.rpartition(":")[2], task.process) for name, task in executor.asked]
        assert order == [(name, process) for process in range(5) for name in ("alpha", "beta")]


def test_below_three_sittings_the_default_shift_is_assumed_and_said(lab):
    report = calibrate(lab.settings, lab.ports)
    assert only(report).modes[Mode.STORED].shift == 0.01
    assert not only(report).modes[Mode.STORED].shift_measured
    assert any("(1 sitting so far, 1 % is assumed)" in message for message in report.messages)

    lab.next_sitting(60)
    again = calibrate(lab.settings, lab.ports)
    assert only(again).sittings == 1
    assert len(lab.calibrations.load().entries[0].sittings[0].processes) == 40

    lab.next_sitting()
    assert any("(2 sittings so far" in m for m in calibrate(lab.settings, lab.ports).messages)


def test_identical_code_is_compared_within_and_across_sittings(lab):
    for _ in range(3):
        report = calibrate(lab.settings, lab.ports)
        lab.next_sitting()

    found = only(report)

    assert found.modes[Mode.STORED].identical == 3
    assert found.modes[Mode.PAIRED].identical == 1
    assert report.exit_code == 0
    assert sum(each.red for row in report.benchmarks for each in row.modes.values()) == 0


def test_identical_code_that_is_called_regressed_fails_the_study(make_lab):
    """A host that becomes 30 % slower for this benchmark alone, from one sitting to the next."""
    lab = make_lab("alpha")
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    lab.next_sitting()
    lab.factor["alpha"] = 1.3

    report = calibrate(lab.settings, lab.ports, modes=[Mode.STORED])

    assert only(report).modes[Mode.STORED].red == 1
    assert report.exit_code == 1
    assert any("called regressed in 1 of 2 stored comparisons" in message for message in report.messages)


def test_another_commit_is_another_code(make_lab):
    lab = make_lab("alpha")
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    lab.next_sitting()
    lab.factor["alpha"] = 1.3

    report = calibrate(lab.settings, replace(lab.ports, commit="def456"), modes=[Mode.STORED])

    assert only(report).modes[Mode.STORED].identical == 1
    assert report.exit_code == 0


def test_a_tolerance_below_what_the_machine_resolves_is_said_with_a_setting(make_lab):
    lab = make_lab("alpha", "beta")
    lab.wide["beta"] = 0.08

    report = calibrate(lab.settings, lab.ports)

    fine, noisy = only(report, "alpha"), only(report, "beta")
    assert not fine.falls_short(Mode.STORED)
    assert fine.suggested is None
    assert noisy.falls_short(Mode.STORED)
    assert not noisy.falls_short(Mode.PAIRED)
    assert noisy.suggested == noisy.modes[Mode.STORED].smallest > 0.10
    assert any("cannot resolve the configured tolerance of 1 of 2" in m for m in report.messages)
    assert any("`bench-guard ab`, which resolves 1 of them" in m for m in report.messages)


def test_the_suggested_tolerance_is_resolved(make_lab):
    lab = make_lab("alpha")
    lab.wide["alpha"] = 0.08
    suggested = only(calibrate(lab.settings, lab.ports)).suggested

    lab.calibrations.calibrations = Calibrations()
    lab.random.seed(20)
    report = calibrate(lab.configured(tolerance=suggested), lab.ports)

    assert not only(report).falls_short(Mode.STORED)


def test_what_ab_cannot_resolve_is_said(make_lab):
    lab = make_lab("alpha")
    lab.pair_spread = 0.4

    report = calibrate(lab.settings, lab.ports, modes=[Mode.PAIRED])

    assert only(report).falls_short(Mode.PAIRED)
    assert any("not even `bench-guard ab`" in message for message in report.messages)
    assert lab.calibrations.writes == 0


def test_the_price_of_five_percent_is_processes_times_measured_seconds(make_lab):
    lab = make_lab("alpha")
    lab.pair_spread = 0.05

    found = only(calibrate(lab.settings, lab.ports)).modes[Mode.PAIRED]

    assert found.seconds == 1.5
    assert found.fine_processes > 5
    assert found.fine_seconds == 1.5 * found.fine_processes


def test_a_single_disturbed_process_is_measured_again_as_for_a_baseline(make_lab):
    lab = make_lab("alpha")
    disturb, process = {7}, lab.process

    def sometimes(spec, task):
        if task.process in disturb and not task.slowdown:
            disturb.discard(task.process)
            lab.factor["alpha"] = 1.5
        run = process(spec, task)
        lab.factor["alpha"] = 1.0
        return run

    lab.process = sometimes
    report = calibrate(lab.settings, lab.ports, modes=[Mode.STORED])

    assert only(report).modes[Mode.STORED].spread < 0.035


def test_all_sittings_are_stated_for_the_calibration_of_the_first(make_lab):
    """A second sitting on a host whose reference is slower does not read as a shift."""
    lab = make_lab("alpha")
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    first = lab.calibrations.load().entries[0]
    lab.next_sitting()

    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])

    second = lab.calibrations.load().entries[0]
    assert second.calibration == first.calibration
    assert len(second.sittings) == 2


def test_another_source_or_method_starts_anew(make_lab):
    lab = make_lab("alpha")
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    lab.next_sitting()
    lab.specs[0] = replace(lab.specs[0], source_hash="other")
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    assert len(lab.calibrations.load().entries[0].sittings) == 1
    lab.next_sitting()
    lab.method = Method.TURNS
    calibrate(lab.settings, lab.ports, modes=[Mode.STORED])

    (entry,) = lab.calibrations.load().entries

    assert (entry.method, len(entry.sittings)) == ("turns", 1)


def test_sittings_of_other_machines_and_benchmarks_are_kept(make_lab):
    lab = make_lab("alpha", "beta")
    calibrate(lab.settings, lab.ports)
    other = replace(lab.calibrations.load().entries[0], machine="elsewhere")
    lab.calibrations.update(
        lambda old: Calibrations({**old.machines, "elsewhere": {}}, (*old.entries, other))
    )
    lab.next_sitting()

    calibrate(lab.configured(expression="alpha"), lab.ports)

    found = {
        (e.benchmark[-5:], e.machine == "elsewhere"): len(e.sittings) for e in lab.calibrations.load().entries
    }
    assert found == {("alpha", False): 2, (":beta", False): 1, ("alpha", True): 1}


def test_check_uses_the_shift_that_was_measured(make_lab):
    """The same head, 6 % slower: decided with the default shift, undecided where sittings lie 5 % apart."""
    lab = make_lab("alpha")
    settings = lab.configured(metrics=("time",))
    guard.check(settings, lab.ports)

    def detectable():
        lab.random.seed(4)
        return guard.check(settings, lab.ports).comparisons[0].detectable

    before = detectable()
    lab.tau = 0.05
    for _ in range(6):
        lab.next_sitting()
        calibrate(lab.settings, lab.ports, modes=[Mode.STORED])
    lab.shift["alpha"] = 0.0
    shift = sitting_shift(lab.calibrations.load(), lab.ports.environment.machine, lab.specs[0])

    assert shift > 0.02
    assert detectable() > before + math.expm1(1.645 * (math.sqrt(2) * shift - 0.02))


def test_without_pairs_only_stored_mode_is_studied(lab):
    lab.pairs_too = False
    assert set(only(calibrate(lab.settings, lab.ports)).modes) == {Mode.STORED}


def test_a_benchmark_that_fails_is_named_and_the_others_are_kept(lab):
    lab.failing = {"alpha"}

    report = calibrate(lab.settings, lab.ports)

    assert report.exit_code == 4
    assert report.failures == {"bench_x.py::alpha": "raised: ValueError: no"}
    assert [row.benchmark for row in report.benchmarks] == ["bench_x.py::beta"]
    assert [entry.benchmark for entry in lab.calibrations.load().entries] == ["bench_x.py::beta"]


def test_nothing_measured_stores_nothing(lab):
    lab.failing = {"alpha", "beta"}
    report = calibrate(lab.settings, lab.ports)
    assert (report.exit_code, report.benchmarks, lab.calibrations.writes) == (4, (), 0)


def test_a_suite_that_cannot_be_imported_fails_the_study(lab):
    lab.problems = [ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "no module")]
    report = calibrate(lab.settings, lab.ports, processes=5)
    assert report.exit_code == 4
    assert report.failures == {"bench_y.py": "no module"}
    assert len(report.benchmarks) == 2


def test_too_few_processes_are_an_error(lab):
    with pytest.raises(ConfigurationError, match="at least 5, got 4"):
        calibrate(lab.settings, lab.ports, processes=4)


def test_no_benchmark_is_an_error(lab):
    with pytest.raises(DiscoveryError):
        calibrate(lab.configured(expression="nothing"), lab.ports)


def test_a_damaged_file_is_found_before_measuring(lab):
    store = FileCalibrationStore(lab.settings.baseline)
    store.path.parent.mkdir()
    store.path.write_text("{")
    ports = replace(lab.ports, calibrations=store)
    with pytest.raises(DamagedFileError):
        calibrate(lab.settings, ports)
    assert ports.executor.asked == []
