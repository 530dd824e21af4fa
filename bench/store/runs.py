"""[edge] Run files: every raw block of a run, one JSON line a process, written as soon as it is measured.

First line: what ran, when, where. Then ``{"run": ...}`` or ``{"failure": ...}`` per process. A run that was
killed leaves a file whose last line may be cut; everything before it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from bench.errors import DamagedFileError, StoreError
from bench.model import Environment, ProcessFailure, ProcessOutcome, ProcessRun
from bench.store.documents import Step, convert, decode_object, upgrade

FORMAT = "bench-guard/run"
VERSION = 1
KEPT = 20

_STEPS: Mapping[int, Step] = {}
_PATTERN = "run-*.jsonl"


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What a run file says before its samples. ``date`` is ISO 8601, UTC."""

    command: str
    date: str
    environment: Environment
    commit: str | None = None
    dirty: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


class RunLog(Protocol):
    """Receives every process outcome of one run."""

    @property
    def path(self) -> Path | None:
        """Where the run is written; None when it is not."""
        ...

    def record(self, outcome: ProcessOutcome) -> None:
        """Keep one outcome, at once."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class FileRunLog:
    """``FOLDER/run-DATE-COMMAND-PID.jsonl``, made with the first outcome; the newest 20 run files are kept.

    A folder that cannot be written costs one call of ``notify`` and nothing else: a run does not fail
    because its raw samples cannot be kept.
    """

    def __init__(self, folder: Path, header: RunHeader, notify: Callable[[str], None]) -> None:
        self._folder = folder
        self._header = header
        self._notify = notify
        self._file: IO[bytes] | None = None
        self._refused = False

    @property
    def path(self) -> Path | None:
        """Where the run is written; None before the first outcome and where it cannot be."""
        return None if self._file is None or self._refused else Path(self._file.name)

    def record(self, outcome: ProcessOutcome) -> None:
        """Append one line and hand it to the operating system, so that a kill loses at most the next one."""
        if self._refused:
            return
        try:
            if self._file is None:
                self._file = self._open()
            self._write(_outcome_document(outcome))
        except OSError as error:
            self._refused = True
            self.close()
            self._notify(f"raw samples are not kept: {self._folder}: {error.strerror or error}")

    def close(self) -> None:
        """Close the file, if one was made."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _open(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        stamp = "".join(char for char in self._header.date if char.isalnum())
        command = self._header.command.replace(" ", "-")
        self._file = (self._folder / f"run-{stamp}-{command}-{os.getpid()}.jsonl").open("xb")
        self._write({"format": FORMAT, "version": VERSION} | asdict(self._header))
        self._prune()
        return self._file

    def _write(self, document: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(msgspec.json.encode(document) + b"\n")
            self._file.flush()

    def _prune(self) -> None:
        for old in sorted(self._folder.glob(_PATTERN), reverse=True)[KEPT:]:
            with suppress(OSError):
                old.unlink()


class MemoryRunLog:
    """A log for tests; ``outcomes`` holds what was recorded."""

    path: Path | None = None

    def __init__(self) -> None:
        self.outcomes: list[ProcessOutcome] = []
        self.closed = False

    def record(self, outcome: ProcessOutcome) -> None:
        """Keep one outcome."""
        self.outcomes.append(outcome)

    def close(self) -> None:
        """Remember that the run is over."""
        self.closed = True


def _outcome_document(outcome: ProcessOutcome) -> dict[str, Any]:
    return {"run" if isinstance(outcome, ProcessRun) else "failure": outcome}


def read_run(path: Path) -> tuple[RunHeader, tuple[ProcessOutcome, ...]]:
    """Read a run file; a cut last line (a killed run) is left out.

    Raises DamagedFileError with the line, NewerFormatError, or StoreError where it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines = data.split(b"\n")[:-1]
    if not lines:
        raise DamagedFileError(f"{path}: is empty or cut inside its first line")
    document = upgrade(decode_object(lines[0], f"{path}: line 1"), path, FORMAT, _STEPS, VERSION)
    header = convert(document, RunHeader, f"{path}: line 1")
    return header, tuple(
        _outcome(line, f"{path}: line {number}") for number, line in enumerate(lines[1:], start=2)
    )


def _outcome(line: bytes, place: str) -> ProcessOutcome:
    document = decode_object(line, place)
    if "run" in document:
        return convert(document["run"], ProcessRun, f"{place}: run")
    if "failure" in document:
        return convert(document["failure"], ProcessFailure, f"{place}: failure")
    raise DamagedFileError(f"{place}: expected 'run' or 'failure', got {sorted(document)}")
