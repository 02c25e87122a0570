"""What SSH tests share: our key, an OpenSSH server, and an asyncssh jump host in front of many hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import asyncssh
import pytest

from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair
from k0rdent_azure.hosts.ssh import Gateway, Target
from tests.hosts.sshd import Sshd


@pytest.fixture
def client() -> KeyPair:
    return ssh_keypair("client")


@pytest.fixture
def key_path(tmp_path: Path, client: KeyPair) -> Path:
    path = tmp_path / "client_key"
    path.write_text(client.private)
    path.chmod(0o600)
    return path


@pytest.fixture
def sshd(tmp_path: Path, client: KeyPair) -> Iterator[Sshd]:
    server = Sshd(tmp_path / "sshd", client)
    server.start()
    yield server
    server.stop()


@dataclass
class Farm:
    """Simulated hosts `vm-0`, `vm-1`, … behind a jump host; it counts what happens to them."""

    gateway: Gateway
    key: str
    port: int
    gateway_logins: int = 0
    logins: int = 0
    shaking: int = 0
    most_shaking: int = 0
    unreachable: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    front: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def target(self, name: str = "vm-0") -> Target:
        return Target(name, name, self.key, "admin")


class _Jump(asyncssh.SSHServer):
    def __init__(self, farm: Farm) -> None:
        self.farm = farm

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.farm.front.append(conn)

    def auth_completed(self) -> None:
        self.farm.gateway_logins += 1

    async def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> asyncssh.SSHTCPSession[bytes]:
        assert dest_port == 22
        if dest_host in self.farm.silent:
            await asyncio.Event().wait()
        if dest_host in self.farm.unreachable:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "no route to \x1b[31mhost")
        forward = await self.farm.front[0].forward_connection("127.0.0.1", self.farm.port)
        # asyncssh takes a forwarder for a session here; only its types do not say so.
        return cast("asyncssh.SSHTCPSession[bytes]", forward)


class _Host(asyncssh.SSHServer):
    def __init__(self, farm: Farm) -> None:
        self.farm, self.done = farm, False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.farm.connections.append(conn)
        self.farm.shaking += 1
        self.farm.most_shaking = max(self.farm.most_shaking, self.farm.shaking)

    def auth_completed(self) -> None:
        self.done = True
        self.farm.logins += 1
        self.farm.shaking -= 1

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done:
            self.farm.shaking -= 1


async def _serve(process: asyncssh.SSHServerProcess[str]) -> None:
    """`echo` says its words, `cat` its input; `hang` never ends, `die` breaks the connection."""
    word, _, rest = (process.command or "").partition(" ")
    if word == "hang":
        await process.stdin.read()
        await asyncio.Event().wait()
    elif word == "die":
        process.channel.get_connection().abort()
    elif word == "cat":
        process.stdout.write(await process.stdin.read())
    else:
        process.stdout.write(rest)
    process.exit(0)


@pytest.fixture
async def farm(tmp_path: Path, client: KeyPair) -> AsyncIterator[Farm]:
    host_key, jump_key, jump_client = (
        ssh_keypair("host"),
        ssh_keypair("jump"),
        ssh_keypair("to the jump host"),
    )
    path = tmp_path / "jump_client"
    path.write_text(jump_client.private)
    path.chmod(0o600)
    made = Farm(Gateway("127.0.0.1", 0, "jump", path, jump_key.public), host_key.public, 0)

    async def listen(
        factory: type[asyncssh.SSHServer], key: KeyPair, allowed: KeyPair
    ) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: factory(made),  # type: ignore[call-arg]
            server_host_keys=[asyncssh.import_private_key(key.private)],
            authorized_client_keys=asyncssh.import_authorized_keys(allowed.public),
            process_factory=_serve,
        )  # fmt: skip

    hosts, jump = await listen(_Host, host_key, client), await listen(_Jump, jump_key, jump_client)
    made.port = hosts.get_port()
    made.gateway = Gateway("127.0.0.1", jump.get_port(), "jump", path, jump_key.public)
    yield made
    for connection in (*made.connections, *made.front):
        connection.abort()
    for acceptor in (jump, hosts):
        acceptor.close()
        await acceptor.wait_closed()
