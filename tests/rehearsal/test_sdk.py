"""Microsoft's generated clients work on the rehearsal cloud: they make, poll, list, switch and delete."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientSecretCredential

from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.endpoint import Endpoint
from tests.rehearsal.arm_stage import KEY

pytest.importorskip(
    "azure.mgmt.network", reason="the development extras are not installed (make test does it)"
)

SPEED = 600.0


class CloudTime(RequestsTransport):  # type: ignore[misc]  # azure-core imports it lazily, as Any
    """Waits between two looks at an operation in cloud seconds."""

    def sleep(self, duration: float) -> None:
        time.sleep(duration / SPEED)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    yield service.start(tmp_path / "cloud", speed=SPEED, seed=7)
    service.stop(tmp_path / "cloud")


def client(endpoint: Endpoint, package: str, name: str) -> Any:
    """A client, as Microsoft's documentation makes one for another cloud."""
    trusted = str(endpoint.ca_file)
    credential = ClientSecretCredential(
        endpoint.tenant,
        endpoint.client_id,
        endpoint.client_secret,
        authority=endpoint.authority,
        disable_instance_discovery=True,
        connection_verify=trusted,
    )
    return getattr(importlib.import_module(package), name)(
        credential,
        endpoint.subscription_id,
        base_url=endpoint.arm_endpoint,
        credential_scopes=[f"{endpoint.arm_endpoint}/.default"],
        transport=CloudTime(connection_verify=trusted),
    )


def test_a_vm_from_its_group_to_its_end(endpoint: Endpoint) -> None:
    place = {"location": "southeastasia"}
    resource = client(endpoint, "azure.mgmt.resource.resources", "ResourceManagementClient")
    network = client(endpoint, "azure.mgmt.network", "NetworkManagementClient")
    compute = client(endpoint, "azure.mgmt.compute", "ComputeManagementClient")

    assert resource.resource_groups.create_or_update("rg", place).properties.provisioning_state == "Succeeded"
    group = network.network_security_groups.begin_create_or_update("rg", "nsg", place).result()
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    network.virtual_networks.begin_create_or_update("rg", "vnet", {**place, "properties": space}).result()
    inside = {"properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": group.id}}}
    subnet = network.subnets.begin_create_or_update("rg", "vnet", "a", inside).result()
    configuration = {"name": "primary", "properties": {"subnet": {"id": subnet.id}}}
    nic = network.network_interfaces.begin_create_or_update(
        "rg", "nic", {**place, "properties": {"ipConfigurations": [configuration]}}
    ).result()

    vm = compute.virtual_machines.begin_create_or_update("rg", "vm", {**place, **machine(nic.id)}).result()
    assert (vm.provisioning_state, vm.zones) == ("Succeeded", ["1"])
    assert [each.name for each in compute.virtual_machines.list("rg")] == ["vm"]
    compute.virtual_machines.begin_deallocate("rg", "vm").result()
    assert compute.virtual_machines.instance_view("rg", "vm").statuses[-1].code == "PowerState/deallocated"
    changed = compute.virtual_machines.begin_update("rg", "vm", {"tags": {"a": "b"}}).result()
    assert changed.tags == {"a": "b"}
    assert {each.name for each in resource.resources.list_by_resource_group("rg")} >= {
        "vm",
        "nic",
        "vnet",
        "nsg",
    }

    compute.virtual_machines.begin_delete("rg", "vm").result()
    assert list(compute.virtual_machines.list("rg")) == []
    resource.resource_groups.begin_delete("rg").result()
    assert list(resource.resource_groups.list()) == []


def machine(nic: str) -> dict[str, object]:
    """The body of a VM on one interface."""
    key = {"path": "/home/me/.ssh/authorized_keys", "keyData": KEY}
    image = {"publisher": "Debian", "offer": "debian-12", "sku": "12-arm64", "version": "latest"}
    return {
        "zones": ["1"],
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2pls_v6"},
            "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
            "osProfile": {
                "computerName": "vm",
                "adminUsername": "me",
                "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}},
            },
            "networkProfile": {"networkInterfaces": [{"id": nic}]},
        },
    }
