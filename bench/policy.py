"""Every limit of the gate, and the way from comparisons to one verdict and exit code. Pure.

Nothing else in the package holds a tolerance, a floor or an exit code's condition.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bench.compare import Limits
from bench.model import (
    Baseline,
    BenchmarkSpec,
    Comparison,
    Decision,
    Environment,
    Rule,
    RunVerdict,
    Verdict,
)
from bench.settings import Settings
from bench.sittings import Calibrations, measured_shift
from bench.stats.describe import sd
from bench.units import format_ratio

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

CROWDED_SHARE = 0.85
"""A process that had the CPU for less than this share of its measurement shared it with a stranger."""
CROWDED_PROCESSES = 1 / 3
CROWDED_EFFECT = math.log(1.5)
"""What sharing the CPU can look like. Measured: a test suite running on the same CPU made code with a large
footprint read 15-30 % slower against the reference, in every process, for as long as it ran."""

RUN_ALPHA = 0.01
"""Chance that a run over unchanged code convicts anything by chance, shared by all its time comparisons."""

SITTING_SHIFT = 0.01
"""Shift of a stored baseline between two sittings, in log units, until ``calibrate`` has measured it."""
SHIFT_FREEDOM = 2
"""A shift counts as measured with so many degrees of freedom: three sittings of the same code."""
SHIFT_PRIOR = 4
"""Calm sittings lower the default only slowly: it weighs as much as this many degrees of freedom."""
SHIFT_RANGE = (0.005, 0.10)
"""No less, because the mean of 20 processes that spread by 2 % is itself uncertain by 0.45 %, so less cannot
be told from none; no more, because beyond it no tolerance that anybody sets can be decided in any case."""

ANCHOR = "anchor:"
"""What the metric of a comparison with the pinned entry begins with."""
ANCHOR_TOLERANCES = 2.0
"""The anchor is compared at so many tolerances: it is there against slow creep, not for single changes."""

_TAILS = frozenset({"p95", "p99"})
_LED_TO_A_VERDICT = frozenset({Verdict.OK, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.UNDECIDED})
_BUDGET = "budget:"
_MOVED_TOGETHER = 5
_MOVED_SHARE = 0.7
_NAMED = 3
_FAR_BEYOND = (
    "probably slower: far beyond the spread of its processes, which is too large for an exact comparison "
    "with a stored baseline; use `bench-guard ab`"
)
_FOREIGN = "the baseline knows none of these benchmarks: add them with `bench-guard baseline update`"
_NOTHING_GATES = (
    "nothing could gate, although a baseline is required: record one for this machine kind with "
    "`bench-guard baseline update` and commit it"
)


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


def rule_for(
    settings: Settings,
    spec: BenchmarkSpec,
    comparisons: int,
    metric: str = "time",
    *,
    paired: bool = False,
    shift: float | None = None,
) -> Rule:
    """The sequential rule of one benchmark: against a stored baseline, or of pairs in one sitting.

    ``comparisons``: how many time comparisons of this run can gate; they share one error. ``shift``: what
    :func:`sitting_shift` knows of the shift between sittings; pairs have none.
    """
    limits = limits_for(settings, spec, metric)
    return Rule(
        tolerance=limits.tolerance,
        floor=limits.floor,
        alpha=RUN_ALPHA,
        comparisons=max(comparisons, 1),
        tau=0.0 if paired else SITTING_SHIFT if shift is None else shift,
        paired=paired,
    )


def sitting_shift(calibrations: Calibrations, machine: str, benchmark: BenchmarkSpec) -> float | None:
    """The shift between sittings (tau, log units) that ``calibrate`` measured of a benchmark on this machine.

    None below three sittings of the same code. What was seen is believed where it exceeds the default; where
    it does not, the two are averaged as variances, weighted by their degrees of freedom (a scaled inverse
    chi-square prior; Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 2.6), because three calm
    sittings prove little and a shift that is taken too small cries wolf.
    """
    entry = calibrations.entry(benchmark.id, machine, benchmark.source_hash)
    found = None if entry is None else measured_shift(entry)
    if found is None or found.freedom < SHIFT_FREEDOM:
        return None
    both = SHIFT_PRIOR * SITTING_SHIFT**2 + found.freedom * found.variance
    drawn = both / (SHIFT_PRIOR + found.freedom)
    return min(max(math.sqrt(max(found.variance, drawn)), SHIFT_RANGE[0]), SHIFT_RANGE[1])


def tempered(decision: Decision, shares: Sequence[float]) -> Decision:
    """The decision, or ``undecided`` where it convicts on processes that had to share their CPU.

    ``shares`` are the CPU shares of the head's processes. Another process on the same CPU empties the caches
    at every switch, which hurts large code more than the reference, and no repetition averages it out. A
    change too large for that explanation (95 % lower bound above 50 %) stays red.
    """
    crowded = sum(share < CROWDED_SHARE for share in shares)
    proved_anyway = decision.interval[0] > CROWDED_EFFECT
    if (
        decision.verdict is not Verdict.REGRESSED
        or proved_anyway
        or crowded <= CROWDED_PROCESSES * len(shares)
    ):
        return decision
    words = f"something else ran on the CPU during {crowded} of {len(shares)} processes: try a quieter host"
    return replace(decision, verdict=Verdict.UNDECIDED, note="; ".join(filter(None, (words, decision.note))))


def unmissable(row: Comparison) -> Comparison:
    """The row of a benchmark that does not gate; or, where its change is enormous, a warning that does.

    A benchmark whose processes spread too far for a stored baseline is shown and not gated. But when even the
    lower end of the interval lies above 50 %, which no shift between sittings has ever looked like, silence
    would be wrong: the row becomes "probably slower", which stops CI.
    """
    beyond = row.interval is not None and math.log1p(row.interval[0]) > CROWDED_EFFECT
    if row.gates or not row.suspect or not beyond:
        return row
    return replace(row, gates=True, note=_FAR_BEYOND)


def unknown_kind(baseline: Baseline, here: Environment) -> str | None:
    """What to say where the baseline does not know this machine kind; None where it does, or is empty."""
    if not baseline.machines or here.machine in baseline.machines:
        return None
    differing = {name: differences(stable, here.stable) for name, stable in baseline.machines.items()}
    nearest = min(sorted(differing), key=lambda name: len(differing[name]))
    keys = ", ".join(f"{key} {here.stable.get(key, 'unknown')!r}" for key in differing[nearest])
    return (
        f"the baseline does not know this machine kind, {here.machine}: times are new here and cannot gate "
        f"(nearest is {nearest}; here {keys}); `bench-guard baseline update` adds it"
    )


def differences(stable: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The stable keys in which two machine kinds differ, sorted."""
    return sorted(key for key in {*stable, *other} if stable.get(key) != other.get(key))


