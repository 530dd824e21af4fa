"""A benchmark case made ready to be called: argument built, coroutine functions tied to one loop."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

from bench.authoring import Declaration, cases
from bench.measure.clock import Timer, time_calls


class Target(Protocol):
    """Calls the work once, or many times under a timer."""

    def once(self) -> object:
        """One call; its result."""
        ...

    def block(self, count: int, timer: Timer = perf_counter) -> float:
        """Seconds of ``count`` calls by ``timer``."""
        ...

    def close(self) -> None:
        """Give back what the target holds."""
        ...


class PlainTarget:
    """An ordinary function."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.once = call

    def block(self, count: int, timer: Timer = perf_counter) -> float:
        """Seconds of ``count`` calls by ``timer``."""
        return time_calls(self.once, count, timer)

    def close(self) -> None:
        """Nothing is held."""


class AsyncTarget:
    """A coroutine function, awaited on one event loop that lives as long as the worker.

    Starting a loop costs about 100 microseconds, so ``asyncio.run`` around each call would time the loop.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        import asyncio  # noqa: PLC0415  -- 40 ms that plain benchmarks need not wait for

        self._call = call
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)

    def once(self) -> object:
        """One call, awaited; its result."""
        return self._loop.run_until_complete(self._call())

    def block(self, count: int, timer: Timer = perf_counter) -> float:
        """Seconds of ``count`` awaited calls by ``timer``, read inside the loop."""
        return self._loop.run_until_complete(self._timed(count, timer))

    async def _timed(self, count: int, timer: Timer) -> float:
        call = self._call
        loop = itertools.repeat(None, count)
        start = timer()
        for _ in loop:
            await call()
        return timer() - start

    def close(self) -> None:
        """Close the loop, its asynchronous generators first."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def make_target(function: Callable[..., Any], declaration: Declaration, case: int) -> Target:
    """Run ``setup`` for this case and tie its result, or the parameters themselves, to the function."""
    values = cases(declaration)[case]
    if declaration.setup is not None:
        call: Callable[[], Any] = functools.partial(function, declaration.setup(**values))
    else:
        call = functools.partial(function, **values) if values else function
    return AsyncTarget(call) if inspect.iscoroutinefunction(function) else PlainTarget(call)
