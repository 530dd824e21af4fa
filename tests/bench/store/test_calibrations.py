import datetime as dt
import json
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DamagedFileError, NewerFormatError, StoreError
from bench.model import Calibration, Method
from bench.sittings import Calibrations, Sitting, SittingsEntry
from bench.store.calibrations import (
    FileCalibrationStore,
    MemoryCalibrationStore,
    decode_calibrations,
    encode_calibrations,
)

KIND = "linux-x86_64-2cpu-cpython3.11-1a2b3c4d"
SITTING = Sitting("2026-01-01T00:00:00+00:00", "c0ffee", (-1.25, -1.5))
ENTRY = SittingsEntry(
    "suites/a.py::parse[n=10]",
    KIND,
    "abc",
    "blocks",
    Calibration(1.125, 2.5e-5),
    (SITTING, replace(SITTING, commit=None)),
)
SLOW = SittingsEntry("suites/a.py::slow", KIND, "def", "concurrent", Calibration(), (SITTING,))
KEPT = Calibrations({KIND: {"cpu": "x", "os": "linux"}}, (ENTRY, SLOW))


def with_entry(name):
    return lambda old: Calibrations(KEPT.machines, (*old.entries, replace(ENTRY, benchmark=name)))


def test_no_file_is_no_sitting(tmp_path):
    assert FileCalibrationStore(tmp_path / "none").load() == Calibrations()


def test_what_is_written_is_read_again(tmp_path):
    store = FileCalibrationStore(tmp_path / "made" / "here")
    assert store.update(lambda _: KEPT) == tmp_path / "made" / "here" / "calibration.json"
    assert store.load() == KEPT
    assert [path.name for path in store.path.parent.iterdir()] == ["calibration.json"]


def test_an_update_sees_what_was_there(tmp_path):
    store = FileCalibrationStore(tmp_path)
    store.update(with_entry("a"))
    store.update(with_entry("b"))
    assert [found.benchmark for found in store.load().entries] == ["a", "b"]


def test_the_text_is_stable_small_and_diff_friendly():
    text = encode_calibrations(KEPT).decode()
    assert text == encode_calibrations(Calibrations(KEPT.machines, (SLOW, ENTRY))).decode()
    assert '"processes": [-1.25, -1.5]' in text
    assert text.startswith('{\n "format": "bench-guard/calibration",\n "version": 1,\n "machines"')
    assert text.endswith("}\n")
    assert "reference_s" not in text[text.index("suites/a.py::slow") :]


def test_numbers_are_rounded_to_six_digits():
    entry = replace(ENTRY, sittings=(replace(SITTING, processes=(-1.23456789,)),))
    assert "[-1.23457]" in encode_calibrations(Calibrations(KEPT.machines, (entry,))).decode()


def test_machine_kinds_without_entries_are_dropped():
    document = json.loads(encode_calibrations(Calibrations({KIND: {}, "gone": {}}, (ENTRY,))))
    assert list(document["machines"]) == [KIND]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_the_file_kept(tmp_path, number):
    store = FileCalibrationStore(tmp_path)
    store.update(lambda _: KEPT)
    bad = replace(ENTRY, sittings=(replace(SITTING, processes=(number,)),))
    with pytest.raises(StoreError, match="not finite"):
        store.update(lambda old: replace(old, entries=(bad,)))
    assert store.load() == KEPT


def document(**changes):
    return json.loads(encode_calibrations(KEPT)) | changes


def changed(**changes):
    """The document with one entry, one key of it or of its sitting changed."""
    whole = json.loads(encode_calibrations(Calibrations(KEPT.machines, (ENTRY,))))
    entry = whole["benchmarks"][ENTRY.benchmark][KIND]
    sitting = entry["sittings"][0]
    for key, value in changes.items():
        (sitting if key in sitting else entry)[key] = value
    return whole


