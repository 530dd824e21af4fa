"""[edge] The child process: reads one request, measures one benchmark (or collects one suite), answers once.

The request is JSON on standard input, the answer JSON on a pipe of its own whose descriptor is the only
argument, so nothing that the subject prints can be mistaken for a result.

Request keys: ``mode`` (``collect``, ``time``, ``p95``, ``p99``, ``peak``, ``rss``), ``suite`` (path),
``id_path``, ``function``, ``case``, ``roots`` (bound subjects), ``watch`` (unbound subjects to report),
``untouched`` (a folder to write no byte code to), ``alarm_s``, ``duration_s``, ``method``, ``slowdown``; for
one side of a pair also ``link`` (a descriptor), ``leads`` (whether it begins), ``slowed`` (whether the
slowdown is its own) and ``cpu`` (to move to once everything is imported).
Answer: ``{"ok": ...}`` or ``{"error": {"kind", "message", "partner"}}``; ``partner`` is ``ended`` or ``late``
where the other side of a pair is to blame, null elsewhere.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.authoring import ATTRIBUTE, Declaration
from bench.errors import BenchGuardError, SubjectError
from bench.measure.link import Link, PartnerLost
from bench.measure.loading import leave_untouched, load_suite
from bench.measure.target import Target, make_target
from bench.methods import FailureKind, Method
from bench.subject import bind, prove, whereabouts

if TYPE_CHECKING:
    from bench.measure.meters.time import TimeTask


class WorkerFailure(Exception):  # noqa: N818  -- carries a FailureKind; never leaves the worker
    """What the parent is told when there is no measurement."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main() -> None:
    """Serve one request and exit without running the subject's exit handlers."""
    answer_to = int(sys.argv[1])
    request = json.loads(sys.stdin.buffer.read())
    _detach_input()
    me = os.getpid()
    _die_with_parent(int(request.get("parent", 0)))
    _set_alarm(float(request.get("alarm_s", 0)))
    answer = _answer(request)
    if os.getpid() != me and "error" not in answer:  # a forked child that came back must not answer twice
        os._exit(0)
    sys.stdout.flush()
    sys.stderr.flush()
    _send(answer_to, json.dumps(answer).encode())
    os._exit(0)


def _detach_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _die_with_parent(parent: int) -> None:
    """Ask Linux for SIGKILL when the guard dies (prctl(2), PR_SET_PDEATHSIG): kill -9 leaves no worker."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415  -- 3 ms, and only here

    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    if parent and os.getppid() != parent:  # it died before the request
        os._exit(0)


def _set_alarm(alarm_s: float) -> None:
    if alarm_s > 0 and hasattr(signal, "setitimer"):
        # The parent kills a worker that is late; this is for the case that the parent itself was killed.
        signal.setitimer(signal.ITIMER_REAL, alarm_s)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": _serve(request)}
    except WorkerFailure as failure:
        import traceback  # noqa: PLC0415  -- 5 ms that a measurement need not wait for

        traceback.print_exception(failure.__cause__ or failure)
        cause = failure.__cause__
        lost = ("late" if cause.late else "ended") if isinstance(cause, PartnerLost) else None
        return {"error": {"kind": failure.kind.value, "message": str(failure), "partner": lost}}
    except BenchGuardError as error:
        kind = FailureKind.FOREIGN if isinstance(error, SubjectError) else FailureKind.IMPORT
        return {"error": {"kind": kind.value, "message": str(error)}}


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    roots: dict[str, str] = request.get("roots", {})
    bind(roots)
    if request.get("untouched"):
        leave_untouched(Path(request["untouched"]))
    path = Path(request["suite"])
    module = _imported(path)
    if request["mode"] == "collect":
        from bench.discovery import specs_of  # noqa: PLC0415  -- reads source texts, which no other mode does

        specs = [asdict(spec) for spec in specs_of(module, request["id_path"])]
        return {"specs": specs, "subject_files": _files(request, roots)}
    measured = _measured(request, module)
    return {**measured, "subject_files": _files(request, roots)}


def _files(request: dict[str, Any], roots: dict[str, str]) -> list[tuple[str, str]]:
    return [*prove(roots), *whereabouts(request.get("watch", []))]


def _imported(path: Path) -> ModuleType:
    try:
        return load_suite(path)
    except BenchGuardError:
        raise
    except BaseException as error:  # a suite is foreign code: SystemExit and friends end the import too
        raise WorkerFailure(FailureKind.IMPORT, f"{path.name} does not import: {describe(error)}") from error


def _measured(request: dict[str, Any], module: ModuleType) -> dict[str, Any]:
    function = getattr(module, request["function"])
    declaration: Declaration = getattr(function, ATTRIBUTE)
    try:
        target = make_target(function, declaration, int(request["case"]))
        try:
            return _meter(request, target)
        finally:
            target.close()
    except BaseException as error:  # the benchmark is foreign code: it may raise SystemExit or worse
        raise WorkerFailure(FailureKind.RAISED, describe(error)) from error


def _meter(request: dict[str, Any], target: Target) -> dict[str, Any]:
    mode = request["mode"]
    if "link" in request:
        return _half_of_pair(request, target)
    if mode in {"peak", "rss"}:
        from bench.measure.meters import memory  # noqa: PLC0415  -- each pass loads its own meter only

        value = memory.measure_peak(target) if mode == "peak" else memory.measure_rss(target)
        return {"method": Method.SINGLE.value, "values": [value]}
    if mode in {"p95", "p99"}:
        from bench.measure.meters import tails  # noqa: PLC0415

        return _as_answer(tails.measure_tails(target, mode))
    from bench.measure.meters import time as timing  # noqa: PLC0415

    return _as_answer(timing.measure_time(target, _time_task(request)))


def _half_of_pair(request: dict[str, Any], target: Target) -> dict[str, Any]:
    from bench.measure.meters import paired  # noqa: PLC0415

    if request.get("cpu") is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(request["cpu"])})
    link = Link(int(request["link"]))
    half = paired.measure_half(
        target,
        _time_task(request),
        request["mode"],
        link,
        leads=bool(request["leads"]),
        slowed=bool(request["slowed"]),
    )
    return _as_answer(half)


def _time_task(request: dict[str, Any]) -> TimeTask:
    from bench.measure.meters.time import TimeTask  # noqa: PLC0415

    method = Method(request["method"]) if request.get("method") else None
    return TimeTask(float(request["duration_s"]), method, float(request.get("slowdown", 0.0)))


def _as_answer(samples: Any) -> dict[str, Any]:
    answer = asdict(samples)
    answer["method"] = samples.method.value
    return answer


def describe(error: BaseException) -> str:
    """One line: ``ZeroDivisionError: division by zero (bench_x.py:12)``, with the innermost frame."""
    import traceback  # noqa: PLC0415

    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}:{error.lineno})"
    lines = traceback.format_exception_only(error)
    return f"{lines[-1].strip()}{place}"


def _send(descriptor: int, data: bytes) -> None:
    view = memoryview(len(data).to_bytes(8, "big") + data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
