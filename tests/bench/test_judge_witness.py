"""The decision procedure against a second one, written down from its definition with SciPy's Student t.

The witness holds everything in lists and knows nothing of looks, generators or rounds, so that a mistake would
have to be made twice in different shapes.
"""

import math
import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from bench.model import Rule, Verdict
from bench.schedule import BaseSample, judge, judge_drawn
from bench.stats.power import detectable_effect

LOOKS = (5, 8, 12, 20)


def estimated(rule, base, head):
    """Log ratio, its standard error and degrees of freedom: one sample of pairs, or two with pooled variance."""
    head = np.asarray(head)
    if rule.paired:
        return head.mean(), head.std(ddof=1) / math.sqrt(len(head)), len(head) - 1
    base = np.asarray(base)
    freedom = len(head) + len(base) - 2
    squares = ((head - head.mean()) ** 2).sum() + ((base - base.mean()) ** 2).sum()
    variance = squares / freedom * (1 / len(head) + 1 / len(base)) + 2 * rule.tau**2
    return head.mean() - base.mean(), math.sqrt(variance), freedom


def witness(rule, base, seconds, values, patience):  # noqa: C901  -- in one piece, as it is defined
    """(verdict, processes drawn); ``patience``: complete draws until the time is used up."""
    source = iter(values)

    def draw(count):
        return [next(source) for _ in range(count)]

    def grown(change):
        return seconds * (math.exp(change) - 1)

    limit = math.log(1 + rule.tolerance)
    level = 1 - rule.alpha / 3 / rule.comparisons
    screened, fresh, draws = draw(5), [], 1
    while True:
        change, error, freedom = estimated(rule, base, screened + fresh)
        count = len(screened) + len(fresh)
        upper = change + stats.t.ppf(0.95, freedom) * error
        if upper < limit or grown(upper) < rule.floor:
            faster = change < -limit and change + stats.t.ppf(0.975, freedom) * error < 0
            return (Verdict.IMPROVED if faster else Verdict.OK), count
        if fresh and change > limit:
            alone, alone_error, alone_freedom = estimated(rule, base, fresh)
            proved = alone - stats.t.ppf(level, alone_freedom) * alone_error > 0
            if proved and grown(change) > rule.floor:
                return Verdict.REGRESSED, count
        if draws >= patience:
            return Verdict.UNDECIDED, count
        draws += 1
        if fresh:
            if len(fresh) >= 15:
                return Verdict.UNDECIDED, count
            fresh += draw(5)
        elif change > limit and change - stats.t.ppf(0.95, freedom) * error > 0:
            fresh = draw(5)
        elif len(screened) >= 20:
            return Verdict.UNDECIDED, count
        else:
            following = next(look for look in LOOKS if look > len(screened))
            screened += draw(following - len(screened))


def settled(rule, base, values, patience):
    source, judgement = iter(values), judge(rule, base)
    wanted, drawn = next(judgement), 0
    try:
        while True:
            drawn += 1
            batch = [next(source) for _ in range(wanted)] if drawn <= patience else []
            wanted = judgement.send(batch)
    except StopIteration as stop:
        return stop.value


def scenarios(count, seed):
    """Rules, bases and heads of every kind: spreads, changes, floors, numbers of comparisons, patience."""
    rng = random.Random(seed)
    for _ in range(count):
        spread = rng.choice([0.002, 0.02, 0.04, 0.08])
        paired = rng.random() < 0.5
        rule = Rule(
            tolerance=rng.choice([0.05, 0.10, 0.25]),
            floor=rng.choice([0.0, 10e-9]),
            comparisons=rng.choice([1, 13, 200]),
            tau=0.0 if paired else rng.choice([0.0, 0.01, 0.03]),
            paired=paired,
        )
        seconds = rng.choice([20e-9, 90e-9, 1e-3])
        base = [] if paired else [rng.gauss(1.0, spread) for _ in range(20)]
        centre = 0.0 if paired else float(np.mean(base))
        change = rng.choice([-3.0, -1.5, 0.0, 0.5, 0.9, 1.0, 1.1, 1.5, 3.0]) * math.log1p(rule.tolerance)
        values = [rng.gauss(centre + change, spread) for _ in range(40)]
        yield rule, base, seconds, values, rng.choice([1, 2, 4, 99])


def unit(base, seconds):
    """Seconds of a ratio of 1, so that one call of the base takes ``seconds``."""
    return BaseSample(tuple(base), seconds_per_unit=seconds / math.exp(np.mean(base)) if base else seconds)


