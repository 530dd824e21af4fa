import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.multiplicity import holm, shared_level

p_values = st.lists(st.floats(min_value=0, max_value=1), max_size=12)


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.04 -> times 4, 3, 2, 1 -> 0.04, 0.06, 0.06, 0.06, never falling
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))


def test_holm_of_nothing():
    assert holm([]) == ()


@given(p_values)
def test_holm_lies_between_the_raw_values_and_bonferroni(values):
    for raw, adjusted in zip(values, holm(values), strict=True):
        assert raw <= adjusted <= min(1.0, len(values) * raw) + 1e-12


@given(p_values)
def test_holm_keeps_the_order(values):
    adjusted = holm(values)
    ranked = [adjusted[i] for i in sorted(range(len(values)), key=values.__getitem__)]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_impossible_p_values_are_refused(p):
    with pytest.raises(ValueError, match="p value"):
        holm([0.5, p])


def test_shared_level():
    assert shared_level(0.01, 3, 1) == pytest.approx(1 - 0.01 / 3)
    assert shared_level(0.01, 3, 20) == pytest.approx(1 - 0.01 / 60)
    assert shared_level(0.01, 0, 0) == pytest.approx(0.99)
