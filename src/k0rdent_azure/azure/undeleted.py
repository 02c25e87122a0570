"""What Azure does not delete: how often it said no, in which words, what is in the way, and when to give up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from k0rdent_azure.azure.outcome import Accepted, Outcome
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError

#: Refusals and failed deletions of one resource after which it is given up, and cloud seconds that have passed then.
#: Azure keeps a NIC for 180 s for a VM that failed, and a change that is under way ends within minutes.
REFUSALS, HEALS = 4, 300.0
#: Families of refusals that somebody has to end: no time does.
_FINAL = frozenset({"lock", "policy", "region policy", "rights", "login", "subscription"})
#: A 429 with this code is about the resource, not about the number of requests.
_BUSY = "AnotherOperationInProgress"
_ID = re.compile(r"/subscriptions/[^\s'\",;()\[\]{}<>]+", re.IGNORECASE)
#: A part of a resource that no command shows by itself.
_PART = re.compile(r"/(\w*ipConfigurations|subnets)/[^/]+$", re.IGNORECASE)


@dataclass
class Trouble:
    """One resource (or group) that does not go. `since` is a moment of the cloud's clock, in seconds."""

    resource_id: str
    since: float
    count: int = 0
    code: str = ""
    words: str = ""
    error: AzureRequestError | None = None
    #: Whether what Azure says now was recorded as an event.
    is_told: bool = False

    def note(self, words: str, error: AzureRequestError | None) -> None:
        """Once more."""
        code = error.code if error is not None else ""
        self.is_told = self.is_told and code == self.code
        self.count, self.code, self.words, self.error = self.count + 1, code, words, error

    def is_final(self, now: float) -> bool:
        """Whether nobody waits any longer: only somebody can end it, or Azure said no often and long enough."""
        if self.error is not None and is_final(self.error):
            return True
        return self.count >= REFUSALS and now - self.since >= HEALS

    @property
    def blocker(self) -> str:
        """The id of what Azure names as being in the way; "" if it names nothing."""
        return blocker_of(self.resource_id, self.error) if self.error is not None else ""


@dataclass
class Troubles:
    """Those of one run, by id in lower case."""

    by_id: dict[str, Trouble] = field(default_factory=dict)

    def note(self, resource_id: str, words: str, error: AzureRequestError | None, now: float) -> Trouble:
        """Azure has refused, or failed, to delete it once more."""
        found = self.by_id.setdefault(resource_ids.key(resource_id), Trouble(resource_id, now))
        found.note(words, error)
        return found

    def refused(self, resource_id: str, error: AzureRequestError, now: float) -> Trouble:
        """The DELETE itself was refused."""
        return self.note(resource_id, error.message, error, now)

    def failed(
        self, operation: Accepted | None, resource_id: str, outcome: Outcome | None, now: float
    ) -> Trouble:
        """The DELETE was accepted, and it is there, and not on its way."""
        error = outcome.error if outcome is not None else None
        if error is not None and outcome is not None and outcome.state == "unknown" and error.status < 500:
            error = None  # that was about the look
        what = operation.what if operation is not None else f"DELETE {resource_id}"
        words = (
            error.message if error else f"{what}: Azure accepted it, and does not tell why it is still there"
        )
        return self.note(resource_id, words, error, now)

    def gone(self, left: set[str]) -> None:
        """Forget those that are not in `left` (ids in lower case) any more."""
        self.by_id = {key: each for key, each in self.by_id.items() if key in left}

    def final(self, now: float) -> Trouble | None:
        """The first that is given up."""
        return next((each for each in self.by_id.values() if each.is_final(now)), None)


def is_final(error: AzureRequestError) -> bool:
    """Whether asking again is of no use before somebody has done something."""
    return error.family in _FINAL or error.status in (401, 403)


def may_pass(error: AzureRequestError) -> bool:
    """Whether the refusal is about this resource and this moment: something holds it, or works on it."""
    return error.status in (400, 409, 412) or error.code == _BUSY


def blocker_of(resource_id: str, error: AzureRequestError) -> str:
    """The id that Azure's words name beside the resource's own; "" if there is none.

    Of a group that does not go Azure tells which of its resources does not, and what keeps that: the latter counts.
    """
    own, stuck = resource_ids.key(resource_id), resource_ids.key(error.resource_id or "")
    told = [found for found in _ID.findall(error.message) if not found.endswith("…")]
    named = [_PART.sub("", found.rstrip("./")) for found in told]
    others = [each for each in named if not _is_of(each, own)]
    it = resource_ids.parts(stuck)
    first = next(
        (each for each in others if resource_ids.parts(resource_ids.key(each))[2:] != (it.type, it.name)), ""
    )
    return first or (error.resource_id if stuck and not _is_of(stuck, own) else "") or ""


def _is_of(named: str, own: str) -> bool:
    """Whether it is `own` (a key), a scope above it, or a subnet in it."""
    key = resource_ids.key(named)
    return key == own or own.startswith(f"{key}/") or key.startswith(f"{own}/subnets")
