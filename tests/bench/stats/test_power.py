import math
from statistics import NormalDist

import pytest

from bench.stats.power import detectable_effect


def test_without_error_the_tolerance_itself_is_detectable():
    assert detectable_effect(0.10, 0.0) == pytest.approx(0.10)


def test_by_hand():
    assert detectable_effect(0.10, 0.02) == pytest.approx(1.1 * math.exp(0.0329) - 1)


def test_is_caught_nineteen_times_in_twenty():
    effect, error = detectable_effect(0.10, 0.02), 0.02
    seen_beyond_the_limit = 1 - NormalDist(math.log1p(effect), error).cdf(math.log(1.1))
    assert seen_beyond_the_limit == pytest.approx(0.95, abs=1e-4)


@pytest.mark.parametrize("error", [math.nan, math.inf, 1e6])
def test_unknown_or_absurd_error_detects_nothing(error):
    assert detectable_effect(0.10, error) == math.inf
