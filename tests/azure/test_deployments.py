"""Deployments, inventories, removal and the choice of a subscription against a scripted ARM."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k0rdent_azure.azure import deployments, inventory, removal, subscriptions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.deployments import DeploymentTarget
from k0rdent_azure.azure.inventory import ResourceView
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT
from k0rdent_azure.azure.template import build
from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.errors import AzureError, AzureRequestError
from tests.azure.conftest import FakeArm, make_config

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
NAME = "k0rdent-5b8hxhz5"
TARGET = DeploymentTarget(SUBSCRIPTION, NAME)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
MACHINES = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"


def record(state: str, **properties: object) -> dict[str, object]:
    return {"id": TARGET.id, "name": NAME, "properties": {"provisioningState": state, **properties}}


def operation(
    kind: str, name: str, state: str, error: object = None, group: str = GROUP
) -> dict[str, object]:
    target = {"id": f"{group}/providers/{kind}/{name}", "resourceType": kind, "resourceName": name}
    message = {"status": "Failed", "error": error} if error else None
    return {
        "properties": {
            "provisioningState": state,
            "statusCode": "Conflict" if error else "OK",
            "targetResource": target,
            **({"statusMessage": message} if message else {}),
        }
    }


@pytest.mark.parametrize("group", [None, "g"])
async def test_put_sends_template_parameters_and_tags(
    client: ArmClient, arm: FakeArm, group: str | None
) -> None:
    config = make_config()
    template = build(config, Names(NAME, group), hosts(config), ssh_public_key="k", admin_username="u")
    target = DeploymentTarget(SUBSCRIPTION, NAME, group)
    arm.answer(201, record("Accepted", correlationId="c-1"))
    view = await deployments.put(client, target, template, {"k0s-controller": "#cloud-config"})
    assert (view.provisioning_state, view.correlation_id, view.ended) == ("Accepted", "c-1", False)
    assert view.scope == ("group" if group else "subscription")
    seen = arm.seen[0]
    assert (seen.method, seen.path) == ("PUT", target.id)
    body = json.loads(seen.body)
    assert body["properties"]["mode"] == "Incremental"
    assert body["properties"]["parameters"]["deployment"]["value"]["id"] == NAME
    assert ("location" in body) == (group is None)
    assert body["tags"][TAG_DEPLOYMENT] == NAME


async def test_get_tells_outputs_by_vm(client: ArmClient, arm: FakeArm) -> None:
    vm = {
        "id": f"{MACHINES}/w",
        "publicIp": "20.1.2.3",
        "fqdn": "w.example",
        "nicId": "n",
        "publicIpId": "p",
        "privateIp": "10.0.0.4",
    }
    outputs = {"virtualMachines": {"type": "Object", "value": {"w": vm, "strange": 7}}}
    arm.answer(200, record("Succeeded", outputs=outputs))
    view = await deployments.get(client, TARGET)
    assert view is not None
    assert view.ended
    assert list(view.virtual_machines) == ["w"]
    assert view.virtual_machines["w"].public_ip == "20.1.2.3"


async def test_get_of_what_is_not_there_is_none(client: ArmClient, arm: FakeArm) -> None:
    arm.error(404, "DeploymentNotFound")
    assert await deployments.get(client, TARGET) is None


@pytest.mark.parametrize(("status", "active"), [(204, True), (409, False), (404, False)])
async def test_cancel_tells_whether_it_was_active(
    client: ArmClient, arm: FakeArm, status: int, active: bool
) -> None:
    if status == 204:
        arm.answer(204)
    else:
        arm.error(status, "DeploymentNotFound" if status == 404 else "DeploymentCannotBeCancelled")
    assert await deployments.cancel(client, TARGET) is active
    assert (arm.seen[0].method, arm.seen[0].path) == ("POST", f"{TARGET.id}/cancel")


async def test_operations_open_the_nested_deployment_and_name_the_vms(
    client: ArmClient, arm: FakeArm
) -> None:
    nested = f"{NAME}-resources"
    arm.answer(
        200,
        {
            "value": [
                operation("Microsoft.Resources/deployments", nested, "Failed", {"code": "DeploymentFailed"}),
                operation("Microsoft.Resources/resourceGroups", "g", "Succeeded"),
            ]
        },
    )
    allocation = {"code": "ZonalAllocationFailed", "message": "no capacity in zone 2"}
    arm.answer(
        200,
        {
            "value": [
                operation("Microsoft.Compute/virtualMachines", "k0s-worker-1", "Failed", allocation),
                operation("Microsoft.Compute/virtualMachines", "k0s-worker-2", "Succeeded"),
                {
                    "properties": {
                        "provisioningOperation": "EvaluateDeploymentOutput",
                        "provisioningState": "Running",
                    }
                },
            ]
        },
    )
    found = await deployments.operations(client, TARGET)
    assert arm.seen[1].path == f"{GROUP}/providers/Microsoft.Resources/deployments/{nested}/operations"
    assert len(arm.seen) == 2
    reasons = deployments.failed_vms(found)
    assert list(reasons) == ["k0s-worker-1"]
    assert reasons["k0s-worker-1"].code == "ZonalAllocationFailed"
    assert "no capacity in zone 2" in reasons["k0s-worker-1"].message
    failed = deployments.DeploymentView(TARGET.id, NAME, "subscription", "Failed")
    error = deployments.failure(failed, found)
    assert (error.code, error.resource_id) == ("ZonalAllocationFailed", f"{MACHINES}/k0s-worker-1")


async def test_a_nested_deployment_that_is_gone_leaves_its_own_reason(
    client: ArmClient, arm: FakeArm
) -> None:
    cause = {
        "code": "DeploymentFailed",
        "details": [{"code": "ResourceGroupBeingDeleted", "message": "going"}],
    }
    arm.answer(200, {"value": [operation("Microsoft.Resources/deployments", "nested", "Failed", cause)]})
    arm.error(404, "ResourceGroupNotFound")
    found = await deployments.operations(client, TARGET)
    assert [error.code for each in found for error in each.errors] == ["ResourceGroupBeingDeleted"]


async def test_a_failure_without_operations_uses_the_record(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(
        200, record("Failed", error={"code": "DeploymentFailed", "details": [{"code": "QuotaExceeded"}]})
    )
    view = await deployments.get(client, TARGET)
    assert view is not None
    assert deployments.failure(view, []).code == "QuotaExceeded"


async def test_vms_cost_two_requests_for_any_number(client: ArmClient, arm: FakeArm) -> None:
    ids = [f"{MACHINES}/vm-{n}" for n in range(150)]
    arm.answer(
        200,
        {
            "value": [
                {
                    "id": each,
                    "name": each.rsplit("/", 1)[1],
                    "zones": ["2"],
                    "tags": {"a": "b"},
                    "properties": {"provisioningState": "Succeeded", "hardwareProfile": {"vmSize": "S"}},
                }
                for each in ids
            ]
        },
    )
    statuses = [
        {"code": "ProvisioningState/succeeded"},
        {"code": "PowerState/running", "displayStatus": "VM running"},
    ]
    arm.answer(
        200,
        {
            "value": [
                {"id": each.upper(), "properties": {"instanceView": {"statuses": statuses}}} for each in ids
            ]
        },
    )
    found = await inventory.virtual_machines(client, SUBSCRIPTION, "g")
    assert len(found) == 150
    assert len(arm.seen) == 2
    assert arm.seen[1].query["statusOnly"] == "true"
    first = found[0]
    assert (first.name, first.power_state, first.zone, first.size) == ("vm-0", "VM running", "2", "S")


async def test_vms_without_the_right_on_the_subscription_have_no_power_state(
    client: ArmClient, arm: FakeArm
) -> None:
    arm.answer(200, {"value": [{"id": f"{MACHINES}/a", "name": "a"}]})
    arm.error(403, "AuthorizationFailed")
    found = await inventory.virtual_machines(client, SUBSCRIPTION, "g")
    assert [(vm.name, vm.power_state) for vm in found] == [("a", "")]


async def test_a_group_that_is_gone_has_nothing_in_it(client: ArmClient, arm: FakeArm) -> None:
    for _ in range(3):
        arm.error(404, "ResourceGroupNotFound")
    assert await inventory.virtual_machines(client, SUBSCRIPTION, "g") == []
    assert await inventory.group_resources(client, SUBSCRIPTION, "g") is None
    assert await removal.group_gone(client, SUBSCRIPTION, "g")


@pytest.mark.parametrize(
    "body", [{"error": {"code": "SubscriptionNotFound", "message": "x"}}, b"<html>404</html>"]
)
async def test_what_this_login_does_not_see_does_not_pass_for_gone(
    client: ArmClient, arm: FakeArm, body: object
) -> None:
    for _ in range(7):
        arm.answer(404, body)
    with pytest.raises(AzureRequestError):
        await removal.group_gone(client, SUBSCRIPTION, "g")
    with pytest.raises(AzureRequestError):
        await removal.delete_group(client, SUBSCRIPTION, "g")
    with pytest.raises(AzureRequestError):
        await inventory.group_resources(client, SUBSCRIPTION, "g")
    with pytest.raises(AzureRequestError):
        await removal.delete_deployment_record(client, TARGET)
    with pytest.raises(AzureRequestError):
        await inventory.virtual_machines(client, SUBSCRIPTION, "g")
    with pytest.raises(AzureRequestError):
        await deployments.get(client, TARGET)
    with pytest.raises(AzureRequestError):
        await deployments.operations(client, TARGET)


async def test_addresses_come_in_one_list(client: ArmClient, arm: FakeArm) -> None:
    properties = {"ipAddress": "20.0.0.1", "dnsSettings": {"fqdn": "f"}}
    arm.answer(200, {"value": [{"id": "i", "name": "n", "properties": properties}, {"id": "j", "name": "m"}]})
    found = await inventory.addresses(client, SUBSCRIPTION, "g")
    assert [(each.name, each.ip, each.fqdn) for each in found] == [("n", "20.0.0.1", "f"), ("m", "", "")]


async def test_deleting_a_group_cancels_its_deployment_first(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(204)
    arm.answer(202, None)
    assert await removal.delete_group(client, SUBSCRIPTION, "g", deployment=TARGET)
    assert [(seen.method, seen.path) for seen in arm.seen] == [
        ("POST", f"{TARGET.id}/cancel"),
        ("DELETE", GROUP),
    ]


async def test_deleting_a_group_that_is_not_there(client: ArmClient, arm: FakeArm) -> None:
    arm.error(404, "ResourceGroupNotFound")
    assert not await removal.delete_group(client, SUBSCRIPTION, "g")


async def test_a_locked_group_is_told(client: ArmClient, arm: FakeArm) -> None:
    arm.error(
        409, "ScopeLocked", "The scope cannot perform delete operation because following scope(s) are locked"
    )
    with pytest.raises(AzureRequestError) as caught:
        await removal.delete_group(client, SUBSCRIPTION, "g")
    assert "az lock" in (caught.value.hint or "")


def listed(*paths: str) -> list[ResourceView]:
    """What was listed, and proven to be ours."""
    return [
        ResourceView(
            id=f"{GROUP}/providers/{path}",
            type=path.rpartition("/")[0],
            name=path.rpartition("/")[2],
            provisioning_state="Succeeded",
            tags={},
        )
        for path in paths
    ]


async def test_in_a_users_group_resources_go_in_order(client: ArmClient, arm: FakeArm) -> None:
    vm, nic = "Microsoft.Compute/virtualMachines/a", "Microsoft.Network/networkInterfaces/aVMNic"
    vnet, nsg = "Microsoft.Network/virtualNetworks/v", "Microsoft.Network/networkSecurityGroups/n"
    memory = removal.Removal()

    arm.answer(202, None)
    assert len(await removal.delete_resources(client, listed(vnet, nsg, nic, vm), memory=memory)) == 4
    # The VM is still going: nothing is asked again.
    await removal.delete_resources(client, listed(vnet, nsg, nic, vm), memory=memory)

    arm.answer(202, None)  # it took its NIC along
    await removal.delete_resources(client, listed(vnet, nsg), memory=memory)
    arm.error(400, "InUseNetworkSecurityGroupCannotBeDeleted")
    await removal.delete_resources(client, listed(nsg), memory=memory)
    arm.answer(204)
    await removal.delete_resources(client, listed(nsg), memory=memory)

    assert await removal.delete_resources(client, [], memory=memory) == []
    deleted = [seen.path.rsplit("/providers/", 1)[1] for seen in arm.seen]
    assert deleted == [vm, vnet, nsg, nsg]
    assert {seen.method for seen in arm.seen} == {"DELETE"}


async def test_a_kind_that_is_never_made_is_never_deleted(client: ArmClient, arm: FakeArm) -> None:
    snapshot = listed("Microsoft.Compute/snapshots/s")
    assert await removal.delete_resources(client, snapshot, memory=removal.Removal()) == []
    assert arm.seen == []


async def test_a_missing_right_ends_the_removal(client: ArmClient, arm: FakeArm) -> None:
    arm.error(403, "AuthorizationFailed")
    vm = listed("Microsoft.Compute/virtualMachines/a")
    memory = removal.Removal()
    await removal.delete_resources(client, vm, memory=memory)
    trouble = memory.troubles.final(0.0)
    assert trouble is not None
    assert (trouble.code, trouble.resource_id) == ("AuthorizationFailed", vm[0].id)


async def test_a_missing_deployment_record_is_well(client: ArmClient, arm: FakeArm) -> None:
    arm.error(404, "DeploymentNotFound")
    await removal.delete_deployment_record(client, TARGET)
    assert arm.seen[0].method == "DELETE"


# Subscriptions ----------------------------------------------------------------------------------------------

OTHER = "99999999-2222-3333-4444-555555555555"


def subscription(identity: str, name: str, state: str = "Enabled") -> dict[str, object]:
    return {"subscriptionId": identity, "displayName": name, "state": state}


def profile(folder: Path, cloud: str) -> dict[str, str]:
    entries = [
        {"id": OTHER, "isDefault": False, "environmentName": cloud},
        {"id": SUBSCRIPTION, "isDefault": True, "environmentName": cloud},
    ]
    text = json.dumps({"subscriptions": entries})
    (folder / "azureProfile.json").write_text(text, encoding="utf-8-sig")  # az writes a byte order mark
    return {"AZURE_CONFIG_DIR": str(folder)}


async def test_an_id_that_is_known_costs_no_request(client: ArmClient, arm: FakeArm, tmp_path: Path) -> None:
    environ = {**profile(tmp_path, "TestCloud"), "AZURE_SUBSCRIPTION_ID": OTHER}
    assert await subscriptions.pick(client, SUBSCRIPTION.upper(), environ=environ) == SUBSCRIPTION
    assert await subscriptions.pick(client, None, environ=environ) == OTHER
    del environ["AZURE_SUBSCRIPTION_ID"]
    assert await subscriptions.pick(client, None, environ=environ) == SUBSCRIPTION
    assert arm.seen == []


async def test_azs_default_of_another_cloud_is_not_ours(
    client: ArmClient, arm: FakeArm, tmp_path: Path
) -> None:
    arm.answer(200, {"value": [subscription(OTHER, "only"), subscription(SUBSCRIPTION, "off", "Disabled")]})
    assert await subscriptions.pick(client, None, environ=profile(tmp_path, "AzureCloud")) == OTHER


async def test_a_name_is_looked_up(client: ArmClient, arm: FakeArm, tmp_path: Path) -> None:
    arm.answer(200, {"value": [subscription(OTHER, "Dev"), subscription(SUBSCRIPTION, "Prod")]})
    environ = {"AZURE_CONFIG_DIR": str(tmp_path)}
    assert await subscriptions.pick(client, "prod", environ=environ) == SUBSCRIPTION


@pytest.mark.parametrize(
    ("names", "wanted"), [([], None), (["a", "b"], None), (["a"], "x"), (["x", "x"], "x")]
)
async def test_no_or_several_subscriptions_are_asked_about(
    client: ArmClient, arm: FakeArm, tmp_path: Path, names: list[str], wanted: str | None
) -> None:
    arm.answer(200, {"value": [subscription(OTHER, name) for name in names]})
    with pytest.raises(AzureError) as caught:
        await subscriptions.pick(client, wanted, environ={"AZURE_CONFIG_DIR": str(tmp_path)})
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", '{"subscriptions": 7}', "[" * 100_000])
def test_a_broken_az_profile_is_no_profile(tmp_path: Path, content: str) -> None:
    (tmp_path / "azureProfile.json").write_text(content)
    assert subscriptions.az_default("AzureCloud", {"AZURE_CONFIG_DIR": str(tmp_path)}) is None


async def test_conditions_are_read_from_what_a_list_has(client: ArmClient, arm: FakeArm) -> None:
    """Azure promises an instance view with `statusOnly`, and little beside it."""

    def listed(name: str, *codes: str, **properties: object) -> dict[str, object]:
        view = {"statuses": [{"code": code, "displayStatus": f"shown {code}"} for code in codes]}
        return {"id": f"{MACHINES}/{name}", "properties": {"instanceView": view, **properties}}

    arm.answer(
        200,
        {
            "value": [
                listed("a", "ProvisioningState/succeeded", "PowerState/running"),
                listed("b", "ProvisioningState/failed/AllocationFailed"),
                listed("c", provisioningState="Updating"),
                {"id": f"{MACHINES}/d"},
            ]
        },
    )
    found = await inventory.vm_statuses(client, SUBSCRIPTION)
    assert [(each.id[-1], each.provisioning_state, each.power_state) for each in found] == [
        ("a", "Succeeded", "VM running"),
        ("b", "Failed", ""),
        ("c", "Updating", ""),
        ("d", "", ""),
    ]
    assert arm.seen[0].query["statusOnly"] == "true"


async def test_a_listed_group_that_is_gone_is_empty(client: ArmClient, arm: FakeArm) -> None:
    for _ in range(2):
        arm.error(404, "ResourceGroupNotFound")
    assert await inventory.group_vm_statuses(client, SUBSCRIPTION, "g") == []
    assert await inventory.addresses(client, SUBSCRIPTION, "g") == []
    arm.error(404, "SubscriptionNotFound")
    with pytest.raises(AzureRequestError):
        await inventory.addresses(client, SUBSCRIPTION, "g")
