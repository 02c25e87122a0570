"""The few ways in which Azure Resource Manager is asked: one request, or one list.

azure-core's pipeline does the work: retries with `Retry-After` counted in cloud seconds, tokens, request
ids. The ledger stands behind the retries, so that it sees every attempt.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError as CoreError
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline import AsyncPipeline
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from k0rdent_azure import __version__
from k0rdent_azure.azure import links
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.failures import Answer, is_absent, request_failed, unreachable
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.policies import FIRST_BACKOFF, ArmRetryPolicy, ArmTokenPolicy, LedgerPolicy
from k0rdent_azure.azure.token_failures import IdentityUnreachableError, refused_token, token_failed
from k0rdent_azure.azure.transport import CloudTransport
from k0rdent_azure.azure.where import Where
from k0rdent_azure.clock import Clock
from k0rdent_azure.errors import AzureRequestError, AzureUnreachableError

#: Retries of one request. With the back-off of `ArmRetryPolicy` they last about two minutes.
DEFAULT_RETRIES = 6
#: Retries of a GET whose answer is not ARM's JSON: a proxy's hiccup passes, a captive portal does not.
GARBLED_RETRIES = 2
#: A list with more pages than this (100,000 VMs) is a loop of the server's.
MAX_PAGES = 1000


@dataclass(frozen=True, slots=True)
class ArmResponse:
    """A complete answer. Header names are in lower case; `body` is {} where there was none."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, object]


class ArmClient:
    """One connection pool and one credential to one cloud's Resource Manager. Close it at the end.

    A `read_only` one raises ReadOnlyError, before anything is sent, if a request could change something. The id of
    the `deployment` and the `command` stand in the user agent: who reads a log of requests sees what each was for.
    `where` is the deployment's own place, for commands in hints.
    """

    def __init__(
        self,
        *,
        environment: AzureEnvironment,
        credential: AsyncTokenCredential,
        ledger: Ledger,
        clock: Clock,
        ca_file: Path | None = None,
        retries: int = DEFAULT_RETRIES,
        read_only: bool = False,
        deployment: str = "",
        command: str = "",
        where: Where | None = None,
    ) -> None:
        self.environment = environment
        self.where = where or Where(cloud=environment.name)
        self.clock = clock
        self.ledger = ledger
        self._credential = credential
        self._pipeline: AsyncPipeline[HttpRequest, AsyncHttpResponse] = AsyncPipeline(
            transport=CloudTransport(
                clock=clock, endpoint=environment.arm_endpoint, ca_file=ca_file, read_only=read_only
            ),
            policies=[
                *_headers("; ".join(each for each in (deployment, command) if each)),
                ArmRetryPolicy(retries),
                ArmTokenPolicy(credential, environment.scope),
                LedgerPolicy(ledger),
            ],
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        api_version: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        accept: Collection[int] = (200, 201, 202, 204),
    ) -> ArmResponse:
        """Send one request (and its retries) and return the answer if its status is in `accept`.

        `path` starts with `/subscriptions`. A 404 in `accept` is returned only where ARM says that the thing
        itself does not exist, not where this login does not see the subscription.

        Raises AzureRequestError for any other status, AzureUnreachableError where no complete answer came
        back (the request may have taken effect), AuthenticationError where there is no token to send.
        """
        url = self._url(path, {**(query or {}), "api-version": api_version})
        return await self._ask(method, url, path, body, accept)

    async def follow(
        self, link: str, *, page: str = "", accept: Collection[int] = (200, 201, 202, 204)
    ) -> ArmResponse:
        """GET a link of Azure's, byte for byte as it is. `page` is the URL that a relative one stood at.

        Raises what `request` raises, and AzureUnreachableError, before anything is sent, for one to another server.
        """
        endpoint = self.environment.arm_endpoint
        url = links.resolve(link, endpoint=endpoint, page=page or endpoint)
        return await self._ask("GET", url, links.path_of(url), None, accept)

    async def _ask(
        self,
        method: str,
        url: str,
        path: str,
        body: Mapping[str, object] | None,
        accept: Collection[int],
    ) -> ArmResponse:
        request = _request(method, url, body)
        response = await self._send(request, path)
        parsed, retries = _parse(response.content), GARBLED_RETRIES if method == "GET" else 0
        while parsed is None and response.status_code == 200 and retries:
            retries -= 1
            await self.clock.sleep(FIRST_BACKOFF)
            response = await self._send(request, path)
            parsed = _parse(response.content)
        try:
            return _answer(method, path, response, parsed, accept=accept, where=self.where)
        except AzureRequestError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                refused_token(error, response.headers, self.environment, now=self.clock.now())
            raise

    async def log_in(self) -> None:
        """Get a token as the first request would; ARM is asked nothing.

        Raises AuthenticationError, and AzureUnreachableError if the identity service cannot be reached.
        """
        try:
            await self._credential.get_token(self.environment.scope)
        except CoreError as error:
            raise token_failed(error, self.environment, now=self.clock.now()) from error

    async def _send(self, request: HttpRequest, path: str) -> AsyncHttpResponse:
        try:
            return (await self._pipeline.run(request)).http_response
        except (ClientAuthenticationError, IdentityUnreachableError) as error:
            raise token_failed(error, self.environment, now=self.clock.now()) from error
        except CoreError as error:
            raise unreachable(request.method, path, self.environment.arm_endpoint, error) from error

    async def list(
        self, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, object]]:
        """All items of a collection; follows `nextLink` as it is. Raises what `request` and `follow` raise."""
        items: list[dict[str, object]] = []
        url, seen = self._url(path, {**(query or {}), "api-version": api_version}), set[str]()
        answer = await self._ask("GET", url, path, None, (200,))
        while len(seen) < MAX_PAGES:
            page = answer.body.get("value")
            if not isinstance(page, list):
                raise AzureUnreachableError(f"GET {path}: the answer has no list of values")
            items.extend(item for item in page if isinstance(item, dict))
            link = _next_link(path, answer)
            if not link:
                return items
            seen.add(url)
            url = links.resolve(link, endpoint=self.environment.arm_endpoint, page=url)
            if url in seen:
                raise AzureUnreachableError(f"GET {path}: the list goes round in a circle")
            answer = await self._ask("GET", url, path, None, (200,))
        raise AzureUnreachableError(f"GET {path}: the list has no end")

    async def close(self) -> None:
        """Close the connections and the credential; safe to call twice."""
        await self._pipeline.__aexit__()
        await self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self.environment.arm_endpoint.rstrip('/')}{quote(path)}?{urlencode(query, quote_via=quote)}"


