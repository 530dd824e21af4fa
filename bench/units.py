"""Times, sizes, rates and ratios as people write them, and the grammar of budgets.

Formatting keeps three significant digits. Parsing needs a unit, because a bare number has cost many a project
a factor of a thousand: sizes in ``kB MB GB`` are powers of 1000, in ``KiB MiB GiB`` of 1024.

A budget is a promise of a benchmark::

    budget   = latency | throughput | size | speed
    latency  = ("time" | "mean" | "median" | "p95" | "p99") "<=" duration     p95 <= 100us
    throughput = "throughput" ">=" rate                                       throughput >= 1000/s
    size     = ("peak" | "rss") "<=" bytes                                    peak <= 10MB
    speed    = "speed" ">=" number "x" benchmark                              speed >= 50x fnmatch_loop
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.errors import ConfigurationError

_DURATIONS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3,
}  # fmt: skip
_MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_PERIODS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}

_TIME_STEPS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_SIZE_STEPS = ((1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B"))
_RATE_STEPS = ((1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1.0, "/s"))
_UNKNOWN = "n/a"

_NUMBER = r"(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_QUANTITY = re.compile(rf"{_NUMBER}\s*(?P<unit>[A-Za-zµμ]+)")
_RATE = re.compile(rf"{_NUMBER}\s*(?P<multiple>[kMG]?)\s*/\s*(?P<period>[a-z]+)")
_SPEED = re.compile(rf"{_NUMBER}\s*[xX]\s+(?P<other>\S.*)")
_BUDGET = re.compile(r"(?P<metric>[A-Za-z]\w*)\s*(?P<operator>[<>]=?|==?)\s*(?P<limit>.+)", re.DOTALL)


def format_time(seconds: float) -> str:
    """``4.61 ms``, ``812 ns``, ``1.50 s``."""
    return _scaled(seconds, _TIME_STEPS)


def format_bytes(size: float) -> str:
    """``64.0 KiB``, ``9.54 MiB``, ``812 B``; powers of 1024."""
    return _scaled(size, _SIZE_STEPS)


def format_rate(per_second: float) -> str:
    """``1.23 k/s``, ``812 /s``."""
    return _scaled(per_second, _RATE_STEPS)


def format_ratio(change: float) -> str:
    """A relative change with its sign: ``+1.1 %`` for 0.011."""
    if not math.isfinite(change):
        return _UNKNOWN
    text = f"{change * 100:+.1f}"
    return f"{'0.0' if text in {'-0.0', '+0.0'} else text} %"


def format_value(value: float, unit: str) -> str:
    """A value in the unit that comparisons name: ``s``, ``B``, ``1/s``, ``x``, another or none."""
    known: Mapping[str, Callable[[float], str]] = {"s": format_time, "B": format_bytes, "1/s": format_rate}
    if unit in known:
        return known[unit](value)
    if not math.isfinite(value):
        return _UNKNOWN
    number = _digits(value)
    return f"{number}x" if unit == "x" else f"{number} {unit}".rstrip()


def _scaled(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    if not math.isfinite(value):
        return _UNKNOWN
    for size, name in steps:
        # 999.9 would be rounded to four digits, so the next unit starts where three digits end.
        if abs(value) >= size * 0.9995:
            return f"{_digits(value / size)} {name}"
    size, name = steps[-1] if value else (1.0, next(name for size, name in steps if size == 1.0))
    return f"{_digits(value / size)} {name}"


def _digits(number: float) -> str:
    """Three significant digits without an exponent, at most six decimals; all digits of a whole part."""
    if number == 0:
        return "0"
    rounded = float(f"{number:.3g}")
    decimals = 2 - math.floor(math.log10(abs(rounded)))
    return f"{number:.{min(max(0, decimals), 6)}f}"


def parse_duration(text: str) -> float:
    """Seconds of ``100us``, ``1.5 s``, ``2min``; :class:`ConfigurationError` for anything else."""
    return _quantity(text, _DURATIONS, "a duration such as 100us, 1.5ms or 2s")


def parse_size(text: str) -> float:
    """Bytes of ``10MB`` (10,000,000), ``64KiB`` (65,536); :class:`ConfigurationError` for anything else."""
    return _quantity(text, _SIZES, "a size such as 10MB or 64KiB")


def parse_rate(text: str) -> float:
    """Events per second of ``1000/s``, ``5k/s``, ``90/min``; else :class:`ConfigurationError`."""
    match = _RATE.fullmatch(text.strip())
    if match is None or match["period"] not in _PERIODS:
        raise _wrong(text, "a rate such as 1000/s or 5k/s")
    return _number(match["number"], text) * _MULTIPLES[match["multiple"]] / _PERIODS[match["period"]]


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise of a benchmark.

    ``metric``: ``time``, ``mean``, ``median``, ``p95``, ``p99``, ``throughput``, ``peak``, ``rss`` or
    ``speed``. ``operator``: ``<=`` or ``>=``. ``limit``: seconds, events per second, bytes or a ratio.
    ``other``: what ``speed`` is compared with, a function of the same file or a whole benchmark id.
    """

    text: str
    metric: str
    operator: str
    limit: float
    other: str | None = None

    @property
    def measured(self) -> str:
        """The metric that has to be measured to check this promise: ``time``, ``p95``, ``peak``, ..."""
        return self.metric if self.metric in {"p95", "p99", "peak", "rss"} else "time"

    @property
    def unit(self) -> str:
        """Unit of the limit: ``s``, ``1/s``, ``B`` or ``x``."""
        return {"throughput": "1/s", "peak": "B", "rss": "B", "speed": "x"}.get(self.metric, "s")


