"""The rehearsal's jump host: one SSH server on loopback, behind which every simulated machine answers.

A `direct-tcpip` channel to a machine's address is served by that machine's own SSH server, inside this
process and over a socket pair: no machine listens on any port, so nothing but this jump host reaches it.
Each machine shows the host key of its cloud-init and takes its admin user's authorized keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncssh

from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.hosts.host import Host, write_private
from k0rdent_azure.rehearsal.hosts.laptop import Laptop
from k0rdent_azure.rehearsal.hosts.machine_shell import MachineShell
from k0rdent_azure.rehearsal.hosts.session import serve_process
from k0rdent_azure.rehearsal.hosts.site import Site
from k0rdent_azure.rehearsal.world import SshEndpoint, World

USERNAME = "rehearsal"
WATCH = 0.5  # real seconds between looks whether a connected machine is still reachable
SSH_PORT = 22


class Gateway:
    """The running jump host; `close` ends it and every connection through it."""

    def __init__(self, site: Site, laptop: Laptop) -> None:
        self.site = site
        self.laptop = laptop
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    async def listen(self, keys: Keys, port: int) -> int:
        """Serves 127.0.0.1:`port` (0: any free one); returns the port. Raises OSError if it is taken."""
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=lambda: _GatewayServer(self, keys.client_public),
            server_host_keys=[keys.host],
            process_factory=lambda process: serve_process(process, self.laptop.run),
            **_OPTIONS,
        )
        return self._acceptor.get_port()

    def route(self, address: str, port: int) -> Host | None:
        """The machine that answers SSH at `address`, as seen from the workstation."""
        if port != SSH_PORT:
            return None
        host = self.site.at_public(address, port)
        for interface in self.laptop.interfaces():
            host = host or self.site.behind(interface, address)
        return host

    def is_cut_off(self, host: Host) -> bool:
        """Whether a rehearsed fault stops this connection; it uses the fault up."""
        faults = Faults(self.site.world.directory)
        found = faults.ssh(host.name)
        faults.commit()
        return found is not None

    async def bridge(
        self, host: Host, address: str, reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]
    ) -> None:
        """Carries one channel to the machine's SSH server until an end closes or the machine goes away."""
        near, far = socket.socketpair()
        machine_reader, machine_writer = await asyncio.open_connection(sock=near)
        tasks = [
            asyncio.create_task(self._serve(host, far)),
            asyncio.create_task(_pump(reader, machine_writer)),
            asyncio.create_task(_pump(machine_reader, writer)),
            asyncio.create_task(self._watch(host, address)),
        ]
        try:
            await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            machine_writer.close()
            writer.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, host: Host, address: str) -> None:
        while True:
            await asyncio.sleep(WATCH)
            if self.route(address, SSH_PORT) is not host:
                return

    async def _serve(self, host: Host, end: socket.socket) -> None:
        shell = MachineShell(host, self.site)
        try:
            connection = await asyncssh.run_server(
                end,
                server_factory=lambda: _MachineServer(host),
                server_host_keys=[asyncssh.import_private_key(host.state.host_key)],
                process_factory=lambda process: serve_process(process, shell.run),
                **_OPTIONS,
            )
        except (OSError, asyncssh.Error):
            end.close()
            return
        self._connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._connections.discard(connection)
            connection.abort()

    def opened(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    def lost(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.discard(connection)

    async def close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        for connection in list(self._connections):
            connection.abort()


class _GatewayServer(asyncssh.SSHServer):
    """Who may log in to the jump host, and where its channels lead."""

    def __init__(self, gateway: Gateway, client_key: str) -> None:
        self._gateway = gateway
        self._client_key = client_key
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._gateway.opened(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._connection is not None:
            self._gateway.lost(self._connection)

    def begin_auth(self, username: str) -> bool:
        _authorize(self._connection, [self._client_key] if username == USERNAME else [])
        return True

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Callable[[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]], Awaitable[None]]:
        del orig_host, orig_port
        host = self._gateway.route(dest_host, dest_port)
        if host is None or self._gateway.is_cut_off(host):
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection timed out")

        async def carry(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
            await self._gateway.bridge(host, dest_host, reader, writer)

        return carry


class _MachineServer(asyncssh.SSHServer):
    """Who may log in to a machine: its admin user with the keys of its OS profile."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        machine = self._host.machine
        _authorize(self._connection, machine.authorized_keys if username == machine.admin_username else [])
        return True


def _authorize(connection: asyncssh.SSHServerConnection | None, keys: list[str]) -> None:
    """Lets these keys in and no others; lines that are no keys are passed over, as sshd does."""
    good: list[str] = []
    for key in keys:
        with contextlib.suppress(ValueError, asyncssh.KeyImportError):
            asyncssh.import_authorized_keys(key)
            good.append(key)
    if connection is not None:
        connection.set_authorized_keys(asyncssh.import_authorized_keys("\n".join(good)))


# What a Debian 12 shows, with algorithms that every client has and that are quick: fifty key exchanges
# run in one process.
_OPTIONS: dict[str, Any] = {
    "encoding": None,
    "line_editor": False,
    "server_version": "OpenSSH_9.2p1",
    "kex_algs": ["curve25519-sha256", "curve25519-sha256@libssh.org"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"],
    "compression_algs": ["none"],
    "login_timeout": 20,
}


class _Source(Protocol):
    async def read(self, n: int = -1, /) -> bytes: ...


class _Sink(Protocol):
    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...


async def _pump(source: _Source, sink: _Sink) -> None:
    """Copies until the end of `source`; a broken end is an end."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


@dataclass(frozen=True)
class Keys:
    """The jump host's own key and the client's, kept in `directory/ssh` (0600)."""

    host: asyncssh.SSHKey
    client_path: Path
    client_public: str


def _key(path: Path) -> asyncssh.SSHKey:
    if not path.exists():
        write_private(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
    return asyncssh.read_private_key(path)


def keys(directory: Path) -> Keys:
    folder = directory / "ssh"
    client = _key(folder / "client_key")
    return Keys(_key(folder / "host_key"), folder / "client_key", client.export_public_key().decode().strip())


async def open_gateway(world: World, directory: Path) -> tuple[Gateway, SshEndpoint]:
    """Starts the jump host on the port that it had before, or on a free one."""
    site = Site(world, directory)
    laptop = Laptop(site, directory)
    site.tunnels = laptop.interfaces
    gateway, own = Gateway(site, laptop), keys(directory)
    remembered = directory / "ssh" / "port"
    wanted = int(remembered.read_text()) if remembered.exists() else 0
    try:
        port = await gateway.listen(own, wanted)
    except OSError:
        port = await gateway.listen(own, 0)
    write_private(remembered, str(port))
    host_key = own.host.export_public_key().decode().strip()
    return gateway, SshEndpoint("127.0.0.1", port, USERNAME, own.client_path, host_key)


async def start_ssh(world: World, directory: Path) -> SshEndpoint:
    """Starts the jump host for as long as the event loop runs."""
    _, endpoint = await open_gateway(world, directory)
    return endpoint
