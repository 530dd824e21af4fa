"""The parent's side of the conversation with a worker: answers are hostile until parsed."""

import pytest

from bench import workers
from bench.executor import FakeExecutor, IsolatedExecutor, Task, hash_seed_of
from bench.model import BenchmarkSpec, FailureKind, Method, ProcessFailure, ProcessRun
from bench.schedule import HASH_SEEDS

SPEC = BenchmarkSpec("b.py::work", "b.py", "work", 0, "h")


def answered(message, *, output="", returncode=0, timed_out=False):
    return workers.Answer(message, output, returncode, timed_out)


def measured(monkeypatch, tmp_path, answer):
    monkeypatch.setattr(IsolatedExecutor, "_ask", lambda self, request, seed, timeout: answer)
    return IsolatedExecutor(tmp_path).measure(SPEC, Task("time", 2))


def test_a_good_answer_becomes_a_run(monkeypatch, tmp_path):
    body = {"method": "blocks", "pairs": [[2.0, 1.0]], "loops": 3, "subject_files": [["shop", "/shop.py"]]}

    run = measured(monkeypatch, tmp_path, answered({"ok": body}))

    assert isinstance(run, ProcessRun)
    assert (run.blocks[0].ratio, run.loops, run.subject_files) == (2.0, 3, (("shop", "/shop.py"),))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "by magic", "pairs": [], "subject_files": []},
        {"method": "blocks", "pairs": [["a", "b"]], "subject_files": []},
        {"method": "blocks", "pairs": [1, 2], "subject_files": []},
        {"method": "blocks", "pairs": [[1.0, 1.0]], "subject_files": 5},
        {"method": "blocks", "pairs": [[0.0, 1.0], [-1.0, 1.0]], "subject_files": []},
    ],
)
def test_an_answer_of_another_shape_is_no_samples_and_no_exception(monkeypatch, tmp_path, body):
    outcome = measured(monkeypatch, tmp_path, answered({"ok": body}))

    assert isinstance(outcome, ProcessFailure)
    assert outcome.kind is FailureKind.NO_SAMPLES


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            answered({"error": {"kind": "raised", "message": "ValueError: x"}}),
            FailureKind.RAISED,
            "ValueError: x",
        ),
        (answered({"error": {"kind": "unheard of"}}), FailureKind.CRASHED, "unknown error"),
        (answered(None, returncode=None, timed_out=True), FailureKind.TIMED_OUT, "timeout=SECONDS"),
        (answered(None, returncode=-11), FailureKind.CRASHED, "SIGSEGV"),
        (answered(None, returncode=-99), FailureKind.CRASHED, "signal 99"),
        (answered(None, returncode=2), FailureKind.CRASHED, "exited with code 2"),
    ],
)
def test_every_way_to_fail_has_its_words(monkeypatch, tmp_path, answer, kind, words):
    outcome = measured(monkeypatch, tmp_path, answer)

    assert isinstance(outcome, ProcessFailure)
    assert outcome.kind is kind
    assert words in outcome.message


@pytest.mark.parametrize("message", [None, b"", b"not json", b"[1, 2]"])
def test_what_is_not_a_json_object_is_no_answer(message):
    assert workers._decode(message) is None


def test_an_answer_is_whole_only_with_all_its_bytes():
    message = len(b"{}").to_bytes(8, "big") + b"{}"

    assert workers._whole(message[:5]) is None
    assert workers._whole(message[:9]) is None
    assert workers._whole(message) == b"{}"


def test_an_answer_that_claims_an_absurd_size_is_dropped():
    assert workers._whole((1 << 60).to_bytes(8, "big") + b"x") == b""


def test_time_varies_the_hash_seed_and_peak_memory_does_not():
    assert hash_seed_of(Task("time", 1)) == HASH_SEEDS[1]
    assert hash_seed_of(Task("time", 41)) == HASH_SEEDS[1]
    assert hash_seed_of(Task("peak", 1)) == HASH_SEEDS[0]


def test_the_fake_replays_and_remembers_the_order():
    run = ProcessRun("b.py::work", "time", 0, 0, Method.BLOCKS)
    fake = FakeExecutor([SPEC], lambda spec, task: run)

    assert fake.collect([]).specs == (SPEC,)
    assert fake.measure(SPEC, Task("time", 0)) is run
    assert fake.asked == [("b.py::work", Task("time", 0))]
