"""What every form writes, read back by the form's own reader."""

import datetime as dt
import io
import json
import math
import os
import runpy
import subprocess
import sys
from types import MappingProxyType

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula.emit import FORMATS, write
from strataregula.errors import EmitError, UsageError


class Sections:
    """The smallest thing that can be written."""

    def __init__(self, data):
        self.data = data

    @property
    def sections(self):
        return tuple(self.data)

    def section(self, name):
        return MappingProxyType(self.data[name])


def emitted(data, form, section=None):
    file = io.StringIO(newline="\n")
    write(Sections(data), file, form, section)
    return file.getvalue()


def imported(text, tmp_path):
    path = tmp_path / "generated.py"
    path.write_text(text, encoding="utf-8")
    return runpy.run_path(str(path))


def read_ndjson(text):
    data = {}
    for line in text.splitlines():
        entry = json.loads(line)
        data.setdefault(entry["section"], {})[entry["key"]] = entry["value"]
    return data


def read_python(text):
    namespace = {}
    exec(compile(text, "generated", "exec"), namespace)
    return {name: dict(entries) for name, entries in namespace["SECTIONS"].items()}


READERS = {"json": json.loads, "ndjson": read_ndjson, "yaml": yaml.safe_load, "python": read_python}

PLAIN = {
    "service_times": {"edge.tokyo.api": 7, "edge.osaka.api": 5.5},
    "limits": {"api.memory": "512M", "api.tags": ["a", {"b": None}], "api.on": True, "api.env": {"A": "1"}},
}


def test_there_is_a_reader_for_every_format():
    assert set(READERS) == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_of_the_format_gets_the_mapping_back_in_order(form):
    data = READERS[form](emitted(PLAIN, form))
    assert data == PLAIN
    assert [list(entries) for entries in data.values()] == [list(entries) for entries in PLAIN.values()]


@pytest.mark.parametrize("form", FORMATS)
def test_one_section_alone_keeps_its_name(form):
    assert READERS[form](emitted(PLAIN, form, "limits")) == {"limits": PLAIN["limits"]}


@pytest.mark.parametrize("form", ["json", "yaml", "python"])
@pytest.mark.parametrize("data", [{}, {"empty": {}}, {"empty": {}, "full": {"a": 1}, "last": {}}])
def test_empty_sections_are_written_as_empty(form, data):
    assert READERS[form](emitted(data, form)) == data


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500])
def test_sections_longer_than_a_batch_are_complete(form, count):
    data = {"numbers": {f"key.{number}": number for number in range(count)}}
    assert READERS[form](emitted(data, form)) == data


def test_json_is_one_entry_a_line():
    assert emitted({"a": {"x.y": 1, "x.z": [1]}}, "json") == (
        '{\n  "a": {\n    "x.y": 1,\n    "x.z": [\n      1\n    ]\n  }\n}\n'
    )


def test_ndjson_is_one_line_an_entry():
    assert emitted({"a": {"x": 1}, "b": {"y": None}}, "ndjson") == (
        '{"section":"a","key":"x","value":1}\n{"section":"b","key":"y","value":null}\n'
    )


