"""``@benchmark``: all that a suite file imports.

The decorator only attaches a :class:`Declaration`; the function stays what it was and can be called,
tested and profiled like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

_F = TypeVar("_F", bound=Callable[..., Any])

ATTRIBUTE = "__bench_guard__"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``@benchmark`` was told; checked when the suite is collected."""

    params: Mapping[str, Sequence[Any]]
    setup: Callable[..., Any] | None = None
    items: str | float | None = None
    budgets: tuple[str, ...] = ()
    tolerance: float | None = None
    growth: str | None = None
    timeout: float = 60.0


@overload
def benchmark(function: _F, /) -> _F: ...
@overload
def benchmark(
    *,
    params: Mapping[str, Sequence[Any]] | None = None,
    setup: Callable[..., Any] | None = None,
    items: str | float | None = None,
    budgets: Sequence[str] = (),
    tolerance: float | None = None,
    growth: str | None = None,
    timeout: float = 60.0,
) -> Callable[[_F], _F]: ...


def benchmark(  # noqa: PLR0913  -- every one is a documented keyword of the public decorator
    function: _F | None = None,
    /,
    *,
    params: Mapping[str, Sequence[Any]] | None = None,
    setup: Callable[..., Any] | None = None,
    items: str | float | None = None,
    budgets: Sequence[str] = (),
    tolerance: float | None = None,
    growth: str | None = None,
    timeout: float = 60.0,
) -> _F | Callable[[_F], _F]:
    """Mark a function, plain or ``async``, as a benchmark: one call of it is the work that is timed.

    ``params``: name -> values; every combination is a benchmark of its own.
    ``setup(**params)``: builds, outside the timing, the one argument of the function. Without ``setup`` the
    function receives the parameters themselves as keywords.
    ``items``: how much one call handles, a number or the name of a numeric parameter; gives throughput.
    ``budgets``: promises such as ``"p95 <= 100us"``, ``"throughput >= 1000/s"``, ``"peak <= 10MB"``.
    ``tolerance``: relative, 0.15 for 15 %. ``growth``: the parameter that growth is fitted over.
    ``timeout``: seconds that one worker process may take.

    >>> @benchmark(params={"n": [10, 1000]}, items="n")
    ... def total(n):
    ...     return sum(range(n))
    """
    declaration = Declaration(
        params={} if params is None else params,
        setup=setup,
        items=items,
        budgets=(budgets,) if isinstance(budgets, str) else tuple(budgets),
        tolerance=tolerance,
        growth=growth,
        timeout=timeout,
    )

    def attach(target: _F) -> _F:
        setattr(target, ATTRIBUTE, declaration)
        return target

    return attach if function is None else attach(function)


def cases(declaration: Declaration) -> list[dict[str, Any]]:
    """Every combination of the declared parameters, as ``itertools.product`` orders them; at least one."""
    names = list(declaration.params)
    return [
        dict(zip(names, values, strict=True)) for values in itertools.product(*declaration.params.values())
    ]
