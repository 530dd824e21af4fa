"""[edge] The reviewed baseline: one JSON file, several machine kinds, small and easy to read in a diff.

::

    {"format": "bench-guard/baseline", "version": 1,
     "machines": {KIND: {stable key: value}},
     "benchmarks": {ID: {KIND: {"commit", "date", "reason", "source_hash",
                                "metrics": {NAME: {"unit", "value", "processes", ...}}}}}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench.errors import DamagedFileError, StoreError
from bench.model import Baseline, BaselineEntry, Calibration, Method, MetricRecord
from bench.store.atomic import atomic_write
from bench.store.documents import Step, convert, decode_object, upgrade
from bench.store.jsonfile import LOCK_SECONDS, in_order, locked, read_if_there, rounded, to_text

FORMAT = "bench-guard/baseline"
VERSION = 1
FILE_NAME = "baseline.json"

_STEPS: Mapping[int, Step] = {}
_LARGEST_LOG = 60.0
"""exp(60) iterations of the reference are longer than the universe has lasted."""


class BaselineStore(Protocol):
    """Where reviewed baselines are kept."""

    def load(self) -> Baseline | None:
        """Return everything stored; None when nothing ever was."""
        ...

    def update(self, change: Callable[[Baseline], Baseline]) -> Path:
        """Read, change and write as one step that no other process can come between; return where."""
        ...


class FileBaselineStore:
    """``FOLDER/baseline.json``."""

    def __init__(self, folder: Path, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = folder / FILE_NAME
        self._lock_seconds = lock_seconds

    def load(self) -> Baseline | None:
        """Return everything stored; None without a file.

        Raises DamagedFileError or NewerFormatError naming the file and the place, StoreError where it
        cannot be read.
        """
        data = read_if_there(self.path)
        return None if data is None else decode_baseline(data, self.path)

    def update(self, change: Callable[[Baseline], Baseline]) -> Path:
        """Read, change and write under a lock; a file that cannot be understood is never overwritten."""
        with locked(self.path, self._lock_seconds):
            atomic_write(self.path, encode_baseline(change(self.load() or Baseline())))
        return self.path


class MemoryBaselineStore:
    """A store for tests; ``writes`` counts the updates."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self.baseline = baseline
        self.writes = 0

    def load(self) -> Baseline | None:
        """Return what was given or last written."""
        return self.baseline

    def update(self, change: Callable[[Baseline], Baseline]) -> Path:
        """Apply ``change`` to what is held."""
        self.baseline = change(self.baseline or Baseline())
        self.writes += 1
        return Path(FILE_NAME)


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unit: str
    processes: tuple[float, ...]
    value: float
    method: str
    calibratable: bool
    varies: bool
    sensitivity: float = 1.0
    reference_s: float | None = None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source_hash: str
    date: str
    metrics: dict[str, _Record]
    commit: str | None = None
    reason: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    machines: dict[str, dict[str, str]]
    benchmarks: dict[str, dict[str, _Entry]]


def decode_baseline(data: bytes, path: Path) -> Baseline:
    """Parse the content of a baseline file; ``path`` is for the messages of its errors."""
    document = upgrade(decode_object(data, str(path)), path, FORMAT, _STEPS, VERSION)
    file = convert(document, _File, str(path))
    entries = []
    for benchmark, kinds in file.benchmarks.items():
        for machine, entry in kinds.items():
            if machine not in file.machines:
                raise DamagedFileError(
                    f"{path}: benchmarks.{benchmark}: machine kind {machine!r} is not in 'machines'"
                )
            for metric, record in entry.metrics.items():
                _check_record(record, metric, f"{path}: benchmarks.{benchmark}.{machine}")
            entries.append(_entry_from(benchmark, machine, entry))
    return Baseline(machines=file.machines, entries=tuple(entries))


def _check_record(record: _Record, metric: str, place: str) -> None:
    """DamagedFileError for a record that parses but cannot have been measured."""
    units = {"time": "s", "p95": "s", "p99": "s", "peak": "B", "rss": "B"}
    numbers = (record.value, *record.processes, record.sensitivity, record.reference_s or 1.0)
    complaints = {
        f"{metric!r} is no metric": metric not in units,
        f"unit {record.unit!r} is not {units.get(metric)!r}": record.unit != units.get(metric),
        f"method {record.method!r} is not one of {', '.join(Method)}": record.method not in set(Method),
        "'processes' is empty": not record.processes,
        "a number is not finite": not all(map(math.isfinite, numbers)),
        "'value' is not positive": record.value < 0 or (record.unit == "s" and record.value == 0),
        "'reference_s' is not positive": record.reference_s is not None and record.reference_s <= 0,
        "'processes' of a ratio are natural logs": record.unit == "s"
        and max(map(abs, record.processes), default=0) > _LARGEST_LOG,
    }
    for complaint, applies in complaints.items():
        if applies:
            raise DamagedFileError(
                f"{place}.metrics.{metric}: {complaint}", hint="restore the file from version control"
            )


def _entry_from(benchmark: str, machine: str, entry: _Entry) -> BaselineEntry:
    metrics = {
        name: MetricRecord(
            unit=record.unit,
            processes=record.processes,
            value=record.value,
            method=record.method,
            calibratable=record.calibratable,
            varies=record.varies,
            calibration=Calibration(record.sensitivity, record.reference_s),
        )
        for name, record in entry.metrics.items()
    }
    return BaselineEntry(
        benchmark=benchmark,
        machine=machine,
        source_hash=entry.source_hash,
        metrics=metrics,
        commit=entry.commit,
        date=entry.date,
        reason=entry.reason,
    )


def encode_baseline(baseline: Baseline) -> bytes:
    """Write a baseline as text: sorted keys, one line per list of numbers, six significant digits.

    The same baseline gives the same bytes, whatever the order of its entries. StoreError for a number that
    JSON cannot hold.
    """
    benchmarks: dict[str, dict[str, Any]] = {}
    for entry in baseline.entries:
        benchmarks.setdefault(entry.benchmark, {})[entry.machine] = _entry_document(entry)
    used = {entry.machine for entry in baseline.entries}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "machines": in_order({kind: keys for kind, keys in baseline.machines.items() if kind in used}),
        "benchmarks": in_order(benchmarks),
    }
    return to_text(document)


def _entry_document(entry: BaselineEntry) -> dict[str, Any]:
    return {
        "source_hash": entry.source_hash,
        "commit": entry.commit,
        "date": entry.date,
        "reason": entry.reason,
        "metrics": {
            name: _record_document(record, entry.benchmark) for name, record in entry.metrics.items()
        },
    }


def _record_document(record: MetricRecord, benchmark: str) -> dict[str, Any]:
    calibration = record.calibration
    numbers = (record.value, *record.processes, calibration.sensitivity, calibration.reference_s or 1.0)
    if not all(math.isfinite(number) for number in numbers):
        raise StoreError(f"{benchmark}: a measured number is not finite; nothing was stored")
    return {
        "unit": record.unit,
        "value": rounded(record.value),
        "processes": [rounded(number) for number in record.processes],
        "method": record.method,
        "calibratable": record.calibratable,
        "varies": record.varies,
        **_calibration_document(calibration),
    }


def _calibration_document(calibration: Calibration) -> dict[str, Any]:
    """Nothing for a metric that is not divided by the reference."""
    if calibration.reference_s is None:
        return {}
    return {
        "sensitivity": rounded(calibration.sensitivity),
        "reference_s": rounded(calibration.reference_s),
    }
