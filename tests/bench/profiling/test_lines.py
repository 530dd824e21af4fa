import asyncio
import inspect
import io

import pytest

from bench import profile_memory

MIB = 2**20


def test_the_line_that_takes_memory_is_seen_to_take_it():
    @profile_memory(callback=lambda profile: None)
    def work():
        small = 1
        large = bytearray(32 * MIB)
        large[::4096] = b"x" * len(large[::4096])
        return small, len(large)

    assert work() == (1, 32 * MIB)
    profile = work.last_profile
    grown = max(profile.lines, key=lambda line: line.increment_mib)
    assert "large" in grown.source
    assert sum(line.increment_mib for line in profile.lines) > 24
    assert all(line.memory_mib >= profile.start_mib * 0.5 > 0 for line in profile.lines)
    assert [line.source.split()[0] for line in profile.lines] == ["small", "large", "large[::4096]", "return"]
    assert profile["file"] == __file__


def test_runs_of_a_line_are_counted():
    @profile_memory(callback=lambda profile: None)
    def work():
        total = 0
        for i in range(4):
            total += i
        return total

    assert work() == 6
    assert {line.source.strip(): line.occurrences for line in work.last_profile.lines}["total += i"] == 4


def test_without_arguments_it_prints(capsys):
    @profile_memory
    def work():
        return 1

    work()
    out = capsys.readouterr().out
    assert "memory of" in out
    assert "|         return 1" in out


def test_it_prints_to_a_file(capsys):
    file = io.StringIO()

    @profile_memory(file=file)
    def work():
        return 1

    work()
    assert "return 1" in file.getvalue()
    assert capsys.readouterr().out == ""


def test_recursion_is_one_profile():
    kept = []

    @profile_memory(callback=kept.append)
    def countdown(n):
        return n and countdown(n - 1)

    assert countdown(3) == 0
    assert len(kept) == 1
    assert kept[0].lines[0].occurrences >= 4  # 3.12 also counts coming back to the line after the inner call


def test_generators_and_coroutines_are_profiled():
    kept = []

    @profile_memory(callback=kept.append)
    def items():
        yield 1
        yield 2

    @profile_memory(callback=kept.append)
    async def work():
        await asyncio.sleep(0)
        return 3

    assert list(items()) == [1, 2]
    assert asyncio.run(work()) == 3
    assert inspect.iscoroutinefunction(work)
    assert [[line.source.strip() for line in profile.lines] for profile in kept] == [
        ["yield 1", "yield 2"],
        ["await asyncio.sleep(0)", "return 3"],
    ]


def test_a_function_without_source_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="trace_memory_allocations"):
        profile_memory(len)


def test_switched_off_it_returns_the_function_itself(monkeypatch):
    monkeypatch.setenv("BENCH_GUARD_PROFILE", "0")
    assert profile_memory(len) is len


def test_a_call_that_raises_is_reported_too():
    @profile_memory(callback=lambda profile: None)
    def work():
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        work()
    assert work.last_profile.lines[0].source.strip() == "return 1 / 0"