HOSTILE = [
    'a": __import__("os").system("touch /tmp/never")',
    "'''",
    '"""\n',
    "C:\\new\\table",
    "back`tick` $(id) {x!r} %s",
    "\x00\x1b[31m\x7f\x85\u2028\u2029\ufeff\ufffe\uffff",
    "日本😀",
    "yes",
    "on",
    "y",
    "N",
    "True",
    "oFF",
    "n",
    "null",
    "~",
    "1",
    "1e3",
    "0o14",
    "0x1f",
    "1_000",
    "1:30",
    "2020-01-01",
    ".inf",
    "=",
    "<<",
    "- a",
    "a: b",
    "a #b",
    "#",
    "!tag",
    "&a",
    "*a",
    "{a}",
    "[a",
    " lead",
    "trail ",
    "tab\there",
    "multi\nline\n",
    "x" * 300,
    "",
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_keys_sections_and_values_survive(form, text):
    data = {text: {text: text, "list": [text, {text: text}]}}
    assert READERS[form](emitted(data, form)) == data


def test_importing_hostile_text_runs_nothing(tmp_path):
    trap = tmp_path / "trap"
    attack = f'", __import__("pathlib").Path({str(trap)!r}).touch(), "'
    imported(emitted({attack: {attack: [attack, {attack: attack.encode()}]}}, "python"), tmp_path)
    assert not trap.exists()


NATURAL = {
    "dates": {
        "day": dt.date(2020, 2, 29),
        "time": dt.datetime(2020, 1, 1, 12, 30, 5, 250),  # noqa: DTZ001
        "utc": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        "zone": dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=9))),
    },
    "numbers": {
        "inf": math.inf,
        "minus": -math.inf,
        "big": 2**80,
        "small": 5e-324,
        "large": 1e16,
        "zero": -0.0,
    },
    "rest": {"bytes": b"\x00\xff'\"", "set": {"b", "a", "c"}, "true": [True, {"x": None}], "text": "1"},
}


@pytest.mark.parametrize("form", ["yaml", "python"])
def test_the_types_of_yaml_survive(form):
    data = READERS[form](emitted(NATURAL, form))
    assert data == NATURAL
    assert math.copysign(1, data["numbers"]["zero"]) == -1


@pytest.mark.parametrize("form", ["yaml", "python"])
def test_nan_stays_nan(form):
    assert math.isnan(READERS[form](emitted({"a": {"b": math.nan}}, form))["a"]["b"])


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_json_writes_dates_in_iso_8601_and_sets_as_sorted_lists(form):
    data = READERS[form](emitted({"dates": NATURAL["dates"], "s": {"set": {"b", "a"}}}, form))
    assert data["dates"] == {
        "day": "2020-02-29",
        "time": "2020-01-01T12:30:05.000250",
        "utc": "2020-01-01T00:00:00+00:00",
        "zone": "2020-01-01T00:00:00+09:00",
    }
    assert data["s"]["set"] == ["a", "b"]


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("json", math.inf, "JSON has no inf"),
        ("ndjson", [1, {"x": math.nan}], "JSON has no nan"),
        ("json", b"x", "JSON has no bytes"),
        ("json", {1: 2}, "keys are strings, found 1"),
        ("json", lambda: 2**20_000, "more than 4,000 digits"),
        ("yaml", lambda: 2**20_000, "more than 4,000 digits"),
        ("yaml", dt.time(1), "YAML has no time"),
        ("python", object(), "no Python literal for object"),
        ("json", object(), "JSON has no object"),
    ],
)
def test_what_a_format_cannot_hold_is_named_with_its_key(form, value, expected):
    with pytest.raises(EmitError, match=expected) as caught:
        emitted({"limits": {"a.b": value() if callable(value) else value}}, form)
    assert str(caught.value).startswith("section 'limits', key 'a.b': ")


def test_control_characters_of_a_key_do_not_reach_the_message():
    with pytest.raises(EmitError, match=r"key 'a\\\\x1b\[2Jb'"):
        emitted({"limits": {"a\x1b[2Jb": math.inf}}, "json")


def test_python_holds_integers_that_decimal_text_cannot(tmp_path):
    module = imported(emitted({"a": {"b": 2**20_000}}, "python"), tmp_path)
    assert module["get"]("b") == 2**20_000


@pytest.mark.parametrize("form", ["json", "ndjson", "yaml"])
def test_a_lone_surrogate_is_a_clear_error(form):
    with pytest.raises(EmitError, match=r"lone surrogate '\\ud800'"):
        emitted({"a": {"b": "x\ud800"}}, form)


@pytest.mark.parametrize("form", FORMATS)
def test_no_invisible_character_is_written(form):
    text = "\x00\x1b\x7f\x85\x9b\u2028\u2029\u202e\u200b\ufeff"
    written = emitted({text: {text: text}}, form)
    assert all(character.isprintable() or character == "\n" for character in written)


