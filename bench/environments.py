"""[edge] A virtual environment for each side of a comparison, built from that revision's own project.

Environments live in ``environments`` of :func:`bench.cache.cache_folder`, one folder per content of the
repository's files, interpreter, platform and extras; so an unchanged base is built once. A marker file is
written last: without it a folder is half-built and is built again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cache import cache_folder, remove_tree, take_lock
from bench.errors import ConfigurationError, MeasurementError, StoreError
from bench.text import printable

Say = Callable[[str], None]

KEPT = 6
"""So many of the environments used last stay in the cache."""
_IN_USE_SECONDS = 3600.0
_FOLDER = "environments"
_MARKER = "complete"
_BUILD_SECONDS = 1800.0
_SHOWN_LINES = 15
_IGNORED = frozenset({".git", "__pycache__"})
_REDIRECTIONS = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
"""Variables that would put the packages elsewhere; index, proxy and constraints of the user's pip stay."""


@dataclass(frozen=True, slots=True)
class IsolatedEnvironment:
    """An environment's interpreter, and the folder in which it keeps installed packages."""

    python: Path
    site_packages: Path


def environment_for(
    tree: Path, say: Say, *, cache: Path | None = None, extras: Sequence[str] = ()
) -> IsolatedEnvironment:
    """Return the environment with the project in ``tree`` installed; builds it where the cache has none.

    ``cache`` is that of :class:`bench.worktrees.Worktrees`; ``extras`` are those of the project's metadata
    that its suites need. ConfigurationError where there is nothing to install, MeasurementError with pip's
    last lines where building fails, StoreError where the cache cannot be written.
    """
    if not any((tree / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        raise ConfigurationError(
            f"{tree}: nothing to install: there is no pyproject.toml, setup.py or setup.cfg",
            hint="leave --isolated out, and both sides share this interpreter",
        )
    try:
        place = (cache or cache_folder(tree)) / _FOLDER
        place.mkdir(exist_ok=True)
        folder = place / _key(tree, extras)
        _build_once(folder, tree, extras, say)
        _prune(place, folder)
    except OSError as error:
        raise StoreError(
            f"{error.filename or tree}: an environment cannot be built: {error.strerror or error}",
            hint="free some space, or name another folder in the environment: BENCH_GUARD_CACHE=/a/folder",
        ) from error
    return _environment_in(folder)


def package_differences(base: IsolatedEnvironment, head: IsolatedEnvironment) -> tuple[str, ...]:
    """Return every distribution that the two do not have in the same version: ``numpy 1.26.4 -> 2.1.0``.

    Dependencies that were released between two builds change times as the project's own code does.
    """
    before, after = _distributions(base.site_packages), _distributions(head.site_packages)
    return tuple(
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _distributions(site_packages: Path) -> dict[str, str]:
    names = (folder.name.removesuffix(".dist-info") for folder in site_packages.glob("*.dist-info"))
    return {name: version for name, _, version in (text.partition("-") for text in names)}


def _environment_in(folder: Path) -> IsolatedEnvironment:
    scheme = {"base": str(folder), "platbase": str(folder), "installed_base": str(folder)}
    site_packages = sysconfig.get_path("purelib", "venv", scheme)
    return IsolatedEnvironment(folder / "bin" / "python", Path(site_packages))


def _build_once(folder: Path, tree: Path, extras: Sequence[str], say: Say) -> None:
    lock = _wait_for(folder.with_name(f"{folder.name}.lock"), say)
    try:
        marker = folder / _MARKER
        if marker.is_file() and (folder / "bin" / "python").exists():
            os.utime(marker)
            return
        remove_tree(folder)
        started = time.monotonic()
        say(f"building an environment, once for this content, in {folder}: pip install {tree}")
        _build(folder, tree, extras, lock)
        marker.touch()
        say(f"built in {time.monotonic() - started:.0f} s; it is kept for the next run")
    finally:
        os.close(lock)


def _wait_for(path: Path, say: Say) -> int:
    lock = take_lock(path)
    if lock is None:
        say("waiting for another run that is building the same environment")
        lock = take_lock(path, wait=True)
    if lock is None:  # pragma: no cover  -- waiting and creating, it is a descriptor
        raise BlockingIOError(f"{path} is locked")
    return lock


def _build(folder: Path, tree: Path, extras: Sequence[str], lock: int) -> None:
    python = str(folder / "bin" / "python")
    # The pip of this interpreter knows the user's index as it is set up here, and saves unpacking another.
    shared = importlib.util.find_spec("pip") is not None
    venv = [sys.executable, "-m", "venv", *(["--without-pip"] if shared else []), str(folder)]
    _run(venv, lock, hint="on Debian and Ubuntu: apt install python3-venv")
    pip = [sys.executable, "-m", "pip", "--python", python] if shared else [python, "-m", "pip"]
    target = f"{tree}[{','.join(extras)}]" if extras else str(tree)
    install = ["install", "--no-input", "--disable-pip-version-check", target]
    _run([*pip, *install], lock, hint="see whether this revision can be installed at all: pip install .")


def _run(command: list[str], lock: int, hint: str) -> None:
    """Run a step; the lock is held for as long as it runs, also when this process is killed meanwhile."""
    name = "pip install" if "install" in command else "python -m venv"
    environ = {key: value for key, value in os.environ.items() if key not in _REDIRECTIONS} | {
        "PIP_USER": "0"
    }
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_SECONDS,
            check=False,
            pass_fds=(lock,),
        )
    except subprocess.TimeoutExpired:
        minutes = _BUILD_SECONDS / 60
        raise MeasurementError(f"{name} did not end within {minutes:.0f} minutes", hint=hint) from None
    if done.returncode != 0:
        lines = [
            printable(line) for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()
        ]
        shown = "\n".join(f"    {line}" for line in lines[-_SHOWN_LINES:])
        raise MeasurementError(f"{name} failed with exit code {done.returncode}:\n{shown}", hint=hint)


def _key(tree: Path, extras: Sequence[str]) -> str:
    digest = hashlib.sha256()
    facts = (
        os.path.realpath(sys.executable), sys.version, platform.platform(), platform.machine(),
        str(sysconfig.get_config_var("SOABI")), *sorted(extras),
    )  # fmt: skip
    for fact in facts:
        _add(digest, fact.encode("utf-8", "surrogateescape"))
    top = next((folder for folder in (tree, *tree.parents) if (folder / ".git").exists()), tree)
    _add(digest, os.fsencode(tree.relative_to(top)))
    for path in _files(top):
        mode = path.lstat().st_mode
        _add(digest, os.fsencode(path.relative_to(top)))
        if stat.S_ISLNK(mode):
            _add(digest, os.fsencode(path.readlink()))
        elif stat.S_ISREG(mode):
            _add(digest, b"x" if mode & stat.S_IXUSR else b"-")
            with path.open("rb") as file:
                _add(digest, hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:24]


def _add(digest: hashlib._Hash, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "big"))
    digest.update(data)


def _files(top: Path) -> Iterator[Path]:
    """Every file below ``top`` but git's own and byte code, in a fixed order."""
    for folder, folders, files in os.walk(top):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(set(folders) - _IGNORED - set(links))
        yield from (Path(folder) / name for name in sorted([*files, *links]) if name not in _IGNORED)


def _prune(place: Path, used: Path) -> None:
    """Remove all but the :data:`KEPT` environments used last, and those that may be in use now."""
    dated = []
    for lock_path in place.glob("*.lock"):
        folder = lock_path.with_suffix("")
        with suppress(OSError):
            dated.append(((folder / _MARKER).stat().st_mtime, folder))
    oldest_in_use = time.time() - _IN_USE_SECONDS
    for last_used, folder in sorted(dated, reverse=True)[KEPT:]:
        if folder != used and last_used < oldest_in_use:
            _remove(folder)


def _remove(folder: Path) -> None:
    lock_path = folder.with_name(f"{folder.name}.lock")
    with suppress(OSError):
        lock = take_lock(lock_path)
        if lock is None:
            return
        try:
            remove_tree(folder)
            lock_path.unlink(missing_ok=True)
        finally:
            os.close(lock)
