"""Counts every HTTP request sent to ARM, each attempt on its own, by the phase that sent it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One attempt. `status` is 0 where no complete answer came back; `seconds` are real ones."""

    phase: str
    method: str
    path: str
    status: int
    seconds: float


class Ledger:
    """Requests in the order in which they ended. Token requests are not ARM's and are not counted."""

    def __init__(self, phase: str = "none") -> None:
        #: What the next requests are counted under; whoever changes the phase sets it.
        self.phase = phase
        self.entries: list[LedgerEntry] = []
        self._taken = 0

    def record(self, method: str, path: str, status: int, *, seconds: float) -> None:
        """Count one attempt under the current phase. `path` is without query."""
        self.entries.append(LedgerEntry(self.phase, method, path, status, seconds))

    def counts(self) -> dict[str, int]:
        """All requests so far, by phase."""
        return dict(Counter(entry.phase for entry in self.entries))

    def take(self) -> dict[str, int]:
        """Requests since the last `take`, by phase: what is still to be added to the state's counts."""
        fresh = self.entries[self._taken :]
        self._taken = len(self.entries)
        return dict(Counter(entry.phase for entry in fresh))
