"""A rehearsal world whose machines a test places itself, with the jump host in front of them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import yaml
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from k0rdent_azure.rehearsal.hosts.gateway import Gateway, open_gateway
from k0rdent_azure.rehearsal.world import Machine, SshEndpoint, World

ADMIN = "k0rdent"
PORT = 51820


def wireguard_pair() -> tuple[str, str]:
    """(private, public), as `wg genkey` and `wg pubkey` print them."""
    key = X25519PrivateKey.generate()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def rule(protocol: str, port: int, *, access: str = "Allow", priority: int = 100) -> dict[str, object]:
    return {
        "name": f"{access}{port}", "group": "nsg", "priority": priority, "direction": "Inbound", "access": access,
        "protocol": protocol, "sourceAddressPrefix": "*", "destinationPortRange": str(port),
    }  # fmt: skip


class Stage(World):
    """`World` with hand-placed machines; `later` moves the cloud's clock on, `stand_still` lets nothing else do so."""

    def __init__(self, directory: Path, *, speed: float = 60.0, seed: int = 7) -> None:
        self.offset = 0.0
        self._still: float | None = None
        super().__init__(directory, seed=seed, speed=speed, real=self._real)
        self.machines: list[Machine] = []
        self.laptop_private, self.laptop_public = wireguard_pair()
        self.client = asyncssh.generate_private_key("ssh-ed25519")
        self.client_path = directory / "admin_key"
        self.client.write_private_key(self.client_path)
        self.client_path.chmod(0o600)
        self.secrets: dict[str, tuple[str, str]] = {}
        self.host_keys: dict[str, str] = {}

    def _real(self) -> float:
        return (time.time() if self._still is None else self._still) + self.offset

    def stand_still(self) -> None:
        """From now on the clock moves by `later` alone: what is seen early is early on a busy machine, too."""
        self._still = time.time()

    def later(self, cloud_seconds: float) -> None:
        self.offset += cloud_seconds / self.clock.speed

    def vms(self) -> list[Machine]:
        return list(self.machines)

    def add(
        self, name: str, *, size: str = "Standard_D2pls_v6", booted: float = 0.0, done: float = 0.0
    ) -> Machine:
        """A machine that boots `booted` and has finished cloud-init `done` cloud seconds from now."""
        number = 11 + len(self.machines)
        machine = Machine(
            id=f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{name}",
            vm_id=f"{name}-1", name=name, group="g", location="southeastasia", size=size, zone="2",
            image="Debian:debian-12:12-arm64:latest", admin_username=ADMIN,
            authorized_keys=[self.client.export_public_key().decode().strip()],
            custom_data=self.user_data(name, number), private_ip=f"10.240.1.{number}",
            public_ip=f"20.198.5.{number}", fqdn=f"{name}.southeastasia.cloudapp.azure.com",
            created_at=self.clock.now(), booted_at=self.clock.now() + booted,
            cloud_init_done_at=self.clock.now() + done, power="running",
            nsg_rules=[rule("Tcp", 22), rule("Udp", PORT, priority=110)],
        )  # fmt: skip
        self.machines.append(machine)
        return machine

    def change(self, name: str, **values: object) -> None:
        self.machines = [replace(m, **values) if m.name == name else m for m in self.machines]  # type: ignore[arg-type]

    def user_data(self, name: str, number: int) -> str:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_keys[name] = key.export_public_key().decode().strip()
        self.secrets[name] = wireguard_pair()
        config = (
            f"[Interface]\nPrivateKey = {self.secrets[name][0]}\nAddress = 172.24.24.{number}/32\n"
            f"ListenPort = {PORT}\n\n"
            f"[Peer]\nPublicKey = {self.laptop_public}\nAllowedIPs = 172.24.24.1/32\n"
        )
        document = {
            "hostname": name,
            "ssh_deletekeys": True,
            "ssh_keys": {
                "ed25519_private": key.export_private_key().decode(),
                "ed25519_public": self.host_keys[name],
            },
            "packages": ["wireguard"],
            "write_files": [{"path": "/etc/wireguard/wg0.conf", "permissions": "0600", "content": config}],
            "runcmd": [["systemctl", "enable", "--now", "wg-quick@wg0"]],
        }
        return "#cloud-config\n" + yaml.safe_dump(document)

    def laptop_config(self, *, private: str | None = None) -> str:
        text = f"[Interface]\nPrivateKey = {private or self.laptop_private}\nAddress = 172.24.24.1/24\n"
        for machine in self.machines:
            last = machine.private_ip.rpartition(".")[2]
            text += (
                f"\n[Peer]\nPublicKey = {self.secrets[machine.name][1]}\nAllowedIPs = 172.24.24.{last}/32\n"
                f"Endpoint = {machine.public_ip}:{PORT}\nPersistentKeepalive = 25\n"
            )
        return text


@dataclass
class Front:
    """The open jump host and a client connection to it."""

    stage: Stage
    gateway: Gateway
    endpoint: SshEndpoint
    jump: asyncssh.SSHClientConnection

    async def laptop(self, command: str, *, stdin: str = "") -> asyncssh.SSHCompletedProcess:
        return await self.jump.run(command, input=stdin)

    async def login(self, address: str, name: str) -> asyncssh.SSHClientConnection:
        """Logs in as the admin; the host key must be the one of machine `name`."""
        known = asyncssh.import_known_hosts(f"{address} {self.stage.host_keys[name]}\n")
        return await self.jump.connect_ssh(
            address, username=ADMIN, client_keys=[self.stage.client], known_hosts=known
        )

    async def on(self, name: str, command: str, *, stdin: str = "") -> asyncssh.SSHCompletedProcess:
        machine = next(machine for machine in self.stage.machines if machine.name == name)
        connection = await self.login(str(machine.public_ip), name)
        try:
            return await connection.run(command, input=stdin)
        finally:
            connection.close()
            await connection.wait_closed()

    async def vpn_up(self, *, private: str | None = None) -> asyncssh.SSHCompletedProcess:
        text = self.stage.laptop_config(private=private)
        await self.laptop("sudo -n install -D -m 0600 /dev/stdin /etc/wireguard/wgk0.conf", stdin=text)
        return await self.laptop("sudo -n wg-quick up wgk0")

    async def handshakes(self) -> dict[str, int]:
        """Public key → handshake of the laptop's peers."""
        dump = str((await self.laptop("sudo -n wg show wgk0 dump")).stdout)
        return {line.split("\t")[0]: int(line.split("\t")[4]) for line in dump.splitlines()[1:]}


@asynccontextmanager
async def front(stage: Stage, directory: Path) -> AsyncIterator[Front]:
    gateway, endpoint = await open_gateway(stage, directory)
    try:
        known = asyncssh.import_known_hosts(f"[{endpoint.host}]:{endpoint.port} {endpoint.host_key}\n")
        async with asyncssh.connect(
            endpoint.host, endpoint.port, username=endpoint.username, client_keys=[str(endpoint.key_path)],
            known_hosts=known, config=None,
        ) as jump:  # fmt: skip
            yield Front(stage, gateway, endpoint, jump)
    finally:
        await gateway.close()


def load(text: str | bytes | None) -> dict[str, object]:
    document = json.loads(text or "")
    assert isinstance(document, dict)
    return document
