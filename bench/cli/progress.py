"""What the person who waits sees, on standard error: a bar on a terminal, a few plain lines elsewhere.

Both draw only when they are told something, between two worker processes: a refresh in the background would
disturb what is being measured.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.cli.output import is_terminal, say
from bench.progress import Progress, SilentProgress
from bench.report.escape import printable_lines
from bench.text import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINES_A_PHASE = 4
_STEPS_A_LINE = 25
"""Where nobody knows how many steps there will be."""


def choose_progress(*, silent: bool) -> Progress:
    """Return the progress display that fits standard error."""
    if silent:
        return SilentProgress()
    return BarProgress() if is_terminal(sys.stderr) else LineProgress()


class LineProgress:
    """A line when a phase begins and after each quarter of it (each 25 steps where its length is unknown)."""

    def __init__(self) -> None:
        self._what = ""
        self._total: int | None = None
        self._done = 0

    def begin(self, what: str, total: int | None) -> None:
        """Name the phase."""
        self._what, self._total, self._done = printable(what), total, 0
        say(self._what if total is None else f"{self._what} (about {total} steps)")

    def advance(self, label: str, steps: int = 1) -> None:  # noqa: ARG002
        """Count, and say so when another quarter is full."""
        before, self._done = self._done, self._done + steps
        parts, whole = (_LINES_A_PHASE, self._total) if self._total else (1, _STEPS_A_LINE)
        if before * parts // whole < self._done * parts // whole:
            say(f"{self._what}: {self._done}" + (f" of {self._total}" if self._total else ""))

    def say(self, text: str) -> None:
        """Write a line."""
        for line in printable_lines(text):
            say(line)

    def end(self) -> None:
        """Nothing is left open."""


class BarProgress:
    """A bar with the benchmark in hand, drawn by rich, never by a thread of its own."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  -- takes 60 ms that --version must not pay
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[label]}", markup=False),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._task: TaskID | None = None

    def begin(self, what: str, total: int | None) -> None:
        """Start a bar; a phase that was not ended is ended first."""
        self.end()
        self._bar.start()
        self._task = self._bar.add_task(printable(what), total=total, label="")
        self._bar.refresh()

    def advance(self, label: str, steps: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, advance=steps, label=printable(label))
            self._bar.refresh()

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        for line in printable_lines(text):
            self._console.print(line, soft_wrap=True)

    def end(self) -> None:
        """Remove the bar."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
            self._bar.stop()
