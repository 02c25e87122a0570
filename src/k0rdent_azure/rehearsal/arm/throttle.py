"""ARM's limits per subscription and principal: buckets that refill in cloud seconds.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`size` requests at once, and `refill` more in each cloud second."""

    size: float
    refill: float
    level: float
    moment: float = 0.0

    def fill(self, now: float) -> None:
        self.level = min(self.size, self.level + max(0.0, now - self.moment) * self.refill)
        self.moment = now


class Throttle:
    """Reads, writes and deletes have buckets of their own."""

    def __init__(self) -> None:
        self._buckets = {
            "reads": Bucket(250, 25, 250),
            "writes": Bucket(200, 10, 200),
            "deletes": Bucket(200, 10, 200),
        }

    def wait(self, method: str, now: float) -> int:
        """Take one request; 0 if it may go on, else the cloud seconds after which it should be tried again."""
        bucket = self._buckets[_kind(method)]
        bucket.fill(now)
        if bucket.level < 1:
            return max(1, math.ceil((1 - bucket.level) / bucket.refill))
        bucket.level -= 1
        return 0

    def headers(self, method: str, now: float) -> dict[str, str]:
        kind = _kind(method)
        bucket = self._buckets[kind]
        bucket.fill(now)
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(bucket.level))}


def _kind(method: str) -> str:
    if method in ("GET", "HEAD"):
        return "reads"
    return "deletes" if method == "DELETE" else "writes"
