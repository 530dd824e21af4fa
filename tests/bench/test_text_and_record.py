import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest

from bench.record import Record
from bench.text import printable


@dataclass(frozen=True, slots=True, eq=False)
class Point(Record):
    x: int
    y: int


def test_a_record_is_an_object_and_a_mapping():
    point = Point(1, 2)
    assert point.x == point["x"] == 1
    assert dict(point) == {"x": 1, "y": 2}
    assert point == {"x": 1, "y": 2}
    assert point == Point(1, 2)
    assert {**point} == dict(point)
    assert len(point) == 2
    assert "x" in point
    assert point.get("z") is None
    with pytest.raises(KeyError):
        point["keys"]


def test_a_record_is_frozen_and_survives_pickling():
    point = Point(1, 2)
    with pytest.raises(FrozenInstanceError):
        point.x = 3
    assert pickle.loads(pickle.dumps(point)) == point


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä", "plain ä"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\nb"),
        ("\u202e", "\\u202e"),
        ("", ""),
    ],
)
def test_printable_disarms_what_a_terminal_would_obey(text, shown):
    assert printable(text) == shown
