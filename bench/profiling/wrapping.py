"""[edge] What the profiling decorators share: the switch, and running every kind of function step by step.

A generator or coroutine spends most of its life suspended, while others run. So it is driven by hand and the
profiler is on only between a resumption and the next suspension: what is recorded is this function's own work
and what it calls, never its caller's or another task's.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from types import TracebackType
from typing import Any, Protocol, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

SWITCH = "BENCH_GUARD_PROFILE"


class ProfilingWarning(UserWarning):
    """A function ran unprofiled; the message tells why."""


class Session(Protocol):
    """One profiled call, possibly in several steps, each a ``with`` of its own."""

    def __enter__(self) -> object:
        """Profiler on: a step begins."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Profiler off: suspended or over."""
        ...

    def finish(self) -> None:
        """The call is over, by whatever way: make the result known."""
        ...


def switched_off(environ: Mapping[str, str] | None = None) -> bool:
    """True if ``BENCH_GUARD_PROFILE=0``: the decorators then return the function itself."""
    return (os.environ if environ is None else environ).get(SWITCH) == "0"


def run_stepwise(function: Function, begin: Callable[[], Session]) -> Function:
    """Wrap a plain, generator, async or async generator function: each call is a session of its own."""
    if inspect.isasyncgenfunction(function):
        wrapper = _wrap_async_generator(function, begin)
    elif inspect.iscoroutinefunction(function):
        wrapper = _wrap_coroutine(function, begin)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(function, begin)
    else:
        wrapper = _wrap_plain(function, begin)
    return functools.wraps(function)(wrapper)  # type: ignore[return-value]


def _wrap_plain(function: Callable[..., Any], begin: Callable[[], Session]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        session = begin()
        try:
            with session:
                return function(*args, **kwargs)
        finally:
            session.finish()

    return called


def _wrap_generator(function: Callable[..., Any], begin: Callable[[], Session]) -> Callable[..., Any]:
    def iterated(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        session = begin()
        try:
            return (yield from _steps(function(*args, **kwargs), session))
        finally:
            session.finish()

    return iterated


def _wrap_coroutine(function: Callable[..., Any], begin: Callable[[], Session]) -> Callable[..., Any]:
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        session = begin()
        try:
            return await _Stepped(function(*args, **kwargs), session)
        finally:
            session.finish()

    return awaited


def _wrap_async_generator(function: Callable[..., Any], begin: Callable[[], Session]) -> Callable[..., Any]:
    async def iterated(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        session = begin()
        source = function(*args, **kwargs)
        step = source.asend(None)
        try:
            while True:
                try:
                    item = await _Stepped(step, session)
                except StopAsyncIteration:
                    return
                try:
                    step = source.asend((yield item))
                except GeneratorExit:
                    await _Stepped(source.aclose(), session)
                    raise
                except BaseException as error:  # noqa: BLE001  -- handed on into the source, as PEP 380 does
                    step = source.athrow(error)
        finally:
            session.finish()

    return iterated


class _Stepped:
    """An awaitable whose every step runs inside a session."""

    def __init__(self, source: Coroutine[Any, Any, Any], session: Session) -> None:
        self._source = source
        self._session = session

    def __await__(self) -> Generator[Any, Any, Any]:
        return _steps(self._source, self._session)


def _steps(source: Any, session: Session) -> Generator[Any, Any, Any]:
    """Delegate to ``source`` (anything with send, throw and close), its own steps inside the session."""
    resume: Callable[[], Any] = functools.partial(source.send, None)
    while True:
        try:
            with session:
                item = resume()
        except StopIteration as stop:
            return stop.value
        try:
            resume = functools.partial(source.send, (yield item))
        except GeneratorExit:
            with session:
                source.close()
            raise
        except BaseException as error:  # noqa: BLE001  -- handed on into the source, as PEP 380 does
            resume = functools.partial(source.throw, error)
