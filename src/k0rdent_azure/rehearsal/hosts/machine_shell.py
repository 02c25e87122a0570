"""The shell of one simulated machine: the system commands that a deployer asks beside the plain Unix ones."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from k0rdent_azure.rehearsal.hosts import cloud_init, systemd, wireguard
from k0rdent_azure.rehearsal.hosts.coreutils import TEXT_COMMANDS, options
from k0rdent_azure.rehearsal.hosts.file_commands import FILE_COMMANDS
from k0rdent_azure.rehearsal.hosts.host import WIREGUARD_CONFIG, Host
from k0rdent_azure.rehearsal.hosts.k0s import K0s, binary_version
from k0rdent_azure.rehearsal.hosts.shell import Command, Input, Process, Result, Shell
from k0rdent_azure.rehearsal.hosts.site import Site

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
_ROUTE = "default via 10.240.1.1 dev eth0 proto dhcp src {0} metric 100"


class MachineShell:
    """`run` answers one command line of an SSH session and stores what it changed."""

    def __init__(self, host: Host, site: Site) -> None:
        self.host = host
        self.site = site
        self.k0s = K0s(host, site)
        self.shell = Shell(
            host.files, {**TEXT_COMMANDS, **FILE_COMMANDS, **self._commands()}, self._installed
        )

    async def run(self, text: str, *, user: str, stdin: Input) -> Result:
        environment = {
            "HOME": f"/home/{user}",
            "USER": user,
            "SHELL": "/bin/bash",
            "PATH": _PATH,
            "LANG": "C.UTF-8",
        }
        try:
            return await self.shell.run(text, user=user, environment=environment, stdin=stdin)
        finally:
            if self.host.files.changed:
                self.host.save()

    def _installed(self, process: Process) -> Command | None:
        """k0s by its path or, once it is in /usr/local/bin, by its name."""
        path = process.argv[0] if "/" in process.argv[0] else f"/usr/local/bin/{process.argv[0]}"
        entry = self.host.files.get(path)
        if entry is None or entry.content is None or binary_version(entry.content) is None:
            return None
        return self.k0s.command

    def _commands(self) -> dict[str, Command]:
        return {
            "hostname": self._hostname, "uname": self._uname, "uptime": self._uptime, "date": self._date,
            "cloud-init": self._cloud_init, "wg": self._wg, "ip": self._ip, "curl": self._curl,
            "systemctl": self._systemctl, "journalctl": self._quiet, "apt-get": self._quiet,
            "nproc": self._nproc, "timeout": self._timeout,
        }  # fmt: skip

    async def _quiet(self, _process: Process) -> int:
        return 0

    async def _nproc(self, process: Process) -> int:
        return process.out("2\n")

    async def _timeout(self, process: Process) -> int:
        """`timeout SECONDS COMMAND`, in cloud seconds as everything here; 124 as GNU's if the time is over."""
        seconds, words = process.argv[1:2], process.argv[2:]
        if not words or not seconds[0].isdecimal():
            return process.fail("timeout: missing operand", 125)
        inner = replace(process, argv=words)
        if process.shell.resolve(inner) is None:
            return process.fail(
                f"timeout: failed to run command '{words[0]}': No such file or directory", 127
            )
        limit = max(0.5, int(seconds[0]) / self.site.speed)
        try:
            return await asyncio.wait_for(process.shell.execute(inner), limit)
        except TimeoutError:
            return 124

    async def _hostname(self, process: Process) -> int:
        found, _ = options(process, "fsI")
        if "I" in found:
            return process.out(f"{self.host.machine.private_ip} \n")
        return process.out(f"{self.host.hostname}\n")

    async def _uname(self, process: Process) -> int:
        found, _ = options(process, "asmrn")
        architecture = self.host.architecture
        kernel = f"6.1.0-37-cloud-{'arm64' if architecture == 'aarch64' else 'amd64'}"
        if "a" in found:
            return process.out(
                f"Linux {self.host.hostname} {kernel} #1 SMP Debian 6.1.140-1 {architecture} GNU/Linux\n"
            )
        words = {"s": "Linux", "n": self.host.hostname, "r": kernel, "m": architecture}
        return process.out(" ".join(words[letter] for letter in "snrm" if letter in (found or {"s"})) + "\n")

    async def _uptime(self, process: Process) -> int:
        seconds = max(0.0, self.site.now() - self.host.machine.booted_at)
        hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
        clock = datetime.now(UTC).strftime("%H:%M:%S")
        up = f"{hours}:{minutes:02}" if hours else f"{minutes} min"
        return process.out(f" {clock} up {up},  1 user,  load average: 0.08, 0.03, 0.01\n")

    async def _date(self, process: Process) -> int:
        """The true time, but for a rehearsed skew: tools compare it with theirs."""
        formats = [word[1:] for word in process.argv[1:] if word.startswith("+")]
        now = datetime.now(UTC) + timedelta(seconds=self.host.machine.clock_skew)
        if not formats:
            return process.out(now.strftime("%a %b %e %H:%M:%S UTC %Y\n"))
        return process.out(now.strftime(formats[0].replace("%s", str(int(now.timestamp())))) + "\n")

    async def _cloud_init(self, process: Process) -> int:
        if process.argv[1:2] != ["status"]:
            return process.fail("usage: cloud-init status [--format FORMAT] [--long] [--wait]", 2)
        words = process.argv[2:]
        if "--wait" in words:
            await self.site.until(lambda: self.host.cloud_init_done(self.site.now()))
        machine, error = self.host.machine, self.host.config.error
        done = self.host.cloud_init_done(self.site.now())
        word = cloud_init.status(done=done, error=error)
        moment = machine.cloud_init_done_at if done else machine.booted_at
        updated = self.site.world.clock.real_time(moment)
        if "json" in words or "--format=json" in words:
            process.out(cloud_init.status_json(word, error=error, updated=updated) + "\n")
        elif "--long" in words or "-l" in words:
            process.out(cloud_init.status_text(word, updated=updated) + "\n")
        else:
            process.out(f"status: {word}\n")
        return 1 if word == "error" else 0

    async def _wg(self, process: Process) -> int:
        if not self.host.cloud_init_done(self.site.now()) or "wireguard" not in self.host.config.packages:
            return process.fail("sh: 1: wg: command not found", 127)
        words = process.argv[1:] or ["show"]
        interface = self.host.wireguard(self.site.now())
        name = WIREGUARD_CONFIG.rpartition("/")[2].removesuffix(".conf")
        if process.user != "root" or words[0] != "show":
            return process.fail("Unable to access interface: Operation not permitted")
        if interface is None or words[1:2] not in ([], [name], ["interfaces"]):
            return 0 if len(words) == 1 else process.fail("Unable to access interface: No such device")
        if words[1:] == ["interfaces"]:
            return process.out(f"{name}\n")
        lines = self._peer_lines(interface)
        dump = words[2:] == ["dump"]
        return process.out(
            wireguard.dump(interface, lines)
            if dump
            else wireguard.show(name, interface, lines, now=time.time())
        )

    def _peer_lines(self, interface: wireguard.Interface) -> dict[str, wireguard.PeerLine]:
        return {
            peer.public_key: wireguard.PeerLine(int(time.time()), 148, 92)
            for peer in interface.peers
            if any(near.public_key == peer.public_key and self._answers(near) for near in self.site.tunnels())
        }

    def _answers(self, near: wireguard.Interface) -> bool:
        interface = self.host.wireguard(self.site.now())
        addresses = interface.addresses if interface else ()
        return any(self.site.behind(near, str(own.ip)) is self.host for own in addresses)

    async def _ip(self, process: Process) -> int:
        words = [word for word in process.argv[1:] if not word.startswith("-")]
        private = self.host.machine.private_ip
        interface = self.host.wireguard(self.site.now())
        if words[:1] in (["route"], ["r"]):
            process.out(_ROUTE.format(private) + "\n")
            return process.out(
                f"{private.rpartition('.')[0]}.0/24 dev eth0 proto kernel scope link src {private}\n"
            )
        device = words[words.index("dev") + 1] if "dev" in words else words[2] if len(words) > 2 else ""
        known = {"eth0": f"{private}/24", **({"wg0": str(interface.addresses[0])} if interface else {})}
        if device and device not in known:
            return process.fail(f'Device "{device}" does not exist.')
        for number, (name, address) in enumerate(known.items(), start=2):
            if not device or name == device:
                process.out(
                    f"{number}: {name}    inet {address} scope global {name}\\       valid_lft forever\n"
                )
        return 0

    async def _curl(self, process: Process) -> int:
        """Downloads of k0s, and requests to the cluster's own API; nothing leaves this process."""
        found, rest = options(process, "sSLfkI", "ow", ("--connect-timeout", "--max-time"))
        url = rest[-1] if rest else ""
        if "/k0s-v" in url:
            return self.k0s.download(process, url, found.get("o"))
        status = self.k0s.http_status(url)
        if "w" in found:
            process.out(found["w"].replace("%{http_code}", f"{status:03}"))
        elif status:
            process.out(f"{status}\n")
        if not status:
            return process.fail(f"curl: (7) Failed to connect to {url}: Connection refused", 7)
        return 22 if "f" in found and status >= 400 else 0

    async def _systemctl(self, process: Process) -> int:
        return await systemd.systemctl(process, self.host, self.k0s, self.site.now())
