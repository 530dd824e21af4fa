"""Makes the small records of ``tests/quality/records`` out of raw recordings, and shows what packing costs.

::

    python docs/rates/pack_records.py stored s1.jsonl s2.jsonl s3.jsonl
    python docs/rates/pack_records.py paired pairs-1.jsonl pairs-2.jsonl --rounds 60 --hours 1

Every file is one sitting, or with ``--hours`` one sitting per so many hours, in order of time: a line per
process (or pair) with ``name``, ``k`` (the round), ``at`` (epoch seconds), ``method``, ``cpu_share`` and
``pairs`` (subject and reference, or head and base, in seconds). Two stretches of neighbouring rounds are kept
of a sitting, one from its first half and one from its second. The printed table compares what the gate reads
from the raw and from the packed readings.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "quality"))

import recorded

from bench.estimates import PLAIN, fit_calibration, process_value
from bench.model import Block, Method, ProcessRun
from bench.stats.describe import mean, sd

STEPS = {"stored": 0.004, "paired": 0.001}
ABOUT = {
    "stored": "log subject and log reference of every block of fresh processes, code unchanged",
    "paired": "log head and log base of every quad of fresh pairs of processes, both the same code",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=list(STEPS))
    parser.add_argument("files", nargs="+", type=Path, help="one file a sitting, in order of time")
    parser.add_argument("--rounds", type=int, default=80, help="rounds kept of a sitting")
    parser.add_argument("--hours", type=float, default=math.inf, help="a sitting ends after so many hours")
    given = parser.parse_args()
    sittings = [sitting for file in given.files for sitting in split(list(read(file)), given.hours * 3600)]
    processes = [
        replace(process, sitting=number)
        for number, sitting in enumerate(sittings)
        for process in kept(sitting, given.rounds, whole=given.mode == "stored")
    ]
    step = STEPS[given.mode]
    about = {"about": ABOUT[given.mode], "python": platform.python_version(), "machine": machine()}
    data = recorded.pack(processes, about, step)
    (recorded.FOLDER / f"{given.mode}.xz").write_bytes(data)
    print(f"{len(processes)} processes, {sum(len(p.pairs) for p in processes)} readings, {len(data)} bytes")
    compare(processes, given.mode)


def machine() -> str:
    """What a reader needs to know of the host, nothing that names it."""
    return f"{platform.system()} {platform.machine()}, shared virtual machine with 2 CPUs"


def read(file: Path) -> Iterator[recorded.Process]:
    """The processes of one file; a line cut at the end (a recording under way) is left out."""
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            return
        pairs = [(s, r) for s, r in row["pairs"] if s > 0 and r > 0]
        if pairs:
            share = row.get("cpu_share", 1.0)
            yield recorded.Process(row["name"], 0, row["k"], row["at"], row["method"], share, pairs)


def split(processes: Sequence[recorded.Process], seconds: float) -> list[list[recorded.Process]]:
    """Sittings of that length from the first process on; where nothing was recorded there is none."""
    start = processes[0].at
    sittings: dict[int, list[recorded.Process]] = defaultdict(list)
    for process in processes:
        sittings[int((process.at - start) // seconds)].append(process)
    return [sittings[number] for number in sorted(sittings)]


def kept(processes: Sequence[recorded.Process], rounds: int, *, whole: bool) -> list[recorded.Process]:
    """Two stretches of neighbouring rounds; ``whole``: of those in which every workload was measured."""
    names = sorted({process.workload for process in processes})
    own = {name: {p.round: p for p in processes if p.workload == name} for name in names}
    common = set.intersection(*(set(found) for found in own.values()))
    return [
        own[name][number]
        for name in names
        for number in stretches(sorted(common if whole else own[name]), rounds)
    ]


def stretches(numbers: Sequence[int], rounds: int) -> list[int]:
    """Half of the rounds from the middle of the first half, half from the middle of the second."""
    half = len(numbers) // 2
    length = min(rounds // 2, half)
    first, second = (half - length) // 2, half + (len(numbers) - half - length) // 2
    return [*numbers[first : first + length], *numbers[second : second + length]]


def compare(processes: Sequence[recorded.Process], mode: str) -> None:
    """Sensitivity, spread of the process values and their largest change, from raw and packed readings."""
    recorded.load.cache_clear()
    packed = recorded.load(mode)[1]
    raw: dict[tuple[str, int], list[ProcessRun]] = defaultdict(list)
    for process in processes:
        raw[process.workload, process.sitting].append(as_run(process, paired=mode == "paired"))
    print("workload       sitting    n  sensitivity raw, packed  sd raw, packed  largest change")
    for (name, sitting), runs in raw.items():
        print(f"{name:14} {sitting:7} {len(runs):4}  {differences(runs, packed[name][sitting])}")


def as_run(process: recorded.Process, *, paired: bool) -> ProcessRun:
    """The process as the worker handed it over."""
    blocks = tuple(Block(subject, reference) for subject, reference in process.pairs)
    method = Method(process.method)
    return ProcessRun(process.workload, "time", process.round, 0, method, blocks, paired=paired)


def differences(raw: Sequence[ProcessRun], packed: Sequence[ProcessRun]) -> str:
    """Values are centred first: raw and packed may state them for slightly different reference speeds."""
    fits = [PLAIN if runs[0].paired else fit_calibration(runs) for runs in (raw, packed)]
    values = [
        [process_value(run, fit) for run in runs] for runs, fit in zip((raw, packed), fits, strict=True)
    ]
    centred = [[value - mean(side) for value in side] for side in values]
    largest = max(abs(a - b) for a, b in zip(*centred, strict=True))
    spreads = [sd(side) for side in values]
    return (
        f"{fits[0].sensitivity:15.3f} {fits[1].sensitivity:7.3f} "
        f"{spreads[0]:7.2%} {spreads[1]:7.2%} {largest:15.2%}"
    )


if __name__ == "__main__":
    main()
