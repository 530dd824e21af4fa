"""[edge] The reviewed baseline: one JSON file, several machine kinds, small and easy to read in a diff.

::

    {"format": "bench-guard/baseline", "version": 2,
     "machines": {KIND: {stable key: value}},
     "benchmarks": {ID: {KIND: {"commit", "date", "reason", "source_hash",
                                "metrics": {NAME: {"unit", "value", "processes", ...}},
                                "anchor": {"commit", "date", "reason", "metrics"}}}},
     "accepted": [{"benchmark", "machine", "metric", "unit", "old", "new", "change",
                   "date", "commit", "reason"}]}

Version 1 knew neither ``anchor`` nor ``accepted``; both may be absent, and the step from it adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench.errors import DamagedFileError, StoreError
from bench.model import Acceptance, Baseline, BaselineEntry, Calibration, Method, MetricRecord
from bench.store.atomic import atomic_write
from bench.store.documents import Step, convert, decode_object, upgrade
from bench.store.jsonfile import LOCK_SECONDS, in_order, locked, read_if_there, rounded, to_text

FORMAT = "bench-guard/baseline"
VERSION = 2
FILE_NAME = "baseline.json"

_STEPS: Mapping[int, Step] = {1: dict}
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


class _Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    date: str
    metrics: dict[str, _Record]
    commit: str | None = None
    reason: str | None = None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source_hash: str
    date: str
    metrics: dict[str, _Record]
    commit: str | None = None
    reason: str | None = None
    anchor: _Anchor | None = None


class _Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    benchmark: str
    machine: str
    metric: str
    unit: str
    old: float
    new: float
    date: str
    reason: str
    change: float | None = None
    commit: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    machines: dict[str, dict[str, str]]
    benchmarks: dict[str, dict[str, _Entry]]
    accepted: tuple[_Acceptance, ...] = ()


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
            place = f"{path}: benchmarks.{benchmark}.{machine}"
            _check_records(entry.metrics, place)
            if entry.anchor is not None:
                _check_records(entry.anchor.metrics, f"{place}.anchor")
            entries.append(_entry_from(benchmark, machine, entry))
    accepted = tuple(Acceptance(**msgspec.structs.asdict(each)) for each in file.accepted)
    return Baseline(machines=file.machines, entries=tuple(entries), accepted=accepted)


def _check_records(records: Mapping[str, _Record], place: str) -> None:
    for metric, record in records.items():
        _check_record(record, metric, place)


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
    found = _dated(benchmark, machine, entry.source_hash, entry)
    if entry.anchor is None:
        return found
    return replace(found, anchor=_dated(benchmark, machine, entry.source_hash, entry.anchor))


def _dated(benchmark: str, machine: str, source_hash: str, stored: _Entry | _Anchor) -> BaselineEntry:
    return BaselineEntry(
        benchmark=benchmark,
        machine=machine,
        source_hash=source_hash,
        metrics={name: _record_from(record) for name, record in stored.metrics.items()},
        commit=stored.commit,
        date=stored.date,
        reason=stored.reason,
    )


def _record_from(record: _Record) -> MetricRecord:
    return MetricRecord(
        unit=record.unit,
        processes=record.processes,
        value=record.value,
        method=record.method,
        calibratable=record.calibratable,
        varies=record.varies,
        calibration=Calibration(record.sensitivity, record.reference_s),
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
    if baseline.accepted:
        document["accepted"] = [_acceptance_document(each) for each in baseline.accepted]
    return to_text(document)


def _acceptance_document(accepted: Acceptance) -> dict[str, Any]:
    numbers = {"old": accepted.old, "new": accepted.new}
    if accepted.change is not None:
        numbers["change"] = accepted.change
    _check_finite(numbers.values(), accepted.benchmark)
    return asdict(accepted) | {name: rounded(number) for name, number in numbers.items()}


def _entry_document(entry: BaselineEntry) -> dict[str, Any]:
    document = {"source_hash": entry.source_hash, **_dated_document(entry)}
    return document if entry.anchor is None else document | {"anchor": _dated_document(entry.anchor)}


def _dated_document(entry: BaselineEntry) -> dict[str, Any]:
    return {
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
    _check_finite(numbers, benchmark)
    return {
        "unit": record.unit,
        "value": rounded(record.value),
        "processes": [rounded(number) for number in record.processes],
        "method": record.method,
        "calibratable": record.calibratable,
        "varies": record.varies,
        **_calibration_document(calibration),
    }


def _check_finite(numbers: Iterable[float], benchmark: str) -> None:
    if not all(math.isfinite(number) for number in numbers):
        raise StoreError(f"{benchmark}: a measured number is not finite; nothing was stored")


def _calibration_document(calibration: Calibration) -> dict[str, Any]:
    """Nothing for a metric that is not divided by the reference."""
    if calibration.reference_s is None:
        return {}
    return {
        "sensitivity": rounded(calibration.sensitivity),
        "reference_s": rounded(calibration.reference_s),
    }
