"""The jump host as the workstation's end of the VPN: its files and its WireGuard interfaces.

It answers the few commands with which a workstation is set up (`install`, `wg-quick up|down`, `wg show`,
`ip link show`). Interfaces outlive the process, as a kernel's would outlive a deployer.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from k0rdent_azure.rehearsal.hosts import wireguard
from k0rdent_azure.rehearsal.hosts.coreutils import TEXT_COMMANDS
from k0rdent_azure.rehearsal.hosts.file_commands import FILE_COMMANDS
from k0rdent_azure.rehearsal.hosts.files import Files
from k0rdent_azure.rehearsal.hosts.host import write_private
from k0rdent_azure.rehearsal.hosts.shell import Command, Input, Process, Result, Shell
from k0rdent_azure.rehearsal.hosts.site import Site

REKEY = 120.0  # cloud seconds between handshakes while there is traffic (WireGuard's Rekey-After-Time)


@dataclass
class Tunnel:
    """An interface that is up. `up_at` is in cloud seconds, `handshakes` in Unix seconds by public key."""

    text: str = field(repr=False)
    up_at: float
    handshakes: dict[str, int] = field(default_factory=dict)


class Laptop:
    """State in `directory/laptop.json`."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.site = site
        self.path = directory / "laptop.json"
        self.files = Files()
        self.tunnels: dict[str, Tunnel] = {}
        self._load()
        self.shell = Shell(self.files, {**TEXT_COMMANDS, **FILE_COMMANDS, **self._commands()})

    async def run(self, text: str, *, user: str, stdin: Input) -> Result:
        """One command line of an SSH session."""
        environment = {"HOME": f"/home/{user}", "USER": user, "SHELL": "/bin/bash", "PATH": "/usr/bin:/bin"}
        try:
            return await self.shell.run(text, user=user, environment=environment, stdin=stdin)
        finally:
            if self.files.changed:
                self.save()
                self.files.changed = False

    def interfaces(self) -> list[wireguard.Interface]:
        return [wireguard.parse(tunnel.text) for tunnel in self.tunnels.values()]

    def save(self) -> None:
        configs = {
            path: (entry.content or b"").decode("utf-8", "replace")
            for path, entry in self.files.entries.items()
            if path.startswith("/etc/wireguard/") and not entry.directory
        }
        tunnels = {name: asdict(tunnel) for name, tunnel in self.tunnels.items()}
        write_private(self.path, json.dumps({"files": configs, "tunnels": tunnels}))

    def _load(self) -> None:
        self.files.make_directory("/etc/wireguard", user="root", mode=0o700)
        try:
            document = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return
        for path, text in document["files"].items():
            self.files.write(path, text.encode(), user="root", mode=0o600)
        self.tunnels = {name: Tunnel(**tunnel) for name, tunnel in document["tunnels"].items()}

    def _commands(self) -> dict[str, Command]:
        return {"wg-quick": self._wg_quick, "wg": self._wg, "ip": self._ip, "hostname": self._hostname}

    async def _hostname(self, process: Process) -> int:
        return process.out("rehearsal-laptop\n")

    async def _wg_quick(self, process: Process) -> int:
        if process.argv[1:2] not in (["up"], ["down"]) or len(process.argv) != 3:
            return process.fail("Usage: wg-quick [ up | down | save | strip ] [ CONFIG_FILE | INTERFACE ]")
        if process.user != "root":
            return process.fail("wg-quick must be run as root")
        action, name = process.argv[1], process.argv[2]
        path = name if "/" in name else f"/etc/wireguard/{name}.conf"
        name = name.rpartition("/")[2].removesuffix(".conf")
        if not name or len(name) > 15:  # IFNAMSIZ - 1
            return process.fail("wg-quick: The config file must be a valid interface name, followed by .conf")
        if action == "down":
            return self._down(process, name)
        return self._up(process, name, path)

    def _up(self, process: Process, name: str, path: str) -> int:
        entry = self.files.get(path)
        if entry is None:
            return process.fail(f"wg-quick: `{path}' does not exist")
        if name in self.tunnels:
            return process.fail(f"wg-quick: `{name}' already exists")
        text = (entry.content or b"").decode("utf-8", "replace")
        try:
            interface = wireguard.parse(text)
        except wireguard.WireGuardError as fault:
            return process.fail(str(fault))
        if any(set(interface.addresses) & set(other.addresses) for other in self.interfaces()):
            return process.fail("RTNETLINK answers: File exists", 2)
        self.tunnels[name] = Tunnel(text, self.site.now())
        self.files.changed = True
        process.fail(f"[#] ip link add {name} type wireguard", 0)
        return process.fail(f"[#] ip link set mtu 1420 up dev {name}", 0)

    def _down(self, process: Process, name: str) -> int:
        if self.tunnels.pop(name, None) is None:
            return process.fail(f"wg-quick: `{name}' is not a WireGuard interface")
        self.files.changed = True
        return process.fail(f"[#] ip link delete dev {name}", 0)

    async def _wg(self, process: Process) -> int:
        words = process.argv[1:] or ["show"]
        if words == ["show", "interfaces"]:
            return process.out("\n".join(self.tunnels) + "\n" if self.tunnels else "")
        if words[0] != "show" or len(words) > 3:
            return process.fail("Usage: wg <cmd> [<args>]")
        if process.user != "root":
            return process.fail("Unable to access interface: Operation not permitted")
        names = [words[1]] if len(words) > 1 else list(self.tunnels)
        for name in names:
            if name not in self.tunnels:
                return process.fail("Unable to access interface: No such device")
            interface, lines = wireguard.parse(self.tunnels[name].text), self._lines(self.tunnels[name])
            if words[2:] == ["dump"]:
                process.out(wireguard.dump(interface, lines))
            elif words[2:] == ["latest-handshakes"]:
                process.out("".join(f"{key}\t{line.handshake}\n" for key, line in lines.items()))
            elif not words[2:]:
                process.out(wireguard.show(name, interface, lines, now=time.time()))
            else:
                return process.fail(f"Invalid argument: `{words[2]}'")
        return 0

    def _lines(self, tunnel: Tunnel) -> dict[str, wireguard.PeerLine]:
        """The peers as of now. Handshakes are in real time; a linked peer's is at most REKEY cloud seconds old."""
        interface, now = wireguard.parse(tunnel.text), self.site.now()
        lines: dict[str, wireguard.PeerLine] = {}
        for peer in interface.peers:
            since = self.site.linked_since(interface, peer, tunnel.up_at)
            if since is not None:
                moment = time.time() - ((now - since) % REKEY) / self.site.speed
                tunnel.handshakes[peer.public_key] = math.ceil(moment)
                self.files.changed = True
            beats = int((now - tunnel.up_at) // max(peer.keepalive, 25))
            known = tunnel.handshakes.get(peer.public_key, 0)
            received = 92 + 32 * beats if known else 0
            lines[peer.public_key] = wireguard.PeerLine(known, received, 148 + 32 * beats)
        return lines

    async def _ip(self, process: Process) -> int:
        words = [word for word in process.argv[1:] if not word.startswith("-")]
        if words[:2] not in (["link", "show"], ["addr", "show"], ["address", "show"]):
            return process.fail(f'Object "{" ".join(words)}" is unknown, try "ip help".')
        names = [word for word in words[2:] if word != "dev"]
        for name in names or list(self.tunnels):
            if name not in self.tunnels:
                return process.fail(f'Device "{name}" does not exist.')
            process.out(f"7: {name}: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 state UNKNOWN\n    link/none\n")
        return 0
