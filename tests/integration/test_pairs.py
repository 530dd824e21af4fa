"""Real pairs of workers: which code either side runs, and what happens when one of them misbehaves."""

import math
import os
from statistics import median

import pytest

from bench.errors import MeasurementError
from bench.executor import IsolatedExecutor, Task
from bench.model import FailureKind, Method, ProcessFailure, ProcessRun
from bench.pairs import PairedExecutor

pytestmark = pytest.mark.integration

SUITE = """
import os
from bench import benchmark
import subject

@benchmark
def work(): return subject.work()

@benchmark
def misbehaves(): return subject.misbehave()

@benchmark(timeout=1)
def hangs_on_one_side(): return subject.hang()

@benchmark
def seed():
    if os.environ["PYTHONHASHSEED"] != "69": raise ValueError(os.environ["PYTHONHASHSEED"])
"""
SUBJECT = """
import os

def work():
    total = 0
    for i in range({size}): total += i * i % 7
    return total

def misbehave(): {misbehave}

def hang(): {hang}
"""


def side(folder, suite_root, size=100, misbehave="return 1", hang="return 1"):
    folder.mkdir()
    (folder / "subject.py").write_text(SUBJECT.format(size=size, misbehave=misbehave, hang=hang))
    return IsolatedExecutor(suite_root, roots={"subject": str(folder)}, cpu=max(os.sched_getaffinity(0)))


@pytest.fixture
def pair(tmp_path):
    """A factory: executor and specs for a base and a head that differ in what is given."""

    def make(base=None, head=None):
        (tmp_path / "bench_pair.py").write_text(SUITE)
        sides = [side(tmp_path / n, tmp_path, **(own or {})) for n, own in (("one", base), ("two", head))]
        executor = PairedExecutor(*sides)
        specs = {spec.function: spec for spec in executor.collect([tmp_path / "bench_pair.py"]).specs}
        return executor, specs

    return make


def change(run):
    return math.exp(median(math.log(block.ratio) for block in run.blocks)) - 1


def test_each_side_runs_its_own_code(pair, tmp_path):
    executor, specs = pair(head={"size": 200})

    run = executor.measure(specs["work"], Task("time", 1))

    assert isinstance(run, ProcessRun)
    assert run.paired
    assert run.method is Method.BLOCKS
    assert len(run.blocks) >= 50
    assert len(run.host) == 20
    assert run.subject_files == (("subject", str(tmp_path / "two" / "subject.py")),)
    assert 0.5 < change(run) < 1.5


def test_an_injected_slowdown_slows_the_head(pair):
    executor, specs = pair()

    assert change(executor.measure(specs["work"], Task("time", 0, slowdown=1.0))) > 0.5


def test_both_sides_share_the_hash_seed_of_the_process(pair):
    executor, specs = pair()

    assert isinstance(executor.measure(specs["seed"], Task("time", 1)), ProcessRun)


def test_memory_is_measured_of_the_head_alone(pair):
    executor, specs = pair()

    run = executor.measure(specs["work"], Task("peak", 0))

    assert isinstance(run, ProcessRun)
    assert not run.paired
    assert run.values


@pytest.mark.parametrize("guilty", ["base", "head"])
@pytest.mark.parametrize(
    ("misbehave", "kind", "words"),
    [
        ("raise ValueError('no')", FailureKind.RAISED, "ValueError: no"),
        ("os._exit(7)", FailureKind.CRASHED, "exited with code 7"),
        ("os.kill(os.getpid(), 9)", FailureKind.CRASHED, "SIGKILL"),
    ],
)
def test_the_side_to_blame_is_named_not_the_one_that_lost_its_partner(pair, guilty, misbehave, kind, words):
    executor, specs = pair(**{guilty: {"misbehave": misbehave}})

    failure = executor.measure(specs["misbehaves"], Task("time", 0))

    assert isinstance(failure, ProcessFailure)
    assert (failure.side, failure.kind) == (guilty, kind)
    assert f"on the {guilty}:" in failure.message
    assert words in failure.message


@pytest.mark.parametrize("process", [0, 1])
@pytest.mark.parametrize("guilty", ["base", "head"])
def test_a_side_that_hangs_ends_the_pair_in_time_and_is_named(pair, guilty, process):
    executor, specs = pair(**{guilty: {"hang": "\n    while True: pass"}})

    failure = executor.measure(specs["hangs_on_one_side"], Task("time", process))

    assert isinstance(failure, ProcessFailure)
    assert (failure.kind, failure.side) == (FailureKind.TIMED_OUT, guilty)
    assert "@benchmark(timeout=SECONDS)" in failure.message


@pytest.mark.parametrize("guilty", ["base", "head"])
def test_a_side_that_comes_too_late_is_named_not_the_one_that_gave_it_up(pair, guilty):
    hang = "\n    import time\n    if not hasattr(os, 'slept'): os.slept = time.sleep(1.3)"
    executor, specs = pair(**{guilty: {"hang": hang}})

    failure = executor.measure(specs["hangs_on_one_side"], Task("time", 0))

    assert isinstance(failure, ProcessFailure)
    assert (failure.kind, failure.side) == (FailureKind.TIMED_OUT, guilty)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("guilty", ["base", "head"])
def test_a_side_that_dies_is_named_though_its_child_holds_the_link(pair, guilty):
    hang = "\n    import time\n    if os.fork(): os._exit(7)\n    time.sleep(30)"
    executor, specs = pair(**{guilty: {"hang": hang}})

    failure = executor.measure(specs["hangs_on_one_side"], Task("time", 0))

    assert isinstance(failure, ProcessFailure)
    assert failure.side == guilty


def test_who_begins_changes_from_pair_to_pair(pair, monkeypatch):
    executor, specs = pair()
    asked = []

    def start(self, request, *_more):
        asked.append(request)
        raise MeasurementError("far enough")

    monkeypatch.setattr(IsolatedExecutor, "start", start)
    for process in range(4):
        with pytest.raises(MeasurementError):
            executor.measure(specs["work"], Task("time", process))

    assert [request["leads"] for request in asked] == [True, False, True, False]
    assert not any(request["slowed"] for request in asked)
