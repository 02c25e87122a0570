"""What somebody else made in the group, through the same providers as everybody's.

Names prove nothing: a stranger may have any name that is free, one of ours included, and any tags.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import actors, storage
from k0rdent_azure.rehearsal.arm.compute import DISKS, SSH_KEYS, VIRTUAL_MACHINES, draw_public_key
from k0rdent_azure.rehearsal.arm.network import (
    INTERFACES,
    NETWORKS,
    PUBLIC_ADDRESSES,
    SECURITY_GROUPS,
    mapping,
    objects,
    reference_id,
)
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.arm.providers import provision
from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.records import Boot, Group, Json, Resource, Transition
from k0rdent_azure.rehearsal.world import World

_USER = "somebody"
#: The types of which `make` can make one.
TYPES = (
    VIRTUAL_MACHINES,
    DISKS,
    INTERFACES,
    PUBLIC_ADDRESSES,
    NETWORKS,
    SECURITY_GROUPS,
    SSH_KEYS,
    storage.ACCOUNTS,
)


def make_vm(
    world: World, *, name: str, group: str | None = None, tags: Mapping[str, str] | None = None
) -> bool:
    """A running VM of the size and image of one that is there, in its network, without an address.

    False while there is none to go by, and while the name is in use.
    """
    model = next(world.resources(type_=VIRTUAL_MACHINES, group=group), None)
    network = next(world.resources(type_=NETWORKS, group=model.group), None) if model else None
    if model is None or network is None or network.ready_at > world.clock.now():
        return False
    if world.planned(_id(world, model.group, VIRTUAL_MACHINES, name)) is not None:
        return False
    plan = _plan(world, name)
    nic = _make(
        plan, model, INTERFACES, _free(world, model.group, INTERFACES, f"{name}-nic"), _interface(network)
    )
    _power_on(plan, _make(plan, model, VIRTUAL_MACHINES, name, _machine(world, model, nic.id), tags=tags))
    plan.commit()
    return True


def replace_vm(world: World, vm: Resource, *, tags: Mapping[str, str] | None = None) -> bool:
    """Another VM in place of `vm`, which is gone: the same names for the VM, and for its interface and disk if those
    are gone too, and other identities. False while there is no network for it."""
    own = mapping(vm.body, "properties")
    network = next(world.resources(type_=NETWORKS, group=vm.group), None)
    if network is None:
        return False
    nics = objects(mapping(own, "networkProfile"), "networkInterfaces")
    nic_name = reference_id(nics[0]).rpartition("/")[2] if nics else f"{vm.name}-nic"
    plan = _plan(world, vm.name)
    nic_name = _free(world, vm.group, INTERFACES, nic_name)
    nic = _make(plan, vm, INTERFACES, nic_name, _interface(network), tags=tags)
    body = _machine(world, vm, nic.id)
    storage_profile = mapping(mapping(body, "properties"), "storageProfile")
    disk = mapping(mapping(own, "storageProfile"), "osDisk").get("name")
    mapping(storage_profile, "osDisk")["name"] = _free(world, vm.group, DISKS, str(disk))
    _power_on(plan, _make(plan, vm, VIRTUAL_MACHINES, vm.name, body, tags=tags))
    plan.commit()
    return True


def make(
    world: World,
    *,
    type_: str,
    name: str,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> bool:
    """A resource of one of `TYPES`. False while there is no group for it, and while the name is in use.

    Raises ArmError for a name that its provider refuses, and for another type.
    """
    place = world.group(group) if group is not None else next(iter(world.groups()), None)
    if type_.lower() == VIRTUAL_MACHINES.lower():
        return make_vm(world, name=name, group=group, tags=tags)
    if place is None or world.planned(_id(world, place.name, type_, name)) is not None:
        return False
    network = next(world.resources(type_=NETWORKS, group=place.name), None)
    if type_.lower() == INTERFACES.lower() and network is None:
        return False
    plan = _plan(world, name)
    _make(plan, place, type_, name, _body(world, type_, network), tags=tags)
    plan.commit()
    return True


def _body(world: World, type_: str, network: Resource | None) -> Json:
    bodies: dict[str, Json] = {
        DISKS: {"properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 32}},
        PUBLIC_ADDRESSES: {
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        NETWORKS: {"properties": {"addressSpace": {"addressPrefixes": ["172.30.0.0/16"]}}},
        SECURITY_GROUPS: {},
        SSH_KEYS: {"properties": {"publicKey": draw_public_key(world)}},
        storage.ACCOUNTS: {},
        INTERFACES: _interface(network) if network is not None else {},
    }
    return next((body for key, body in bodies.items() if key.lower() == type_.lower()), {})


def _plan(world: World, name: str) -> Plan:
    return Plan(world, Faults.none(world.directory), world.uuid("correlation", name), actors.SOMEBODY)


def _id(world: World, group: str, type_: str, name: str) -> str:
    return ids.resource_id(ids.group_scope(world.subscription_id, group), type_, name)


def _free(world: World, group: str, type_: str, name: str) -> str:
    """The name, or the next one that nobody uses."""
    found, number = name, 2
    while world.planned(_id(world, group, type_, found)) is not None:
        found, number = f"{name}-{number}", number + 1
    return found


def _make(
    plan: Plan,
    model: Resource | Group,
    type_: str,
    name: str,
    body: Json,
    *,
    tags: Mapping[str, str] | None = None,
) -> Resource:
    """Beside `model`, in its location; a group is its own place."""
    group = model.name if isinstance(model, Group) else model.group
    wanted = Wanted(
        plan=plan,
        id=_id(plan.world, group, type_, name),
        type=type_,
        name=name,
        group=group,
        location=model.location,
        body={**body, "tags": dict(tags)} if tags else body,
        present=None,
        start=plan.now,
    )
    resource, _ = provision(wanted)
    resource.ready_at = plan.now
    return resource


def _power_on(plan: Plan, vm: Resource) -> None:
    """It runs, and its disk is there: somebody made both a while ago."""
    vm.boot = Boot(booted_at=plan.now, cloud_init_done_at=plan.now, power=[Transition(plan.now, "running")])
    os_disk = mapping(mapping(mapping(vm.body, "properties"), "storageProfile"), "osDisk")
    disk = plan.resource(reference_id(os_disk.get("managedDisk")))
    if disk is not None:
        disk.created_at = disk.ready_at = plan.now


def _interface(network: Resource) -> Json:
    subnet = objects(mapping(network.body, "properties"), "subnets")[0]
    configuration: Json = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet["id"]}}}
    return {"properties": {"ipConfigurations": [configuration]}}


def _machine(world: World, model: Resource, nic_id: str) -> Json:
    own = mapping(model.body, "properties")
    image = mapping(mapping(own, "storageProfile"), "imageReference")
    key = {"path": f"/home/{_USER}/.ssh/authorized_keys", "keyData": draw_public_key(world)}
    properties: Json = {
        "hardwareProfile": copy.deepcopy(own["hardwareProfile"]),
        "storageProfile": {
            "imageReference": copy.deepcopy(image),
            "osDisk": {"createOption": "FromImage"},
        },
        "osProfile": {
            "computerName": model.name,
            "adminUsername": _USER,
            "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}},
        },
        "networkProfile": {"networkInterfaces": [{"id": nic_id}]},
    }
    return {"properties": properties}
