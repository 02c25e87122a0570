"""What a state says exists: the things outside that somebody would have to remove, or miss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from k0rdent_azure.state.model import AzureResources, State, VirtualMachine

#: Statuses of what does not exist (yet, or any more). All others may exist: `creating`, `failed`, `deleting`, …
_ABSENT = frozenset({"pending", "deleted", "not_deployed", "not_installed"})


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One thing. `id` is its ARM id, or the public key of a WireGuard peer; None where it was never recorded."""

    kind: str
    name: str
    id: str | None = None


def resources(state: State) -> list[Resource]:
    """Everything that exists according to `state`."""
    return [*_azure(state.azure_resources), *_hosts(state)]


def only_in(one: State, other: State) -> list[Resource]:
    """What exists according to `one` and not to `other`; a VM with what it takes along.

    An id that one of them has not recorded (yet) tells nothing.
    """
    there = {(each.kind, each.name): each for each in resources(other)}
    found: list[Resource] = []
    for each in resources(one):
        twin = there.get((each.kind, each.name))
        if twin is not None and _may_be_one(each, twin):
            continue
        found.append(each)
        if each.kind == "vm":
            found += _parts(one.azure_resources.virtual_machines[each.name])
    return found


def _may_be_one(one: Resource, other: Resource) -> bool:
    if one.id is None or other.id is None or one.id == other.id:
        return True
    # ARM ids are compared without regard to case; Azure itself does not always return the case that it was sent.
    return one.id.startswith("/") and one.id.lower() == other.id.lower()


def _parts(vm: VirtualMachine) -> Iterator[Resource]:
    for kind, part in (("network interface", vm.nic_id), ("public address", vm.public_ip_id)):
        if part is not None:
            yield Resource(kind=kind, name=part.rpartition("/")[2], id=part)


def _azure(azure: AzureResources) -> Iterator[Resource]:
    group, key, deployment = azure.resource_group, azure.ssh_key, azure.deployment
    if group is not None and group.status not in _ABSENT:
        yield Resource(kind="resource group", name=group.name, id=group.id)
    if azure.network is not None:
        network = azure.network
        for kind, part in (("vnet", network.vnet), ("subnet", network.subnet), ("nsg", network.nsg)):
            if part.status not in _ABSENT:
                yield Resource(kind=kind, name=part.name, id=part.id)
    if key is not None and key.status not in _ABSENT:
        yield Resource(kind="ssh key", name=key.name, id=key.id)
    if deployment is not None:
        yield Resource(kind="template deployment", name=deployment.name, id=deployment.id)
    for name, vm in azure.virtual_machines.items():
        if vm.status not in _ABSENT:
            yield Resource(kind="vm", name=name, id=vm.id)


def _hosts(state: State) -> Iterator[Resource]:
    for name, peer in (state.wireguard.peers if state.wireguard else {}).items():
        if peer.config_status not in _ABSENT:
            yield Resource(kind="wireguard peer", name=name, id=peer.public_key)
    cluster = state.k0s_cluster
    for name, node in (cluster.controllers | cluster.workers if cluster else {}).items():
        if node.k0s_status not in _ABSENT:
            yield Resource(kind="k0s node", name=name)
    if state.k0rdent is not None and state.k0rdent.status not in _ABSENT:
        yield Resource(kind="helm release", name=state.k0rdent.helm_release)
