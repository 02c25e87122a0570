"""What exists in Azure, in bulk: the number of requests does not depend on the number of VMs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.incarnations import TOLD_APART, incarnation
from k0rdent_azure.azure.outcome import Accepted, accepted, finish
from k0rdent_azure.azure.reading import (
    instance_state,
    mapping,
    mappings,
    option,
    power_word,
    provisioning_state,
    resource_type,
    text,
    texts,
    zones,
)
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError

#: Cloud seconds for tags that Azure sets later than it answers.
TAGS_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class VmView:
    """One VM. `power_state` is Azure's display text ("VM running"), "" where it is not known."""

    name: str
    id: str
    provisioning_state: str
    power_state: str
    size: str
    zone: str
    tags: Mapping[str, str]
    #: The id of this incarnation, which is never given again.
    vm_id: str = ""
    #: Ids of what its deletion takes along: disks and interfaces with `deleteOption` Delete.
    takes_along: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VmStatusView:
    """The condition of one VM. `power_state` is Azure's display text, "" where it is not known."""

    id: str
    provisioning_state: str
    power_state: str


@dataclass(frozen=True, slots=True)
class AddressView:
    """One public address; `ip` is "" until it is allocated."""

    name: str
    id: str
    ip: str
    fqdn: str


@dataclass(frozen=True, slots=True)
class ResourceView:
    """Any resource of a group, by type; `provisioning_state` is "" where ARM does not tell."""

    id: str
    name: str
    type: str
    provisioning_state: str
    tags: Mapping[str, str]
    #: Of a disk: the VM that it is attached to.
    managed_by: str = ""
    #: When this incarnation was made, as ARM prints a time.
    created: str = ""


async def resource_group(client: ArmClient, subscription: str, name: str) -> dict[str, object] | None:
    """The group as ARM shows it; None where there is none. One request."""
    answer = await client.request(
        "GET", group_id(subscription, name), api_version=versions.RESOURCES, accept=(200, 404)
    )
    return None if answer.status == 404 else answer.body


async def virtual_machines(client: ArmClient, subscription: str, group: str) -> list[VmView]:
    """All VMs of a group with their power state: two requests (lists of the group and of the subscription).

    ARM documents the instance view in lists only for a whole subscription with `statusOnly`. Whoever may not
    read that gets power states of "". [] where the group is gone.
    """
    path = f"{group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines"
    found = await _list_if_any(client, path, versions.COMPUTE)
    power = await _power_states(client, subscription) if found else {}
    return [_vm(item, power) for item in found]


async def vm_statuses(client: ArmClient, subscription: str) -> list[VmStatusView]:
    """The condition of all VMs of the subscription: one list. Raises AzureRequestError, 403 without a right to it.

    https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
    """
    path = f"/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines"
    found = await client.list(path, api_version=versions.COMPUTE, query={"statusOnly": "true"})
    return [status_of(item) for item in found]


async def group_vm_statuses(client: ArmClient, subscription: str, group: str) -> list[VmStatusView]:
    """The same for one group, but without power states: one list; [] where the group is gone."""
    path = f"{group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines"
    return [status_of(item) for item in await _list_if_any(client, path, versions.COMPUTE)]


def status_of(item: Mapping[str, object]) -> VmStatusView:
    """The condition of a VM from a body with its instance view."""
    state = provisioning_state(item) or instance_state(item)
    return VmStatusView(text(item, "id"), state, _power_state(item))


async def _list_if_any(client: ArmClient, path: str, api_version: str) -> list[dict[str, object]]:
    """A group's list; [] where the group is gone."""
    try:
        return await client.list(path, api_version=api_version)
    except AzureRequestError as error:
        if is_absent(error):
            return []
        raise


async def _power_states(client: ArmClient, subscription: str) -> dict[str, str]:
    try:
        found = await vm_statuses(client, subscription)
    except AzureRequestError as error:
        if error.status == 403:
            return {}
        raise
    return {resource_ids.key(each.id): each.power_state for each in found}


def _power_state(item: Mapping[str, object]) -> str:
    """Azure's display text, which follows from the word in the code and has only one spelling there."""
    word = power_word(item)
    return f"VM {word}" if word else ""


def _vm(item: Mapping[str, object], power: Mapping[str, str]) -> VmView:
    properties = mapping(item, "properties")
    return VmView(
        name=text(item, "name"),
        id=text(item, "id"),
        provisioning_state=provisioning_state(item),
        power_state=power.get(resource_ids.key(text(item, "id")), ""),
        size=text(mapping(properties, "hardwareProfile"), "vmSize"),
        zone="".join(zones(item)[:1]),
        tags=texts(item, "tags"),
        vm_id=text(properties, "vmId"),
        takes_along=tuple(_taken_along(properties)),
    )


