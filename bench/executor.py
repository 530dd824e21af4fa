"""[edge] One fresh process for every measurement, and a fake that replays recorded ones."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.discovery import relative_id
from bench.model import BenchmarkSpec, Block, FailureKind, Method, ProcessFailure, ProcessOutcome, ProcessRun
from bench.schedule import HASH_SEEDS
from bench.workers import ORPHAN_GRACE_S, Answer, Place, Worker, body, hear_out, start

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


@dataclass(frozen=True)
class IsolatedExecutor:
    """Real workers. ``roots`` binds subjects to folders; ``watch`` names those that are only reported.

    Below ``untouched`` workers write no byte code.
    """

    root: Path
    roots: Mapping[str, str] = field(default_factory=dict)
    watch: Sequence[str] = ()
    cpu: int | None = None
    collect_timeout_s: float = 60.0
    environ: Mapping[str, str] | None = None
    python: str = sys.executable
    untouched: Path | None = None

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
            told = body(answer)
            if isinstance(told, str):
                problems.append(failure_of(id_path, Task("collect", 0), answer, told))
                continue
            specs.extend(_spec(item) for item in told["specs"])
            files.update(dict(told["subject_files"]))
        return Collection(tuple(specs), tuple(problems), tuple(sorted(files.items())))

    def measure(self, spec: BenchmarkSpec, task: Task) -> ProcessOutcome:
        """See :class:`Executor`."""
        started = time.monotonic()
        answer = self._ask(self.request(spec, task), hash_seed_of(task), spec.timeout_s)
        told = body(answer)
        if isinstance(told, str):
            return failure_of(spec.id, task, answer, told)
        return process_run(spec, task, {"pairs": (), **told}, self.cpu, time.monotonic() - started)

    def request(self, spec: BenchmarkSpec, task: Task) -> dict[str, Any]:
        """What a worker is asked in order to measure one process."""
        return {
            "mode": task.metric,
            "suite": str(self.root / spec.path),
            "id_path": spec.path,
            "function": spec.function,
            "case": spec.case,
            "duration_s": task.duration_s,
            "method": task.method.value if task.method else None,
            "slowdown": task.slowdown,
        }

    def start(
        self,
        request: Mapping[str, Any],
        hash_seed: int,
        timeout_s: float,
        passed: Sequence[int] = (),
        cpus: Sequence[int] = (),
    ) -> Worker:
        """Start a worker of this side with a request; it inherits the descriptors ``passed``.

        It begins on ``cpus``, on the one to measure on unless they are given.
        """
        own = () if self.cpu is None else (self.cpu,)
        bound = {"roots": dict(self.roots), "watch": list(self.watch)}
        bound |= {"untouched": str(self.untouched)} if self.untouched else {}
        whole = {**request, **bound, "alarm_s": timeout_s + ORPHAN_GRACE_S}
        place = Place(self.root, cpus or own, self.python, self.environ)
        return start(place, whole, hash_seed, passed)

    def _ask(self, request: dict[str, Any], hash_seed: int, timeout_s: float) -> Answer:
        return hear_out([self.start(request, hash_seed, timeout_s)], timeout_s)[0]


def process_run(
    spec: BenchmarkSpec, task: Task, told: Mapping[str, Any], cpu: int | None, elapsed: float
) -> ProcessOutcome:
    """The answer of a worker as a run; a failure where it is not what it should be, or holds no sample."""
    try:
        run = ProcessRun(
            benchmark=spec.id,
            metric=task.metric,
            process=task.process,
            hash_seed=hash_seed_of(task),
            method=Method(told["method"]),
            blocks=tuple(
                Block(float(s), float(r)) for s, r in told["pairs"] if 0 < s < math.inf and 0 < r < math.inf
            ),
            values=tuple(float(value) for value in told.get("values", ()) if math.isfinite(value)),
            loops=int(told.get("loops", 1)),
            reference_loops=int(told.get("reference_loops", 1)),
            warmup_calls=int(told.get("warmup_calls", 0)),
            cpu=cpu,
            empty_loop_share=float(told.get("empty_loop_share", 0.0)),
            cpu_share=float(told.get("cpu_share", 1.0)),
            duration_s=elapsed,
            subject_files=tuple((str(name), str(file)) for name, file in told["subject_files"]),
            host=tuple(float(reading) for reading in told.get("host", ()) if 0 < reading < math.inf),
        )
    except (KeyError, TypeError, ValueError) as error:
        text = f"the worker's answer is not what it should be: {error!r}"
        return ProcessFailure(spec.id, task.metric, task.process, FailureKind.NO_SAMPLES, text)
    if not run.blocks and not run.values:
        text = "no usable sample: every timed block was shorter than the clock can tell"
        return ProcessFailure(spec.id, task.metric, task.process, FailureKind.NO_SAMPLES, text)
    return run


def failure_of(benchmark: str, task: Task, answer: Answer, text: str) -> ProcessFailure:
    """Why a worker gave no measurement, with the end of what it printed."""
    error = (answer.message or {}).get("error")
    kind = FailureKind.TIMED_OUT if answer.timed_out else FailureKind.CRASHED
    if isinstance(error, dict) and error.get("kind") in set(FailureKind):
        kind = FailureKind(error["kind"])
    return ProcessFailure(benchmark, task.metric, task.process, kind, text, answer.output[-4_000:])


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
