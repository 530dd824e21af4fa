import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.model import Decision, Rule, Verdict
from bench.schedule import HASH_SEEDS, USE_AB, BaseSample, judge, run_rounds
from bench.stats.intervals import t_quantile

LIMIT = math.log(1.10)
_rng = random.Random(1)
BASE = BaseSample(tuple(_rng.gauss(1.0, 0.02) for _ in range(20)), seconds_per_unit=1e-4)
CENTRE = sum(BASE.processes) / 20


def settle(rule, base, values):
    """Feed one judge from an iterator; an exhausted iterator is an exhausted time budget."""
    source, asked = iter(values), []
    judgement = judge(rule, base)
    try:
        asked.append(next(judgement))
        while True:
            asked.append(judgement.send([value for _, value in zip(range(asked[-1]), source, strict=False)]))
    except StopIteration as stop:
        return stop.value, asked


def noise(change, seed=7, sd=0.02, centre=CENTRE):
    rng = random.Random(seed)
    while True:
        yield rng.gauss(centre + change, sd)


def test_unchanged_code_is_acquitted_after_one_look():
    decision, asked = settle(Rule(), BASE, noise(0.0))
    assert decision.verdict is Verdict.OK
    assert asked == [5]
    assert decision.counts == (20, 5)
    assert decision.note is None


def test_a_clear_slowdown_is_convicted_by_five_fresh_processes():
    decision, asked = settle(Rule(), BASE, noise(math.log(1.25)))
    assert decision.verdict is Verdict.REGRESSED
    assert asked == [5, 5]
    assert math.expm1(decision.change) == pytest.approx(0.25, abs=0.05)


def test_a_clear_gain_is_an_improvement():
    decision, _ = settle(Rule(), BASE, noise(-math.log(1.25)))
    assert decision.verdict is Verdict.IMPROVED


def test_a_small_gain_is_ok():
    assert settle(Rule(), BASE, noise(-0.04))[0].verdict is Verdict.OK


def test_screening_alone_never_convicts():
    """The first five look terrible, the fresh ones are innocent: no conviction."""
    unlucky = [CENTRE + 0.3] * 5
    decision, asked = settle(Rule(), BASE, [*unlucky, *[CENTRE] * 40])
    assert asked[:2] == [5, 5]
    assert decision.verdict in {Verdict.OK, Verdict.UNDECIDED}


def test_looks_grow_while_it_is_too_close_and_unsuspicious():
    values = [CENTRE + 0.085 + 0.03 * (-1) ** i for i in range(20)]
    decision, asked = settle(Rule(), BASE, values)
    assert asked == [5, 3, 4, 8]
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.note == "too close to the limit after 20 processes"


def test_suspicion_is_followed_by_at_most_fifteen_fresh_processes():
    # just above the limit, with a spread under which nothing can be proved at the shared level
    values = [CENTRE + 0.2, CENTRE + 0.15, CENTRE + 0.2, CENTRE + 0.16, CENTRE + 0.19]
    fresh = [CENTRE + 0.10 + 0.45 * (-1) ** i for i in range(15)]
    decision, asked = settle(Rule(comparisons=50), BASE, [*values, *fresh])
    assert asked == [5, 5, 5, 5]
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.counts == (20, 20)


def test_the_numbers_of_a_stored_comparison_by_hand():
    """d = 0.5, pooled s = sqrt((8 + 2) / 5) with 5 + 2 - 2 degrees of freedom, tau enters twice."""
    head = [2.5, 2.5, 0.5, 4.5, 2.5]
    base = BaseSample((1.0, 3.0))
    decision, _ = settle(Rule(tau=0.1, tolerance=20.0), base, head)
    spread = math.sqrt((8 + 2) / 5)
    error = math.sqrt(spread**2 * (1 / 5 + 1 / 2) + 2 * 0.1**2)
    of_ten = math.sqrt(spread**2 * (1 / 10 + 1 / 2) + 2 * 0.1**2)
    reach = t_quantile(0.975, 5) * error
    assert decision.change == pytest.approx(0.5)
    assert decision.interval == pytest.approx((0.5 - reach, 0.5 + reach))
    assert decision.detectable == pytest.approx(math.exp(math.log(21) + 1.645 * of_ten) - 1)
    assert decision.noise_ratio == pytest.approx(math.sqrt(2) / math.sqrt(2))


def test_the_numbers_of_a_paired_comparison_by_hand():
    decision, _ = settle(Rule(paired=True, tau=0.0), None, [0.00, 0.01, 0.02, 0.03, 0.04])
    spread = math.sqrt(0.001 / 4)
    reach = t_quantile(0.975, 4) * spread / math.sqrt(5)
    assert decision.verdict is Verdict.OK
    assert decision.interval == pytest.approx((0.02 - reach, 0.02 + reach))
    assert decision.detectable == pytest.approx(1.1 * math.exp(1.645 * spread / math.sqrt(10)) - 1)
    assert decision.counts == (5, 5)
    assert decision.noise_ratio is None


