"""A scripted server over TLS in ARM's place, a clock that does not wait, a credential without network."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.config.model import (
    AzureSettings,
    ClusterSettings,
    Config,
    Metadata,
    NodePool,
    VmSize,
    VmSizing,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeClock:
    """Cloud seconds pass only by sleeping; `slept` holds every wait that was asked for."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    @property
    def speed(self) -> float:
        return 1.0

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    def age(self, moment: dt.datetime) -> float:
        return (self.now() - moment).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class FakeCredential:
    """Hands out `tokens` in turn, the last one for ever; `asked` counts."""

    def __init__(self, *tokens: str, error: Exception | None = None) -> None:
        self.tokens = deque(tokens or ("token-1",))
        self.error = error
        self.asked = 0
        self.closed = 0

    def _next(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.tokens.popleft() if len(self.tokens) > 1 else self.tokens[0]

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._next(), 4_000_000_000)

    async def get_token_info(
        self, *_scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        return AccessTokenInfo(self._next(), 4_000_000_000)

    async def close(self) -> None:
        self.closed += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@dataclass
class Seen:
    """One request that reached the server."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    #: Path and query as they came, with nothing decoded.
    target: str


@dataclass
class FakeArm:
    """Answers requests with the handlers of `script`, in order; a request too many fails the test."""

    url: str = ""
    ca_file: Path = Path()
    script: deque[Handler] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        """Answer the next request with JSON (or bytes as they are); `_` in header names means `-`."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def handler(_request: web.Request) -> web.Response:
            return web.Response(
                status=status, body=content, headers={"Content-Type": "application/json", **named}
            )

        self.script.append(handler)

    def error(self, status: int, code: str, message: str = "no", **headers: str) -> None:
        """Answer the next request with an error in ARM's form."""
        self.answer(status, {"error": {"code": code, "message": message}}, **headers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.read(),
                request.raw_path,
            )
        )
        if not self.script:
            return web.json_response(
                {"error": {"code": "Unscripted", "message": "one request too many"}}, status=418
            )
        return await self.script.popleft()(request)


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1, as a file to trust and as a server context."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scripted ARM")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file = folder / "ca.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "key.pem"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context


@pytest.fixture
async def arm(tls: tuple[Path, ssl.SSLContext]) -> AsyncIterator[FakeArm]:
    fake = FakeArm(ca_file=tls[0])
    application = web.Application(client_max_size=64 * 2**20)
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls[1])
    await site.start()
    fake.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def credential() -> FakeCredential:
    return FakeCredential()


def environment(url: str) -> AzureEnvironment:
    return AzureEnvironment(name="TestCloud", arm_endpoint=url, audience=url, authority=url)


@pytest.fixture
async def client(arm: FakeArm, clock: FakeClock, credential: FakeCredential) -> AsyncIterator[ArmClient]:
    async with ArmClient(
        environment=environment(arm.url),
        credential=credential,
        ledger=Ledger("test"),
        clock=clock,
        ca_file=arm.ca_file,
        retries=3,
        deployment="k0rdent-abcd1234",
        command="deploy",
    ) as made:
        yield made


def make_config(
    *,
    controllers: int = 3,
    workers: int = 2,
    zones: tuple[int, ...] = (2, 3),
    azure: dict[str, object] | None = None,
    **sections: object,
) -> Config:
    """A production-like configuration; `azure` and `sections` replace parts of it."""
    settings: dict[str, object] = {
        "location": "southeastasia",
        "vm_image": "Debian:debian-12:12-arm64:latest",
        **(azure or {}),
    }
    parts: dict[str, object] = {"metadata": Metadata(owner="ada"), **sections}
    return Config(
        azure=AzureSettings(**settings),  # type: ignore[arg-type]
        vm_sizing=VmSizing(
            controller=VmSize(size="Standard_D2pls_v6"), worker=VmSize(size="Standard_D8pls_v6")
        ),
        cluster=ClusterSettings(
            controllers=NodePool(count=controllers, zones=zones), workers=NodePool(count=workers, zones=zones)
        ),
        **parts,  # type: ignore[arg-type]
    )
