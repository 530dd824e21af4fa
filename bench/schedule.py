"""Who is measured next, and when enough has been measured: sequential decisions, pure.

Every benchmark is judged by a generator (:func:`judge`) that asks for more processes until it can say
something, and :func:`run_rounds` feeds all of them in rounds: process k of every benchmark before process
k + 1 of any, because processes next to each other in time resemble each other.

How a benchmark is judged, in logs, with L = log(1 + tolerance):

* it is acquitted as soon as the one-sided 95 % upper bound of the change lies below L;
* it is suspected when the estimate lies above L and the change is above zero at 95 %;
* it is convicted only by processes drawn *after* the suspicion, at the error ``alpha`` of the whole run
  shared by the looks at fresh data and by all comparisons, and only if the estimate over everything still
  exceeds L.

So the repeated looks, which make an ordinary test cry wolf, can only raise a suspicion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.model import Decision, Rule, Verdict
from bench.stats.describe import mean, pooled_sd, sd
from bench.stats.intervals import t_quantile
from bench.stats.multiplicity import shared_level
from bench.stats.power import detectable_effect

Judge = Generator[int, Sequence[float], Decision]
"""Yields how many processes it wants next, is sent their log ratios, returns the decision."""

HASH_SEEDS = (
    2750, 69, 3120, 1841, 907, 3562, 418, 2213, 1366, 3904, 655, 2981, 1509, 244,
    3377, 1130, 2646, 3801, 782, 1975, 3049, 512, 2388, 1693, 3655, 176, 2867, 1254,
    3228, 941, 2109, 3736, 333, 1427, 2574, 860, 3481, 1788, 2032, 599,
)  # fmt: skip
"""``PYTHONHASHSEED`` of process k is ``HASH_SEEDS[k % 40]``: layouts vary over processes, not over runs."""

USE_AB = (
    "process-to-process spread too large to compare with a stored baseline: the time is shown, not gated; "
    "use `bench-guard ab`"
)
_NOISIER = 2.0
_REFERENCE_PROCESSES = 10


@dataclass(frozen=True, slots=True)
class BaseSample:
    """The other side of a comparison.

    ``processes``: stored log(subject/reference), one per process; empty in a paired comparison, whose draws
    are already log(head/base). ``seconds_per_unit``: seconds that a ratio of 1 stands for (of the reference
    in a stored comparison, of the base itself in a paired one); it turns a log ratio into an absolute change
    for the floor.
    """

    processes: tuple[float, ...]
    calibratable: bool = True
    seconds_per_unit: float = math.nan
    measured_s: Callable[[], float] | None = None

    @property
    def seconds(self) -> float:
        """Seconds of one call of the base; ``nan`` when unknown, and then no floor applies."""
        if self.measured_s is not None:
            return self.measured_s()
        return self.seconds_per_unit * (math.exp(mean(self.processes)) if self.processes else 1.0)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Log ratio head/base, its standard error, degrees of freedom, and that error for ten head processes."""

    change: float
    error: float
    freedom: int
    error_of_ten: float

    def bound(self, p: float) -> float:
        """The change plus the Student quantile p of its error; infinite without degrees of freedom."""
        if self.freedom < 1 or not math.isfinite(self.error):
            return math.copysign(math.inf, p - 0.5)
        return self.change + t_quantile(p, self.freedom) * self.error


def judge(rule: Rule, base: BaseSample | None) -> Judge:
    """Decide one comparison sequentially; see the module's docstring for the rule.

    A draw shorter than asked for says that the time budget is used up: what there is is looked at once more.
    A base whose processes spread too far (``calibratable`` False) gets its first processes, so that there is
    a time to show, and no more. A paired rule needs no base, but without one no floor applies.
    """
    sides = _Sides(rule, base or BaseSample(()))
    if (fault := sides.unusable()) is not None:
        return sides.conclude(Verdict.NOT_COMPARABLE, fault)
    wanted, suspected = rule.looks[0], False
    while wanted:
        drawn = yield wanted
        if not _all_finite(drawn):
            return sides.conclude(Verdict.FAILED, "a process returned a value that is not a number")
        sides.add(drawn, fresh=suspected)
        if not rule.paired and not sides.base.calibratable:
            return sides.conclude(Verdict.UNDECIDED, USE_AB)
        verdict = sides.look()
        if verdict is not None:
            return sides.conclude(verdict)
        if len(drawn) < wanted:
            return sides.conclude(Verdict.UNDECIDED, "time budget used up")
        suspected = suspected or sides.suspicious()
        wanted = sides.next_draw(suspected=suspected)
    return sides.conclude(Verdict.UNDECIDED, "too close to the limit")


