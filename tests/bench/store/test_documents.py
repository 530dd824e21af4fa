from pathlib import Path

import pytest

from bench.errors import DamagedFileError, NewerFormatError
from bench.store.documents import convert, decode_object, upgrade

PLACE = Path("some.json")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "some.json: is empty"),
        (b" \n", "some.json: is empty"),
        (b"[1]", "expected an object, got list"),
        (b'{"a":\n x}', r"some.json:2:2: not valid JSON"),
        (b'{"a": 1', r"some.json:1:8: not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": "\xff"}', r"not UTF-8 text \(byte 7\)"),
        (b'{\n<<<<<<< HEAD\n"a": 1}', "some.json:2: holds an unresolved merge conflict"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
    ],
)
def test_damage_is_located(data, expected):
    with pytest.raises(DamagedFileError, match=expected):
        decode_object(data, str(PLACE))


@pytest.mark.parametrize("version", [None, "1", 0, -1, True, 1.0])
def test_a_version_that_is_no_version_is_damage(version):
    with pytest.raises(DamagedFileError, match="version: expected a whole number"):
        upgrade({"format": "f", "version": version}, PLACE, "f", {}, 1)


def test_another_format_is_damage():
    with pytest.raises(DamagedFileError, match="expected 'f', got 'g'"):
        upgrade({"format": "g", "version": 1}, PLACE, "f", {}, 1)


def test_a_newer_version_says_so():
    with pytest.raises(NewerFormatError, match="version 3 of its format; this program knows up to 2"):
        upgrade({"format": "f", "version": 3}, PLACE, "f", {}, 2)


def test_an_old_version_is_lifted_step_by_step():
    steps = {1: lambda old: old | {"trail": [1]}, 2: lambda old: old | {"trail": [*old["trail"], 2]}}
    assert upgrade({"format": "f", "version": 1}, PLACE, "f", steps, 3) == {
        "format": "f",
        "version": 3,
        "trail": [1, 2],
    }
    assert upgrade({"format": "f", "version": 3}, PLACE, "f", steps, 3) == {"format": "f", "version": 3}


def test_a_wrong_type_names_the_path_inside_the_file():
    with pytest.raises(DamagedFileError, match=r"Expected `int`, got `str` - at `\$\[\.\.\.\]`"):
        convert({"a": "x"}, dict[str, int], "some.json")
