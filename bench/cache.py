"""[edge] The folder for what can be made again, and locks that die with their owner."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.errors import StoreError

VARIABLE = "BENCH_GUARD_CACHE"
_NAME = "bench-guard"


def cache_folder(outside: Path) -> Path:
    """Return the folder, made if need be, that belongs to this user and does not lie in ``outside``.

    ``$BENCH_GUARD_CACHE``, else ``bench-guard`` in the user's cache folder (``$XDG_CACHE_HOME``,
    ``~/.cache``, on macOS ``~/Library/Caches``); the system's folder for temporary files where that one
    cannot be written or lies inside of the repository, whose status it would change. StoreError where
    nothing can be written.
    """
    chosen = os.environ.get(VARIABLE)
    places = [Path(chosen)] if chosen else _places()
    complaints = []
    for place in places:
        folder = place.expanduser().absolute()
        if not chosen and folder.resolve().is_relative_to(outside.resolve()):
            complaints.append(f"{folder} lies in {outside}")
            continue
        try:
            _claim(folder)
        except OSError as error:
            complaints.append(f"{folder}: {error.strerror or error}")
        else:
            return folder
    raise StoreError(
        f"no folder for worktrees can be written: {'; '.join(complaints)}",
        hint=f"name one in the environment: {VARIABLE}=/a/folder",
    )


def _places() -> list[Path]:
    home = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    base = os.environ.get("XDG_CACHE_HOME", "")
    user = Path(base) if Path(base).is_absolute() else Path(home)
    return [user / _NAME, Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"]


def _claim(folder: Path) -> None:
    """Make ``folder``; OSError where it cannot be written or another user could change what is in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In the system's folder for temporary files anybody may have been first, with a link too.
    owners = {folder.lstat().st_uid, folder.stat().st_uid}
    if owners != {os.getuid()} or folder.stat().st_mode & stat.S_IWOTH:
        raise PermissionError("other users may write in it")
    tempfile.TemporaryFile(dir=folder).close()


def take_lock(path: Path, *, wait: bool = False, create: bool = True) -> int | None:
    """Return an open file descriptor that holds the lock ``path``; None while another process has it.

    The system releases it when every process that inherited the descriptor is gone, however they ended.
    With ``wait`` it blocks instead of giving None. Without ``create`` a missing file is None too. OSError
    where the file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            if create:
                raise
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever tidied up may have removed the file between opening and locking it.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:  # Ctrl-C too: a lock that nobody knows of would be held until the end
            os.close(descriptor)
            raise
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a folder, also with read-only folders in it; a missing one is fine. OSError where that fails."""
    if not os.path.lexists(path):
        return
    with suppress(OSError):
        shutil.rmtree(path)
        return
    for folder, _, _ in os.walk(path):
        with suppress(OSError):
            os.chmod(folder, 0o700)  # noqa: PTH101  -- walks deeper only when the folder above is open
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
