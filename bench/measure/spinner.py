"""The reference kernel in a process of its own, spinning on the subject's CPU while a long call runs.

One byte releases it, one stops it, and it answers with iterations and thread CPU seconds. It always does at
least a millisecond of work, so a pair exists even if the scheduler let the subject run through first.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from time import thread_time
from typing import Self

from bench.measure.kernels import reference_kernel

_REPLY = struct.Struct("=qd")
_LEAST_SECONDS = 0.001
_BATCH = 8
_FAREWELL_S = 1.0


class Spinner:
    """Parent side; a context manager. ``release`` before the call, ``halt`` after it."""

    def __init__(self) -> None:
        self.last_iterations = 0

    def __enter__(self) -> Self:
        import mmap  # noqa: PLC0415  -- only long calls need it

        self._shared = os.memfd_create("spinner") if hasattr(os, "memfd_create") else _plain_file()
        os.ftruncate(self._shared, mmap.PAGESIZE)
        self._flag = mmap.mmap(self._shared, mmap.PAGESIZE)
        home = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.insert(0, {home!r}); from bench.measure.spinner import spin; spin()"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(self._shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._shared,),
        )
        self._commands, self._replies = _descriptors(self._process)
        self.release()
        self.halt()
        return self

    def release(self) -> None:
        """Let the reference run; it competes for the CPU from now on."""
        self._flag[0] = 0
        os.write(self._commands, b"g")

    def halt(self) -> float:
        """Stop it and return its thread CPU seconds per iteration since the release."""
        self._flag[0] = 1
        reply = os.read(self._replies, _REPLY.size)
        if len(reply) != _REPLY.size:
            raise RuntimeError("the reference process beside the benchmark died")
        iterations, seconds = _REPLY.unpack(reply)
        self.last_iterations = int(iterations)
        return float(seconds) / self.last_iterations

    def __exit__(self, *_exc: object) -> None:
        try:
            self._process.communicate(timeout=_FAREWELL_S)  # closes its input, which ends it
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._flag.close()
        os.close(self._shared)


def _descriptors(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the reference process was started without pipes")
    return process.stdin.fileno(), process.stdout.fileno()


def _plain_file() -> int:
    import tempfile  # noqa: PLC0415  -- no memfd outside Linux

    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


def spin() -> None:
    """Child side: one burst for every byte on standard input, until it closes."""
    import gc  # noqa: PLC0415
    import mmap  # noqa: PLC0415

    flag = mmap.mmap(int(sys.argv[1]), mmap.PAGESIZE)
    for _ in range(200):
        reference_kernel()
    gc.disable()
    while os.read(0, 1):
        os.write(1, _REPLY.pack(*_burst(flag)))


def _burst(flag: object) -> tuple[int, float]:
    iterations = 0
    start = thread_time()
    while True:
        for _ in range(_BATCH):
            reference_kernel()
        iterations += _BATCH
        elapsed = thread_time() - start
        if flag[0] and elapsed >= _LEAST_SECONDS:  # type: ignore[index]
            return iterations, elapsed