def _taken_along(properties: Mapping[str, object]) -> Iterator[str]:
    """https://learn.microsoft.com/azure/virtual-machines/delete"""
    storage = mapping(properties, "storageProfile")
    for disk in (mapping(storage, "osDisk"), *mappings(storage, "dataDisks")):
        if option(disk, "deleteOption") == "Delete":
            yield text(mapping(disk, "managedDisk"), "id")
    for nic in mappings(mapping(properties, "networkProfile"), "networkInterfaces"):
        if option(mapping(nic, "properties"), "deleteOption") == "Delete":
            yield text(nic, "id")


async def merge_tags(client: ArmClient, resource_id: str, tags: Mapping[str, str]) -> None:
    """Set these tags of one resource or group; all others stay as they are.

    https://learn.microsoft.com/rest/api/resources/tags/update-at-scope
    Where Azure only accepts it (202), its outcome is waited for: others go by these tags. Raises AzureError.
    """
    answer = await client.request(
        "PATCH",
        f"{resource_id}/providers/Microsoft.Resources/tags/default",
        api_version=versions.RESOURCES,
        body={"operation": "Merge", "properties": {"tags": dict(tags)}},
        accept=(200, 202),
    )
    if answer.status == HTTPStatus.ACCEPTED:
        operation = accepted(f"PATCH {resource_id}: tags", resource_id, answer, at=client.clock.monotonic())
        await finish(client, operation, limit=TAGS_LIMIT)


async def start(client: ArmClient, subscription: str, group: str, name: str) -> Accepted:
    """Start one VM that is stopped or deallocated; it runs some minutes later, unless Azure fails to start it."""
    path = f"{group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines/{name}/start"
    answer = await client.request("POST", path, api_version=versions.COMPUTE, accept=(200, 202))
    return accepted(f"start of VM {name}", path.removesuffix("/start"), answer, at=client.clock.monotonic())


async def addresses(client: ArmClient, subscription: str, group: str) -> list[AddressView]:
    """All public addresses of a group: one list; [] where the group is gone."""
    path = f"{group_id(subscription, group)}/providers/Microsoft.Network/publicIPAddresses"
    found = await _list_if_any(client, path, versions.NETWORK)
    return [
        AddressView(
            name=text(item, "name"),
            id=text(item, "id"),
            ip=text(mapping(item, "properties"), "ipAddress"),
            fqdn=text(mapping(mapping(item, "properties"), "dnsSettings"), "fqdn"),
        )
        for item in found
    ]


#: For a list of all resources of a group: with states and ages, as many on a page as ARM puts there (200 VMs are 800).
#: https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group
RESOURCES_QUERY: Mapping[str, str] = {"$expand": "createdTime,provisioningState", "$top": "1000"}


async def group_resources(client: ArmClient, subscription: str, group: str) -> list[ResourceView] | None:
    """Everything in a group with its tags: one list; None if there is no such group.

    Not filtered by tag: what lost its tags is there all the same.
    """
    try:
        found = await client.list(
            f"{group_id(subscription, group)}/resources",
            api_version=versions.RESOURCES,
            query=RESOURCES_QUERY,
        )
    except AzureRequestError as error:
        if is_absent(error):
            return None
        raise
    return [
        ResourceView(
            id=text(item, "id"),
            name=text(item, "name"),
            type=resource_type(item),
            provisioning_state=provisioning_state(item),
            tags=texts(item, "tags"),
            managed_by=text(item, "managedBy"),
            created=text(item, "createdTime"),
        )
        for item in found
    ]


async def incarnations(client: ArmClient, subscription: str, group: str, type_: str) -> dict[str, str]:
    """The incarnation's id of each resource of a type in a group, by ARM id in lower case: one list.

    {} for a type whose incarnations nothing tells apart, without any request.
    """
    if type_.lower() not in TOLD_APART:
        return {}
    path = f"{group_id(subscription, group)}/providers/{type_}"
    found = await _list_if_any(client, path, TOLD_APART[type_.lower()][1])
    return {resource_ids.key(text(item, "id")): incarnation(type_, item) for item in found}


async def machines(client: ArmClient, subscription: str, group: str) -> list[VmView]:
    """All VMs of a group without their power states: one list; [] if the group is gone."""
    path = f"{group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines"
    return [_vm(item, {}) for item in await _list_if_any(client, path, versions.COMPUTE)]


def group_id(subscription: str, group: str) -> str:
    """The resource id of a group, which is its path too."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"