def test_both_procedures_agree_on_every_verdict_and_every_draw():
    seen = Counter()
    for rule, base, seconds, values, patience in scenarios(1500, seed=11):
        expected, count = witness(rule, base, seconds, values, patience)
        decision = settled(rule, unit(base, seconds), values, patience)
        assert (decision.verdict, decision.counts[1]) == (expected, count)
        seen[expected] += 1
    assert (
        min(seen[verdict] for verdict in (Verdict.OK, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.UNDECIDED))
        > 40
    )


def test_interval_and_detectable_effect_are_those_of_scipy():
    for rule, base, seconds, values, patience in scenarios(200, seed=12):
        decision = settled(rule, unit(base, seconds), values, patience)
        head = values[: decision.counts[1]]
        change, error, freedom = estimated(rule, base, head)
        assert decision.change == pytest.approx(change)
        assert decision.interval == pytest.approx(stats.t.interval(0.95, freedom, change, error))
        spread = error * math.sqrt(len(head)) if rule.paired else None
        if spread is None:
            shift = 2 * rule.tau**2
            pooled = (error**2 - shift) / (1 / len(head) + 1 / len(base))
            with_ten = math.sqrt(pooled * (1 / 10 + 1 / len(base)) + shift)
        else:
            with_ten = spread / math.sqrt(10)
        assert decision.detectable == pytest.approx((1 + rule.tolerance) * math.exp(1.645 * with_ten) - 1)
        assert decision.detectable == pytest.approx(detectable_effect(rule.tolerance, with_ten))


def test_pooling_is_that_of_the_two_sample_t_test():
    """Without a shift between sittings the bound is the confidence limit of ``scipy.stats.ttest_ind``."""
    rng = random.Random(4)
    base, head = ([rng.gauss(0.0, 0.02) for _ in range(count)] for count in (20, 5))
    decision = settled(Rule(tau=0.0), unit(base, 1e-3), head, 1)
    limits = stats.ttest_ind(head, base).confidence_interval(0.95)
    assert decision.interval == pytest.approx((limits.low, limits.high))


# --- processes that another comparison has drawn ---------------------------------------------------------------


def drawn_witness(rule, base, seconds, head):
    change, error, freedom = estimated(rule, base, head)
    limit = math.log(1 + rule.tolerance)
    if change <= limit or seconds * (math.exp(change) - 1) <= rule.floor:
        return Verdict.OK
    beyond = change - stats.t.ppf(0.95, freedom) * error > limit
    real = change - stats.t.ppf(1 - rule.alpha / rule.comparisons, freedom) * error > 0
    return Verdict.REGRESSED if beyond and real else Verdict.UNDECIDED


def test_a_drawn_sample_is_judged_as_defined():
    seen = Counter()
    for rule, base, seconds, values, _ in scenarios(800, seed=13):
        if rule.paired:
            continue
        head = values[:5]
        decision = judge_drawn(rule, unit(base, seconds), head)
        assert decision.verdict is drawn_witness(rule, base, seconds, head)
        assert decision.note is None
        seen[decision.verdict] += 1
    assert min(seen[verdict] for verdict in (Verdict.OK, Verdict.REGRESSED, Verdict.UNDECIDED)) > 15


@pytest.mark.parametrize(("base", "head"), [((), [1.0]), ((1.0, 1.1), []), ((1.0, 1.1), [math.nan])])
def test_without_two_samples_nothing_is_judged(base, head):
    decision = judge_drawn(Rule(), BaseSample(base), head)
    assert (decision.verdict, decision.note) == (Verdict.NOT_COMPARABLE, "nothing to compare")


def share_red(creep, count, trials=400, sd=0.02, seed=21):
    """Share of red rows against an anchor whose sitting lies as far away as the rule believes."""
    rng = random.Random(seed)
    rule, red = Rule(tolerance=0.20, comparisons=20), 0
    for _ in range(trials):
        shift = rng.gauss(0.0, math.sqrt(2) * rule.tau)
        base = [rng.gauss(0.0, sd) for _ in range(20)]
        head = [rng.gauss(math.log(1 + creep) + shift, sd) for _ in range(count)]
        red += (
            judge_drawn(rule, BaseSample(tuple(base), seconds_per_unit=1e-4), head).verdict
            is Verdict.REGRESSED
        )
    return red / trials


@pytest.mark.parametrize("count", [5, 20])
def test_creep_within_the_limit_is_hardly_ever_red_and_far_beyond_it_always(count):
    """At the limit itself one in twenty by definition; 400 trials see less than 0.09 then, 19 times in 20."""
    assert share_red(0.0, count) == 0.0
    assert share_red(0.10, count) == 0.0
    assert share_red(0.20, count) < 0.09
    assert share_red(0.30, count) > 0.98
