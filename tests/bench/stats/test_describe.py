import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.describe import cv, mean, median, pooled_sd, sd, sum_of_squares

floats = st.floats(min_value=-1e6, max_value=1e6)
samples = st.lists(floats, min_size=2, max_size=30)


def test_hand_worked_sample():
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert mean(values) == 5.0
    assert sum_of_squares(values) == 32.0
    assert sd(values) == pytest.approx(math.sqrt(32 / 7))
    assert cv(values) == pytest.approx(math.sqrt(32 / 7) / 5)
    assert median(values) == 4.5
    assert median([3.0, 1.0, 2.0]) == 2.0


def test_pooled_sd_weighs_by_degrees_of_freedom():
    assert pooled_sd([1.0, 3.0], [10.0, 10.0, 10.0]) == pytest.approx(math.sqrt(2 / 3))


def test_pooled_sd_accepts_one_value_beside_a_sample():
    assert pooled_sd([7.0], [1.0, 2.0, 3.0]) == pytest.approx(1.0)


@pytest.mark.parametrize("statistic", [mean, median, sd, cv])
def test_nothing_gives_nan(statistic):
    assert math.isnan(statistic([]))


def test_too_little_gives_nan():
    assert math.isnan(sd([1.0]))
    assert math.isnan(cv([-1.0, 1.0]))
    assert math.isnan(pooled_sd([1.0], [2.0]))
    assert math.isnan(pooled_sd([], [1.0, 2.0, 3.0]))


@given(samples)
def test_agrees_with_the_standard_library(values):
    assert mean(values) == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert median(values) == pytest.approx(statistics.median(values))
    assert sd(values) == pytest.approx(statistics.stdev(values), rel=1e-9, abs=1e-9)


@given(samples, floats)
def test_spread_ignores_where_the_sample_lies(values, shift):
    assert sd([value + shift for value in values]) == pytest.approx(sd(values), rel=1e-6, abs=1e-6)


@given(samples, st.floats(min_value=0.01, max_value=100))
def test_spread_scales_with_the_sample(values, factor):
    assert sd([value * factor for value in values]) == pytest.approx(factor * sd(values), rel=1e-9, abs=1e-9)


@given(samples, samples)
def test_pooling_is_symmetric(first, second):
    assert pooled_sd(first, second) == pytest.approx(pooled_sd(second, first))
