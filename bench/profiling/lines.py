"""``@profile_memory``: the resident memory after every line of a function, through memory-profiler.

Resident memory is what the operating system sees: it grows by pages and rarely shrinks, so only lines that
take much are visible. For small or short-lived objects use :func:`bench.trace_memory_allocations`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO, overload

from bench.profiling.wrapping import Function, run_stepwise, switched_off
from bench.record import Record
from bench.text import printable


@dataclass(frozen=True, slots=True)
class Line:
    """One source line that ran.

    ``memory_mib``: most resident memory seen after it. ``increment_mib``: growth over all its runs.
    ``occurrences``: how often it ran.
    """

    line: int
    source: str
    memory_mib: float
    increment_mib: float
    occurrences: int


@dataclass(frozen=True, slots=True, eq=False)
class LineMemory(Record):
    """Memory line by line over one call; ``start_mib`` is what the process held when it began."""

    function: str
    file: str
    start_mib: float
    lines: tuple[Line, ...]

    def report(self, file: TextIO | None = None) -> None:
        """Print the lines that ran to ``file``, standard output by default."""
        from tabulate import tabulate  # noqa: PLC0415  -- only needed to print

        rows = [
            [
                str(row.line),
                f"{row.memory_mib:.1f}",
                f"{row.increment_mib:+.1f}",
                str(row.occurrences),
                "| " + printable(row.source),
            ]
            for row in self.lines
        ]
        headers = ["line", "memory MiB", "growth MiB", "runs", "source"]
        align = ("right", "right", "right", "right", "left")
        table = tabulate(rows, headers=headers, colalign=align if rows else None, disable_numparse=True)
        where = printable(f"{self.function} in {self.file}")
        print(f"memory of {where}, {self.start_mib:.1f} MiB at the start\n{table}", file=file)


@overload
def profile_memory(function: Function, /) -> Function: ...
@overload
def profile_memory(
    *, file: TextIO | None = None, callback: Callable[[LineMemory], None] | None = None
) -> Callable[[Function], Function]: ...


def profile_memory(
    function: Function | None = None,
    /,
    *,
    file: TextIO | None = None,
    callback: Callable[[LineMemory], None] | None = None,
) -> Function | Callable[[Function], Function]:
    """Record memory after every line of a function, at every call; any kind of function.

    After a call the :class:`LineMemory` is on the wrapper as ``last_profile`` and handed to ``callback``;
    without one it is printed to ``file``, standard output by default. Every line costs about 0.1 ms, and a
    debugger or coverage tracer is suspended inside. A recursive call is part of the outermost one.
    ``BENCH_GUARD_PROFILE=0`` at decoration returns the function itself. Raises ValueError for a function
    whose source cannot be found, such as a built-in one.
    """

    def decorate(target: Function) -> Function:
        if switched_off():
            return target
        inner = inspect.unwrap(target)
        source = _source_lines(inner)

        def publish(profile: LineMemory) -> None:
            wrapper.last_profile = profile
            if callback is None:
                profile.report(file)
            else:
                callback(profile)

        running: list[_LineSession] = []
        wrapper: Any = run_stepwise(target, lambda: _LineSession(inner, source, running, publish))
        wrapper.last_profile = None
        return wrapper  # type: ignore[no-any-return]

    return decorate if function is None else decorate(function)


class _LineSession:
    """One call under its own line profiler; a recursive call leaves the work to the outermost session."""

    def __init__(
        self,
        function: Any,
        source: dict[int, str],
        running: list[_LineSession],
        publish: Callable[[LineMemory], None],
    ) -> None:
        from memory_profiler import LineProfiler  # noqa: PLC0415  -- costs 50 ms and is rarely needed

        self._function = function
        self._source = source
        self._running = running
        self._publish = publish
        self._profiler = LineProfiler(backend="psutil")
        self._profiler.add_function(function)
        self._suspended: Any = None
        self._measured = False

    def __enter__(self) -> None:
        self._running.append(self)
        if len(self._running) == 1:
            self._measured = True
            # memory-profiler would hand every event on to the tracer before it, and one written in C, such
            # as coverage's, would then put itself back in its place
            self._suspended = sys.gettrace()
            sys.settrace(None)
            self._profiler.enable_by_count()  # pragma: no cover  -- coverage's tracer is suspended

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if len(self._running) == 1:  # pragma: no cover  -- coverage's tracer is suspended
            self._profiler.disable_by_count()
            sys.settrace(self._suspended)
        self._running.pop()  # pragma: no cover

    def finish(self) -> None:
        if self._measured:
            self._publish(
                _digest(self._function, self._source, self._profiler.code_map[self._function.__code__])
            )


def _source_lines(function: Any) -> dict[int, str]:
    """Line number -> text of a function's source."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        name = getattr(function, "__qualname__", repr(function))
        raise ValueError(
            f"profile_memory needs the source of {printable(name)}, which cannot be found; "
            "define it in a file (use trace_memory_allocations for anything else)"
        ) from None
    return {first + offset: line.rstrip("\n") for offset, line in enumerate(lines)}


def _digest(
    function: Any, source: dict[int, str], measured: dict[int, tuple[float, float, int]]
) -> LineMemory:
    """Turn memory-profiler's table, line -> (growth, most memory, runs), into ours.

    Its first entry stands for the call itself: the memory at the start, told as growth from nothing.
    """
    entry = min(measured, default=0)
    start = measured[entry][1] if measured else 0.0
    rows = [
        Line(line, source.get(line, ""), most, growth, runs)
        for line, (growth, most, runs) in sorted(measured.items())
        if line != entry
    ]
    return LineMemory(function.__qualname__, function.__code__.co_filename, start, tuple(rows))