def is_calibratable(processes: Sequence[float], tolerance: float) -> bool:
    """Whether a stored baseline can gate: its process logs spread by at most half the tolerance.

    Fewer than two processes show no spread, so they prove nothing and cannot.
    """
    return gates_with_spread(sd(processes), tolerance)


def gates_with_spread(spread: float, tolerance: float) -> bool:
    """The same for a known standard deviation of the process logs."""
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


class Conclusion(NamedTuple):
    """What a whole run amounts to; ``messages`` are sentences for a person, most urgent first."""

    verdict: RunVerdict
    exit_code: int
    messages: tuple[str, ...]


def conclude(
    comparisons: Sequence[Comparison],
    settings: Settings,
    *,
    anything_measured: bool,
    interrupted: bool = False,
    shares_benchmark: bool = True,
    against: str = "baseline",
) -> Conclusion:
    """The verdict and exit code of a run: the first that applies of 130, 4, 1, 3, 0 (2 is raised, not found).

    130: interrupted. 4: nothing measured, or a benchmark that gates failed. 1: a regression, a broken budget,
    a missing benchmark. 3: undecided under ``strict``, or with an estimate above its tolerance in CI; nothing
    that could gate where a baseline is required; ``shares_benchmark`` False, that is a baseline that knows
    none of the benchmarks selected. Rows that do not gate move nothing.
    """
    found = _Findings(tuple(row for row in comparisons if row.gates), settings, against)
    nothing = found.nothing_to_gate() or (None if shares_benchmark else _FOREIGN)
    if interrupted:
        verdict, code, first = RunVerdict.FAILED, 130, "interrupted: what was finished is kept"
    elif not anything_measured:
        verdict, code, first = RunVerdict.FAILED, 4, "nothing was measured"
    elif found.failed:
        verdict, code, first = RunVerdict.FAILED, 4, f"could not be measured: {_names(found.failed)}"
    elif found.red:
        verdict, code, first = RunVerdict.REGRESSED, 1, ""
    elif found.stopping or nothing:
        verdict, code, first = RunVerdict.UNDECIDED, 3, nothing or ""
    else:
        verdict, code, first = RunVerdict.PASS, 0, ""
    return Conclusion(verdict, code, tuple(text for text in (first, *found.messages()) if text))


