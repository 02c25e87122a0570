"""All simulated hosts of one rehearsal cloud, and who reaches whom.

Reachability is decided here and nowhere else: a public address or name answers once the VM has booted and
its network security group lets the port in; a private address never answers from outside; a WireGuard
address answers while the laptop's interface and the machine's wg0 have a handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from k0rdent_azure.rehearsal.arm import changes
from k0rdent_azure.rehearsal.hosts import wireguard
from k0rdent_azure.rehearsal.hosts.host import Host
from k0rdent_azure.rehearsal.hosts.kubernetes import Cluster, load_clusters
from k0rdent_azure.rehearsal.world import Machine, World

WORKSTATION = "203.0.113.24"  # the laptop's public address, as the hosts see it (RFC 5737)
REFRESH = 0.2  # real seconds for which the list of machines is good


class Site:
    """Hosts and clusters, in step with the world. `tunnels` gives the laptop's WireGuard interfaces."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.directory = directory
        self._hosts: dict[str, Host] = {}
        self.tunnels: Callable[[], list[wireguard.Interface]] = list
        self._current: list[Host] | None = None
        self._refreshed = 0.0
        self.clusters: dict[str, Cluster] = load_clusters(directory / "clusters")

    def now(self) -> float:
        """Cloud seconds."""
        return self.world.clock.now()

    @property
    def speed(self) -> float:
        """Cloud seconds in a real second."""
        return self.world.clock.speed

    def draw(self, name: str, purpose: str, low: float, high: float) -> float:
        """A duration that depends on the seed and the names only."""
        return self.world.draw(low, high, purpose, name)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits, looking once a cloud second but not more often than twenty times a real one."""
        while True:
            if condition():
                return
            await asyncio.sleep(max(0.05, 1 / self.speed))

    def hosts(self) -> list[Host]:
        """Every machine that ARM knows; hosts of deleted VMs are forgotten."""
        now = self.now()
        if self._current is None or not 0 <= now - self._refreshed < REFRESH * self.speed:
            self._refreshed, self._current = now, self._refresh()
        return self._current

    def _refresh(self) -> list[Host]:
        changes.apply(self.world)
        machines = self.world.vms()
        present = {machine.vm_id for machine in machines}
        gone = [key for key in self._hosts if key not in present]
        for key in gone:
            self._hosts.pop(key).path.unlink(missing_ok=True)
        hosts = [self._host(machine) for machine in machines]
        if gone or self._current is None:
            self._forget_clusters(hosts)
        return hosts

    def _forget_clusters(self, hosts: list[Host]) -> None:
        """Clusters that no machine belongs to any more."""
        joined = {host.state.node.cluster for host in hosts if host.state.node is not None}
        for identifier in [identifier for identifier in self.clusters if identifier not in joined]:
            self.clusters.pop(identifier).remove()

    def _host(self, machine: Machine) -> Host:
        host = self._hosts.get(machine.vm_id)
        if host is None:
            path = self.directory / "hosts" / machine.group.lower() / f"{machine.name}.json"
            host = self._hosts[machine.vm_id] = Host(machine, path)
        host.machine = machine
        return host

    def at_private(self, address: str) -> Host | None:
        """Who has this address inside the virtual network."""
        return next((host for host in self.hosts() if host.machine.private_ip == address), None)

    def at_public(self, address: str, port: int) -> Host | None:
        """Who answers TCP at a public address or name, from the internet."""
        wanted = address.lower().rstrip(".")
        for host in self.hosts():
            names = {host.machine.public_ip, (host.machine.fqdn or "").lower()}
            if wanted in names and host.running(self.now()) and admits(host.machine, "Tcp", port):
                return host
        return None

    def behind(self, interface: wireguard.Interface, address: str) -> Host | None:
        """Who answers at `address` through the tunnel of `interface`."""
        return next((host for host in self.hosts() if self._linked(interface, host, address)), None)

    def linked_since(
        self, interface: wireguard.Interface, peer: wireguard.Peer, up_at: float
    ) -> float | None:
        """The cloud second of the first handshake with `peer`, or None while there is none."""
        for network in peer.allowed_ips:
            host = self.behind(interface, str(network.network_address))
            if host is not None:
                return max(up_at, host.machine.cloud_init_done_at)
        return None

    def _linked(self, interface: wireguard.Interface, host: Host, address: str) -> bool:
        far = host.wireguard(self.now())
        if far is None or not far.holds(address) or not admits(host.machine, "Udp", far.listen_port):
            return False
        names = {host.machine.public_ip, host.machine.fqdn} - {None}
        reachable = frozenset(f"{name}:{far.listen_port}" for name in names)
        return wireguard.linked(interface, far, address=address, reachable=reachable)


def admits(machine: Machine, protocol: Literal["Tcp", "Udp"], port: int) -> bool:
    """Whether the workstation gets in. It is wherever its user says, so inside every source that a rule names."""
    named = {
        str(prefix).partition("/")[0]
        for rule in machine.nsg_rules
        for prefix in [rule.get("sourceAddressPrefix"), *_sequence(rule.get("sourceAddressPrefixes"))]
    }
    addresses = {WORKSTATION} | {text for text in named if text[:1].isdigit()}
    return any(machine.admits(protocol, port, source=address) for address in addresses)


def _sequence(value: object) -> list[object]:
    return value if isinstance(value, list) else []
