"""Template deployments over HTTPS: their life, what they refuse, and what they never show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from k0rdent_azure.rehearsal import faults
from tests.rehearsal.arm_stage import (
    LONG,
    Cloud,
    Json,
    body,
    cloud_in,
    custom_data,
    machines,
    nested,
    resource,
    template,
)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path / "cloud") as found:
        yield found


async def deploy_nested(cloud: Cloud, *names: str) -> None:
    """At subscription scope, with the outputs of the nested deployment passed up."""
    document = nested(machines(*names), customData="[parameters('customData')]")
    document["parameters"] = {"customData": {"type": "secureObject"}}
    document["outputs"] = {
        "addresses": {"type": "object", "value": "[reference('inner').outputs.addresses.value]"}
    }
    request = body(document, {"customData": custom_data(*names)}, location="southeastasia")
    reply = await cloud.call("PUT", cloud.deployment(), request)
    assert reply.status == 201, reply.body
    assert reply.at("properties.provisioningState") == "Accepted"


async def test_a_deployment_goes_from_accepted_to_succeeded_and_passes_its_outputs_up(cloud: Cloud) -> None:
    await deploy_nested(cloud, "vm-1", "vm-2")
    assert (await cloud.get(cloud.deployment())).at("properties.provisioningState") == "Accepted"
    cloud.later(30)
    running = await cloud.get(cloud.deployment())
    assert running.at("properties.provisioningState") == "Running"
    assert "outputs" not in cast("Json", running.at("properties"))
    cloud.later(LONG)
    ended = await cloud.get(cloud.deployment())
    assert ended.at("properties.provisioningState") == "Succeeded"
    addresses = cast("dict[str, str]", ended.at("properties.outputs.addresses.value"))
    for name in ("vm-1", "vm-2"):
        address = await cloud.get(cloud.networking("publicIPAddresses", f"{name}-ip"))
        assert address.at("properties.ipAddress") == addresses[name]
        assert address.at("properties.dnsSettings.fqdn") == f"my-{name}.southeastasia.cloudapp.azure.com"
    assert len(set(addresses.values())) == 2


async def test_a_vm_appears_while_it_is_created_and_boots_three_to_eight_minutes_later(cloud: Cloud) -> None:
    started = cloud.world.clock.now()
    await deploy_nested(cloud, "vm-1")
    assert (await cloud.get(cloud.compute("virtualMachines", "vm-1"))).status == 404
    cloud.later(60)
    shown = await cloud.get(cloud.compute("virtualMachines", "vm-1"))
    assert shown.at("properties.provisioningState") == "Creating"
    (machine,) = cloud.world.vms()
    assert 180 <= machine.booted_at - started <= 480 + 60
    assert 30 <= machine.cloud_init_done_at - machine.booted_at <= 90
    assert machine.admits("Tcp", 22)
    assert not machine.admits("Udp", 51820)
    cloud.later(LONG)
    shown = await cloud.get(cloud.compute("virtualMachines", "vm-1"))
    assert shown.at("properties.provisioningState") == "Succeeded"


async def test_custom_data_reaches_the_machine_and_nothing_that_can_be_read(cloud: Cloud) -> None:
    await deploy_nested(cloud, "vm-1")
    cloud.later(LONG)
    assert cloud.world.vms()[0].custom_data == "#cloud-config\n# the-secret-of-vm-1\n"
    encoded = str(custom_data("vm-1")["vm-1"])
    vm = cloud.compute("virtualMachines", "vm-1")
    for path in (
        cloud.deployment(),
        cloud.deployment("inner", group=True),
        vm,
        f"{cloud.deployment()}/operations",
    ):
        shown = await cloud.get(path)
        assert shown.status == 200
        assert encoded not in str(shown.body)
    shown = await cloud.get(cloud.deployment())
    assert shown.at("properties.parameters.customData") == {"type": "SecureObject"}
    assert encoded not in (cloud.world.directory / "requests.jsonl").read_text()
    assert (cloud.world.directory / "world.json").stat().st_mode & 0o777 == 0o600


async def test_secure_outputs_have_no_value(cloud: Cloud) -> None:
    outputs = {"key": {"type": "secureString", "value": "hush"}, "open": {"type": "string", "value": "all"}}
    await cloud.deploy(template(outputs=outputs))
    cloud.later(60)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.outputs") == {
        "key": {"type": "SecureString"},
        "open": {"type": "String", "value": "all"},
    }


async def test_the_same_deployment_again_changes_nothing_that_exists(cloud: Cloud) -> None:
    await deploy_nested(cloud, "vm-1")
    cloud.later(LONG)
    before = {
        path: (await cloud.get(path)).body
        for path in (
            cloud.compute("virtualMachines", "vm-1"),
            cloud.networking("networkInterfaces", "vm-1-nic"),
            cloud.networking("publicIPAddresses", "vm-1-ip"),
        )
    }
    created = [each.id for each in cloud.world.creations()]
    document = machines("vm-1")
    reply = await cloud.deploy(document, parameters={"customData": custom_data("vm-1")}, name="inner")
    assert reply.status == 200
    cloud.later(60)
    assert (await cloud.get(cloud.deployment("inner", group=True))).at(
        "properties.provisioningState"
    ) == "Succeeded"
    assert {path: (await cloud.get(path)).body for path in before} == before
    assert [each.id for each in cloud.world.creations()] == created
    assert len(created) == len(set(created)) == 7  # group, nsg, vnet, address, NIC, VM, disk


async def test_changed_custom_data_of_an_existing_vm_is_refused(cloud: Cloud) -> None:
    document = machines("vm-1")
    await cloud.deploy(document, parameters={"customData": custom_data("vm-1")})
    cloud.later(LONG)
    await cloud.deploy(document, parameters={"customData": {"vm-1": "b3RoZXI="}})
    cloud.later(LONG)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.provisioningState") == "Failed"
    assert shown.at("properties.error.details.0.code") == "PropertyChangeNotAllowed"
    assert cloud.world.vms()[0].custom_data == "#cloud-config\n# the-secret-of-vm-1\n"


async def test_one_of_the_same_name_is_refused_while_it_runs(cloud: Cloud) -> None:
    await deploy_nested(cloud, "vm-1")
    request = body(template(), location="southeastasia")
    again = await cloud.call("PUT", cloud.deployment(), request)
    assert (again.status, again.code) == (409, "DeploymentActive")
    assert (await cloud.call("DELETE", cloud.deployment())).status == 409
    cloud.later(LONG)
    assert (await cloud.call("PUT", cloud.deployment(), request)).status == 200


async def test_the_async_operation_says_how_it_goes(cloud: Cloud) -> None:
    reply = await cloud.deploy(
        template([resource("Microsoft.Network/networkSecurityGroups", "nsg", properties={})])
    )
    url = reply.headers["Azure-AsyncOperation"]
    assert (await cloud.get(url)).body == {"status": "Accepted"}
    cloud.later(60)
    assert (await cloud.get(url)).body == {"status": "Succeeded"}


async def test_operations_come_in_pages_and_name_what_they_are_about(cloud: Cloud) -> None:
    copied = resource(
        "Microsoft.Network/networkSecurityGroups",
        "[concat('nsg-', copyIndex())]",
        properties={},
        copy={"name": "many", "count": 60},
    )
    await cloud.deploy(template([copied]))
    cloud.later(60)
    first = await cloud.get(f"{cloud.deployment(group=True)}/operations")
    second = await cloud.get(first.text("nextLink"))
    found = cast("list[Json]", first.body["value"]) + cast("list[Json]", second.body["value"])
    assert "nextLink" not in second.body
    targets = [cast("Json", each["properties"]).get("targetResource") for each in found]
    names = [str(cast("Json", target)["resourceName"]) for target in targets if target]
    assert sorted(names) == sorted(f"nsg-{number}" for number in range(60))
    one = await cloud.get(str(found[0]["id"]))
    assert one.at("properties.provisioningState") == "Succeeded"


async def test_scope_and_casing_of_the_path_are_as_arm_takes_them(cloud: Cloud) -> None:
    await cloud.deploy(template())
    lower = (
        cloud.deployment(group=True)
        .replace("resourceGroups", "resourcegroups")
        .replace("Microsoft", "microsoft")
    )
    assert (await cloud.get(lower)).at("name") == "main"
    assert (await cloud.get(cloud.deployment())).code == "DeploymentNotFound"
    assert (await cloud.call("HEAD", lower)).status == 204
    assert (await cloud.call("HEAD", cloud.deployment())).status == 404
    listed = await cloud.get(cloud.deployment(group=True).rpartition("/")[0])
    assert listed.names() == ["main"]


async def test_a_record_can_be_deleted_and_what_it_made_stays(cloud: Cloud) -> None:
    await cloud.deploy(template([resource("Microsoft.Network/networkSecurityGroups", "nsg", properties={})]))
    cloud.later(60)
    reply = await cloud.call("DELETE", cloud.deployment(group=True))
    assert reply.status == 202
    assert (await cloud.get(reply.headers["Location"])).status == 202
    cloud.later(10)
    assert (await cloud.get(reply.headers["Location"])).status == 200
    assert (await cloud.get(cloud.deployment(group=True))).status == 404
    assert (await cloud.call("DELETE", cloud.deployment(group=True))).status == 204
    assert (await cloud.get(cloud.networking("networkSecurityGroups", "nsg"))).status == 200


async def test_a_canceled_deployment_starts_nothing_more(cloud: Cloud) -> None:
    await deploy_nested(cloud, "vm-1")
    cloud.later(4)
    assert (await cloud.call("POST", f"{cloud.deployment()}/cancel")).status == 204
    cloud.later(LONG)
    assert (await cloud.get(cloud.deployment())).at("properties.provisioningState") == "Canceled"
    assert (await cloud.get(cloud.compute("virtualMachines", "vm-1"))).status == 404
    assert all("virtualMachines" not in each.id for each in cloud.world.creations())
    assert (await cloud.call("POST", f"{cloud.deployment()}/cancel")).code == "DeploymentCannotBeCancelled"
    await deploy_nested_again(cloud)
    cloud.later(LONG)
    assert (await cloud.get(cloud.compute("virtualMachines", "vm-1"))).status == 200


async def deploy_nested_again(cloud: Cloud) -> None:
    document = nested(machines("vm-1"), customData=custom_data("vm-1"))
    reply = await cloud.call("PUT", cloud.deployment(), body(document, location="southeastasia"))
    assert reply.status == 200, reply.body


async def test_validation_starts_nothing(cloud: Cloud) -> None:
    await cloud.make_group()
    document = body(machines("vm-1"), {"customData": custom_data("vm-1")})
    reply = await cloud.call("POST", f"{cloud.deployment(group=True)}/validate", document)
    assert reply.status == 200
    assert reply.at("properties.provisioningState") == "Succeeded"
    cloud.later(LONG)
    assert (await cloud.get(cloud.compute("virtualMachines"))).body == {"value": []}
    assert (await cloud.get(cloud.deployment(group=True))).status == 404


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "is not provided"),
        ({"customData": {}, "other": 1}, "are not valid"),
        ({"customData": "x"}, "Expected"),
    ],
)
async def test_wrong_parameters_are_refused(cloud: Cloud, parameters: Json, said: str) -> None:
    reply = await cloud.deploy(machines("vm-1"), parameters=parameters)
    assert (reply.status, reply.code) == (400, "InvalidTemplate")
    assert said in reply.text("error.message")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"resources": []}, "$schema"),
        (template([resource("Microsoft.Network/networkSecurityGroups", "a/b", properties={})]), "segment"),
        (template([resource("Microsoft.Network/networkSecurityGroups", "a", depends=["b"])]), "not defined"),
        (template([resource("Microsoft.Network/networkSecurityGroups", "a")] * 2), "multiple times"),
        (
            template(
                [
                    resource("Microsoft.Network/networkSecurityGroups", "a", depends=["b"]),
                    resource("Microsoft.Network/networkSecurityGroups", "b", depends=["a"]),
                ]
            ),
            "Circular",
        ),
        (template(outputs={"a": {"type": "string", "value": "[parameters('no')]"}}), "not found"),
        (template(outputs={"a": {"type": "string", "value": "[nonsense()]"}}), "not valid"),
        (template(outputs={"a": {"type": "string", "value": "[concat('a']"}}), "parse"),
    ],
)
async def test_a_wrong_template_is_refused_and_nothing_is_started(
    cloud: Cloud, document: Json, said: str
) -> None:
    reply = await cloud.deploy(document)
    assert (reply.status, reply.code) == (400, "InvalidTemplate")
    assert said in reply.text("error.message")
    assert (await cloud.get(cloud.deployment(group=True))).status == 404


async def test_a_missing_dependency_is_found_out_as_in_azure(cloud: Cloud) -> None:
    document = machines("vm-1")
    for each in cast("list[Json]", document["resources"]):
        if each["name"] == "vm-1-nic":
            each["dependsOn"] = []
    await cloud.deploy(document, parameters={"customData": custom_data("vm-1")})
    cloud.later(LONG)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.error.code") == "DeploymentFailed"
    assert shown.at("properties.error.details.0.code") == "ReferencedResourceNotProvisioned"
    assert (await cloud.get(cloud.compute("virtualMachines", "vm-1"))).status == 404


async def test_a_dns_label_is_given_once(cloud: Cloud) -> None:
    def address(name: str) -> Json:
        return resource(
            "Microsoft.Network/publicIPAddresses",
            name,
            properties={"dnsSettings": {"domainNameLabel": "same"}},
        )

    await cloud.deploy(template([address("one")]))
    cloud.later(60)
    await cloud.deploy(template([address("two")]), name="second")
    cloud.later(60)
    shown = await cloud.get(cloud.deployment("second", group=True))
    assert shown.at("properties.error.details.0.code") == "DnsRecordInUse"


@pytest.mark.parametrize("kind", ["AllocationFailed", "ZonalAllocationFailed"])
async def test_a_vm_without_capacity_fails_alone_and_comes_up_at_the_next_attempt(
    cloud: Cloud, kind: str
) -> None:
    faults.add(cloud.world.directory, faults.Fault(kind=cast("faults.Kind", kind), vm="vm-2"))
    document, data = machines("vm-1", "vm-2"), {"customData": custom_data("vm-1", "vm-2")}
    await cloud.deploy(document, parameters=data)
    cloud.later(LONG)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.provisioningState") == "Failed"
    assert shown.at("properties.error.details.0.details.0.code") == kind
    listed = await cloud.get(f"{cloud.deployment(group=True)}/operations")
    states = {
        str(cast("Json", each["targetResource"])["resourceName"]): each
        for each in (cast("Json", one["properties"]) for one in cast("list[Json]", listed.body["value"]))
    }
    assert states["vm-1"]["provisioningState"] == "Succeeded"
    assert states["vm-2"]["provisioningState"] == "Failed"
    assert kind in str(states["vm-2"]["statusMessage"])
    vm = await cloud.get(cloud.compute("virtualMachines", "vm-2"))
    assert vm.at("properties.provisioningState") == "Failed"
    assert cloud.world.vms()[1].booted_at == float("inf")
    assert faults.list_faults(cloud.world.directory) == []
    await cloud.deploy(document, parameters=data)
    cloud.later(LONG)
    assert (await cloud.get(cloud.deployment(group=True))).at("properties.provisioningState") == "Succeeded"
    assert cloud.world.vms()[1].booted_at < cloud.world.clock.now()
    ids = [each.id for each in cloud.world.creations()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", ["SkuNotAvailable", "QuotaExceeded"])
async def test_preflight_refuses_before_anything_starts(cloud: Cloud, kind: str) -> None:
    faults.add(cloud.world.directory, faults.Fault(kind=cast("faults.Kind", kind)))
    data = {"customData": custom_data("vm-1")}
    reply = await cloud.deploy(machines("vm-1"), parameters=data)
    assert (reply.status, reply.code) == (400, "InvalidTemplateDeployment")
    assert reply.at("error.details.0.code") == kind
    cloud.later(LONG)
    assert (await cloud.get(f"{cloud.group}/resources")).body == {"value": []}
    assert (await cloud.deploy(machines("vm-1"), parameters=data)).status == 201


@pytest.mark.parametrize("size", ["Standard_D2s_v5", "Standard_Imaginary"])
async def test_preflight_knows_sizes_and_architectures(cloud: Cloud, size: str) -> None:
    reply = await cloud.deploy(machines("vm-1", size=size), parameters={"customData": custom_data("vm-1")})
    assert (reply.status, reply.code) == (400, "InvalidTemplateDeployment")
    assert size in reply.text("error.details.0.message")


async def test_where_a_deployment_may_be_put(cloud: Cloud) -> None:
    missing = await cloud.call("PUT", cloud.deployment(group=True), body(template()))
    assert (missing.status, missing.code) == (404, "ResourceGroupNotFound")
    nowhere = await cloud.call("PUT", cloud.deployment(), body(template()))
    assert (nowhere.status, nowhere.code) == (400, "LocationRequired")
    at_subscription = body(machines("vm-1"), {"customData": custom_data("vm-1")}, location="southeastasia")
    assert (await cloud.call("PUT", cloud.deployment(), at_subscription)).code == "InvalidTemplate"
    await cloud.make_group()
    both = await cloud.call("PUT", cloud.deployment(group=True), body(template(), location="southeastasia"))
    assert both.code == "InvalidDeployment"
    assert (
        await cloud.call("PUT", cloud.deployment(), body(template(), location="southeastasia"))
    ).status == 201
    cloud.later(60)
    moved = await cloud.call("PUT", cloud.deployment(), body(template(), location="westeurope"))
    assert (moved.status, moved.code) == (409, "InvalidDeploymentLocation")


async def test_the_outer_scope_evaluates_with_the_parameters_of_its_parent(cloud: Cloud) -> None:
    inner = template(
        [resource("Microsoft.Network/networkSecurityGroups", "[parameters('name')]", properties={})],
    )
    document = nested(inner, scope="outer")
    document["parameters"] = {"name": {"type": "string"}}
    request = body(document, {"name": "from-outside"}, location="southeastasia")
    assert (await cloud.call("PUT", cloud.deployment(), request)).status == 201
    cloud.later(60)
    assert (await cloud.get(cloud.networking("networkSecurityGroups", "from-outside"))).status == 200


async def test_the_inner_scope_does_not_see_the_parameters_of_its_parent(cloud: Cloud) -> None:
    inner = template(outputs={"a": {"type": "string", "value": "[parameters('name')]"}})
    document = nested(inner)
    document["parameters"] = {"name": {"type": "string"}}
    request = body(document, {"name": "from-outside"}, location="southeastasia")
    assert (await cloud.call("PUT", cloud.deployment(), request)).code == "InvalidTemplate"