def test_pairs_convict_and_acquit():
    rule = Rule(paired=True, tau=0.0)
    assert settle(rule, None, noise(0.0, centre=0.0))[0].verdict is Verdict.OK
    assert settle(rule, None, noise(math.log(1.15), centre=0.0))[0].verdict is Verdict.REGRESSED


def test_conviction_shares_the_error_with_all_comparisons():
    """Evidence that suffices for one comparison does not for a thousand."""
    screening = [CENTRE + 0.16] * 5
    fresh = [CENTRE + 0.16 + 0.22 * (-1) ** i for i in range(5)]
    few, _ = settle(Rule(comparisons=1), BASE, [*screening, *fresh])
    many, _ = settle(Rule(comparisons=100_000), BASE, [*screening, *fresh])
    assert few.verdict is Verdict.REGRESSED
    assert many.verdict is Verdict.UNDECIDED


def test_a_change_below_the_floor_is_no_change():
    tiny = BaseSample(BASE.processes, seconds_per_unit=10e-9 / math.exp(CENTRE))
    assert tiny.seconds == pytest.approx(10e-9)
    assert settle(Rule(), tiny, noise(math.log(1.3)))[0].verdict is Verdict.OK
    assert settle(Rule(), tiny, noise(math.log(4.0)))[0].verdict is Verdict.REGRESSED


def test_a_change_around_the_floor_is_not_convicted():
    base = BaseSample((0.0,) * 20, seconds_per_unit=20e-9)
    # half of 20 ns is the floor itself: the bound lies above it, the estimate does not
    decision, _ = settle(Rule(), base, [math.log(1.5) - 0.002 + 0.01 * (-1) ** i for i in range(40)])
    assert decision.verdict is Verdict.UNDECIDED


def test_without_known_seconds_no_floor_applies():
    unknown = BaseSample(BASE.processes)
    assert math.isnan(unknown.seconds)
    assert settle(Rule(), unknown, noise(math.log(1.25)))[0].verdict is Verdict.REGRESSED


def test_a_base_that_spreads_too_far_is_shown_and_not_judged():
    base = BaseSample(BASE.processes, calibratable=False, seconds_per_unit=1e-4)
    decision, asked = settle(Rule(), base, noise(math.log(3.0)))
    assert asked == [5]
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.note == USE_AB
    assert "`bench-guard ab`" in USE_AB
    assert math.expm1(decision.change) == pytest.approx(2.0, abs=0.2)


def test_the_end_of_the_time_budget_is_said():
    decision, _ = settle(Rule(), BASE, [CENTRE + 0.2] * 5)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.note == "time budget used up after 5 processes"


def test_what_was_drawn_before_the_end_of_the_budget_can_still_acquit():
    values = [CENTRE + 0.09 + 0.04 * (-1) ** i for i in range(5)]
    decision, _ = settle(Rule(), BASE, [*values, CENTRE - 0.5])
    assert decision.verdict is Verdict.OK
    assert decision.counts == (20, 6)


def test_fewer_than_five_fresh_processes_never_convict():
    decision, _ = settle(Rule(), BASE, [CENTRE + 0.5] * 9)
    assert decision.verdict is Verdict.UNDECIDED


def test_nothing_drawn_at_all():
    for rule in (Rule(), Rule(paired=True, tau=0.0)):
        decision, _ = settle(rule, BASE, [])
        assert decision.verdict is Verdict.UNDECIDED
        assert math.isnan(decision.change)
        assert decision.interval == (-math.inf, math.inf)
        assert decision.detectable == math.inf


def test_one_process_of_a_pair_says_nothing():
    decision, _ = settle(Rule(paired=True, tau=0.0), None, [0.0])
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.note == "time budget used up after 1 process"


def test_without_a_baseline_there_is_nothing_to_compare():
    for base in (None, BaseSample(())):
        decision, asked = settle(Rule(), base, noise(0.0))
        assert (decision.verdict, asked) == (Verdict.NOT_COMPARABLE, [])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_judged(bad):
    assert settle(Rule(), BaseSample((1.0, bad)), noise(0.0))[0].verdict is Verdict.NOT_COMPARABLE
    assert settle(Rule(), BASE, [1.0, bad, 1.0, 1.0, 1.0])[0].verdict is Verdict.FAILED


def test_constant_samples_are_judged_by_their_difference():
    flat = BaseSample((0.5,) * 20, seconds_per_unit=1.0)
    rule = Rule(tau=0.0)
    assert settle(rule, flat, [0.5] * 5)[0].verdict is Verdict.OK
    assert settle(rule, flat, [0.7] * 40)[0].verdict is Verdict.REGRESSED
    assert settle(rule, flat, [0.3] * 40)[0].verdict is Verdict.IMPROVED


def test_a_head_far_noisier_than_its_base_is_said():
    decision, _ = settle(Rule(), BASE, [CENTRE + 0.09 * (-1) ** i for i in range(40)])
    assert decision.noise_ratio > 2
    assert "noisier than before: processes spread" in decision.note


