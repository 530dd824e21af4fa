import io
import json
import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DamagedFileError, NewerFormatError, StoreError
from bench.regression import MetricWarning, PerformanceRegression, Worse, direction


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "metrics.json"


def recorded(file, metrics):
    guard = PerformanceRegression(file)
    guard.update_baseline(metrics)
    return guard


def test_the_first_check_records_and_accepts(file):
    guard = PerformanceRegression(str(file))
    assert guard.baseline_data == {}
    assert guard.check_regression({"parse_ms": 12.5, "rate_per_s": 4})
    assert json.loads(file.read_text()) == {
        "format": "bench-guard/metrics",
        "version": 1,
        "metrics": {"parse_ms": 12.5, "rate_per_s": 4},
    }
    assert PerformanceRegression(file).baseline_data == {"parse_ms": 12.5, "rate_per_s": 4}
    assert [path.name for path in file.parent.iterdir()] == ["metrics.json"]


def test_the_default_file_is_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert PerformanceRegression().check_regression({"a_ms": 1})
    assert (tmp_path / "performance_baseline.json").is_file()


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("parse_us", 110, 110.2),
        ("peak_mb", 0.1, 111),
        ("items_per_s", 90, 89.8),
        ("ops", 1000, 89.8),
        ("us_per_item", 110, 111),
        ("speedup", 90, 80),
        ("relative_speed", 110, 111),
    ],
)
def test_ten_percent_worse_is_the_limit_in_the_metric_s_own_direction(file, name, accepted, refused):
    guard = recorded(file, {name: 100})
    assert guard.check_regression({name: accepted})
    assert guard.regressions == ()
    assert not guard.check_regression({name: refused})
    (regression,) = guard.regressions
    assert (regression.metric, regression.baseline, regression.current) == (name, 100, refused)
    assert regression.degradation == pytest.approx(abs(refused / 100 - 1))


def test_a_failed_check_changes_nothing(file):
    guard = recorded(file, {"a_ms": 100})
    before = file.read_bytes()
    assert not guard.check_regression({"a_ms": 200, "b_ms": 1})
    assert file.read_bytes() == before


def test_a_passed_check_changes_nothing_that_is_known(file):
    guard = recorded(file, {"a_ms": 100})
    before = file.read_bytes()
    assert guard.check_regression({"a_ms": 105})
    assert guard.check_regression({"a_ms": 20})
    assert file.read_bytes() == before


def test_the_tolerance_is_the_caller_s(file):
    guard = recorded(file, {"a_ms": 100})
    assert guard.check_regression({"a_ms": 140}, tolerance=0.5)
    assert not guard.check_regression({"a_ms": 100.5}, tolerance=0)
    assert guard.check_regression({"a_ms": 100}, tolerance=0)


