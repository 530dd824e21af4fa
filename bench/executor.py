"""[edge] Runs workers: one fresh process for every measurement, and a fake that replays recorded ones.

A worker has a process group of its own, a time-out, no standard input, and two pipes: one for its single
answer, one for whatever the subject prints, of which the last 16 KiB are kept for the report of a failure.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from bench.discovery import relative_id
from bench.errors import MeasurementError
from bench.model import BenchmarkSpec, Block, FailureKind, Method, ProcessFailure, ProcessOutcome, ProcessRun
from bench.schedule import HASH_SEEDS

_HOME = str(Path(__file__).resolve().parents[1])
_BOOT = (
    f"import sys; sys.path.insert(0, {_HOME!r}); from bench.measure.worker import main; "
    f"sys.path.remove({_HOME!r}); main()"
)
_KEPT_OUTPUT = 16_384
_LARGEST_ANSWER = 64 * 1024 * 1024
_ORPHAN_GRACE_S = 10.0
_FAREWELL_S = 1.0
"""A worker that has answered ends at once; one that does not (its benchmark forked) is killed after this."""
_ONE_SEED = frozenset({"peak", "retained"})


@dataclass(frozen=True, slots=True)
class Task:
    """One process to measure: metric, process index (which chooses the hash seed), and how.

    ``duration_s`` is the time of alternating blocks; ``method`` repeats what the baseline or the first
    process used; ``slowdown`` makes the worker run k(1+e) calls and report them as k.
    """

    metric: str
    process: int
    duration_s: float = 0.22
    method: Method | None = None
    slowdown: float = 0.0


def hash_seed_of(task: Task) -> int:
    """Process k runs under seed k; memory under one seed, so that its processes can agree to the byte."""
    process = 0 if task.metric in _ONE_SEED else task.process
    return HASH_SEEDS[process % len(HASH_SEEDS)]


@dataclass(frozen=True, slots=True)
class Collection:
    """What the suites hold: cases, what could not be imported, and where the subject was seen."""

    specs: tuple[BenchmarkSpec, ...] = ()
    problems: tuple[ProcessFailure, ...] = ()
    subject_files: tuple[tuple[str, str], ...] = ()


class Executor(Protocol):
    """Collects suites and measures single processes."""

    def collect(self, suites: Sequence[Path]) -> Collection:
        """Import every suite in a worker of its own; also leaves byte code behind for the measurement."""
        ...

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        """Measure one process of one benchmark; a failure is a result, never an exception."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    message: dict[str, Any] | None
    output: str
    returncode: int | None
    timed_out: bool


