"""No token, and why: each failure is made with a real `az` on the PATH, a real server, proxy or certificate here."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import ENVIRONMENTS, AzureEnvironment
from k0rdent_azure.azure.credentials import RenewableCredential, default_credential
from k0rdent_azure.azure.identity_codes import FAMILIES
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.network_failures import without_secrets
from k0rdent_azure.errors import AuthenticationError, AzureError, AzureRequestError, AzureUnreachableError
from tests.azure.conftest import FakeArm, FakeClock

GUID = "00000000-0000-0000-0000-000000000001"
PASSWORD, SECRET, TOKEN = "hunter2", "very-secret", "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.e30.c2ln"
Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No login, no proxy, and an empty folder on the PATH; returns that folder."""
    for name in list(os.environ):
        if (
            name.startswith("AZURE_")
            or name.lower().endswith("_proxy")
            or name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        ):
            monkeypatch.delenv(name)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    return folder


def az(machine: Path, *, out: str = "", err: str = "", code: int = 1, interpreter: str = "/bin/sh") -> None:
    for name, text in (("out", out), ("err", err)):
        (machine / name).write_text(text)
    reader = 'while IFS= read -r line || [ -n "$line" ]; do printf \'%s\\n\' "$line"; done'
    script = machine / "az"
    script.write_text(f"#!{interpreter}\n{reader} <{machine}/out\n{reader} <{machine}/err >&2\nexit {code}\n")
    script.chmod(0o755)


def principal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TENANT_ID", GUID), ("CLIENT_ID", GUID), ("CLIENT_SECRET", SECRET)):
        monkeypatch.setenv(f"AZURE_{name}", value)


async def failed(environment: AzureEnvironment, clock: FakeClock | None = None) -> AzureError:
    """What the product raises if it asks for a token now."""
    clock = clock or FakeClock()
    async with ArmClient(
        environment=environment,
        credential=RenewableCredential(lambda: default_credential(environment, clock=clock)),
        ledger=Ledger(),
        clock=clock,
    ) as client:
        with pytest.raises(AzureError) as caught:
            await client.log_in()
    error = caught.value
    assert isinstance(error, AuthenticationError | AzureUnreachableError)
    assert error.hint
    said = f"{error.message} {error.hint}"
    assert "\n" not in said
    assert not any(secret in said for secret in (PASSWORD, SECRET, TOKEN))
    return error


def reason(error: AzureError) -> str:
    return getattr(error, "reason", "")


CLOUD = ENVIRONMENTS["AzureCloud"]


