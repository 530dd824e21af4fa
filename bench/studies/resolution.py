"""From the spread of a benchmark's processes to what the rule can tell apart. Pure.

A tolerance t is called *resolved* when the rule, with the processes that it may draw, catches a true change
of 1.5 t with 95 % power and acquits unchanged code with 95 % power. With SE(n) the standard error of the log
ratio with n processes (or pairs) of the head, and L(x) = log(1 + x), that is:

* the estimate lands beyond the limit:        L(1.5 t) - L(t) >= 1.645 SE(10)
* fifteen fresh processes prove the change:   L(1.5 t) >= r(q) SE(15), q the rule's Student quantile
* twenty acquit unchanged code:               L(t) >= r(q95) SE(20)
* and, against a stored baseline, processes spread by at most t / 2, or nothing would be gated.

r(q) = q + 1.645 sqrt(1 + q^2 / 2 df) is how many standard errors a change has to measure to pass a bound of q
estimated standard errors 19 times in 20 (Johnson & Welch, Biometrika 31, 1940, for the non-central t).

1.645 is the normal 95 % quantile: a normally distributed estimate stays on the right side of a bound that far
away 19 times in 20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.model import Rule
from bench.policy import RUN_ALPHA, gates_with_spread
from bench.stats.intervals import t_quantile
from bench.stats.multiplicity import shared_level
from bench.stats.power import detectable_effect

EFFECT = 1.5
"""Multiple of the tolerance that has to be caught."""
FINE = 0.05
"""The tolerance whose price is told."""

_PLAN = Rule()
_NORMAL_95 = 1.645
_REFERENCE_PROCESSES = 10
_LARGEST_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Noise:
    """What one benchmark's measurements are like in one mode.

    ``spread``: standard deviation of the log ratio between processes, or between pairs; ``seconds`` that one
    of them takes; ``base``: processes of the stored baseline, 0 for pairs; ``shift``: tau between sittings.
    """

    spread: float
    seconds: float
    base: int = 0
    shift: float = 0.0

    @property
    def paired(self) -> bool:
        """Whether both sides are measured in one sitting."""
        return self.base == 0

    def error(self, head: int) -> float:
        """Standard error of the log ratio with ``head`` processes or pairs."""
        if self.paired:
            return self.spread / math.sqrt(head)
        return math.sqrt(self.spread**2 * (1 / head + 1 / self.base) + 2 * self.shift**2)

    def freedom(self, head: int) -> int:
        """Degrees of freedom of that error."""
        return head - 1 if self.paired else head + self.base - 2


def detectable(noise: Noise, tolerance: float) -> float:
    """Relative change that the rule catches with about 95 % power; the figure that reports print."""
    return detectable_effect(tolerance, noise.error(_REFERENCE_PROCESSES))


def resolves(noise: Noise, tolerance: float, comparisons: int) -> bool:
    """Whether the rule works at this tolerance, among so many comparisons of a run; see the module."""
    if not math.isfinite(noise.spread):
        return False
    fresh, most = _PLAN.fresh[-1], _PLAN.looks[-1]
    level = shared_level(RUN_ALPHA, len(_PLAN.fresh), comparisons)
    prove = _reach(level, noise.freedom(fresh))
    acquit = _reach(0.95, noise.freedom(most))
    return (
        (noise.paired or gates_with_spread(noise.spread, tolerance))
        and _gap(tolerance) >= _NORMAL_95 * noise.error(_REFERENCE_PROCESSES)
        and math.log1p(EFFECT * tolerance) >= prove * noise.error(fresh)
        and math.log1p(tolerance) >= acquit * noise.error(most)
    )


def _reach(p: float, freedom: int) -> float:
    """Standard errors that a change has to measure to pass the Student quantile p with 95 % power."""
    quantile = t_quantile(p, freedom)
    return quantile + _NORMAL_95 * math.sqrt(1 + quantile**2 / (2 * freedom))


def smallest_tolerance(noise: Noise, comparisons: int) -> float | None:
    """The smallest whole percentage that is resolved, as a ratio; None where not even 100 % is."""
    percents = range(1, _LARGEST_PERCENT + 1)
    return next((p / 100 for p in percents if resolves(noise, p / 100, comparisons)), None)


def processes_for(noise: Noise, tolerance: float) -> int | None:
    """Processes (pairs) of the head after which the estimate tells 1.5 t from t with 95 % power; at least 5.

    Solves ``L(1.5 t) - L(t) = 1.645 SE(n)`` for n. None where no number is enough: the base and the shift
    between sittings leave too much, or the spread forbids to gate at this tolerance at all.
    """
    if not math.isfinite(noise.spread):
        return None
    variance = (_gap(tolerance) / _NORMAL_95) ** 2
    if not noise.paired:
        if not gates_with_spread(noise.spread, tolerance):
            return None
        variance -= noise.spread**2 / noise.base + 2 * noise.shift**2
    if variance <= 0:
        return None
    return max(_PLAN.looks[0], math.ceil(noise.spread**2 / variance))


def _gap(tolerance: float) -> float:
    return math.log1p(EFFECT * tolerance) - math.log1p(tolerance)
