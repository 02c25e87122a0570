"""The three pipeline policies that differ from azure-core's own: retries, tokens, and the ledger."""

from __future__ import annotations

import asyncio
import random
import time
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncHTTPPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from k0rdent_azure.azure.credentials import RenewableCredential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.network_failures import is_final
from k0rdent_azure.azure.transport import ATTEMPT_TIMEOUT, Attempt

#: Cloud seconds before the first retry where ARM names no time; doubles with each further one.
FIRST_BACKOFF = 2.0
MAX_BACKOFF = 60.0
#: A longer `Retry-After` than this (cloud seconds) is told to the user instead of waited for in silence.
MAX_RETRY_AFTER = 900.0

Request = PipelineRequest[HttpRequest]
Response = PipelineResponse[HttpRequest, AsyncHttpResponse]


class ArmRetryPolicy(AsyncRetryPolicy[HttpRequest, AsyncHttpResponse]):
    """408, 429 and 5xx, and broken connections, at most `retries` times.

    PUT and DELETE are retried like GET: ARM defines them as idempotent.
    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """

    def __init__(self, retries: int) -> None:
        super().__init__(retry_total=retries, retry_connect=retries, retry_read=retries, retry_status=retries)

    def get_backoff_time(self, settings: dict[str, object]) -> float:
        """azure-core retries the first time at once; a throttled or restarting ARM deserves a pause."""
        history = settings["history"]
        attempt = len(history) if isinstance(history, list) else 1
        jitter: float = random.uniform(0.75, 1.25)  # noqa: S311 - spreads clients, hides nothing
        return min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1)) * jitter

    def get_retry_after(self, response: Response) -> float | None:  # type: ignore[override]
        """`Retry-After` in cloud seconds; None where it is missing or nonsense."""
        try:
            return super().get_retry_after(response)
        except (ValueError, OverflowError, TypeError):
            return None

    def is_retry(self, settings: dict[str, object], response: Response) -> bool:  # type: ignore[override]
        wait = self.get_retry_after(response)
        if wait is not None and not wait <= MAX_RETRY_AFTER:
            return False
        return bool(super().is_retry(settings, response))

    def increment(  # type: ignore[override]
        self,
        settings: dict[str, object],
        response: Request | Response | None = None,
        error: Exception | None = None,
    ) -> bool:
        if is_final(error):
            return False
        return bool(super().increment(settings, response=response, error=error))


class ArmTokenPolicy(AsyncBearerTokenCredentialPolicy[HttpRequest, AsyncHttpResponse]):
    """A bearer token on each attempt; once more with a new one when ARM refuses the old.

    A token dies early when the machine slept or an administrator revoked it.
    """

    async def on_challenge(self, request: Request, response: Response) -> bool:
        """Whether there is another token than the refused one, now set on `request`."""
        if await super().on_challenge(request, response):
            return True
        refused = request.http_request.headers.get("Authorization")
        await self.authorize_request(request, *self._scopes)
        if request.http_request.headers.get("Authorization") == refused and isinstance(
            self._credential, RenewableCredential
        ):
            self._credential.renew()
            await self.authorize_request(request, *self._scopes)
        return bool(request.http_request.headers.get("Authorization") != refused)


class LedgerPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Records each attempt that left this machine, and bounds its time in real seconds."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    async def send(self, request: Request) -> Response:
        """Counts nothing where no connection was made: ARM saw nothing then."""
        attempt = Attempt()
        request.context.options["trace_request_ctx"] = attempt
        started = time.monotonic()
        status = 0
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT):
                response = await self.next.send(request)
            status = response.http_response.status_code
        except TimeoutError as error:
            raise ServiceResponseTimeoutError("no complete answer in time", error=error) from error
        finally:
            self._record(request.http_request, attempt, status, time.monotonic() - started)
        return response

    def _record(self, request: HttpRequest, attempt: Attempt, status: int, seconds: float) -> None:
        path = unquote(urlsplit(request.url).path)
        for number in range(1, attempt.sent + 1):
            last = number == attempt.sent
            self._ledger.record(request.method, path, status if last else 0, seconds=seconds if last else 0.0)
