"""Commands on hosts over SSH, through a gateway where there is one; connections are kept and shared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import asyncssh

from k0rdent_azure.errors import HostError, HostUnreachableError
from k0rdent_azure.hosts.command import CommandResult, failed, timed_out
from k0rdent_azure.hosts.login import Target, login, shown_host_key
from k0rdent_azure.hosts.login_errors import unreachable

__all__ = ["CommandResult", "Gateway", "SshRunner", "Target"]

#: A handshake is work for the CPU; more of them at once only make each slower.
MAX_HANDSHAKES = 8
#: Real seconds that closing may take.
CLOSE_LIMIT = 0.3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gateway:
    """An SSH server in front of all hosts (a jump host). `host_key` is an OpenSSH public key line."""

    host: str
    port: int
    username: str
    key_path: Path
    host_key: str


class _LostError(HostUnreachableError):
    """A connection that was there broke (a reboot, a NAT that forgot); a fresh one may do."""


class SshRunner:
    """Runs commands on hosts; connections are kept and reused until `close`."""

    def __init__(self, *, key_path: Path, gateway: Gateway | None, connect_timeout: float) -> None:
        self._key_path = key_path
        self._gateway = gateway
        self._front = (
            Target("the gateway", gateway.host, gateway.host_key, gateway.username, gateway.port)
            if gateway is not None
            else None
        )
        self._connect_timeout = connect_timeout
        self._connections: dict[Target, asyncssh.SSHClientConnection] = {}
        self._locks: dict[Target, asyncio.Lock] = {}
        self._handshakes = asyncio.Semaphore(MAX_HANDSHAKES)
        self._closed = False
        self._reasons: dict[Target, str] = {}

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

        Where the connection breaks, the command is given once more over a fresh one, so it may run twice.
        Raises HostUnreachableError, HostKeyMismatchError, HostError for an unusable key, CommandFailedError
        after `timeout`, and, with `check`, for an exit status that is not 0.
        """
        result = await _twice(lambda: self._run_once(target, command, stdin, timeout))
        if check and result.exit_status:
            raise failed(target.name, command, result)
        return result

    async def probe(self, target: Target) -> bool:
        """Whether we can log in; if not, `why_not` says why. Raises HostKeyMismatchError where someone else answers."""
        try:
            await _twice(lambda: self._connection(target))
        except HostUnreachableError as error:
            self._reasons[target] = f"{error.message} ({error.hint})" if error.hint else error.message
            return False
        self._reasons.pop(target, None)
        return True

    def why_not(self, *targets: Target) -> str:
        """Why the last `probe` of the first of these that failed did: a message with its hint; "" for none."""
        return next((self._reasons[target] for target in targets if target in self._reasons), "")

    async def shown_host_key(self, address: str) -> str | None:
        """The host key that whoever answers at `address` shows: proof of nothing, until somebody vouches for it.

        None where nobody answers.
        """
        tunnel = None if self._front is None else await self._connection(self._front)
        async with self._handshakes:
            return await shown_host_key(address, tunnel=tunnel, timeout=self._connect_timeout)

    async def run_on_gateway(
        self, command: str, *, stdin: str | None = None, timeout: float = 60, check: bool = True
    ) -> CommandResult:
        """Run `command` on the gateway itself. Raises as `run` does."""
        if self._front is None:
            raise HostError("there is no SSH gateway in front of these hosts")
        return await self.run(self._front, command, stdin=stdin, timeout=timeout, check=check)

    async def close(self) -> None:
        """Close every connection for good; never waits long for a dead peer."""
        self._closed = True
        connections, self._connections = [*self._connections.values()], {}
        for connection in connections:
            connection.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT):
                waits = (connection.wait_closed() for connection in connections)
                await asyncio.gather(*waits, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run_once(
        self, target: Target, command: str, stdin: str | None, timeout: float
    ) -> CommandResult:
        connection = await self._connection(target)
        try:
            return await _execute(connection, target.name, command, stdin, timeout)
        except (asyncssh.Error, OSError) as error:
            if self._connections.get(target) is connection:
                del self._connections[target]
            connection.abort()
            why = unreachable(target, error)
            raise _LostError(why.message, hint=why.hint) from error

    async def _connection(self, target: Target) -> asyncssh.SSHClientConnection:
        async with self._locks.setdefault(target, asyncio.Lock()):
            kept = self._connections.get(target)
            if kept is not None and not kept.is_closed():
                return kept
            made = await self._login(target)
            if self._closed:
                made.abort()
                raise HostUnreachableError(f"the connections to {target.name} and all hosts are closed")
            self._connections[target] = made
            return made

    async def _login(self, target: Target) -> asyncssh.SSHClientConnection:
        gateway, front = self._gateway, self._front
        direct = front is None or target == front
        tunnel = None if front is None or direct else await self._connection(front)
        try:
            return await login(
                target,
                key_path=gateway.key_path if gateway is not None and direct else self._key_path,
                tunnel=tunnel,
                timeout=self._connect_timeout,
                handshakes=self._handshakes,
            )
        except HostUnreachableError as error:
            if tunnel is not None and tunnel.is_closed():
                raise _LostError(error.message, hint=error.hint) from error
            raise


async def _twice(action: Callable[[], Awaitable[T]]) -> T:
    """`action`, and once more where a connection broke under it."""
    try:
        return await action()
    except _LostError:
        return await action()


async def _execute(
    connection: asyncssh.SSHClientConnection, name: str, command: str, stdin: str | None, timeout: float
) -> CommandResult:
    process: asyncssh.SSHClientProcess[str] | None = None
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            process = await connection.create_process(
                # Nothing to read is an end of file at once, not silence.
                command,
                stdin=asyncssh.PIPE if stdin else asyncssh.DEVNULL,
                errors="replace",
            )
            stdout, stderr = await process.communicate(stdin)
    except TimeoutError as error:
        if limit.expired():
            raise timed_out(name, command, timeout) from error
        raise
    finally:
        if process is not None:
            process.close()
    status = process.returncode
    if status is None:
        # asyncssh tells a connection that broke under a command by the lack of an exit status.
        raise asyncssh.ConnectionLost("the connection broke while the command ran")
    return CommandResult(status, stdout, stderr)
