"""What ``calibrate`` remembers: sittings of one benchmark on one machine kind, and how far apart they lie.

A sitting is one run of ``calibrate``. Within a sitting the mean of a benchmark's processes is known to its
standard error; from one sitting to the next it moves further, because the host is in another mood. How far
cannot be seen in a single sitting, which is why sittings are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bench.model import Calibration, Method
from bench.stats.components import Between, between_groups

APART = timedelta(minutes=20)
"""Runs of identical code closer together share the host's mood, so they count as one sitting."""

KEPT = 12
"""So many of the newest sittings are kept for a benchmark: enough for tau, and old hosts are forgotten."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """One sitting of one benchmark: log(subject/reference) of every process. ``date`` is ISO 8601, UTC."""

    date: str
    commit: str | None
    processes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SittingsEntry:
    """The sittings of one benchmark on one machine kind, oldest first.

    All processes are stated for the one ``calibration`` that the first sitting found, as every later `check`
    states them for the one of its baseline.
    """

    benchmark: str
    machine: str
    source_hash: str
    method: str = Method.BLOCKS.value
    calibration: Calibration = field(default_factory=Calibration)
    sittings: tuple[Sitting, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibrations:
    """Everything that sittings found: machine kinds (key -> stable environment) and entries."""

    machines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    entries: tuple[SittingsEntry, ...] = ()

    def entry(self, benchmark: str, machine: str, source_hash: str | None = None) -> SittingsEntry | None:
        """The entry of one benchmark on one machine kind; None where its source was another one."""
        for found in self.entries:
            if (found.benchmark, found.machine) == (benchmark, machine):
                return found if source_hash in {None, found.source_hash} else None
        return None


def with_sitting(entry: SittingsEntry, sitting: Sitting) -> SittingsEntry:
    """The entry with one more sitting; the newest 12 are kept.

    A run within 20 minutes of the last sitting of the same commit is a part of that sitting.
    """
    before = list(entry.sittings)
    last = before[-1] if before else None
    if last is not None and last.commit == sitting.commit and not _apart(last, sitting):
        before[-1] = replace(last, processes=last.processes + sitting.processes)
    else:
        before.append(sitting)
    return replace(entry, sittings=tuple(before[-KEPT:]))


def _apart(earlier: Sitting, later: Sitting) -> bool:
    return datetime.fromisoformat(later.date) - datetime.fromisoformat(earlier.date) >= APART


def measured_shift(entry: SittingsEntry) -> Between | None:
    """Variance (log units) between sittings of identical code; None below two sittings of one commit.

    Sittings are compared within their commit only: from one commit to the next the code itself may have
    changed. See :func:`bench.stats.components.between_groups` for the formula.
    """
    commits = dict.fromkeys(sitting.commit for sitting in entry.sittings)
    return between_groups(
        [[each.processes for each in entry.sittings if each.commit == commit] for commit in commits]
    )
