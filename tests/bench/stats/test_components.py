import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.components import between_groups
from bench.stats.describe import mean


def test_a_hand_worked_example_with_unequal_groups():
    # Means 2, 6, 10 of 2, 3, 1 values; all six have the mean 32 / 6 = 16 / 3.
    # SSB = 2 (10/3)^2 + 3 (2/3)^2 + 1 (14/3)^2 = (200 + 12 + 196) / 9 = 408 / 9, df 2
    # SSW = 2 + 2 + 0 = 4, df 1 + 2 + 0 = 3;  N0 = 6 - (4 + 9 + 1) / 6 = 22 / 6
    groups = [[1.0, 3.0], [5.0, 6.0, 7.0], [10.0]]

    found = between_groups([groups])

    assert found.freedom == 2
    assert found.variance == pytest.approx((408 / 9 - 2 * 4 / 3) / (22 / 6))


def test_equal_groups_give_the_textbook_difference_of_mean_squares():
    groups = [[1.0, 2.0, 3.0], [4.0, 6.0, 5.0]]
    # MSB = 3 (2 * 1.5^2) = 13.5, MSW = 1, n = 3
    assert between_groups([groups]).variance == pytest.approx((13.5 - 1) / 3)


def test_the_mean_squares_are_those_of_scipy():
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = random.Random(7)
    groups = [[rng.gauss(centre, 1) for _ in range(8)] for centre in (0, 2, 1, 3)]
    inner = mean([sum((x - mean(g)) ** 2 for x in g) / 7 for g in groups])

    f = scipy_stats.f_oneway(*groups).statistic

    assert between_groups([groups]).variance == pytest.approx((f - 1) * inner / 8)


def test_a_difference_between_classes_is_no_variance_between_groups():
    one = [[1.0, 3.0], [2.0, 4.0]]
    other = [[101.0, 103.0], [102.0, 104.0]]

    alone, both = between_groups([one]), between_groups([one, other])

    assert both.freedom == 2
    assert both.variance == pytest.approx(alone.variance)


@pytest.mark.parametrize("classes", [[], [[]], [[[1.0, 2.0]]], [[[1.0], [2.0]]], [[[1.0, 2.0]], [[1.0, 3.0]]], [[[], [1.0, 2.0]]]])  # fmt: skip
def test_nothing_to_compare_is_no_estimate(classes):
    assert between_groups(classes) is None


def test_the_estimate_is_unbiased_over_many_draws():
    rng = random.Random(11)
    found = []
    for _ in range(800):
        groups = []
        for size in (5, 20, 10, 15):
            shift = rng.gauss(0, 2)
            groups.append([shift + rng.gauss(0, 3) for _ in range(size)])
        found.append(between_groups([groups]).variance)
    # The cut at 0 lifts the mean a little; the standard error of the mean is about 0.13.
    assert mean(found) == pytest.approx(4.0, abs=0.5)


groups_of_values = st.lists(
    st.lists(st.floats(-10, 10, allow_nan=False), min_size=1, max_size=6), min_size=2, max_size=5
)


@given(groups_of_values, st.floats(-5, 5))
def test_moving_everything_changes_nothing(groups, by):
    before, after = between_groups([groups]), between_groups([[[x + by for x in g] for g in groups]])
    if before is None:
        assert after is None
    else:
        assert after.variance == pytest.approx(before.variance, abs=1e-9)
