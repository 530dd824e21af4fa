"""[edge] What `calibrate` remembers: one JSON file beside the baseline, several machine kinds.

::

    {"format": "bench-guard/calibration", "version": 1,
     "machines": {KIND: {stable key: value}},
     "benchmarks": {ID: {KIND: {"source_hash", "method", "sensitivity", "reference_s",
                                "sittings": [{"date", "commit", "processes"}]}}}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench.errors import DamagedFileError, StoreError
from bench.model import Calibration, Method
from bench.sittings import Calibrations, Sitting, SittingsEntry
from bench.store.atomic import atomic_write
from bench.store.documents import Step, convert, decode_object, upgrade
from bench.store.jsonfile import LOCK_SECONDS, in_order, locked, read_if_there, rounded, to_text

FORMAT = "bench-guard/calibration"
VERSION = 1
FILE_NAME = "calibration.json"

_STEPS: Mapping[int, Step] = {}
_LARGEST_LOG = 60.0
"""exp(60) iterations of the reference are longer than the universe has lasted."""


class CalibrationStore(Protocol):
    """Where the sittings of earlier calibrations are kept."""

    def load(self) -> Calibrations:
        """Return everything stored; empty when nothing ever was."""
        ...

    def update(self, change: Callable[[Calibrations], Calibrations]) -> Path:
        """Read, change and write as one step that no other process can come between; return where."""
        ...


class FileCalibrationStore:
    """``FOLDER/calibration.json``."""

    def __init__(self, folder: Path, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = folder / FILE_NAME
        self._lock_seconds = lock_seconds

    def load(self) -> Calibrations:
        """Return everything stored; empty without a file.

        Raises DamagedFileError or NewerFormatError naming the file and the place, StoreError where it
        cannot be read.
        """
        data = read_if_there(self.path)
        return Calibrations() if data is None else decode_calibrations(data, self.path)

    def update(self, change: Callable[[Calibrations], Calibrations]) -> Path:
        """Read, change and write under a lock; a file that cannot be understood is never overwritten."""
        with locked(self.path, self._lock_seconds):
            atomic_write(self.path, encode_calibrations(change(self.load())))
        return self.path


class MemoryCalibrationStore:
    """A store for tests; ``writes`` counts the updates."""

    def __init__(self, calibrations: Calibrations | None = None) -> None:
        self.calibrations = calibrations or Calibrations()
        self.writes = 0

    def load(self) -> Calibrations:
        """Return what was given or last written."""
        return self.calibrations

    def update(self, change: Callable[[Calibrations], Calibrations]) -> Path:
        """Apply ``change`` to what is held."""
        self.calibrations = change(self.calibrations)
        self.writes += 1
        return Path(FILE_NAME)


class _Sitting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    date: str
    processes: tuple[float, ...]
    commit: str | None = None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source_hash: str
    method: str
    sittings: tuple[_Sitting, ...]
    sensitivity: float = 1.0
    reference_s: float | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    machines: dict[str, dict[str, str]]
    benchmarks: dict[str, dict[str, _Entry]]


def decode_calibrations(data: bytes, path: Path) -> Calibrations:
    """Parse the content of a calibration file; ``path`` is for the messages of its errors."""
    document = upgrade(decode_object(data, str(path)), path, FORMAT, _STEPS, VERSION)
    file = convert(document, _File, str(path))
    entries = []
    for benchmark, kinds in file.benchmarks.items():
        for machine, entry in kinds.items():
            place = f"{path}: benchmarks.{benchmark}.{machine}"
            _check_entry(entry, place, known=machine in file.machines)
            entries.append(_entry_from(benchmark, machine, entry))
    return Calibrations(machines=file.machines, entries=tuple(entries))


def _check_entry(entry: _Entry, place: str, *, known: bool) -> None:
    """DamagedFileError for an entry that parses but cannot have been measured."""
    numbers = [number for sitting in entry.sittings for number in sitting.processes]
    factors = (entry.sensitivity, 1.0 if entry.reference_s is None else entry.reference_s)
    complaints = {
        "this machine kind is not in 'machines'": not known,
        f"method {entry.method!r} is not one of {', '.join(Method)}": entry.method not in set(Method),
        "there is no sitting, or one without processes": not entry.sittings
        or not all(sitting.processes for sitting in entry.sittings),
        "'processes' are natural logs of ratios": not all(abs(n) <= _LARGEST_LOG for n in numbers),
        "'sensitivity' or 'reference_s' is not positive": not all(0 < f < math.inf for f in factors),
        "'date' is not an ISO 8601 date with its time zone": not all(
            _is_date(s.date) for s in entry.sittings
        ),
    }
    for complaint, applies in complaints.items():
        if applies:
            raise DamagedFileError(
                f"{place}: {complaint}",
                hint="restore the file from version control, or delete it and calibrate again",
            )


def _is_date(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _entry_from(benchmark: str, machine: str, entry: _Entry) -> SittingsEntry:
    return SittingsEntry(
        benchmark=benchmark,
        machine=machine,
        source_hash=entry.source_hash,
        method=entry.method,
        calibration=Calibration(entry.sensitivity, entry.reference_s),
        sittings=tuple(Sitting(each.date, each.commit, each.processes) for each in entry.sittings),
    )


def encode_calibrations(calibrations: Calibrations) -> bytes:
    """Write sittings as text: sorted keys, one line per list of numbers, six significant digits.

    The same sittings give the same bytes, whatever the order of the entries. StoreError for a number that
    JSON cannot hold.
    """
    benchmarks: dict[str, dict[str, Any]] = {}
    for entry in calibrations.entries:
        benchmarks.setdefault(entry.benchmark, {})[entry.machine] = _entry_document(entry)
    used = {entry.machine for entry in calibrations.entries}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "machines": in_order({kind: keys for kind, keys in calibrations.machines.items() if kind in used}),
        "benchmarks": in_order(benchmarks),
    }
    return to_text(document)


def _entry_document(entry: SittingsEntry) -> dict[str, Any]:
    calibration = entry.calibration
    numbers = [number for sitting in entry.sittings for number in sitting.processes]
    if not all(map(math.isfinite, (*numbers, calibration.sensitivity, calibration.reference_s or 1.0))):
        raise StoreError(f"{entry.benchmark}: a measured number is not finite; nothing was stored")
    document: dict[str, Any] = {
        "source_hash": entry.source_hash,
        "method": entry.method,
        "sittings": [
            {
                "date": sitting.date,
                "commit": sitting.commit,
                "processes": [rounded(number) for number in sitting.processes],
            }
            for sitting in entry.sittings
        ],
    }
    if calibration.reference_s is not None:
        document["sensitivity"] = rounded(calibration.sensitivity)
        document["reference_s"] = rounded(calibration.reference_s)
    return document
