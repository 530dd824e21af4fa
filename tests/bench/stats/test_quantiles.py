import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.quantiles import interval, needed_for_upper_bound, quantile, upper_bound

samples = st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=60)


def test_type_7_by_hand():
    # (n - 1) p = 3 * 0.95 = 2.85: between the third and the fourth of four values
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.95) == pytest.approx(3.85)
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.0) == 1.0
    assert quantile([4.0, 1.0, 3.0, 2.0], 1.0) == 4.0
    assert quantile([5.0], 0.99) == 5.0


def test_nothing_gives_nan():
    assert math.isnan(quantile([], 0.5))


@pytest.mark.parametrize("p", [-0.01, 1.01, math.nan])
def test_impossible_probability_is_refused(p):
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        quantile([1.0], p)


@given(samples, st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_rises_with_p_and_stays_inside_the_sample(values, p, q):
    low, high = sorted((p, q))
    assert min(values) <= quantile(values, low) <= quantile(values, high) + 1e-9
    assert quantile(values, high) <= max(values)


def test_agrees_with_numpy_definition():
    numpy = pytest.importorskip("numpy")
    values = random.Random(3).choices(range(1000), k=101)
    for p in (0.0, 0.05, 0.5, 0.95, 0.99, 1.0):
        assert quantile(values, p) == pytest.approx(float(numpy.percentile(values, 100 * p)))


@pytest.mark.parametrize(("p", "count"), [(0.5, 5), (0.95, 59), (0.99, 299)])
def test_sample_size_of_an_upper_bound(p, count):
    assert needed_for_upper_bound(p) == count
    assert p**count <= 0.05 < p ** (count - 1)


@pytest.mark.parametrize(("p", "count"), [(0.95, 59), (0.99, 299)])
def test_upper_bound_appears_with_the_needed_sample(p, count):
    values = [float(i) for i in range(count)]
    assert upper_bound(values, p) == count - 1
    assert upper_bound(values[:-1], p) == math.inf


def test_upper_bound_of_a_large_sample_lies_inside_it():
    # P(Binomial(100, 0.95) <= 97) = 0.882, <= 98: 0.963, so the 99th smallest of 100
    assert upper_bound([float(i) for i in range(1, 101)], 0.95) == 99.0


def test_interval_of_the_median_by_hand():
    # sign test: ranks 2 and 9 of ten values cover the median with 1 - 22/1024 = 97.9 %
    assert interval([float(i) for i in range(1, 11)], 0.5) == (2.0, 9.0)


def test_interval_of_too_few_is_open():
    assert interval([1.0, 2.0, 3.0], 0.5) == (-math.inf, math.inf)


def test_interval_covers_what_it_promises():
    rng = random.Random(11)
    covered = 0
    for _ in range(600):
        low, high = interval([rng.random() for _ in range(80)], 0.9)
        covered += low <= 0.9 <= high
    # 95 % promised, discrete ranks give more; 600 trials at 95 % fall below 92.5 % once in 300 times
    assert covered >= 0.925 * 600


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_bounds_need_an_inner_probability(p):
    for call in (upper_bound, interval):
        with pytest.raises(ValueError, match="between 0 and 1"):
            call([1.0], p)
    with pytest.raises(ValueError, match="confidence"):
        needed_for_upper_bound(0.5, p)
