"""``kill -9`` at any moment of a comparison: the repository is as it was, and the next run tidies up."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

KILLED = 10
CHILD = """
import sys
from pathlib import Path
from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

root = Path(sys.argv[1])
base, head = resolve(root, "HEAD~1"), working_tree(root)
print("begins", flush=True)
with open_worktrees(root, base, head, print) as trees:
    (trees.base / "made by a benchmark").write_text("x")
print("ended", flush=True)
"""


def git(root, *arguments):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a stash, staged, changed and new files, and enough of them for a checkout to take time."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    for number in range(300):
        path = root / f"folder{number % 20}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 50)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    (root / "folder0" / "file0").write_text("second\n")
    git(root, "commit", "-q", "-a", "-m", "second")
    (root / "folder0" / "file0").write_text("stashed\n")
    git(root, "stash", "-q")
    (root / "folder1" / "file1").write_text("staged\n")
    git(root, "add", ".")
    (root / "folder1" / "file1").write_text("changed\n")
    (root / "new").write_text("new\n")
    git(root, "status")  # writes the index now, so that nobody needs to later
    return root


def state(root):
    """Every file outside of the worktrees' own records, the index's time, and what git says of it."""
    worktrees = root / ".git" / "worktrees"
    files = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and worktrees not in path.parents
    }
    asked = (("status", "--porcelain"), ("stash", "list"), ("show-ref",), ("config", "--local", "--list"))
    answers = [git(root, "--no-optional-locks", *words) for words in asked]
    return files, (root / ".git" / "index").stat().st_mtime_ns, answers


def start(root):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begins\n"
    return child


def wait_for_orphans(cache):
    """Until git processes that the killed run had started are gone: they hold its lock, by design."""
    import fcntl

    for path in (cache / "worktrees").glob("bench-guard-*.lock"):
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


@pytest.mark.integration
def test_a_killed_run_changes_nothing_and_the_next_one_tidies_up(project, tmp_path):
    cache = tmp_path / "cache"
    before = state(project)
    began = time.monotonic()
    with start(project) as child:
        assert child.stdout.read().endswith("ended\n")
    whole = time.monotonic() - began
    assert state(project) == before

    moments = random.Random(20_261_123)
    found = set()
    for _ in range(KILLED):
        with start(project) as child:
            # select would wake up on output; nothing is said, so this is the wait for a random moment.
            try:
                child.wait(moments.uniform(0, whole))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        assert child.returncode in {0, -signal.SIGKILL}
        wait_for_orphans(cache)
        assert state(project) == before
        found |= {path.suffix or path.name[-5:] for path in (cache / "worktrees").iterdir()}
    assert ".lock" in found
    assert found & {"-base", "-head"}, "no run was killed while it had worktrees"

    said = []
    with open_worktrees(project, resolve(project, "HEAD~1"), working_tree(project), said.append) as trees:
        assert (trees.head / "new").read_text() == "new\n"
        others = {path.name for path in (cache / "worktrees").iterdir()} - {"adding.lock"}
        assert {name[:24] for name in others} == {trees.base.name[:24]}
    assert [path.name for path in (cache / "worktrees").iterdir()] == ["adding.lock"]
    assert not (project / ".git" / "worktrees").exists()
    assert state(project) == before
    assert Path(project / "new").read_text() == "new\n"
