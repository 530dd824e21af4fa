"""[edge] What git knows of the measured project: the commit of today, and every revision that has a name.

No question asked here runs a hook, waits for a password, takes an optional lock or writes into the
repository. :func:`describe` works without git and outside of a repository; everything else raises
:class:`~bench.errors.GitError`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from bench.errors import GitError

_SECONDS = 60.0
_LOCATION = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS", "GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TRACE2", "GIT_TRACE2_EVENT",
)  # fmt: skip
"""A hook of git runs us with variables that point at *its* repository; the others change answers."""
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_EDITOR": "true",
    "LC_ALL": "C",
}
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.splitIndex": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "diff.ignoreSubmodules": "none",
    "status.showUntrackedFiles": "normal",
}
_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_REPOSITORY = (
    "ab compares revisions: run it inside of a git repository (git init, git commit), or use check"
)


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that is checked out; ``dirty`` when tracked files under the project differ from it."""

    id: str | None = None
    dirty: bool = False

    @property
    def label(self) -> str | None:
        """The id, with ``-dirty`` behind it (as git describe writes it) where the tree differs."""
        return f"{self.id}-dirty" if self.id and self.dirty else self.id


@dataclass(frozen=True, slots=True)
class Revision:
    """One side of a comparison: full commit id, its date (ISO 8601), and ``label``, what the user typed.

    ``dirty`` is set for a working tree that differs from its commit.
    """

    commit: str
    date: str
    label: str
    dirty: bool = False

    @property
    def short(self) -> str:
        """The first ten digits of the id, with ``-dirty`` behind them where the tree differs."""
        return f"{self.commit[:10]}-dirty" if self.dirty else self.commit[:10]


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a project lies in git: ``top`` of the working tree, ``common`` folder of all its worktrees.

    ``project`` is the project's place below ``top``, ``.`` when they are the same.
    """

    top: Path
    common: Path
    project: Path


def describe(root: Path) -> Commit:
    """Return the commit and dirtiness of the project; an empty :class:`Commit` where git has no answer."""
    commit = _ask(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return Commit()
    changes = _ask(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return Commit(commit.strip() or None, dirty=bool(changes and changes.strip()))


def git_version() -> str | None:
    """Return git's version, None when it cannot be run."""
    answer = _ask(Path(), "--version")
    return answer.strip().removeprefix("git version ") if answer else None


def repository_of(root: Path) -> Repository:
    """Return where ``root`` lies in its repository; GitError outside of one, in a bare one, without git."""
    if git(root, "rev-parse", "--is-inside-work-tree").strip() != "true":
        raise GitError(
            f"{root}: is in a bare repository or in a .git folder, which has no working tree",
            hint="clone it (git clone FOLDER COPY) and run there",
        )
    top = Path(_line(git(root, "rev-parse", "--show-toplevel")))
    common = Path(_line(git(root, "rev-parse", "--git-common-dir")))
    prefix = _line(git(root, "rev-parse", "--show-prefix"))
    return Repository(top, (root / common).resolve(), Path(prefix))


def resolve(root: Path, ref: str) -> Revision:
    """Return the revision that ``ref`` names.

    ``ref`` is whatever git understands: branch, tag, id, ``HEAD~3``, ``stash@{0}``, ``:/words of a message``,
    ``@{upstream}``; and ``A...B`` is the merge base of the two (a missing side is ``HEAD``). GitError says
    what is wrong with any other and what to type.
    """
    if ref.startswith("-") or not ref or "\0" in ref:
        raise GitError(f"{ref!r} is not a revision", hint="give a branch, a tag, a commit or A...B")
    repository_of(root)
    first, dots, second = ref.partition("...")
    if not dots or ":/" in first or "{/" in first:
        return _revision(root, _commit_of(root, ref), ref)
    ends = [end or "HEAD" for end in (first, second)]
    commits = [_commit_of(root, end) for end in ends]
    merge_base = _ask(root, "merge-base", *commits)
    if merge_base is None:
        raise _error(root, f"{ends[0]} and {ends[1]} have no common ancestor in this repository")
    return _revision(root, merge_base.strip(), f"{ends[0]}...{ends[1]} (merge base)")


def working_tree(root: Path) -> Revision:
    """Return the commit that is checked out; ``dirty`` when a file of the project differs from it or is new.

    New files count unless they are ignored; files outside of ``root`` do not count.
    """
    repository_of(root)
    changes = git(root, "status", "--porcelain", "-z", "--untracked-files=normal", "--", ".")
    return _revision(root, _commit_of(root, "HEAD"), "working tree", dirty=bool(changes))


def commits_between(root: Path, base: str, head: str) -> int | None:
    """Return how many commits lead from ``base`` to ``head``; None where git cannot tell."""
    answer = _ask(root, "rev-list", "--count", f"{base}..{head}", "--")
    return int(answer) if answer else None


