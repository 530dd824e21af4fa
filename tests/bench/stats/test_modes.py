import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.intervals import binomial_interval
from bench.stats.modes import two_modes

UNIMODAL = {
    "normal": lambda rng: rng.gauss(0.0, 1.0),
    "flat": lambda rng: rng.random(),
    "skewed": lambda rng: rng.expovariate(1.0),
    "log-normal": lambda rng: rng.lognormvariate(0.0, 0.75),
    "heavy tails": lambda rng: rng.gauss(0.0, 1.0) / math.sqrt(rng.gammavariate(1.5, 2.0) / 3.0),
}


def share_called_bimodal(draw, count, trials, seed):
    rng = random.Random(seed)
    hits = sum(two_modes([draw(rng) for _ in range(count)]) is not None for _ in range(trials))
    return binomial_interval(hits, trials, 0.99)


@pytest.mark.parametrize("count", [5, 6, 8, 12, 20])
@pytest.mark.parametrize("shape", UNIMODAL)
def test_one_mode_is_hardly_ever_called_two(shape, count):
    """The limits aim at 0.5 % for the worst shape; 1,500 samples cannot tell 0.5 % from 1 %."""
    low, _ = share_called_bimodal(UNIMODAL[shape], count, 1500, seed=count)
    assert low < 0.006


@pytest.mark.parametrize(
    ("count", "apart", "least"), [(20, 8.0, 0.9), (20, 6.0, 0.5), (12, 10.0, 0.75), (8, 16.0, 0.65)]
)
def test_two_modes_are_found(count, apart, least):
    """``apart`` in standard deviations of one mode; samples that hold fewer than a fifth of either cannot show it."""

    def draw(rng):
        return rng.gauss(apart if rng.random() < 0.5 else 0.0, 1.0)

    low, _ = share_called_bimodal(draw, count, 400, seed=count)
    assert low > least


def test_the_groups_are_described():
    modes = two_modes([0.30, 0.0, 0.01, 0.31, 0.02, 0.0, 0.01, 0.30])
    assert modes.low == pytest.approx(0.008)
    assert modes.high == pytest.approx(0.91 / 3)
    assert modes.upper == 3


def test_the_statistic_by_hand():
    """0, a, 1, 1, 1: a^2 / 2 within the groups, 3 + a^2 - (3 + a)^2 / 5 in all; five values need 0.6 % of it."""
    assert two_modes([0.0, 0.1, 1.0, 1.0, 1.0]) is not None  # 0.005 of 1.088: 0.46 %
    assert two_modes([0.0, 0.15, 1.0, 1.0, 1.0]) is None  # 0.01125 of 1.038: 1.1 %


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0] * 4,
        [1.0] * 20,
        [0.0, 0.0, 0.0, 0.0, 9.0],
        [0.0] * 19 + [1.0],
        [0.0, 0.0, 0.0, math.inf, 1.0],
    ],
    ids=["nothing", "four", "constant", "one outlier", "one of twenty", "not finite"],
)
def test_what_has_no_two_modes(values):
    assert two_modes(values) is None


def test_beyond_the_table_its_last_limit_holds():
    rng = random.Random(3)
    values = [rng.gauss(0.0, 1.0) for _ in range(60)]
    assert two_modes(values) is None
    assert two_modes([*values, *(value + 9.0 for value in values)]).upper == 60


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=25), st.floats(-3, 3), st.floats(0.5, 4))
def test_place_and_unit_do_not_matter(values, shift, scale):
    here, there = two_modes(values), two_modes([scale * value + shift for value in values])
    if here is not None and here.high - here.low > 0.01:
        assert there is not None
        assert there.high - there.low == pytest.approx(scale * (here.high - here.low), rel=1e-6)
