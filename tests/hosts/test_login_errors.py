"""Why a login failed, told apart on real sockets: each cause has its own words, and advice that fits."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from k0rdent_azure.errors import HostError, HostKeyMismatchError, HostUnreachableError, LoginRefusedError
from k0rdent_azure.hosts import login
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair, ssh_public_from_private
from k0rdent_azure.hosts.login_errors import told
from k0rdent_azure.hosts.ssh import SshRunner, Target
from tests.hosts.conftest import Farm

HOST = ssh_keypair("host")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def target(port: int, address: str = "127.0.0.1") -> Target:
    return Target("vm-1", address, HOST.public, "azureuser", port)


async def failure(where: Target, key_path: Path, *, timeout: float = 5.0) -> HostError:
    """What a login there ends with; `why_not` says the same after a probe."""
    async with SshRunner(key_path=key_path, gateway=None, connect_timeout=timeout) as runner:
        with pytest.raises(HostError) as caught:
            await runner.run(where, "true")
        if isinstance(caught.value, HostUnreachableError):
            assert not await runner.probe(where)
            assert runner.why_not(where).startswith(caught.value.message[:40])
    return caught.value


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Server(asyncssh.SSHServer):
    def __init__(self, end: asyncssh.DisconnectError | None) -> None:
        self._end = end
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._end is not None and self._connection is not None:
            self._connection.disconnect(self._end.code, self._end.reason)
        return True


@asynccontextmanager
async def sshd(end: asyncssh.DisconnectError | None = None, **options: object) -> AsyncIterator[int]:
    """An SSH server that lets nobody in, or disconnects who logs in."""
    settings: dict[str, object] = {"server_host_keys": [asyncssh.import_private_key(HOST.private)], **options}
    acceptor = await asyncssh.listen("127.0.0.1", 0, server_factory=lambda: _Server(end), **settings)
    try:
        yield acceptor.get_port()
    finally:
        acceptor.close()


async def test_nothing_listens(key_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = await failure(target(port), key_path)
    assert "Connection refused" in error.message
    assert "nothing listens on port" in (error.hint or "")


async def test_nobody_answers(key_path: Path) -> None:
    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silence) as port:
        error = await failure(target(port), key_path, timeout=0.2)
    assert "no answer in time" in error.message
    assert f"TCP port {port} leave this network" in (error.hint or "")


@pytest.mark.parametrize(
    ("number", "words", "advice"),
    [
        (socket.EAI_NONAME, "cannot be looked up", "does the VM still exist"),
        (socket.EAI_AGAIN, "cannot be looked up", "is this machine online"),
    ],
)
async def test_a_name_that_nobody_knows(
    key_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, advice: str
) -> None:
    async def fail(_address: str, _port: int) -> None:
        raise socket.gaierror(number, "as the resolver says")

    monkeypatch.setattr(login, "_addresses", fail)
    error = await failure(target(22, "gone.southeastasia.cloudapp.azure.com"), key_path)
    assert words in error.message
    assert advice in (error.hint or "")


async def test_a_key_that_is_refused_is_no_blocked_port(key_path: Path) -> None:
    async with sshd() as port:
        error = await failure(target(port), key_path)
    assert isinstance(error, LoginRefusedError)
    assert "refuses the SSH login of azureuser" in error.message
    assert str(key_path) in (error.hint or "")
    assert "leave this network" not in (error.hint or "")


@pytest.mark.parametrize(
    ("code", "said", "refused"),
    [
        (2, "Too many authentication failures", True),
        (14, "No supported authentication methods available", True),
        (13, "Authentication cancelled", True),
        (2, "Too many authentication failures for azureuser", True),
        (11, "Server is going down", False),
        (12, "Too many connections", False),
    ],
)
async def test_a_server_that_disconnects_says_why(
    key_path: Path, code: int, said: str, refused: bool
) -> None:
    async with sshd(asyncssh.DisconnectError(code, said)) as port:
        error = await failure(target(port), key_path)
    assert isinstance(error, LoginRefusedError) is refused
    assert said in error.message


async def test_another_host_key(key_path: Path) -> None:
    other = asyncssh.import_private_key(ssh_keypair("other").private)
    async with sshd(server_host_keys=[other]) as port:
        assert isinstance(await failure(target(port), key_path), HostKeyMismatchError)


async def test_no_algorithm_in_common(key_path: Path) -> None:
    async with sshd(kex_algs=["diffie-hellman-group1-sha1"]) as port:
        error = await failure(target(port), key_path)
    assert "KexAlgorithms" in (error.hint or "")


@pytest.mark.parametrize(
    "banner", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["before the banner", "in the key exchange"]
)
async def test_a_server_that_hangs_up(key_path: Path, banner: bytes) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)

    async with listening(hang_up) as port:
        error = await failure(target(port), key_path)
    assert isinstance(error, HostUnreachableError)
    said = f"{error.message} {error.hint}"
    assert "closed the connection" in said or "ended the connection" in said


async def test_what_is_no_ssh_server(key_path: Path) -> None:
    async def web(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-1.5-\x1b[31mold\r\n")

    async with listening(web) as port:
        error = await failure(target(port), key_path)
    assert "does not speak SSH" in error.message
    assert "\x1b" not in error.message


@pytest.mark.parametrize("number", ["ENETUNREACH", "EHOSTUNREACH", "ECONNRESET", "EMFILE"])
def test_errors_of_the_network_have_advice_of_their_own(number: str) -> None:
    import errno

    code = getattr(errno, number)
    error = told(target(22), OSError(code, "Connect call failed ('20.1.2.3', 22)"), key_path=Path("key"))
    assert os.strerror(code) in error.message
    assert "TCP port 22 leave" not in (error.hint or "")


def openssh_with_passphrase() -> bytes:
    """OpenSSH's form, as far as one can see without the passphrase; libraries need bcrypt to make one."""

    def text(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    public = base64.b64decode(HOST.public.split()[1])
    head = b"openssh-key-v1\0" + text(b"aes256-ctr") + text(b"bcrypt") + text(text(b"s" * 16) + b"\0\0\0\x10")
    body = base64.b64encode(head + b"\0\0\0\1" + text(public) + text(b"x" * 144))
    lines = b"\n".join(body[index : index + 70] for index in range(0, len(body), 70))
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + lines + b"\n-----END OPENSSH PRIVATE KEY-----\n"


RSA = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,0\n\nMIIB\n-----END RSA PRIVATE KEY-----\n"
PKCS8 = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
FILES: dict[str, tuple[bytes, str, str]] = {
    "a passphrase": (openssh_with_passphrase(), "has a passphrase", "ssh-keygen -p -f"),
    "a passphrase, PKCS8": (PKCS8, "has a passphrase", "ssh-keygen -p -f"),
    "a passphrase, RSA": (RSA, "has a passphrase", "ssh-keygen -p -f"),
    "the public key": (HOST.public.encode(), "holds a public key", ".pub"),
    "empty": (b"\n", "is empty", "put the deployment's own"),
    "PuTTY": (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTY", "puttygen"),
    "a certificate": (CERTIFICATE, "is not an", "put the deployment's own"),
    "cut off": (HOST.private[:150].encode(), "is cut off", "put the deployment's own"),
    "no text": (b"\xff\xfe\x00\x01", "is not an unencrypted private key", "put the deployment's own"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
async def test_a_key_file_that_is_none_is_told_by_what_it_is(tmp_path: Path, name: str) -> None:
    text, words, advice = FILES[name]
    path = tmp_path / "a key"
    path.write_bytes(text)
    error = await failure(target(9), path)
    assert not isinstance(error, HostUnreachableError)
    assert f"{path}: " in error.message
    assert words in error.message
    assert advice in (error.hint or "")
    with pytest.raises(HostError, match=words):
        ssh_public_from_private(text.decode("utf-8", "replace"), comment="x", path=path)


async def test_a_key_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    assert "is not there" in (await failure(target(9), tmp_path / "none")).message
    assert "Is a directory" in (await failure(target(9), tmp_path)).message


async def test_a_key_file_with_windows_line_ends_works(tmp_path: Path, client: KeyPair, farm: Farm) -> None:
    path = tmp_path / "key"
    path.write_bytes(client.private.replace("\n", "\r\n").encode())
    async with SshRunner(key_path=path, gateway=farm.gateway, connect_timeout=5) as runner:
        assert await runner.probe(farm.target())