class _Findings:
    """The rows that gate, sorted by what they mean for the run."""

    def __init__(self, rows: Sequence[Comparison], settings: Settings, against: str) -> None:
        self.stored = against == "baseline"
        self.rows = rows
        self.settings = settings
        self.failed = self._of(Verdict.FAILED)
        self.regressed = self._of(Verdict.REGRESSED)
        self.missing = self._of(Verdict.MISSING)
        self.red = self.regressed + self.missing
        self.undecided = self._of(Verdict.UNDECIDED)
        self.suspects = [row for row in self.undecided if row.suspect]
        stops = self.undecided if settings.strict else self.suspects if settings.ci else []
        self.stopping: Sequence[Comparison] = stops

    def _of(self, verdict: Verdict) -> list[Comparison]:
        return [row for row in self.rows if row.verdict is verdict]

    def nothing_to_gate(self) -> str | None:
        could = any(row.verdict in _LED_TO_A_VERDICT and row.head is not None for row in self.rows)
        if could or not self.settings.require_baseline:
            return None
        return _NOTHING_GATES if self.stored else "nothing could gate: no benchmark runs on both sides"

    def messages(self) -> Iterator[str]:
        if slower := [row for row in self.regressed if not row.metric.startswith((_BUDGET, ANCHOR))]:
            yield f"regressed: {_names(slower)}"
        if crept := [row for row in self.regressed if row.metric.startswith(ANCHOR)]:
            yield (
                f"crept away from the anchor, update by update: {_names(crept)}; win it back, or accept it "
                "with `bench-guard baseline accept -k NAME --reason TEXT`"
            )
        if broken := [row for row in self.regressed if row.metric.startswith(_BUDGET)]:
            yield f"budget broken: {_names(broken)}"
        if self.missing and self.stored:
            yield (
                f"in the baseline but not in the suite: {_names(self.missing)}; "
                "if that is on purpose run `bench-guard baseline update`"
            )
        elif self.missing:
            yield f"on the base but not on the head: {_names(self.missing)}"
        if self.suspects:
            yield (
                f"probably slower, but not proved: {_names(self.suspects)}; "
                "run again on a quieter host, or raise --budget"
            )
        if self.settings.strict and self.undecided:
            yield f"undecided, which --strict does not accept: {_names(self.undecided)}"
        if unchecked := [r for r in self.undecided if r.metric.startswith(_BUDGET) and r.head is None]:
            yield f"budgets that were not checked: {_names(unchecked)}"
        yield from self._moved_together()
        if (stale := self._of(Verdict.IMPROVED)) and self.stored:
            yield (
                f"faster or smaller than the baseline, which is stale: {_names(stale)}; "
                "keep the gain with `bench-guard baseline update`"
            )

    def _moved_together(self) -> Iterator[str]:
        if (moved := moved_together(self.rows)) is None:
            return
        word = "slower" if moved.direction > 0 else "faster"
        advice = "; `bench-guard ab --base REV` measures both in one sitting and tells which"
        yield (
            f"all moved: {moved.alike} of {moved.of} benchmarks became {word}: host or shared code"
            f"{advice if self.stored else ''}"
        )


class Moved(NamedTuple):
    """``alike`` ``of`` all benchmarks moved the same way: 1 slower, -1 faster; ``red`` of them regressed."""

    direction: int
    alike: int
    of: int
    red: tuple[Comparison, ...]


def moved_together(rows: Sequence[Comparison]) -> Moved | None:
    """Whether at least 5 benchmarks and 70 % of them moved the same way by more than half the tolerance.

    That points at the host, or at code that all of them share. Only times that gate count.
    """
    times = [row for row in rows if row.gates and row.metric == "time" and row.change is not None]
    moved = Counter(_direction(row) for row in times)
    direction, count = max(((way, moved[way]) for way in (1, -1)), key=lambda pair: pair[1])
    if len(times) < _MOVED_TOGETHER or count < _MOVED_SHARE * len(times):
        return None
    red = tuple(row for row in times if row.verdict is Verdict.REGRESSED and _direction(row) == direction)
    return Moved(direction, count, len(times), red)


def _direction(row: Comparison) -> int:
    """1 or -1 for a change of more than half the tolerance, else 0."""
    enough = (row.tolerance or 0.0) / 2
    change = row.change or 0.0
    return 1 if change > enough else -1 if change < -enough else 0


def _names(rows: Sequence[Comparison]) -> str:
    """``a.py::wide (time +23.0 %), ...``: the first few in full, the others counted."""
    shown = [_name(row) for row in rows[:_NAMED]]
    more = len(rows) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _name(row: Comparison) -> str:
    change = "" if row.change is None else f" {format_ratio(row.change)}"
    return f"{row.benchmark} ({row.metric.removeprefix(_BUDGET)}{change})"
