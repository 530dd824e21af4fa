import subprocess

import pytest

from bench import gitref
from bench.errors import GitError
from bench.gitref import Commit, commits_between, describe, git_version, resolve, working_tree


@pytest.fixture
def repository(repo):
    repo.commit("inner", **{"file": "one", "inner/file": "one"})
    return repo.root


@pytest.mark.integration
def test_a_clean_repository_gives_its_commit(repo):
    assert describe(repo.root) == Commit(repo("rev-parse", "HEAD"), dirty=False)


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
def test_a_repository_without_commits_has_none(make_repository):
    assert describe(make_repository().root) == Commit()


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


@pytest.mark.integration
class TestResolve:
    """Everything that git understands."""

    @pytest.mark.parametrize(
        ("ref", "same_as"),
        [
            ("main", "HEAD"),
            ("v1", "HEAD~1"),
            ("annotated", "HEAD~1"),
            ("HEAD~1", "HEAD~1"),
            ("HEAD^{/first}", "HEAD~1"),
            (":/first", "HEAD~1"),
            ("@", "HEAD"),
            ("other@{upstream}", "HEAD"),
            ("stash@{0}", "refs/stash"),
            ("odd/näme", "HEAD~1"),
        ],
    )
    def test_names(self, repo, ref, same_as):
        repo("tag", "-a", "annotated", "-m", "note", "v1")
        repo("branch", "odd/näme", "v1")
        repo("branch", "-q", "--track", "other", "main")
        repo.write("README", "changed")
        repo("stash", "-q")
        found = resolve(repo.root, ref)
        assert (found.commit, found.label, found.dirty) == (repo("rev-parse", same_as), ref, False)
        assert found.date == repo("log", "-1", "--format=%cI", same_as)
        assert found.short == found.commit[:10]

    def test_the_beginning_of_an_id(self, repo):
        commit = repo("rev-parse", "v1")
        assert resolve(repo.root, commit[:9]).commit == commit

    def test_three_dots_are_the_merge_base(self, repo):
        fork = repo("rev-parse", "HEAD")
        repo("switch", "-q", "-c", "side")
        repo.commit("on the side")
        repo("switch", "-q", "main")
        repo.commit("on main")
        found = resolve(repo.root, "main...side")
        assert (found.commit, found.label) == (fork, "main...side (merge base)")
        assert resolve(repo.root, "side...").label == "side...HEAD (merge base)"
        assert {resolve(repo.root, text).commit for text in ("side...", "...side")} == {fork}
        assert commits_between(repo.root, fork, "side") == 1
        assert commits_between(repo.root, fork, "nothing") is None

    def test_words_of_a_message_may_hold_dots(self, repo):
        commit = repo.commit("wait...what")
        repo.commit("last")
        assert resolve(repo.root, ":/wait...what").commit == commit

    def test_a_users_configuration_does_not_disturb(self, repo, monkeypatch):
        for key, value in {
            "log.showSignature": "true",
            "log.date": "relative",
            "color.ui": "always",
            "status.branch": "true",
            "status.showUntrackedFiles": "no",
            "core.fsmonitor": "/bin/false",
            "core.quotePath": "true",
        }.items():
            repo("config", key, value)
        monkeypatch.setenv("GIT_TRACE", "1")
        monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
        assert resolve(repo.root, "v1").date == repo("log", "-1", "--format=%cI", "v1")
        assert not working_tree(repo.root).dirty
        repo.write("new", "x")
        assert working_tree(repo.root).dirty


def refused(root, ref):
    with pytest.raises(GitError) as caught:
        resolve(root, ref)
    assert caught.value.exit_code == 2
    return caught.value.message, caught.value.hint


