"""A git repository that nothing outside of the test can change: no user's configuration, no user's cache."""

import os
import subprocess
from pathlib import Path

import pytest


class Repository:
    """Real git in a folder of the test."""

    def __init__(self, root):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def __call__(self, *arguments, cwd=None):
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
        done = subprocess.run(command, cwd=cwd or self.root, check=False, capture_output=True, text=True)
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
        """Write ``name=text`` files (``pk/a.py`` as ``**{"pk/a.py": ...}``), commit all, return the id."""
        for name, text in files.items():
            self.write(name, text)
        self("add", "-A")
        self("commit", "-q", "-m", message, "--allow-empty")
        return self("rev-parse", "HEAD")


@pytest.fixture
def git_world(tmp_path, monkeypatch):
    """Variables that keep git and the cache inside of ``tmp_path``."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def make_repository(git_world):
    """``make_repository(name)``: an empty repository on branch main."""

    def make(name="project"):
        repository = Repository(git_world / name)
        repository("init", "-q", "-b", "main")
        return repository

    return make


@pytest.fixture
def repo(make_repository):
    """A project with two commits and a tag on the first."""
    repository = make_repository()
    repository.commit("first words", **{"pk/__init__.py": "V = 1\n", "README": "one\n"})
    repository("tag", "v1")
    repository.commit("second words", **{"pk/__init__.py": "V = 2\n"})
    return repository
