"""Location and spread of small samples.

Sums go through :func:`math.fsum`, so results do not depend on the order of the values; a sample too small for
a statistic gives ``nan``, never an exception, because a gate has to be able to say "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; ``nan`` of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def sum_of_squares(values: Sequence[float]) -> float:
    """Sum of squared deviations from the mean, by two passes; 0 of fewer than two values."""
    centre = mean(values)
    return math.fsum((value - centre) ** 2 for value in values)


def sd(values: Sequence[float]) -> float:
    """Sample standard deviation (divisor n - 1); ``nan`` of fewer than two values."""
    if len(values) < 2:
        return math.nan
    return math.sqrt(sum_of_squares(values) / (len(values) - 1))


def cv(values: Sequence[float]) -> float:
    """Coefficient of variation, sd / |mean|; ``nan`` where it is not defined."""
    centre = abs(mean(values))
    return sd(values) / centre if centre > 0 else math.nan


def pooled_sd(first: Sequence[float], second: Sequence[float]) -> float:
    """Standard deviation common to two samples, n1 + n2 - 2 degrees of freedom; ``nan`` without any."""
    freedom = len(first) + len(second) - 2
    if freedom < 1 or not first or not second:
        return math.nan
    return math.sqrt((sum_of_squares(first) + sum_of_squares(second)) / freedom)


def median(values: Sequence[float]) -> float:
    """Middle value, the mean of the two middle ones for an even count; ``nan`` of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