_LIMITS: Mapping[str, tuple[str, Callable[[str], float]]] = {
    **dict.fromkeys(("time", "mean", "median", "p95", "p99"), ("<=", parse_duration)),
    **dict.fromkeys(("peak", "rss"), ("<=", parse_size)),
    "throughput": (">=", parse_rate),
}


def parse_budget(text: str) -> Budget:
    """Read a budget; :class:`ConfigurationError` says what was expected."""
    words = " ".join(text.split())
    match = _BUDGET.fullmatch(words)
    if match is None:
        raise _wrong(text, "a budget such as 'p95 <= 100us', 'throughput >= 1000/s' or 'peak <= 10MB'")
    metric, operator, limit = match["metric"], match["operator"], match["limit"]
    other = None
    if metric == "speed":
        expected, (value, other) = ">=", _speed(limit)
    elif metric in _LIMITS:
        expected, parse = _LIMITS[metric]
        value = parse(limit)
    else:
        raise _wrong(text, f"one of {', '.join([*_LIMITS, 'speed'])} before the {operator}")
    if operator != expected:
        raise _wrong(text, f"{expected} after {metric}")
    if not 0 < value < math.inf:
        raise _wrong(text, "a limit above 0")
    return Budget(words, metric, operator, value, other)


def _speed(text: str) -> tuple[float, str]:
    match = _SPEED.fullmatch(text)
    if match is None:
        raise _wrong(text, "a factor and a benchmark, such as 50x fnmatch_loop")
    return _number(match["number"], text), match["other"]


def _quantity(text: str, units: Mapping[str, float], expected: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"] not in units:
        raise _wrong(text, f"{expected} (units: {', '.join(units)})")
    number, scale = _number(match["number"], text), units[match["unit"]]
    # 100 / 1e6 is the float nearest to 0.0001, 100 * 1e-6 is its neighbour.
    return number * scale if scale >= 1 else number / round(1 / scale)


def _number(digits: str, text: str) -> float:
    try:
        number = float(digits)
    except ValueError:
        raise _wrong(text, "a number") from None
    if not math.isfinite(number):
        raise _wrong(text, "a number of ordinary size")
    return number


def _wrong(text: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{text!r} is not understood: expected {expected}")
