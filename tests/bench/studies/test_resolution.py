import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model import Rule, Verdict
from bench.schedule import BaseSample, judge
from bench.studies.resolution import (
    FINE,
    Noise,
    detectable,
    processes_for,
    resolves,
    smallest_tolerance,
)

STORED = Noise(0.03, 0.6, base=20, shift=0.01)
PAIRED = Noise(0.02, 1.5)


def test_the_standard_error_of_a_stored_comparison_knows_base_and_shift():
    # 0.03^2 (1/10 + 1/20) + 2 * 0.01^2 = 0.000135 + 0.0002
    assert STORED.error(10) == pytest.approx(math.sqrt(0.000335))
    assert STORED.freedom(10) == 28


def test_pairs_have_neither_base_nor_shift():
    assert PAIRED.error(16) == pytest.approx(0.005)
    assert PAIRED.freedom(16) == 15


def test_the_detectable_effect_is_the_one_that_reports_print():
    assert detectable(PAIRED, 0.10) == pytest.approx(1.1 * math.exp(1.645 * 0.02 / math.sqrt(10)) - 1)


def test_a_hand_worked_smallest_tolerance():
    # 1.645 SE(10) = 0.0301; log(1.5 t) - log(t) exceeds it first at 7 %: log(1.105 / 1.07) = 0.0322 (6 %: 0.0279)
    assert smallest_tolerance(STORED, 1) == 0.07
    assert not resolves(STORED, 0.06, 1)


def test_a_stored_baseline_gates_at_twice_the_spread_and_not_below():
    wide = Noise(0.08, 0.6, base=20, shift=0.005)
    assert smallest_tolerance(wide, 1) == 0.16
    assert smallest_tolerance(Noise(0.08, 1.5), 1) < 0.16


@pytest.mark.parametrize("spread", [0.7, math.nan, math.inf])
def test_what_is_too_noisy_has_no_tolerance(spread):
    noise = Noise(spread, 0.6, base=20, shift=0.01)
    assert smallest_tolerance(noise, 1) is None
    assert processes_for(noise, FINE) is None


def test_processes_for_a_fine_tolerance_by_hand():
    # log(1.075 / 1.05) / 1.645 = 0.014304; (0.05 / 0.014304)^2 = 12.2
    assert processes_for(Noise(0.05, 1.5), 0.05) == 13
    # 0.014304^2 - 0.02^2 / 20 - 2 * 0.008^2 = 5.66e-5; 0.02^2 / 5.66e-5 = 7.07
    assert processes_for(Noise(0.02, 0.6, base=20, shift=0.008), 0.05) == 8


def test_at_least_five_processes_are_needed():
    assert processes_for(Noise(0.001, 1.5), 0.05) == 5


def test_no_number_of_processes_outweighs_the_shift_between_sittings():
    assert processes_for(Noise(0.01, 0.6, base=20, shift=0.011), 0.05) is None


def test_a_spread_that_forbids_to_gate_has_no_price():
    assert processes_for(Noise(0.03, 0.6, base=20, shift=0.0), 0.05) is None
    assert processes_for(Noise(0.03, 1.5), 0.05) == 5


@given(st.floats(0.001, 0.2), st.floats(0.001, 0.2), st.booleans())
def test_less_noise_never_resolves_less(one, other, paired):
    low, high = (
        smallest_tolerance(Noise(spread, 1.0, 0 if paired else 20, 0.0 if paired else 0.01), 5) or 9.0
        for spread in sorted((one, other))
    )
    assert low <= high


def trial(noise, tolerance, comparisons, change, rng):
    """One comparison by the real rule on normal noise."""
    rule = Rule(tolerance=tolerance, comparisons=comparisons, tau=noise.shift, paired=noise.paired)
    before, after = (rng.gauss(0, noise.shift) for _ in range(2))
    base = tuple(before + rng.gauss(0, noise.spread) for _ in range(noise.base))
    judging = judge(rule, BaseSample(base))
    wanted = next(judging)
    while True:
        try:
            wanted = judging.send(
                [after + math.log1p(change) + rng.gauss(0, noise.spread) for _ in range(wanted)]
            )
        except StopIteration as stop:
            return stop.value.verdict


@pytest.mark.parametrize("comparisons", [1, 20])
@pytest.mark.parametrize("noise", [STORED, Noise(0.03, 0.6, base=20, shift=0.03), PAIRED, Noise(0.10, 1.5)])
def test_the_rule_keeps_what_the_smallest_tolerance_promises(noise, comparisons):
    """95 % of 1.5 t caught, 95 % of unchanged code acquitted; 4 standard errors of 300 trials below that."""
    rng = random.Random(31)
    tolerance = smallest_tolerance(noise, comparisons)
    caught = [trial(noise, tolerance, comparisons, 1.5 * tolerance, rng) for _ in range(300)]
    unchanged = [trial(noise, tolerance, comparisons, 0.0, rng) for _ in range(300)]
    assert caught.count(Verdict.REGRESSED) >= 270
    assert unchanged.count(Verdict.OK) + unchanged.count(Verdict.IMPROVED) >= 270
    assert unchanged.count(Verdict.REGRESSED) <= 2
