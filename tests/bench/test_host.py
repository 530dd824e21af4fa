import math

import pytest

from bench.host import diagnose
from bench.model import Block, Host, Method, ProcessRun


def run(speeds, *, process=0, method=Method.BLOCKS, subject=1.0):
    return ProcessRun("b.py::f", "time", process, 0, method, tuple(Block(subject, s) for s in speeds))


def pair(before, after):
    blocks = tuple(Block(7.0, 3.0) for _ in range(50))
    host = (*[before] * 10, *[after] * 10)
    return ProcessRun("b.py::f", "time", 0, 0, Method.BLOCKS, blocks, paired=True, host=host)


def test_nothing_measured_says_nothing():
    assert diagnose([], ("busy host",)) == Host(None, None, ("busy host",))


def test_one_reading_shows_no_course():
    assert diagnose([run([2e-5] * 10)]) == Host(None, None, ())


def test_speed_before_during_and_after():
    host = diagnose(
        [run([speed] * 10) for speed in (2e-5, 2.1e-5, 2e-5, 3e-5, 3e-5, 3e-5, 2.4e-5, 2.4e-5, 2.4e-5)]
    )
    assert (host.before, host.during, host.after) == (2e-5, 3e-5, 2.4e-5)
    assert host.shift == pytest.approx(1.2)


def test_variation_is_that_of_medians_of_ten_blocks():
    assert diagnose([run([1.0] * 10 + [3.0] * 10)]).reference_cv == pytest.approx(math.sqrt(2) / 2)
    preempted = run([1.0] * 9 + [500.0] + [1.0] * 10)
    assert diagnose([preempted]).reference_cv == 0.0


@pytest.mark.parametrize(
    ("after", "words"),
    [(1.18, "became 18 % slower"), (0.8, "became 25 % faster"), (1.08, None), (0.93, None)],
)
def test_a_shift_of_the_whole_run_is_said(after, words):
    notices = diagnose([run([speed] * 10) for speed in (1.0, 1.0, 1.0, 1.0, after, after)]).notices
    assert [words in text for text in notices] == ([True] if words else [])
    assert all("run again" in text for text in notices)


def test_a_very_noisy_host_comes_with_advice():
    mood = [run([speed] * 10) for speed in (1.0, 2.0, 1.0, 2.0, 1.0, 2.0)]
    (words,) = diagnose(mood).notices
    assert words.startswith("very noisy host: its speed varied by 37 % (CV)")
    assert "`bench-guard ab`" in words
    assert diagnose([run([speed] * 10) for speed in (1.0, 1.5, 1.0, 1.5, 1.0, 1.5)]).notices == ()


def test_pairs_are_read_by_what_stands_around_their_turns():
    host = diagnose([pair(1.0, 2.0), pair(1.0, 2.0), pair(1.0, 2.0)], ("first",))
    assert host.reference_cv == pytest.approx(0.365, abs=0.01)
    assert host.notices[0] == "first"
    assert "raise --budget" in host.notices[-1]
    assert "bench-guard ab" not in host.notices[-1]


def test_long_calls_are_read_where_nothing_else_is():
    long_calls = [run([5e-6] * 8, method=Method.CONCURRENT) for _ in range(6)]
    assert diagnose(long_calls).before == 5e-6
    assert diagnose([*long_calls, *(run([2e-5] * 10) for _ in range(3))]).before == 2e-5


def test_calls_that_wait_and_readings_of_nothing_count_for_nothing():
    waiting = [run([1.0] * 20, method=Method.TURNS) for _ in range(3)]
    empty = [run([0.0, math.inf, 1.0, -1.0], method=Method.BLOCKS)]
    assert diagnose([*waiting, *empty]) == Host(None, None, ())
