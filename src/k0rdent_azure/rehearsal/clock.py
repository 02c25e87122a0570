"""The cloud's clock: cloud seconds since the Unix epoch, running `speed` times as fast as real ones.

It goes on while nobody serves, so that a VM half provisioned is ready when the service comes back, and a
change of speed bends it without a jump. What ARM prints as a timestamp is the real moment, because the
rest of the world compares timestamps with its own clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec


class Anchor(msgspec.Struct, frozen=True):
    """From the real moment `real` on (Unix seconds), the cloud's moment `cloud` runs at `speed`."""

    real: float
    cloud: float
    speed: float


class CloudClock:
    """Moments are floats, in cloud seconds. `anchors` is never empty and is what has to be kept on disk."""

    def __init__(self, anchors: list[Anchor], *, real: Callable[[], float] = time.time) -> None:
        self.anchors = anchors
        self._real = real

    @classmethod
    def started(cls, speed: float, *, real: Callable[[], float] = time.time) -> CloudClock:
        """A new clock, which agrees with real time at this moment only."""
        now = real()
        return cls([Anchor(now, now, speed)], real=real)

    @property
    def speed(self) -> float:
        return self.anchors[-1].speed

    def now(self) -> float:
        """The cloud's moment; also where the real clock was set back, it does not precede its last anchor."""
        last = self.anchors[-1]
        return last.cloud + max(0.0, self._real() - last.real) * last.speed

    def run_at(self, speed: float) -> None:
        """Go on from this same cloud moment at another speed."""
        if speed != self.speed:
            self.anchors.append(Anchor(self._real(), self.now(), speed))

    def real_time(self, moment: float) -> datetime:
        """The true UTC time of a cloud moment."""
        anchor = next((each for each in reversed(self.anchors) if each.cloud <= moment), self.anchors[0])
        return datetime.fromtimestamp(anchor.real + (moment - anchor.cloud) / anchor.speed, UTC)

    def stamp(self, moment: float) -> str:
        """As ARM prints a moment: `2025-06-07T10:11:12.1234567Z`."""
        return self.real_time(moment).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")

    async def sleep(self, seconds: float) -> None:
        """Wait for cloud seconds."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)
