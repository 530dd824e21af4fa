"""The frozen data that the stages hand on, from a suite file to the report.

Units: seconds, bytes and plain ratios; nothing is scaled before it is rendered. A *process* is the unit of
replication throughout: blocks inside one process are never treated as independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bench.methods import FailureKind as FailureKind  # noqa: PLC0414  -- passed on to all that use the model
from bench.methods import Method as Method  # noqa: PLC0414


class Verdict(StrEnum):
    """What is said of one benchmark and one metric."""

    OK = "ok"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    FAILED = "failed"
    MISSING = "missing"
    NEW = "new"
    NOT_COMPARABLE = "not_comparable"


class RunVerdict(StrEnum):
    """What is said of a whole run; mirrors the exit code."""

    PASS = "pass"  # noqa: S105
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """One benchmark case: a function with one combination of its parameters.

    ``id`` is ``path::function[n=100]`` with a POSIX path relative to the project's root. ``case`` indexes
    the combination inside the function, in the order of ``itertools.product`` over the declared parameters.
    """

    id: str
    path: str
    function: str
    case: int
    source_hash: str
    line: int = 1
    params: tuple[tuple[str, str], ...] = ()
    is_async: bool = False
    items: float | None = None
    budgets: tuple[str, ...] = ()
    tolerance: float | None = None
    growth: str | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Block:
    """Two neighbouring blocks: seconds per call of the subject, seconds per iteration of the reference."""

    subject: float
    reference: float

    @property
    def ratio(self) -> float:
        """Subject over reference, dimensionless; the host's speed cancels."""
        return self.subject / self.reference


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """Everything that one worker process measured of one benchmark; kept raw.

    ``cpu_share`` is the share of the measuring time during which the thread had the CPU: well below 1 where
    another process held it in between. A ``paired`` run is one process of either side in turn: its blocks
    hold seconds per call of the head as subject and of the base as reference. ``host`` are readings of the
    reference kernel before and after, seconds per iteration.
    """

    benchmark: str
    metric: str
    process: int
    hash_seed: int
    method: Method
    blocks: tuple[Block, ...] = ()
    values: tuple[float, ...] = ()
    loops: int = 1
    reference_loops: int = 1
    warmup_calls: int = 0
    cpu: int | None = None
    empty_loop_share: float = 0.0
    cpu_share: float = 1.0
    duration_s: float = 0.0
    subject_files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    paired: bool = False
    host: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessFailure:
    """A worker that gave no measurement; ``output`` is the tail of what the subject printed.

    ``side`` names the side of a pair that is to blame, ``base`` or ``head``.
    """

    benchmark: str
    metric: str
    process: int
    kind: FailureKind
    message: str
    output: str = ""
    side: str | None = None


ProcessOutcome = ProcessRun | ProcessFailure


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one benchmark's time follows the host's speed, as read from the reference beside it.

    On a host whose cores are shared, the reference takes up to twice as long for seconds at a stretch, and
    not every kind of code is slowed by the same factor: when the reference takes ``r`` times as long, this
    benchmark takes ``r ** sensitivity`` times as long. ``reference_s`` is the speed of the reference
    (seconds per iteration) that ratios are stated for. The default, 1, is a plain ratio.
    """

    sensitivity: float = 1.0
    reference_s: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric of one benchmark on one side.

    ``processes`` holds one number per process: for ``time``, ``p95`` and ``p99`` the natural log of
    subject/reference, for memory bytes. ``value`` is what a person reads (seconds, bytes). ``steady`` are
    words about the shape of the samples (drift, few expensive calls, two modes), empty when unremarkable.
    """

    benchmark: str
    metric: str
    unit: str
    processes: tuple[float, ...]
    value: float
    method: Method = Method.BLOCKS
    varies: bool = False
    remarks: tuple[str, ...] = ()
    calibration: Calibration = Calibration()


