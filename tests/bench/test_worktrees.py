import errno
import fcntl
import os
import shutil
import subprocess
import sys

import pytest

from bench import worktrees
from bench.errors import GitError, StoreError
from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

pytestmark = pytest.mark.integration


def test_both_sides_hold_their_revision(opened):
    with opened("v1", "main") as trees:
        assert (trees.base / "pk" / "__init__.py").read_text() == "V = 1\n"
        assert (trees.head / "pk" / "__init__.py").read_text() == "V = 2\n"
        assert len(str(trees.base)) == len(str(trees.head))
        assert trees.base != trees.head


def test_nothing_is_changed_and_nothing_stays(repo, opened):
    repo.write("README", "stashed")
    repo("stash", "-q")
    repo.write("README", "staged")
    repo("add", "README")
    repo.write("README", "changed")
    repo.write("new")
    before = repo.state()
    with opened("v1") as trees:
        (trees.base / "README").write_text("scribbled over")
        (trees.head / "more").write_text("scribbled over")
        assert repo("worktree", "list").count("\n") == 2
    assert repo.state() == before
    assert repo.left_behind() == []
    assert not (repo.root / ".git" / "worktrees").exists()


def test_the_same_commit_twice_is_two_trees(opened):
    with opened("main") as trees:
        assert trees.base != trees.head
        assert (trees.base / "README").read_text() == (trees.head / "README").read_text()


def test_a_project_below_the_top_of_its_repository(repo, opened):
    repo.commit("inner", **{"inner/pk.py": "V = 3", "sibling": "x"})
    with opened("main", root=repo.root / "inner") as trees:
        assert (trees.base / "pk.py").read_text() == "V = 3"
        assert (trees.base.parent / "sibling").is_file()


def test_a_project_that_the_base_does_not_hold(repo, opened):
    repo.commit("inner", **{"inner/pk.py": "V = 3"})
    with (
        pytest.raises(GitError, match=r"v1 \(\w{10}\) has no folder inner"),
        opened("v1", root=repo.root / "inner"),
    ):
        pass
    assert repo.left_behind() == []


def test_hooks_do_not_run_and_configuration_does_not_disturb(repo, opened, git_world):
    hook = repo.write("hook", f"#!/bin/sh\ntouch {git_world / 'ran'}\nexit 1\n", mode=0o755)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        shutil.copy(hook, repo.root / ".git" / "hooks" / name)
    for key, value in {
        "worktree.guessRemote": "true",
        "submodule.recurse": "true",
        "core.fsmonitor": str(hook),
        "core.splitIndex": "true",
        "checkout.defaultRemote": "x",
    }.items():
        repo("-c", "core.hooksPath=/dev/null", "config", key, value)
    with opened("v1") as trees:
        assert (trees.base / "README").is_file()
    assert not (git_world / "ran").exists()


def test_an_error_and_an_interruption_leave_nothing(repo, opened):
    def disturb(tree, error):
        (tree / "shut").mkdir()
        (tree / "shut" / "file").write_text("x")
        (tree / "shut").chmod(0o500)
        raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), opened("v1") as trees:
            disturb(trees.base, error)
        assert repo.left_behind() == []


def test_errors_of_what_runs_inside_are_not_ours(opened):
    with pytest.raises(FileNotFoundError), opened("v1") as trees:
        (trees.base / "none").read_text()


def test_a_linked_worktree_of_the_user_is_left_alone(repo, opened, git_world):
    repo("worktree", "add", "-q", "--detach", str(git_world / "mine"), "v1")
    (git_world / "mine" / "README").write_text("changed")
    shutil.rmtree(git_world / "mine")  # a drive that is not mounted: git would prune it
    with opened("v1"):
        pass
    assert (repo.root / ".git" / "worktrees" / "mine").is_dir()


def test_a_project_in_a_linked_worktree(repo, git_world, said):
    mine = git_world / "mine"
    repo("worktree", "add", "-q", "-b", "side", str(mine), "v1")
    (mine / "README").write_text("changed there")
    with open_worktrees(mine, resolve(mine, "main"), working_tree(mine), said.append) as trees:
        assert (trees.head / "README").read_text() == "changed there"
        assert (trees.base / "pk" / "__init__.py").read_text() == "V = 2\n"
    assert (repo.root / ".git" / "worktrees" / "mine").is_dir()


def test_a_full_disk_is_one_error(repo, opened, monkeypatch):
    real = os.write

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(worktrees.os, "write", full)
    with pytest.raises(StoreError, match="No space left on device"), opened("v1"):
        pass
    monkeypatch.setattr(worktrees.os, "write", real)
    with opened("v1"):
        pass
    assert repo.left_behind() == []


