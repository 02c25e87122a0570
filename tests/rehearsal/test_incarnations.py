"""What tells one resource from the next of the same name, what outlives a VM, and tags as a resource of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.rehearsal.arm_stage import LONG, Cloud, Json, cloud_in, custom_data, machines

GUIDS = {
    "virtualMachines": "vmId",
    "networkInterfaces": "resourceGuid",
    "publicIPAddresses": "resourceGuid",
    "virtualNetworks": "resourceGuid",
    "networkSecurityGroups": "resourceGuid",
    "disks": "uniqueId",
}


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """One VM that is up."""
    async with cloud_in(tmp_path / "cloud") as found:
        await deploy(found, document())
        yield found


def document(*, os_disk: str | None = "vm-1-disk", delete: bool = True) -> Json:
    """The VM with a disk of that name, which goes, with the interface, when the VM goes."""
    found = machines("vm-1")
    own = cast("Json", cast("list[Json]", found["resources"])[-1]["properties"])
    disk = cast("Json", cast("Json", own["storageProfile"])["osDisk"])
    if os_disk is not None:
        disk["name"] = os_disk
    if not delete:
        disk["deleteOption"] = "Detach"
        nics = cast("list[Json]", cast("Json", own["networkProfile"])["networkInterfaces"])
        cast("Json", nics[0]["properties"])["deleteOption"] = "Detach"
    outputs = {
        "vm": "[reference('vm-1').vmId]",
        "nic": "[reference('vm-1-nic').resourceGuid]",
        "ip": "[reference('vm-1-ip').resourceGuid]",
        "vnet": "[reference('vnet').resourceGuid]",
        "nsg": "[reference('nsg').resourceGuid]",
        "disk": "[reference(resourceId('Microsoft.Compute/disks', 'vm-1-disk'), '2023-04-02').uniqueId]",
    }
    declared = {name: {"type": "string", "value": value} for name, value in outputs.items()}
    return {**found, "outputs": declared if os_disk else {}}


async def deploy(cloud: Cloud, given: Json, *, name: str = "main") -> None:
    assert (await cloud.deploy(given, parameters={"customData": custom_data("vm-1")}, name=name)).status < 300
    cloud.later(LONG)
    await cloud.get(cloud.group)


async def listed(cloud: Cloud, query: str = "") -> dict[str, Json]:
    reply = await cloud.get(f"{cloud.group}/resources{query}")
    return {str(each["name"]): each for each in cast("list[Json]", reply.body["value"])}


async def identities(cloud: Cloud) -> dict[str, str]:
    """`vmId`, `resourceGuid` or `uniqueId` of everything in the group, by name."""
    found = {}
    for name, each in (await listed(cloud)).items():
        key = GUIDS[str(each["type"]).rpartition("/")[2]]
        found[name] = (await cloud.get(str(each["id"]))).text(f"properties.{key}")
    return found


async def remove(cloud: Cloud, name: str = "vm-1") -> None:
    assert (await cloud.call("DELETE", cloud.compute("virtualMachines", name))).status == 202
    cloud.later()
    await cloud.get(cloud.group)


async def test_each_incarnation_has_an_identity_of_its_own_that_lives_as_long_as_it(cloud: Cloud) -> None:
    first = await identities(cloud)
    assert len(set(first.values())) == len(first) == 6
    await deploy(cloud, document())
    assert await identities(cloud) == first
    await remove(cloud)
    await deploy(cloud, document())
    second = await identities(cloud)
    assert {name for name in first if first[name] == second[name]} == {"nsg", "vnet"}
    await remove(cloud)
    await deploy(cloud, document())
    third = await identities(cloud)
    assert all(third[name] not in (first[name], second[name]) for name in third if name.startswith("vm-1"))


async def test_a_group_that_is_made_again_holds_other_resources(cloud: Cloud) -> None:
    first = await identities(cloud)
    await cloud.call("DELETE", cloud.group)
    cloud.later()
    await deploy(cloud, document())
    assert set(first.values()) & set((await identities(cloud)).values()) == set()


async def test_outputs_have_the_identities(cloud: Cloud) -> None:
    shown = (await cloud.get(cloud.deployment(group=True))).at("properties.outputs")
    told = {name: each["value"] for name, each in cast("dict[str, Json]", shown).items()}
    found = await identities(cloud)
    names = {
        "vm": "vm-1",
        "nic": "vm-1-nic",
        "ip": "vm-1-ip",
        "disk": "vm-1-disk",
        "vnet": "vnet",
        "nsg": "nsg",
    }
    assert told == {name: found[own] for name, own in names.items()}


async def test_an_os_disk_has_the_tags_that_its_vm_had_at_first(cloud: Cloud) -> None:
    vm = cloud.compute("virtualMachines", "vm-1")
    assert (await cloud.call("PATCH", vm, {"tags": {"owner": "other"}})).status == 200
    disk = (await listed(cloud))["vm-1-disk"]
    assert disk["tags"] == {"owner": "me"}
    assert str(disk["managedBy"]).endswith("/virtualMachines/vm-1")


async def test_what_a_vm_leaves_behind_is_free(cloud: Cloud) -> None:
    await remove(cloud)
    await deploy(cloud, document(delete=False))
    await remove(cloud)
    found = await listed(cloud)
    assert set(found) == {"nsg", "vnet", "vm-1-nic", "vm-1-ip", "vm-1-disk"}
    assert "managedBy" not in found["vm-1-disk"]
    disk = await cloud.get(cloud.compute("disks", "vm-1-disk"))
    assert disk.at("properties.diskState") == "Unattached"
    nic = await cloud.get(cloud.networking("networkInterfaces", "vm-1-nic"))
    assert "virtualMachine" not in cast("Json", nic.body["properties"])
    assert (await cloud.call("DELETE", cloud.networking("networkInterfaces", "vm-1-nic"))).status == 202
    cloud.later()
    address = await cloud.get(cloud.networking("publicIPAddresses", "vm-1-ip"))
    assert "ipConfiguration" not in cast("Json", address.body["properties"])


async def test_a_disk_of_the_wanted_name_keeps_a_vm_from_being_made(cloud: Cloud) -> None:
    await remove(cloud)
    disk = {"location": "southeastasia", "properties": {"creationData": {"createOption": "Empty"}}}
    await cloud.call("PUT", cloud.compute("disks", "vm-1-disk"), disk)
    cloud.later()
    await deploy(cloud, document())
    failed = await cloud.get(cloud.deployment(group=True))
    error = cast("Json", failed.at("properties.error.details.0.details.0"))
    assert error["code"] == "ConflictingUserInput"
    assert error["message"] == (
        "Disk vm-1-disk already exists in resource group RG. Only CreateOption.Attach is supported."
    )
    vm = await cloud.get(cloud.compute("virtualMachines", "vm-1"))
    assert vm.at("properties.provisioningState") == "Failed"
    assert "managedBy" not in (await listed(cloud))["vm-1-disk"]
    await cloud.call("DELETE", cloud.compute("disks", "vm-1-disk"))
    cloud.later()
    await deploy(cloud, document())
    assert (await cloud.get(cloud.deployment(group=True))).at("properties.provisioningState") == "Succeeded"


async def test_a_disk_without_a_wanted_name_gets_another_one_each_time(cloud: Cloud) -> None:
    await remove(cloud)
    nameless = document(os_disk=None, delete=False)
    await deploy(cloud, nameless)
    first = {name for name in await listed(cloud) if "OsDisk" in name}
    await deploy(cloud, nameless)
    assert {name for name in await listed(cloud) if "OsDisk" in name} == first
    await remove(cloud)
    await deploy(cloud, nameless)
    assert (await cloud.get(cloud.deployment(group=True))).at("properties.provisioningState") == "Succeeded"
    assert len({name for name in await listed(cloud) if "OsDisk" in name}) == 2


async def test_the_list_of_everything_has_tags_and_times(cloud: Cloud) -> None:
    plain = (await listed(cloud))["vnet"]
    assert set(plain) == {"id", "name", "type", "location", "tags"}
    full = (await listed(cloud, "?$expand=createdTime,changedTime,provisioningState"))["vnet"]
    assert full["provisioningState"] == "Succeeded"
    assert str(full["createdTime"]) < str(full["changedTime"])
    assert "changedTime" not in (await listed(cloud, "?$expand=createdTime"))["vnet"]


def tags(owner: str) -> str:
    return f"{owner}/providers/Microsoft.Resources/tags/default"


def change(operation: str, **given: str) -> Json:
    return {"operation": operation, "properties": {"tags": given}}


@pytest.mark.parametrize("place", ["vnet", "group"])
async def test_tags_are_merged_by_names_without_case(cloud: Cloud, place: str) -> None:
    owner = cloud.networking("virtualNetworks", "vnet") if place == "vnet" else cloud.group
    before = dict(cast("dict[str, str]", (await cloud.get(tags(owner))).at("properties.tags")))
    reply = await cloud.call("PATCH", tags(owner), change("Merge", generation="2", claim="a"))
    assert reply.at("properties.tags") == {**before, "generation": "2", "claim": "a"}
    await cloud.call("PATCH", tags(owner), change("Merge", Generation="3"))
    assert (await cloud.get(tags(owner))).at("properties.tags") == {**before, "claim": "a", "Generation": "3"}
    assert (await cloud.get(owner)).at("tags") == {**before, "claim": "a", "Generation": "3"}
    await cloud.call("PATCH", tags(owner), change("Delete", CLAIM="", generation=""))
    assert (await cloud.get(owner)).at("tags") == before


async def test_tags_of_what_is_not_there_or_going(cloud: Cloud) -> None:
    absent = tags(cloud.networking("virtualNetworks", "other"))
    for method, given in (("GET", None), ("PATCH", change("Merge", a="b"))):
        assert (await cloud.call(method, absent, given)).code == "ResourceNotFound"
    await cloud.call("DELETE", cloud.compute("virtualMachines", "vm-1"))
    refused = await cloud.call(
        "PATCH", tags(cloud.compute("virtualMachines", "vm-1")), change("Merge", a="b")
    )
    assert (refused.status, refused.code) == (409, "Conflict")
    await cloud.call("DELETE", cloud.group)
    refused = await cloud.call(
        "PATCH", tags(cloud.networking("virtualNetworks", "vnet")), change("Merge", a="b")
    )
    assert (refused.status, refused.code) == (409, "ResourceGroupBeingDeleted")


async def test_a_public_address_that_others_used_can_be_used_again(cloud: Cloud) -> None:
    faults.add(cloud.world.directory, Fault(kind="resource-deleted", resource="vm-1"))
    await cloud.get(cloud.group)
    assert (await cloud.call("DELETE", cloud.networking("networkInterfaces", "vm-1-nic"))).status == 202
    cloud.later()
    assert (await cloud.call("DELETE", cloud.networking("publicIPAddresses", "vm-1-ip"))).status == 202


async def test_somebody_keeps_other_types_of_resources_in_the_group(cloud: Cloud) -> None:
    path = f"{cloud.group}/providers/Microsoft.Storage/storageAccounts/theirs"
    assert (await cloud.call("PUT", path, {"location": "southeastasia"})).status == 201
    cloud.later()
    assert (await listed(cloud))["theirs"]["type"] == "Microsoft.Storage/storageAccounts"
    refused = await cloud.call("PUT", path + "-Account", {"location": "southeastasia"})
    assert refused.code == "AccountNameInvalid"
    assert (await cloud.call("DELETE", path)).status == 202
