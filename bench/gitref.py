"""[edge] What git knows of the measured project; everything works without git and outside of a repository."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 10.0
_LOCATION = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that is checked out; ``dirty`` when tracked files under the project differ from it."""

    id: str | None = None
    dirty: bool = False

    @property
    def label(self) -> str | None:
        """The id, with ``-dirty`` behind it (as git describe writes it) where the tree differs."""
        return f"{self.id}-dirty" if self.id and self.dirty else self.id


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


def _ask(root: Path, *arguments: str) -> str | None:
    # A hook of git runs us with variables that point at *its* repository.
    environ = {name: value for name, value in os.environ.items() if name not in _LOCATION}
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  -- the git that the user's PATH names
            cwd=root,
            env=environ | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
