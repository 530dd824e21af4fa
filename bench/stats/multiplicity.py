"""Many comparisons at once: keeping the chance of a single false alarm in a whole run small."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjustment, in the order given: reject where the adjusted value is at most alpha.

    Controls the chance of any false rejection among all, under any dependence (Holm, Scand. J. Statist. 6,
    1979), and never rejects less than Bonferroni.
    """
    for p in p_values:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"a p value lies between 0 and 1, got {p!r}")
    count = len(p_values)
    adjusted = [0.0] * count
    running = 0.0
    for rank, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        running = max(running, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = running
    return tuple(adjusted)


def shared_level(alpha: float, looks: int, comparisons: int) -> float:
    """Confidence of one look at one comparison when ``alpha`` is shared evenly by all (Bonferroni)."""
    return 1.0 - alpha / max(looks, 1) / max(comparisons, 1)
