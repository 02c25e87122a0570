"""azure-core's aiohttp transport, with the product's clock, real socket time-outs and one connection pool."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
from aiohttp import TraceRequestHeadersSentParams
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from yarl import URL

from k0rdent_azure.clock import Clock
from k0rdent_azure.errors import ReadOnlyError

#: Real seconds: what a network needs does not depend on how fast a cloud's clock runs.
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
#: One attempt from first to last byte; a server that sends a byte a minute is no server.
ATTEMPT_TIMEOUT = 180.0


#: What changes nothing (RFC 9110, safe methods).
READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Attempt:
    """How often a request's head left this machine: aiohttp repeats it by itself on a stale connection."""

    sent: int = 0


class CloudTransport(AioHttpTransport):  # type: ignore[misc]  # azure-core imports it lazily, as Any
    """Waits between retries in cloud seconds. `ca_file` is trusted in place of the system's authorities.

    A `read_only` one sends nothing that could change something, whoever asks for it.
    """

    session: aiohttp.ClientSession | None

    def __init__(self, *, clock: Clock, endpoint: str, ca_file: Path | None, read_only: bool = False) -> None:
        # No proxy can reach a loopback address of this machine, whatever HTTPS_PROXY says.
        self._use_proxy = not is_loopback(endpoint)
        super().__init__(
            connection_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, use_env_settings=self._use_proxy
        )
        self._clock = clock
        self._ca_file = ca_file
        self._read_only = read_only

    async def open(self) -> None:
        """Make the session at first use, in the running loop; one TLS context lets connections be reused."""
        if self.session is None and not self._has_been_opened:
            context = ssl.create_default_context(cafile=str(self._ca_file) if self._ca_file else None)
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=8),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._use_proxy,
                auto_decompress=True,
                trace_configs=[_counting()],
            )
        await super().open()

    async def send(self, request: HttpRequest, **options: object) -> AsyncHttpResponse:
        """Raises ReadOnlyError before anything is sent where a read-only transport is to change something."""
        if self._read_only and request.method.upper() not in READING:
            raise ReadOnlyError(f"{request.method} {urlsplit(request.url).path}: nothing is changed here")
        written = request.url
        # aiohttp would encode it in its own way; a link of Azure's has to go back as Azure wrote it.
        request.url = URL(written, encoded=True)  # type: ignore[assignment]
        try:
            answer: AsyncHttpResponse = await super().send(request, **options)
        except ValueError as error:
            # What aiohttp says of a proxy that is none (`HTTPS_PROXY=nonsense`).
            raise ServiceRequestError(str(error), error=error) from error
        finally:
            request.url = written
        return answer

    async def sleep(self, duration: float) -> None:
        """Called by the retry policy only."""
        await self._clock.sleep(duration)


def _counting() -> aiohttp.TraceConfig:
    """Counts into the `Attempt` that came with the request as `trace_request_ctx`."""

    async def sent(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: TraceRequestHeadersSentParams
    ) -> None:
        if isinstance(context.trace_request_ctx, Attempt):
            context.trace_request_ctx.sent += 1

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(sent)
    return trace


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