@pytest.mark.parametrize(
    ("content", "error", "expected"),
    [
        ("", DamagedFileError, "is empty"),
        ("{", DamagedFileError, r"calibration\.json:1:2: not valid JSON"),
        (json.dumps(document(version=2)), NewerFormatError, "version 2"),
        (json.dumps(document(format="bench-guard/baseline")), DamagedFileError, "format"),
        (json.dumps(document(machines={})), DamagedFileError, "is not in 'machines'"),
        (json.dumps(document(surprise=1)), DamagedFileError, "surprise"),
        (json.dumps(changed(sittings=[])), DamagedFileError, r"suites/a\.py::parse.*no sitting"),
        (json.dumps(changed(processes=[])), DamagedFileError, "one without processes"),
        (json.dumps(changed(processes=[61.0])), DamagedFileError, "natural logs"),
        (json.dumps(changed(processes=["x"])), DamagedFileError, r"at `\$\.benchmarks"),
        (json.dumps(changed(method="guessed")), DamagedFileError, "method 'guessed' is not one of blocks"),
        (json.dumps(changed(sensitivity=0)), DamagedFileError, "not positive"),
        (json.dumps(changed(reference_s=-1.0)), DamagedFileError, "not positive"),
        (json.dumps(changed(date="yesterday")), DamagedFileError, "ISO 8601"),
        (json.dumps(changed(date="2026-01-01T00:00:00")), DamagedFileError, "time zone"),
    ],
)
def test_a_file_that_is_not_understood_is_never_overwritten(tmp_path, content, error, expected):
    store = FileCalibrationStore(tmp_path)
    store.path.write_text(content)
    with pytest.raises(error, match=expected):
        store.load()
    with pytest.raises(error, match=expected):
        store.update(with_entry("a"))
    assert store.path.read_text() == content


def test_every_method_can_be_stored(tmp_path):
    store = FileCalibrationStore(tmp_path)
    for method in Method:
        store.update(lambda _, own=method: replace(KEPT, entries=(replace(SLOW, method=own.value),)))
        assert store.load().entries[0].method == method


def test_a_lock_that_is_held_is_an_error_with_advice(tmp_path):
    store = FileCalibrationStore(tmp_path, lock_seconds=0.01)
    with FileLock(tmp_path / ".calibration.json.lock"), pytest.raises(StoreError, match="another process"):
        store.update(with_entry("a"))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        FileCalibrationStore(tmp_path / "file").update(with_entry("a"))


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path):
    (tmp_path / "calibration.json").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        FileCalibrationStore(tmp_path).load()


@pytest.mark.integration
def test_two_processes_at_once_lose_nothing(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from bench.sittings import Calibrations, Sitting, SittingsEntry
        from bench.store.calibrations import FileCalibrationStore
        who = sys.argv[2]
        store = FileCalibrationStore(Path(sys.argv[1]))
        for k in range(5):
            new = SittingsEntry(f"{who}{k}", "kind", "h", sittings=(
                Sitting("2026-01-01T00:00:00+00:00", None, (0.5,)),))
            store.update(lambda old: Calibrations({"kind": {}}, (*old.entries, new)))
        """
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), who]) for who in ("a", "b")]
    assert [process.wait(60) for process in running] == [0, 0]
    found = {entry.benchmark for entry in FileCalibrationStore(tmp_path).load().entries}
    assert found == {f"{who}{k}" for who in "ab" for k in range(5)}


def test_the_fake_counts_updates():
    store = MemoryCalibrationStore()
    assert store.load() == Calibrations()
    store.update(with_entry("a"))
    assert [found.benchmark for found in store.load().entries] == ["a"]
    assert store.writes == 1


logs = st.floats(-50, 50, allow_nan=False).map(lambda value: float(f"{value:.6g}"))
sittings = st.builds(
    Sitting,
    st.datetimes(timezones=st.just(dt.UTC)).map(lambda date: date.isoformat()),
    st.none() | st.text(min_size=1),
    st.lists(logs, min_size=1, max_size=5).map(tuple),
)


@given(st.text(min_size=1), st.lists(sittings, min_size=1, max_size=3).map(tuple))
def test_whatever_is_stored_comes_back(tmp_path_factory, name, found):
    kept = Calibrations({KIND: {}}, (replace(SLOW, benchmark=name, sittings=found),))
    try:
        text = encode_calibrations(kept)
    except UnicodeEncodeError:
        return
    assert decode_calibrations(text, tmp_path_factory.getbasetemp()) == kept