#: What `az` prints, by what it means, with what the hint has to say.
SAID: dict[str, tuple[str, str]] = {
    ("ERROR: Please run 'az login' to setup account."): ("not_logged_in", "az login"),
    (
        "ERROR: AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 1\nTo "
        "re-authenticate, please run:\naz login --scope "
        "https://management.core.windows.net//.default"
    ): ("expired", "log in again: az login"),
    ("ERROR: AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency"): (
        "expired",
        "az login",
    ),
    ("ERROR: AADSTS50076: you must use multi-factor authentication to access"): ("interaction", "az login"),
    ("ERROR: AADSTS53003: Access has been blocked by Conditional Access policies."): (
        "conditional_access",
        "network",
    ),
    ("ERROR: AADSTS50057: The user account is disabled."): ("disabled", "administrator"),
    ("ERROR: AADSTS50020: User account 'a@b' does not exist in tenant 'c'"): ("tenant", "--tenant"),
    (
        "ERROR: AADSTS500011: The resource principal named "
        "https://management.core.usgovcloudapi.net was not found"
    ): ("cloud", "azure.cloud"),
    ("ERROR: AADSTS90033: A transient error has occurred. Please try again."): ("unavailable", "again"),
    ("ERROR: AADSTS123456: Something new."): ("refused_by_entra", "error?code=123456"),
    (
        "ERROR: HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries "
        "exceeded (Caused by NameResolutionError(\"Failed to resolve 'login.microsoftonline.com' "
        '([Errno -3] Temporary failure in name resolution)"))'
    ): ("name_lookup", "DNS"),
    (
        "ERROR: (Caused by ProxyError('Unable to connect to proxy http://u:hunter2@p:1', "
        "OSError('Tunnel connection failed: 407 Proxy Authentication Required')))"
    ): ("proxy", "HTTPS_PROXY"),
    (
        "ERROR: (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] "
        "certificate verify failed: self-signed certificate in certificate chain')))"
    ): ("certificate", "REQUESTS_CA_BUNDLE"),
    ("ERROR: Could not find a suitable TLS CA certificate bundle, invalid path: /nope.pem"): (
        "certificate",
        "unset REQUESTS_CA_BUNDLE",
    ),
    ("ERROR: (Caused by NewConnectionError('[Errno 101] Network is unreachable'))"): (
        "no_network",
        "network",
    ),
    ("ERROR: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"): (
        "reset",
        "network",
    ),
    ("ERROR: HTTPSConnectionPool: Read timed out. (read timeout=30)"): ("timeout", "HTTPS_PROXY"),
    ("ERROR: The ID token is not yet valid. Make sure your computer's time is right"): (
        "clock",
        "timedatectl",
    ),
    ("ERROR: 'get-access-token' is misspelled or not recognized by the system."): ("az_old", "az upgrade"),
    ("Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'azure'"): (
        "az_broken",
        "az account",
    ),
    (""): ("az_broken", "az account"),
    ("/usr/bin/az: line 2: /opt/az/bin/python3: No such file or directory"): ("az_broken", "az upgrade"),
    ("/usr/bin/az: 3: exec: /opt/az/bin/python3: Exec format error"): ("az_broken", "az upgrade"),
    ("ERROR: [Errno 13] Permission denied: '/home/ann/.azure/azureProfile.json'"): (
        "az_files",
        "ls -ld ~/.azure",
    ),
    ("ERROR: [Errno 30] ~/.azure/msal_token_cache.json: Read-only file system"): (
        "az_files",
        "ls -ld ~/.azure",
    ),
    (
        "ERROR: Decryption failed: [WinError -2146893813] Key not valid for use in specified state. App developer may "
        "consider this guidance: https://github.com/AzureAD/x/wiki/PersistenceDecryptionError"
    ): ("az_cache", "az account clear && az login"),
    ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"): (
        "az_cache",
        "az account clear",
    ),
}


@pytest.mark.parametrize("err", SAID)
async def test_what_az_says_is_told_apart(machine: Path, err: str) -> None:
    wanted, hint = SAID[err]
    az(machine, err=err)
    error = await failed(CLOUD)
    assert reason(error) == wanted
    assert hint in (error.hint or "")
    assert isinstance(error, AzureUnreachableError) is (
        wanted in ("name_lookup", "proxy", "certificate", "no_network", "reset", "timeout")
    )


async def test_no_az_and_no_variables(machine: Path) -> None:
    error = await failed(CLOUD)
    assert reason(error) == "az_missing"
    assert "az login" in (error.hint or "")


