"""[edge] Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], produce: Callable[[TextIO], object]) -> None:
    """Let ``produce`` write a text file and put it at ``path`` in one step.

    The text is on disk before it replaces the old file, whose permissions it keeps; links are followed. On
    any failure nothing is left behind. Raise `OSError` when the folder cannot be written.
    """
    import tempfile  # noqa: PLC0415  -- 10 ms that only those who write pay

    target = Path(path).resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".strataregula-", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            produce(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_permissions(target))
        temporary.replace(target)
    except BaseException:  # Ctrl-C too must not leave the temporary file behind; raised again below
        temporary.unlink(missing_ok=True)
        raise


def _permissions(path: Path) -> int:
    """Return those of the file that is replaced, or those that any new file gets."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
