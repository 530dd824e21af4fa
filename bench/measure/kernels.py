"""The reference kernel: interpreter-bound work that every subject block is divided by.

It does what ordinary Python does (calls, attribute and dictionary access, small strings, integers, a sort)
and leaves nothing for the collector. A kernel bound by memory bandwidth was tried as well: the ratio to it
spreads 17-24 % between processes on a shared host, against 2-4 % for this kind, so there is only one.
"""

from __future__ import annotations

REFERENCE_VERSION = "1"
"""Part of the stable environment: with another kernel, ratios mean something else."""

_WORDS = tuple(f"{chr(97 + i % 26)}{i * 7919 % 1009:03d}" for i in range(24))


_STEPS = 70


class _Tally:
    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0

    def add(self, amount: int) -> int:
        self.count += 1
        self.total = (self.total * 31 + amount) & 0xFFFF
        return self.total


def reference_kernel() -> int:
    """One iteration, about 15 microseconds on a server core of 2023; the result depends on every step."""
    tally = _Tally()
    table: dict[str, int] = {}
    for index, word in enumerate(_WORDS):
        key = f"{word}.{index}"
        table[key] = tally.add(len(key) ^ index)
    last = 0
    for key in sorted(table):
        head, _, tail = key.partition(".")
        last = tally.add(table[key] + int(tail) + (last if head > "m" else 1))
    for step in range(_STEPS):
        last = tally.add(step * step % 7 + last)
    return last
