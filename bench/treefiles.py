"""[edge] Files that ``git worktree add`` does not bring: uncommitted changes, submodules, LFS."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from bench.errors import GitError
from bench.gitref import git

Say = Callable[[str], None]

CHECKOUT_SECONDS = 900.0
NO_LFS = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
"""Git LFS downloads what is missing, and may wait for a password; see :func:`bring_lfs`."""
_GENERATED = ("_version.py", "version.py", "_version_info.py")
_GITLINK = "160000"
_POINTER = b"version https://git-lfs.github.com/spec/"


def copy_working_files(top: Path, target: Path) -> None:
    """Copy what is tracked or untracked-but-not-ignored in ``top``, as it lies there, into ``target``.

    Modes, times and symbolic links stay what they are; submodules that are checked out come along.
    GitError where a file cannot be read or written.
    """
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in sorted({name for name in listed.split("\0") if name}):
        path = PurePosixPath(name)
        if ".." in path.parts or _below_a_link(top, path):
            continue
        try:
            _copy(top / path, target / path)
        except OSError as error:
            raise GitError(
                f"{top / path}: cannot be copied to {target / path}: {error.strerror or error}"
            ) from error


def _copy(source: Path, target: Path) -> None:
    try:
        mode = source.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return  # tracked and deleted
    if stat.S_ISDIR(mode):
        target.mkdir(parents=True, exist_ok=True)
        if (source / ".git").exists():
            copy_working_files(source, target)
    elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def _below_a_link(top: Path, path: PurePosixPath) -> bool:
    """Whether a folder of ``path`` has become a link: writing there would write outside of the copy."""
    return any((top / parent).is_symlink() for parent in path.parents)


def copy_generated_versions(top: Path, tree: Path) -> list[str]:
    """Copy version modules that a build wrote and git ignores to packages of ``tree`` that lack them.

    Without them many a project cannot be imported; hatch-vcs and setuptools-scm make them. Returns their
    names.
    """
    patterns = (f":(glob)**/{name}" for name in _GENERATED)
    listed = git(top, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *patterns)
    copied = []
    for name in filter(None, listed.split("\0")):
        target = tree / name
        if (target.parent / "__init__.py").is_file() and not os.path.lexists(target):
            _copy(top / name, target)
            copied.append(name)
    return copied


def bring_submodules(git_dir: Path, commit: str, tree: Path, index: Path) -> Iterator[str]:
    """Check the submodules of ``commit`` out into ``tree``, from the clones that this repository already has.

    Nothing is fetched and no configuration is written: files go from the clone below ``git_dir`` to ``tree``
    by way of the temporary ``index``. Yields the path of every submodule that is not there.
    """
    for path, wanted in _gitlinks(git_dir, commit):
        module = git_dir / "modules" / _name_of(git_dir, commit, path)
        if ".." in module.parts or not _has(module, wanted):
            yield path
            continue
        index.unlink(missing_ok=True)
        target = tree / path
        target.mkdir(parents=True, exist_ok=True)
        git(
            target,
            *NO_LFS, *_at(module, target), "read-tree", "--reset", "-u", wanted,
            environ={"GIT_INDEX_FILE": str(index)},
            seconds=CHECKOUT_SECONDS,
        )  # fmt: skip
        yield from (f"{path}/{inner}" for inner in bring_submodules(module, wanted, target, index))


def _at(git_dir: Path, work_tree: Path | None = None) -> tuple[str, str]:
    # Without the second, git insists on the working tree that the configuration of a submodule names.
    return f"--git-dir={git_dir}", f"--work-tree={work_tree or git_dir}"


def _gitlinks(git_dir: Path, commit: str) -> Iterator[tuple[str, str]]:
    listed = git(git_dir, *_at(git_dir), "ls-tree", "-r", "-z", "--full-tree", commit)
    for entry in filter(None, listed.split("\0")):
        facts, _, path = entry.partition("\t")
        if facts.startswith(_GITLINK):
            yield path, facts.split()[2]


def _name_of(git_dir: Path, commit: str, path: str) -> str:
    """The name of the submodule at ``path``; it need not be the path."""
    asked = ("config", "-z", f"--blob={commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    try:
        known = git(git_dir, *_at(git_dir), *asked)
    except GitError:
        return path
    for entry in filter(None, known.split("\0")):
        key, _, value = entry.partition("\n")
        if value == path:
            return key.removeprefix("submodule.").removesuffix(".path")
    return path


def _has(module: Path, commit: str) -> bool:
    if not module.is_dir():
        return False
    try:
        git(module, *_at(module), "cat-file", "-e", f"{commit}^{{commit}}")
    except GitError:
        return False
    return True


def bring_lfs(common: Path, tree: Path) -> int:
    """Replace the pointers of Git LFS in ``tree`` by the files that were fetched before; count the others."""
    missing = 0
    for name in filter(None, git(tree, "ls-files", "-z", "--", ":(attr:filter=lfs)").split("\0")):
        path = tree / name
        if path.is_symlink() or not path.is_file():
            continue
        oid = _pointed_at(path)
        if oid is None:
            continue
        stored = common / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        if stored.is_file():
            shutil.copyfile(stored, path)
        else:
            missing += 1
    return missing


def _pointed_at(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(1024)
    if not head.startswith(_POINTER):
        return None
    for line in head.splitlines():
        if line.startswith(b"oid sha256:"):
            oid = os.fsdecode(line.removeprefix(b"oid sha256:").strip())
            return oid if len(oid) == 64 and oid.isalnum() else None
    return None
