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
from bench.model import Acceptance, Baseline, BaselineEntry, Calibration, Method, MetricRecord
from bench.store.baselines import FileBaselineStore, MemoryBaselineStore, decode_baseline, encode_baseline

KIND = "linux-x86_64-2cpu-cpython3.11-1a2b3c4d"
ENTRY = BaselineEntry(
    benchmark="suites/a.py::parse[n=10]",
    machine=KIND,
    source_hash="abc",
    metrics={
        "time": MetricRecord("s", (-1.25, -1.5), 0.001),
        "peak": MetricRecord(
            "B", (1234567.0, 1234567.0), 1234567.0, method="single", calibratable=False, varies=True
        ),
    },
    commit="c0ffee",
    date="2026-01-01T00:00:00+00:00",
    reason="because it is ünusual [1]",
)
BASELINE = Baseline(machines={KIND: {"cpu": "x", "os": "linux"}}, entries=(ENTRY,))
ANCHOR = replace(ENTRY, date="2025-01-01T00:00:00+00:00", commit="0ld", reason=None)
ACCEPTED = Acceptance(
    ENTRY.benchmark, KIND, "time", "s", 0.001, 0.0012, 0.2, "2026-02-01", "c0ffee-dirty", "checks its input"
)


def entry(name):
    return replace(ENTRY, benchmark=name)


def with_entry(name):
    return lambda base: Baseline(machines=BASELINE.machines, entries=(*base.entries, entry(name)))


def test_no_file_is_no_baseline(tmp_path):
    assert FileBaselineStore(tmp_path / "none").load() is None


def test_what_is_written_is_read_again(tmp_path):
    store = FileBaselineStore(tmp_path / "made" / "here")
    assert store.update(lambda _: BASELINE) == tmp_path / "made" / "here" / "baseline.json"
    assert store.load() == BASELINE
    assert [path.name for path in store.path.parent.iterdir()] == ["baseline.json"]


def test_an_update_sees_what_was_there(tmp_path):
    store = FileBaselineStore(tmp_path)
    store.update(with_entry("a"))
    store.update(with_entry("b"))
    assert [found.benchmark for found in store.load().entries] == ["a", "b"]


def test_the_text_is_stable_small_and_diff_friendly():
    one = Baseline(BASELINE.machines, (entry("b"), entry("a")))
    two = Baseline(BASELINE.machines, (entry("a"), entry("b")))
    text = encode_baseline(one).decode()
    assert text == encode_baseline(two).decode()
    assert '"processes": [-1.25, -1.5]' in text
    assert '"reason": "because it is ünusual [1]"' in text
    assert '"value": 1234567,' in text
    assert text.startswith('{\n "format": "bench-guard/baseline",\n "version": 2,\n "machines"')
    assert text.endswith("}\n")
    assert json.loads(text)["benchmarks"].keys() == {"a", "b"}


def test_the_anchor_and_what_was_accepted_are_kept(tmp_path):
    full = replace(BASELINE, entries=(replace(ENTRY, anchor=ANCHOR),), accepted=(ACCEPTED, ACCEPTED))
    store = FileBaselineStore(tmp_path)
    store.update(lambda _: full)
    assert store.load() == full
    document = json.loads(store.path.read_bytes())
    assert document["accepted"][0]["reason"] == "checks its input"
    assert "source_hash" not in document["benchmarks"][ENTRY.benchmark][KIND]["anchor"]


def test_without_anchor_and_acceptance_nothing_is_written_of_them():
    text = encode_baseline(BASELINE).decode()
    assert "anchor" not in text
    assert "accepted" not in text


def test_a_file_of_version_1_is_read_as_it_was(tmp_path):
    store = FileBaselineStore(tmp_path)
    store.path.write_text(json.dumps(_document(version=1)))
    assert store.load() == BASELINE
    store.update(lambda base: base)
    assert json.loads(store.path.read_bytes())["version"] == 2


