"""Every limit of the gate, and the way from comparisons to one verdict and exit code. Pure.

Nothing else in the package holds a tolerance, a floor or an exit code's condition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.model import BenchmarkSpec, Rule
from bench.settings import Settings
from bench.stats.describe import sd

TOLERANCES: Mapping[str, float] = {"p95": 0.25, "p99": 0.25, "instructions": 0.01, "growth": 0.20}
"""Limits of the metrics that do not simply take the configured tolerance; see :func:`limits_for`."""

FLOORS: Mapping[str, float] = {
    "time": 10e-9,
    "p95": 10e-9,
    "p99": 10e-9,
    "peak": 64 * 1024.0,
    "rss": 1024 * 1024.0,
    "retained": 1.0,
}
"""Smallest change, in the metric's unit, that is ever called a change; a metric not named here has none."""

RUN_ALPHA = 0.01
"""Chance that a run over unchanged code convicts anything by chance, shared by all its time comparisons."""

SITTING_SHIFT = 0.01
"""Shift of a stored baseline between two sittings, in log units, until ``calibrate`` has measured it."""

_TAILS = frozenset({"p95", "p99"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Relative tolerance and absolute floor (in the metric's unit) of one metric of one benchmark."""

    tolerance: float
    floor: float


def limits_for(settings: Settings, spec: BenchmarkSpec, metric: str) -> Limits:
    """Limits of one metric of one benchmark.

    ``time`` and the memory metrics take the benchmark's tolerance. Tails need at least 25 %, because a
    quantile of single calls is that much noisier. ``instructions`` (1 %) and ``growth`` (0.2) are exact
    enough to have a limit of their own.
    """
    tolerance = settings.tolerance_for(spec.id, spec.tolerance)
    own = TOLERANCES.get(metric)
    if own is not None:
        tolerance = max(tolerance, own) if metric in _TAILS else own
    return Limits(tolerance, FLOORS.get(metric, 0.0))


def rule_for(settings: Settings, spec: BenchmarkSpec, comparisons: int, metric: str = "time") -> Rule:
    """The sequential rule of one benchmark against a stored baseline.

    ``comparisons``: how many time comparisons of this run can gate; they share one error.
    """
    limits = limits_for(settings, spec, metric)
    return Rule(
        tolerance=limits.tolerance,
        floor=limits.floor,
        alpha=RUN_ALPHA,
        comparisons=max(comparisons, 1),
        tau=SITTING_SHIFT,
    )


def is_calibratable(processes: Sequence[float], tolerance: float) -> bool:
    """Whether a stored baseline can gate: its process logs spread by at most half the tolerance.

    Fewer than two processes show no spread, so they prove nothing and cannot.
    """
    spread = sd(processes)
    return math.isfinite(spread) and spread <= tolerance / 2


def matches_portably(stable: Mapping[str, str], other: Mapping[str, str], metric: str = "peak") -> bool:
    """Whether a metric that does not depend on the machine's speed may be compared between two machine kinds.

    Memory, call counts and growth need the same implementation, X.Y, pointer size and allocator;
    ``instructions`` the same build of Python and the same libc too.
    """
    needed = ["implementation", "python", "pointer", "allocator"]
    if metric == "instructions":
        needed += ["build", "libc"]
    return all(key in stable and stable[key] == other.get(key) for key in needed)
