"""The VPN interface of this machine. It needs root, and never asks for a password by surprise."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.hosts.command import CommandResult, failed
from k0rdent_azure.hosts.local_command import execute
from k0rdent_azure.hosts.wireguard import PeerStatus, parse_dump, private_key_in_dump

#: Real seconds: a look answers at once; wg-quick may wait for a name server or a user-space WireGuard.
LOOK_LIMIT = 10.0
CHANGE_LIMIT = 60.0
#: Where wg-quick on macOS keeps `<interface>.name`, which holds the utun that the system gave it.
NAMES = Path("/var/run/wireguard")
#: What sudo itself says, in the C locale, when it would have to ask, or must not do this at all.
_REFUSED = re.compile(r"^(?:sudo(?:-rs)?: |Sorry, user )|is not in the sudoers file", re.MULTILINE)


class LocalWorkstation:
    """`wg` and `wg-quick` here: as root, or through a `sudo` that needs no password."""

    def __init__(self, *, platform: str = sys.platform) -> None:
        self._mac = platform == "darwin"

    async def up(self, config_path: Path, interface: str) -> None:
        words = [_tool("wg-quick"), "up", _absolute(config_path)]
        if self._may_be_up(interface) and await self._dump(interface) is not None:
            return
        await self._change(words, interface)

    async def down(self, interface: str) -> None:
        if not self._may_be_up(interface) or await self._dump(interface) is None:
            return
        # Not `wg-quick down`: for an interface that came up from a file of ours it would want that file
        # again, which may be gone or changed. Our configurations leave nothing behind but the interface.
        if self._mac:
            real = await self._real_name(interface)
            words = ["rm", "-f", *([str(NAMES / f"{real}.sock")] if real else []), str(_name_file(interface))]
        else:
            words = [_tool("ip"), "link", "delete", "dev", interface]
        await self._change(words, interface)

    async def peers(self, interface: str) -> dict[str, PeerStatus] | None:
        _tool("wg")
        dump = await self._dump(interface) if self._may_be_up(interface) else None
        return None if dump is None else parse_dump(dump)

    async def private_key(self, interface: str) -> str | None:
        _tool("wg")
        return private_key_in_dump(await self._dump(interface) or "") if self._may_be_up(interface) else None

    def _may_be_up(self, interface: str) -> bool:
        """What can be told without root: Linux shows the names of all interfaces to everybody."""
        return self._mac or not Path("/sys/class/net").is_dir() or Path("/sys/class/net", interface).exists()

    async def _dump(self, interface: str) -> str | None:
        real = await self._real_name(interface) if self._mac else interface
        if real is None:
            return None
        result = await self._privileged([_tool("wg"), "show", real, "dump"], LOOK_LIMIT)
        if _is_refusal(result):
            raise PrerequisiteError(
                f"only root may look at {interface}, and sudo would have to ask for a password",
                hint="run: sudo -v    and then: k0rdent-azure resume",
            )
        return result.stdout if result.exit_status == 0 else None

    async def _real_name(self, interface: str) -> str | None:
        result = await self._privileged(["cat", str(_name_file(interface))], LOOK_LIMIT)
        if _is_refusal(result):
            raise PrerequisiteError(
                f"only root can tell whether {interface} is up, and sudo would have to ask for a password",
                hint="run: sudo -v    and then: k0rdent-azure resume",
            )
        name = result.stdout.strip()
        return name if result.exit_status == 0 and re.fullmatch(r"utun\d+", name) else None

    async def _change(self, words: Sequence[str], interface: str) -> None:
        result = await self._privileged(words, CHANGE_LIMIT)
        if _is_refusal(result):
            raise PrerequisiteError(
                f"bringing {interface} up or down needs root, and sudo would have to ask for a password",
                hint=f"run: sudo {shlex.join(words)}    and then: k0rdent-azure resume",
            )
        if result.exit_status:
            error = failed("this machine", shlex.join(words), result)
            error.hint = _advice(error.stderr, interface)
            raise error

    async def _privileged(self, words: Sequence[str], limit: float) -> CommandResult:
        if os.geteuid() == 0:
            return await execute(words, limit)
        if shutil.which("sudo") is None:
            return CommandResult(1, "", "sudo: not installed")
        return await execute(["sudo", "-n", *words], limit)


def _advice(stderr: str, interface: str) -> str | None:
    """What ends a failure of wg-quick or ip, by their words and the kernel's; None if they are not known."""
    rules = (
        (
            rf"`?{re.escape(interface)}'? already exists",
            (
                f"another program made an interface of this name: see `ip link show {interface}`; if nothing "
                f"needs it, remove it: sudo ip link delete dev {interface}"
            ),
        ),
        (
            r"RTNETLINK answers: File exists|Address already assigned|already in use",
            (
                "another interface has an address or a route of the VPN's network: `ip -4 route` shows which; "
                "take that one down"
            ),
        ),
        (
            r"Unknown device type|Operation not supported|Protocol not supported|Module wireguard not found",
            "this kernel has no WireGuard: install its module (a kernel of 5.6 or newer has it), or wireguard-go",
        ),
        (
            r"Operation not permitted|Permission denied",
            "this may be a container without the right to make interfaces (NET_ADMIN)",
        ),
    )
    return next((hint for words, hint in rules if re.search(words, stderr)), None)


def _is_refusal(result: CommandResult) -> bool:
    return result.exit_status != 0 and os.geteuid() != 0 and _REFUSED.search(result.stderr) is not None


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _name_file(interface: str) -> Path:
    return NAMES / f"{interface}.name"


def _tool(name: str) -> str:
    """The whole path: sudo looks in places of its own."""
    found = shutil.which(name)
    if found is None:
        package = "iproute2" if name == "ip" else "wireguard-tools"
        raise PrerequisiteError(
            f"{name} is not on the PATH",
            hint=f"install {package} (apt, dnf, brew), then: k0rdent-azure resume",
        )
    return found
