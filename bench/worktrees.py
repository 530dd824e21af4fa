"""[edge] Two revisions as folders, while a comparison lasts.

The folders are worktrees of the user's own repository, so that nothing is cloned: ``bench-guard-TOKEN-base``
and ``bench-guard-TOKEN-head`` (paths of equal length, because the length moves memory layout) in
``worktrees`` of :func:`bench.cache.cache_folder`. The user's tree, index, stash, refs and
configuration are not touched; only ``.git/worktrees/bench-guard-*`` comes and goes.

Every run holds a lock file. The system releases it when the run and its git processes are gone, also after
``kill -9``; the next run removes whatever belongs to a lock that nobody holds.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cache import VARIABLE, cache_folder, remove_tree, take_lock
from bench.errors import GitError, StoreError
from bench.gitref import Repository, Revision, git, repository_of
from bench.treefiles import (
    CHECKOUT_SECONDS,
    NO_LFS,
    bring_lfs,
    bring_submodules,
    copy_generated_versions,
    copy_working_files,
)

Say = Callable[[str], None]

_FOLDER = "worktrees"
_OWN = re.compile(r"bench-guard-([0-9a-f]{12})(-base|-head|-index|\.lock)\d*")
_ADDING = "adding.lock"


@dataclass(frozen=True, slots=True)
class Worktrees:
    """The *project's* folder in each of the two trees (the repository may begin above it).

    ``cache`` is the cache folder that was chosen, which lies outside of the repository.
    """

    base: Path
    head: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class _Stay:
    """One run's part of the cache folder; ``lock`` is the descriptor that keeps it alive."""

    repository: Repository
    place: Path
    token: str
    lock: int

    def path(self, ending: str) -> Path:
        return self.place / f"bench-guard-{self.token}{ending}"

    def release(self) -> None:
        """Give the lock back; without its file, for there is nothing left to find."""
        try:
            self.path(".lock").unlink(missing_ok=True)
        finally:
            os.close(self.lock)


@contextmanager
def open_worktrees(root: Path, base: Revision, head: Revision, say: Say) -> Iterator[Worktrees]:
    """Give the project as it is in both revisions; a dirty ``head`` is a copy of the working tree.

    Removes the folders at the end, however it comes. GitError where git cannot check a revision out or the
    project is not in it, StoreError where nothing can be written.
    """
    repository = repository_of(root)
    cache = cache_folder(repository.top)
    with _writing(cache):
        place = cache / _FOLDER
        place.mkdir(exist_ok=True)
        _sweep(place, repository.common, say)
        stay = _begin(repository, place)
    try:
        with _writing(cache):
            trees = Worktrees(_add(stay, "-base", base, say), _add(stay, "-head", head, say), cache)
        yield trees
    finally:
        _end(stay, say)


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{error.filename or cache}: a worktree cannot be written: {_reason(error)}",
            hint=f"free some space, or name another folder in the environment: {VARIABLE}=/a/folder",
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _begin(repository: Repository, place: Path) -> _Stay:
    while True:
        token = secrets.token_hex(6)
        lock = take_lock(place / f"bench-guard-{token}.lock")
        if lock is not None:
            stay = _Stay(repository, place, token, lock)
            try:
                os.write(lock, os.fsencode(repository.common))
            except BaseException:  # Ctrl-C too: the lock must not look like that of a living run
                stay.release()
                raise
            return stay


