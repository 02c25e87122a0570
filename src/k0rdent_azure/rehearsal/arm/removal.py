"""How resources go: what must not be deleted while it is used, and what a VM takes along."""

from __future__ import annotations

from collections.abc import Iterator

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.network import mapping, objects, reference_id
from k0rdent_azure.rehearsal.arm.providers import PROVIDERS
from k0rdent_azure.rehearsal.records import Resource
from k0rdent_azure.rehearsal.world import World

NIC = "Microsoft.Network/networkInterfaces"
#: Cloud seconds between a VM's end and that of what goes with it.
CASCADE = (3.0, 10.0)


def delete(world: World, resource: Resource) -> float:
    """Begin to delete, and give the moment at which it is gone. Raises ArmError where it is in use."""
    if resource.gone_at is not None:
        return resource.gone_at
    _check_unused(world, resource)
    gone = _end(world, resource, world.clock.now())
    if resource.type == VIRTUAL_MACHINES:
        for follower in followers(world, resource):
            start = gone + world.draw(*CASCADE, "cascade", follower.name)
            follower.deleting_at, follower.gone_at = gone, start
    world.save()
    return gone


def _end(world: World, resource: Resource, start: float) -> float:
    resource.deleting_at = start
    resource.gone_at = start + world.draw(*PROVIDERS[resource.type.lower()].deletion, "delete", resource.name)
    return resource.gone_at


def followers(world: World, vm: Resource) -> Iterator[Resource]:
    """What the VM's `deleteOption`s name: its disks, its interfaces, and their public addresses."""
    properties = mapping(vm.body, "properties")
    storage = mapping(properties, "storageProfile")
    for disk in (mapping(storage, "osDisk"), *objects(storage, "dataDisks")):
        if disk.get("deleteOption") == "Delete":
            yield from _present(world, reference_id(disk.get("managedDisk")))
    for reference in objects(mapping(properties, "networkProfile"), "networkInterfaces"):
        if mapping(reference, "properties").get("deleteOption") != "Delete":
            continue  # an interface that stays keeps its address
        for nic in _present(world, reference_id(reference)):
            yield nic
            for configuration in objects(mapping(nic.body, "properties"), "ipConfigurations"):
                address = mapping(mapping(configuration, "properties"), "publicIPAddress")
                if mapping(address, "properties").get("deleteOption") == "Delete":
                    yield from _present(world, reference_id(address))


def _present(world: World, resource_id: str) -> Iterator[Resource]:
    """What is there and may go: a locked follower stays."""
    found = world.resource(resource_id)
    if found is None or found.gone_at is not None:
        return
    if not any(each.scope.lower() == found.id.lower() for each in world.locks()):
        yield found


def _check_unused(world: World, resource: Resource) -> None:
    user = next(users(world, resource), None)
    if user is None:
        return
    status, code, message = _IN_USE[resource.type]
    raise ArmError(status, code, message.format(own=resource.id, user=user))


_IN_USE = {
    NIC: (
        400,
        "NicInUse",
        "Network Interface {own} is used by existing resource {user}. It must be dissociated from it first.",
    ),
    "Microsoft.Network/publicIPAddresses": (
        400,
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {own} can not be deleted since it is still allocated to resource {user}.",
    ),
    "Microsoft.Network/networkSecurityGroups": (
        400,
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {own} cannot be deleted because it is in use by the following resources: {user}.",
    ),
    "Microsoft.Network/virtualNetworks": (
        400,
        "InUseSubnetCannotBeDeleted",
        "Subnet of {own} is in use by {user} and cannot be deleted.",
    ),
    "Microsoft.Compute/disks": (
        409,
        "OperationNotAllowed",
        "Disk {own} is attached to VM {user}.",
    ),
}


def users(world: World, resource: Resource) -> Iterator[str]:
    """Ids of what uses the resource now."""
    own = resource.id.lower()
    properties = mapping(resource.body, "properties")
    owners = [
        reference_id(properties.get("virtualMachine")),
        reference_id(properties.get("ipConfiguration")),
        str(resource.body.get("managedBy", "")),
    ]
    for owner in owners:
        if world.resource(owner.rpartition("/ipConfigurations/")[0] or owner):
            yield owner
    for other in world.resources():
        if other.type == NIC and own in _used_by_interface(other):
            yield other.id
        if other.type == "Microsoft.Network/virtualNetworks":
            for subnet in objects(mapping(other.body, "properties"), "subnets"):
                if (
                    reference_id(mapping(mapping(subnet, "properties"), "networkSecurityGroup")).lower()
                    == own
                ):
                    yield str(subnet["id"])


def _used_by_interface(nic: Resource) -> set[str]:
    properties = mapping(nic.body, "properties")
    used = {reference_id(properties.get("networkSecurityGroup")).lower()}
    for configuration in objects(properties, "ipConfigurations"):
        subnet = reference_id(mapping(configuration, "properties").get("subnet")).lower()
        used.add(subnet.rpartition("/subnets/")[0])
    return used
