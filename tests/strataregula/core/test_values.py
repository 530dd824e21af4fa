"""Values: what may be one, what is the same, and copies that may change."""

import datetime as dt

import pytest

from strataregula import ConfigCompiler
from strataregula.core.values import FrozenDict, FrozenList, checked_scalar, same_value, thaw


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "x", b"x", dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, tzinfo=dt.UTC)]
)
def test_scalars_pass_through(value):
    assert ConfigCompiler().compile({"s": {"k": value}})["k"] is value


def test_sets_become_frozen():
    assert type(ConfigCompiler().compile({"s": {"k": {1, 2}}})["k"]) is frozenset
    with pytest.raises(TypeError, match="type FakeList"):
        checked_scalar(frozenset({1}) | {FakeList()})


class FakeList(list):
    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        ("1", 1, False),
        (float("nan"), float("nan"), True),
        (FrozenList([1, "a"]), FrozenList([1, "a"]), True),
        (FrozenList([1]), FrozenList([True]), False),
        (FrozenList([1]), FrozenList([1, 2]), False),
        (FrozenDict(a=1, b=2), FrozenDict(b=2, a=1), True),
        (FrozenDict(a=1), FrozenDict(a="1"), False),
        (FrozenDict(a=1), FrozenDict(b=1), False),
    ],
)
def test_the_same_value_is_the_same_type_for_type(first, second, same):
    assert same_value(first, second) is same


def test_thawed_values_may_change_and_leave_the_frozen_ones_alone():
    frozen = ConfigCompiler().compile({"s": {"k": {"a": [1, {"b": 2}]}}})["k"]
    copy = thaw(frozen)
    copy["a"][1]["b"] = 3
    copy["a"].append(4)
    assert copy == {"a": [1, {"b": 3}, 4]}
    assert frozen == {"a": [1, {"b": 2}]}
    assert (type(copy), type(copy["a"])) == (dict, list)