def _add(stay: _Stay, side: str, revision: Revision, say: Say) -> Path:
    """Make the tree of one side; return the project's folder in it."""
    tree = stay.path(side)
    top = stay.repository.top
    with _alone(stay.place / _ADDING):
        arguments = ("worktree", "add", "--detach", "--no-checkout", str(tree), revision.commit)
        git(top, "-c", "worktree.useRelativePaths=false", *arguments, held=stay.lock)
    if revision.dirty:
        # The tree's own list of files, for build tools that ask git what belongs to the project.
        git(
            tree, "update-index", "-z", "--index-info", given=git(top, "ls-files", "-s", "-z"), held=stay.lock
        )
        copy_working_files(top, tree)
    else:
        git(tree, *NO_LFS, "reset", "--hard", "--quiet", held=stay.lock, seconds=CHECKOUT_SECONDS)
        _complete(stay, tree, revision, say)
    for name in copy_generated_versions(top, tree):
        say(f"{revision.label}: {name} is ignored by git, so it was copied from the working tree")
    folder = tree / stay.repository.project
    if not folder.is_dir():
        raise GitError(
            f"{revision.label} ({revision.short}) has no folder {stay.repository.project}",
            hint="compare with a revision in which the project lies where it lies now",
        )
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Runs that begin and end at once would meet in ``.git/worktrees``, which the last to leave removes."""
    descriptor = take_lock(lock, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _complete(stay: _Stay, tree: Path, revision: Revision, say: Say) -> None:
    common = stay.repository.common
    absent = list(bring_submodules(common, revision.commit, tree, stay.path("-index")))
    if absent:
        names = ", ".join(absent)
        say(f"{revision.label}: submodules without a local clone of that commit are empty: {names}; "
            f"git submodule update --init {' '.join(absent)}")  # fmt: skip
    missing = bring_lfs(common, tree)
    if missing:
        advice = f"git lfs fetch origin {revision.commit}"
        say(f"{revision.label}: {missing} files of Git LFS are only pointers: {advice}")


def _end(stay: _Stay, say: Say) -> None:
    try:
        _discard(stay.place, stay.token, stay.repository.common, stay.place / _ADDING)
    except OSError as error:
        os.close(stay.lock)
        say(f"{error.filename or stay.place}: left behind ({_reason(error)}); the next run removes it")
    else:
        stay.release()
    _sweep(stay.place, stay.repository.common, say)


def _sweep(place: Path, common: Path, say: Say) -> None:
    """Remove what runs that are gone have left: in ``place``, and in the repository at ``common``."""
    locks = {path: _token(path) for path in sorted(place.glob("bench-guard-*.lock"))}
    # An entry without one of these locks was made with another cache folder.
    locks |= {_lock_of(entry, place): _token(entry) for entry in _entries(common)}
    for path, token in locks.items():
        try:
            removed = bool(token) and _sweep_run(path, token, common, place / _ADDING)
        except OSError as error:
            say(f"{error.filename or path}: left by a killed run, cannot be removed: {_reason(error)}")
        else:
            if removed:
                say("removed the worktrees of a run that was killed")


def _sweep_run(path: Path, token: str, common: Path, adding: Path) -> bool:
    """Remove what the run that had the lock ``path`` left, if it is gone; whether there was anything."""
    descriptor = take_lock(path, create=False)
    if descriptor is None and path.exists():
        return False
    try:
        recorded = os.fsdecode(os.read(descriptor, 65_536)) if descriptor is not None else ""
        removed = _discard(path.parent, token, Path(recorded or common), adding)
        path.unlink(missing_ok=True)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return removed


def _discard(place: Path, token: str, common: Path, adding: Path) -> bool:
    trees = list(place.glob(f"bench-guard-{token}-*"))
    for path in trees:
        remove_tree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with _alone(adding):
        entries = [entry for entry in _entries(common) if _token(entry) == token]
        for entry in entries:
            remove_tree(entry)
        # As git does: without worktrees there is no folder of worktrees.
        with suppress(OSError):
            (common / "worktrees").rmdir()
    return bool(trees or entries)


def _entries(common: Path) -> list[Path]:
    folder = common / "worktrees"
    return [entry for entry in sorted(folder.iterdir()) if _token(entry)] if folder.is_dir() else []


def _token(path: Path) -> str:
    found = _OWN.fullmatch(path.name)
    return found[1] if found else ""


def _lock_of(entry: Path, place: Path) -> Path:
    """Where the run that made ``entry`` keeps its lock: beside its tree, maybe in another cache folder."""
    token = _token(entry)
    name = f"bench-guard-{token}.lock"
    try:
        tree = Path(os.fsdecode((entry / "gitdir").read_bytes()).strip()).parent
    except OSError:
        return place / name
    return tree.parent / name if _token(tree) == token else place / name
