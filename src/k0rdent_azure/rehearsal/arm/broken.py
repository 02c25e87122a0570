"""Requests that go wrong on purpose: what is answered in place of the real answer, and how little of it arrives."""

from __future__ import annotations

import time
from email.utils import formatdate

from aiohttp import web

from k0rdent_azure.rehearsal.arm import refused
from k0rdent_azure.rehearsal.arm.arm_errors import group_being_deleted
from k0rdent_azure.rehearsal.arm.call import Answer
from k0rdent_azure.rehearsal.arm.tokens import TokenError
from k0rdent_azure.rehearsal.clock import CloudClock
from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.rehearsal.records import Json

#: Cloud seconds after which Azure's load balancers drop a connection on which nothing was said.
SILENCE = 240.0


def refusal(fault: Fault | None) -> Answer | None:
    """The answer to a request that has no effect; None where it has one all the same. Raises TokenError."""
    if fault is None:
        return None
    if fault.kind == "expired-token":
        raise TokenError(
            "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."
        )
    if fault.kind in ("http", "refused"):
        return _status(fault) if fault.kind == "http" else refused.answer(fault)
    if fault.kind == "DeploymentActive":
        message = (
            "Unable to edit or replace deployment: previous deployment is still active. Please see "
            "https://aka.ms/arm-deploy for usage details."
        )
        return Answer(409, {"error": {"code": "DeploymentActive", "message": message}})
    if fault.kind == "ResourceGroupBeingDeleted":
        error = group_being_deleted(fault.group or "")
        return Answer(error.status, {"error": error.error()})
    if fault.kind in ("disconnect", "timeout") and fault.when == "before":
        return Answer(503)
    return None


def arrives(fault: Fault | None) -> bool:
    """Whether the client gets a complete answer."""
    return fault is None or fault.kind not in ("disconnect", "timeout", "partial")


async def deliver(
    request: web.Request, response: web.Response, fault: Fault | None, clock: CloudClock
) -> web.StreamResponse:
    """Send `response`, or as much of it as `fault` lets through."""
    if fault is None:
        return response
    if fault.kind == "clock-skew":
        response.headers["Date"] = formatdate(time.time() + (fault.seconds or 0.0), usegmt=True)
    elif fault.kind == "refused":
        refused.garble(response, fault.nesting, fault.message or "")
    elif fault.kind == "malformed":
        response.body = b'{"value": [{"id": "/subscriptions/' + bytes([0xC3, 0x28])
        response.content_type = "application/json"
    elif fault.kind == "partial":
        return await _half(request, response)
    elif fault.kind == "timeout":
        await clock.sleep(SILENCE if fault.seconds is None else fault.seconds)
    if fault.kind in ("disconnect", "timeout") and request.transport is not None:
        request.transport.abort()
    return response


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """`Content-Length` promises all of the body; the connection ends in its middle."""
    content = response.body if isinstance(response.body, bytes) else b""
    cut = web.StreamResponse(status=response.status, headers=response.headers)
    cut.content_length = max(2, len(content))
    await cut.prepare(request)
    await cut.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return cut


def throttled(wait: int | None) -> Answer:
    """429, with `Retry-After` in cloud seconds where `wait` is given."""
    again = f"after '{wait}' seconds" if wait is not None else "later"
    message = f"Number of requests for subscription exceeded the limit. Please try again {again}."
    body: Json = {"error": {"code": "SubscriptionRequestsThrottled", "message": message}}
    return Answer(429, body, _retry_after(wait))


def _status(fault: Fault) -> Answer:
    if fault.status == 429:
        return throttled(fault.retry_after)
    body: Json = {
        "error": {
            "code": "ServerUnavailable" if fault.status == 503 else "InternalServerError",
            "message": "The server is currently unable to handle the request. Please try again later.",
        }
    }
    return Answer(fault.status, body, _retry_after(fault.retry_after))


def _retry_after(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"Retry-After": str(wait)}
