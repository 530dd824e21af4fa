"""``@profile_function``: where the time of a call goes, function by function, through cProfile."""

from __future__ import annotations

import cProfile
import pstats
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO, overload

from bench.profiling.wrapping import Function, ProfilingWarning, run_stepwise, switched_off
from bench.record import Record
from bench.text import printable

SORTS = ("cumulative", "own", "calls", "name")

_KEYS: dict[str, Callable[[FunctionCost], Any]] = {
    "cumulative": lambda row: -row.cumulative_s,
    "own": lambda row: -row.own_s,
    "calls": lambda row: -row.calls,
    "name": lambda row: (row.function, row.file, row.line),
}

_HERE = PurePath(__file__).parent

_only_one = threading.Lock()
_holder: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """One function in a profile.

    ``calls`` counts all calls, ``primitive_calls`` those that were not recursive; ``own_s`` is time in the
    function itself, ``cumulative_s`` with everything it called. ``file`` is ``~`` for built-in functions.
    """

    function: str
    file: str
    line: int
    calls: int
    primitive_calls: int
    own_s: float
    cumulative_s: float


@dataclass(frozen=True, slots=True, eq=False)
class FunctionProfile(Record):
    """The profile of one call: all functions that ran, in the order asked for."""

    function: str
    calls: int
    total_s: float
    rows: tuple[FunctionCost, ...]

    def report(self, file: TextIO | None = None, limit: int | None = 10) -> None:
        """Print the first ``limit`` functions (all with None) to ``file``, standard output by default."""
        from tabulate import tabulate  # noqa: PLC0415  -- only needed to print

        shown = self.rows if limit is None else self.rows[:limit]
        table = [
            [_calls(row), f"{row.own_s * 1e3:.3f}", f"{row.cumulative_s * 1e3:.3f}", _place(row)]
            for row in shown
        ]
        headers = ["calls", "own ms", "cumulative ms", "function"]
        lines = [f"profile of {printable(self.function)}: {self.calls} calls in {self.total_s * 1e3:.3f} ms"]
        if len(shown) < len(self.rows):
            lines[0] += f", the first {len(shown)} of {len(self.rows)} functions"
        lines.append(tabulate(table, headers=headers, stralign="right", disable_numparse=True))
        print("\n".join(lines), file=file)


@overload
def profile_function(function: Function, /) -> Function: ...
@overload
def profile_function(
    *,
    sort: str = "cumulative",
    limit: int | None = 10,
    file: TextIO | None = None,
    callback: Callable[[FunctionProfile], None] | None = None,
) -> Callable[[Function], Function]: ...


def profile_function(
    function: Function | None = None,
    /,
    *,
    sort: str = "cumulative",
    limit: int | None = 10,
    file: TextIO | None = None,
    callback: Callable[[FunctionProfile], None] | None = None,
) -> Function | Callable[[Function], Function]:
    """Profile every call of a function with cProfile; plain, generator, async and async generator functions.

    After a call, also one that raised, the :class:`FunctionProfile` is on the wrapper as ``last_profile`` and
    is handed to ``callback``; without one, its first ``limit`` functions by ``sort`` (``cumulative``,
    ``own``,
    ``calls`` or ``name``) are printed to ``file``, standard output by default.

    cProfile knows one profile at a time. A profiled function called by a profiled one, itself included, is
    part of the outer profile. While another thread or another tool profiles, a call runs unprofiled, with a
    :class:`ProfilingWarning`. With ``BENCH_GUARD_PROFILE=0`` in the environment at decoration the function
    itself is returned, at no cost. Raises ValueError for an unknown ``sort`` or a ``limit`` below 1.

    >>> @profile_function(sort="own", callback=lambda profile: print(profile.function))
    ... def total(n):
    ...     return sum(range(n))
    >>> total(1000)
    total
    499500
    """
    if sort not in SORTS:
        raise ValueError(f"sort must be one of {', '.join(SORTS)}, got {sort!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, or None for all functions, got {limit!r}")

    def decorate(target: Function) -> Function:
        if switched_off():
            return target

        def publish(profile: FunctionProfile) -> None:
            wrapper.last_profile = profile
            if callback is None:
                profile.report(file, limit)
            else:
                callback(profile)

        wrapper: Any = run_stepwise(target, lambda: _TimeSession(target.__qualname__, sort, publish))
        wrapper.last_profile = None
        return wrapper  # type: ignore[no-any-return]

    return decorate if function is None else decorate(function)


class _TimeSession:
    """One call under one profiler, on only while the call itself runs."""

    def __init__(self, name: str, sort: str, publish: Callable[[FunctionProfile], None]) -> None:
        self._name = name
        self._sort = sort
        self._publish = publish
        self._profiler = cProfile.Profile()
        self._measured = False
        self._refused = False
        self._on = False

    def __enter__(self) -> None:
        self._on = self._start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            self._stop()

    def finish(self) -> None:
        if self._measured:
            self._publish(_digest(self._name, self._sort, self._profiler))

    def _start(self) -> bool:
        global _holder  # noqa: PLW0603  -- the interpreter has one profiling slot, so there is one holder
        if _holder == threading.get_ident():
            return False
        if not _only_one.acquire(blocking=False):
            self._refuse("another thread is being profiled")
            return False
        try:
            if sys.getprofile() is not None:
                raise ValueError("another profiler is active")  # noqa: TRY301
            _holder = threading.get_ident()
            self._measured = True
            self._profiler.enable()
        except ValueError:
            _holder = None
            self._measured = False
            _only_one.release()
            self._refuse("another profiling tool is active")
            return False
        return True

    def _stop(self) -> None:
        global _holder  # noqa: PLW0603
        self._profiler.disable()
        _holder = None
        _only_one.release()

    def _refuse(self, why: str) -> None:
        if not self._refused:
            self._refused = True
            warnings.warn(f"{printable(self._name)} ran unprofiled: {why}", ProfilingWarning, stacklevel=5)


def _digest(name: str, sort: str, profiler: cProfile.Profile) -> FunctionProfile:
    stats = pstats.Stats(profiler)
    table: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = stats.stats  # type: ignore[attr-defined]
    rows = [
        FunctionCost(function, file, line, calls, primitive, own, cumulative)
        for (file, line, function), (primitive, calls, own, cumulative, callers) in table.items()
        if not _is_ours(file, function, callers)
    ]
    rows.sort(key=_KEYS[sort])
    return FunctionProfile(
        function=name,
        calls=sum(row.calls for row in rows),
        total_s=sum(row.own_s for row in rows),
        rows=tuple(rows),
    )


def _is_ours(file: str, function: str, callers: Iterable[tuple[str, int, str]]) -> bool:
    """True for what only our own wrappers caused: their frames and the built-ins that they call."""
    if file != "~":
        return PurePath(file).parent == _HERE
    return "_lsprof.Profiler" in function or (
        bool(callers) and all(PurePath(caller[0]).parent == _HERE for caller in callers)
    )


def _calls(row: FunctionCost) -> str:
    return str(row.calls) if row.calls == row.primitive_calls else f"{row.calls}/{row.primitive_calls}"


def _place(row: FunctionCost) -> str:
    if row.file == "~":
        return printable(row.function)
    return printable(f"{PurePath(row.file).name}:{row.line} {row.function}")