def test_damage_in_an_anchor_is_named():
    bad = replace(ANCHOR, metrics={"time": MetricRecord("B", (1.0,), 1.0)})
    data = encode_baseline(replace(BASELINE, entries=(replace(ENTRY, anchor=bad),)))
    with pytest.raises(DamagedFileError, match=rf"benchmarks\..*\.{KIND}\.anchor\.metrics\.time: unit 'B'"):
        decode_baseline(data, "x")


def test_an_accepted_number_that_is_not_finite_is_refused():
    with pytest.raises(StoreError, match="not finite"):
        encode_baseline(replace(BASELINE, accepted=(replace(ACCEPTED, new=float("nan")),)))


def test_an_accepted_change_may_be_unknown():
    unknown = replace(ACCEPTED, old=0.0, change=None)
    assert decode_baseline(encode_baseline(replace(BASELINE, accepted=(unknown,))), "x").accepted == (
        unknown,
    )


def test_numbers_are_rounded_to_six_digits():
    record = MetricRecord("s", (-1.23456789,), 0.000123456789)
    text = encode_baseline(Baseline(BASELINE.machines, (replace(ENTRY, metrics={"time": record}),))).decode()
    assert "-1.23457]" in text
    assert '"value": 0.000123457' in text


def test_machine_kinds_without_entries_are_dropped():
    document = json.loads(encode_baseline(Baseline({KIND: {}, "gone": {}}, (ENTRY,))))
    assert list(document["machines"]) == [KIND]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_the_file_kept(tmp_path, number):
    store = FileBaselineStore(tmp_path)
    store.update(lambda _: BASELINE)
    bad = replace(ENTRY, metrics={"time": MetricRecord("s", (number,), 1.0)})
    with pytest.raises(StoreError, match="not finite"):
        store.update(lambda base: replace(base, entries=(bad,)))
    assert store.load() == BASELINE


def _document(**changes):
    return json.loads(encode_baseline(BASELINE)) | changes


@pytest.mark.parametrize(
    ("content", "error", "expected"),
    [
        ("", DamagedFileError, "is empty"),
        ("{", DamagedFileError, r"baseline\.json:1:2: not valid JSON"),
        (json.dumps(_document(version=3)), NewerFormatError, "version 3"),
        (json.dumps(_document(format="other")), DamagedFileError, "format"),
        (json.dumps(_document(machines={})), DamagedFileError, "is not in 'machines'"),
        (
            json.dumps(_document(benchmarks={"a": {KIND: {"metrics": 3}}})),
            DamagedFileError,
            r"at `\$\.benchmarks",
        ),
        (json.dumps(_document(surprise=1)), DamagedFileError, "surprise"),
        (json.dumps({"format": "bench-guard/baseline", "version": 1}), DamagedFileError, "machines"),
    ],
)
def test_a_file_that_is_not_understood_is_never_overwritten(tmp_path, content, error, expected):
    store = FileBaselineStore(tmp_path)
    store.path.write_text(content)
    with pytest.raises(error, match=expected):
        store.load()
    with pytest.raises(error, match=expected):
        store.update(lambda _: BASELINE)
    assert store.path.read_text() == content


def test_a_change_that_fails_leaves_no_lock_behind(tmp_path):
    store = FileBaselineStore(tmp_path)

    def fail(_):
        raise StoreError("no")

    with pytest.raises(StoreError):
        store.update(fail)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    store = FileBaselineStore(tmp_path)
    store.path.mkdir()
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        store.load()


def test_a_folder_that_cannot_be_written_comes_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        FileBaselineStore(tmp_path / "file").update(lambda _: BASELINE)
    assert "another one" in caught.value.hint


def test_a_lock_that_is_held_is_waited_for_and_then_named(tmp_path):
    store = FileBaselineStore(tmp_path, lock_seconds=0.01)
    with FileLock(tmp_path / ".baseline.json.lock"), pytest.raises(StoreError, match="another process"):
        store.update(lambda _: BASELINE)
    assert store.load() is None