@pytest.mark.integration
class TestRefusals:
    """What git does not understand, and what to type next."""

    @pytest.mark.parametrize("ref", ["-v1", "--help", "--upload-pack=touch x", "", "a\0b"])
    def test_what_is_no_name(self, repo, ref):
        message, hint = refused(repo.root, ref)
        assert message == f"{ref!r} is not a revision"
        assert "A...B" in hint

    def test_a_near_name_is_offered(self, repo):
        assert refused(repo.root, "mian") == ("unknown revision 'mian'", "did you mean main?")
        assert refused(repo.root, "mian~1")[1] == "did you mean main~1?"

    def test_nothing_is_offered_for_what_is_like_nothing(self, repo):
        assert refused(repo.root, "qqqqqq") == ("unknown revision 'qqqqqq'", None)
        assert refused(repo.root, "main~99") == ("unknown revision 'main~99'", None)

    def test_a_range_is_no_revision(self, repo):
        assert refused(repo.root, "v1..main") == ("'v1..main' is a range", "v1...main is their merge base")
        assert refused(repo.root, "^v1")[0] == "unknown revision '^v1'"

    @pytest.mark.parametrize(("ref", "kind"), [("HEAD:README", "blob"), ("HEAD:pk", "tree")])
    def test_a_file_is_no_commit(self, repo, ref, kind):
        assert refused(repo.root, ref)[0] == f"{ref!r} is a {kind}, not a commit"

    def test_an_ambiguous_beginning(self, repo):
        # Of 2,000 ids with a fixed date, dozens share their first four digits.
        who = "committer A <a@example.org> 1700000000 +0000"
        commits = "".join(f"commit refs/heads/many\n{who}\ndata 5\n{n:05}\n" for n in range(2_000))
        subprocess.run(["git", "fast-import", "--quiet"], cwd=repo.root, input=commits.encode(), check=True)
        seen = set()
        ids = repo("rev-list", "many").split()
        ambiguous = next(text[:4] for text in ids if text[:4] in seen or seen.add(text[:4]))
        message, hint = refused(repo.root, ambiguous)
        assert message == f"{ambiguous!r} is ambiguous"
        assert "digits" in hint

    def test_no_upstream(self, repo):
        assert "no upstream configured" in refused(repo.root, "@{upstream}")[0]

    def test_unrelated_histories(self, repo):
        repo("switch", "-q", "--orphan", "island")
        repo.commit("alone")
        message, _ = refused(repo.root, "main...island")
        assert message == "main and island have no common ancestor in this repository"

    def test_a_branch_that_only_the_remote_has(self, repo, make_repository):
        repo("branch", "feature")
        clone = make_repository("clone")
        clone("remote", "add", "origin", str(repo.root))
        clone("fetch", "-q", "origin")
        clone("switch", "-q", "-c", "work", "origin/main")
        assert refused(clone.root, "feature")[1] == "did you mean origin/feature?"
        assert refused(clone.root, "later")[1] == "git fetch origin later, and then FETCH_HEAD in its place"

    def test_a_shallow_clone_says_how_to_deepen(self, repo, git_world):
        old = repo("rev-parse", "v1")
        repo("clone", "-q", "--depth=1", f"file://{repo.root}", str(git_world / "shallow"))
        for ref in ("HEAD~1", old, "v1"):
            message, hint = refused(git_world / "shallow", ref)
            assert "this clone is shallow" in message, ref
            assert "git fetch --deepen=50, or git fetch --unshallow" in hint
            assert "fetch-depth: 0" in hint

    def test_a_merge_base_that_a_shallow_clone_lacks(self, repo, git_world):
        repo("switch", "-q", "-c", "side", "v1")
        repo.commit("on the side")
        shallow = git_world / "shallow"
        repo("clone", "-q", "--depth=1", "--no-single-branch", f"file://{repo.root}", str(shallow))
        message, hint = refused(shallow, "origin/main...origin/side")
        assert "have no common ancestor" in message
        assert "shallow" in message
        assert "--deepen" in hint

    def test_no_commit_yet(self, make_repository):
        message, hint = refused(make_repository().root, "HEAD")
        assert "no commit yet" in message
        assert "git commit" in hint
        with pytest.raises(GitError, match="no commit yet"):
            working_tree(make_repository("second").root)

    def test_no_repository(self, git_world):
        message, hint = refused(git_world, "HEAD")
        assert message == f"{git_world}: is not in a git repository"
        assert "git init" in hint

    def test_no_folder(self, git_world):
        assert refused(git_world / "none", "HEAD")[0] == f"{git_world / 'none'}: no such folder"

    def test_a_bare_repository(self, repo, git_world):
        repo("clone", "-q", "--bare", str(repo.root), str(git_world / "bare"))
        for place in (git_world / "bare", repo.root / ".git"):
            message, hint = refused(place, "HEAD")
            assert "no working tree" in message
            assert "git clone" in hint

    def test_a_repository_of_somebody_else(self, repo, monkeypatch):
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        message, hint = refused(repo.root, "HEAD")
        assert "belongs to another user" in message
        assert f"git config --global --add safe.directory {repo.root}" in hint


def test_without_git_that_is_said(git_world, monkeypatch):
    monkeypatch.setenv("PATH", str(git_world))
    assert refused(git_world, "HEAD") == ("git is not installed, or not on the PATH", "install git")


def test_a_git_that_cannot_be_started(git_world, monkeypatch):
    (git_world / "git").write_text("no program")
    (git_world / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(git_world))
    assert "git cannot be run" in refused(git_world, "HEAD")[0]


def test_a_git_that_hangs_is_named(git_world, monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("git", 60)

    monkeypatch.setattr(gitref.subprocess, "run", hang)
    assert refused(git_world, "HEAD")[0] == f"git rev-parse did not end within 60 s in {git_world}"


@pytest.mark.integration
def test_the_working_tree_is_dirty_by_what_lies_in_the_project(repo):
    repo.commit("ignore", **{".gitignore": "ignored\n", "inner/file": "x"})
    head = repo("rev-parse", "HEAD")
    repo.write("inner/ignored")
    clean = working_tree(repo.root / "inner")
    assert (clean.commit, clean.label, clean.dirty) == (head, "working tree", False)
    repo.write("outside")
    assert not working_tree(repo.root / "inner").dirty
    repo.write("inner/new folder/file")
    dirty = working_tree(repo.root / "inner")
    assert dirty.dirty
    assert dirty.short == f"{head[:10]}-dirty"


@pytest.mark.integration
def test_a_question_writes_nothing(repo):
    repo.write("README", "one\n")  # same content, other time: a status with locks would refresh the index
    before = {path: path.stat().st_mtime_ns for path in (repo.root / ".git").rglob("*")}
    resolve(repo.root, "v1...main")
    assert not working_tree(repo.root).dirty
    assert {path: path.stat().st_mtime_ns for path in (repo.root / ".git").rglob("*")} == before
