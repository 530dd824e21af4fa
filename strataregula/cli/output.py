"""[edge] Where a command writes: data to standard output or whole files, problems to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from strataregula.errors import EmitError, OutputError
from strataregula.files import write_atomically
from strataregula.model import Diagnostic, shown

__all__ = [
    "abandon_standard_output",
    "json_line",
    "print_diagnostics",
    "same_file",
    "standard_output",
    "write_output",
]


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


def write_output(target: str | None, produce: Callable[[TextIO], object]) -> None:
    """Let ``produce`` write to ``target``: a file, or standard output for None and ``-``.

    A file appears under its name only when everything was written; devices and pipes are written directly.
    Raise `OutputError`, or `BrokenPipeError` when the reader has gone.
    """
    if target is None or target == "-":
        with standard_output() as file:
            produce(file)
        return
    path = Path(target)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("w", encoding="utf-8", newline="\n") as file:
                produce(file)
        else:
            write_atomically(path, produce)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(target, error.strerror or str(error)) from None


def same_file(first: str, second: str) -> bool:
    """Tell whether two paths lead to one existing file."""
    try:
        return Path(first).samefile(second)
    except (OSError, ValueError):
        return False


def json_line(data: Mapping[str, Any]) -> str:
    """Return one JSON object on one line; a value that JSON cannot hold becomes the text that shows it."""
    import msgspec  # noqa: PLC0415  -- 10 ms that only this style pays

    from strataregula.emit.values import escaped  # noqa: PLC0415

    return escaped(msgspec.json.encode(_plain(data)).decode())


def _plain(value: Any) -> Any:
    from strataregula.emit.values import plain_json  # noqa: PLC0415

    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    try:
        return plain_json(value)
    except EmitError:
        return shown(value)


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
        if len(diagnostics) > 1:
            lines.append(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
        file.write("\n".join(lines) + "\n")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
