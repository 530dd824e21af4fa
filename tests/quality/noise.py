"""Where the processes of a replayed run come from: records of real hosts, and noise of a stated shape.

A source deals the processes of one whole run of the gate. Every comparison gets a base (an endless stream of
processes of one sitting; none where base and head are paired) and heads (streams of another sitting, which
start anew on request, so that several slowdowns can be tried on the same processes). All of it is unchanged
code: slowdowns are the replay's business.
"""

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import recorded

from bench.model import Block, Method, ProcessRun

Stream = Iterator[ProcessRun]
PASS = 10
"""Processes of one of the two passes that make a baseline."""
SPARE = 5
"""Processes of a baseline that may have been disturbed and are measured again."""
SITTING = 0.01
"""Standard deviation of the shift of one sitting, as the rule for stored baselines assumes it."""
CALL = 1e-4
"""Seconds of one call of a synthetic benchmark: far above the absolute floor."""


@dataclass(frozen=True)
class Deal:
    """One comparison: ``base()`` begins its baseline, ``head(n)`` the n-th of two heads, from the start.

    ``shift``: what the head's sitting reads more than the base's (log), on top of what the processes show.
    """

    workload: str
    head: Callable[[int], Stream]
    base: Callable[[], Stream] | None = None
    shift: float = 0.0


@dataclass(frozen=True)
class Source:
    """``deal(rng, comparisons)`` deals one run."""

    name: str
    paired: bool
    deal: Callable[[random.Random, int], list[Deal]]


# --- recorded -----------------------------------------------------------------------------------------------
# Where nothing else is said all benchmarks of a run are dealt from the same rounds, and processes in the order of
# the recording, as the gate measures them: so neighbours share the host's mood, and a run shares its sitting.


def stored_different_sittings(rng, comparisons):
    """Base and head from different sittings, with whatever these really differed by."""
    workloads = recorded.load("stored")[1]
    before, now = rng.sample(_sittings(workloads), 2)
    turns = [rng.random() for _ in range(4)]
    deals = []
    for name, lap in _lineup(workloads, rng, comparisons):
        rounds = workloads[name]
        base = _two_passes(rounds[before], turns, lap)
        deals.append(Deal(name, _heads(rounds[now], turns[2:], lap), _endless(base)))
    return deals


def stored_one_sitting(rng, comparisons):
    """Processes of one sitting in any order, none on both sides, plus exactly the shift that the rule allows for."""
    workloads = recorded.load("stored")[1]
    sitting = rng.choice(_sittings(workloads))
    deals = []
    for name, _ in _lineup(workloads, rng, comparisons):
        rounds = workloads[name][sitting]
        shuffled, turns = rng.sample(rounds, len(rounds)), [rng.random(), rng.random()]
        base, rest = shuffled[: 2 * PASS + SPARE], shuffled[2 * PASS + SPARE :]
        deals.append(Deal(name, _heads(rest, turns, 0), _endless(base), _shift(rng)))
    return deals


def recorded_pairs(rng, comparisons):
    """Pairs of one sitting of each workload, which took turns; there is no base."""
    workloads = recorded.load("paired")[1]
    turns = [rng.random(), rng.random()]
    deals = []
    for name, lap in _lineup(workloads, rng, comparisons):
        sitting = rng.choice(sorted(workloads[name]))
        deals.append(Deal(name, _heads(workloads[name][sitting], turns, lap)))
    return deals


def _sittings(workloads) -> list[int]:
    return sorted(set.intersection(*(set(sittings) for sittings in workloads.values())))


def _lineup(workloads, rng: random.Random, comparisons: int) -> Iterator[tuple[str, int]]:
    """Workloads in random order, each once before any twice; a lap later they are dealt from other rounds."""
    names = rng.sample(sorted(workloads), len(workloads))
    for number, name in enumerate(itertools.islice(itertools.cycle(names), comparisons)):
        yield name, number // len(names)


