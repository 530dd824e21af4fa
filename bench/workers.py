"""[edge] A worker's life seen from outside: start it, hear it out, end it with everything it left behind.

A worker has a process group of its own, a time-out, no standard input, and two pipes: one for its single
answer, one for whatever the subject prints, of which the last 16 KiB are kept for the report of a failure.
Answers are hostile until parsed. Two workers that measure in turns are heard at once.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bench.errors import MeasurementError

_HOME = str(Path(__file__).resolve().parents[1])
_BOOT = (
    "import os, sys; len(sys.argv) > 2 and os.sched_setaffinity(0, map(int, sys.argv[2].split(','))); "
    f"sys.path.insert(0, {_HOME!r}); from bench.measure.worker import main; "
    f"sys.path.remove({_HOME!r}); main()"
)
"""Pinned before anything is imported: our own CPU may be a busy one."""
_KEPT_OUTPUT = 16_384
_LARGEST_ANSWER = 64 * 1024 * 1024
LATE = "no answer within its time-out; work that long needs @benchmark(timeout=SECONDS)"
ORPHAN_GRACE_S = 10.0
_FAREWELL_S = 1.0
"""A worker that has answered ends at once; one that does not (its benchmark forked) is killed after this."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker runs: its folder, its CPUs, its interpreter, its environment variables (None: ours).

    No CPUs: wherever the system likes.
    """

    folder: Path
    cpus: Collection[int] = ()
    python: str = sys.executable
    environ: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker said: its message if there was a whole one, what it printed, how it ended."""

    message: dict[str, Any] | None
    output: str
    returncode: int | None
    timed_out: bool


@dataclass(slots=True)
class Worker:
    """A started worker that has its request, and what was heard from it so far."""

    process: subprocess.Popen[bytes]
    answer_end: int
    received: bytes = b""
    message: bytes | None = None
    output: bytes = b""
    heard_out: bool = False
    open_ends: set[int] = field(default_factory=set)


def start(place: Place, request: Mapping[str, Any], hash_seed: int, passed: Sequence[int] = ()) -> Worker:
    """Start a worker and hand it its request; it inherits the descriptors ``passed``."""
    answer_end, write_end = os.pipe()
    inherited = os.environ if place.environ is None else place.environ
    pinned = [",".join(map(str, place.cpus))] if place.cpus and hasattr(os, "sched_setaffinity") else []
    try:
        process = subprocess.Popen(
            [place.python, "-P", "-c", _BOOT, str(write_end), *pinned],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end, *passed),
            cwd=place.folder,
            env={**inherited, "PYTHONHASHSEED": str(hash_seed)},
            start_new_session=True,
        )
    except OSError as error:
        os.close(answer_end)
        raise MeasurementError(f"no worker process could be started: {error}") from error
    finally:
        os.close(write_end)
    worker = Worker(process, answer_end)
    with suppress(BrokenPipeError):
        stdin, _ = _pipes(worker)
        stdin.write(json.dumps({**request, "parent": os.getpid()}).encode())
        stdin.close()
    return worker


def hear_out(workers: Sequence[Worker], timeout_s: float) -> list[Answer]:
    """Collect answers and output until every worker answered, ended or is late; then end them all.

    They are read at once: a worker whose pipe is full would otherwise keep its partner waiting.
    """
    try:
        _gather(workers, time.monotonic() + timeout_s)
        return [_concluded(worker) for worker in workers]
    finally:
        for worker in workers:
            end(worker)


def _concluded(worker: Worker) -> Answer:
    _, output = _pipes(worker)
    worker.output = (worker.output + _already_written(output))[-_KEPT_OUTPUT:]
    late, returncode = not worker.heard_out, None
    if not late:
        try:
            returncode = worker.process.wait(ORPHAN_GRACE_S if worker.message is None else _FAREWELL_S)
        except subprocess.TimeoutExpired:
            late = worker.message is None
    return Answer(_decode(worker.message), worker.output.decode("utf-8", "replace"), returncode, late)


def _gather(workers: Sequence[Worker], deadline: float) -> None:
    """Read all pipes; a whole answer ends a worker's turn, even if a process left behind holds its pipes."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            for descriptor in (worker.answer_end, _pipes(worker)[1].fileno()):
                selector.register(descriptor, selectors.EVENT_READ, worker)
                worker.open_ends.add(descriptor)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return
            for key, _ in ready:
                worker = key.data
                if key.fd in worker.open_ends:
                    _read(worker, key.fd, selector)


def _read(worker: Worker, descriptor: int, selector: selectors.BaseSelector) -> None:
    chunk = os.read(descriptor, 65_536)
    answering = descriptor == worker.answer_end
    if not chunk:
        selector.unregister(descriptor)
        worker.open_ends.discard(descriptor)
    elif answering:
        worker.received += chunk
        worker.message = _whole(worker.received)
    else:
        worker.output = (worker.output + chunk)[-_KEPT_OUTPUT:]
    if worker.message is not None or (answering and not chunk) or not worker.open_ends:
        worker.heard_out = True
        for rest in worker.open_ends:
            selector.unregister(rest)
        worker.open_ends.clear()


def _pipes(worker: Worker) -> tuple[IO[bytes], IO[bytes]]:
    if worker.process.stdin is None or worker.process.stdout is None:
        raise MeasurementError("the worker was started without its pipes")
    return worker.process.stdin, worker.process.stdout


def end(worker: Worker) -> None:
    """Kill whatever is left of the worker's process group, reap it and close its pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    for pipe in _pipes(worker):
        with suppress(OSError):
            pipe.close()
    with suppress(OSError):
        os.close(worker.answer_end)
    worker.process.wait()


def _already_written(output: IO[bytes]) -> bytes:
    """What lies in the pipe now; whoever still holds its other end is not waited for."""
    os.set_blocking(output.fileno(), False)
    collected = b""
    with suppress(BlockingIOError):
        while chunk := os.read(output.fileno(), 65_536):
            collected = (collected + chunk)[-_KEPT_OUTPUT:]
    return collected


def _whole(received: bytes) -> bytes | None:
    if len(received) < 8:
        return None
    size = int.from_bytes(received[:8], "big")
    if size > _LARGEST_ANSWER:
        return b""
    return received[8 : 8 + size] if len(received) >= 8 + size else None


def _decode(message: bytes | None) -> dict[str, Any] | None:
    try:
        decoded = json.loads(message) if message else None
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def body(answer: Answer) -> dict[str, Any] | str:
    """The measurement, or the words for why there is none."""
    message = answer.message or {}
    if isinstance(message.get("ok"), dict):
        return dict(message["ok"])
    error = message.get("error")
    if isinstance(error, dict):
        return str(error.get("message", "unknown error"))
    if answer.timed_out:
        return LATE
    if answer.returncode is not None and answer.returncode < 0:
        return f"the process was killed by signal {_signal_name(-answer.returncode)}"
    if answer.returncode is None:
        return "the answer is garbled: the subject wrote to descriptors that are not its own"
    return f"the process exited with code {answer.returncode} before it answered"


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
