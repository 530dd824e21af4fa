"""Where text goes: data to standard output, everything else to standard error, whatever they are.

A reader that goes away (``| head``) and an encoding that lacks a letter never change what a run found.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from bench.errors import StoreError

EXIT_CODES = """Exit codes:
  0    pass
  1    regressed: a regression, a broken budget, a missing benchmark
  2    usage or configuration error
  3    undecided under --strict or suspicious in CI; nothing could gate where a baseline is required
  4    could not measure: crash, time-out, nothing collected
  130  interrupted"""

_WIDTH_WITHOUT_TERMINAL = 120
_PLAIN = str.maketrans(
    {"µ": "u", "✅": "[pass]", "❌": "[regressed]", "💥": "[failed]", "⚠": "[undecided]", "\ufe0f": ""}
)


def write_stdout(text: str) -> None:
    """Write data to standard output and flush it; StoreError where it does not take it (a full disk)."""
    try:
        _write(sys.stdout, text)
    except OSError as error:
        _discard(sys.stdout)
        raise StoreError(f"standard output cannot be written: {error.strerror or error}") from error


def say(text: str) -> None:
    """Write a line for the person who waits to standard error; a stream that fails is nobody listening."""
    try:
        _write(sys.stderr, f"{text}\n")
    except OSError:
        _discard(sys.stderr)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at this stream."""
    return not stream.closed and stream.isatty() and os.environ.get("TERM") != "dumb"


def wants_color(stream: TextIO) -> bool:
    """Whether to colour: a terminal, and nobody set ``NO_COLOR``."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def terminal_width() -> int:
    """Columns to write for; ``COLUMNS`` wins, wide where there is no terminal."""
    return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns


def _write(stream: TextIO, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Let what is left in the buffer, and everything that follows, go nowhere."""
    try:
        target = os.open(os.devnull, os.O_WRONLY)
        os.dup2(target, stream.fileno())
        os.close(target)
    except (OSError, ValueError):
        return
