"""Serves one world: ARM over TLS and the SSH jump host, in one process on loopback, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from aiohttp import web

from k0rdent_azure import descriptors
from k0rdent_azure.rehearsal import certificates, endpoint
from k0rdent_azure.rehearsal.arm import changes
from k0rdent_azure.rehearsal.arm.arm_server import ArmServer
from k0rdent_azure.rehearsal.arm.tokens import Authority
from k0rdent_azure.rehearsal.endpoint import Endpoint, Ssh
from k0rdent_azure.rehearsal.hosts import gateway
from k0rdent_azure.rehearsal.requests import RequestLog
from k0rdent_azure.rehearsal.world import SshEndpoint, World

HOST = "127.0.0.1"
FILE = "service.json"
#: Files and connections that are asked for; as many as the hard limit allows will do.
MOST_FILES = 65536
#: Real seconds without a request after which nobody seems to need it, and between looks at that and at what is
#: armed to change.
IDLE = 2 * 3600.0
LOOK = 0.2


class Identity(msgspec.Struct, kw_only=True):
    """What has to outlive a restart, so that a client that goes on does not notice: `service.json`, 0600."""

    client_secret: str
    signing_key: str
    port: int = 0


async def serve(
    directory: Path,
    *,
    speed: float,
    seed: int,
    ready: Callable[[Endpoint], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, until `stop`, until `directory` vanishes, or until nobody asks any more.

    `ready` is called once, when both ARM and the jump host answer.
    """
    # Every VM of every deployment is served here.
    descriptors.raise_limit(MOST_FILES)
    ended = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    world = World(directory, seed=seed, speed=speed)
    async with serve_arm(world) as (server, address):
        ssh = await gateway.start_ssh(world, directory)
        found = describe(world, address, ssh)
        endpoint.write(directory, found)
        ready(found)
        while not ended.is_set() and _is_wanted(directory, server):
            changes.apply(world)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), LOOK)


def _is_wanted(directory: Path, server: ArmServer) -> bool:
    return directory.exists() and time.monotonic() - server.last_request < IDLE


@contextlib.asynccontextmanager
async def serve_arm(world: World) -> AsyncIterator[tuple[ArmServer, Authority]]:
    """Serve ARM alone. Gives the server, and the authority whose `arm_endpoint` it listens at."""
    identity = _identity(world.directory)
    context = certificates.server_context(world.directory / "tls")
    listener, port = listen(identity.port)
    identity.port = port
    _write_identity(world.directory, identity)
    authority = Authority(
        tenant=world.tenant_id,
        client_id=world.client_id,
        client_secret=identity.client_secret,
        signing_key=bytes.fromhex(identity.signing_key),
        arm_endpoint=f"https://{HOST}:{port}",
    )
    log = RequestLog(world.directory)
    server = ArmServer(world, authority, log)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=context).start()
        yield server, authority
    finally:
        await runner.cleanup()
        log.close()


def describe(world: World, authority: Authority, ssh: SshEndpoint) -> Endpoint:
    return Endpoint(
        arm_endpoint=authority.arm_endpoint,
        authority=authority.arm_endpoint,
        ca_file=certificates.ca_file(world.directory / "tls"),
        tenant=world.tenant_id,
        client_id=world.client_id,
        client_secret=authority.client_secret,
        subscription_id=world.subscription_id,
        ssh=Ssh(
            host=ssh.host, port=ssh.port, username=ssh.username, key_path=ssh.key_path, host_key=ssh.host_key
        ),
        pid=os.getpid(),
        speed=world.clock.speed,
        seed=world.seed,
        somebody_id=authority.somebody,
    )


def listen(port: int) -> tuple[socket.socket, int]:
    """A listening socket on the port of the last time, or on any where that one is taken.

    With SO_REUSEADDR, which a port needs that was used a moment ago, two may bind it before one listens.
    """
    if port:
        with contextlib.suppress(OSError):
            return _listening(port, reuse=True)
    return _listening(0, reuse=False)


def _listening(port: int, *, reuse: bool) -> tuple[socket.socket, int]:
    with contextlib.ExitStack() as failed:
        listener = failed.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        listener.bind((HOST, port))
        listener.listen(128)
        failed.pop_all()
    return listener, listener.getsockname()[1]


def _identity(directory: Path) -> Identity:
    path = directory / FILE
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    # In hexadecimal: `az` takes a password that begins with `-` for an option, even from a file.
    return Identity(client_secret=secrets.token_hex(30), signing_key=secrets.token_hex(32))


def _write_identity(directory: Path, identity: Identity) -> None:
    temporary = directory / f"{FILE}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(identity))
    temporary.replace(directory / FILE)
