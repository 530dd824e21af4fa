"""What a comparison would have caught."""

from __future__ import annotations

import math

_NORMAL_95 = 1.645


def detectable_effect(tolerance: float, standard_error: float) -> float:
    """Relative change that a rule with this tolerance catches with about 95 % power.

    ``exp(log(1 + t) + 1.645 se) - 1``: to be seen beyond the limit 19 times in 20, a true log ratio has to
    lie 1.645 standard errors above it. ``inf`` when the error is unknown.
    """
    if math.isnan(standard_error):
        return math.inf
    exponent = math.log1p(tolerance) + _NORMAL_95 * standard_error
    return math.expm1(exponent) if exponent < 700 else math.inf
