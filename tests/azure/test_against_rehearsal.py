"""The real client and the real credential over HTTPS against the rehearsal cloud."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from k0rdent_azure.azure import deployments, inventory, removal, subscriptions, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.credentials import client_secret_credential
from k0rdent_azure.azure.deployments import DeploymentTarget, DeploymentView
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT
from k0rdent_azure.azure.template import Template, build
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.errors import AuthenticationError, AzureRequestError
from k0rdent_azure.rehearsal import faults, service
from k0rdent_azure.rehearsal.endpoint import Endpoint
from tests.azure.conftest import make_config
from tests.somebody import colleague

#: Cloud seconds per real second: a VM of eight minutes comes up in under two seconds.
SPEED = 300.0
NAME = "k0rdent-abcd1234"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtl admin"
CONFIG = make_config(controllers=1, workers=2)
HOSTS = hosts(CONFIG)
CUSTOM_DATA = {host.name: f"#cloud-config\n# {host.name}\n" for host in HOSTS}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Endpoint]:
    directory = tmp_path / "cloud"
    yield service.start(directory, speed=SPEED, seed=7)
    service.stop(directory)


def connect(cloud: Endpoint, secret: str | None = None) -> ArmClient:
    environment = AzureEnvironment(
        name="rehearsal",
        arm_endpoint=cloud.arm_endpoint,
        audience=cloud.arm_endpoint,
        authority=cloud.authority,
    )
    credential = client_secret_credential(
        cloud.authority, cloud.tenant, cloud.client_id, secret or cloud.client_secret, Path(cloud.ca_file)
    )
    return ArmClient(
        environment=environment,
        credential=credential,
        ledger=Ledger("test"),
        clock=SystemClock(cloud.speed),
        ca_file=Path(cloud.ca_file),
    )


@pytest.fixture
async def client(cloud: Endpoint) -> AsyncIterator[ArmClient]:
    async with connect(cloud) as made:
        yield made


def template(group: str | None = None) -> Template:
    return build(CONFIG, Names(NAME, group), HOSTS, ssh_public_key=KEY, admin_username="k0rdent")


def requests(directory: Path) -> list[dict[str, object]]:
    """The cloud's own log, without what is not ARM's."""
    lines = (directory / "requests.jsonl").read_text().splitlines()
    return [entry for line in lines if str((entry := json.loads(line))["path"]).startswith("/subscriptions")]


async def finished(client: ArmClient, target: DeploymentTarget) -> DeploymentView:
    for _ in range(200):
        view = await deployments.get(client, target)
        assert view is not None
        if view.ended:
            return view
        await client.clock.sleep(30)
    raise AssertionError("the deployment does not end")


async def test_a_wrong_secret_is_an_authentication_error(cloud: Endpoint) -> None:
    async with connect(cloud, secret="wrong") as client:
        with pytest.raises(AuthenticationError):
            await client.list("/subscriptions", api_version=versions.SUBSCRIPTIONS)


async def test_a_deployment_from_put_to_nothing_left(
    cloud: Endpoint, client: ArmClient, tmp_path: Path
) -> None:
    subscription = await subscriptions.pick(client, None, environ={"AZURE_CONFIG_DIR": str(tmp_path)})
    assert subscription == cloud.subscription_id
    target = DeploymentTarget(subscription, NAME)
    group = f"{NAME}-resgrp"
    assert await deployments.get(client, target) is None

    accepted = await deployments.put(client, target, template(), CUSTOM_DATA)
    assert not accepted.ended
    assert accepted.correlation_id
    with pytest.raises(AzureRequestError) as active:
        await deployments.put(client, target, template(), CUSTOM_DATA)
    assert active.value.code == "DeploymentActive"

    done = await finished(client, target)
    assert done.provisioning_state == "Succeeded"
    assert done.parameters["deployment"] == template().record
    assert "customData" not in done.parameters
    machines = done.virtual_machines
    assert sorted(machines) == sorted(host.name for host in HOSTS)
    for host in HOSTS:
        vm = machines[host.name]
        assert vm.private_ip == host.private_ip
        assert vm.fqdn == f"{NAME}-{host.name}.southeastasia.cloudapp.azure.com"
        assert vm.id.endswith(
            f"/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{host.name}"
        )

    found = {vm.name: vm for vm in await inventory.virtual_machines(client, subscription, group)}
    assert {vm.power_state for vm in found.values()} == {"VM running"}
    assert [found[host.name].zone for host in HOSTS] == [host.zone for host in HOSTS]
    assert found["k0s-worker-2"].tags["k0rdent-azure-wireguard-ip"] == "172.24.24.13"
    addresses = {each.id.lower(): each.ip for each in await inventory.addresses(client, subscription, group)}
    assert addresses == {vm.public_ip_id.lower(): vm.public_ip for vm in machines.values()}
    operations = await deployments.operations(client, target)
    assert {each.provisioning_state for each in operations} == {"Succeeded"}
    assert len([each for each in operations if each.resource_type.endswith("/virtualMachines")]) == len(HOSTS)

    await deployments.put(client, target, template(), CUSTOM_DATA)
    again = await finished(client, target)
    assert again.virtual_machines == machines

    assert await removal.delete_group(client, subscription, group, deployment=target)
    for _ in range(200):
        if await removal.group_gone(client, subscription, group):
            break
        await client.clock.sleep(30)
    assert await inventory.resource_group(client, subscription, group) is None
    assert await inventory.virtual_machines(client, subscription, group) == []
    await removal.delete_deployment_record(client, target)
    assert await deployments.get(client, target) is None

    ours = [(entry.method, entry.status) for entry in client.ledger.entries]
    assert ours == [(entry["method"], entry["status"]) for entry in requests(tmp_path / "cloud")]


async def test_in_a_users_group_only_what_is_ours_goes(cloud: Endpoint, client: ArmClient) -> None:
    subscription = cloud.subscription_id
    path = inventory.group_id(subscription, "shared")
    target = DeploymentTarget(subscription, NAME, "shared")
    with pytest.raises(AzureRequestError) as missing:
        await deployments.put(client, target, template("shared"), CUSTOM_DATA)
    assert missing.value.code == "ResourceGroupNotFound"

    async with colleague(cloud, client.clock) as somebody:
        group = {"location": "southeastasia", "tags": {}}
        await somebody.request("PUT", path, api_version=versions.RESOURCES, body=group)
        await _deploy_a_foreign_address(somebody, subscription)
    await deployments.put(client, target, template("shared"), CUSTOM_DATA)
    done = await finished(client, target)
    assert done.provisioning_state == "Succeeded", done.error
    assert len(done.virtual_machines) == len(HOSTS)

    memory = removal.Removal()
    for _ in range(200):
        listed = await inventory.group_resources(client, subscription, "shared") or []
        ours = [each for each in listed if each.tags.get(TAG_DEPLOYMENT) == NAME]
        if not await removal.delete_resources(client, ours, memory=memory):
            break
        await client.clock.sleep(30)
    theirs = await inventory.group_resources(client, subscription, "shared") or []
    assert [each for each in theirs if each.tags.get(TAG_DEPLOYMENT) == NAME] == []
    everything = await client.list(f"{path}/resources", api_version=versions.RESOURCES)
    assert [each["name"] for each in everything] == ["foreign"]
    deleted = [entry.path for entry in client.ledger.entries if entry.method == "DELETE"]
    assert not [each for each in deleted if "networkInterfaces" in each or "publicIPAddresses" in each]


async def _deploy_a_foreign_address(client: ArmClient, subscription: str) -> None:
    address = {
        "type": "Microsoft.Network/publicIPAddresses",
        "apiVersion": versions.NETWORK,
        "name": "foreign",
        "location": "southeastasia",
        "tags": {TAG_DEPLOYMENT: "another-deployment"},
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    body = {
        "properties": {
            "mode": "Incremental",
            "template": {"$schema": schema, "contentVersion": "1.0.0.0", "resources": [address]},
        }
    }
    target = DeploymentTarget(subscription, "foreign", "shared")
    await client.request("PUT", target.id, api_version=versions.DEPLOYMENTS, body=body)
    assert (await finished(client, target)).provisioning_state == "Succeeded"


async def test_a_vm_without_capacity_is_named_and_tried_again(
    cloud: Endpoint, client: ArmClient, tmp_path: Path
) -> None:
    target = DeploymentTarget(cloud.subscription_id, NAME)
    faults.add(tmp_path / "cloud", faults.Fault(kind="ZonalAllocationFailed", vm="k0s-worker-1"))
    await deployments.put(client, target, template(), CUSTOM_DATA)
    failed = await finished(client, target)
    assert failed.provisioning_state == "Failed"
    operations = await deployments.operations(client, target)
    error = deployments.failure(failed, operations)
    assert error.code == "ZonalAllocationFailed"
    assert error.message.startswith("VM k0s-worker-1: ")
    assert (error.resource_id or "").endswith("/virtualMachines/k0s-worker-1")
    assert error.way == "either"
    assert list(deployments.failed_vms(operations)) == ["k0s-worker-1"]

    await deployments.put(client, target, template(), CUSTOM_DATA)
    done = await finished(client, target)
    assert done.provisioning_state == "Succeeded", done.error
    assert len(done.virtual_machines) == len(HOSTS)


@pytest.mark.parametrize(
    ("kind", "words"), [("SkuNotAvailable", "az vm list-skus"), ("QuotaExceeded", "Usage + quotas")]
)
async def test_what_the_check_refuses_starts_nothing(
    cloud: Endpoint, client: ArmClient, tmp_path: Path, kind: faults.Kind, words: str
) -> None:
    target = DeploymentTarget(cloud.subscription_id, NAME)
    faults.add(tmp_path / "cloud", faults.Fault(kind=kind))
    with pytest.raises(AzureRequestError) as refused:
        await deployments.put(client, target, template(), CUSTOM_DATA)
    assert refused.value.code == kind
    assert words in (refused.value.hint or "")
    assert await inventory.resource_group(client, cloud.subscription_id, f"{NAME}-resgrp") is None


async def test_a_lost_answer_and_a_throttled_request_are_overcome(
    cloud: Endpoint, client: ArmClient, tmp_path: Path
) -> None:
    directory = tmp_path / "cloud"
    target = DeploymentTarget(cloud.subscription_id, NAME)
    faults.add(directory, faults.Fault(kind="http", method="PUT", status=429, retry_after=20))
    await deployments.put(client, target, template(), CUSTOM_DATA)
    faults.add(directory, faults.Fault(kind="disconnect", method="GET"))
    view = await deployments.get(client, target)
    assert view is not None
    assert [entry.status for entry in client.ledger.entries][:2] == [429, 201]
    assert len(client.ledger.entries) == 4


async def test_a_cancelled_deployment_says_so(cloud: Endpoint, client: ArmClient) -> None:
    target = DeploymentTarget(cloud.subscription_id, NAME)
    assert not await deployments.cancel(client, target)
    await deployments.put(client, target, template(), CUSTOM_DATA)
    assert await deployments.cancel(client, target)
    view = await finished(client, target)
    assert view.provisioning_state == "Canceled"
    error = deployments.failure(view, await deployments.operations(client, target))
    assert error.way == "again"
    assert not await deployments.cancel(client, target)
