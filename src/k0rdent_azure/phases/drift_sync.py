"""Writes what there is into the state: conditions, sizes and addresses, never what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

import msgspec

from k0rdent_azure.azure.drift import Found
from k0rdent_azure.azure.drift_facts import (
    ADDRESS,
    NETWORK,
    SECURITY_GROUP,
    SSH_KEY,
    SUBNET,
    VM,
    ResourceFacts,
)
from k0rdent_azure.azure.drift_values import NOTHING
from k0rdent_azure.azure.inventory import AddressView, VmStatusView, group_id
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.topology import Names
from k0rdent_azure.phases.refresh import news_of
from k0rdent_azure.state.changes import VmChanges
from k0rdent_azure.state.model import ResourceStatus, State, VirtualMachine
from k0rdent_azure.state.transaction import Transaction

_MADE = frozenset({"created", "deleted"})
#: How the status of what VMs share is written, by its place below `azure_resources`.
_SET_STATUS: dict[str, Callable[[Transaction, ResourceStatus], None]] = {
    "resource_group": lambda tx, status: tx.resource_group.update(status=status),
    "network.vnet": lambda tx, status: tx.vnet.update(status=status),
    "network.subnet": lambda tx, status: tx.subnet.update(status=status),
    "network.nsg": lambda tx, status: tx.nsg.update(status=status),
    "ssh_key": lambda tx, status: tx.ssh_key.update(status=status),
}


class StateChange(msgspec.Struct, frozen=True):
    """One value of the state that is another one in reality: its place, the resource it is of, both values.

    `write` puts all that is to be said of that resource into a transaction.
    """

    path: str
    resource: str
    old: str | None
    new: str
    write: Callable[[Transaction], None]


def changes(names: Names, state: State, found: Found) -> list[StateChange]:
    """What the state says otherwise than it is; nothing about what could not be read."""
    return [*_shared(names, state, found), *_vms(state, found)]


def record(tx: Transaction, wanted: Sequence[StateChange], found: Found, *, now: str) -> None:
    """Put all of it into one transaction, with one event for each resource, and the time of the look."""
    for resource, group in groupby(wanted, key=lambda each: each.resource):
        mine = list(group)
        for each in mine:
            each.write(tx)
        said = ", ".join(
            f"{each.path.rpartition('.')[2]} {each.old or 'unknown'} -> {each.new}" for each in mine
        )
        tx.event(tx.state.metadata.deployment_phase, "drift_synced", said, resource=resource)
    for name, vm in tx.state.azure_resources.virtual_machines.items():
        there = _there(found, name, vm)
        # Whether it runs is what the look is for: without a power state it was not looked at.
        if found.knows(VM) and (there is None or _view(there).power_state):
            tx.vm(name).update(last_checked=now)


def _shared(names: Names, state: State, found: Found) -> Iterator[StateChange]:
    azure, scope = state.azure_resources, _scope(names, state)
    if azure.resource_group is not None and azure.resource_group.owned:
        yield from _status("resource_group", names.resource_group, azure.resource_group.status, found.exists)
    parts = []
    if azure.network is not None:
        parts = [
            ("network.vnet", NETWORK, names.vnet, azure.network.vnet.status),
            ("network.subnet", SUBNET, f"{names.vnet}/subnets/{names.subnet}", azure.network.subnet.status),
            ("network.nsg", SECURITY_GROUP, names.nsg, azure.network.nsg.status),
        ]
    if azure.ssh_key is not None:
        parts.append(("ssh_key", SSH_KEY, names.ssh_key, azure.ssh_key.status))
    for path, type_, name, status in parts:
        if found.knows(type_) or not found.exists:
            top = type_ if type_ != SUBNET else NETWORK
            there = f"{scope}/providers/{top}/{name}".lower() in found.resources
            yield from _status(path, resource_ids.name(name), status, there)


def _status(path: str, name: str, status: str, is_there: bool) -> Iterator[StateChange]:
    new: ResourceStatus = "created" if is_there else "deleted"
    # What a run has still to make, or to look at, is that run's to say.
    if status in _MADE and status != new:
        write = _SET_STATUS[path]
        yield StateChange(f"azure_resources.{path}.status", name, status, new, lambda tx: write(tx, new))


def _vms(state: State, found: Found) -> Iterator[StateChange]:
    if found.exists and not found.knows(VM):
        return
    for name, vm in state.azure_resources.virtual_machines.items():
        there = _there(found, name, vm)
        news = news_of(vm, _view(there) if there else None, _address(name, found))
        size = there.fields.get("size", NOTHING) if there else NOTHING
        if size.text and size.key != vm.vm_size.lower():
            news["vm_size"] = size.text
        for field, new in news.items():
            path = f"azure_resources.virtual_machines.{name}.{field}"
            yield StateChange(path, name, getattr(vm, field), str(new), partial(_update_vm, name, news))


def _there(found: Found, name: str, vm: VirtualMachine) -> ResourceFacts | None:
    vms = (each for each in found.resources.values() if each.type.lower() == VM.lower())
    return next((each for each in vms if _is(each, name, vm)), None)


def _update_vm(name: str, news: VmChanges, tx: Transaction) -> None:
    tx.vm(name).update(**news)


def _is(each: ResourceFacts, name: str, vm: VirtualMachine) -> bool:
    return each.key == resource_ids.key(vm.id) if vm.id else each.name.lower() == name.lower()


def _view(there: ResourceFacts) -> VmStatusView:
    power = there.fields.get("power_state", NOTHING).key
    state = there.fields.get("provisioning_state", NOTHING).text
    return VmStatusView(there.id, state, f"VM {power}" if power else "")


def _address(name: str, found: Found) -> AddressView | None:
    for each in found.resources.values():
        if each.type.lower() == ADDRESS.lower() and each.host == name:
            return AddressView(each.name, each.id, each.fields.get("address", NOTHING).text, "")
    return None


def _scope(names: Names, state: State) -> str:
    return group_id(state.azure_resources.subscription_id or "", names.resource_group)
