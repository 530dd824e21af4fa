import os
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store.atomic import atomic_write, ensure_writable


def test_it_makes_folders_and_replaces_the_content(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_it_keeps_the_mode_of_an_existing_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    atomic_write(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_mode(tmp_path):
    old = os.umask(0o022)
    try:
        atomic_write(tmp_path / "file", b"new")
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_it_writes_through_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), full)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        atomic_write(path, b"new")
    assert str(path) in caught.value.message
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_named_with_advice(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        atomic_write(tmp_path / "file" / "inner", b"new")
    assert "make the folder writable" in caught.value.hint


def test_a_folder_that_can_be_written_or_made_is_fine(tmp_path):
    ensure_writable(tmp_path)
    ensure_writable(tmp_path / "not" / "yet")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_judged_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ensure_writable(Path("not/yet"))


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file is not a folder"):
        ensure_writable(tmp_path / "file" / "inner")


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(StoreError, match="no permission to write in") as caught:
        ensure_writable(tmp_path / "baselines")
    assert str(tmp_path / "baselines") in caught.value.message
