import itertools

from bench.measure.clock import loop_cost, time_calls, timer_cost


def test_the_difference_of_two_readings_is_returned():
    readings = iter([2.0, 5.0])

    assert time_calls(lambda: None, 3, lambda: next(readings)) == 3.0


def test_the_timer_cost_is_the_smallest_difference_of_neighbours():
    readings = itertools.chain([0.0, 9.0, 10.0, 12.0], itertools.count(20.0, 5.0))

    assert timer_cost(lambda: next(readings), readings=4) == 2.0


def test_the_loop_cost_is_per_turn_and_of_the_quickest_round():
    readings = iter([0.0, 8.0, 10.0, 14.0])

    assert loop_cost(rounds=2, count=4, timer=lambda: next(readings)) == 1.0