def test_the_memory_store_behaves_alike():
    store = MemoryBaselineStore()
    assert store.load() is None
    store.update(with_entry("a"))
    store.update(with_entry("b"))
    assert [found.benchmark for found in store.load().entries] == ["a", "b"]
    assert store.writes == 2


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_bytes = st.integers(0, 2**53).map(float)
_logs = st.floats(-50, 50).map(lambda number: float(f"{number:.6g}"))
_seconds = st.floats(1e-9, 1e3).map(lambda number: float(f"{number:.6g}"))
_slopes = st.floats(0.4, 1.6).map(lambda number: float(f"{number:.6g}"))
_flags = {"calibratable": st.booleans(), "varies": st.booleans()}
_methods = st.sampled_from([method.value for method in Method])
_ratios = st.builds(
    MetricRecord,
    unit=st.just("s"),
    processes=st.lists(_logs, min_size=1, max_size=4).map(tuple),
    value=_seconds,
    method=_methods,
    calibration=st.just(Calibration()) | st.builds(Calibration, _slopes, _seconds),
    **_flags,
)
_memory = st.builds(
    MetricRecord,
    unit=st.just("B"),
    processes=st.lists(_bytes, min_size=1, max_size=4).map(tuple),
    value=_bytes,
    method=_methods,
    **_flags,
)
_entries = st.builds(
    BaselineEntry,
    benchmark=_texts,
    machine=st.sampled_from(["m1", "m2"]),
    source_hash=_texts,
    metrics=st.fixed_dictionaries({}, optional={"time": _ratios, "p95": _ratios, "peak": _memory}),
    commit=st.none() | _texts,
    date=_texts,
    reason=st.none() | _texts,
)


@given(st.lists(_entries, max_size=4, unique_by=lambda found: (found.benchmark, found.machine)))
def test_any_rounded_baseline_survives_the_round_trip(entries):
    ordered = tuple(sorted(entries, key=lambda found: (found.benchmark, found.machine)))
    used = {found.machine for found in entries}
    baseline = Baseline({kind: {"os": kind} for kind in used}, ordered)
    assert decode_baseline(encode_baseline(baseline), "x") == baseline


GOOD = {"unit": "s", "processes": (-1.0,), "value": 1e-5, "method": "blocks"}


@pytest.mark.parametrize(
    ("metric", "change", "complaint"),
    [
        ("tyme", {}, "'tyme' is no metric"),
        ("time", {"unit": "B"}, "unit 'B' is not 's'"),
        ("time", {"method": "foo"}, "method 'foo' is not one of blocks"),
        ("time", {"processes": ()}, "'processes' is empty"),
        ("time", {"processes": (1e300,)}, "natural logs"),
        ("time", {"value": 0.0}, "'value' is not positive"),
        ("time", {"calibration": Calibration(1.0, -1.0)}, "'reference_s' is not positive"),
    ],
)
def test_a_record_that_cannot_have_been_measured_is_damage_with_its_place(metric, change, complaint):
    record = MetricRecord(**{**GOOD, **change})
    entry = BaselineEntry("b.py::work", "m1", "h", {metric: record})
    data = encode_baseline(Baseline({"m1": {"os": "linux"}}, (entry,)))

    with pytest.raises(DamagedFileError, match=complaint) as caught:
        decode_baseline(data, "file.json")
    assert f"file.json: benchmarks.b.py::work.m1.metrics.{metric}" in str(caught.value)


@given(st.binary(max_size=60))
def test_any_bytes_are_either_a_baseline_or_a_clear_error(data):
    with pytest.raises(StoreError, match="somewhere"):
        decode_baseline(data, "somewhere")


@pytest.mark.integration
def test_two_processes_that_update_at_once_lose_nothing(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from bench.model import Baseline, BaselineEntry
        from bench.store.baselines import FileBaselineStore

        store = FileBaselineStore(Path(sys.argv[1]))
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for number in range(25):
            new = BaselineEntry(f"{sys.argv[2]}-{number}", "m", "h", {})
            store.update(lambda base: Baseline({"m": {}}, (*base.entries, new)))
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    workers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    stored = {found.benchmark for found in FileBaselineStore(tmp_path).load().entries}
    assert stored == {f"{name}-{number}" for name in "ab" for number in range(25)}
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]
