"""What became of a request that Azure accepted: a 202, or a 2xx with a link, only says that it begins.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from k0rdent_azure.azure.arm_errors import causes, vm_of
from k0rdent_azure.azure.client import ArmClient, ArmResponse
from k0rdent_azure.azure.failures import explain
from k0rdent_azure.azure.reading import mapping, text
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureError, AzureRequestError, AzureUnreachableError

#: Cloud seconds between two looks: Azure's `Retry-After` within these limits, whatever it says.
PAUSES = (2.0, 30.0)
#: The same if Azure names no time.
PAUSE = 10.0
#: Codes of a look that was refused, which says nothing about the operation.
_NO_RIGHT = frozenset({"AuthorizationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken"})

State = Literal["running", "succeeded", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that Azure took on: `what` it was, its resource's id, the links that tell its outcome ("": none)."""

    what: str
    resource_id: str
    status_link: str = ""
    location: str = ""
    #: When it was accepted, in seconds of the client's clock.
    at: float = 0.0

    @property
    def link(self) -> str:
        """Where to ask: the operation's own status says more than its result."""
        return self.status_link or self.location


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is set if it failed, and if the look itself was refused. `next` is where to ask the next time."""

    state: State
    next: Accepted
    error: AzureRequestError | None = None
    pause: float = PAUSE


def accepted(what: str, resource_id: str, answer: ArmResponse, *, at: float) -> Accepted:
    """From the answer that accepted it, at a moment of the client's clock."""
    headers = answer.headers
    status_link = headers.get("azure-asyncoperation", "").strip()
    return Accepted(what, resource_id, status_link, headers.get("location", "").strip(), at)


async def ask(client: ArmClient, operation: Accepted) -> Outcome:
    """One look: one request at most. Never raises for what Azure answers: "unknown" if the answer tells nothing.

    An operation that Azure has forgotten (404), that cannot be asked for, or whose link leads elsewhere is unknown:
    then the resource itself has to be asked.
    """
    if not operation.link:
        return Outcome("unknown", operation)
    try:
        answer = await client.follow(operation.link, accept=(200, 201, 202, 204))
    except AzureUnreachableError:
        return Outcome("unknown", operation)
    except AzureRequestError as error:
        told_nothing = error.status in (401, 404, 408, 429) or error.status >= 500 or error.code in _NO_RIGHT
        return Outcome("unknown" if told_nothing else "failed", operation, _about(operation, error))
    follow = Accepted(
        operation.what,
        operation.resource_id,
        answer.headers.get("azure-asyncoperation", "").strip() or operation.status_link,
        answer.headers.get("location", "").strip() or operation.location,
        operation.at,
    )
    state = _state(answer, is_status=bool(operation.status_link))
    failure = _failure(operation, answer) if state == "failed" else None
    return Outcome(state, follow, failure, pause_of(answer.headers))


async def finish(client: ArmClient, operation: Accepted, *, limit: float) -> None:
    """Wait until it has ended, at most `limit` cloud seconds. Raises AzureRequestError if it failed.

    What is still running then, or cannot be known, raises AzureError: nobody may go by it.
    """
    deadline = client.clock.monotonic() + limit
    while True:
        outcome = await ask(client, operation)
        if outcome.state == "succeeded":
            return
        if outcome.state == "failed" and outcome.error is not None:
            raise outcome.error
        if outcome.state == "unknown" or client.clock.monotonic() + outcome.pause > deadline:
            raise AzureError(
                f"{operation.what}: Azure accepted it and does not tell how it ended"
                if outcome.state == "unknown"
                else f"{operation.what}: Azure accepted it and did not end it within {limit:.0f} s",
                hint="run the same command again",
            )
        operation = outcome.next
        await client.clock.sleep(outcome.pause)


def pause_of(headers: Mapping[str, str]) -> float:
    """Cloud seconds until the next look: `Retry-After` if it makes sense."""
    try:
        wanted = float(headers.get("retry-after", ""))
    except ValueError:
        return PAUSE
    return min(max(wanted, PAUSES[0]), PAUSES[1]) if wanted == wanted else PAUSE  # noqa: PLR0124 - not a number


def _state(answer: ArmResponse, *, is_status: bool) -> State:
    told = text(answer.body, "status") or text(mapping(answer.body, "properties"), "provisioningState")
    if told.lower() == "succeeded":
        return "succeeded"
    if told.lower() in ("failed", "canceled", "cancelled"):
        return "failed"
    if told or answer.status == 202:
        return "running"
    if is_status and answer.status != 204:
        return "unknown"
    return "succeeded"


def _failure(operation: Accepted, answer: ArmResponse) -> AzureRequestError:
    found = causes(answer.body.get("error")) or causes(mapping(answer.body, "properties").get("error"))
    status = text(answer.body, "status") or "Failed"
    if not found:
        return AzureRequestError(
            f"{operation.what}: Azure accepted it, and it ended as {status} without a reason",
            status=answer.status,
            code=f"Operation{status}",
            resource_id=operation.resource_id,
        )
    told = explain(found[0], path=operation.resource_id)
    resource = found[0].resource_id or operation.resource_id
    return AzureRequestError(
        told.message,
        status=answer.status,
        code=found[0].code,
        resource_id=resource,
        hint=told.hint,
        way=told.way,
        places=told.places,
        about=vm_of(resource),
        family=told.family,
    )


def _about(operation: Accepted, error: AzureRequestError) -> AzureRequestError:
    """The same about the resource: the link's own path says nothing to anybody."""
    told = error.resource_id or ""
    own = None if "/operation" in resource_ids.key(told) else told
    error.resource_id = own or operation.resource_id
    return error