class TestWhatOtherRunsLeft:
    TOKEN = "0123456789ab"

    @pytest.fixture
    def abandoned(self, repo, git_world):
        """What a killed run leaves: a lock that nobody holds, a tree, an index lock, half an entry."""
        place = git_world / "cache" / "worktrees"
        place.mkdir(parents=True, mode=0o700)
        (git_world / "cache").chmod(0o700)
        lock = place / f"bench-guard-{self.TOKEN}.lock"
        lock.write_text(str(repo.root / ".git"))
        tree = place / f"bench-guard-{self.TOKEN}-base"
        repo("worktree", "add", "-q", "--detach", str(tree), "v1")
        repo.write(f".git/worktrees/{tree.name}/index.lock")
        repo.write(f".git/worktrees/{tree.name}/locked", "initializing")
        (repo.root / ".git" / "worktrees" / f"bench-guard-{self.TOKEN}-head").mkdir()
        (place / f"bench-guard-{self.TOKEN}-index").write_text("x")
        return lock

    def test_it_is_removed_and_said(self, repo, opened, said, abandoned):
        with opened("v1"):
            assert not abandoned.exists()
        assert repo.left_behind() == []
        assert said == ["removed the worktrees of a run that was killed"]

    def test_a_run_that_is_alive_keeps_its_trees(self, repo, opened, said, abandoned):
        with abandoned.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with opened("v1"):
                assert (abandoned.parent / f"bench-guard-{self.TOKEN}-base" / "README").is_file()
            assert (repo.root / ".git" / "worktrees" / f"bench-guard-{self.TOKEN}-base").is_dir()
            assert (repo.root / ".git" / "worktrees" / f"bench-guard-{self.TOKEN}-head").is_dir()
        assert said == []

    @pytest.mark.usefixtures("abandoned")
    def test_the_next_run_in_another_repository_removes_it_too(self, repo, said, make_repository):
        other = make_repository("other")
        other.commit("only")
        with open_worktrees(other.root, resolve(other.root, "HEAD"), working_tree(other.root), said.append):
            pass
        assert repo.left_behind() == []

    @pytest.mark.usefixtures("abandoned")
    def test_with_another_cache_folder_since(self, repo, opened, git_world, monkeypatch):
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(git_world / "new cache"))
        with opened("v1"):
            pass
        assert repo.left_behind() == []

    @pytest.mark.usefixtures("abandoned")
    def test_when_that_folder_is_gone(self, repo, opened, git_world, monkeypatch):
        shutil.rmtree(git_world / "cache")
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(git_world / "new cache"))
        with opened("v1"):
            pass
        assert not (repo.root / ".git" / "worktrees").exists()

    @pytest.mark.usefixtures("abandoned")
    def test_what_cannot_be_removed_is_said_and_does_not_stop_anybody(self, opened, said, monkeypatch):
        real = worktrees.remove_tree

        def remove(path):
            if self.TOKEN in path.name:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            real(path)

        monkeypatch.setattr(worktrees, "remove_tree", remove)
        with opened("v1"):
            pass
        assert len(said) >= 1
        assert all("left by a killed run, cannot be removed: Permission denied" in text for text in said)

    def test_own_trees_that_cannot_be_removed_are_said(self, repo, opened, said, monkeypatch):
        def remove(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        with monkeypatch.context() as patched:
            patched.setattr(worktrees, "remove_tree", remove)
            with opened("v1"):
                pass
        assert "left behind (Permission denied); the next run removes it" in said[0]
        with opened("v1"):
            pass
        assert repo.left_behind() == []

    def test_files_of_other_names_are_left_alone(self, opened, git_world):
        place = git_world / "cache" / "worktrees"
        place.mkdir(parents=True, mode=0o700)
        (place / "bench-guard-notes.lock").write_text("mine")
        with opened("v1"):
            pass
        assert (place / "bench-guard-notes.lock").read_text() == "mine"


def test_two_runs_at_once_do_not_disturb_each_other(repo, opened):
    with opened("v1") as outer:
        with opened("v1", "main") as inner:
            assert {outer.base, outer.head}.isdisjoint({inner.base, inner.head})
        assert (outer.base / "README").is_file()
        assert repo("worktree", "list").count("\n") == 2
    assert repo.left_behind() == []


def test_many_processes_at_once(repo):
    program = (
        "import sys; from pathlib import Path; from bench.gitref import resolve, working_tree;"
        "from bench.worktrees import open_worktrees; root = Path(sys.argv[1]);\n"
        "for _ in range(3):\n"
        "    with open_worktrees(root, resolve(root, 'v1'), working_tree(root), print) as trees:\n"
        "        assert (trees.base / 'README').is_file() and (trees.head / 'README').is_file()\n"
    )
    command = [sys.executable, "-c", program, str(repo.root)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [run.communicate(timeout=60)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], errors
    assert repo.left_behind() == []