@dataclass(frozen=True, slots=True)
class Rule:
    """The limits of one sequential decision; all of them come from :mod:`bench.policy`.

    ``tolerance`` t is relative (0.10), ``floor`` absolute in the metric's unit, ``alpha`` the error of the
    whole run, ``comparisons`` m the number of gating time comparisons it is shared by, ``tau`` the shift of
    a stored baseline between sittings (log units; 0 when both sides run in one sitting).
    """

    tolerance: float = 0.10
    floor: float = 10e-9
    alpha: float = 0.01
    comparisons: int = 1
    tau: float = 0.01
    paired: bool = False
    looks: tuple[int, ...] = (5, 8, 12, 20)
    fresh: tuple[int, ...] = (5, 10, 15)

    @property
    def limit(self) -> float:
        """The tolerance as a log ratio."""
        return math.log1p(self.tolerance)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a sequential comparison ended.

    ``change`` and ``interval`` are log ratios head/base at the stopping time (95 %, two-sided);
    ``detectable`` is relative (0.109 = what the rule catches with about 95 % power); ``counts`` are the
    processes of base and head.
    """

    verdict: Verdict
    change: float
    interval: tuple[float, float]
    detectable: float
    counts: tuple[int, int]
    note: str | None = None
    noise_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where something was measured; ``stable`` keys decide whether times compare, ``volatile`` never."""

    stable: Mapping[str, str]
    volatile: Mapping[str, str] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        """A readable, deterministic key of the machine kind: the stable keys shortened, with their digest."""
        return machine_key(self.stable)


def machine_key(stable: Mapping[str, str]) -> str:
    """``linux-x86_64-2cpu-cpython3.11-1a2b3c4d``: readable parts, and a digest over all stable keys."""
    import hashlib  # noqa: PLC0415  -- the worker imports this module and never needs a digest

    text = "\n".join(f"{key}={stable[key]}" for key in sorted(stable))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    system = stable.get("os", "unknown")
    arch = stable.get("architecture", "unknown")
    cores = stable.get("cores", "?")
    python = f"{stable.get('implementation', 'python')}{stable.get('python', '')}"
    return f"{system}-{arch}-{cores}cpu-{python}-{digest}".lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One metric in a stored baseline; ``processes`` as in :class:`Estimate`."""

    unit: str
    processes: tuple[float, ...]
    value: float
    method: str = Method.BLOCKS.value
    calibratable: bool = True
    varies: bool = False
    calibration: Calibration = Calibration()


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """What is stored for one benchmark on one machine kind.

    ``anchor`` is the entry that was pinned when this source was recorded first, against slow creep over many
    small updates; only accepting a change moves it. None: the entry itself is the anchor.
    """

    benchmark: str
    machine: str
    source_hash: str
    metrics: Mapping[str, MetricRecord]
    commit: str | None = None
    date: str = ""
    reason: str | None = None
    anchor: BaselineEntry | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A change that somebody accepted: what moved from ``old`` to ``new``, when, at which commit, and why.

    ``change`` is relative; None where the old value was zero.
    """

    benchmark: str
    machine: str
    metric: str
    unit: str
    old: float
    new: float
    change: float | None
    date: str
    commit: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A whole baseline file: the machine kinds it knows (key -> stable environment) and their entries.

    ``accepted`` is the record of accepted changes, oldest first; it only ever grows.
    """

    machines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    entries: tuple[BaselineEntry, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    def entry(self, benchmark: str, machine: str) -> BaselineEntry | None:
        """The entry of one benchmark on one machine kind, if there is one."""
        return next((e for e in self.entries if e.benchmark == benchmark and e.machine == machine), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the report. ``change``, ``interval`` and ``detectable`` are relative (0.011 = 1.1 %).

    ``gates`` is False for a metric that is shown only; ``suspect`` marks an estimate beyond the tolerance
    that could not be proved.
    """

    benchmark: str
    metric: str
    unit: str
    verdict: Verdict
    base: float | None = None
    head: float | None = None
    change: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float = 0.95
    tolerance: float | None = None
    detectable: float | None = None
    processes: tuple[int, int] = (0, 0)
    note: str | None = None
    gates: bool = True
    suspect: bool = False
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: where its numbers come from."""

    kind: str
    ref: str | None = None
    commit: str | None = None
    date: str | None = None
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The host meanwhile: spread of the reference kernel, its shift across the run, words about it.

    ``before``, ``during`` and ``after`` are seconds of one iteration of the reference in the first, second
    and last third of the run; ``shift`` is after over before.
    """

    reference_cv: float | None = None
    shift: float | None = None
    notices: tuple[str, ...] = ()
    before: float | None = None
    during: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run, complete: renderers add nothing to it and decide nothing."""

    verdict: RunVerdict
    exit_code: int
    base: Side
    head: Side
    host: Host
    comparisons: tuple[Comparison, ...]
    duration_s: float
    messages: tuple[str, ...] = ()
