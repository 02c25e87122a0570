"""One VM deleted and made anew: whether that can be, what it means, and the mark that the next run acts on."""

from __future__ import annotations

import msgspec

from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, hosts
from k0rdent_azure.errors import UsageError
from k0rdent_azure.nearest import did_you_mean
from k0rdent_azure.phases import placement, vm_removal
from k0rdent_azure.state.model import State, VirtualMachine
from k0rdent_azure.state.transaction import Transaction


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """`goes` is what is lost with the old VM, `stays` what it leaves, `comes` what the new one has, each in words.

    `zone` is "" for none.
    """

    vm: str
    zone: str
    goes: list[str]
    comes: list[str]
    stays: list[str] = []
    new_keys: bool = False


def plan(
    config: Config, state: State, name: str, *, zone: str | None = None, new_keys: bool = False
) -> Replacement:
    """What replacing `name` would do; `zone` None keeps it where it is, and without `new_keys` it keeps its keys.

    Raises UsageError if there is no such VM or zone, or while another controller is being replaced.
    """
    vm = state.azure_resources.virtual_machines.get(name)
    host = next((each for each in hosts(config) if each.name == name), None)
    if vm is None or host is None:
        known = ", ".join(state.azure_resources.virtual_machines)
        others = f"there are: {known}" if known else "there are none yet: k0rdent-azure resume"
        raise UsageError(
            f"there is no VM {name[:80]!r} in this deployment",
            hint=did_you_mean(name, state.azure_resources.virtual_machines, otherwise=others),
        )
    _refuse_second(config, state, host)
    there = vm.availability_zone or ""
    chosen = there if zone is None else _zone(config, host, zone)
    return Replacement(
        vm=name,
        zone=chosen,
        goes=_goes(vm, name),
        comes=[
            f"VM {name}, {host.size}" + (f", zone {chosen}" if chosen else ""),
            f"private address {host.private_ip}, WireGuard address {host.wireguard_ip}, "
            + ("a new SSH host key and WireGuard key" if new_keys else "the same keys"),
            "a new public address",
        ],
        new_keys=new_keys,
    )


def mark(tx: Transaction, wanted: Replacement) -> None:
    """Record what is to be done; `run_phases` does it."""
    vm_removal.mark(tx, wanted.vm, why="to be replaced", new_keys=wanted.new_keys)
    tx.vm(wanted.vm).update(full_zones=[])
    if wanted.zone:
        tx.vm(wanted.vm).update(availability_zone=wanted.zone)
    tx.metadata.update(deployment_status="in_progress")
    phase = tx.state.metadata.deployment_phase
    where = f"in zone {wanted.zone}" if wanted.zone else "in the same place"
    tx.event(phase, "vm_replaced", f"it goes, and is made anew {where}", resource=wanted.vm)


def _goes(vm: VirtualMachine, name: str) -> list[str]:
    seen = (
        f"{vm.status} when it was last looked at, {vm.last_checked}" if vm.last_checked else "never looked at"
    )
    address = f"public address {vm.public_ip}" if vm.public_ip else "its public address"
    return [f"VM {name} ({seen}), with its disk and all on it", address]


def _zone(config: Config, host: Host, zone: str) -> str:
    known = placement.zones_of(config, host)
    if zone not in known:
        names = ", ".join(known) or "none"
        raise UsageError(
            f"zone {zone[:20]!r} is none of this deployment's for a {host.role}", hint=f"its zones: {names}"
        )
    return zone


def refuse_last(config: Config, name: str) -> None:
    """Raise UsageError if there are too few controllers for one of them ever to go: of two etcd can spare none."""
    count = config.cluster.controllers.count
    if count < 3:
        raise UsageError(
            f"{name} is one of {count} controllers: without it etcd loses its majority, and the cluster with it",
            hint="destroy and deploy, with three controllers or more",
        )


def _refuse_second(config: Config, state: State, host: Host) -> None:
    """Controllers go one at a time: two marks would be two members less at once."""
    vms = state.azure_resources.virtual_machines
    others = [each.name for each in hosts(config) if each.role == "controller" and each.name != host.name]
    going = [name for name in others if name in vms and vms[name].status == "deleting"]
    if host.role == "controller" and going:
        raise UsageError(
            f"{', '.join(going)} is being replaced, and controllers go one at a time",
            hint="finish that first: k0rdent-azure resume",
        )


def has_cluster(state: State) -> bool:
    """Whether the state knows of a cluster that could be lost."""
    return state.k0s_cluster is not None and state.k0s_cluster.status != "not_deployed"
