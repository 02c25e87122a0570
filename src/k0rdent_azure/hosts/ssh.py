"""SSH to hosts whose keys are known beforehand, through a gateway where there is one.

Only our key, only pinned host keys: no agent, no `~/.ssh`, no trust on first use.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh

from k0rdent_azure.errors import CommandFailedError, HostKeyMismatchError, HostUnreachableError

#: A handshake is work for the CPU; more of them at once only make each slower.
MAX_HANDSHAKES = 8
#: Real seconds between keepalives; three unanswered ones end a connection.
KEEPALIVE = 15
#: Real seconds that closing may take.
CLOSE_LIMIT = 0.3
#: What a failed command shows of its error output.
STDERR_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Gateway:
    """An SSH server in front of all hosts (a jump host). `host_key` is an OpenSSH public key line."""

    host: str
    port: int
    username: str
    key_path: Path
    host_key: str


@dataclass(frozen=True, slots=True)
class Target:
    """One host: `address` is an IP or a name, `host_key` the OpenSSH public key that it must show."""

    name: str
    address: str
    host_key: str
    username: str
    port: int = 22


@dataclass(frozen=True, slots=True)
class CommandResult:
    exit_status: int
    stdout: str
    stderr: str


class SshRunner:
    """Runs commands on hosts; connections are kept and reused until `close`."""

    def __init__(self, *, key_path: Path, gateway: Gateway | None, connect_timeout: float) -> None:
        self._key_path = key_path
        self._gateway = gateway
        self._connect_timeout = connect_timeout
        self._connections: dict[Target, asyncssh.SSHClientConnection] = {}
        self._tunnel: asyncssh.SSHClientConnection | None = None
        self._tunnel_lock = asyncio.Lock()
        self._locks: dict[Target, asyncio.Lock] = {}
        self._handshakes = asyncio.Semaphore(MAX_HANDSHAKES)

    async def run(
        self,
        target: Target,
        command: str,
        *,
        stdin: str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> CommandResult:
        """Run `command` on `target`; `timeout` is in real seconds, `stdin` never shows in an error.

        Raises HostUnreachableError, HostKeyMismatchError, and, with `check`, CommandFailedError.
        """
        try:
            connection = await self._connection(target)
            result = await _run(connection, command, stdin, timeout)
        except (asyncssh.ConnectionLost, asyncssh.ChannelOpenError, BrokenPipeError, ConnectionError):
            # The kept connection went stale (a reboot, a NAT that forgot): one fresh try tells.
            await self._drop(target)
            try:
                result = await _run(await self._connection(target), command, stdin, timeout)
            except (asyncssh.Error, OSError) as error:
                raise _unreachable(target, error) from error
        if check and result.exit_status:
            raise _failed(target.name, command, result)
        return result

    async def probe(self, target: Target) -> bool:
        """Whether we can log in. Raises HostKeyMismatchError where someone else answers."""
        try:
            await self._connection(target)
        except HostUnreachableError:
            return False
        return True

    async def run_on_gateway(
        self, command: str, *, stdin: str | None = None, timeout: float = 60, check: bool = True
    ) -> CommandResult:
        """Run `command` on the gateway itself. Raises as `run` does."""
        gateway = self._gateway
        assert gateway is not None, "only a deployment behind a gateway asks it"  # noqa: S101
        target = Target("gateway", gateway.host, gateway.host_key, gateway.username, gateway.port)
        try:
            result = await _run(await self._gateway_connection(gateway), command, stdin, timeout)
        except (asyncssh.Error, OSError) as error:
            self._tunnel = None
            raise _unreachable(target, error) from error
        if check and result.exit_status:
            raise _failed("the gateway", command, result)
        return result

    async def close(self) -> None:
        """Close every connection; never waits long for a dead peer."""
        connections = [*self._connections.values(), *([self._tunnel] if self._tunnel else [])]
        self._connections, self._tunnel = {}, None
        for connection in connections:
            connection.abort()
        if connections:
            waits = [asyncio.ensure_future(connection.wait_closed()) for connection in connections]
            _, late = await asyncio.wait(waits, timeout=CLOSE_LIMIT)
            for wait in late:
                wait.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _connection(self, target: Target) -> asyncssh.SSHClientConnection:
        async with self._locks.setdefault(target, asyncio.Lock()):
            kept = self._connections.get(target)
            if kept is not None and not kept.is_closed():
                return kept
            async with self._handshakes:
                made = await self._connect(target)
            self._connections[target] = made
            return made

    async def _connect(self, target: Target) -> asyncssh.SSHClientConnection:
        tunnel = None
        try:
            if self._gateway is not None:
                tunnel = await self._gateway_connection(self._gateway)
            return await _connect(target, self._key_path, tunnel, self._connect_timeout)
        except asyncssh.HostKeyNotVerifiable as error:
            raise HostKeyMismatchError(
                f"{target.name} ({target.address}) shows another host key than its cloud-init was given",
                hint="someone else answers at that address; do not go on before you know who",
            ) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise _unreachable(target, error) from error

    async def _gateway_connection(self, gateway: Gateway) -> asyncssh.SSHClientConnection:
        async with self._tunnel_lock:
            if self._tunnel is None or self._tunnel.is_closed():
                target = Target("gateway", gateway.host, gateway.host_key, gateway.username, gateway.port)
                self._tunnel = await _connect(target, gateway.key_path, None, self._connect_timeout)
            return self._tunnel

    async def _drop(self, target: Target) -> None:
        stale = self._connections.pop(target, None)
        if stale is not None:
            stale.abort()


async def _connect(
    target: Target, key_path: Path, tunnel: asyncssh.SSHClientConnection | None, timeout: float
) -> asyncssh.SSHClientConnection:
    host_key = asyncssh.import_public_key(target.host_key)
    async with asyncio.timeout(timeout):
        return await asyncssh.connect(
            target.address,
            target.port,
            username=target.username,
            client_keys=[str(key_path)],
            known_hosts=([host_key], [], []),
            server_host_key_algs=[host_key.algorithm.decode()],
            tunnel=tunnel,
            agent_path=None,
            config=[],
            preferred_auth="publickey",
            compression_algs=["none"],
            keepalive_interval=KEEPALIVE,
            login_timeout=timeout,
        )


async def _run(
    connection: asyncssh.SSHClientConnection, command: str, stdin: str | None, timeout: float
) -> CommandResult:
    try:
        done = await connection.run(
            command, input=stdin if stdin is not None else "", timeout=timeout, errors="replace"
        )
    except asyncssh.TimeoutError as error:
        raise CommandFailedError(
            f"no end of `{command}` within {timeout:.0f} s", exit_status=-1, hint="run the command again"
        ) from error
    status = done.exit_status if done.exit_status is not None else -1
    return CommandResult(status, str(done.stdout or ""), str(done.stderr or ""))


def _unreachable(target: Target, error: BaseException) -> HostUnreachableError:
    reason = str(error) or type(error).__name__
    return HostUnreachableError(
        f"no SSH connection to {target.name} ({target.address}:{target.port}): {reason[:200]}",
        hint="is the VM running, and may TCP port 22 leave this network?",
    )


def _failed(name: str, command: str, result: CommandResult) -> CommandFailedError:
    stderr = result.stderr.strip()[-STDERR_SHOWN:]
    return CommandFailedError(
        f"`{command}` on {name} ended with {result.exit_status}: {stderr or 'no message'}",
        exit_status=result.exit_status,
        stderr=stderr,
    )