def judge_drawn(rule: Rule, base: BaseSample, head: Sequence[float]) -> Decision:
    """Judge processes that another comparison has drawn; pure, draws none.

    They were not drawn after a suspicion of this one, and their number depends on the other, so more is
    asked of them: ``regressed`` only where the one-sided 95 % lower bound exceeds the limit itself and the
    change is above zero at the level that all such comparisons share. An estimate above the limit without
    that proof is ``undecided``, everything else ``ok``.
    """
    sides = _Sides(rule, base)
    if not head or sides.unusable() is not None or not _all_finite(head):
        return replace(sides.conclude(Verdict.NOT_COMPARABLE), note="nothing to compare")
    sides.add(head, fresh=False)
    seen = sides.estimate(head)
    above = seen.change > rule.limit and sides.absolute(seen.change) > rule.floor
    level = shared_level(rule.alpha, 1, rule.comparisons)
    proved = seen.bound(0.05) > rule.limit and seen.bound(1.0 - level) > 0
    verdict = Verdict.OK if not above else Verdict.REGRESSED if proved else Verdict.UNDECIDED
    return replace(sides.conclude(verdict), note=None)


class _Sides:
    """What is known of one comparison so far: the base, the screening and the fresh processes of the head."""

    def __init__(self, rule: Rule, base: BaseSample) -> None:
        self.rule = rule
        self.base = base
        self.screening: list[float] = []
        self.fresh: list[float] = []

    def add(self, drawn: Sequence[float], *, fresh: bool) -> None:
        (self.fresh if fresh else self.screening).extend(drawn)

    def unusable(self) -> str | None:
        """Why nothing can be compared with this base; None when it can."""
        if not self.rule.paired and not self.base.processes:
            return "no baseline to compare with"
        return None if _all_finite(self.base.processes) else "the baseline holds a value that is not a number"

    def look(self) -> Verdict | None:
        """OK, improved or regressed if the data says so by now."""
        limit, everything = self.rule.limit, self.estimate(self.screening + self.fresh)
        upper = everything.bound(0.95)
        if upper < limit or self.absolute(upper) < self.rule.floor:
            improved = everything.change < -limit and everything.bound(0.975) < 0
            return Verdict.IMPROVED if improved else Verdict.OK
        if len(self.fresh) < self.rule.fresh[0] or everything.change <= limit:
            return None
        level = shared_level(self.rule.alpha, len(self.rule.fresh), self.rule.comparisons)
        proved = self.estimate(self.fresh).bound(1.0 - level) > 0
        too_small = self.absolute(everything.change) <= self.rule.floor
        return Verdict.REGRESSED if proved and not too_small else None

    def suspicious(self) -> bool:
        seen = self.estimate(self.screening)
        return seen.change > self.rule.limit and seen.bound(0.05) > 0

    def next_draw(self, *, suspected: bool) -> int:
        """How many processes the next look needs; 0 when the plan is used up."""
        plan, have = (self.rule.fresh, self.fresh) if suspected else (self.rule.looks, self.screening)
        return next((size - len(have) for size in plan if size > len(have)), 0)

    def estimate(self, head: Sequence[float]) -> _Estimate:
        base, count = self.base.processes, len(head)
        if not head:
            return _Estimate(math.nan, math.nan, 0, math.nan)
        if self.rule.paired:
            spread = sd(head)
            return _Estimate(
                mean(head), spread / math.sqrt(count), count - 1, spread / math.sqrt(_REFERENCE_PROCESSES)
            )
        spread, shift = pooled_sd(head, base), 2 * self.rule.tau**2
        now, with_ten = (
            math.sqrt(spread**2 * (1 / n + 1 / len(base)) + shift) for n in (count, _REFERENCE_PROCESSES)
        )
        return _Estimate(mean(head) - mean(base), now, count + len(base) - 2, with_ten)

    def absolute(self, change: float) -> float:
        """Seconds per call that a log ratio means here; infinite where the base's seconds are unknown."""
        seconds = self.base.seconds
        if not math.isfinite(seconds) or change > 700:
            return math.inf
        return seconds * math.expm1(change)

    def conclude(self, verdict: Verdict, reason: str | None = None) -> Decision:
        head, base = self.screening + self.fresh, self.base.processes
        seen = self.estimate(head)
        noise = self.noise_ratio(head)
        notes = [_with_count(reason, len(head))] if reason else []
        if noise is not None and noise > _NOISIER and self.base.calibratable:
            notes.append(f"noisier than before: processes spread {noise:.1f} times as much as the baseline's")
        return Decision(
            verdict=verdict,
            change=seen.change,
            interval=(seen.bound(0.025), seen.bound(0.975)),
            detectable=detectable_effect(self.rule.tolerance, seen.error_of_ten),
            counts=(len(head) if self.rule.paired else len(base), len(head)),
            note="; ".join(notes) or None,
            noise_ratio=noise,
        )

    def noise_ratio(self, head: Sequence[float]) -> float | None:
        before, now = sd(self.base.processes), sd(head)
        return now / before if before > 0 and math.isfinite(now) else None


