"""The records: that they hold what the rates claim to stand on, and that packing does not change what is read."""

import itertools
import lzma
import math
import random
import sys
from pathlib import Path

import pytest
import recorded

from bench.estimates import fit_calibration, process_value
from bench.model import Block, Method, ProcessRun
from bench.stats.describe import median

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "rates"))

import pack_records

pytestmark = pytest.mark.quality

APART = 600
"""Seconds between the beginnings of two sittings."""
CHANGE = 0.006
"""Readings move by up to half a step of 0.4 %, on both sides of a ratio; a median over many by less."""


def processes(count, seed=1, blocks=60):
    """Processes on a host at one of two speeds, as a worker hands them over."""
    rng = random.Random(seed)
    for number in range(count):
        offset = rng.gauss(0, 0.03)
        speeds = [rng.choice((1.0, 2.0)) for _ in range(blocks // 10) for _ in range(10)]
        pairs = [
            (
                1e-5 * speed**0.9 * math.exp(offset + rng.gauss(0, 0.05)),
                2.4e-5 * speed * rng.lognormvariate(0, 0.05),
            )
            for speed in speeds
        ]
        yield recorded.Process("kind", 0, number, 1e9 + number, "blocks", 0.987, pairs)


def run_of(process, pairs):
    blocks = tuple(Block(subject, reference) for subject, reference in pairs)
    return ProcessRun(process.workload, "time", process.round, 0, Method.BLOCKS, blocks)


def test_packed_records_read_as_the_raw_ones(tmp_path, monkeypatch):
    raw = list(processes(20))
    (tmp_path / "stored.xz").write_bytes(recorded.pack(raw, {"about": "a test"}, 0.004))
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    recorded.load.cache_clear()
    header, workloads = recorded.load("stored")
    recorded.load.cache_clear()
    packed, plain = workloads["kind"][0], [run_of(process, process.pairs) for process in raw]
    assert header["about"] == "a test"
    assert [(run.process, run.cpu_share, len(run.blocks)) for run in packed] == [
        (process.round, process.cpu_share, len(process.pairs)) for process in raw
    ]
    fits = fit_calibration(plain), fit_calibration(packed)
    assert fits[1].sensitivity == pytest.approx(fits[0].sensitivity, abs=0.01)
    assert fits[1].sensitivity == pytest.approx(0.9, abs=0.05)
    for one, other in zip(plain, packed, strict=True):
        assert process_value(other, fits[0]) == pytest.approx(process_value(one, fits[0]), abs=CHANGE)


def test_readings_do_not_come_back_on_a_grid(tmp_path, monkeypatch):
    pairs = [(1e-5, 2e-5)] * 2000
    data = recorded.pack([recorded.Process("kind", 0, 0, 0, "blocks", 1.0, pairs)], {}, 0.004)
    (tmp_path / "stored.xz").write_bytes(data)
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    recorded.load.cache_clear()
    (run,) = recorded.load("stored")[1]["kind"][0]
    recorded.load.cache_clear()
    logs = [math.log(block.subject) for block in run.blocks]
    assert len(set(logs)) == 2000
    assert max(abs(value - median(logs)) for value in logs) <= 0.0041
    assert median(logs) == pytest.approx(math.log(1e-5), abs=0.0025)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "other"}])
def test_other_formats_and_versions_are_refused(change):
    data = recorded.pack(list(processes(1)), change, 0.004)
    with pytest.raises(ValueError, match="expected quality-records 1"):
        recorded.unpack(data)


def test_cut_readings_are_refused():
    data = lzma.decompress(recorded.pack(list(processes(1)), {}, 0.004))
    with pytest.raises(ValueError, match="expected 240 bytes of readings, got 239"):
        recorded.unpack(lzma.compress(data[:-1]))


def test_two_stretches_of_a_sitting_are_kept_and_rounds_are_whole():
    sitting = [
        recorded.Process(name, 0, number, number, "blocks", 1.0, [(1.0, 1.0)])
        for number in range(100)
        for name in ("one", "two")
        if (name, number) != ("two", 25)
    ]
    kept = pack_records.kept(sitting, 20, whole=True)
    rounds = [process.round for process in kept if process.workload == "one"]
    assert rounds == [process.round for process in kept if process.workload == "two"]
    assert len(rounds) == 20
    assert 25 not in rounds
    gaps = [after - before for before, after in itertools.pairwise(rounds)]
    assert sorted(gaps)[-2:] == [2, max(gaps)]  # one left out, one between the stretches
    assert max(gaps) > 30


def test_pairs_are_kept_workload_by_workload_and_sittings_end_by_the_clock():
    recording = [
        recorded.Process(name, 0, number, 1e9 + 60 * number, "blocks", 1.0, [(1.0, 1.0)])
        for number in range(90)
        for name in (("one", "two") if number % 2 else ("one",))
    ]
    first, second = pack_records.split(recording, 3600)
    assert (first[-1].round, second[0].round) == (59, 60)
    kept = pack_records.kept(first, 40, whole=False)
    assert sum(process.workload == "one" for process in kept) == 40
    assert [process.round for process in kept if process.workload == "two"] == list(range(1, 60, 2))


def test_the_shipped_processes_are_enough():
    """150 of every workload, the memory-bound one and the long call among them, from sittings that lie apart."""
    header, found = recorded.unpack((recorded.FOLDER / "stored.xz").read_bytes())
    workloads = recorded.load("stored")[1]
    assert {"memory_walk", "tokens_50ms"} <= set(workloads)
    assert all(sum(map(len, sittings.values())) >= 150 for sittings in workloads.values())
    begins = sorted({p.sitting: p.at for p, _ in reversed(found)}.values())
    assert all(later - earlier >= APART for earlier, later in itertools.pairwise(begins))
    assert len(begins) >= 2
    assert header["machine"]


def test_the_shipped_pairs_are_enough():
    """100 of most workloads; the memory-bound one and the long call, which take longer, are fewer."""
    workloads = recorded.load("paired")[1]
    pairs = {name: sum(map(len, sittings.values())) for name, sittings in workloads.items()}
    assert {"memory_walk", "tokens_50ms"} <= set(workloads)
    assert sum(count >= 100 for count in pairs.values()) >= 13
    assert min(pairs.values()) >= 20
    quads = [len(run.blocks) for runs in workloads["json_orders"].values() for run in runs]
    assert min(quads) >= 50


def test_the_shipped_records_are_small():
    assert sum(file.stat().st_size for file in recorded.FOLDER.iterdir()) < 1_000_000
