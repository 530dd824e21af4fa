import pytest

from bench.errors import DamagedFileError, NewerFormatError, StoreError
from bench.model import Block, Environment, FailureKind, Method, ProcessFailure, ProcessRun
from bench.store.runs import FileRunLog, MemoryRunLog, RunHeader, read_run

HEADER = RunHeader(
    command="baseline update",
    date="2026-01-01T10:00:00+00:00",
    environment=Environment({"os": "linux"}, {"load": "0.1"}),
    commit="c0ffee",
    dirty=True,
    settings={"tolerance": "0.1"},
)
RUN = ProcessRun(
    benchmark="a.py::f",
    metric="time",
    process=3,
    hash_seed=7,
    method=Method.CONCURRENT,
    blocks=(Block(0.1, 0.2), Block(0.1234567890123, 0.2)),
    values=(1.0,),
    cpu=1,
    subject_files=(("thing", "/x/thing.py"),),
    notes=("odd\nnote",),
)
FAILURE = ProcessFailure("a.py::g", "peak", 0, FailureKind.TIMED_OUT, "took 60 s", "tail \x1b[31m")


def write(folder, *outcomes, header=HEADER, notify=None):
    log = FileRunLog(folder, header, notify or pytest.fail)
    for outcome in outcomes:
        log.record(outcome)
    return log


def test_a_run_is_read_again_to_the_last_digit(tmp_path):
    log = write(tmp_path / "runs", RUN, FAILURE)
    log.close()
    assert read_run(log.path) == (HEADER, (RUN, FAILURE))


def test_no_file_is_made_before_the_first_outcome(tmp_path):
    log = write(tmp_path / "runs")
    assert log.path is None
    log.close()
    assert not (tmp_path / "runs").exists()


def test_every_outcome_is_on_disk_at_once(tmp_path):
    log = write(tmp_path, RUN)
    assert read_run(log.path)[1] == (RUN,)
    log.record(FAILURE)
    assert read_run(log.path)[1] == (RUN, FAILURE)
    log.close()


def test_a_killed_run_loses_at_most_the_line_in_hand(tmp_path):
    log = write(tmp_path, RUN, FAILURE)
    log.close()
    data = log.path.read_bytes()
    for cut in (1, 20, len(data.split(b"\n")[2])):
        log.path.write_bytes(data[:-cut])
        assert read_run(log.path) == (HEADER, (RUN,))


def test_run_files_are_kept_out_of_version_control(tmp_path):
    write(tmp_path, RUN).close()
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_the_newest_twenty_are_kept_and_other_files_left_alone(tmp_path):
    (tmp_path / "notes.jsonl").write_text("mine")
    for day in range(1, 26):
        header = RunHeader("check", f"2026-01-{day:02}T00:00:00+00:00", HEADER.environment)
        write(tmp_path, RUN, header=header).close()
    names = sorted(path.name for path in tmp_path.glob("run-*"))
    assert len(names) == 20
    assert names[0].startswith("run-20260106")
    assert (tmp_path / "notes.jsonl").exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_fails_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    log = write(tmp_path / "file" / "runs", RUN, FAILURE, notify=said.append)
    log.close()
    assert log.path is None
    assert len(said) == 1
    assert said[0].startswith("raw samples are not kept: ")


def test_a_disk_that_fills_up_is_told_once(tmp_path, monkeypatch):
    said = []
    log = write(tmp_path, RUN, notify=said.append)

    class Full:
        name = "x"

        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            raise OSError(28, "No space left on device")

    log._file.close()
    log._file = Full()
    log.record(RUN)
    log.record(RUN)
    assert said == [f"raw samples are not kept: {tmp_path}: No space left on device"]


@pytest.mark.parametrize(
    ("content", "error", "expected"),
    [
        ("", DamagedFileError, "is empty"),
        ("{}", DamagedFileError, "cut inside its first line"),
        ("{}\n", DamagedFileError, "format"),
        ('{"format": "bench-guard/run", "version": 9}\n', NewerFormatError, "version 9"),
        ('{"format": "bench-guard/run", "version": 1}\n', DamagedFileError, "line 1: .*command"),
    ],
)
def test_a_damaged_header_is_named(tmp_path, content, error, expected):
    path = tmp_path / "run.jsonl"
    path.write_text(content)
    with pytest.raises(error, match=expected):
        read_run(path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", "line 2:1:2: not valid JSON"),
        (b'{"other": 1}', "line 2: expected 'run' or 'failure'"),
        (b'{"run": {}}', "line 2: run: .*benchmark"),
        (b'{"failure": {"kind": "odd"}}', "line 2: failure"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, expected):
    log = write(tmp_path, RUN)
    log.close()
    head = log.path.read_bytes().split(b"\n")[0]
    log.path.write_bytes(head + b"\n" + line + b"\n")
    with pytest.raises(DamagedFileError, match=expected):
        read_run(log.path)


def test_a_run_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        read_run(tmp_path / "none")


def test_the_memory_log_remembers():
    log = MemoryRunLog()
    log.record(RUN)
    log.close()
    assert (log.outcomes, log.closed, log.path) == ([RUN], True, None)
