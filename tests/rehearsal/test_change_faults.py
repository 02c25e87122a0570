"""Changes behind the user's back: what ARM shows after each, and that none of them is in the request log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.arm import changes, strangers
from k0rdent_azure.rehearsal.faults import Fault
from tests.rehearsal.arm_stage import KEY, LONG, Cloud, Json, Reply, cloud_in, custom_data, machines


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """Two VMs that are up, and an SSH key."""
    async with cloud_in(tmp_path / "cloud") as found:
        await found.deploy(machines("vm-1", "vm-2"), parameters={"customData": custom_data("vm-1", "vm-2")})
        key = {"location": "southeastasia", "properties": {"publicKey": KEY}}
        await found.call("PUT", found.compute("sshPublicKeys", "key"), key)
        found.later(LONG)
        yield found


def arm(cloud: Cloud, kind: str, **values: object) -> None:
    faults.add(cloud.world.directory, Fault(kind=cast("faults.Kind", kind), **values))  # type: ignore[arg-type]


async def vm(cloud: Cloud, name: str = "vm-1") -> Reply:
    return await cloud.get(cloud.compute("virtualMachines", name) + "?$expand=instanceView")


async def power(cloud: Cloud) -> str:
    statuses = cast("list[Json]", (await vm(cloud)).at("properties.instanceView.statuses"))
    return str(statuses[-1]["code"])


async def rules(cloud: Cloud) -> dict[str, Json]:
    found = cast(
        "list[Json]",
        (await cloud.get(cloud.networking("networkSecurityGroups", "nsg"))).at("properties.securityRules"),
    )
    return {str(each["name"]): cast("Json", each["properties"]) for each in found}


async def names(cloud: Cloud) -> set[str]:
    return set((await cloud.get(f"{cloud.group}/resources")).names())


async def test_a_vm_goes_with_its_disk_nic_and_address(cloud: Cloud) -> None:
    before = await names(cloud)
    arm(cloud, "vm-deleted", vm="VM-1")
    gone = before - await names(cloud)
    assert {"vm-1", "vm-1-nic", "vm-1-ip"} <= gone
    assert len(gone) == 4
    assert (await vm(cloud)).status == 404
    assert (await vm(cloud, "vm-2")).status == 200


@pytest.mark.parametrize(
    ("kind", "state"),
    [("vm-stopped", "stopped"), ("vm-deallocated", "deallocated"), ("vm-evicted", "deallocated")],
)
async def test_a_vm_is_off_and_still_provisioned(cloud: Cloud, kind: str, state: str) -> None:
    arm(cloud, kind, vm="vm-1")
    assert await power(cloud) == f"PowerState/{state}"
    assert (await vm(cloud)).at("properties.provisioningState") == "Succeeded"
    assert (await cloud.call("POST", cloud.compute("virtualMachines", "vm-1") + "/start")).status == 202
    cloud.later(120)
    assert await power(cloud) == "PowerState/running"


async def test_an_eviction_that_deletes(cloud: Cloud) -> None:
    arm(cloud, "vm-evicted", vm="vm-1", policy="Delete")
    assert (await vm(cloud)).status == 404


async def test_a_resized_vm(cloud: Cloud) -> None:
    arm(cloud, "vm-resized", vm="vm-1", size="Standard_D4pls_v6")
    assert (await vm(cloud)).at("properties.hardwareProfile.vmSize") == "Standard_D4pls_v6"


async def test_a_changed_address_answers_for_the_same_name(cloud: Cloud) -> None:
    (before,) = [each for each in cloud.world.vms() if each.name == "vm-1"]
    arm(cloud, "address-changed", vm="vm-1")
    shown = await cloud.get(cloud.networking("publicIPAddresses", "vm-1-ip"))
    (after,) = [each for each in cloud.world.vms() if each.name == "vm-1"]
    assert shown.at("properties.ipAddress") == after.public_ip != before.public_ip
    assert after.fqdn == before.fqdn
    arm(cloud, "address-changed", vm="vm-1", address="20.1.2.3")
    assert (await cloud.get(cloud.networking("publicIPAddresses", "vm-1-ip"))).at(
        "properties.ipAddress"
    ) == "20.1.2.3"


async def test_security_rules_are_added_opened_and_removed(cloud: Cloud) -> None:
    arm(cloud, "rule-added", rule="AllowAll", port="*", protocol="*", source="*", priority=200)
    assert (await rules(cloud))["AllowAll"]["destinationPortRange"] == "*"
    arm(cloud, "property-changed", resource="nsg", property="properties.securityRules.0.properties.sourceAddressPrefix",
        value="198.51.100.0/24")  # fmt: skip
    assert (await rules(cloud))["ssh"]["sourceAddressPrefix"] == "198.51.100.0/24"
    arm(cloud, "rule-opened", rule="SSH", source="*")
    assert (await rules(cloud))["ssh"]["sourceAddressPrefix"] == "*"
    arm(cloud, "rule-removed", rule="ssh")
    assert set(await rules(cloud)) == {"AllowAll"}
    assert all(each.admits("Tcp", 22) for each in cloud.world.vms())
    arm(cloud, "rule-removed", rule="AllowAll")
    assert await rules(cloud) == {}
    assert not any(each.admits("Tcp", 22) for each in cloud.world.vms())


async def test_a_foreign_vm_runs_in_the_group_without_our_tags(cloud: Cloud) -> None:
    arm(cloud, "foreign-vm", vm="theirs")
    assert {"theirs", "theirs-nic"} <= await names(cloud)
    shown = await vm(cloud, "theirs")
    assert "tags" not in shown.body
    assert shown.at("properties.provisioningState") == "Succeeded"
    assert shown.at("properties.instanceView.statuses.1.code") == "PowerState/running"


async def listed(cloud: Cloud) -> dict[str, Json]:
    found = cast("list[Json]", (await cloud.get(f"{cloud.group}/resources")).body["value"])
    return {str(each["name"]): each for each in found}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("copied", {"owner": "me"}),
        ("owner=them,role=worker", {"owner": "them", "role": "worker"}),
    ],
)
async def test_another_vm_has_the_name_of_ours(
    cloud: Cloud, given: str | None, expected: Json | None
) -> None:
    before, mine = await vm(cloud), await listed(cloud)
    nic = (await cloud.get(cloud.networking("networkInterfaces", "vm-1-nic"))).text("properties.resourceGuid")
    arm(cloud, "vm-replaced", vm="vm-1", tags=given)
    after = await vm(cloud)
    assert after.at("properties.vmId") != before.at("properties.vmId")
    assert after.body.get("tags") == expected
    assert await power(cloud) == "PowerState/running"
    assert set(await listed(cloud)) == set(mine) - {"vm-1-ip"}
    theirs = await cloud.get(cloud.networking("networkInterfaces", "vm-1-nic"))
    assert theirs.text("properties.resourceGuid") != nic


async def test_a_vm_that_is_not_up_is_not_replaced_yet(cloud: Cloud) -> None:
    data = custom_data("vm-1", "vm-2", "vm-3")
    await cloud.deploy(machines("vm-1", "vm-2", "vm-3"), parameters={"customData": data}, name="third")
    arm(cloud, "vm-replaced", vm="vm-3")
    assert [each.kind for each in faults.list_faults(cloud.world.directory)] == ["vm-replaced"]
    cloud.later()
    await cloud.get(cloud.group)
    assert faults.list_faults(cloud.world.directory) == []


async def test_a_stranger_waits_until_its_name_is_free(cloud: Cloud) -> None:
    before = (await vm(cloud)).at("properties.vmId")
    arm(cloud, "foreign-vm", vm="vm-1", tags="copied")
    assert (await vm(cloud)).at("properties.vmId") == before
    arm(cloud, "vm-deleted", vm="vm-1")
    await cloud.get(cloud.group)
    assert (await vm(cloud)).at("properties.vmId") != before
    assert (await vm(cloud)).at("tags") == {"owner": "me"}


@pytest.mark.parametrize("type_", [None, *strangers.TYPES])
async def test_somebody_has_resources_of_any_type_here(cloud: Cloud, type_: str | None) -> None:
    arm(cloud, "foreign-resource", type=type_, resource="theirs1", tags="a=b")
    found = (await listed(cloud))["theirs1"]
    assert found["type"] == (type_ or "Microsoft.Storage/storageAccounts")
    assert found["tags"] == {"a": "b"}


@pytest.mark.parametrize("given", [{"resource": "No-Account"}, {"type": "Microsoft.Network/loadBalancers"}])
async def test_a_stranger_that_cannot_be_made_stays_armed(cloud: Cloud, given: dict[str, str]) -> None:
    before = await names(cloud)
    arm(cloud, "foreign-resource", **given)
    assert await names(cloud) == before
    assert len(faults.list_faults(cloud.world.directory)) == 1


async def test_tags_come_and_go(cloud: Cloud) -> None:
    arm(cloud, "tag-added", tag="costcenter=4711")
    assert (await vm(cloud)).at("tags") == {"owner": "me", "costcenter": "4711"}
    assert (await cloud.get(cloud.group)).at("tags") == {"costcenter": "4711"}
    arm(cloud, "tags-removed", tag="OWNER", resource="vm-1")
    assert (await vm(cloud)).at("tags") == {"costcenter": "4711"}
    assert (await vm(cloud, "vm-2")).at("tags.owner") == "me"
    arm(cloud, "tags-removed")
    assert (await vm(cloud)).at("tags") == {}


async def test_an_ssh_key_is_replaced_in_azure_or_on_a_host(cloud: Cloud) -> None:
    arm(cloud, "ssh-key-replaced")
    shown = (await cloud.get(cloud.compute("sshPublicKeys", "key"))).text("properties.publicKey")
    assert shown.startswith("ssh-ed25519 ")
    assert shown != KEY
    assert {tuple(each.authorized_keys) for each in cloud.world.vms()} == {(KEY,)}
    arm(cloud, "ssh-key-replaced", vm="vm-1", key=shown)
    await cloud.get("/subscriptions")
    assert [each.authorized_keys for each in cloud.world.vms()] == [[shown], [KEY]]


async def test_a_resource_and_the_group_are_gone(cloud: Cloud) -> None:
    arm(cloud, "resource-deleted", resource="nsg")
    assert (await cloud.get(cloud.networking("networkSecurityGroups", "nsg"))).status == 404
    arm(cloud, "group-deleted", group="rg")
    assert (await cloud.get(cloud.group)).status == 404
    assert cloud.world.vms() == []


async def test_a_property_is_set_and_removed(cloud: Cloud) -> None:
    arm(cloud, "property-changed", resource="vm-1", property="properties.licenseType", value="RHEL_BYOS")
    assert (await vm(cloud)).at("properties.licenseType") == "RHEL_BYOS"
    arm(cloud, "property-changed", resource="vm-1", property="properties.licenseType")
    assert "licenseType" not in cast("Json", (await vm(cloud)).at("properties"))


async def test_a_host_whose_clock_is_wrong(cloud: Cloud) -> None:
    arm(cloud, "vm-clock-skew", vm="vm-2", seconds=90)
    await cloud.get("/subscriptions")
    assert [each.clock_skew for each in cloud.world.vms()] == [0.0, 90.0]


async def test_a_change_waits_for_its_target_and_for_its_request(cloud: Cloud) -> None:
    arm(cloud, "vm-deleted", vm="vm-3")
    arm(cloud, "vm-stopped", vm="vm-2", at=2)
    changes.apply(cloud.world)
    assert await power(cloud) == "PowerState/running"
    shown = await vm(cloud, "vm-2")
    assert shown.at("properties.instanceView.statuses.1.code") == "PowerState/stopped"
    assert [each.kind for each in faults.list_faults(cloud.world.directory)] == ["vm-deleted"]


async def test_a_vm_is_evicted_only_once_it_is_up(tmp_path: Path) -> None:
    async with cloud_in(tmp_path) as cloud:
        arm(cloud, "vm-evicted", vm="vm-1")
        await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
        cloud.later(60)
        (vm_1,) = cloud.world.vms()
        cloud.later(vm_1.booted_at - cloud.world.clock.now() + 1)  # it answers SSH; ARM has yet to notice
        await cloud.get("/subscriptions")
        assert len(faults.list_faults(cloud.world.directory)) == 1
        cloud.later(LONG)
        assert await power(cloud) == "PowerState/deallocated"


async def test_nobody_asked_arm_for_it(cloud: Cloud) -> None:
    log = cloud.world.directory / "requests.jsonl"
    before = len(log.read_text().splitlines())
    arm(cloud, "vm-deleted", vm="vm-1")
    changes.apply(cloud.world)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == before
    assert not any(line["method"] == "DELETE" for line in lines)
