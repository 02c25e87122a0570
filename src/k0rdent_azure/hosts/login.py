"""One SSH login: to a host whose key is known beforehand, with our key only.

No agent, no `~/.ssh`, no trust on first use: what the state does not name takes no part.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.key_files import read_private_key
from k0rdent_azure.hosts.login_errors import told, unusable_key

#: Real seconds between keepalives, and how many unanswered ones end a connection.
KEEPALIVE = 15
KEEPALIVE_MISSES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """One host: `address` is an IP or a name, `host_key` the OpenSSH public key that it must show."""

    name: str
    address: str
    host_key: str
    username: str
    port: int = 22


async def login(
    target: Target,
    *,
    key_path: Path,
    tunnel: asyncssh.SSHClientConnection | None,
    timeout: float,
    handshakes: asyncio.Semaphore,
) -> asyncssh.SSHClientConnection:
    """A new connection; `timeout` is in real seconds, for the way there and for the handshake each.

    Only handshakes are counted: a host that is not there yet must not keep the others waiting.
    Raises HostUnreachableError (LoginRefusedError if it does not let us in), HostKeyMismatchError, and HostError for an
    unusable key.
    """
    host_key, client_key = _host_key(target), _client_key(key_path)
    sock: socket.socket | None = None
    try:
        if tunnel is None:
            async with asyncio.timeout(timeout):
                sock = await _dial(target.address, target.port)
        async with handshakes, asyncio.timeout(timeout):
            return await _handshake(target, host_key, client_key, tunnel, sock)
    except (asyncssh.Error, OSError) as error:
        _close(sock)
        raise told(target, error, key_path=key_path) from error
    except BaseException:
        _close(sock)
        raise


async def shown_host_key(
    address: str, *, tunnel: asyncssh.SSHClientConnection | None, timeout: float, port: int = 22
) -> str | None:
    """The ed25519 key that an SSH server shows, as `ssh-ed25519 AAAA…`; nobody logs in. None without an answer.

    `timeout` is in real seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            sock = None if tunnel is not None else await _dial(address, port)
            key = await asyncssh.get_server_host_key(
                address,
                port,
                tunnel=tunnel if tunnel is not None else (),
                sock=sock,
                server_host_key_algs=["ssh-ed25519"],
                config=[],
            )
    except (asyncssh.Error, OSError):
        return None
    return None if key is None else " ".join(key.export_public_key("openssh").decode().split()[:2])


async def _handshake(
    target: Target,
    host_key: asyncssh.SSHKey,
    client_key: asyncssh.SSHKey,
    tunnel: asyncssh.SSHClientConnection | None,
    sock: socket.socket | None,
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        target.address,
        target.port,
        sock=sock,
        tunnel=tunnel,
        username=target.username,
        client_keys=[client_key],
        known_hosts=([host_key], [], []),
        # Asking for the pinned kind only: a server with several would show its favourite.
        server_host_key_algs=[name.decode() for name in host_key.sig_algorithms],
        x509_trusted_certs=None,
        x509_trusted_cert_paths=[],
        agent_path=None,
        config=[],
        preferred_auth="publickey",
        compression_algs=["none"],
        keepalive_interval=KEEPALIVE,
        keepalive_count_max=KEEPALIVE_MISSES,
    )


async def _dial(address: str, port: int) -> socket.socket:
    """A connected TCP socket, to the first of the name's addresses that answers. Raises OSError."""
    if not address:
        raise OSError("its address is not known yet")
    loop = asyncio.get_running_loop()
    failure = OSError("the name has no address")
    for family, kind, protocol, _, where in await _addresses(address, port):
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(0)
        try:
            await loop.sock_connect(sock, where)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _addresses(
    address: str, port: int
) -> list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]]:
    try:
        # An address needs no thread: a lookup that hangs in one cannot be cancelled.
        return [*socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
        return [*found]


def _host_key(target: Target) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(target.host_key)
    except asyncssh.KeyImportError as error:
        raise HostError(
            f"no usable host key is recorded for {target.name}",
            hint="check its host_key in deployment-state.yaml; without it nobody can tell who answers",
        ) from error


def _client_key(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(read_private_key(path))
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        # Not chained: the cause may quote the key.
        raise unusable_key(path, error) from None


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