@pytest.mark.parametrize("tolerance", [-0.1, math.nan, math.inf])
def test_an_impossible_tolerance_is_refused(file, tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        PerformanceRegression(file).check_regression({"a_ms": 1}, tolerance)


def test_a_new_metric_joins_a_passed_check_and_gates_from_then_on(file):
    guard = recorded(file, {"a_ms": 100})
    assert guard.check_regression({"a_ms": 100, "b_ms": 50})
    assert guard.baseline_data == {"a_ms": 100, "b_ms": 50}
    assert not guard.check_regression({"a_ms": 100, "b_ms": 60})


def test_a_metric_that_disappears_fails_the_check(file):
    guard = recorded(file, {"a_ms": 100, "b_ms": 50})
    assert not guard.check_regression({"a_ms": 100})
    (regression,) = guard.regressions
    assert regression.metric == "b_ms"
    assert regression.current is None
    assert "missing" in regression.reason


def test_a_metric_that_is_no_finite_number_fails_the_check(file):
    guard = recorded(file, {"a_ms": 100, "b_ms": 1})
    assert not guard.check_regression({"a_ms": math.nan, "b_ms": math.inf})
    assert [r.metric for r in guard.regressions] == ["a_ms", "b_ms"]
    assert "not a finite number" in guard.regressions[0].reason


def test_a_metric_that_is_no_finite_number_is_not_recorded(file):
    with pytest.warns(MetricWarning, match="p95_us is nan"):
        assert PerformanceRegression(file).check_regression({"p95_us": math.nan, "mean_us": 3})
    assert PerformanceRegression(file).baseline_data == {"mean_us": 3}
    with pytest.warns(MetricWarning):
        PerformanceRegression(file.with_name("other.json")).check_regression({"p95_us": math.inf})
    assert not file.with_name("other.json").exists()


@pytest.mark.parametrize(("current", "accepted"), [(0, True), (-1, True), (0.001, False)])
def test_worse_than_zero_is_worse_by_any_amount(file, current, accepted):
    guard = recorded(file, {"leak_bytes": 0})
    assert guard.check_regression({"leak_bytes": current}) is accepted
    if not accepted:
        assert math.isinf(guard.regressions[0].degradation)
        assert guard.regressions[0].reason == "worse than a baseline of 0"


def test_a_negative_baseline_is_compared_by_its_size(file):
    guard = recorded(file, {"memory_delta_bytes": -100})
    assert guard.check_regression({"memory_delta_bytes": -91})
    assert not guard.check_regression({"memory_delta_bytes": -80})


def test_an_unknown_name_is_judged_as_more_is_worse_and_said(file):
    guard = recorded(file, {"score": 100})
    with pytest.warns(MetricWarning, match="score: the name does not say"):
        assert not guard.check_regression({"score": 120})
    with pytest.warns(MetricWarning):
        assert guard.check_regression({"score": 50})


@pytest.mark.parametrize("value", ["12", None, True, [1]])
def test_a_metric_that_is_no_number_is_refused_by_name(file, value):
    with pytest.raises(TypeError, match="a_ms"):
        PerformanceRegression(file).check_regression({"a_ms": value})


@pytest.mark.parametrize("metrics", [{}, {"iterations": 5}])
def test_nothing_measured_is_refused(file, metrics):
    with pytest.raises(ValueError, match="nothing was measured"):
        PerformanceRegression(file).check_regression(metrics)
    assert not file.exists()


def test_a_timing_result_can_be_checked_as_it_is(file):
    from bench import benchmark_function

    timing = benchmark_function(int, iterations=300)
    guard = PerformanceRegression(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert guard.check_regression(timing)
        assert guard.check_regression(timing)
    assert "iterations" not in guard.baseline_data


def test_a_plain_file_of_numbers_is_read_and_upgraded_when_written(file):
    file.parent.mkdir()
    file.write_text('{"a_ms": 100, "b_per_s": 5.5}')
    guard = PerformanceRegression(file)
    assert not guard.check_regression({"a_ms": 120, "b_per_s": 5.5})
    assert guard.check_regression({"a_ms": 101, "b_per_s": 5.5, "c_ms": 1})
    assert json.loads(file.read_text())["metrics"] == {"a_ms": 100, "b_per_s": 5.5, "c_ms": 1}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", DamagedFileError, "empty"),
        ('{"a_ms": 1', DamagedFileError, "metrics.json:1"),
        ("[1]", DamagedFileError, "expected an object"),
        ('{"a_ms": "fast"}', DamagedFileError, "a_ms: expected a number, got str"),
        ('{"a_ms": true}', DamagedFileError, "got bool"),
        ('{"a_ms": NaN}', DamagedFileError, "not valid JSON"),
        ('{"format": "bench-guard/metrics", "version": 1, "metrics": [1]}', DamagedFileError, "got list"),
        ('{"format": "something/else", "version": 1}', DamagedFileError, "something/else"),
        ('{"format": "bench-guard/metrics", "version": 99, "metrics": {}}', NewerFormatError, "99"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named_and_left_alone(file, text, error, words):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(error, match=words) as caught:
        PerformanceRegression(file).check_regression({"a_ms": 1})
    assert str(file) in str(caught.value)
    assert file.read_text() == text


def test_a_folder_in_the_file_s_place_is_a_clear_error(file):
    file.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read"):
        PerformanceRegression(file).check_regression({"a_ms": 1})


def test_the_report_shows_every_metric_and_disarms_its_name(file, capsys):
    guard = PerformanceRegression(file)
    guard.report()
    assert "nothing was checked" in capsys.readouterr().out
    recorded(file, {"a\x1b_ms": 100, "gone_ms": 5, "zero_ms": 0, "same_ms": 1})
    guard.check_regression({"a\x1b_ms": 125, "zero_ms": 1, "same_ms": 1, "new_ms": 7})
    out = io.StringIO()
    guard.report(file=out)
    rows = [" ".join(line.split()) for line in out.getvalue().splitlines()[2:]]
    assert rows == [
        "a\\x1b_ms 100 125 +25.0% REGRESSED, 25.0% worse",
        "gone_ms 5 - - REGRESSED, missing: it is in the baseline and was not measured",
        "same_ms 1 1 +0.0% ok",
        "zero_ms 0 1 - REGRESSED, worse than a baseline of 0",
        "new_ms - 7 - new",
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("names", "worse"),
    [
        (
            [
                "x_ns",
                "x_us",
                "x_ms",
                "x_s",
                "X_MS",
                "expand.p95_us",
                "latency",
                "peak_memory",
                "x_kb",
                "rss",
                "bytes",
            ],
            Worse.MORE,
        ),
        (["relative_speed", "ns_per_op", "bytes_per_item"], Worse.MORE),
        (
            [
                "x_per_s",
                "mb_per_sec",
                "ops",
                "read_ops",
                "throughput_mb",
                "qps",
                "speedup",
                "calls_per_minute",
            ],
            Worse.LESS,
        ),
        (["score", "x_min", "min", "", "_", "x_per", "cats_per_dog"], None),
    ],
)
def test_the_direction_follows_from_the_name(names, worse):
    assert {name: direction(name) for name in names} == dict.fromkeys(names, worse)


@given(
    base=st.floats(1e-6, 1e9),
    factor=st.floats(0.01, 100),
    tolerance=st.floats(0, 1),
    name=st.sampled_from(["a_ms", "a_per_s"]),
)
def test_the_verdict_is_monotone_in_the_loss(tmp_path_factory, base, factor, tolerance, name):
    guard = recorded(tmp_path_factory.getbasetemp() / "law.json", {name: base})
    accepted = guard.check_regression({name: base * factor}, tolerance)
    loss = factor - 1 if name == "a_ms" else 1 - factor
    if abs(loss - tolerance) > 1e-6:
        assert accepted == (loss < tolerance)
    assert guard.check_regression({name: base}, tolerance)
