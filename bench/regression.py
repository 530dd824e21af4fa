"""[edge] ``PerformanceRegression``: a project's own numbers against a JSON file of earlier ones.

It compares single numbers with a tolerance and knows nothing of their noise. For numbers that come from
timing code, ``bench-guard check`` gives a verdict that holds; this class is for what is already a good
number: a count, a size, a time averaged elsewhere.

Which direction is worse follows from a metric's name:

==================================================================  ==================================
name                                                                worse is
==================================================================  ==================================
``_per_s``, ``_per_second``, ... at the end; ``ops``,               less
``throughput``, ``qps``, ``rps``, ``tps``, ``bandwidth``,
``speedup`` as a word of the name
``_ns _us _ms _s``, ``_bytes _kb _mb _gb``, ... at the end;         more
``time``, ``latency``, ``duration``, ``memory``, ``rss``,
``peak``, ``relative_speed``
``iterations``, ``agrees``, ``result``                              nothing: they describe a measurement
anything else                                                       more, with a :class:`MetricWarning`
==================================================================  ==================================

``X_per_Y`` with another Y is judged as X: ``us_per_item`` is a time.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from bench.errors import DamagedFileError, StoreError
from bench.store.atomic import atomic_write
from bench.store.documents import decode_object, upgrade
from bench.text import printable

FORMAT = "bench-guard/metrics"
VERSION = 1

_TIMES = {"ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "minutes", "hours"}
_SIZES = {"byte", "bytes", "kb", "kib", "mb", "mib", "gb", "gib"}
_PERIODS = _TIMES | {"min", "minute", "hour", "day"}
_MORE_IS_WORSE = {"time", "latency", "duration", "elapsed", "memory", "rss", "peak"}
_LESS_IS_WORSE = {"ops", "throughput", "qps", "rps", "tps", "bandwidth", "speedup"}
_DESCRIPTIVE = frozenset({"iterations", "agrees", "result"})
_ROUNDING = 1e-9


class MetricWarning(UserWarning):
    """A metric that cannot be judged as it stands; the message says how it was treated."""


class Worse(StrEnum):
    """The direction in which a metric gets worse."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Regression:
    """One metric that is not acceptable.

    ``degradation`` is relative to the baseline and positive (0.25 = 25 % worse), infinite where the baseline
    is 0, nan where no number can be given. ``current`` is None if the metric was not measured.
    """

    metric: str
    baseline: float
    current: float | None
    degradation: float
    worse: Worse

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.current is None:
            return "missing: it is in the baseline and was not measured"
        if not math.isfinite(self.current):
            return f"not a finite number: {self.current}"
        if math.isinf(self.degradation):
            return "worse than a baseline of 0"
        return f"{self.degradation:.1%} worse"


