"""Does an interrupted or killed `ab` leave anything behind? Tried at random moments.

::

    python docs/rates/killed.py FOLDER --times 50

The repository has staged, unstaged and untracked changes, a stash, a branch and a tag. A run of
``bench-guard ab`` gets Ctrl-C (SIGINT to its process group) or ``kill -9`` (the program alone) at a
seeded random moment. Then every file of the repository, git's own included, must hold the same bytes as
before, what git says of it must be the same, and no process of the run may live on. After a kill, git's
list of worktrees may name what lay outside of the repository; the next whole run must have removed that
too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "KILLED_RATES_MARK"
LONGEST_FAREWELL_S = 10.0
_OURS = ("reports", "__pycache__")
_GIT_SAYS = (
    ("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
    ("stash", "list"),
    ("for-each-ref",),
    ("ls-files", "--stage", "--debug"),
    ("config", "--local", "--list"),
    ("fsck", "--no-progress", "--no-dangling"),
)
_SHAPES = "def area(sides):\n    return sum(a * b for a, b in sides)\n"
_SUITE = """\
from bench import benchmark
from shapes import area

SIDES = [(i, i + 1) for i in range(40)]

@benchmark
def area_of_forty():
    return area(SIDES)
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A small repository, the cache folder of its runs, and the environment they run in."""

    root: Path
    cache: Path

    @property
    def environ(self) -> dict[str, str]:
        """The caller's environment without coverage, which a kill would cut in the middle of its data."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "COVERAGE_"))}
        return kept | {"BENCH_GUARD_CACHE": str(self.cache), MARK: str(self.root), "GIT_OPTIONAL_LOCKS": "0"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ended: when it got which signal, its exit code, and everything that should not be."""

    signal: str
    moment_s: float
    exit_code: int
    farewell_s: float
    faults: tuple[str, ...]
    left: tuple[str, ...]
    next_run_s: float = 0.0


def main() -> None:
    """Interrupt and kill in turn; exit code 1 when anything was left behind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    project = make_project(given.folder.resolve())
    started = time.monotonic()
    if (code := run_whole(project)) not in {0, 1, 3}:
        raise SystemExit(f"an undisturbed run ends with exit code {code}")
    whole = time.monotonic() - started
    print(f"an undisturbed run takes {whole:.1f} s", flush=True)
    endings: list[Ending] = []
    for number, share in random_moments(given.seed, given.times):
        endings.append(end_early(project, number, share * whole))
        whole = endings[-1].next_run_s  # a busy host makes the same share of a run a later moment
        _tell(len(endings), endings[-1])
    raise SystemExit(_summary(endings))


def random_moments(seed: int, count: int) -> list[tuple[signal.Signals, float]]:
    """Signals in turn, each with a share of a whole run; every other pair in the first third, git's time."""
    chance = random.Random(seed)  # noqa: S311  -- moments, not secrets
    signals = (signal.SIGINT, signal.SIGKILL)
    return [
        (signals[number % 2], chance.uniform(0.0, 1 / 3 if number % 4 < 2 else 0.9))
        for number in range(count)
    ]


def make_project(folder: Path) -> Project:
    """A repository in ``FOLDER/repository`` with something wherever a careless tool would touch."""
    root = folder / "repository"
    project = Project(root, folder / "cache")
    if root.exists():
        return project
    (root / "shapes").mkdir(parents=True)
    (root / "benchmarks").mkdir()
    (root / "shapes" / "__init__.py").write_text(_SHAPES)
    (root / "benchmarks" / "bench_shapes.py").write_text(_SUITE)
    (root / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
    (root / ".gitignore").write_text("reports/\n__pycache__/\n")
    _git(root, "init", "-q", "-b", "main")
    for key, value in (("name", "rates"), ("email", "rates@example.org")):
        _git(root, "config", f"user.{key}", value)
    _commit(root, "first")
    _git(root, "tag", "v1")
    (root / "notes.txt").write_text("stashed\n")
    _git(root, "add", "notes.txt")
    _git(root, "stash")
    (root / "shapes" / "__init__.py").write_text(_SHAPES + "\nLATER = 1\n")
    _commit(root, "second")
    _git(root, "branch", "aside", "v1")
    (root / "shapes" / "staged.py").write_text("STAGED = 1\n")
    _git(root, "add", "-A")
    (root / "shapes" / "__init__.py").write_text(_SHAPES + "\nUNSTAGED = 1\n")
    (root / "untracked.txt").write_text("untracked\n")
    return project


def run_whole(project: Project, *arguments: str) -> int:
    """A run that nobody disturbs; its exit code."""
    return subprocess.run(
        _command(*arguments), cwd=project.root, env=project.environ, capture_output=True, check=False
    ).returncode


def end_early(
    project: Project, number: signal.Signals, moment_s: float, next_run: Sequence[str] = ()
) -> Ending:
    """Start ``ab``, send the signal ``moment_s`` later; look at what is left, before and after another run.

    ``next_run`` are arguments of that other run.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background jobs pass that on
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = snapshot(project)
    process = subprocess.Popen(
        _command(), cwd=project.root, env=project.environ, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
        _, said = process.communicate()
    started = time.monotonic()
    faults = [f"left running: {name}" for name in survivors(project)]
    farewell = time.monotonic() - started
    if "internal error" in said or ("Traceback" in said and process.returncode != -signal.SIGINT):
        faults.append(f"said: {said[-300:]}")  # but for an interpreter that was still importing the program
    faults += differences(before, snapshot(project), "after the signal")
    left = leftovers(project)
    if number is signal.SIGINT:
        faults += [f"left by an interrupted run: {name}" for name in left]
    started = time.monotonic()
    run_whole(project, *next_run)
    whole = time.monotonic() - started
    faults += [f"left after the next run: {name}" for name in leftovers(project)]
    faults += differences(before, snapshot(project), "after the next run")
    return Ending(number.name, moment_s, process.returncode, farewell, tuple(faults), left, whole)


def snapshot(project: Project) -> Mapping[str, str]:
    """Digest of every file of the repository, and every answer of git about it."""
    says = {" ".join(words): _git(project.root, *words) for words in _GIT_SAYS}
    return says | {
        str(path.relative_to(project.root)): _digest(path)
        for path in sorted(project.root.rglob("*"))
        if not _is_ours(path.relative_to(project.root))
    }


def differences(before: Mapping[str, str], after: Mapping[str, str], when: str) -> list[str]:
    """What is not as it was."""
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    return [f"changed {when}: {name}" for name in sorted(changed)]


def leftovers(project: Project) -> tuple[str, ...]:
    """Worktrees and locks that belong to no run any more; nothing may be running."""
    entries = project.root / ".git" / "worktrees"
    places = [entries, *(project.cache / "worktrees").glob("bench-guard-*")]
    return tuple(str(path) for path in places if path.exists())


def survivors(project: Project) -> list[str]:
    """Processes of this project's runs that live longer than a farewell; they are ended here."""
    mine = [process for process in psutil.process_iter() if _has_mark(process, project)]
    _, alive = psutil.wait_procs(mine, timeout=LONGEST_FAREWELL_S)
    names = [f"{process.pid} {' '.join(process.cmdline())[:100]}" for process in alive]
    for process in alive:
        process.kill()
    return names


def _has_mark(process: psutil.Process, project: Project) -> bool:
    try:
        return process.environ().get(MARK) == str(project.root) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _command(*arguments: str) -> list[str]:
    program = str(Path(sys.executable).with_name("bench-guard"))
    return [program, "ab", "--base", "v1", "--metric", "time", "--no-progress", *arguments]


def _is_ours(path: Path) -> bool:
    """Whether a path is the run's own: reports, byte code, git's list of worktrees (looked at on its own)."""
    return any(part in _OURS for part in path.parts) or path.parts[:2] == (".git", "worktrees")


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return oct(path.lstat().st_mode)
    return oct(path.stat().st_mode) + hashlib.sha256(path.read_bytes()).hexdigest()


def _git(root: Path, *arguments: str) -> str:
    environ = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, env=environ, check=True, capture_output=True, text=True).stdout


def _commit(root: Path, message: str) -> None:
    _git(root, "add", "-A")
    _git(root, "-c", "commit.gpgsign=false", "commit", "-q", "-m", message)


def _tell(number: int, ending: Ending) -> Ending:
    words = "; ".join(ending.faults) or "clean"
    left = f", {len(ending.left)} things left until the next run" if ending.left else ""
    print(
        f"{number}: {ending.signal} at {ending.moment_s:.2f} s, exit {ending.exit_code}, "
        f"processes gone after {ending.farewell_s:.2f} s{left}: {words}",
        flush=True,
    )
    return ending


def _summary(endings: Sequence[Ending]) -> int:
    """Print what the table needs; 1 when anything went wrong."""
    for name in sorted({ending.signal for ending in endings}):
        mine = [ending for ending in endings if ending.signal == name]
        codes = dict(sorted(Counter(ending.exit_code for ending in mine).items()))
        print(
            f"{name}: {len(mine)} times, {sum(bool(ending.faults) for ending in mine)} with a fault, "
            f"{sum(bool(ending.left) for ending in mine)} left something to the next, exit codes {codes}, "
            f"longest farewell {max(ending.farewell_s for ending in mine):.2f} s"
        )
    return int(any(ending.faults for ending in endings))


if __name__ == "__main__":
    main()
