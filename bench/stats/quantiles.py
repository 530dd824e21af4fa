"""Quantiles by one stated definition, and what order statistics can promise about them.

A quantile of a sample is an estimate. How far it can be trusted follows from the binomial distribution alone,
whatever the shape of the data: the number of values below the true p-quantile is Binomial(n, p)
(David & Nagaraja, *Order Statistics*, 3rd ed., section 7.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], p: float) -> float:
    """The p-quantile, 0 <= p <= 1, by linear interpolation between order statistics; ``nan`` of nothing.

    Type 7 of Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996): position ``(n - 1) p`` among
    the sorted values, counted from 0. The same as NumPy's default.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"a quantile needs 0 <= p <= 1, got {p!r}")
    ordered = sorted(values)
    if not ordered:
        return math.nan
    position = (len(ordered) - 1) * p
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    return low if low == high else low + (high - low) * (position - below)


def needed_for_upper_bound(p: float, confidence: float = 0.95) -> int:
    """Smallest sample whose maximum lies above the true p-quantile with this confidence.

    The largest of n values is below it with probability p**n, so n is the least with p**n <= 1 - confidence:
    59 values for p95, 299 for p99 at 95 %.
    """
    _check_open("p", p)
    _check_open("confidence", confidence)
    return math.ceil(math.log1p(-confidence) / math.log(p))


def upper_bound(values: Sequence[float], p: float, confidence: float = 0.95) -> float:
    """Order statistic that lies above the true p-quantile with at least this confidence (one-sided).

    ``inf`` when the sample is too small to say (below 59 values for p95, 299 for p99).
    """
    _check_open("p", p)
    ordered = sorted(values)
    rank = _first_rank(len(ordered), p, confidence)
    return ordered[rank - 1] if rank <= len(ordered) else math.inf


def interval(values: Sequence[float], p: float, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided order-statistic interval of the p-quantile; an end it cannot give is infinite."""
    _check_open("p", p)
    ordered = sorted(values)
    one_sided = (1.0 + confidence) / 2.0
    upper = _first_rank(len(ordered), p, one_sided)
    lower = len(ordered) + 1 - _first_rank(len(ordered), 1.0 - p, one_sided)
    return (
        ordered[lower - 1] if lower >= 1 else -math.inf,
        ordered[upper - 1] if upper <= len(ordered) else math.inf,
    )


def _first_rank(count: int, p: float, confidence: float) -> int:
    """Smallest r with P(Binomial(count, p) <= r - 1) >= confidence; ``count + 1`` when there is none."""
    total = 0.0
    for below in range(count):
        total += math.exp(_log_binomial(count, below, p))
        if total >= confidence:
            return below + 1
    return count + 1


def _log_binomial(count: int, hits: int, p: float) -> float:
    choose = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return choose + hits * math.log(p) + (count - hits) * math.log1p(-p)


def _check_open(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