async def test_half_of_the_variables(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", GUID)
    monkeypatch.setenv("AZURE_CLIENT_ID", GUID)
    assert "without AZURE_CLIENT_SECRET" in (await failed(CLOUD)).message


@pytest.mark.parametrize(
    "out",
    [
        f'WARNING: a new version is there\n{{"accessToken":"{TOKEN}"}}',
        f'{{"accessToken": "{TOKEN}", "expires_on": 1}} and more',
        f"[{TOKEN}]",
        "null",
        "",
    ],
)
async def test_what_az_prints_beside_the_token_is_never_shown(machine: Path, out: str) -> None:
    az(machine, out=out, code=0)
    error = await failed(CLOUD)
    assert reason(error) in ("az_output", "unknown")


async def test_an_az_that_does_not_start(machine: Path) -> None:
    az(machine, interpreter="/no/such/python")
    assert reason(await failed(CLOUD)) == "az_broken"


async def test_an_az_that_hangs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("k0rdent_azure.azure.credentials.CLI_TIMEOUT", 0.2)
    (machine / "az").write_text("#!/bin/sh\nread -r line <>/dev/zero\nwhile :; do :; done\n")
    (machine / "az").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    (machine / "az").chmod(0o755)
    assert reason(await failed(CLOUD)) == "az_hangs"


async def test_another_cloud_has_its_own_command(machine: Path) -> None:
    az(machine, err="ERROR: Please run 'az login' to setup account.")
    error = await failed(ENVIRONMENTS["AzureUSGovernment"])
    assert "az cloud set --name AzureUSGovernment && az login" in (error.hint or "")


@pytest.mark.parametrize("variable", ["AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"])
def test_variables_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    principal(monkeypatch)
    monkeypatch.setenv(variable, "")
    with pytest.raises(AuthenticationError, match="AZURE_ variables") as caught:
        default_credential(CLOUD)
    assert caught.value.reason == "variables"


# A service principal: this process speaks to the identity service itself.


@asynccontextmanager
async def listening(serve: Streams, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def at(port: int) -> AzureEnvironment:
    url = f"https://127.0.0.1:{port}"
    return AzureEnvironment(name="TestCloud", arm_endpoint=url, audience=url, authority=url)


def entra(code: int | None, **headers: str) -> Streams:
    """An identity service that refuses with AADSTS`code`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(
            {"error": "invalid_client", "error_description": f"AADSTS{code}: No. Trace ID: x"}
        ).encode()
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"HTTP/1.1 401 No\r\nContent-Type: application/json\r\n{told}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    return serve


@pytest.mark.parametrize("code", [700016, 90002, 7000215, 7000222, 700024, 50105, 7000112, 900382])
async def test_what_entra_says_to_a_service_principal(
    monkeypatch: pytest.MonkeyPatch, tls: tuple[Path, ssl.SSLContext], code: int
) -> None:
    principal(monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    async with listening(entra(code), tls[1]) as port:
        error = await failed(at(port))
    assert isinstance(error, AuthenticationError)
    assert reason(error) == next(family.reason for family in FAMILIES if code in family.codes)
    assert f"AADSTS{code}" in error.message
    assert "Trace ID" not in error.message


async def test_a_clock_that_is_off_is_told_by_how_much(
    monkeypatch: pytest.MonkeyPatch, tls: tuple[Path, ssl.SSLContext]
) -> None:
    principal(monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    theirs = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=3, minutes=1), usegmt=True)
    async with listening(entra(700024, Date=theirs), tls[1]) as port:
        error = await failed(at(port))
    assert "this machine's clock is 3 hours behind Azure's" in error.message
    assert "timedatectl" in (error.hint or "")


async def closed_port() -> int:
    async with listening(entra(None)) as port:
        return port


async def cut(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(("serve", "wanted"), [(cut, "reset"), (in_clear, "tls")])
async def test_a_connection_that_comes_to_nothing(
    monkeypatch: pytest.MonkeyPatch, serve: Streams, wanted: str
) -> None:
    principal(monkeypatch)
    async with listening(serve) as port:
        error = await failed(at(port))
    assert isinstance(error, AzureUnreachableError)
    assert reason(error) == wanted


async def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    principal(monkeypatch)
    assert reason(await failed(at(await closed_port()))) == "refused"


async def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a broadcast address the system knows no way for TCP, as if no interface were up."""
    principal(monkeypatch)
    url = "https://127.255.255.255"
    error = await failed(AzureEnvironment(name="X", arm_endpoint=url, audience=url, authority=url))
    assert reason(error) == "no_network"
    assert "unreachable" in error.message


async def test_a_name_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    principal(monkeypatch)

    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    error = await failed(CLOUD)
    assert reason(error) == "name_lookup"
    assert "login.microsoftonline.com" in error.message


def proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    principal(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.setenv("https_proxy", url)


@pytest.mark.parametrize(
    ("status", "hint"), [(407, "USER:PASSWORD@127.0.0.1"), (403, "NO_PROXY=login.microsoftonline.com")]
)
async def test_a_proxy_that_says_no(monkeypatch: pytest.MonkeyPatch, status: int, hint: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with listening(refuse) as port:
        proxy(monkeypatch, f"http://ann:{PASSWORD}@127.0.0.1:{port}")
        error = await failed(CLOUD)
    assert reason(error) == "proxy"
    assert f"http://127.0.0.1:{port}" in error.message
    assert hint in (error.hint or "")


async def test_a_proxy_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    port = await closed_port()
    proxy(monkeypatch, f"http://ann:{PASSWORD}@127.0.0.1:{port}")
    error = await failed(CLOUD)
    assert reason(error) == "proxy"
    assert f"the proxy http://127.0.0.1:{port} cannot be reached: Connection refused" in error.message


@pytest.mark.parametrize(
    "url",
    ["nonsense", "127.0.0.1:1", f"ann:{PASSWORD}@127.0.0.1:1", "http://", "http://127.0.0.1:99999", "http://[::1", "socks5://127.0.0.1:1"],
)  # fmt: skip
async def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """And no name of it is looked up: one that is none is told before."""
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror(-2, "no"))
    )
    proxy(monkeypatch, url)
    error = await failed(CLOUD)
    assert reason(error) == "proxy"
    assert "unset HTTPS_PROXY" in (error.hint or "")


def certificate(folder: Path, *, name: str = "127.0.0.1", start: int = -1, end: int = 1) -> ssl.SSLContext:
    """Of a server, valid from `start` to `end` hours from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corporate CA")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + dt.timedelta(hours=start))
        .not_valid_after(now + dt.timedelta(hours=end))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / "both.pem"
    both.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@pytest.mark.parametrize(
    ("hours", "name", "trusted", "wanted", "hint"),
    [
        ((-1, 1), "127.0.0.1", None, "certificate", "SSL_CERT_FILE"),
        ((-1, 1), "127.0.0.1", "missing.pem", "certificate", "is no file"),
        ((-2, -1), "127.0.0.1", "both.pem", "certificate", "date -u"),
        ((1, 2), "127.0.0.1", "both.pem", "clock", "timedatectl"),
        ((-1, 1), "127.0.0.9", "both.pem", "certificate", "somebody else"),
    ],
)
async def test_a_certificate(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    hours: tuple[int, int],
    name: str,
    trusted: str | None,
    wanted: str,
    hint: str,
) -> None:
    principal(monkeypatch)
    context = certificate(tmp_path, name=name, start=hours[0], end=hours[1])
    if trusted is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / trusted))
    async with listening(entra(None), context) as port:
        error = await failed(at(port))
    assert reason(error) == wanted
    assert hint in (error.hint or "")


async def test_the_authorities_that_az_uses_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    principal(monkeypatch)
    context = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "both.pem"))
    async with listening(entra(None), context) as port:
        error = await failed(at(port))
    assert error.hint == "use the authorities that az uses: export SSL_CERT_FILE=$REQUESTS_CA_BUNDLE"


# In the middle of a run: ARM itself refuses, or cannot be reached.


@pytest.mark.parametrize(
    ("code", "minutes", "message", "hint"),
    [
        ("InvalidAuthenticationToken", -181, "clock is 3 hours ahead of Azure's", "timedatectl"),
        ("ExpiredAuthenticationToken", 20, "clock is 20 minutes behind Azure's", "timedatectl"),
        ("ExpiredAuthenticationToken", 0, "no", "log in again: "),
        ("InvalidAuthenticationTokenTenant", 0, "not in the tenant", "--tenant"),
        ("InvalidAuthenticationTokenAudience", 0, "another cloud", "azure.cloud"),
    ],
)
async def test_arm_refuses_the_token(  # noqa: PLR0917
    client: ArmClient, arm: FakeArm, code: str, minutes: int, message: str, hint: str
) -> None:
    theirs = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes, seconds=10)
    for _ in range(2):
        arm.error(401, code, Date=format_datetime(theirs, usegmt=True))
    with pytest.raises(AzureRequestError) as caught:
        await client.request("GET", "/subscriptions", api_version="1")
    assert (caught.value.status, caught.value.code) == (401, code)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


async def test_a_token_is_asked_for_again_while_a_run_can_wait(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """A network that is away for a moment ends no run, also if it is a token that is due."""
    principal(monkeypatch)
    environment = at(await closed_port())
    async with ArmClient(
        environment=environment,
        credential=RenewableCredential(lambda: default_credential(environment, clock=clock)),
        ledger=Ledger(),
        clock=clock,
        retries=3,
    ) as client:
        with pytest.raises(AzureUnreachableError, match="no token for TestCloud"):
            await client.request("GET", "/subscriptions", api_version="1")
        assert client.ledger.entries == []
    # Two seconds, four and eight: ARM's own patience, beside the identity client's.
    assert sum(clock.slept) > 10


def test_no_code_means_two_things() -> None:
    codes = [code for family in FAMILIES for code in family.codes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    "text",
    [
        f'{{"accessToken":"{TOKEN}"}}',
        f"access_token={SECRET}&x=1",
        f'client_secret: "{SECRET}"',
        f"http://ann:{PASSWORD}@proxy:8080",
        f"Bearer {TOKEN}",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    assert not any(secret in without_secrets(text) for secret in (TOKEN, SECRET, PASSWORD))