@dataclass(frozen=True)
class IsolatedExecutor:
    """Real workers. ``roots`` binds subjects to folders; ``watch`` names those that are only reported."""

    root: Path
    roots: Mapping[str, str] = field(default_factory=dict)
    watch: Sequence[str] = ()
    cpu: int | None = None
    collect_timeout_s: float = 60.0
    environ: Mapping[str, str] | None = None

    def collect(self, suites: Sequence[Path]) -> Collection:
        """See :class:`Executor`."""
        specs: list[BenchmarkSpec] = []
        problems: list[ProcessFailure] = []
        files: dict[str, str] = {}
        for suite in suites:
            id_path = relative_id(suite, self.root)
            answer = self._ask(
                {"mode": "collect", "suite": str(suite), "id_path": id_path}, 0, self.collect_timeout_s
            )
            body = _body(answer)
            if isinstance(body, str):
                problems.append(_failure(id_path, "collect", 0, answer, body))
                continue
            specs.extend(_spec(item) for item in body["specs"])
            files.update(dict(body["subject_files"]))
        return Collection(tuple(specs), tuple(problems), tuple(sorted(files.items())))

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        """See :class:`Executor`."""
        request = {
            "mode": task.metric,
            "suite": str(self.root / spec.path),
            "id_path": spec.path,
            "function": spec.function,
            "case": spec.case,
            "duration_s": task.duration_s,
            "method": task.method.value if task.method else None,
            "slowdown": task.slowdown,
        }
        started = time.monotonic()
        answer = self._ask(request, hash_seed_of(task), spec.timeout_s)
        body = _body(answer)
        if isinstance(body, str):
            return _failure(spec.id, task.metric, task.process, answer, body)
        return self._run(spec, task, body, time.monotonic() - started)

    def _run(self, spec: BenchmarkSpec, task: Task, body: dict[str, Any], elapsed: float) -> ProcessOutcome:
        try:
            run = ProcessRun(
                benchmark=spec.id,
                metric=task.metric,
                process=task.process,
                hash_seed=hash_seed_of(task),
                method=Method(body["method"]),
                blocks=tuple(
                    Block(float(s), float(r))
                    for s, r in body.get("pairs", ())
                    if 0 < s < math.inf and 0 < r < math.inf
                ),
                values=tuple(float(value) for value in body.get("values", ()) if math.isfinite(value)),
                loops=int(body.get("loops", 1)),
                reference_loops=int(body.get("reference_loops", 1)),
                warmup_calls=int(body.get("warmup_calls", 0)),
                cpu=self.cpu,
                empty_loop_share=float(body.get("empty_loop_share", 0.0)),
                cpu_share=float(body.get("cpu_share", 1.0)),
                duration_s=elapsed,
                subject_files=tuple((str(name), str(file)) for name, file in body["subject_files"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            text = f"the worker's answer is not what it should be: {error!r}"
            return ProcessFailure(spec.id, task.metric, task.process, FailureKind.NO_SAMPLES, text)
        if not run.blocks and not run.values:
            text = "no usable sample: every timed block was shorter than the clock can tell"
            return ProcessFailure(spec.id, task.metric, task.process, FailureKind.NO_SAMPLES, text)
        return run

    def _ask(self, request: dict[str, Any], hash_seed: int, timeout_s: float) -> _Answer:
        request |= {"roots": dict(self.roots), "watch": list(self.watch), "cpu": self.cpu}
        request |= {"alarm_s": timeout_s + _ORPHAN_GRACE_S, "parent": os.getpid()}
        read_end, write_end = os.pipe()
        try:
            process = self._spawn(write_end, hash_seed)
        except OSError as error:
            os.close(read_end)
            raise MeasurementError(f"no worker process could be started: {error}") from error
        finally:
            os.close(write_end)
        try:
            return _converse(process, read_end, json.dumps(request).encode(), timeout_s)
        finally:
            _end(process)
            os.close(read_end)

    def _spawn(self, write_end: int, hash_seed: int) -> subprocess.Popen[bytes]:
        environ = {**(os.environ if self.environ is None else self.environ), "PYTHONHASHSEED": str(hash_seed)}
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
            cwd=self.root,
            env=environ,
            start_new_session=True,
        )


def _converse(process: subprocess.Popen[bytes], read_end: int, request: bytes, timeout_s: float) -> _Answer:
    """Send the request; collect answer and output until it is whole, the worker ends, or time is up."""
    if process.stdin is None or process.stdout is None:
        raise MeasurementError("the worker was started without its pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.close()
    gathered = _gather(process.stdout, read_end, time.monotonic() + timeout_s)
    gathered.output = (gathered.output + _already_written(process.stdout))[-_KEPT_OUTPUT:]
    late = gathered.late
    returncode = None
    if not late:
        try:
            returncode = process.wait(timeout=_ORPHAN_GRACE_S if gathered.message is None else _FAREWELL_S)
        except subprocess.TimeoutExpired:
            late = gathered.message is None
    return _Answer(_decode(gathered.message), gathered.output.decode("utf-8", "replace"), returncode, late)


@dataclass(slots=True)
class _Gathered:
    message: bytes | None = None
    output: bytes = b""
    late: bool = False


def _gather(output: IO[bytes], read_end: int, deadline: float) -> _Gathered:
    """Read both pipes; a whole answer ends it, even if a process left behind still holds the pipes open."""
    gathered = _Gathered()
    received = b""
    with selectors.DefaultSelector() as selector:
        selector.register(read_end, selectors.EVENT_READ)
        selector.register(output, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                gathered.late = True
                return gathered
            for key, _ in ready:
                chunk = os.read(key.fd, 65_536)
                if not chunk:
                    selector.unregister(key.fileobj)
                    if key.fd == read_end:
                        return gathered
                elif key.fd == read_end:
                    received += chunk
                    gathered.message = _whole(received)
                    if gathered.message is not None:
                        return gathered
                else:
                    gathered.output = (gathered.output + chunk)[-_KEPT_OUTPUT:]
    return gathered


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


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the worker's process group and reap it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()


def _body(answer: _Answer) -> dict[str, Any] | str:
    """The measurement, or the words for why there is none."""
    message = answer.message or {}
    if isinstance(message.get("ok"), dict):
        return dict(message["ok"])
    error = message.get("error")
    if isinstance(error, dict):
        return str(error.get("message", "unknown error"))
    if answer.timed_out:
        return "no answer within its time-out; work that long needs @benchmark(timeout=SECONDS)"
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


def _failure(benchmark: str, metric: str, process: int, answer: _Answer, text: str) -> ProcessFailure:
    error = (answer.message or {}).get("error")
    kind = FailureKind.TIMED_OUT if answer.timed_out else FailureKind.CRASHED
    if isinstance(error, dict) and error.get("kind") in set(FailureKind):
        kind = FailureKind(error["kind"])
    return ProcessFailure(benchmark, metric, process, kind, text, answer.output[-4_000:])


def _spec(item: dict[str, Any]) -> BenchmarkSpec:
    item["params"] = tuple((str(key), str(value)) for key, value in item["params"])
    item["budgets"] = tuple(str(text) for text in item["budgets"])
    return BenchmarkSpec(**item)


class FakeExecutor:
    """Replays recorded outcomes: ``outcome(spec, task)`` answers, ``asked`` remembers the order."""

    def __init__(
        self,
        specs: Iterable[BenchmarkSpec],
        outcome: Callable[[BenchmarkSpec, Task], ProcessOutcome],
        problems: Iterable[ProcessFailure] = (),
    ) -> None:
        self.collection = Collection(tuple(specs), tuple(problems))
        self.asked: list[tuple[str, Task]] = []
        self._outcome = outcome

    def collect(self, suites: Sequence[Path]) -> Collection:  # noqa: ARG002
        """The specs it was built with, whatever the files."""
        return self.collection

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        """What ``outcome`` says."""
        self.asked.append((spec.id, task))
        return self._outcome(spec, task)
