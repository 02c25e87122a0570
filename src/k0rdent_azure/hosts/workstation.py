"""Where the laptop end of the VPN is: on this machine, or on the gateway in front of the hosts."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from k0rdent_azure.errors import CommandFailedError, PrerequisiteError
from k0rdent_azure.hosts.ssh import CommandResult, SshRunner
from k0rdent_azure.hosts.wireguard import PeerStatus, parse_dump

#: Real seconds for `wg` and `wg-quick`.
LIMIT = 30.0


class Workstation(Protocol):
    """The three things that a VPN interface is asked."""

    async def up(self, config_path: Path, interface: str) -> None:
        """Bring the interface up. Raises PrerequisiteError, CommandFailedError."""

    async def down(self, interface: str) -> None:
        """Take it down. Raises PrerequisiteError, CommandFailedError."""

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        """Its peers by public key, or None while it is down."""


class LocalWorkstation:
    """This machine. It needs root for the interface, and never asks for a password by surprise."""

    async def up(self, config_path: Path, interface: str) -> None:
        await self._privileged(["wg-quick", "up", str(config_path)], interface)

    async def down(self, interface: str) -> None:
        await self._privileged(["wg-quick", "down", interface], interface)

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        if shutil.which("wg") is None:
            raise PrerequisiteError(
                "WireGuard's tools are not on the PATH",
                hint="install them (Debian: wireguard-tools, Homebrew: wireguard-tools), then run resume",
            )
        result = await _execute([*_sudo(), "wg", "show", interface, "dump"])
        return parse_dump(result.stdout) if result.exit_status == 0 else None

    async def _privileged(self, words: Sequence[str], interface: str) -> None:
        result = await _execute([*_sudo(), *words])
        if result.exit_status == 0:
            return
        if _sudo() and "password" in result.stderr:
            raise PrerequisiteError(
                f"bringing {interface} up or down needs root",
                hint=f"run: sudo {' '.join(words)}    and then: k0rdent-azure resume",
            )
        raise CommandFailedError(
            f"`{' '.join(words)}` ended with {result.exit_status}: {result.stderr.strip()[-400:]}",
            exit_status=result.exit_status,
            stderr=result.stderr.strip()[-400:],
        )


class GatewayWorkstation:
    """The gateway plays the laptop: the same commands go there over SSH."""

    def __init__(self, ssh: SshRunner) -> None:
        self._ssh = ssh

    async def up(self, config_path: Path, interface: str) -> None:
        config = await asyncio.to_thread(config_path.read_text, encoding="utf-8")
        install = f"sudo -n install -D -m 0600 /dev/stdin /etc/wireguard/{interface}.conf"
        await self._ssh.run_on_gateway(install, stdin=config)
        await self._ssh.run_on_gateway(f"sudo -n wg-quick up {interface}")

    async def down(self, interface: str) -> None:
        await self._ssh.run_on_gateway(f"sudo -n wg-quick down {interface}")

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        result = await self._ssh.run_on_gateway(f"sudo -n wg show {interface} dump", check=False)
        return parse_dump(result.stdout) if result.exit_status == 0 else None


def _sudo() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


async def _execute(words: Sequence[str]) -> CommandResult:
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise PrerequisiteError(
            f"{words[0]} is not on the PATH", hint="see `k0rdent-azure doctor`"
        ) from error
    try:
        async with asyncio.timeout(LIMIT):
            stdout, stderr = await process.communicate()
    except TimeoutError as error:
        process.kill()
        raise CommandFailedError(
            f"no end of `{' '.join(words)}` within {LIMIT:.0f} s", exit_status=-1
        ) from error
    return CommandResult(
        process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace")
    )
