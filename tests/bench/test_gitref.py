import subprocess

import pytest

from bench import gitref
from bench.gitref import Commit, describe, git_version


def git(folder, *arguments):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


@pytest.mark.integration
def test_a_clean_repository_gives_its_commit(repository):
    assert describe(repository) == Commit(git(repository, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.integration
def test_only_tracked_changes_under_the_project_make_it_dirty(repository):
    (repository / "untracked").write_text("new")
    assert not describe(repository).dirty
    (repository / "file").write_text("two")
    assert describe(repository).dirty
    assert not describe(repository / "inner").dirty


@pytest.mark.integration
def test_variables_of_a_git_hook_do_not_mislead(repository, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert describe(elsewhere) == Commit()


@pytest.mark.integration
def test_a_repository_without_commits_has_none(tmp_path):
    git(tmp_path, "init", "-q")
    assert describe(tmp_path) == Commit()


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe(tmp_path) == Commit()
    assert git_version() is None


def test_a_git_that_hangs_is_given_up(tmp_path, monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(gitref.subprocess, "run", hang)
    assert describe(tmp_path) == Commit()


@pytest.mark.integration
def test_the_version_is_known():
    assert git_version()[0].isdigit()


def test_a_tree_that_differs_from_its_commit_says_so_in_its_label():
    assert Commit("abc", dirty=True).label == "abc-dirty"
    assert Commit("abc").label == "abc"
    assert Commit(None, dirty=True).label is None
