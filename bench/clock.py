"""The wall clock as an edge: what the pipeline knows of dates, elapsed seconds and waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Dates for records, monotonic seconds for budgets, waiting between passes."""

    def now(self) -> datetime:
        """The date and time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        """The date and time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class FakeClock:
    """A clock that moves only when it is told to, or when somebody sleeps on it."""

    def __init__(self, start: datetime | None = None) -> None:
        self.started = start or datetime(2026, 1, 1, tzinfo=UTC)
        self.elapsed = 0.0

    def now(self) -> datetime:
        """The start plus everything slept and advanced."""
        return self.started + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        """Seconds slept and advanced."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Advance by ``seconds`` at once."""
        self.elapsed += seconds
