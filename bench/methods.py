"""How a process is measured and how it can fail: all that a worker needs of the model."""

from __future__ import annotations

from enum import StrEnum


class Method(StrEnum):
    """How the time of one process was taken."""

    BLOCKS = "blocks"
    """Blocks of about 0.7 ms of subject and reference in turn, wall clock."""
    CONCURRENT = "concurrent"
    """A call over 2 ms: the reference spins beside it on the same CPU, thread CPU clocks."""
    TURNS = "turns"
    """A call that waits (input, output, sleep, threads): whole calls and reference in turn, wall clock."""
    CALLS = "calls"
    """Single calls, each beside a reference block: tails."""
    SINGLE = "single"
    """One measured call: memory."""


class FailureKind(StrEnum):
    """Why a worker gave no measurement."""

    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    RAISED = "raised"
    NO_SAMPLES = "no samples"
    IMPORT = "import"
    FOREIGN = "subject from elsewhere"
    """The subject was imported from another place than the one it is bound to."""