@settings(max_examples=60, deadline=None)
@given(
    st.floats(min_value=-0.4, max_value=0.4),
    st.integers(min_value=0, max_value=999),
    st.floats(min_value=-5, max_value=5),
)
def test_verdicts_do_not_depend_on_the_unit_of_the_reference(change, seed, shift):
    """A reference twice as fast adds log 2 to both sides."""
    moved = BaseSample(tuple(value + shift for value in BASE.processes))
    still = BaseSample(BASE.processes)
    here, _ = settle(Rule(), still, noise(change, seed))
    there, _ = settle(Rule(), moved, noise(change, seed, centre=CENTRE + shift))
    assert here.verdict is there.verdict
    assert here.change == pytest.approx(there.change, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(min_value=0, max_value=999),
    st.floats(min_value=0.0, max_value=0.3),
    st.floats(min_value=0.0, max_value=0.1),
)
def test_every_judge_ends_within_its_plan(seed, change, sd):
    decision, asked = settle(Rule(), BASE, noise(change, seed, sd))
    assert decision.counts[1] <= 20 + 15
    assert sum(asked) == decision.counts[1]
    assert decision.interval[0] <= decision.change <= decision.interval[1]
    if decision.verdict is Verdict.REGRESSED:
        assert decision.change > LIMIT
        assert decision.interval[0] > 0


# --- rounds -----------------------------------------------------------------------------------------------


class Draws:
    """Records who was drawn when; benchmarks named ``bad`` fail at their third process."""

    def __init__(self, change):
        self.change = change
        self.calls = []

    def __call__(self, name, process):
        self.calls.append((name, process))
        if name == "bad" and process == 2:
            return None
        return CENTRE + self.change.get(name, 0.0) + 0.001 * (-1) ** process


def judges(*names):
    return {name: judge(Rule(comparisons=len(names)), BASE) for name in names}


def test_rounds_draw_process_k_of_all_before_the_next_of_any():
    draw = Draws({"slow": 0.3})
    decisions = run_rounds(judges("a", "slow", "b"), draw, lambda: False)
    assert {name: decision.verdict.value for name, decision in decisions.items()} == {
        "a": "ok", "slow": "regressed", "b": "ok",
    }  # fmt: skip
    assert draw.calls[:6] == [("a", 0), ("slow", 0), ("b", 0), ("a", 1), ("slow", 1), ("b", 1)]
    indices = [process for _, process in draw.calls]
    assert indices == sorted(indices)
    assert Counter(name for name, _ in draw.calls) == {"a": 5, "slow": 10, "b": 5}


def test_a_failed_process_ends_its_benchmark_only():
    draw = Draws({})
    decisions = run_rounds(judges("bad", "good"), draw, lambda: False)
    assert decisions["bad"].verdict is Verdict.FAILED
    assert decisions["bad"].note == "process 3 gave no measurement"
    assert decisions["bad"].counts == (0, 2)
    assert decisions["good"].verdict is Verdict.OK
    assert ("bad", 3) not in draw.calls


def test_screening_is_finished_even_without_time_and_nothing_more_is_drawn():
    draw = Draws({"slow": 0.3})
    decisions = run_rounds(judges("slow", "fine"), draw, lambda: True)
    assert Counter(name for name, _ in draw.calls) == {"slow": 5, "fine": 5}
    assert decisions["fine"].verdict is Verdict.OK
    assert decisions["slow"].verdict is Verdict.UNDECIDED
    assert decisions["slow"].note == "time budget used up after 5 processes"


def test_the_budget_may_end_within_a_draw():
    draw = Draws({"slow": 0.3})
    decisions = run_rounds(judges("slow"), draw, lambda: len(draw.calls) >= 7)
    assert decisions["slow"].counts == (20, 7)
    assert decisions["slow"].verdict is Verdict.UNDECIDED


def test_decisions_are_told_as_they_fall():
    heard = []
    run_rounds(
        judges("slow", "fine", "bad"), Draws({"slow": 0.3}), lambda: False, lambda name, _: heard.append(name)
    )
    assert heard == ["bad", "fine", "slow"]


def test_a_judge_that_asks_for_nothing_is_settled_without_a_draw():
    decisions = run_rounds({"new": judge(Rule(), None)}, Draws({}), lambda: False)
    assert decisions["new"].verdict is Verdict.NOT_COMPARABLE


def test_an_interruption_passes_through_after_the_finished_were_told():
    heard = []

    def draw(name, process):
        if process == 5:
            raise KeyboardInterrupt
        return Draws({"slow": 0.3})(name, process)

    with pytest.raises(KeyboardInterrupt):
        run_rounds(
            judges("fine", "slow"), draw, lambda: False, lambda name, decision: heard.append((name, decision))
        )
    assert [(name, type(decision)) for name, decision in heard] == [("fine", Decision)]


def test_hash_seeds_are_forty_and_distinct():
    assert len(set(HASH_SEEDS)) == len(HASH_SEEDS) == 40
    assert all(0 <= seed < 2**32 for seed in HASH_SEEDS)
