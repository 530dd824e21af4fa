"""``trace_memory_allocations``: the Python memory of a piece of work, at its peak, after it, and where.

tracemalloc is one tracer with one peak for the whole process. :class:`AllocationMeter` shares it: meters may
nest and overlap, each keeps the peak that it saw itself, and the tracer is stopped by the last one if the
first one started it. Memory of other threads is counted too.
"""

from __future__ import annotations

import functools
import gc
import inspect
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TextIO, overload

from bench.profiling.wrapping import Function, switched_off
from bench.record import Record
from bench.text import printable

_active: list[AllocationMeter] = []
_ours: list[bool] = []


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """A line and what it allocated that was still held at the end: bytes and blocks."""

    file: str
    line: int
    size_bytes: int
    blocks: int


@dataclass(frozen=True, slots=True, eq=False)
class AllocationTrace(Record):
    """Python memory of a piece of work, in bytes above what was held when it began.

    ``current_bytes``: still held at the end (negative if more was freed than taken). ``peak_bytes``: the most
    at any moment. ``sites``: the lines that hold most of what is left, largest first.
    """

    name: str
    current_bytes: int
    peak_bytes: int
    sites: tuple[AllocationSite, ...]

    def report(self, file: TextIO | None = None) -> None:
        """Print peak, rest and sites to ``file``, standard output by default."""
        from tabulate import tabulate  # noqa: PLC0415  -- only needed to print

        held, peak = self.current_bytes / 1024, self.peak_bytes / 1024
        lines = [f"allocations of {printable(self.name)}: peak {peak:,.1f} KiB, still held {held:,.1f} KiB"]
        if self.sites:
            rows = [
                [f"{site.size_bytes / 1024:,.1f}", str(site.blocks), printable(f"{site.file}:{site.line}")]
                for site in self.sites
            ]
            headers = ["held KiB", "blocks", "allocated at"]
            align = ("right", "right", "left")
            lines.append(tabulate(rows, headers=headers, colalign=align, disable_numparse=True))
        print("\n".join(lines), file=file)


class AllocationMeter:
    """Reads tracemalloc over the length of a ``with``: ``current_bytes`` and ``peak_bytes`` above the start.

    ``limit`` asks for that many ``sites``. Beginning a meter restarts tracemalloc's own peak.
    """

    def __init__(self, limit: int = 0) -> None:
        self.current_bytes = 0
        self.peak_bytes = 0
        self.sites: tuple[AllocationSite, ...] = ()
        self._limit = limit
        self._before: tracemalloc.Snapshot | None = None
        self._start = 0
        self._seen = 0
        self._noted = False

    def __enter__(self) -> Self:
        gc.collect()
        if not _active:
            _ours.append(not tracemalloc.is_tracing())
            if _ours[0]:
                tracemalloc.start()
        if self._limit and not (_ours[0] and not _active):
            self._before = tracemalloc.take_snapshot()
        _share_peak()
        _active.append(self)
        self._start = self._seen = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note_peak()
        self.current_bytes = tracemalloc.get_traced_memory()[0] - self._start
        self.peak_bytes = max(self.peak_bytes, self.current_bytes)
        if self._limit:
            self.sites = _largest_sites(self._before, self._limit)
            self._before = None
        _active.remove(self)
        if not _active and _ours.pop():
            tracemalloc.stop()

    def note_peak(self) -> None:
        """Fix the peak reached so far; what follows until the end no longer raises it."""
        if not self._noted:
            self._noted = True
            _share_peak()
            self.peak_bytes = max(self._seen - self._start, 0)


class MemoryTrace:
    """What ``with trace_memory_allocations() as trace`` gives: ``trace.result`` once the block has ended.

    ``current_bytes``, ``peak_bytes`` and ``sites`` are those of the result. Usable once.
    """

    def __init__(self, name: str, limit: int, publish: Callable[[AllocationTrace], None]) -> None:
        self._name = name
        self._publish = publish
        self._meter = AllocationMeter(limit)
        self._result: AllocationTrace | None = None

    @property
    def result(self) -> AllocationTrace:
        """The finished trace; RuntimeError while the block still runs."""
        if self._result is None:
            raise RuntimeError("the trace is complete when its with block has ended; read it after that")
        return self._result

    @property
    def current_bytes(self) -> int:
        """Still held at the end of the block."""
        return self.result.current_bytes

    @property
    def peak_bytes(self) -> int:
        """The most held at any moment of the block."""
        return self.result.peak_bytes

    @property
    def sites(self) -> tuple[AllocationSite, ...]:
        """The lines that hold most of what is left."""
        return self.result.sites

    def __enter__(self) -> Self:
        self._meter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        meter = self._meter
        meter.note_peak()
        gc.collect()
        meter.__exit__(kind, error, trace)
        self._result = AllocationTrace(self._name, meter.current_bytes, meter.peak_bytes, meter.sites)
        self._publish(self._result)