def _request(method: str, url: str, body: Mapping[str, object] | None) -> HttpRequest:
    if body is None:
        return HttpRequest(method, url)
    content = json.dumps(body, separators=(",", ":")).encode()
    return HttpRequest(method, url, content=content, headers={"Content-Type": "application/json"})


def _next_link(path: str, answer: ArmResponse) -> str:
    """ "" at the end of a list: Azure leaves the link out, or sends null or an empty one."""
    link = answer.body.get("nextLink")
    if link is not None and not isinstance(link, str):
        raise AzureUnreachableError(f"GET {path}: the list goes on at something that is no link")
    return (link or "").strip()


def _headers(purpose: str) -> Sequence[Any]:
    """azure-core types these for synchronous pipelines only."""
    comment = f" ({purpose})" if purpose else ""
    return (
        UserAgentPolicy(base_user_agent=f"k0rdent-azure/{__version__}{comment}"),
        HeadersPolicy({"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}),
        RequestIdPolicy(),
    )


def _answer(
    method: str,
    path: str,
    response: AsyncHttpResponse,
    parsed: dict[str, object] | None,
    *,
    accept: Collection[int],
    where: Where,
) -> ArmResponse:
    if response.status_code not in accept or response.status_code == 404:
        answer = Answer(response.status_code, parsed, response.content, response.headers)
        error = request_failed(method, path, answer, where)
        if not (response.status_code in accept and is_absent(error)):
            raise error
    if parsed is None:
        raise AzureUnreachableError(
            f"{method} {path}: HTTP {response.status_code} with a body that is not ARM's JSON",
            hint="a proxy or a captive portal may answer in Azure's place; check HTTPS_PROXY, then run again",
        )
    headers = {name.lower(): value for name, value in response.headers.items()}
    return ArmResponse(response.status_code, headers, parsed)


def _parse(raw: bytes) -> dict[str, object] | None:
    """The JSON object in `raw`; {} for no body; None for anything else."""
    if not raw.strip():
        return {}
    try:
        parsed = json.loads(raw)
        if b"\\ud" in raw.lower():
            # Half a surrogate pair is JSON, but no text that can be written anywhere.
            parsed = json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
