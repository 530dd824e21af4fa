"""Files are replaced whole or not at all."""

import pytest

from strataregula.files import write_atomically


def test_writing_is_all_or_nothing(tmp_path):
    target = tmp_path / "out.txt"
    write_atomically(target, lambda file: file.write("one\n"))
    assert target.read_bytes() == b"one\n"

    def fail(file):
        file.write("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_atomically(target, fail)
    assert target.read_text() == "one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
