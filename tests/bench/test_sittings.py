import math
import random

import pytest

from bench.model import Calibration
from bench.sittings import KEPT, Calibrations, Sitting, SittingsEntry, measured_shift, with_sitting

ENTRY = SittingsEntry("a.py::f", "kind", "hash")


def at(minutes, *processes, commit="c1"):
    return Sitting(
        f"2026-01-01T{minutes // 60:02}:{minutes % 60:02}:00+00:00", commit, processes or (0.0, 0.1)
    )


def entry(*sittings):
    found = ENTRY
    for sitting in sittings:
        found = with_sitting(found, sitting)
    return found


def test_a_sitting_is_added():
    assert entry(at(0), at(30)).sittings == (at(0), at(30))


def test_a_run_within_twenty_minutes_belongs_to_the_sitting_before():
    found = entry(at(0, 1.0, 2.0), at(19, 3.0))
    assert found.sittings == (at(0, 1.0, 2.0, 3.0),)
    assert len(with_sitting(found, at(20)).sittings) == 2


def test_repeating_every_quarter_of_an_hour_still_makes_sittings():
    found = entry(*(at(15 * k) for k in range(5)))
    assert [sitting.date[11:16] for sitting in found.sittings] == ["00:00", "00:30", "01:00"]


def test_another_commit_is_another_sitting_at_once():
    assert len(entry(at(0), at(1, commit="c2")).sittings) == 2


def test_a_clock_that_was_set_back_adds_to_the_sitting():
    assert len(entry(at(60), at(0)).sittings) == 1


def test_the_newest_twelve_are_kept():
    found = entry(*(at(30 * k) for k in range(15)))
    assert len(found.sittings) == KEPT == 12
    assert found.sittings[0] == at(90)


def test_an_entry_of_another_source_is_not_found():
    calibrations = Calibrations({}, (ENTRY,))
    assert calibrations.entry("a.py::f", "kind", "hash") is ENTRY
    assert calibrations.entry("a.py::f", "kind") is ENTRY
    assert calibrations.entry("a.py::f", "kind", "changed") is None
    assert calibrations.entry("a.py::f", "other", "hash") is None
    assert calibrations.entry("a.py::g", "kind", "hash") is None


def test_one_sitting_shows_no_shift():
    assert measured_shift(entry(at(0))) is None


def test_the_shift_of_two_sittings_by_hand():
    # Means 0 and 0.1, two processes each, 0.02 apart: MSB = 2 * 2 * 0.05^2 = 0.01, MSW = 2 * 0.01^2 = 0.0002
    found = measured_shift(entry(at(0, -0.01, 0.01), at(30, 0.09, 0.11)))
    assert found.freedom == 1
    assert found.variance == pytest.approx((0.01 - 0.0002) / 2)


def test_faster_code_is_no_shift_between_sittings():
    """Each commit halves the time; within a commit sittings agree but for the spread of processes."""
    calm = entry(
        at(0, 0.0, 0.1), at(30, 0.0, 0.1), at(60, -0.7, -0.6, commit="c2"), at(90, -0.7, -0.6, commit="c2")
    )
    found = measured_shift(calm)
    assert (found.variance, found.freedom) == (0.0, 2)


def test_a_known_shift_is_found_within_its_sampling_error():
    """Twelve sittings of tau 3 %: the estimate of a standard deviation with 11 df is within 45 % in 95 of 100."""
    inside = 0
    for seed in range(40):
        rng = random.Random(seed)
        found = ENTRY
        for k in range(12):
            shift = rng.gauss(0, 0.03)
            found = with_sitting(found, at(60 * k, *(shift + rng.gauss(0, 0.02) for _ in range(20))))
        inside += 0.55 < math.sqrt(measured_shift(found).variance) / 0.03 < 1.45
    assert inside >= 34


def test_the_default_calibration_is_a_plain_ratio():
    assert ENTRY.calibration == Calibration()
