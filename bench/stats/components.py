"""How much of a spread comes from where: variance components of groups within classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.stats.describe import mean, sum_of_squares


@dataclass(frozen=True, slots=True)
class Between:
    """What groups differ by beyond what their members explain.

    ``variance`` is that of the group effect, 0 where the members explain everything; ``freedom`` the degrees
    of freedom it was estimated with.
    """

    variance: float
    freedom: int


def between_groups(classes: Sequence[Sequence[Sequence[float]]]) -> Between | None:
    """Variance between the groups of a class, the differences between classes left out.

    The analysis-of-variance estimator of a one-way random model with unequal group sizes (Searle, Casella &
    McCulloch, *Variance Components*, 1992, section 3.6), its sums of squares added over the classes::

        SSB = sum n_i (m_i - m_c)^2         E[SSB] = df_B s^2 + N0 v,   N0 = sum_c (N_c - sum n_i^2 / N_c)
        SSW = sum (x - m_i)^2               E[SSW] = df_W s^2
        v   = max(0, (SSB - df_B SSW / df_W) / N0)

    m_i the mean of group i of n_i values, m_c the mean of all N_c values of its class. None where no class
    has two groups or no group two values.
    """
    groups = [[group for group in one if group] for one in classes]
    freedom = sum(len(one) - 1 for one in groups if one)
    inner_freedom = sum(len(group) - 1 for one in groups for group in one)
    if freedom < 1 or inner_freedom < 1:
        return None
    inner = sum(sum_of_squares(group) for one in groups for group in one) / inner_freedom
    outer = weight = 0.0
    for one in groups:
        everything = [value for group in one for value in group]
        centre, count = mean(everything), len(everything)
        outer += sum(len(group) * (mean(group) - centre) ** 2 for group in one)
        weight += count - sum(len(group) ** 2 for group in one) / count if count else 0.0
    return Between(max(0.0, (outer - freedom * inner) / weight), freedom)
