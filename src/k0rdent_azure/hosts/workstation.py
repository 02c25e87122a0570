"""Where the laptop end of the VPN is: on this machine, or on the gateway in front of the hosts."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Protocol

from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.local_wireguard import LocalWorkstation
from k0rdent_azure.hosts.ssh import SshRunner
from k0rdent_azure.hosts.wireguard import PeerStatus, parse_dump, private_key_in_dump

__all__ = ["GatewayWorkstation", "LocalWorkstation", "Workstation"]


class Workstation(Protocol):
    """The three things that a VPN interface is asked. `interface` is the name of the file without `.conf`."""

    async def up(self, config_path: Path, interface: str) -> None:
        """Bring the interface up; one that is up stays as it is. Raises PrerequisiteError, HostError."""

    async def down(self, interface: str) -> None:
        """Take it down; one that is down stays so. Raises PrerequisiteError, HostError."""

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        """Its peers by public key, or None while it is down. Raises PrerequisiteError, HostError."""

    async def private_key(self, interface: str) -> str | None:
        """The key that the interface uses, None while it is down. Raises PrerequisiteError, HostError."""


class GatewayWorkstation:
    """The gateway plays the laptop: the same commands go there over SSH."""

    def __init__(self, ssh: SshRunner) -> None:
        self._ssh = ssh

    async def up(self, config_path: Path, interface: str) -> None:
        if await self.peers(interface) is not None:
            return
        try:
            config = await asyncio.to_thread(config_path.read_text, encoding="utf-8")
        except OSError as error:
            raise HostError(f"cannot read {config_path}: {error.strerror}", hint="run resume") from error
        file = shlex.quote(f"/etc/wireguard/{interface}.conf")
        await self._ssh.run_on_gateway(f"sudo -n install -D -m 0600 /dev/stdin {file}", stdin=config)
        await self._ssh.run_on_gateway(f"sudo -n wg-quick up {shlex.quote(interface)}")

    async def down(self, interface: str) -> None:
        if await self.peers(interface) is not None:
            await self._ssh.run_on_gateway(f"sudo -n wg-quick down {shlex.quote(interface)}")

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        dump = await self._dump(interface)
        return None if dump is None else parse_dump(dump)

    async def private_key(self, interface: str) -> str | None:
        return private_key_in_dump(await self._dump(interface) or "")

    async def _dump(self, interface: str) -> str | None:
        show = f"sudo -n wg show {shlex.quote(interface)} dump"
        result = await self._ssh.run_on_gateway(show, check=False)
        return result.stdout if result.exit_status == 0 else None