def _turned(rounds: Sequence[ProcessRun], turn: float, lap: int) -> list[ProcessRun]:
    start = (int(turn * len(rounds)) + lap * PASS) % len(rounds)
    return [*rounds[start:], *rounds[:start]]


def _two_passes(rounds: Sequence[ProcessRun], turns: Sequence[float], lap: int) -> list[ProcessRun]:
    """Ten neighbouring rounds of either half of a sitting first, then all others."""
    half = len(rounds) // 2
    early, late = _turned(rounds[:half], turns[0], lap), _turned(rounds[half:], turns[1], lap)
    return [*early[:PASS], *late[:PASS], *early[PASS:], *late[PASS:]]


def _heads(rounds: Sequence[ProcessRun], turns: Sequence[float], lap: int) -> Callable[[int], Stream]:
    return lambda number: itertools.cycle(_turned(rounds, turns[number], lap))


def _endless(rounds: Sequence[ProcessRun]) -> Callable[[], Stream]:
    return lambda: itertools.cycle(rounds)


def _shift(rng: random.Random) -> float:
    """Of one sitting against another."""
    return rng.gauss(0, SITTING) - rng.gauss(0, SITTING)


# --- synthetic ----------------------------------------------------------------------------------------------

Values = Callable[[random.Random], Iterator[float]]
"""Endless log ratios of the processes of one sitting, in the order of time."""


def each(one: Callable[[random.Random, int], float]) -> Values:
    """``one(rng, k)`` is the value of process k."""
    return lambda rng: (one(rng, k) for k in itertools.count())


def white(spread: float) -> Values:
    return each(lambda rng, _: rng.gauss(0, spread))


def bimodal(spread: float, apart: float, share: float) -> Values:
    """``share`` of the processes lie ``apart``, as with two memory layouts."""
    return each(lambda rng, _: rng.gauss(0, spread) + apart * ((rng.random() < share) - share))


def drifting(spread: float, step: float) -> Values:
    """Every process is slower than the one before it by ``step``."""
    return each(lambda rng, k: rng.gauss(0, spread) + step * k)


def heavy(scale: float) -> Values:
    """Student's t with 3 degrees of freedom."""
    return each(lambda rng, _: scale * rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2.0) / 3))


def contaminated(spread: float, share: float, off: float, *, either_way: bool = False) -> Values:
    """``share`` of the processes are ``off``; of pairs the stranger hits either side."""

    def one(rng, _):
        hit = off if rng.random() < share else 0.0
        return rng.gauss(0, spread) + (rng.choice((-hit, hit)) if either_way else hit)

    return each(one)


def bursts(spread: float, off: float, *, either_way: bool = False) -> Values:
    """Quiet for 10 processes or more, 30 on average, then 3 in a row are ``off``."""

    def values(rng):
        quiet = rng.randrange(30)
        while True:
            for _ in range(quiet):
                yield rng.gauss(0, spread)
            quiet = 10 + int(rng.expovariate(1 / 20))
            hit = rng.choice((-off, off)) if either_way else off
            for _ in range(3):
                yield hit + rng.gauss(0, spread)

    return values


def of_both_sides(values: Values) -> Values:
    """What a pair shows when either side has noise of its own: head less base."""

    def difference(rng):
        head, base = values(random.Random(rng.random())), values(random.Random(rng.random()))
        return (now - before for now, before in zip(head, base, strict=True))

    return difference


def stored(name: str, values: Values) -> Source:
    """Both sides of the same kind of noise, each shifted by its sitting."""

    def one(rng: random.Random) -> Deal:
        *heads, base = (rng.getrandbits(64) for _ in range(3))
        return Deal(
            name,
            lambda number: _processes(values, heads[number]),
            lambda: _processes(values, base),
            _shift(rng),
        )

    return Source(name, False, lambda rng, comparisons: [one(rng) for _ in range(comparisons)])


def paired(name: str, values: Values) -> Source:
    """Pairs whose noise has this shape."""

    def one(rng: random.Random) -> Deal:
        heads = [rng.getrandbits(64) for _ in range(2)]
        return Deal(name, lambda number: _processes(values, heads[number], is_paired=True))

    return Source(name, True, lambda rng, comparisons: [one(rng) for _ in range(comparisons)])


