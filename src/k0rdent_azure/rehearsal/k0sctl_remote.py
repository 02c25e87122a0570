"""The stand-in's hands on a host: one SSH connection through the bastion, commands as root over it."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable

import asyncssh

from k0rdent_azure.errors import CommandFailedError, HostKeyMismatchError, HostUnreachableError
from k0rdent_azure.rehearsal.k0sctl_config import Endpoint, Node

PATIENCE = 600.0  # real seconds for which a connection or a condition is retried
INTERVAL = 0.2  # real seconds between attempts

Bastions = dict[Endpoint, "asyncio.Task[asyncssh.SSHClientConnection]"]


async def retry(attempt: Callable[[], Awaitable[bool]], message: str) -> None:
    """Repeats until `attempt` is true. Raises CommandFailedError with `message` when patience ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not await attempt():
        if loop.time() > deadline:
            raise CommandFailedError(message, exit_status=1)
        await asyncio.sleep(INTERVAL)


class Remote:
    """A connected host."""

    def __init__(self, node: Node, connection: asyncssh.SSHClientConnection) -> None:
        self.node = node
        self._connection = connection

    async def run(self, command: str, *, stdin: str | None = None) -> tuple[int, str, str]:
        """(exit status, standard output, standard error) of a command as the login user."""
        try:
            result = await self._connection.run(command, input=stdin or "", encoding="utf-8")
        except (OSError, asyncssh.Error) as error:
            raise HostUnreachableError(f"{self.node.name}: connection lost: {error}") from None
        return result.returncode or 0, str(result.stdout), str(result.stderr)

    async def root(self, command: str, *, stdin: str | None = None) -> tuple[int, str, str]:
        return await self.run(f'sudo -n -- "${{SHELL-sh}}" -c {shlex.quote(command)}', stdin=stdin)

    async def must(self, command: str, *, stdin: str | None = None) -> str:
        """Standard output of a root command that has to succeed."""
        status, stdout, stderr = await self.root(command, stdin=stdin)
        if status != 0:
            reason = stderr.strip() or f"exit status {status}"
            raise CommandFailedError(
                f"{self.node.name}: {command.partition(' -')[0]} failed: {reason}",
                exit_status=status,
                stderr=stderr,
            )
        return stdout

    async def good(self, command: str) -> bool:
        return (await self.root(command))[0] == 0

    async def write(self, path: str, text: str) -> None:
        await self.must(f"install -D -m 0600 /dev/stdin {shlex.quote(path)}", stdin=text)

    def close(self) -> None:
        self._connection.close()


async def connect(node: Node, bastions: Bastions) -> Remote:
    """Logs in, again and again while the host does not answer. Raises HostKeyMismatchError at once."""
    found: list[asyncssh.SSHClientConnection] = []

    async def attempt() -> bool:
        try:
            found.append(await _login(node.ssh, bastions))
        except asyncssh.HostKeyNotVerifiable as error:
            message = f"{node.name}: host key mismatch: {error.reason}"
            raise HostKeyMismatchError(message, hint="SSH_KNOWN_HOSTS must hold the host's key") from None
        except asyncssh.PermissionDenied as error:
            raise HostUnreachableError(f"{node.name}: {error.reason}") from None
        except (OSError, asyncssh.Error, TimeoutError):
            return False
        return True

    await retry(attempt, f"{node.name}: failed to connect")
    return Remote(node, found[0])


async def _login(endpoint: Endpoint, bastions: Bastions) -> asyncssh.SSHClientConnection:
    tunnel: asyncssh.SSHClientConnection | None = None
    if endpoint.bastion is not None:
        known = bastions.get(endpoint.bastion)
        if known is None or (known.done() and known.exception() is not None):
            known = asyncio.create_task(_login(endpoint.bastion, bastions))
            bastions[endpoint.bastion] = known
        tunnel = await known
    path = os.environ.get("SSH_KNOWN_HOSTS")
    return await asyncssh.connect(
        endpoint.address,
        endpoint.port,
        tunnel=tunnel or (),
        username=endpoint.user,
        client_keys=[str(endpoint.key_path)],
        agent_path=None,
        known_hosts=path or (),
        config=None,
        connect_timeout=20,
    )
