import asyncio
import cProfile
import gc
import inspect
import io
import threading
import warnings

import pytest

from bench import profile_function
from bench.profiling import ProfilingWarning


def leaf(n):
    return sum(range(n))


def named(profile):
    return {row.function: row for row in profile.rows}


def test_without_arguments_it_prints_the_top_functions(capsys):
    @profile_function
    def work(n):
        return [leaf(n) for _ in range(5)]

    assert work(10) == [45] * 5
    out = capsys.readouterr().out
    assert "profile of test_without_arguments_it_prints_the_top_functions.<locals>.work" in out
    assert "cumulative ms" in out
    assert "leaf" in out
    assert named(work.last_profile)["leaf"].calls == 5


def test_the_wrapper_keeps_name_signature_and_documentation():
    @profile_function(callback=lambda profile: None)
    def work(n: int) -> int:
        """Works."""
        return n

    assert work.__name__ == "work"
    assert work.__doc__ == "Works."
    assert list(inspect.signature(work).parameters) == ["n"]
    assert work.last_profile is None


def test_file_limit_and_sort_shape_the_report(capsys):
    file = io.StringIO()

    @profile_function(sort="calls", limit=1, file=file)
    def work():
        for _ in range(20):
            leaf(1)

    work()
    lines = file.getvalue().splitlines()
    assert "the first 1 of" in lines[0]
    assert len(lines) == 4
    assert capsys.readouterr().out == ""
    calls = [row.calls for row in work.last_profile.rows]
    assert calls == sorted(calls, reverse=True)


def test_all_functions_on_demand():
    file = io.StringIO()
    profile_function(limit=None, file=file)(lambda: leaf(3))()
    assert "the first" not in file.getvalue()


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("cumulative", lambda row: -row.cumulative_s),
        ("own", lambda row: -row.own_s),
        ("name", lambda row: (row.function, row.file, row.line)),
    ],
)
def test_rows_come_in_the_order_asked_for(sort, key):
    kept = []

    @profile_function(sort=sort, callback=kept.append)
    def work():
        return sorted(str(leaf(n)) for n in range(50))

    work()
    assert list(kept[0].rows) == sorted(kept[0].rows, key=key)
    assert kept[0] is work.last_profile


def test_the_result_answers_like_a_mapping_and_counts():
    @profile_function(callback=lambda profile: None)
    def work():
        leaf(10)

    work()
    profile = work.last_profile
    assert profile["calls"] == sum(row.calls for row in profile.rows) == 3
    assert profile["total_s"] == pytest.approx(sum(row.own_s for row in profile.rows))


