"""What follows from a configuration: names of all resources, and the hosts with role, zone and addresses.

Names are the ancestor's (VM name = hostname; `az` adds `VMNic` and `PublicIP`), and deterministic, so that
a deployment can be found again by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from k0rdent_azure.config.model import Config

Role = Literal["controller", "worker"]

#: The workstation's name among the WireGuard peers, as in the plan.
LAPTOP = "mylaptop"
#: Hosts get the addresses from `.11` on, in both networks: Azure keeps .0 to .3, the laptop is `.1`.
FIRST_HOST = 11


class Names(msgspec.Struct, frozen=True):
    """The Azure names of one deployment, all from `deployment_id` (`k0rdent-5b8hxhz5`)."""

    deployment_id: str
    #: An existing group that the user named, or None.
    existing_group: str | None = None

    @property
    def resource_group(self) -> str:
        return self.existing_group or f"{self.deployment_id}-resgrp"

    @property
    def vnet(self) -> str:
        return f"{self.deployment_id}-vnet"

    @property
    def subnet(self) -> str:
        return f"{self.deployment_id}-subnet"

    @property
    def nsg(self) -> str:
        return f"{self.deployment_id}-nsg"

    @property
    def ssh_key(self) -> str:
        return f"{self.deployment_id}-admin"

    @property
    def ssh_key_file(self) -> str:
        """The private key, relative to the workspace."""
        return f"./azure-resources/{self.deployment_id}-ssh-key"

    @property
    def deployment(self) -> str:
        """The ARM deployment record, the same for every attempt, so that a re-PUT adopts."""
        return self.deployment_id

    @property
    def suffix(self) -> str:
        """What follows `k0rdent-` (the ancestor's project suffix)."""
        return self.deployment_id.removeprefix("k0rdent-")

    @property
    def wireguard_interface(self) -> str:
        """At most 15 characters, which is what Linux allows an interface name."""
        return f"wgk0{self.suffix}"[:15]

    def nic(self, vm: str) -> str:
        return f"{vm}VMNic"

    def public_ip(self, vm: str) -> str:
        return f"{vm}PublicIP"

    def os_disk(self, vm: str) -> str:
        return f"{vm}OsDisk"

    def dns_label(self, vm: str) -> str:
        """Unique in the region, because the deployment id is random; at most 63 characters."""
        return f"{self.deployment_id}-{vm}"


class Host(msgspec.Struct, frozen=True, omit_defaults=True):
    """One VM to be: `zone` is "" where the pool names none; addresses are static and known beforehand.

    `os_disk` is the name of its disk where it is not the usual one, because an earlier disk of that name was kept.
    """

    name: str
    role: Role
    size: str
    zone: str
    private_ip: str
    wireguard_ip: str
    os_disk: str = ""


def hosts(config: Config) -> list[Host]:
    """All VMs, controllers first, then workers; zones cycle within a role."""
    import ipaddress

    subnet = ipaddress.ip_network(config.network.subnet_prefix)
    wireguard = ipaddress.ip_network(config.network.wireguard_network)
    found: list[Host] = []
    for role, pool, size in (
        ("controller", config.cluster.controllers, config.vm_sizing.controller.size),
        ("worker", config.cluster.workers, config.vm_sizing.worker.size),
    ):
        for index in range(pool.count):
            offset = FIRST_HOST + len(found)
            found.append(
                Host(
                    name=host_name(role, index),  # type: ignore[arg-type]
                    role=role,  # type: ignore[arg-type]
                    size=size,
                    zone=str(pool.zones[index % len(pool.zones)]) if pool.zones else "",
                    private_ip=str(subnet[offset]),
                    wireguard_ip=str(wireguard[offset]),
                )
            )
    return found


def host_name(role: Role, index: int) -> str:
    """`k0s-controller`, `k0s-controller-2`, …, `k0s-worker-1`, …: the ancestor's names; index from 0."""
    if role == "controller":
        return "k0s-controller" if index == 0 else f"k0s-controller-{index + 1}"
    return f"k0s-worker-{index + 1}"


def laptop_ip(config: Config) -> str:
    """The workstation's address in the WireGuard network: its first host."""
    import ipaddress

    return str(ipaddress.ip_network(config.network.wireguard_network)[1])


def k0s_role(config: Config, host: Host) -> str:
    """The k0sctl role. Without workers the controllers carry the workload: `single` or `controller+worker`."""
    if host.role == "worker":
        return "worker"
    if config.cluster.workers.count:
        return "controller"
    return "single" if config.cluster.controllers.count == 1 else "controller+worker"
