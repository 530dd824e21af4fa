"""Real git repositories that nothing outside of a test can change: no user's configuration, no user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Repository:
    """Real git in a folder of the test."""

    def __init__(self, root, *, new=True):
        self.root = Path(root)
        if new:
            self.root.mkdir(parents=True)
            self("init", "-q", "-b", "main")

    def __call__(self, *arguments, cwd=None):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | ALONE
        done = subprocess.run(
            ["git", *IDENTITY, *arguments],
            cwd=cwd or self.root,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.strip()

    def write(self, name, text="", *, mode=None):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if mode is not None:
            path.chmod(mode)
        return path

    def commit(self, message, **files):
        """Write ``name=text`` files (``**{"pk/a.py": ...}`` for a path), commit all, return the id."""
        for name, text in files.items():
            self.write(name, text)
        self("add", "-A")
        self("commit", "-q", "-m", message, "--allow-empty")
        return self("rev-parse", "HEAD")

    def state(self):
        """Everything that a user could notice, the time of the index included."""
        folder = self.root / ".git"
        files = {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink() and folder / "worktrees" not in path.parents
        }
        asked = (("status", "--porcelain"), ("stash", "list"), ("show-ref",), ("worktree", "list"))
        answers = [self("--no-optional-locks", *words) for words in asked]
        return files, (folder / "index").stat().st_mtime_ns, answers

    def left_behind(self):
        """What is there of any worktree of ours."""
        entries = self.root / ".git" / "worktrees"
        place = Path(os.environ["BENCH_GUARD_CACHE"]) / "worktrees"
        return [
            *(entries.iterdir() if entries.is_dir() else ()),
            *(path for path in place.glob("*") if path.name != "adding.lock"),
        ]


@pytest.fixture
def git_world(tmp_path, monkeypatch):
    """Variables that keep git and the cache inside of ``tmp_path``."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def make_repository(git_world):
    """``make_repository(name)``: an empty repository on branch main."""

    def make(name="project"):
        return Repository(git_world / name)

    return make


@pytest.fixture(scope="session")
def two_commits(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("two-commits") / "project")
    repository.commit("first words", **{"pk/__init__.py": "V = 1\n", "README": "one\n"})
    repository("tag", "v1")
    repository.commit("second words", **{"pk/__init__.py": "V = 2\n"})
    return repository.root


@pytest.fixture
def repo(git_world, two_commits):
    """A project with two commits and a tag, ``v1``, on the first."""
    shutil.copytree(two_commits, git_world / "project", symlinks=True)
    return Repository(git_world / "project", new=False)


@pytest.fixture(scope="session")
def nested_clones(tmp_path_factory):
    place = tmp_path_factory.mktemp("nested-clones")
    deep = Repository(place / "deep")
    deep.commit("deep", deep="deep 1")
    inner = Repository(place / "inner")
    inner.commit("inner", file="inner 1")
    inner("submodule", "add", "-q", str(deep.root), "deep")
    inner.commit("with deep")
    outer = Repository(place / "project")
    outer.commit("first", README="one")
    outer("tag", "v1")
    outer("submodule", "add", "-q", "--name", "lib", str(inner.root), "sub")
    outer("submodule", "update", "-q", "--init", "--recursive")
    outer.commit("with sub")
    outer("tag", "sub1")
    inner.commit("inner changes", file="inner 2")
    outer("fetch", "-q", cwd=outer.root / "sub")
    outer("checkout", "-q", "origin/main", cwd=outer.root / "sub")
    outer.commit("newer sub")
    return outer.root


@pytest.fixture
def outer(repo, nested_clones):
    """``repo`` with the submodule ``sub`` (its name is ``lib``), which has a submodule ``deep`` of its own."""
    shutil.rmtree(repo.root)
    shutil.copytree(nested_clones, repo.root, symlinks=True)
    return repo


@pytest.fixture
def said():
    return []


@pytest.fixture
def opened(repo, said):
    """``with opened("v1")``: base against the working tree, or against a second revision."""

    def open_it(base, head=None, *, root=repo.root):
        other = resolve(root, head) if head else working_tree(root)
        return open_worktrees(root, resolve(root, base), other, said.append)

    return open_it