def git(
    root: Path,
    *arguments: str,
    given: str = "",
    held: int | None = None,
    seconds: float = _SECONDS,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Return what ``git ARGUMENTS`` prints in ``root``; bytes that are no UTF-8 come as surrogates.

    ``given`` is its standard input; ``held`` a file descriptor that it keeps open for as long as it runs;
    ``environ`` comes on top of this process's variables. GitError, with git's own last words, when it fails.
    """
    done = _run(root, arguments, given=given, held=held, seconds=seconds, environ=environ or {})
    if done.returncode != 0:
        raise _failure(root, arguments, done.stderr.decode("utf-8", "replace").strip())
    return os.fsdecode(done.stdout)


def _run(
    root: Path,
    arguments: tuple[str, ...],
    *,
    given: str = "",
    held: int | None = None,
    seconds: float = _SECONDS,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[bytes]:
    inherited = {name: value for name, value in os.environ.items() if name not in _LOCATION}
    config = [part for key, value in _CONFIG.items() for part in ("-c", f"{key}={value}")]
    if not root.is_dir():
        raise GitError(f"{root}: no such folder")
    try:
        return subprocess.run(
            ["git", *config, *arguments],  # noqa: S607  -- the git that the user's PATH names
            cwd=root,
            env={**inherited, **_QUIET, **environ},
            input=os.fsencode(given),
            capture_output=True,
            timeout=seconds,
            check=False,
            pass_fds=() if held is None else (held,),
        )
    except FileNotFoundError:
        raise GitError("git is not installed, or not on the PATH", hint="install git") from None
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror or error}") from error
    except subprocess.TimeoutExpired:
        raise GitError(f"git {_verb(arguments)} did not end within {seconds:g} s in {root}") from None


def _ask(root: Path, *arguments: str) -> str | None:
    try:
        done = _run(root, arguments)
    except GitError:
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None


def _verb(arguments: tuple[str, ...]) -> str:
    return next(text for text in arguments if not text.startswith("-") and "=" not in text)


def _line(answer: str) -> str:
    return answer.removesuffix("\n")


def _failure(root: Path, arguments: tuple[str, ...], words: str) -> GitError:
    if "not a git repository" in words:
        return GitError(f"{root}: is not in a git repository", hint=_NO_REPOSITORY)
    if "dubious ownership" in words or "unsafe repository" in words:
        owner = re.search(r"repository at '([^']+)'|repository \('([^']+)'", words)
        place = next(filter(None, owner.groups()), None) if owner else None
        return GitError(
            f"{root}: git refuses this repository, because it belongs to another user",
            hint=f"if you trust it: git config --global --add safe.directory {place or root}",
        )
    return GitError(f"git {_verb(arguments)} failed in {root}: {_last_words(words)}")


def _last_words(words: str) -> str:
    lines = [line for line in words.splitlines() if line.startswith(("fatal:", "error:"))]
    lines = lines or words.splitlines()
    return (
        "; ".join(line.partition(": ")[2] if ": " in line else line for line in lines[-3:])
        or "no reason given"
    )


def _revision(root: Path, commit: str, label: str, *, dirty: bool = False) -> Revision:
    # rev-list reads no log.* configuration, so that nothing but the date is behind its first line.
    date = git(root, "rev-list", "--max-count=1", "--format=%cI", commit, "--").splitlines()[-1]
    return Revision(commit, date, label, dirty)


def _commit_of(root: Path, ref: str) -> str:
    done = _run(root, ("rev-parse", "--verify", ref))
    found = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not _COMMIT_ID.fullmatch(found):
        raise _unknown(root, ref, done.stderr.decode("utf-8", "replace"))
    # In two steps, because :/words takes everything behind it for words.
    commit = _ask(root, "rev-parse", "--verify", "--quiet", f"{found}^{{commit}}")
    if commit is None:
        kind = _ask(root, "cat-file", "-t", found)
        if kind is None:
            raise _error(root, f"commit {ref!r} is not in this repository")
        raise GitError(f"{ref!r} is a {kind.strip()}, not a commit", hint="name a branch, a tag or a commit")
    return commit.strip()


def _unknown(root: Path, ref: str, words: str) -> GitError:
    if not _ask(root, "rev-list", "--max-count=1", "--all"):
        return GitError(f"{root}: this repository has no commit yet", hint="git add . && git commit")
    if ".." in ref:
        first, _, second = ref.partition("..")
        return GitError(
            f"{ref!r} is a range", hint=f"{first or 'HEAD'}...{second or 'HEAD'} is their merge base"
        )
    reasons = [line.removeprefix("fatal: ") for line in words.splitlines() if line.startswith("fatal: ")]
    told = [text for text in reasons if "single revision" not in text and "ambiguous argument" not in text]
    if "is ambiguous" in words:
        return GitError(f"{ref!r} is ambiguous", hint="give more digits of the commit's id")
    return _error(root, f"unknown revision {ref!r}" + "".join(f": {text}" for text in told), ref)


def _error(root: Path, message: str, ref: str | None = None) -> GitError:
    """GitError for something that is not here; the hint says how it may come."""
    hints = []
    if ref is not None:
        hints.append(_known_name(root, ref))
    if (_ask(root, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        message += ", but this clone is shallow: it holds only the latest commits"
        hints.append("git fetch --deepen=50, or git fetch --unshallow (actions/checkout: fetch-depth: 0)")
    return GitError(message, hint=", or ".join(filter(None, hints)) or None)


def _known_name(root: Path, ref: str) -> str | None:
    places = ("refs/heads", "refs/tags", "refs/remotes")
    names = (_ask(root, "for-each-ref", "--format=%(refname:short)", *places) or "").split()
    name = re.split(r"[~^@:]", ref)[0]
    if not name or name in {"HEAD", *names}:
        return None
    remote = next((known for known in names if known.endswith(f"/{name}")), None)
    if remote is not None:
        return f"did you mean {remote}{ref.removeprefix(name)}?"
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}{ref.removeprefix(name)}?"
    remotes = (_ask(root, "remote") or "").split()
    if remotes and re.fullmatch(r"[\w./-]+", name):
        remote = "origin" if "origin" in remotes else remotes[0]
        return f"git fetch {remote} {name}, and then FETCH_HEAD in its place"
    return None
