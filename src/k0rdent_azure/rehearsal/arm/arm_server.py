"""The HTTP side of the simulated Azure: tokens for clients, and ARM for those who have one.

Every ARM request is logged in the order of its answer. Tokens and discovery belong to another service
(login.microsoftonline.com) and are not.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping

from aiohttp import web

from k0rdent_azure.rehearsal import recording
from k0rdent_azure.rehearsal.arm import (
    actors,
    broken,
    changes,
    conscience,
    identity,
    locks,
    relaxed_json,
    routes,
)
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.throttle import Throttle
from k0rdent_azure.rehearsal.arm.tokens import Authority, TokenError
from k0rdent_azure.rehearsal.faults import Fault, Faults
from k0rdent_azure.rehearsal.records import Json
from k0rdent_azure.rehearsal.requests import RequestLog
from k0rdent_azure.rehearsal.world import World

#: ARM's limit for a request (a template with its parameters), in bytes.
MAXIMUM_BODY = 4 * 1024 * 1024


class ArmServer:
    """Answers for one world. `authority` says who may ask; `last_request` is a real, monotonic moment."""

    def __init__(self, world: World, authority: Authority, log: RequestLog) -> None:
        self._world = world
        self._authority = authority
        self._log = log
        self._throttle = Throttle()
        self.last_request = time.monotonic()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAXIMUM_BODY)
        identity.add_routes(application, self._authority)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.last_request = time.monotonic()
        faults = Faults(self._world.directory)
        fault = faults.transport(request.method, request.path_qs)
        changes.apply(self._world, faults)
        faults.commit()
        self._world.settle()
        answer = await self._answer(request, faults, fault)
        self._log.append(request.method, request.path_qs, answer.status if broken.arrives(fault) else 0)
        if recording.is_on(self._world.directory):
            recording.append(self._world.directory, await _exchange(request, answer))
        return await broken.deliver(request, self._response(request, answer), fault, self._world.clock)

    async def _answer(self, request: web.Request, faults: Faults, fault: Fault | None) -> Answer:
        try:
            refused = broken.refusal(fault)
            if refused is not None:
                return refused
            client = self._authority.check(request.headers.get("Authorization"))
            wait = self._throttle.wait(request.method, self._world.clock.now())
            if wait:
                return broken.throttled(wait)
            return self._dispatch(request, await _body(request), faults, client)
        except TokenError as error:
            return _unauthorized(error, self._authority)
        except ArmError as error:
            faults.commit()
            return Answer(error.status, {"error": error.error()})
        except Exception:
            # A body that this cloud did not foresee: an answer, and a line in the log, as from the real one.
            logging.getLogger(__name__).exception("%s %s", request.method, request.path)
            message = "The server encountered an internal error; service.log of the rehearsal cloud has it."
            return Answer(500, {"error": {"code": "InternalServerError", "message": message}})

    def _dispatch(self, request: web.Request, body: Json, faults: Faults, client: str) -> Answer:
        handler, part = routes.find(request.method, request.path)
        query = {key.lower(): value for key, value in request.query.items()}
        _check_api_version(query)
        wanted = part.get("subscription", self._world.subscription_id)
        if wanted.lower() != self._world.subscription_id:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{wanted}' could not be found.")
        agent = request.headers.get("User-Agent", "")
        call = Call(
            world=self._world,
            faults=faults,
            method=request.method,
            path=request.path,
            part=part,
            query=query,
            body=body,
            base=self._authority.arm_endpoint,
            correlation_id=str(uuid.uuid4()),
            actor=actors.SOMEBODY if client == self._authority.somebody else actors.deployer(agent),
            command=actors.command(agent),
        )
        locks.check(call)
        with conscience.watching(call):
            return handler(call)

    def _response(self, request: web.Request, answer: Answer) -> web.Response:
        headers = {
            "x-ms-request-id": str(uuid.uuid4()),
            "x-ms-correlation-request-id": request.headers.get(
                "x-ms-correlation-request-id", str(uuid.uuid4())
            ),
            "x-ms-routing-request-id": f"REHEARSAL:{uuid.uuid4()}",
            "Cache-Control": "no-cache",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            **self._throttle.headers(request.method, self._world.clock.now()),
            **answer.headers,
        }
        if answer.body is None or request.method == "HEAD":
            return web.Response(status=answer.status, headers=headers)
        text = json.dumps(answer.body, separators=(",", ":"))
        return web.Response(status=answer.status, text=text, content_type="application/json", headers=headers)


async def _exchange(request: web.Request, answer: Answer) -> recording.Exchange:
    content = await request.read()
    return recording.Exchange(
        method=request.method,
        path=request.path_qs,
        body=relaxed_json.loads(content) if content else None,
        status=answer.status,
        answer=answer.body,
        follow_ups=[
            answer.headers[key] for key in ("Azure-AsyncOperation", "Location") if key in answer.headers
        ],
    )


async def _body(request: web.Request) -> Json:
    """The JSON object of a request that has one. Raises ArmError for anything else."""
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise ArmError(
            413, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB."
        ) from error
    if not content:
        return {}
    try:
        body = relaxed_json.loads(content)
    except ValueError as error:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: '{error}'.",
        ) from error
    if not isinstance(body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid: it is not an object.")
    return body


def _check_api_version(query: Mapping[str, str]) -> None:
    version = query.get("api-version", "")
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    parts = version.removesuffix("-preview").split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isdigit() for part in parts):
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")


def _unauthorized(error: TokenError, authority: Authority) -> Answer:
    challenge = (
        f'Bearer authorization_uri="{authority.arm_endpoint}/{authority.tenant}", error="invalid_token", '
        f'error_description="{error.description}"'
    )
    body: Json = {"error": {"code": error.code, "message": error.description}}
    return Answer(401, body, {"WWW-Authenticate": challenge})
