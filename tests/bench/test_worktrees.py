import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import treefiles, worktrees
from bench.errors import GitError, StoreError
from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

pytestmark = pytest.mark.integration


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


def state(repository):
    """Everything of a repository that a user could notice, times of the index included."""
    folder = repository.root / ".git"
    files = {
        str(path.relative_to(repository.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(repository.root.rglob("*"))
        if path.is_file() and not path.is_symlink() and folder / "worktrees" not in path.parents
    }
    index = (folder / "index").stat()
    answers = [
        repository("--no-optional-locks", *asked)
        for asked in (("status", "--porcelain"), ("stash", "list"), ("show-ref",), ("worktree", "list"))
    ]
    return files, index.st_mtime_ns, answers


def left_behind(repository, cache):
    entries = repository.root / ".git" / "worktrees"
    return [
        *(entries.iterdir() if entries.is_dir() else ()),
        *(path for path in (cache / "worktrees").glob("*") if path.name != "adding.lock"),
    ]


def test_both_sides_hold_their_revision(opened):
    with opened("v1", "main") as trees:
        assert (trees.base / "pk" / "__init__.py").read_text() == "V = 1\n"
        assert (trees.head / "pk" / "__init__.py").read_text() == "V = 2\n"
        assert len(str(trees.base)) == len(str(trees.head))
        assert trees.base != trees.head


def test_nothing_is_changed_and_nothing_stays(repo, opened, git_world):
    repo.write("README", "stashed")
    repo("stash", "-q")
    repo.write("README", "staged")
    repo("add", "README")
    repo.write("README", "changed")
    repo.write("new")
    before = state(repo)
    with opened("v1") as trees:
        (trees.base / "README").write_text("scribbled over")
        (trees.head / "more").write_text("scribbled over")
        assert repo("worktree", "list").count("\n") == 2
    assert state(repo) == before
    assert left_behind(repo, git_world / "cache") == []
    assert not (repo.root / ".git" / "worktrees").exists()


def test_the_same_commit_twice_is_two_trees(opened):
    with opened("main") as trees:
        assert trees.base != trees.head
        assert (trees.base / "README").read_text() == (trees.head / "README").read_text()


def test_a_dirty_head_is_a_copy_of_what_git_would_see(repo, opened):
    repo.commit(
        "more",
        **{"gone": "x", "script": "x", ".gitignore": "*.log\n", "data/a": "x", "with space\tand tab": "x"},
    )
    repo("rm", "-q", "--cached", "data/a")
    (repo.root / "gone").unlink()
    repo.write("script", "#!/bin/sh\n", mode=0o755)
    repo.write("noise.log")
    repo.write("new/ünïcode", "fresh")
    (repo.root / "link").symlink_to("pk/__init__.py")
    (repo.root / "dangling").symlink_to("nowhere")
    os.utime(repo.root / "script", ns=(10**18, 10**18))
    with opened("v1") as trees:
        head = trees.head
        assert not (head / "gone").exists()
        assert not (head / "noise.log").exists()
        assert (head / "new" / "ünïcode").read_text() == "fresh"
        assert (head / "with space\tand tab").is_file()
        assert (head / "data" / "a").is_file()
        assert (head / "link").readlink() == Path("pk/__init__.py")
        assert (head / "dangling").is_symlink()
        assert (head / "script").stat().st_mode & 0o777 == 0o755
        assert (head / "script").stat().st_mtime_ns == 10**18
        assert repo("status", "--porcelain", cwd=head) == repo("status", "--porcelain")


def test_a_folder_that_became_a_link_is_not_written_through(repo, opened, git_world):
    repo.commit("data", **{"data/a": "tracked"})
    outside = git_world / "outside"
    outside.mkdir()
    (outside / "a").write_text("mine")
    shutil.rmtree(repo.root / "data")
    (repo.root / "data").symlink_to(outside)
    with opened("v1") as trees:
        assert (trees.head / "data").is_symlink()
    assert (outside / "a").read_text() == "mine"


def test_files_that_cannot_be_read_or_are_no_files(repo, opened):
    os.mkfifo(repo.root / "pipe")
    repo.write("README", "changed")
    (repo.root / "pk" / "__init__.py").unlink()
    os.mkfifo(repo.root / "pk" / "__init__.py")
    with opened("v1") as trees:
        assert not (trees.head / "pipe").exists()
        assert not (trees.head / "pk" / "__init__.py").exists()


def test_a_file_that_cannot_be_copied_is_named(repo, opened, monkeypatch):
    repo.write("README", "changed")

    def fail(source, target, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(treefiles.shutil, "copy2", fail)
    with (
        pytest.raises(GitError, match=r"README: cannot be copied to .*: No space left on device"),
        opened("v1"),
    ):
        pass


def test_a_project_below_the_top_of_its_repository(repo, opened):
    repo.commit("inner", **{"inner/pk.py": "V = 3", "sibling": "x"})
    with opened("main", root=repo.root / "inner") as trees:
        assert (trees.base / "pk.py").read_text() == "V = 3"
        assert (trees.base.parent / "sibling").is_file()


def test_a_project_that_the_base_does_not_hold(repo, opened, git_world):
    repo.commit("inner", **{"inner/pk.py": "V = 3"})
    with (
        pytest.raises(GitError, match=r"v1 \(\w{10}\) has no folder inner"),
        opened("v1", root=repo.root / "inner"),
    ):
        pass
    assert left_behind(repo, git_world / "cache") == []


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


def test_an_error_and_an_interruption_leave_nothing(repo, opened, git_world):
    def disturb(tree, error):
        (tree / "shut").mkdir()
        (tree / "shut" / "file").write_text("x")
        (tree / "shut").chmod(0o500)
        raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), opened("v1") as trees:
            disturb(trees.base, error)
        assert left_behind(repo, git_world / "cache") == []


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


class TestWhatGitIgnoresButAPackageNeeds:
    def test_a_generated_version_file_comes_along_and_is_said(self, repo, opened, said):
        repo.commit("ignore", **{".gitignore": "_version.py\n.venv\n*.so\n", ".venv/x/__init__.py": ""})
        repo.write("pk/_version.py", "version = '1'")
        repo.write("pk/fast.so", "binary")
        repo.write(".venv/x/_version.py")
        repo.write("README", "dirty")
        with opened("v1") as trees:
            for tree in (trees.base, trees.head):
                assert (tree / "pk" / "_version.py").read_text() == "version = '1'"
                assert not (tree / "pk" / "fast.so").exists()
                assert not (tree / ".venv").exists()
        assert said == [
            f"{label}: pk/_version.py is ignored by git, so it was copied from the working tree"
            for label in ("v1", "working tree")
        ]

    def test_a_revision_that_has_its_own_keeps_it(self, repo, opened, said):
        repo.commit("tracked", **{"pk/_version.py": "of the base"})
        repo("rm", "-q", "--cached", "pk/_version.py")
        repo.commit("now ignored", **{".gitignore": "_version.py\n"})
        repo.write("pk/_version.py", "of today")
        with opened("HEAD~1") as trees:
            assert (trees.base / "pk" / "_version.py").read_text() == "of the base"
            assert (trees.head / "pk" / "_version.py").read_text() == "of today"
        assert len(said) == 1


class TestSubmodules:
    @pytest.fixture
    def outer(self, repo, make_repository):
        """``repo`` with the submodule ``sub`` (named ``lib``), which has a submodule ``deep`` of its own."""
        deep = make_repository("deep")
        deep.commit("deep", deep="deep 1")
        inner = make_repository("inner")
        inner.commit("inner", file="inner 1")
        allow = ("-c", "protocol.file.allow=always")
        inner(*allow, "submodule", "add", "-q", str(deep.root), "deep")
        inner.commit("with deep")
        repo(*allow, "submodule", "add", "-q", "--name", "lib", str(inner.root), "sub")
        repo(*allow, "submodule", "update", "-q", "--init", "--recursive")
        repo.commit("with sub")
        repo("tag", "sub1")
        inner.commit("inner changes", file="inner 2")
        repo("fetch", "-q", cwd=repo.root / "sub")
        repo("checkout", "-q", "origin/main", cwd=repo.root / "sub")
        repo.commit("newer sub")
        return repo

    def test_they_come_from_the_local_clone_at_the_commit_of_the_revision(self, outer, opened, said):
        before = state(outer)
        with opened("sub1", "main") as trees:
            assert (trees.base / "sub" / "file").read_text() == "inner 1"
            assert (trees.base / "sub" / "deep" / "deep").read_text() == "deep 1"
            assert (trees.head / "sub" / "file").read_text() == "inner 2"
        assert said == []
        assert state(outer) == before

    def test_their_working_files_are_copied_with_a_dirty_head(self, outer, opened):
        (outer.root / "sub" / "file").write_text("edited")
        (outer.root / "sub" / "deep" / "untracked").write_text("new")
        with opened("sub1") as trees:
            assert (trees.head / "sub" / "file").read_text() == "edited"
            assert (trees.head / "sub" / "deep" / "untracked").read_text() == "new"
            assert not (trees.head / "sub" / ".git").exists()

    def test_one_that_was_never_cloned_is_said(self, outer, said, git_world):
        clone = git_world / "clone"
        outer("clone", "-q", str(outer.root), str(clone))
        with open_worktrees(clone, resolve(clone, "HEAD~1"), working_tree(clone), said.append) as trees:
            assert list((trees.base / "sub").iterdir()) == []
        assert len(said) == 2
        assert "git submodule update --init sub" in said[0]

    def test_a_project_that_is_a_submodule(self, outer, said):
        inner = outer.root / "sub"
        with open_worktrees(inner, resolve(inner, "HEAD~1"), working_tree(inner), said.append) as trees:
            assert (trees.base / "file").read_text() == "inner 1"
            assert (trees.head / "file").read_text() == "inner 2"

    def test_a_name_that_climbs_out_is_not_followed(self, outer, opened, said, git_world):
        modules = (outer.root / ".gitmodules").read_text().replace('"lib"', '"../../evil"')
        shutil.copytree(outer.root / ".git" / "modules" / "lib", git_world / "evil")
        outer.commit("evil", **{".gitmodules": modules})
        with opened("main", "main"):
            pass
        assert any("sub" in text for text in said)


class TestLargeFiles:
    OID = hashlib.sha256(b"large content").hexdigest()
    POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 13\n"

    @pytest.fixture
    def with_lfs(self, repo):
        """The configuration of git lfs install, with a program that would wait for a server."""
        repo.commit(
            "lfs",
            **{"big.bin": self.POINTER, "odd.bin": "no pointer", ".gitattributes": "*.bin filter=lfs\n"},
        )
        (repo.root / "big.bin").write_text("large content")
        for key, value in {
            "clean": "cat",
            "smudge": "sleep 60",
            "process": "sleep 60",
            "required": "true",
        }.items():
            repo("config", f"filter.lfs.{key}", value)
        return repo

    def test_what_was_fetched_is_used(self, with_lfs, opened, said):
        with_lfs.write(f".git/lfs/objects/{self.OID[:2]}/{self.OID[2:4]}/{self.OID}", "large content")
        with opened("main", "main") as trees:
            assert (trees.base / "big.bin").read_text() == "large content"
            assert (trees.base / "odd.bin").read_text() == "no pointer"
        assert said == []

    @pytest.mark.usefixtures("with_lfs")
    def test_what_was_not_is_said_and_not_waited_for(self, opened, said):
        with opened("v1", "main") as trees:
            assert (trees.head / "big.bin").read_text() == self.POINTER
        (text,) = said
        assert text.startswith("main: 1 files of Git LFS are only pointers: git lfs fetch origin ")


class TestTheCacheFolder:
    def test_it_is_the_users(self, opened, git_world, monkeypatch):
        monkeypatch.delenv("BENCH_GUARD_CACHE")
        monkeypatch.setattr(sys, "platform", "linux")
        with opened("v1") as trees:
            assert trees.cache == git_world / "home" / ".cache" / "bench-guard"
        monkeypatch.setenv("XDG_CACHE_HOME", str(git_world / "xdg"))
        with opened("v1") as trees:
            assert trees.cache == git_world / "xdg" / "bench-guard"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(sys, "platform", "darwin")
        with opened("v1") as trees:
            assert trees.cache == git_world / "home" / "Library" / "Caches" / "bench-guard"

    def test_one_inside_of_the_repository_is_not_used(self, repo, opened, git_world, monkeypatch):
        monkeypatch.delenv("BENCH_GUARD_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(repo.root / ".cache"))
        monkeypatch.setattr("tempfile.tempdir", str(git_world))
        with opened("v1") as trees:
            assert trees.cache == git_world / f"bench-guard-{os.getuid()}"
        assert not (repo.root / ".cache").exists()

    def test_one_that_cannot_be_written_is_an_error_that_names_it(self, opened, git_world):
        (git_world / "cache").write_text("a file")
        with pytest.raises(StoreError, match=r"cache: File exists") as caught, opened("v1"):
            pass
        assert "BENCH_GUARD_CACHE=/a/folder" in caught.value.hint

    def test_one_that_others_can_write_is_not_trusted(self, opened, git_world):
        (git_world / "cache").mkdir()
        (git_world / "cache").chmod(0o777)
        with pytest.raises(StoreError, match="other users may write in it"), opened("v1"):
            pass

    def test_a_full_disk_is_one_error(self, repo, opened, git_world, monkeypatch):
        real = os.write

        def full(descriptor, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(worktrees.os, "write", full)
        with pytest.raises(StoreError, match="No space left on device"), opened("v1"):
            pass
        monkeypatch.setattr(worktrees.os, "write", real)
        with opened("v1"):
            pass
        assert left_behind(repo, git_world / "cache") == []


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

    def test_it_is_removed_and_said(self, repo, opened, said, abandoned, git_world):
        with opened("v1"):
            assert not abandoned.exists()
        assert left_behind(repo, git_world / "cache") == []
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
    def test_the_next_run_in_another_repository_removes_it_too(self, repo, said, git_world, make_repository):
        other = make_repository("other")
        other.commit("only")
        with open_worktrees(other.root, resolve(other.root, "HEAD"), working_tree(other.root), said.append):
            pass
        assert left_behind(repo, git_world / "cache") == []

    @pytest.mark.usefixtures("abandoned")
    def test_with_another_cache_folder_since(self, repo, opened, git_world, monkeypatch):
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(git_world / "new cache"))
        with opened("v1"):
            pass
        assert left_behind(repo, git_world / "cache") == []

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

    def test_own_trees_that_cannot_be_removed_are_said(self, repo, opened, said, monkeypatch, git_world):
        def remove(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        with monkeypatch.context() as patched:
            patched.setattr(worktrees, "remove_tree", remove)
            with opened("v1"):
                pass
        assert "left behind (Permission denied); the next run removes it" in said[0]
        with opened("v1"):
            pass
        assert left_behind(repo, git_world / "cache") == []

    def test_files_of_other_names_are_left_alone(self, opened, git_world):
        place = git_world / "cache" / "worktrees"
        place.mkdir(parents=True, mode=0o700)
        (place / "bench-guard-notes.lock").write_text("mine")
        with opened("v1"):
            pass
        assert (place / "bench-guard-notes.lock").read_text() == "mine"


def test_two_runs_at_once_do_not_disturb_each_other(repo, opened, git_world):
    with opened("v1") as outer:
        with opened("v1", "main") as inner:
            assert {outer.base, outer.head}.isdisjoint({inner.base, inner.head})
        assert (outer.base / "README").is_file()
        assert repo("worktree", "list").count("\n") == 2
    assert left_behind(repo, git_world / "cache") == []


def test_many_processes_at_once(repo, git_world):
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
    assert left_behind(repo, git_world / "cache") == []


def test_a_lock_file_that_was_tidied_away_while_it_was_opened_is_not_taken(git_world, monkeypatch):
    path = git_world / "lock"
    real = fcntl.flock

    @contextmanager
    def once():
        def lock(descriptor, flags):
            monkeypatch.setattr(fcntl, "flock", real)
            path.unlink()
            real(descriptor, flags)

        monkeypatch.setattr(fcntl, "flock", lock)
        yield

    with once():
        descriptor = worktrees.take_lock(path)
    assert os.fstat(descriptor).st_ino == path.stat().st_ino
    assert worktrees.take_lock(path) is None
    os.close(descriptor)
