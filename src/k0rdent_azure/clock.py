"""Time as the product sees it: a real calendar, and waits that run at the cloud's speed.

Timestamps are always true UTC, because certificates, tokens and other tools compare them with theirs.
Durations (waits, deadlines, ages) are *cloud seconds*: on Azure one per second, on a rehearsal cloud at
60 times sixty per second. So a rehearsal takes the same decisions, and makes the same calls, as real time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every waiting part of the product is given."""

    @property
    def speed(self) -> float:
        """Cloud seconds per real second."""

    def now(self) -> datetime:
        """The true time, UTC, aware."""

    def monotonic(self) -> float:
        """Cloud seconds since some fixed moment; never goes back."""

    def age(self, moment: datetime) -> float:
        """Cloud seconds that passed since `moment`, at least 0."""

    async def sleep(self, seconds: float) -> None:
        """Wait for cloud seconds."""


class SystemClock:
    """`speed` cloud seconds pass in each real second; 1.0 everywhere but in rehearsals."""

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    def age(self, moment: datetime) -> float:
        return max(0.0, (self.now() - moment).total_seconds() * self._speed)

    async def sleep(self, seconds: float) -> None:
        # Imported here: `status` needs a clock, but no event loop.
        import asyncio

        await asyncio.sleep(seconds / self._speed)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds and a `Z`, the form of every time in the state file."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """The reverse of `timestamp`; fractions and offsets are accepted. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def azure_timestamp(text: str) -> str | None:
    """A time of Azure's, which has up to seven digits of a second, in whole seconds as the state has them."""
    try:
        return timestamp(parse_timestamp(text))
    except ValueError:
        return None
