import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.intervals import (
    binomial_interval,
    half_width,
    mean_interval,
    regularised_beta,
    t_cdf,
    t_quantile,
    t_survival,
    welch,
)

PROBABILITIES = (
    1e-12,
    1e-6,
    1 / 6000,
    0.01,
    0.05,
    0.25,
    0.4,
    0.6,
    0.95,
    0.975,
    0.99,
    1 - 0.01 / 3,
    1 - 0.01 / 60,
)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_t_quantile_against_scipy(p):
    for df in [*range(1, 40), *range(40, 201, 8), 2.5, 1000.0]:
        assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9), df


@pytest.mark.parametrize("t", [-40.0, -5.0, -1.0, -0.01, 0.0, 1e-5, 0.3, 2.0, 8.0, 50.0])
def test_t_cdf_against_scipy(t):
    for df in range(1, 201):
        assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), rel=1e-9), df


def test_t_quantile_by_hand():
    # closed forms: df = 1 is the Cauchy distribution, df = 2 has (2p - 1) sqrt(2 / (4 p (1 - p)))
    assert t_quantile(0.975, 1) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-12)
    assert t_quantile(0.95, 2) == pytest.approx(0.9 * math.sqrt(2 / (4 * 0.95 * 0.05)), rel=1e-12)
    assert t_quantile(0.975, 10) == pytest.approx(2.228138852, rel=1e-9)
    assert t_quantile(0.5, 7) == 0.0


@given(st.floats(min_value=1e-9, max_value=1 - 1e-9), st.integers(min_value=1, max_value=300))
def test_quantile_undoes_the_distribution(p, df):
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-9)


@given(st.floats(min_value=1e-6, max_value=0.5), st.integers(min_value=1, max_value=100))
def test_quantiles_are_symmetric(p, df):
    assert t_quantile(p, df) == pytest.approx(-t_quantile(1 - p, df), rel=1e-9, abs=1e-9)


def test_far_tails_do_not_vanish():
    assert t_survival(40.0, 30) == pytest.approx(stats.t.sf(40.0, 30), rel=1e-9)
    assert t_survival(math.inf, 3) == 0.0
    assert t_survival(-math.inf, 3) == 1.0
    assert math.isnan(t_survival(math.nan, 3))


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, math.nan])
def test_impossible_probability_is_refused(p):
    with pytest.raises(ValueError, match="0 < p < 1"):
        t_quantile(p, 5)


def test_no_degrees_of_freedom_are_refused():
    with pytest.raises(ValueError, match="df > 0"):
        t_survival(1.0, 0)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1.0, 3.0), (17.5, 0.5), (0.5, 99.0), (38.0, 1963.0)])
def test_incomplete_beta_against_scipy(a, b):
    for x in (1e-9, 0.01, 0.3, 0.5, 0.9, 0.999):
        assert regularised_beta(x, a, b) == pytest.approx(
            float(stats.beta.cdf(x, a, b)), rel=1e-9, abs=1e-280
        )
    assert regularised_beta(0.0, a, b) == 0.0
    assert regularised_beta(1.0, a, b) == 1.0


def test_mean_interval_by_hand():
    # mean 3, sd sqrt(2.5), n 5, t(0.975, 4) = 2.776445105
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776445105 * math.sqrt(2.5 / 5)
    assert (low, high) == pytest.approx((3 - half, 3 + half))


def test_one_value_has_no_interval():
    assert mean_interval([1.0]) == (-math.inf, math.inf)
    assert half_width([1.0], 0.95) == math.inf


def test_welch_against_scipy():
    rng = random.Random(5)
    first = [rng.gauss(0, 1) for _ in range(6)]
    second = [rng.gauss(1, 4) for _ in range(15)]
    difference, error, freedom = welch(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert difference / error == pytest.approx(expected.statistic)
    assert freedom == pytest.approx(expected.df)


def test_welch_without_spread_or_without_samples():
    assert welch([2.0, 2.0], [1.0, 1.0, 1.0]) == (1.0, 0.0, 3.0)
    assert welch([2.0], [1.0, 1.0]) == (1.0, math.inf, 1.0)


@pytest.mark.parametrize(
    ("hits", "trials"), [(0, 200), (1, 30), (15, 30), (199, 200), (200, 200), (37, 2000)]
)
def test_exact_binomial_interval_against_scipy(hits, trials):
    expected = stats.binomtest(hits, trials).proportion_ci(method="exact")
    assert binomial_interval(hits, trials) == pytest.approx(
        (expected.low, expected.high), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(hits, trials):
    with pytest.raises(ValueError, match="hits"):
        binomial_interval(hits, trials)
