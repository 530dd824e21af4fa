import asyncio

from bench import benchmark
from bench.measure.target import AsyncTarget, PlainTarget, make_target


def declaration_of(function):
    return function.__bench_guard__


def test_a_plain_function_is_called_as_often_as_asked():
    calls = []
    target = PlainTarget(lambda: calls.append(1))

    target.block(7)

    assert len(calls) == 7


def test_the_timer_is_read_right_before_and_after_the_calls():
    readings = iter([10.0, 13.5])

    assert PlainTarget(lambda: None).block(4, lambda: next(readings)) == 3.5


def test_parameters_are_passed_as_keywords():
    @benchmark(params={"n": [3, 5], "k": [2]})
    def work(n, k):
        return n * k

    assert make_target(work, declaration_of(work), 1).once() == 10


def test_setup_builds_the_argument_once_and_outside_the_calls():
    built = []

    def make(n):
        built.append(n)
        return list(range(n))

    @benchmark(params={"n": [4]}, setup=make)
    def work(items):
        return sum(items)

    target = make_target(work, declaration_of(work), 0)
    target.block(10)

    assert (target.once(), built) == (6, [4])


def test_a_coroutine_function_is_awaited_on_one_loop_that_lives_on():
    loops = set()

    @benchmark
    async def work():
        await asyncio.sleep(0)
        loops.add(id(asyncio.get_running_loop()))
        return "done"

    target = make_target(work, declaration_of(work), 0)
    assert isinstance(target, AsyncTarget)
    results = [target.once(), target.once()]
    seconds = target.block(5)
    target.close()

    assert results == ["done", "done"]
    assert len(loops) == 1
    assert seconds > 0
