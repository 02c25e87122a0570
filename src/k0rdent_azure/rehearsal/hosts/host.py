"""One simulated machine's software: its files, its services and its k0s, kept in `hosts/NAME.json`.

The file is replaced atomically after each command that changed something, so a host outlives the process
that plays it. It belongs to one VM (by `vm_id`): a VM made anew under the same name starts empty.
"""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import asyncssh

from k0rdent_azure.rehearsal.hosts import cloud_init, wireguard
from k0rdent_azure.rehearsal.hosts.files import File, Files
from k0rdent_azure.rehearsal.world import Machine

WIREGUARD_CONFIG = "/etc/wireguard/wg0.conf"
WIREGUARD_UNIT = "wg-quick@wg0"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
UNIT_FOLDER = "/etc/systemd/system"


@dataclass
class Node:
    """A k0s installation. Times are cloud seconds; `cluster` is set once it has joined one."""

    service: str
    arguments: list[str]
    version: str
    cluster: str | None = None
    started_at: float | None = None
    ready_at: float | None = None

    @property
    def controller(self) -> bool:
        return self.service == "k0scontroller"

    @property
    def schedulable(self) -> bool:
        """Whether it shows in `kubectl get nodes`."""
        flags = {"--single", "--single=true", "--enable-worker", "--enable-worker=true"}
        return not self.controller or bool(flags & set(self.arguments))

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`."""
        prefix = f"--{name}="
        return next((word[len(prefix) :] for word in self.arguments if word.startswith(prefix)), None)


@dataclass
class HostState:
    """What is stored beside the files."""

    identity: str
    host_key: str = field(repr=False)
    machine_id: str
    stopped: list[str] = field(default_factory=list)
    node: Node | None = None


class Host:
    """The living machine: ARM's facts (`machine`), cloud-init's doing, and its own state."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.path = path
        self.files = Files()
        self.state = self._load() or self._create()

    @property
    def name(self) -> str:
        return self.machine.name

    @property
    def identity(self) -> str:
        """Which VM this is: one made anew under an old name has another."""
        return self.machine.vm_id

    @property
    def hostname(self) -> str:
        return self.config.hostname or self.machine.name

    @cached_property
    def config(self) -> cloud_init.CloudConfig:
        return cloud_init.parse(self.machine.custom_data)

    @property
    def architecture(self) -> str:
        """`aarch64` or `x86_64`, from the VM size: Azure marks ARM sizes with a `p` after the number.

        Source: learn.microsoft.com/azure/virtual-machines/vm-naming-conventions.
        """
        match = re.match(r"(?:Standard|Basic)_[A-Za-z]+[0-9]+(?:-[0-9]+)?([a-z]*)", self.machine.size)
        return "aarch64" if match and "p" in match[1] else "x86_64"

    def running(self, now: float) -> bool:
        """Whether sshd answers: the VM is on and has booted."""
        return self.machine.power == "running" and now >= self.machine.booted_at

    def cloud_init_done(self, now: float) -> bool:
        return self.running(now) and now >= self.machine.cloud_init_done_at

    def wireguard(self, now: float) -> wireguard.Interface | None:
        """wg0 while it is up, as its file (not the custom data) says now."""
        if not self.cloud_init_done(now) or not self.config.starts(WIREGUARD_UNIT):
            return None
        entry = self.files.get(WIREGUARD_CONFIG)
        if entry is None or WIREGUARD_UNIT in self.state.stopped or "wireguard" not in self.config.packages:
            return None
        try:
            return wireguard.parse((entry.content or b"").decode("utf-8", "replace"))
        except wireguard.WireGuardError:
            return None

    def node_running(self, now: float) -> bool:
        node = self.state.node
        return node is not None and node.started_at is not None and self.running(now)

    def node_ready(self, now: float) -> bool:
        """Whether k0s serves; after a reboot it needs half a minute again."""
        node = self.state.node
        if node is None or node.ready_at is None or not self.node_running(now):
            return False
        rebooted = node.started_at is not None and self.machine.booted_at > node.started_at
        return now >= (max(node.ready_at, self.machine.booted_at + 30) if rebooted else node.ready_at)

    def save(self) -> None:
        """Replaces the file; readable by the owner only, since tokens and keys are in it."""
        document = {
            "state": asdict(self.state),
            "files": {
                path: {
                    "content": None if entry.content is None else base64.b64encode(entry.content).decode(),
                    "mode": entry.mode,
                    "owner": entry.owner,
                    "modified": entry.modified,
                }
                for path, entry in self.files.entries.items()
            },
        }
        write_private(self.path, json.dumps(document))
        self.files.changed = False

    def _load(self) -> HostState | None:
        try:
            document = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        state = document["state"]
        if state["identity"] != self.identity:
            return None
        for path, entry in document["files"].items():
            content = None if entry["content"] is None else base64.b64decode(entry["content"])
            self.files.entries[path] = File(content, entry["mode"], entry["owner"], entry["modified"])
        node = Node(**state.pop("node")) if state["node"] else state.pop("node")
        return HostState(**state, node=node)

    def _create(self) -> HostState:
        key = (
            self.config.host_key or asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        )
        self._first_boot(key)
        self.state = HostState(self.identity, key, os.urandom(16).hex())
        self.files.write("/etc/machine-id", f"{self.state.machine_id}\n".encode(), user="root")
        self.save()
        return self.state

    def _first_boot(self, host_key: str) -> None:
        user = self.machine.admin_username
        self.files.make_directory(f"/home/{user}", user="root")
        self.files.change(f"/home/{user}", user="root", owner=user)
        self.files.write("/etc/hostname", f"{self.hostname}\n".encode(), user="root")
        self.files.write("/etc/os-release", _OS_RELEASE.encode(), user="root")
        self.files.write("/etc/environment", b"", user="root")
        self.files.write("/proc/1/cgroup", b"0::/init.scope\n", user="root")
        # cloud-init keeps what it was given, and writes the host key that is in it as it stands.
        data = self.machine.custom_data.encode()
        for folder in ("/var/lib/cloud/instance", "/etc/ssh"):
            self.files.make_directory(folder, user="root")
        self.files.write("/var/lib/cloud/instance/user-data.txt", data, user="root", mode=0o600)
        self.files.write(HOST_KEY, host_key.encode(), user="root", mode=0o600)
        self.files.write(f"{HOST_KEY}.pub", self._public_key(host_key).encode(), user="root")
        for written in self.config.files:
            folder = written.path.rpartition("/")[0]
            self.files.make_directory(folder or "/", user="root")
            self.files.write(written.path, written.content, user="root", mode=written.mode)

    def _public_key(self, host_key: str) -> str:
        if self.config.host_public_key is not None:
            return self.config.host_public_key
        key = asyncssh.import_private_key(host_key)
        return f"{key.export_public_key().decode().strip()} root@{self.hostname}\n"


def write_private(path: Path, text: str) -> None:
    """Replaces a 0600 file at once; readers see the old text or the new."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)


_OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""
