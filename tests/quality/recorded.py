"""Records of whole processes in one small file: written by ``docs/rates/pack_records.py``, read by the replay.

The format is described in ``records/README.md``. Readings are kept as whole steps of a logarithmic scale; they
come back with a seeded fraction of a step added, because a median of readings that all lie on one grid lies on
the grid as well.
"""

import array
import json
import lzma
import math
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.model import Block, Method, ProcessRun

FORMAT = "quality-records"
VERSION = 1
FOLDER = Path(__file__).resolve().parent / "records"
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
_LARGEST = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Process:
    """One recorded process (or pair): where it comes from, and its readings in seconds."""

    workload: str
    sitting: int
    round: int
    at: float
    method: str
    cpu_share: float
    pairs: Sequence[tuple[float, float]]


def pack(processes: Sequence[Process], about: Mapping[str, object], step: float) -> bytes:
    """The file's bytes: one JSON line, then the planes of both columns, all of it compressed."""
    workloads = sorted({process.workload for process in processes})
    columns = array.array("h"), array.array("h")
    for process in processes:
        for subject, reference in process.pairs:
            of_subject, of_reference = (round(math.log(value) / step) for value in (subject, reference))
            for column, value in zip(columns, (of_reference, of_subject - of_reference), strict=True):
                column.append(max(-_LARGEST, min(_LARGEST, value)))
    header = {
        "format": FORMAT,
        "version": VERSION,
        **about,
        "step": step,
        "workloads": workloads,
        "processes": [
            [
                workloads.index(p.workload), p.sitting, p.round, round(p.at), p.method,
                round(p.cpu_share, 3), len(p.pairs),
            ]
            for p in processes
        ],
    }  # fmt: skip
    line = json.dumps(header, separators=(",", ":")).encode() + b"\n"
    planes = b"".join(plane for column in columns for plane in _planes(column))
    return lzma.compress(line + planes, format=lzma.FORMAT_XZ, filters=_FILTERS)


def _planes(column: array.array) -> tuple[bytes, bytes]:
    """Low bytes, high bytes: apart they compress better."""
    little = array.array("h", column)
    if sys.byteorder == "big":
        little.byteswap()
    data = little.tobytes()
    return data[::2], data[1::2]


def unpack(data: bytes) -> tuple[dict, list[tuple[Process, list[tuple[int, int]]]]]:
    """Header, and every process with its readings in steps: (log subject, log reference)."""
    line, _, planes = lzma.decompress(data).partition(b"\n")
    header = json.loads(line)
    if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"expected {FORMAT} {VERSION}, got {header.get('format')} {header.get('version')}")
    count = sum(process[-1] for process in header["processes"])
    if len(planes) != 4 * count:
        raise ValueError(f"expected {4 * count} bytes of readings, got {len(planes)}")
    reference, difference = (_column(planes[2 * i * count : 2 * (i + 1) * count]) for i in (0, 1))
    found, start = [], 0
    for workload, sitting, number, at, method, share, length in header["processes"]:
        process = Process(header["workloads"][workload], sitting, number, at, method, share, ())
        rows = slice(start, start + length)
        steps = [(d + r, r) for r, d in zip(reference[rows], difference[rows], strict=True)]
        found.append((process, steps))
        start += length
    return header, found


def _column(planes: bytes) -> array.array:
    half = len(planes) // 2
    data = bytearray(len(planes))
    data[::2], data[1::2] = planes[:half], planes[half:]
    column = array.array("h", bytes(data))
    if sys.byteorder == "big":
        column.byteswap()
    return column


Sittings = Mapping[int, Sequence[ProcessRun]]
"""Of one workload: the processes of every sitting, in the order in which they were recorded."""


@cache
def load(name: str) -> tuple[Mapping[str, object], Mapping[str, Sittings]]:
    """``stored`` or ``paired``: the header, and the processes by workload and sitting."""
    header, found = unpack((FOLDER / f"{name}.xz").read_bytes())
    runs: dict[str, dict[int, list[ProcessRun]]] = {}
    for number, (process, steps) in enumerate(found):
        run = _run(process, steps, header["step"], random.Random(number), paired=name == "paired")
        runs.setdefault(process.workload, {}).setdefault(process.sitting, []).append(run)
    return header, runs


def _run(
    process: Process, steps: Iterable[tuple[int, int]], step: float, rng: random.Random, *, paired: bool
) -> ProcessRun:
    def seconds(value: int) -> float:
        return math.exp(step * (value + rng.random() - 0.5))

    return ProcessRun(
        benchmark=process.workload,
        metric="time",
        process=process.round,
        hash_seed=0,
        method=Method(process.method),
        blocks=tuple(Block(seconds(subject), seconds(reference)) for subject, reference in steps),
        cpu_share=process.cpu_share,
        paired=paired,
    )