@pytest.mark.parametrize("options", [{"sort": "colour"}, {"limit": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        profile_function(**options)


def test_our_own_machinery_is_not_in_the_profile():
    @profile_function(callback=lambda profile: None)
    def work(n):
        return n if n < 2 else work(n - 1) + work(n - 2)

    gc.disable()  # hypothesis listens to the collector while other tests run, and its callback would be profiled
    try:
        work(8)
    finally:
        gc.enable()
    assert set(named(work.last_profile)) == {"work"}


def test_recursion_is_one_profile():
    kept = []

    @profile_function(callback=kept.append)
    def countdown(n):
        return n and countdown(n - 1)

    countdown(9)
    (profile,) = kept
    assert named(profile)["countdown"].calls == 10
    file = io.StringIO()
    profile.report(file)
    assert "10/1" in file.getvalue()


def test_a_profiled_function_inside_another_belongs_to_the_outer_profile():
    kept = []

    @profile_function(callback=kept.append)
    def inner():
        return leaf(5)

    @profile_function(callback=kept.append)
    def outer():
        return inner()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outer()
    assert [profile.function.split(".")[-1] for profile in kept] == ["outer"]
    assert {"inner", "leaf"} <= set(named(kept[0]))
    assert inner.last_profile is None
    inner()
    assert named(inner.last_profile)["leaf"].calls == 1


def test_a_call_that_raises_is_profiled_too_and_the_next_one_again():
    @profile_function(callback=lambda profile: None)
    def work(n):
        leaf(3)
        return 1 / n

    with pytest.raises(ZeroDivisionError):
        work(0)
    assert "leaf" in named(work.last_profile)
    work.last_profile = None
    work(1)
    assert "leaf" in named(work.last_profile)


def test_a_generator_is_profiled_over_its_own_steps_only():
    kept = []

    @profile_function(callback=kept.append)
    def items(n):
        received = []
        for i in range(n):
            leaf(i)
            received.append((yield i))
        return received

    def consumer():
        return leaf(100)

    source = items(3)
    assert not kept
    assert next(source) == 0
    consumer()
    assert source.send("a") == 1
    consumer()
    assert next(source) == 2
    with pytest.raises(StopIteration) as end:
        source.send("c")
    assert end.value.value == ["a", None, "c"]
    (profile,) = kept
    assert named(profile)["leaf"].calls == 3
    assert "consumer" not in named(profile)


def test_a_generator_can_be_thrown_into_and_closed():
    kept = []
    ended = []

    @profile_function(callback=kept.append)
    def items():
        try:
            while True:
                try:
                    yield 1
                except KeyError:
                    yield 2
        finally:
            ended.append(True)

    source = items()
    next(source)
    assert source.throw(KeyError()) == 2
    source.close()
    assert ended == [True]
    assert len(kept) == 1
    failing = items()
    next(failing)
    with pytest.raises(ZeroDivisionError):
        failing.throw(ZeroDivisionError())


def test_a_coroutine_is_profiled_without_the_tasks_beside_it():
    kept = []

    @profile_function(callback=kept.append)
    async def work():
        for _ in range(3):
            leaf(5)
            await asyncio.sleep(0)
        return "done"

    def beside():
        return None

    async def other():
        for _ in range(5):
            beside()
            await asyncio.sleep(0)

    async def main():
        return await asyncio.gather(work(), other(), work())

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == ["done", None, "done"]
    assert [named(profile)["leaf"].calls for profile in kept] == [3, 3]
    assert all("beside" not in named(profile) for profile in kept)


def test_an_exception_awaited_for_reaches_the_coroutine():
    @profile_function(callback=lambda profile: None)
    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "cancelled"

    async def main():
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "cancelled"
    assert work.last_profile is not None


def test_an_async_generator_is_profiled_over_its_own_steps():
    kept = []
    ended = []

    @profile_function(callback=kept.append)
    async def items(n):
        try:
            for i in range(n):
                leaf(i)
                await asyncio.sleep(0)
                try:
                    received = yield i
                except KeyError:
                    received = "thrown"
                if received:
                    yield received
        finally:
            ended.append(n)

    async def main():
        seen = [item async for item in items(3)]
        source = items(9)
        await anext(source)
        seen.append(await source.asend("sent"))
        await anext(source)
        seen.append(await source.athrow(KeyError()))
        await source.aclose()
        return seen

    assert asyncio.run(main()) == [0, 1, 2, "sent", "thrown"]
    assert ended == [3, 9]
    assert [named(profile)["leaf"].calls for profile in kept] == [3, 2]


def test_while_another_profiler_runs_a_call_is_unprofiled_and_says_so():
    @profile_function
    def work():
        return leaf(4)

    other = cProfile.Profile()
    other.enable()
    try:
        with pytest.warns(ProfilingWarning, match="another profiling tool"):
            assert work() == 6
    finally:
        other.disable()
    assert work.last_profile is None


def test_a_refused_generator_says_so_once():
    @profile_function
    def items():
        yield 1
        yield 2

    other = cProfile.Profile()
    other.enable()
    try:
        with pytest.warns(ProfilingWarning) as caught:
            assert list(items()) == [1, 2]
    finally:
        other.disable()
    assert len(caught) == 1


def test_while_another_thread_is_profiled_a_call_is_unprofiled_and_says_so():
    inside, leave = threading.Event(), threading.Event()

    @profile_function(callback=lambda profile: None)
    def waiting():
        inside.set()
        leave.wait(10)

    @profile_function
    def work():
        return leaf(4)

    thread = threading.Thread(target=waiting)
    thread.start()
    try:
        assert inside.wait(10)
        with pytest.warns(ProfilingWarning, match="another thread"):
            assert work() == 6
    finally:
        leave.set()
        thread.join()
    assert work.last_profile is None
    assert waiting.last_profile is not None


def test_switched_off_it_returns_the_function_itself(monkeypatch):
    monkeypatch.setenv("BENCH_GUARD_PROFILE", "0")
    assert profile_function(leaf) is leaf
    assert profile_function(limit=3)(leaf) is leaf
    monkeypatch.setenv("BENCH_GUARD_PROFILE", "1")
    assert profile_function(leaf) is not leaf


def test_methods_keep_their_instance():
    class Worker:
        @profile_function(callback=lambda profile: None)
        def work(self, n):
            return self, n

    worker = Worker()
    assert worker.work(3) == (worker, 3)