@overload
def trace_memory_allocations(function: Function, /) -> Function: ...
@overload
def trace_memory_allocations(
    *,
    limit: int = 10,
    file: TextIO | None = None,
    callback: Callable[[AllocationTrace], None] | None = None,
) -> TracedWork: ...


def trace_memory_allocations(
    function: Function | None = None,
    /,
    *,
    limit: int = 10,
    file: TextIO | None = None,
    callback: Callable[[AllocationTrace], None] | None = None,
) -> Function | TracedWork:
    """Trace the Python memory of a block or of every call of a function, through tracemalloc.

    As a context manager it gives a :class:`MemoryTrace` and prints only if ``file`` is given. As a decorator,
    with or without arguments, it keeps the :class:`AllocationTrace` of the last call on the wrapper as
    ``last_trace`` and hands it to ``callback``, else prints it to ``file`` (standard output by default). A
    generator or async function is traced from its first step to its last, with what others allocate
    meanwhile.
    ``limit`` is how many sites are kept. ``BENCH_GUARD_PROFILE=0`` at decoration returns the function itself.

    >>> with trace_memory_allocations() as trace:
    ...     kept = bytearray(1_000_000)
    >>> trace.peak_bytes >= 1_000_000
    True
    """
    if limit < 0:
        raise ValueError(f"limit must be 0 or more, got {limit!r}")
    work = TracedWork(limit, file, callback)
    return work if function is None else work(function)


class TracedWork:
    """What ``trace_memory_allocations()`` returns: a context manager that is a decorator too."""

    def __init__(
        self, limit: int, file: TextIO | None, callback: Callable[[AllocationTrace], None] | None
    ) -> None:
        self._limit = limit
        self._file = file
        self._callback = callback
        self._entered: list[MemoryTrace] = []

    def __enter__(self) -> MemoryTrace:
        self._entered.append(MemoryTrace("block", self._limit, self._publish_block))
        return self._entered[-1].__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop().__exit__(kind, error, trace)

    def __call__(self, function: Function) -> Function:
        """Decorate ``function``."""
        if switched_off():
            return function

        def publish(result: AllocationTrace) -> None:
            wrapper.last_trace = result
            if self._callback is None:
                result.report(self._file)
            else:
                self._callback(result)

        wrapper: Any = _traced(function, lambda: MemoryTrace(function.__qualname__, self._limit, publish))
        wrapper.last_trace = None
        return wrapper  # type: ignore[no-any-return]

    def _publish_block(self, result: AllocationTrace) -> None:
        if self._callback is not None:
            self._callback(result)
        elif self._file is not None:
            result.report(self._file)


def _traced(function: Callable[..., Any], begin: Callable[[], MemoryTrace]) -> Callable[..., Any]:
    """Wrap ``function`` so that each call, to its very end, is one trace."""
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def over_items(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            with begin():
                async for item in function(*args, **kwargs):
                    yield item

        return over_items
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with begin():
                return await function(*args, **kwargs)

        return awaited
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def iterated(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with begin():
                return (yield from function(*args, **kwargs))

        return iterated

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return function(*args, **kwargs)

    return called


def _largest_sites(before: tracemalloc.Snapshot | None, limit: int) -> tuple[AllocationSite, ...]:
    """The ``limit`` lines whose held memory grew most since ``before`` (since tracing began with None)."""
    ignored = [
        tracemalloc.Filter(inclusive=False, filename_pattern=name)
        for name in (tracemalloc.__file__, __file__)
    ]
    now = tracemalloc.take_snapshot().filter_traces(ignored)
    if before is None:
        found = [(stat.traceback[0], stat.size, stat.count) for stat in now.statistics("lineno")]
    else:
        changes = now.compare_to(before.filter_traces(ignored), "lineno")
        found = [(diff.traceback[0], diff.size_diff, diff.count_diff) for diff in changes]
    found = sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])[:limit]
    return tuple(AllocationSite(frame.filename, frame.lineno, size, blocks) for frame, size, blocks in found)


def _share_peak() -> None:
    """Tell every running meter the tracer's peak, then let the tracer begin a new one."""
    if not tracemalloc.is_tracing():
        return
    peak = tracemalloc.get_traced_memory()[1]
    for meter in _active:
        meter._seen = max(meter._seen, peak)  # noqa: SLF001  -- meters share one tracer
    tracemalloc.reset_peak()
