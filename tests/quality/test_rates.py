"""Recorded and synthetic noise through the whole rule: how often does it cry wolf, how often does it miss?

Every run is one of 13 comparisons, as the project's own gate has, and goes through the gate's own passes
(``replay.py``). A bound is held against the exact binomial interval (Clopper & Pearson, 95 %) of what was
counted. ``QUALITY_TRIALS=20000`` (``tox run -e quality``) *proves* a bound: the whole interval lies within.
The few trials of the ordinary run cannot prove one in two thousand; there a bound must not be *refuted*: some
of the interval lies within, so that two false alarms in 200 already fail. Seeds are fixed: what passes, passes
always.
"""

import math
import random
from dataclasses import replace
from functools import cache

import noise
import pytest
import replay
from replay import TRIALS
from scipy.stats import binomtest

from bench import guard
from bench.clock import FakeClock
from bench.executor import FakeExecutor
from bench.model import Environment, Verdict
from bench.progress import SilentProgress
from bench.stats.intervals import binomial_interval
from bench.store.baselines import MemoryBaselineStore
from bench.store.runs import MemoryRunLog

pytestmark = pytest.mark.quality

PROVING = TRIALS >= 10_000
SLOWDOWNS = (0.0, 0.05, 0.12, 0.15, 0.20)

STORED = (noise.RECORDED_STORED, noise.RECORDED_SHIFTED, *noise.STORED_REGULAR)
PAIRED = (noise.RECORDED_PAIRS, *noise.PAIRED_REGULAR)
REGULAR = (*STORED, *PAIRED)
HOSTILE = (*noise.STORED_HOSTILE, *noise.PAIRED_HOSTILE)


@cache
def rates(source):
    return replay.replay(source, SLOWDOWNS)


def over(*sources):
    names = [f"{'paired' if s.paired else 'stored'}: {s.name}" for s in sources]
    return pytest.mark.parametrize("source", sources, ids=names)


def known(reason, *, always=True):
    """A bound that the records are known to miss: measured, not explained away; the page gives the rates.

    The full count has to go on failing until it is mended, the small one as well where it is ``always`` enough.
    """
    return pytest.mark.xfail(strict=PROVING or always, reason=reason)


MEMORY_BOUND_GATES = known(
    "13 of 20,006 are red, in 13 of 1,726 runs: a few in a hundred baselines of the memory-bound workload gate",
    always=False,
)
CALM_SITTINGS = known(
    "98.3 to 98.8 %: the sittings differ by 0.5 %, the rule allows for 1 % on either side", always=False
)


def over_with_known(sources, **marks):
    """Like :func:`over`, marking the recorded sources: ``stored=`` and ``paired=``."""
    marked = {noise.RECORDED_STORED: marks.get("stored", ()), noise.RECORDED_PAIRS: marks.get("paired", ())}
    values = [
        pytest.param(s, marks=marked.get(s, ()), id=f"{'paired' if s.paired else 'stored'}: {s.name}")
        for s in sources
    ]
    return pytest.mark.parametrize("source", values)


def at_most(bound, interval):
    """Proved, or in a small count not refuted, that the true share is at most ``bound``."""
    low, high = interval
    return (high if PROVING else low) <= bound


def at_least(bound, interval):
    low, high = interval
    return (low if PROVING else high) >= bound


def red(source, slowdown):
    return rates(source).at[slowdown].interval(Verdict.REGRESSED)


# --- it does not cry wolf -------------------------------------------------------------------------------------


@over_with_known(REGULAR, stored=MEMORY_BOUND_GATES)
def test_unchanged_code_is_not_called_slower(source):
    """At most 0.05 % a comparison, so that a run of 13 is red in fewer than 1 of 100 with room to spare."""
    assert at_most(0.0005, red(source, 0.0))


@over(*HOSTILE)
def test_unchanged_code_is_not_called_slower_by_hostile_noise_either(source):
    """One process in 25 a quarter off, bursts, the widest spread that may gate: 0.5 %, ten times the promise."""
    assert at_most(0.005, red(source, 0.0))


