"""[edge] Whole files or nothing: a reader sees the old content or the new, never a part of it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from bench.errors import StoreError


def atomic_write(path: Path, data: bytes) -> None:
    """Replace the content of ``path``: temporary file in the same folder, flush, fsync, rename.

    Keeps the mode of an existing file and follows a symbolic link to it; makes missing folders. Raises
    :class:`StoreError` with the path and what to do, and then leaves nothing behind.
    """
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_synced(temporary, data, _mode_of(target))
            temporary.replace(target)
        except BaseException:  # Ctrl-C too must not leave the temporary file behind; raised again below
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error
    _sync_folder(target.parent)


def ensure_writable(folder: Path) -> None:
    """Raise the :class:`StoreError` that writing into ``folder`` would end in; writes nothing.

    Asked before minutes of measuring, whose result could not be kept. A missing folder is judged by the
    nearest one above it.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise unwritable(folder, NotADirectoryError(errno.ENOTDIR, f"{existing} is not a folder"))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise unwritable(folder, PermissionError(errno.EACCES, f"no permission to write in {existing}"))


def unwritable(path: Path, error: OSError) -> StoreError:
    """Say that ``path`` cannot be written, why, and what helps."""
    return StoreError(
        f"{path}: cannot be written: {error.strerror or error}",
        hint="make the folder writable, or name another one (baseline, reports in [tool.bench-guard])",
    )


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _write_synced(path: Path, data: bytes, mode: int | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; a file system that cannot do that has done what it can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
