"""[edge] Where a command writes: data to standard output or whole files, problems to standard error."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from strataregula.errors import OutputError
from strataregula.model import Diagnostic

__all__ = ["abandon_standard_output", "open_output", "print_diagnostics", "same_file", "standard_output"]


@contextlib.contextmanager
def standard_output() -> Iterator[TextIO]:
    """Yield standard output as UTF-8 without newline translation, flushed at the end.

    Raise `BrokenPipeError` when the reader has gone, `OutputError` for any other failure.
    """
    if sys.stdout is None:
        raise OutputError("standard output", "it is closed")
    try:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="strict", newline="\n")
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_standard_output()
        raise OutputError("standard output", error.strerror or str(error)) from None


def abandon_standard_output() -> None:
    """Point standard output at nothing, so that the interpreter's last flush does not fail once more."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def open_output(target: str | None) -> Iterator[TextIO]:
    """Yield a text file for ``target``, standard output for None or ``-``.

    A file appears under its name only when everything was written and is on disk: the text goes to a
    temporary file in the same folder, which then replaces the old one and keeps its permissions. Links are
    followed, devices and pipes written directly. Raise `OutputError`.
    """
    if target is None or target == "-":
        with standard_output() as file:
            yield file
        return
    try:
        path = Path(target).resolve()
        special = path.exists() and not path.is_file()
        with _direct(path) if special else _replacing(path) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(target, error.strerror or str(error)) from None


@contextlib.contextmanager
def _direct(path: Path) -> Iterator[TextIO]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield file


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".strataregula-", suffix=".tmp")
    temporary = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123  -- a descriptor
            yield file
            file.flush()
            temporary.chmod(_permissions(path))
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _permissions(path: Path) -> int:
    """Return those of the file that is replaced, or those that any new file gets."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def same_file(first: str, second: str) -> bool:
    """Tell whether two paths lead to one existing file."""
    try:
        return Path(first).samefile(second)
    except (OSError, ValueError):
        return False


def print_diagnostics(diagnostics: Sequence[Diagnostic], style: str, file: TextIO | None = None) -> None:
    """Print problems to ``file`` (standard error): as ``text`` one by one, as ``json`` in one object.

    The object is ``{"diagnostics": [...], "errors": N, "warnings": N}`` on one line, also when there is none.
    """
    errors = sum(diagnostic.is_error for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    file = file or sys.stderr
    if style == "json":
        import msgspec  # noqa: PLC0415  -- 10 ms that only this style pays

        listed = [diagnostic.as_dict() for diagnostic in diagnostics]
        report = {"diagnostics": listed, "errors": errors, "warnings": warnings}
        file.write(msgspec.json.encode(report).decode() + "\n")
    elif diagnostics:
        lines = [diagnostic.render() for diagnostic in diagnostics]
        file.write("\n".join([*lines, f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}\n"]))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
