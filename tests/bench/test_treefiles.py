import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from bench import treefiles
from bench.errors import GitError
from bench.gitref import resolve, working_tree
from bench.worktrees import open_worktrees

pytestmark = pytest.mark.integration


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


def test_a_merge_with_conflicts_and_a_file_to_be_added_later(repo, opened):
    repo("switch", "-q", "-c", "side", "v1")
    repo.commit("side", README="side\n")
    repo("switch", "-q", "main")
    repo.commit("main", README="main\n")
    repo("read-tree", "-m", "v1", "main", "side")
    repo.write("later", "x")
    repo("add", "-N", "later")
    with opened("v1") as trees:
        assert (trees.head / "README").read_text() == "main\n"
        assert (trees.head / "later").read_text() == "x"
        assert repo("ls-files", "-s", cwd=trees.head) == repo("ls-files", "-s")


def test_a_filter_that_fails_is_one_error(repo, opened):
    repo.commit("filtered", **{".gitattributes": "secret filter=crypt\n", "secret": "x"})
    repo("config", "filter.crypt.clean", "cat")
    repo("config", "filter.crypt.smudge", "false")
    repo("config", "filter.crypt.required", "true")
    with (
        pytest.raises(GitError, match=r"git reset failed in .*-base: .*smudge filter crypt failed"),
        opened("main"),
    ):
        pass


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
    def test_they_come_from_the_local_clone_at_the_commit_of_the_revision(self, outer, opened, said):
        before = outer.state()
        with opened("sub1", "main") as trees:
            assert (trees.base / "sub" / "file").read_text() == "inner 1"
            assert (trees.base / "sub" / "deep" / "deep").read_text() == "deep 1"
            assert (trees.head / "sub" / "file").read_text() == "inner 2"
        assert said == []
        assert outer.state() == before

    def test_their_working_files_are_copied_with_a_dirty_head(self, outer, opened):
        (outer.root / "sub" / "file").write_text("edited")
        (outer.root / "sub" / "deep" / "untracked").write_text("new")
        with opened("sub1") as trees:
            assert (trees.head / "sub" / "file").read_text() == "edited"
            assert (trees.head / "sub" / "deep" / "untracked").read_text() == "new"
            assert not (trees.head / "sub" / ".git").exists()

    def test_one_whose_folder_was_removed_still_comes_from_its_clone(self, outer, opened, said):
        outer("submodule", "deinit", "-q", "-f", "sub")
        shutil.rmtree(outer.root / "sub")
        with opened("sub1", "main") as trees:
            assert (trees.base / "sub" / "file").read_text() == "inner 1"
        assert said == []

    def test_one_that_no_list_names_is_sought_by_its_path(self, outer, opened, said):
        outer("rm", "-q", "--cached", ".gitmodules")
        outer("commit", "-q", "-m", "no list")
        clones = outer.root / ".git" / "modules"
        with opened("main", "main") as trees:
            assert list((trees.base / "sub").iterdir()) == []
        assert len(said) == 2
        (clones / "lib").rename(clones / "sub")
        with opened("main", "main") as trees:
            assert (trees.base / "sub" / "file").read_text() == "inner 2"

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

    def test_only_pointers_are_replaced(self, with_lfs, opened, said):
        damaged = self.POINTER.replace(self.OID, "../../config")
        with_lfs.write("damaged.bin", damaged)
        with_lfs.write("short.bin", self.POINTER.splitlines()[0])
        (with_lfs.root / "link.bin").symlink_to("README")
        with_lfs("config", "--unset", "filter.lfs.process")
        with_lfs.commit("odd ones")
        with opened("v1", "main") as trees:
            assert (trees.head / "damaged.bin").read_text() == damaged
            assert (trees.head / "link.bin").is_symlink()
            assert (trees.head / "big.bin").read_text() == "large content"
        assert said == []

    @pytest.mark.usefixtures("with_lfs")
    def test_what_was_not_is_said_and_not_waited_for(self, opened, said):
        with opened("v1", "main") as trees:
            assert (trees.head / "big.bin").read_text() == self.POINTER
        (text,) = said
        assert text.startswith("main: 1 files of Git LFS are only pointers: git lfs fetch origin ")