@over_with_known(REGULAR, stored=MEMORY_BOUND_GATES)
def test_whole_runs_over_unchanged_code_stay_green(source):
    """At most 1 of 100 runs is red: the error that a run's comparisons share."""
    tally = rates(source).at[0.0]
    assert at_most(0.01, binomial_interval(tally.red_runs, tally.runs))
    assert tally.runs >= TRIALS / replay.COMPARISONS


@over(*STORED)
def test_a_change_within_the_tolerance_is_seldom_red(source):
    """5 % slower is a real change that the user tolerates; two shifts of a sitting may lift it over 10 %."""
    assert at_most(0.02, red(source, 0.05))


@over(*PAIRED)
def test_a_tolerated_change_is_hardly_ever_red_in_pairs(source):
    """Pairs have no sittings to shift: half the distance to the limit is many standard errors."""
    assert at_most(0.002, red(source, 0.05))


# --- it does not miss -----------------------------------------------------------------------------------------


@over(*STORED)
def test_slower_code_is_caught_by_check(source):
    """+12 % is 1.8 % above the limit, with 1.4 % of shift between the sittings; +15 % is what it is built for.

    In the records a stranger ran on the CPU for a while. Comparisons that it kept from a verdict, by the rule for
    crowded CPUs, are neither caught nor missed; they stay below 5 %. One recorded process took four times as long as
    its neighbours: heads that meet it stay undecided at any slowdown, 3 % where it is dealt in its place.
    """
    at = rates(source).at
    assert at_least(0.80, at[0.12].caught())
    assert at_least(0.95, at[0.15].caught())
    assert at_least(0.95 if source is noise.RECORDED_STORED else 0.99, at[0.20].caught())
    assert at_most(0.05, binomial_interval(at[0.20].crowded, at[0.20].trials))
    assert at_most(0.001, at[0.20].interval(Verdict.OK))


@over(*PAIRED)
def test_slower_code_is_caught_by_ab(source):
    """No sittings, so +12 % is already several standard errors above the limit.

    No slowdown brings it to 100 %: a few of the recorded pairs are 20 to 120 % off, which leaves a comparison
    that meets one undecided.
    """
    at = rates(source).at
    assert at_least(0.92, at[0.12].caught())
    assert at_least(0.98 if source is noise.RECORDED_PAIRS else 0.995, at[0.15].caught())
    assert at_least(0.995, at[0.20].caught())


@over(*PAIRED)
def test_slower_code_is_never_acquitted_by_ab(source):
    assert at_most(0.001, rates(source).at[0.15].interval(Verdict.OK))


@over(*HOSTILE)
def test_hostile_noise_costs_power_at_the_limit_only(source):
    """What disturbs unchanged code widens the spread against which a change is measured."""
    assert at_least(0.70, red(source, 0.12))
    assert at_least(0.95, red(source, 0.15))
    assert at_least(0.99, red(source, 0.20))


# --- what it prints is true -----------------------------------------------------------------------------------


@over(*REGULAR)
@pytest.mark.parametrize("slowdown", [0.0, 0.05])
def test_intervals_hold_the_truth_where_code_is_acquitted(source, slowdown):
    """Nominal 95 %.

    Where every process is 0.1 % slower than the one before, a baseline of 20 lies 0.75 % above a head of 5, and
    no interval knows: 92.9 % of 20,000 at +5 %.
    """
    interval = rates(source).at[slowdown].coverage()
    assert at_least(0.92 if source.name.startswith("drifting") else 0.93, interval)


@over(*REGULAR)
@pytest.mark.parametrize("slowdown", [0.12, 0.15, 0.20])
def test_intervals_hold_the_truth_where_code_is_convicted(source, slowdown):
    """Nominal 95 %; stopping when the data looks bad biases it a little."""
    assert at_least(0.93, rates(source).at[slowdown].coverage())


@over_with_known(REGULAR, stored=CALM_SITTINGS)
@pytest.mark.parametrize("slowdown", SLOWDOWNS)
def test_intervals_are_hardly_wider_than_they_have_to_be(source, slowdown):
    """At most 98 % of them hold; shifts between sittings that are smaller than the rule allows for widen them."""
    assert at_most(0.98, rates(source).at[slowdown].coverage())