def test_times_of_day_are_written_where_there_is_a_form_for_them():
    data = {"a": {"b": dt.time(1, 2)}}
    assert READERS["python"](emitted(data, "python")) == data
    assert json.loads(emitted(data, "json")) == {"a": {"b": "01:02:00"}}


def test_python_holds_a_lone_surrogate(tmp_path):
    module = imported(emitted({"a": {"b\ud800": "x\ud800"}}, "python"), tmp_path)
    assert module["get"]("b\ud800") == "x\ud800"


def test_the_module_looks_up_and_raises_for_what_is_absent(tmp_path):
    module = imported(emitted({"a": {"x": 1, "both": 2}, "b": {"both": 3}}, "python"), tmp_path)
    get, section = module["get"], module["section"]
    assert get("x") == 1
    assert get("both", "b") == 3
    assert dict(section("b")) == {"both": 3}
    for wrong in [
        lambda: get("nope"),
        lambda: get("x", "b"),
        lambda: get("x", "nope"),
        lambda: section("nope"),
    ]:
        with pytest.raises(KeyError):
            wrong()
    with pytest.raises(KeyError, match="several sections: a, b"):
        get("both")
    with pytest.raises(TypeError):
        section("b")["both"] = 4


def test_the_module_imports_without_warnings(tmp_path):
    path = tmp_path / "generated.py"
    path.write_text(emitted(NATURAL, "python"), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-I", "-c", f"import runpy; runpy.run_path({str(path)!r})"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize("form", FORMATS)
def test_values_nested_a_hundred_deep_are_written(form):
    value = 1
    for _ in range(50):
        value = [{"a": value}]
    assert READERS[form](emitted({"s": {"k": value}}, form)) == {"s": {"k": value}}


def test_equal_values_of_many_keys_have_no_yaml_anchor():
    shared = {"a": [1]}
    assert "&" not in emitted({"s": {"x": shared, "y": shared}}, "yaml")


def test_frozen_values_are_written_like_their_plain_forms():
    frozen = {"s": {"x": (1, MappingProxyType({"a": frozenset({"m"})}))}}
    plain = {"s": {"x": [1, {"a": {"m"}}]}}
    for form in FORMATS:
        assert emitted(frozen, form) == emitted(plain, form)


def test_the_order_of_a_set_is_that_of_no_hash_seed():
    script = (
        "import io; from strataregula.emit import FORMATS,write\n"
        "class S:\n sections=('s',)\n def section(self,n): return {'k':set('abcdefgh')}\n"
        "f=io.StringIO()\nfor n in FORMATS: write(S(),f,n)\nprint(f.getvalue())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_unknown_format_and_section_name_the_choices():
    with pytest.raises(UsageError, match="unknown format 'toml'; choose one of json, ndjson, yaml, python"):
        emitted(PLAIN, "toml")
    with pytest.raises(UsageError, match="no section 'times'; the sections are: service_times, limits"):
        emitted(PLAIN, "json", "times")
    with pytest.raises(UsageError, match="none at all"):
        emitted({}, "json", "times")


def test_ndjson_is_written_while_the_entries_arrive():
    written_when_read = []
    file = io.StringIO()

    class Stream(dict):
        def items(self):
            for number in range(5_000):
                written_when_read.append(file.tell())
                yield f"k{number}", number

    class Source:
        sections = ("s",)

        def section(self, _name):
            return Stream()

    write(Source(), file, "ndjson")
    assert written_when_read[900] == 0
    assert 0 < written_when_read[1_500] < written_when_read[4_500] < file.tell()


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=6,
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, st.dictionaries(texts, values, min_size=1, max_size=4), max_size=3))
def test_every_format_round_trips_what_json_can_hold(data):
    for form, read in READERS.items():
        assert read(emitted(data, form)) == data
