"""[edge] Pairs: one worker of the base and one of the head, pinned to one CPU, that take turns.

A pair is the unit of replication of a paired comparison, as a process is of a stored one, and it is an
:class:`~bench.executor.Executor` too: sessions, rounds and judges need not know which of both they drive.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.executor import Collection, IsolatedExecutor, Task, failure_of, hash_seed_of, process_run
from bench.model import BenchmarkSpec, FailureKind, ProcessFailure, ProcessOutcome, ProcessRun
from bench.workers import LATE, Answer, Worker, body, end, hear_out

_PAIRED = frozenset({"time", "p95", "p99"})
_INNOCENCE = {None: 0, "ended": 1, "late": 2}
"""By what a worker says of its partner; who waited in vain was there, who found nobody may have come late."""
_TIMEVAL = struct.Struct("@ll")


@dataclass(frozen=True)
class PairedExecutor:
    """Measures ``head`` against ``base``; memory, which needs no partner, is measured of the head alone.

    ``base_specs`` maps a benchmark's id to its case on the base's side, where each side brings its own
    suite and the position of a case may differ.
    """

    base: IsolatedExecutor
    head: IsolatedExecutor
    base_specs: Mapping[str, BenchmarkSpec] = field(default_factory=dict)

    def collect(self, suites: Sequence[Path]) -> Collection:
        """Collect on the head's side; see :class:`~bench.executor.Executor`."""
        return self.head.collect(suites)

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        """One pair as one run: blocks are quads, seconds per call of the head over those of the base."""
        if task.metric not in _PAIRED:
            return self.head.measure(spec, task)
        started = time.monotonic()
        timeout = 2 * spec.timeout_s
        base, head = self._answers(spec, task, timeout)
        failure = _failure(spec, task, base, head)
        if failure is not None:
            return failure
        run = process_run(spec, task, _joined(base, head), self.head.cpu, time.monotonic() - started)
        return replace(run, paired=True) if isinstance(run, ProcessRun) else run

    def _answers(self, spec: BenchmarkSpec, task: Task, timeout: float) -> tuple[Answer, Answer]:
        seed = hash_seed_of(task)
        ours, theirs = _linked(timeout / 2)
        workers: list[Worker] = []
        try:
            for side, link in ((self.base, ours), (self.head, theirs)):
                is_head = link is theirs
                own = spec if is_head else self.base_specs.get(spec.id, spec)
                request = {**side.request(own, task), "link": link.fileno(), "cpu": side.cpu}
                request |= {"slowed": is_head, "leads": is_head == bool(task.process % 2)}
                workers.append(side.start(request, seed, timeout, [link.fileno()], _anywhere(side.cpu)))
                link.close()  # the worker holds it now; where a worker dies, its partner must hear of it
            base, head = hear_out(workers, timeout)
        except BaseException:  # Ctrl-C too: no worker may outlive its pair
            for worker in workers:
                with suppress(OSError):
                    end(worker)
            raise
        finally:
            ours.close()
            theirs.close()
        return base, head


def _linked(wait_s: float) -> tuple[socket.socket, socket.socket]:
    """A socket pair on which a worker waits for the other no longer than ``wait_s``.

    Both workers would otherwise be late together where one hangs, and nothing told them apart; nor would a
    worker ever hear that its partner ended, while a child that the partner forked holds the other end.
    """
    ends = socket.socketpair()
    for link in ends:
        whole, rest = divmod(wait_s, 1)
        link.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(int(whole), int(rest * 1e6) or 1)
        )
    return ends


def _anywhere(cpu: int | None) -> tuple[int, ...]:
    """The CPUs to import on: both sides at once. Only then do both move to the one that they measure on."""
    if cpu is None or not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0) | {cpu}))


def _failure(spec: BenchmarkSpec, task: Task, base: Answer, head: Answer) -> ProcessFailure | None:
    """The failure of the side that is to blame: not of the one that only lost its partner."""
    sides = (("base", base), ("head", head))
    failed = [(side, answer, text) for side, answer in sides if (text := _text(answer))]
    if not failed:
        return None
    side, answer, text = min(failed, key=lambda each: _INNOCENCE[_partner(each[1])])
    failure = failure_of(spec.id, task, answer, f"on the {side}: {text}")
    if _partner(answer) is None:
        return replace(failure, side=side)
    # It ended in good order, but only after its partner had given it up.
    return replace(failure, side=side, kind=FailureKind.TIMED_OUT, message=f"on the {side}: {LATE}")


def _text(answer: Answer) -> str | None:
    told = body(answer)
    return told if isinstance(told, str) else None


def _partner(answer: Answer) -> str | None:
    """What this worker complains of: ``late`` or ``ended``, None where it blames nobody else."""
    error = (answer.message or {}).get("error")
    told = error.get("partner") if isinstance(error, dict) else None
    return told if told in _INNOCENCE else None


def _joined(base: Answer, head: Answer) -> dict[str, Any]:
    """Both halves as one answer in the shape of a single worker's; hostile content stays for the parser."""
    ours, theirs = body(base), body(head)
    if isinstance(ours, str) or isinstance(theirs, str):
        return {}
    times = ours.get("times"), theirs.get("times")
    lists = all(isinstance(side, list) for side in times)
    pairs = list(zip(theirs["times"], ours["times"], strict=False)) if lists else None
    return {**ours, "pairs": pairs, "subject_files": theirs.get("subject_files", ())}