@over(*REGULAR)
def test_the_effect_printed_as_detectable_is_detected(source):
    """About 95 % by its definition: the estimate exceeds the limit 19 times in 20."""
    interval = rates(source).printed.interval(Verdict.REGRESSED)
    assert at_least(0.90, interval)
    assert at_most(0.99, interval)


# --- what it costs --------------------------------------------------------------------------------------------


@over(*REGULAR)
def test_unchanged_code_is_decided_by_the_first_look(source):
    """So that a green run costs hardly more than five processes a benchmark."""
    tally = rates(source).at[0.0]
    assert at_least(0.97, tally.interval(Verdict.OK))
    assert tally.processes / tally.trials < 5.5


@over(*PAIRED)
def test_unchanged_code_is_hardly_ever_undecided_in_pairs(source):
    assert at_most(0.01, rates(source).at[0.0].interval(Verdict.UNDECIDED))


# --- direction, workloads that cannot be stored, and the replay itself ------------------------------------------


@over(noise.RECORDED_STORED, noise.RECORDED_PAIRS)
def test_faster_code_is_called_improved_and_never_slower(source):
    tally = replay.replay(source, (-0.20,), min(TRIALS, 1000)).at[-0.20]
    assert tally.interval(Verdict.IMPROVED)[0] > 0.95
    assert tally.verdicts[Verdict.REGRESSED] == 0


def test_memory_bound_code_seldom_gates_with_a_stored_baseline():
    """Its processes spread by some 10 %. A few baselines in a hundred look calmer than they are: up to 5 of 20 replaced."""
    source = noise.Source(
        "memory",
        False,
        lambda rng, _: [d for d in noise.stored_different_sittings(rng, 11) if d.workload == "memory_walk"],
    )
    gated, words = 0, set()
    for number in range(50):
        run = replay.begin(source, random.Random(number))
        (name,) = run.specs
        gated += run.gates(name)
        if not run.gates(name):
            decision = run.judged({name: 0.5})[name]
            words.add((decision.verdict, decision.note, decision.counts))
    assert gated <= 10
    ((verdict, note, counts),) = words
    assert verdict is Verdict.UNDECIDED
    assert "bench-guard ab" in note
    assert counts == (20, 5)


def test_the_replay_decides_as_check_does(tmp_path):
    """The same processes through the whole pipeline, baseline file and report: the same verdicts and changes."""
    run = replay.begin(noise.RECORDED_STORED, random.Random(2), 6)
    slowdowns = {name: 0.0 if number % 2 else 0.15 for number, name in enumerate(run.specs)}
    settings = replace(
        replay.SETTINGS,
        root=tmp_path,
        suites=tuple(spec.path for spec in run.specs.values()),
        require_baseline=True,
    )
    for suite in settings.suites:
        (tmp_path / suite).touch()
    store = MemoryBaselineStore()

    def ports(streams):
        executor = FakeExecutor(
            run.specs.values(), lambda spec, _: replace(next(streams[spec.id]), benchmark=spec.id)
        )
        return guard.Ports(
            executor, store, MemoryRunLog(), FakeClock(), SilentProgress(), Environment({"os": "linux"})
        )

    guard.update_baseline(settings, ports({name: deal.base() for name, deal in run.deals.items()}), None)
    heads = {
        name: replay.slowed(deal.head(0), math.log1p(slowdowns[name])) for name, deal in run.deals.items()
    }
    report = guard.check(settings, ports(heads))
    shown = {row.benchmark: row for row in report.comparisons if row.metric == "time"}
    for name, decision in run.judged(slowdowns).items():
        assert shown[name].verdict is decision.verdict
        assert shown[name].change == pytest.approx(math.expm1(decision.change), rel=1e-6)
        assert shown[name].processes == decision.counts


@pytest.mark.parametrize(("hits", "trials"), [(0, 20_000), (3, 20_000), (199, 200), (200, 200)])
def test_the_intervals_of_the_bounds_are_exact(hits, trials):
    exact = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    assert binomial_interval(hits, trials) == pytest.approx((exact.low, exact.high), abs=1e-9)
