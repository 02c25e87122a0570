"""What a deployment would do, as values: the resources, the phases, the ARM requests. Asks nobody anything."""

from __future__ import annotations

import msgspec

from k0rdent_azure.azure.template import Template, build
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.phases.schedule import Schedule, creation
from k0rdent_azure.state.model import PHASE_NAMES, Durations

WHAT_PHASES_DO = {
    "preparation": "generate SSH, WireGuard and host keys, once",
    "azure_setup": "send one template deployment with everything to ARM",
    "vm_creation": "watch every VM over SSH until its cloud-init is done; ask ARM for the verdict",
    "vpn_setup": "bring WireGuard up on the workstation and see a handshake with every VM",
    "cluster_setup": "run k0sctl over the VPN and fetch the kubeconfig",
    "k0rdent_install": "install the kcm chart through k0s and wait for the Management object",
    "complete": "record that all is done",
}


class PlannedResource(msgspec.Struct, frozen=True):
    """One Azure resource; `detail` is what tells it from its siblings (size and zone, address, prefix)."""

    type: str
    name: str
    detail: str


class PlannedPhase(msgspec.Struct, frozen=True):
    """`done`: the state says that it was completed; a run looks again and skips what still holds."""

    name: str
    what: str
    done: bool


class Plan(msgspec.Struct, frozen=True):
    """`arm_requests` is the expected count of a clean run, by phase: [fewest, most]."""

    deployment_id: str
    cloud: str
    location: str
    scope: str
    resources: list[PlannedResource]
    phases: list[PlannedPhase]
    arm_requests: dict[str, tuple[int, int]]
    arm_schedule: Schedule


def plan(config: Config, names: Names, completed: frozenset[str], known: Durations) -> Plan:
    """What `deploy` would do for `config`, given the phases that are completed already and earlier durations."""
    schedule = creation(known)
    scope = "group" if names.existing_group else "subscription"
    return Plan(
        deployment_id=names.deployment_id,
        cloud=config.azure.cloud,
        location=config.azure.location,
        scope=scope,
        resources=_resources(config, names),
        phases=[PlannedPhase(name, WHAT_PHASES_DO[name], name in completed) for name in PHASE_NAMES],
        arm_requests=_requests(completed, schedule),
        arm_schedule=schedule,
    )


def template(config: Config, names: Names, ssh_public_key: str) -> Template:
    """The ARM template as deploy would send it; the secret parameters are not part of it."""
    return build(
        config,
        names,
        hosts(config),
        ssh_public_key=ssh_public_key,
        admin_username=config.ssh.username,
    )


def _resources(config: Config, names: Names) -> list[PlannedResource]:
    found = []
    if names.existing_group is None:
        found.append(PlannedResource("resource group", names.resource_group, config.azure.location))
    found += [
        PlannedResource("virtual network", names.vnet, config.network.vnet_prefix),
        PlannedResource("subnet", names.subnet, config.network.subnet_prefix),
        PlannedResource(
            "network security group",
            names.nsg,
            f"SSH from {', '.join(config.network.allowed_ssh_sources)}; "
            f"WireGuard UDP {config.network.wireguard_port}",
        ),
        PlannedResource("SSH public key", names.ssh_key, config.ssh.username),
    ]
    spot = ", Spot" if config.azure.vm_priority == "Spot" else ""
    for host in hosts(config):
        zone = f", zone {host.zone}" if host.zone else ""
        found += [
            PlannedResource("public address", names.public_ip(host.name), names.dns_label(host.name)),
            PlannedResource("network interface", names.nic(host.name), host.private_ip),
            PlannedResource("virtual machine", host.name, f"{host.size}{zone}{spot}"),
        ]
    return found


def _requests(completed: frozenset[str], schedule: Schedule) -> dict[str, tuple[int, int]]:
    """Hosts are watched, not the API, so the number of VMs plays no part."""
    expected: dict[str, tuple[int, int]] = {}
    if "azure_setup" not in completed:
        expected["azure_setup"] = (1, 1)
    if "vm_creation" not in completed:
        expected["vm_creation"] = (1, 1 + schedule.due(schedule.late))
    return expected
