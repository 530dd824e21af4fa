"""What a long run tells the person who waits; drawn by the command line, silent everywhere else."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives events between processes, never during a measurement."""

    def begin(self, what: str, total: int | None) -> None:
        """A phase starts; ``total`` steps are expected, None when nobody knows."""
        ...

    def advance(self, label: str, steps: int = 1) -> None:
        """``steps`` processes of ``label`` are done."""
        ...

    def say(self, text: str) -> None:
        """A line that stays: ``measuring mypkg from PATH``, a failed benchmark."""
        ...

    def end(self) -> None:
        """The phase is over."""
        ...


class SilentProgress:
    """Shows nothing and remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, what: str, total: int | None) -> None:
        """Ignored."""

    def advance(self, label: str, steps: int = 1) -> None:
        """Ignored."""

    def say(self, text: str) -> None:
        """Kept in ``said``."""
        self.said.append(text)

    def end(self) -> None:
        """Ignored."""
