import asyncio
import inspect
import io
import tracemalloc

import pytest

from bench import trace_memory_allocations
from bench.profiling.allocations import AllocationMeter


def near(size):
    return pytest.approx(size, abs=60_000)


def test_a_block_is_traced():
    with trace_memory_allocations() as trace:
        kept = bytearray(1_000_000)
        bytearray(3_000_000)
    assert trace.current_bytes == near(1_000_000)
    assert trace.peak_bytes == near(4_000_000)
    (site, *_) = trace.sites
    assert (site.file, site.size_bytes) == (__file__, near(len(kept)))
    assert site.blocks >= 1
    assert trace.result["peak_bytes"] == trace.peak_bytes
    assert not tracemalloc.is_tracing()


def test_a_running_block_has_no_result_yet():
    with trace_memory_allocations() as trace, pytest.raises(RuntimeError, match="has ended"):
        _ = trace.peak_bytes


def test_a_block_prints_only_to_a_given_file(capsys):
    with trace_memory_allocations():
        pass
    assert capsys.readouterr().out == ""
    file = io.StringIO()
    with trace_memory_allocations(file=file):
        kept = bytearray(2**20)
    assert "allocations of block: peak 1,02" in file.getvalue()
    assert f"{__file__}:" in file.getvalue()
    del kept


def test_a_callback_receives_a_block_s_trace():
    kept = []
    with trace_memory_allocations(callback=kept.append) as trace:
        pass
    assert kept == [trace.result]


def test_limit_bounds_the_sites():
    with trace_memory_allocations(limit=1) as one:
        a = bytearray(1_000_000)
        b = bytearray(2_000_000)
    assert [site.size_bytes for site in one.sites] == [near(2_000_000)]
    with trace_memory_allocations(limit=0) as none:
        c = bytearray(1_000_000)
    assert none.sites == ()
    assert none.current_bytes == near(1_000_000)
    with pytest.raises(ValueError, match="limit"):
        trace_memory_allocations(limit=-1)
    del a, b, c


def test_a_report_without_sites_is_one_line():
    file = io.StringIO()
    with trace_memory_allocations(limit=0, file=file):
        pass
    assert file.getvalue().count("\n") == 1


def test_an_inner_trace_does_not_spoil_the_outer_peak():
    with trace_memory_allocations() as outer:
        bytearray(5_000_000)
        with trace_memory_allocations() as inner:
            bytearray(1_000_000)
        kept = bytearray(2_000_000)
    assert inner.peak_bytes == near(1_000_000)
    assert inner.current_bytes == near(0)
    assert outer.peak_bytes == near(5_000_000)
    assert outer.current_bytes == near(2_000_000)
    del kept


def test_an_inner_peak_counts_for_the_outer_trace():
    with trace_memory_allocations() as outer, trace_memory_allocations():
        bytearray(4_000_000)
    assert outer.peak_bytes == near(4_000_000)


def test_overlapping_traces_end_in_any_order():
    first, second = AllocationMeter(), AllocationMeter()
    first.__enter__()
    second.__enter__()
    kept = bytearray(1_000_000)
    first.__exit__(None, None, None)
    assert tracemalloc.is_tracing()
    second.__exit__(None, None, None)
    assert not tracemalloc.is_tracing()
    assert first.current_bytes == near(len(kept))
    assert second.current_bytes == near(len(kept))


def test_a_trace_that_was_running_goes_on():
    tracemalloc.start()
    try:
        before = bytearray(1_000_000)
        with trace_memory_allocations() as trace:
            kept = bytearray(500_000)
        assert tracemalloc.is_tracing()
        assert trace.current_bytes == near(500_000)
        assert trace.sites[0].size_bytes == near(500_000)
    finally:
        tracemalloc.stop()
    del before, kept


def test_somebody_else_may_stop_the_tracer():
    with trace_memory_allocations(limit=0) as trace:
        tracemalloc.stop()
    assert trace.peak_bytes == 0


def test_as_a_decorator_without_arguments_it_prints(capsys):
    @trace_memory_allocations
    def work(n):
        return bytearray(n)

    assert len(work(1_000_000)) == 1_000_000
    assert "allocations of " in capsys.readouterr().out
    assert work.__name__ == "work"
    assert work.last_trace.peak_bytes == near(1_000_000)
    assert work.last_trace.name.endswith("work")


def test_as_a_decorator_with_arguments():
    kept = []
    file = io.StringIO()

    @trace_memory_allocations(limit=1, callback=kept.append, file=file)
    def work(n):
        return n

    assert work.last_trace is None
    assert work(5) == 5
    assert kept == [work.last_trace]
    assert file.getvalue() == ""


def test_a_failing_function_is_traced_and_tracing_stops():
    @trace_memory_allocations(callback=lambda trace: None)
    def work():
        bytearray(1_000_000)
        raise KeyError

    with pytest.raises(KeyError):
        work()
    assert work.last_trace.peak_bytes == near(1_000_000)
    assert not tracemalloc.is_tracing()


def test_recursion_reports_every_level():
    peaks = []

    @trace_memory_allocations(limit=0, callback=lambda trace: peaks.append(trace.peak_bytes))
    def work(n):
        block = bytearray(1_000_000)
        return len(block) + (work(n - 1) if n else 0)

    assert work(2) == 3_000_000
    assert peaks == [near(1_000_000), near(2_000_000), near(3_000_000)]


def test_generators_and_async_functions_are_traced_to_their_end():
    kept = []
    trace = trace_memory_allocations(limit=0, callback=lambda trace: kept.append(trace.peak_bytes))

    @trace
    def items():
        block = bytearray(1_000_000)
        received = yield 1
        return received, len(block)

    @trace
    async def work():
        block = bytearray(2_000_000)
        await asyncio.sleep(0)
        return len(block)

    @trace
    async def stream():
        block = bytearray(3_000_000)
        yield len(block)

    def consume():
        return (yield from items())

    consumer = consume()
    next(consumer)
    with pytest.raises(StopIteration) as end:
        consumer.send("sent")
    assert end.value.value == ("sent", 1_000_000)

    async def main():
        return [await work(), *[item async for item in stream()]]

    assert asyncio.run(main()) == [2_000_000, 3_000_000]
    assert inspect.iscoroutinefunction(work)
    assert kept == [near(1_000_000), near(2_000_000), near(3_000_000)]
    assert not tracemalloc.is_tracing()


def test_switched_off_it_returns_the_function_itself(monkeypatch):
    monkeypatch.setenv("BENCH_GUARD_PROFILE", "0")
    assert trace_memory_allocations(len) is len
    assert trace_memory_allocations(limit=2)(len) is len
