import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigurationError
from bench.units import (
    Budget,
    format_bytes,
    format_rate,
    format_ratio,
    format_time,
    format_value,
    parse_budget,
    parse_duration,
    parse_rate,
    parse_size,
)

positive = st.floats(min_value=1e-8, max_value=1e6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.61e-3, "4.61 ms"), (8.12e-7, "812 ns"), (1.5, "1.50 s"), (0, "0 s"), (-3e-3, "-3.00 ms"), (9.996e-4, "1.00 ms"),
     (0.99951, "1.00 s"), (0.9994, "999 ms"), (4000, "4000 s"), (1e-12, "0.00100 ns"), (12.3e-6, "12.3 µs"),
     (math.nan, "n/a"), (math.inf, "n/a")],
)  # fmt: skip
def test_format_time(seconds, text):
    assert format_time(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (1023, "1023 B"),
        (65536, "64.0 KiB"),
        (1e7, "9.54 MiB"),
        (3 * 1024**3, "3.00 GiB"),
    ],
)
def test_format_bytes(size, text):
    assert format_bytes(size) == text


def test_format_rate_and_ratio():
    assert [format_rate(value) for value in (0, 812, 1234, 5e6)] == ["0 /s", "812 /s", "1.23 k/s", "5.00 M/s"]
    changes = (0.011, -0.25, 2.0, 0.0, -1e-6, 1e-6, math.nan)
    assert [format_ratio(value) for value in changes] == [
        "+1.1 %",
        "-25.0 %",
        "+200.0 %",
        "0.0 %",
        "0.0 %",
        "0.0 %",
        "n/a",
    ]


def test_format_value_goes_by_unit():
    assert format_value(1e-4, "s") == "100 µs"
    assert format_value(2048, "B") == "2.00 KiB"
    assert format_value(1000, "1/s") == "1.00 k/s"
    assert format_value(52.34, "x") == "52.3x"
    assert format_value(1.5, "blocks") == "1.50 blocks"
    assert format_value(0, "") == "0"
    assert format_value(math.inf, "x") == "n/a"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100us", 1e-4),
        ("100 µs", 1e-4),
        ("1.5 ms", 1.5e-3),
        ("2min", 120),
        ("1_000ns", 1e-6),
        ("2e3 s", 2000),
        (" 1h ", 3600),
    ],
)
def test_parse_duration(text, seconds):
    assert parse_duration(text) == seconds


def test_sizes_in_thousands_and_in_1024():
    assert parse_size("10MB") == 10_000_000
    assert parse_size("64 KiB") == 65_536
    assert parse_size("1kB") == parse_size("1KB") == 1000


def test_parse_rate():
    assert parse_rate("1000/s") == 1000
    assert parse_rate("5k / s") == 5000
    assert parse_rate("90/min") == 1.5
    assert parse_rate("2/ms") == 2000


@pytest.mark.parametrize(
    "text", ["", "100", "us", "-1s", "1 fortnight", "1,5 s", "1s extra", "1__0 s", "1_s", "1e999 s"]
)
def test_durations_not_understood(text):
    with pytest.raises(ConfigurationError, match="expected a"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_size, "10"), (parse_size, "10 mb"), (parse_rate, "10"), (parse_rate, "10/y")]
)
def test_sizes_and_rates_not_understood(parse, text):
    with pytest.raises(ConfigurationError, match="such as"):
        parse(text)


@given(positive)
def test_what_is_formatted_can_be_parsed(value):
    assert parse_duration(format_time(value)) == pytest.approx(value, rel=6e-3)
    assert parse_size(format_bytes(value * 1e3)) == pytest.approx(value * 1e3, rel=6e-3, abs=1e-6)
    assert parse_rate(format_rate(value)) == pytest.approx(value, rel=6e-3, abs=1e-6)


@given(positive, positive)
def test_formatting_keeps_the_order(first, second):
    small, large = sorted((first, second))
    assert parse_duration(format_time(small)) <= parse_duration(format_time(large))


@pytest.mark.parametrize(
    ("text", "budget", "measured", "unit"),
    [
        ("p95 <= 100us", Budget("p95 <= 100us", "p95", "<=", 1e-4), "p95", "s"),
        ("p99<=2 ms", Budget("p99<=2 ms", "p99", "<=", 2e-3), "p99", "s"),
        ("mean <= 1s", Budget("mean <= 1s", "mean", "<=", 1.0), "time", "s"),
        (
            " throughput  >=\n1000/s",
            Budget("throughput >= 1000/s", "throughput", ">=", 1000.0),
            "time",
            "1/s",
        ),
        ("peak <= 10MB", Budget("peak <= 10MB", "peak", "<=", 1e7), "peak", "B"),
        ("rss <= 64MiB", Budget("rss <= 64MiB", "rss", "<=", 64 * 1024.0**2), "rss", "B"),
        (
            "speed >= 50x slow[n=1, k=a b]",
            Budget("speed >= 50x slow[n=1, k=a b]", "speed", ">=", 50.0, "slow[n=1, k=a b]"),
            "time",
            "x",
        ),
    ],
)
def test_budgets(text, budget, measured, unit):
    assert parse_budget(text) == budget
    assert (budget.measured, budget.unit) == (measured, unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a budget such as"),
        ("fast", "a budget such as"),
        ("p95 100us", "a budget such as"),
        ("p95 <= fast", "a duration such as"),
        ("peak <= 10", "a size such as"),
        ("throughput >= 10", "a rate such as"),
        ("speed >= 50x", "a factor and a benchmark"),
        ("p96 <= 1s", "one of time, mean, median, p95"),
        ("p95 >= 1s", "<= after p95"),
        ("p95 < 1s", "<= after p95"),
        ("speed <= 2x other", ">= after speed"),
        ("time <= 0s", "a limit above 0"),
        ("throughput >= 1e308G/s", "a limit above 0"),
    ],
)
def test_budgets_not_understood(text, expected):
    with pytest.raises(ConfigurationError) as caught:
        parse_budget(text)
    assert f"expected {expected}" in caught.value.message
    assert caught.value.exit_code == 2
