import errno
import fcntl
import os
import shutil
import subprocess
import sys

import pytest

from bench import cache
from bench.cache import cache_folder, remove_tree, take_lock
from bench.errors import StoreError


class TestTheFolder:
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path, monkeypatch):
        monkeypatch.delenv("BENCH_GUARD_CACHE", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()

    @pytest.mark.parametrize(
        ("platform", "place"), [("linux", ".cache/bench-guard"), ("darwin", "Library/Caches/bench-guard")]
    )
    def test_it_is_where_the_system_keeps_caches(self, tmp_path, monkeypatch, platform, place):
        monkeypatch.setattr(sys, "platform", platform)
        found = cache_folder(tmp_path / "project")
        assert found == tmp_path / "home" / place
        assert found.stat().st_mode & 0o777 == 0o700

    def test_variables_move_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_folder(tmp_path / "project") == tmp_path / "xdg" / "bench-guard"
        monkeypatch.setenv("BENCH_GUARD_CACHE", "~/chosen")
        assert cache_folder(tmp_path / "project") == tmp_path / "home" / "chosen"

    def test_a_relative_one_is_no_answer(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert cache_folder(tmp_path / "project") == tmp_path / "home" / ".cache" / "bench-guard"

    def test_one_inside_of_the_repository_is_not_used(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "project" / ".cache"))
        assert cache_folder(tmp_path / "project") == tmp_path / "temporary" / f"bench-guard-{os.getuid()}"
        assert not (tmp_path / "project").exists()

    def test_a_chosen_one_is_used_even_there(self, tmp_path, monkeypatch):
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "project" / ".cache"))
        assert cache_folder(tmp_path / "project") == tmp_path / "project" / ".cache"

    def test_where_nothing_can_be_written_every_place_is_named(self, tmp_path):
        (tmp_path / "home").write_text("a file")
        (tmp_path / "temporary").rmdir()
        (tmp_path / "temporary").write_text("a file")
        with pytest.raises(StoreError) as caught:
            cache_folder(tmp_path / "project")
        assert str(tmp_path / "home") in caught.value.message
        assert f"bench-guard-{os.getuid()}: Not a directory" in caught.value.message
        assert "BENCH_GUARD_CACHE=/a/folder" in caught.value.hint

    def test_one_that_others_can_write_is_not_trusted(self, tmp_path, monkeypatch):
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "open"))
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        with pytest.raises(StoreError, match="other users may write in it"):
            cache_folder(tmp_path / "project")

    def test_one_of_another_user_is_not_trusted(self, tmp_path, monkeypatch):
        monkeypatch.setenv("BENCH_GUARD_CACHE", str(tmp_path / "theirs"))
        monkeypatch.setattr(cache.os, "getuid", lambda: tmp_path.stat().st_uid + 1)
        with pytest.raises(StoreError, match="other users may write in it"):
            cache_folder(tmp_path / "project")


class TestTheLock:
    def test_one_process_has_it_at_a_time(self, tmp_path):
        first = take_lock(tmp_path / "lock")
        assert take_lock(tmp_path / "lock") is None
        os.close(first)
        second = take_lock(tmp_path / "lock", create=False)
        assert second is not None
        os.close(second)

    def test_waiting_ends_when_the_other_is_killed(self, tmp_path):
        program = (
            "import sys; from pathlib import Path; from bench.cache import take_lock;"
            "take_lock(Path(sys.argv[1])); print('has it', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "lock")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "has it\n"
            assert take_lock(tmp_path / "lock") is None
            other.kill()
            descriptor = take_lock(tmp_path / "lock", wait=True)
        assert descriptor is not None
        os.close(descriptor)

    def test_a_missing_file(self, tmp_path):
        assert take_lock(tmp_path / "lock", create=False) is None
        assert not (tmp_path / "lock").exists()
        with pytest.raises(FileNotFoundError):
            take_lock(tmp_path / "no folder" / "lock")

    def test_a_file_that_was_tidied_away_while_it_was_opened_is_not_taken(self, tmp_path, monkeypatch):
        real = fcntl.flock

        def remove_first(descriptor, flags):
            monkeypatch.setattr(cache.fcntl, "flock", real)
            (tmp_path / "lock").unlink()
            real(descriptor, flags)

        monkeypatch.setattr(cache.fcntl, "flock", remove_first)
        descriptor = take_lock(tmp_path / "lock")
        assert os.fstat(descriptor).st_ino == (tmp_path / "lock").stat().st_ino
        os.close(descriptor)

    def test_an_interruption_closes_the_file(self, tmp_path, monkeypatch):
        opened = []

        def interrupt(descriptor, flags):
            opened.append(descriptor)
            raise KeyboardInterrupt

        monkeypatch.setattr(cache.fcntl, "flock", interrupt)
        with pytest.raises(KeyboardInterrupt):
            take_lock(tmp_path / "lock", wait=True)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(opened[0])


class TestRemoving:
    def test_a_folder_with_links_and_none_at_all(self, tmp_path):
        (tmp_path / "kept").mkdir()
        (tmp_path / "tree" / "inner").mkdir(parents=True)
        (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
        remove_tree(tmp_path / "tree")
        remove_tree(tmp_path / "tree")
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]

    def test_folders_that_a_benchmark_shut(self, tmp_path, monkeypatch):
        """Root may write into any folder, so the refusal is made here; the modes are real."""
        shut = tmp_path / "tree" / "shut"
        shut.mkdir(parents=True)
        (shut / "file").write_text("x")
        shut.chmod(0o500)
        real = shutil.rmtree

        def refuse(path):
            if not shut.stat().st_mode & 0o200:
                raise PermissionError(errno.EACCES, "Permission denied")
            real(path)

        monkeypatch.setattr(cache.shutil, "rmtree", refuse)
        remove_tree(tmp_path / "tree")
        assert not (tmp_path / "tree").exists()

    def test_what_cannot_be_removed_is_an_error(self, tmp_path, monkeypatch):
        def refuse(path):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(cache.shutil, "rmtree", refuse)
        with pytest.raises(PermissionError):
            remove_tree(tmp_path)