def _processes(values: Values, seed: int, *, is_paired: bool = False) -> Stream:
    """One block is a process here: what happens between blocks the records show, and :func:`moody` does."""
    for k, value in enumerate(values(random.Random(seed))):
        block = Block(CALL * math.exp(value), CALL)
        yield ProcessRun("synthetic", "time", k, 0, Method.BLOCKS, (block,), paired=is_paired)


def moody(rng, comparisons):
    """A host at full or half speed, in phases of some processes, that slows the subject less than the reference.

    The reference takes 2 times as long in a slow phase, the subject 2**0.8 times: by the plain ratio a base
    and a head of unlike phases differ by 13 %. Blocks scatter by 8 %, one in twenty is preempted.
    """

    def one() -> Deal:
        *heads, base = (rng.getrandbits(64) for _ in range(3))
        return Deal("moody host", lambda number: _moody(heads[number]), lambda: _moody(base), _shift(rng))

    return [one() for _ in range(comparisons)]


def _moody(seed: int) -> Stream:
    rng = random.Random(seed)
    slow = rng.random() < 0.5
    for k in itertools.count():
        offset, blocks = rng.gauss(0, 0.02), []
        slow ^= rng.random() < 0.25
        for number in range(30):
            # phases are shorter than some processes too: one in three sees the host change
            speed = math.log(2) * (slow ^ (k % 3 == 0 and number >= 15))
            late = rng.expovariate(1.0) if rng.random() < 0.05 else 0.0
            subject = math.exp(0.8 * speed + offset + rng.gauss(0, 0.06) + late)
            blocks.append(Block(CALL * subject, CALL * math.exp(speed + rng.gauss(0, 0.06))))
        yield ProcessRun("moody", "time", k, 0, Method.BLOCKS, tuple(blocks))


# --- the sources of the rates -------------------------------------------------------------------------------

RECORDED_STORED = Source("recorded, different sittings", False, stored_different_sittings)
RECORDED_SHIFTED = Source(
    "recorded, shuffled within a sitting, shifts of 1 % added", False, stored_one_sitting
)
RECORDED_PAIRS = Source("recorded", True, recorded_pairs)

STORED_REGULAR = (
    stored("quiet, 0.5 %", white(0.005)),
    stored("white, 3 %", white(0.03)),
    stored("bimodal, 30 % of processes 6 % off", bimodal(0.01, 0.06, 0.3)),
    stored("drifting, 0.1 % a process", drifting(0.02, 0.001)),
    stored("heavy tails (t, 3 df)", heavy(0.0173)),
    Source("moody host", False, moody),
)
STORED_HOSTILE = (
    stored("as wide as is still calibratable (sd 5 %)", white(0.05)),
    stored("bursts, 3 processes 15 % off", bursts(0.02, 0.15)),
    stored("contaminated, 4 % of processes 25 % off", contaminated(0.02, 0.04, 0.25)),
)
PAIRED_REGULAR = (
    paired("quiet, 0.5 %", white(0.005)),
    paired("white, 1.5 %", white(0.015)),
    paired("white, 3 %", white(0.03)),
    paired("bimodal, 30 % of processes 6 % off", of_both_sides(bimodal(0.007, 0.06, 0.3))),
    paired("drifting, 0.1 % a process", of_both_sides(drifting(0.01, 0.001))),
    paired("heavy tails (t, 3 df)", heavy(0.012)),
)
PAIRED_HOSTILE = (
    paired("bursts, 3 pairs 15 % off, either way", bursts(0.015, 0.15, either_way=True)),
    paired(
        "contaminated, 4 % of pairs 25 % off, either way", contaminated(0.015, 0.04, 0.25, either_way=True)
    ),
    paired(
        "contaminated, 10 % of pairs 15 % off, either way", contaminated(0.015, 0.10, 0.15, either_way=True)
    ),
)