def _all_finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def _with_count(reason: str, processes: int) -> str:
    shown_as_is = reason == USE_AB or processes == 0
    return reason if shown_as_is else f"{reason} after {processes} process{'es' if processes > 1 else ''}"


def run_rounds(
    judges: Mapping[str, Judge],
    draw: Callable[[str, int], float | None],
    exhausted: Callable[[], bool],
    decided: Callable[[str, Decision], None] | None = None,
) -> dict[str, Decision]:
    """Feed all judges in rounds until each has decided; returns their decisions by benchmark.

    ``draw(benchmark, k)`` measures process k of a benchmark and returns its log ratio, or None when it
    failed, which ends that benchmark as ``failed``. ``exhausted()`` says that the time budget is used up; the
    first request of every judge is met nevertheless, because a gate without it could not decide anything.
    ``decided`` hears of every decision at once, so that an interrupted run can keep the finished ones.
    """
    decisions: dict[str, Decision] = {}
    requests: dict[str, _Request] = {}

    def settle(name: str, decision: Decision) -> None:
        requests.pop(name, None)
        decisions[name] = decision
        if decided is not None:
            decided(name, decision)

    for name, generator in judges.items():
        requests[name] = _Request(generator)
        if (decision := requests[name].send(None)) is not None:
            settle(name, decision)
    while requests:
        for name, request in list(requests.items()):
            short = request.extra and exhausted()
            value = None if short else draw(name, request.index)
            if value is None and not short:
                request.generator.close()
                settle(name, failed(request.index))
                continue
            if (decision := request.take(value)) is not None:
                settle(name, decision)
    return decisions


def failed(finished: int) -> Decision:
    """The decision on a benchmark that lost a process after ``finished`` good ones."""
    nothing = (-math.inf, math.inf)
    note = f"process {finished + 1} gave no measurement"
    return Decision(Verdict.FAILED, math.nan, nothing, math.inf, (0, finished), note)


class _Request:
    """One judge with what it asked for and what it got so far."""

    def __init__(self, generator: Judge) -> None:
        self.generator = generator
        self.index = 0
        self.extra = False
        self._wanted = 0
        self._got: list[float] = []

    def take(self, value: float | None) -> Decision | None:
        """Add one process, or None for the end of the budget; a decision when the judge has reached one."""
        if value is not None:
            self._got.append(value)
            self.index += 1
            if len(self._got) < self._wanted:
                return None
        self.extra = True
        return self.send(self._got)

    def send(self, values: Sequence[float] | None) -> Decision | None:
        """Hand the values over; the next request is noted, or the decision returned."""
        try:
            self._wanted = next(self.generator) if values is None else self.generator.send(values)
        except StopIteration as stop:
            decision: Decision = stop.value
            return decision
        self._got = []
        return None