class PerformanceRegression:
    """Compare metrics with the ones recorded in ``baseline_file``; the first check records them.

    >>> guard = PerformanceRegression("performance_baseline.json")
    >>> guard.check_regression({"parse_ms": 12.5, "items_per_s": 80_000})   # no file yet: recorded
    True
    >>> guard.check_regression({"parse_ms": 12.9, "items_per_s": 60_000}, tolerance=0.1)
    False
    >>> [(regression.metric, regression.reason) for regression in guard.regressions]
    [('items_per_s', '25.0% worse')]
    """

    def __init__(self, baseline_file: str | Path = "performance_baseline.json") -> None:
        self.baseline_file = Path(baseline_file)
        self.regressions: tuple[Regression, ...] = ()
        self._checked: dict[str, float] = {}
        self._compared: Mapping[str, float] = {}

    @property
    def baseline_data(self) -> Mapping[str, float]:
        """What the file holds, name -> number; empty if there is no file.

        Raises :class:`bench.errors.DamagedFileError` or :class:`bench.errors.NewerFormatError`, naming the
        file and the place, for a file that cannot be understood; it is never overwritten then.
        """
        try:
            data = self.baseline_file.read_bytes()
        except FileNotFoundError:
            return MappingProxyType({})
        except OSError as error:
            raise StoreError(f"{self.baseline_file}: cannot be read: {error.strerror or error}") from error
        return MappingProxyType(_parse(data, self.baseline_file))

    def check_regression(self, current_metrics: Mapping[str, Any], tolerance: float = 0.1) -> bool:
        """Return True if every metric is acceptable, else False with the details in ``regressions``.

        A metric regresses if it is worse than its baseline by more than ``tolerance``, relative to the
        baseline; worse at all where the baseline is 0; no finite number; or in the baseline and not measured
        (keep one file for each set of metrics). Metrics that the baseline does not hold yet are recorded,
        unless the check failed: a file without them is how every project starts. A new metric that is not
        finite is left out, with a :class:`MetricWarning`.

        Raises ValueError for a tolerance that is no finite number of at least 0 and for nothing to check,
        TypeError for a metric that is no number, and what ``baseline_data`` raises.
        """
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance must be a finite ratio such as 0.1, got {tolerance!r}")
        current = _numbers(current_metrics)
        baseline = self.baseline_data
        new = {name: value for name, value in current.items() if name not in baseline}
        self._checked, self._compared = current, baseline
        self.regressions = tuple(
            regression
            for name in baseline
            if (regression := _judge(name, baseline[name], current.get(name), tolerance)) is not None
        )
        if not self.regressions and new:
            self._record(baseline, new)
        return not self.regressions

    def update_baseline(self, metrics: Mapping[str, Any]) -> None:
        """Record ``metrics`` as the new baseline, in place of the old; raises as :meth:`check_regression`."""
        self._record({}, _numbers(metrics))

    def report(self, file: TextIO | None = None) -> None:
        """Print the last check as a table to ``file``, standard output by default."""
        from tabulate import tabulate  # noqa: PLC0415  -- only needed to print

        bad = {regression.metric: regression for regression in self.regressions}
        rows = []
        for name in dict.fromkeys([*self._compared, *self._checked]):
            base, current = self._compared.get(name), self._checked.get(name)
            verdict = f"REGRESSED, {bad[name].reason}" if name in bad else "new" if base is None else "ok"
            rows.append([printable(name), _number(base), _number(current), _change(base, current), verdict])
        if not rows:
            print("nothing was checked yet", file=file)
            return
        align = ("left", "right", "right", "right", "left")
        headers = ["metric", "baseline", "current", "change", "verdict"]
        print(tabulate(rows, headers=headers, colalign=align, disable_numparse=True), file=file)

    def _record(self, known: Mapping[str, float], new: Mapping[str, float]) -> None:
        finite = {name: value for name, value in new.items() if math.isfinite(value)}
        for name in new.keys() - finite.keys():
            _warn(f"{printable(name)} is {new[name]}, no finite number: it was not recorded as a baseline")
        if not finite:
            return
        metrics = dict(sorted({**known, **finite}.items()))
        document = {"format": FORMAT, "version": VERSION, "metrics": metrics}
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        atomic_write(self.baseline_file, f"{text}\n".encode())


def direction(name: str) -> Worse | None:
    """The direction in which the metric ``name`` gets worse, by the table above; None for an unknown name."""
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    if words[-2:] == ["relative", "speed"]:
        return Worse.MORE
    if "per" in words:
        at = words.index("per")
        if len(words) == at + 2 and words[at + 1] in _PERIODS:
            return Worse.LESS
        words = words[:at]
    if _LESS_IS_WORSE.intersection(words):
        return Worse.LESS
    if _MORE_IS_WORSE.intersection(words) or (words and words[-1] in _TIMES | _SIZES):
        return Worse.MORE
    return None


def _judge(name: str, baseline: float, current: float | None, tolerance: float) -> Regression | None:
    worse = direction(name)
    if worse is None:
        worse = Worse.MORE
        _warn(
            f"{printable(name)}: the name does not say which direction is worse; more is taken as worse "
            "(end it with _us, _ms, _mb, ... or _per_s)"
        )
    if current is None or not math.isfinite(current):
        return Regression(name, baseline, current, math.nan, worse)
    loss = current - baseline if worse is Worse.MORE else baseline - current
    if baseline == 0:
        return Regression(name, baseline, current, math.inf, worse) if loss > 0 else None
    degradation = loss / abs(baseline)
    if degradation <= tolerance + _ROUNDING:
        return None
    return Regression(name, baseline, current, degradation, worse)


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Check and convert what was measured; what merely describes a measurement is left out."""
    numbers = {}
    for name, value in metrics.items():
        if name in _DESCRIPTIVE:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"metric {printable(str(name))!r} must be a number, got {type(value).__name__}")
        numbers[name] = float(value)
    if not numbers:
        raise ValueError("no metrics: nothing was measured, so nothing can be acceptable")
    return numbers


def _parse(data: bytes, path: Path) -> dict[str, float]:
    """Read a baseline: our format with its version, or a plain object of numbers."""
    document = decode_object(data, str(path))
    metrics: Any = document
    if isinstance(document.get("format"), str):
        metrics = upgrade(document, path, FORMAT, {}, VERSION).get("metrics")
    if not isinstance(metrics, dict):
        found = type(metrics).__name__
        raise DamagedFileError(f"{path}: metrics: expected an object of numbers, got {found}")
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise DamagedFileError(
                f"{path}: {printable(name)}: expected a number, got {type(value).__name__}",
                hint="restore the file from version control, or delete it and measure again",
            )
    return {name: float(value) for name, value in metrics.items()}


def _change(baseline: float | None, current: float | None) -> str:
    return f"{current / baseline - 1:+.1%}" if baseline and current is not None else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"


def _warn(message: str) -> None:
    warnings.warn(message, MetricWarning, stacklevel=4)
