"""When ARM is asked: pure functions from earlier deployments' durations to moments. Asks nobody anything.

Everything is in cloud seconds, so a rehearsal at any speed asks as often as Azure is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from k0rdent_azure.state.model import Durations

#: Without history: early, because most failures come early, and then not before even slow VMs should be up.
EARLY, LATE, EVERY = 120.0, 900.0, 300.0
#: What was learned moves the moments only this far: one strange deployment must not make the next one blind.
EARLY_LIMITS, LATE_LIMITS = (60.0, 300.0), (300.0, 1800.0)
#: Where every host answers but ARM's record still runs on, it is asked again after this, twice this, and so on.
VERDICT_AGAIN = 30.0

#: A group's first look without history; nearly all groups of VMs are gone by then, so that one look does.
DELETION = 330.0
DELETION_LIMITS = (60.0, 1800.0)
#: How much earlier the next one looks after a look that found the group gone: slowly, as a second look costs a request.
DELETION_EARLIER = 0.945
#: What is beyond was no duration of Azure's: a machine that slept, or a damaged record.
LONGEST = 86400.0


class Schedule(msgspec.Struct, frozen=True):
    """Cloud seconds after ARM accepted the deployment; `learned_from` counts the deployments behind it."""

    early: float = EARLY
    late: float = LATE
    every: float = EVERY
    learned_from: int = 0

    def due(self, waited: float) -> int:
        """How often ARM should have been asked when hosts are missing `waited` cloud seconds after acceptance."""
        return int(waited >= self.early) + (
            1 + int((waited - self.late) // self.every) if waited >= self.late else 0
        )


def creation(known: Durations) -> Schedule:
    """Early, when deployments that failed had failed; then not before nearly all others were done; then regularly."""
    failures, done = _credible(known.failure), _credible(known.creation)
    early = _within(EARLY_LIMITS, 1.1 * _nearly_all(failures)) if failures else EARLY
    late = _within(LATE_LIMITS, 1.25 * _nearly_all(done)) if done else LATE
    return Schedule(early, max(late, 2 * early), EVERY, len(done))


def verdict_pause(asked: int) -> float:
    """Cloud seconds until ARM is asked again, after `asked` answers that it is not done although all hosts are."""
    return min(EVERY, VERDICT_AGAIN * 2.0 ** min(asked, 10))


def deletion_pause(known: Durations, looks: int) -> float:
    """Cloud seconds before the look that follows `looks` others at a group that is being deleted.

    A look that finds it gone tells only that it was gone by then, so the next destroy looks a little earlier;
    one that comes too early costs one more look, half as long after it.
    """
    seen = _credible(known.deletion)
    first = _within(DELETION_LIMITS, DELETION_EARLIER * seen[-1]) if seen else DELETION
    return first if looks == 0 else first / 2


def _credible(seconds: Sequence[float]) -> list[float]:
    return [each for each in seconds if 0 < each < LONGEST]


def _nearly_all(seconds: Sequence[float]) -> float:
    """The time by which nine of ten were done (nearest rank)."""
    return sorted(seconds)[math.ceil(0.9 * len(seconds)) - 1]


def _within(limits: tuple[float, float], seconds: float) -> float:
    return round(min(max(seconds, limits[0]), limits[1]), 1)
