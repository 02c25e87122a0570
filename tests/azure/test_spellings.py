"""What Azure compares without case is read in one spelling, without what other programs left around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k0rdent_azure.azure import drift_properties, inventory, skus, subscriptions
from k0rdent_azure.azure.arm_errors import ArmError, vm_of
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.discovery import Candidate, Discovery
from k0rdent_azure.azure.drift_facts import ADDRESS, VM, flatten, listed
from k0rdent_azure.azure.merged_lists import rules_in_the_way
from k0rdent_azure.azure.resources import disk_type
from k0rdent_azure.azure.survey import _power_states
from k0rdent_azure.cli.surroundings import settle
from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.normal import spelled
from k0rdent_azure.errors import AzureError
from k0rdent_azure.phases import rebuild_config
from tests.azure.conftest import FakeArm
from tests.config.conftest import ANCESTOR

ID = "0f0e0d0c-0b0a-0908-0706-050403020100"
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("path", "given", "spelling"),
    [
        ("azure.location", "West Europe", "westeurope"),
        ("azure.location", "EASTUS2", "eastus2"),
        ("azure.location", " East US 2 ", "eastus2"),
        ("azure.location", "US Gov Virginia", "usgovvirginia"),
        ("azure.location", "West Middle", "West Middle"),
        ("azure.subscription_id", ID.upper(), ID),
        ("azure.subscription_id", f"{{{ID}}}", ID),
        ("azure.subscription_id", f'"{ID}" ', ID),
        ("azure.subscription_id", "mine", "mine"),
        ("vm_sizing.worker.size", "standard_d2S_V5", "Standard_D2s_v5"),
        ("vm_sizing.worker.size", "STANDARD_NC24ADS_a100_v4", "Standard_NC24ads_A100_v4"),
        ("vm_sizing.controller.size", "standard_DS13-4_V2", "Standard_DS13-4_v2"),
        ("vm_sizing.controller.size", "standard_d2_v2_PROMO", "Standard_D2_v2_Promo"),
        ("vm_sizing.controller.size", "D2", "D2"),
        ("azure.vm_image", "debian:Debian-12:12-gen2:LATEST", "debian:Debian-12:12-gen2:latest"),
        ("azure.resource_group", " My-Group ", "My-Group"),
        ("ssh.key_comment", " As It Is ", " As It Is "),
    ],
)
def test_a_setting_has_one_spelling(path: str, given: str, spelling: str) -> None:
    assert spelled(path, given) == spelling


@pytest.mark.parametrize("as_variable", [True, False])
def test_the_spelling_is_the_same_from_the_file_a_variable_and_a_flag(as_variable: bool) -> None:
    given = {"azure.location": "Southeast Asia", "vm_sizing.worker.size": "standard_d16PLS_v6"}
    named = {f"K0RDENT_AZURE_{path.replace('.', '_').upper()}": text for path, text in given.items()}
    loaded = load_bytes(
        ANCESTOR.replace("southeastasia", "SouthEastAsia").encode(),
        environ=named if as_variable else {},
        overrides={} if as_variable else given,
    ).config
    assert loaded.azure.location == "southeastasia"
    assert loaded.vm_sizing.worker.size == "Standard_D16pls_v6"


@pytest.mark.parametrize("size", ["standard_d2s_v5", "Standard_D2S_v5", "STANDARD_DS2_V2"])
def test_the_disk_follows_from_the_size_in_any_case(size: str) -> None:
    assert disk_type(size) == "Premium_LRS"


@pytest.mark.parametrize("left", ["{}\n", "{}\r\n", ' "{}" ', "'{}'", "\t{}", "\ufeff{}"])
@pytest.mark.parametrize("spelling", [ID, ID.upper()])
async def test_a_subscription_from_a_variable_is_cleaned(
    client: ArmClient, left: str, spelling: str, tmp_path: Path
) -> None:
    environ = {"AZURE_SUBSCRIPTION_ID": left.format(spelling), "AZURE_CONFIG_DIR": str(tmp_path)}
    assert await subscriptions.pick(client, None, environ=environ) == ID


@pytest.mark.parametrize("empty", ["", " ", "\r\n", '""'])
async def test_a_variable_with_nothing_in_it_is_not_set(
    client: ArmClient, empty: str, tmp_path: Path
) -> None:
    entry = {"id": OTHER.upper(), "isDefault": True, "environmentName": "testcloud"}
    (tmp_path / "azureProfile.json").write_text(json.dumps({"subscriptions": [entry]}), encoding="utf-8-sig")
    environ = {"AZURE_SUBSCRIPTION_ID": empty, "AZURE_CONFIG_DIR": f"{tmp_path}\r\n"}
    assert await subscriptions.pick(client, None, environ=environ) == OTHER


async def test_what_is_no_id_in_the_profile_of_az_is_no_subscription(
    client: ArmClient, arm: FakeArm, tmp_path: Path
) -> None:
    entry = {"id": "../../x", "isDefault": True, "environmentName": "AzureCloud"}
    (tmp_path / "azureProfile.json").write_text(json.dumps({"subscriptions": [entry]}), encoding="utf-8")
    arm.answer(200, {"value": [{"subscriptionId": ID.upper(), "displayName": "a", "state": "ENABLED"}]})
    assert await subscriptions.pick(client, None, environ={"AZURE_CONFIG_DIR": str(tmp_path)}) == ID


async def test_a_name_that_nobody_sees_is_shown_without_its_control_characters(
    client: ArmClient, arm: FakeArm, tmp_path: Path
) -> None:
    arm.answer(200, {"value": []})
    environ = {"AZURE_SUBSCRIPTION_ID": "a\x1b[31mb", "AZURE_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(AzureError) as raised:
        await subscriptions.pick(client, None, environ=environ)
    assert raised.value.message.isprintable()


def test_the_variables_of_azures_tools_are_cleaned_once_for_everybody() -> None:
    environ = {
        "PATH": "/bin",
        "AZURE_TENANT_ID": f'"{ID}"\r\n',
        "AZURE_CLIENT_ID": f" {ID}\n",
        "AZURE_CLIENT_SECRET": "'it is mine'\r\n",
        "AZURE_CONFIG_DIR": "/x/.azure\r",
        "AZURE_SUBSCRIPTION_ID": "\n",
    }
    settle(environ)
    cleaned = {name: value for name, value in environ.items() if name.startswith("AZURE_")}
    assert cleaned == {
        "AZURE_TENANT_ID": ID,
        "AZURE_CLIENT_ID": ID,
        "AZURE_CLIENT_SECRET": "'it is mine'",
        "AZURE_CONFIG_DIR": "/x/.azure",
    }


@pytest.mark.parametrize("code", ["PowerState/running", "powerstate/Running", "POWERSTATE/RUNNING"])
def test_a_power_state_has_one_word_for_all_who_read_it(code: str) -> None:
    body: dict[str, object] = {
        "id": "/x/VM",
        "properties": {
            "provisioningState": "SUCCEEDED",
            "instanceView": {"statuses": [{"code": code, "displayStatus": "vm RUNNING"}]},
        },
    }
    seen = inventory.status_of(body)
    assert (seen.power_state, seen.provisioning_state) == ("VM running", "Succeeded")
    assert _power_states([body])["/x/vm"].text == "running"


@pytest.mark.parametrize(
    ("state", "meant"), [("failed", "Failed"), ("DELETING", "Deleting"), ("SomethingNew", "SomethingNew")]
)
def test_a_provisioning_state_has_one_spelling(state: str, meant: str) -> None:
    assert inventory.status_of({"properties": {"provisioningState": state}}).provisioning_state == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("microsoft.compute/virtualmachines", VM),
        ("MICROSOFT.NETWORK/PUBLICIPADDRESSES", ADDRESS),
        ("Acme.Thing/boxes", "Acme.Thing/boxes"),
    ],
)
def test_a_resource_type_has_one_spelling(given: str, meant: str) -> None:
    body: dict[str, object] = {
        "id": "/x",
        "type": given,
        "name": "x",
        "location": "West Europe",
        "zones": ["2"],
    }
    assert {each.type for each in (*flatten(body), listed(body))} == {meant}
    assert flatten(body)[0].fields["location"].key == "westeurope"
    assert ("zone" in flatten(body)[0].fields) == (meant == VM)


async def test_sizes_of_a_region_are_found_by_its_display_name(client: ArmClient, arm: FakeArm) -> None:
    item = {
        "resourceType": "virtualMachines",
        "name": "Standard_D2s_v5",
        "locations": ["West Europe"],
        "locationInfo": [{"location": "West Europe", "zones": ["1", "2"]}],
        "capabilities": [
            {"name": "vCPUs", "value": "2"},
            {"name": "MemoryGB", "value": "8"},
            {"name": "LowPriorityCapable", "value": "true"},
        ],
        "restrictions": [
            {"type": "zone", "values": ["WestEurope"], "restrictionInfo": {"zones": ["2"]}},
        ],
    }
    arm.answer(200, {"value": [item]})
    (found,) = await skus.vm_sizes(client, ID, "westeurope")
    assert (found.zones, found.spot, found.offered) == (("1",), True, True)


async def test_what_a_size_can_do_is_read_in_any_case(client: ArmClient, arm: FakeArm) -> None:
    item = {
        "resourceType": "VirtualMachines",
        "name": "Standard_D2ps_v5",
        "locationInfo": [{"location": "westeurope", "zones": [1, "2 ", "3"]}],
        "capabilities": [
            {"name": "VCPUs", "value": "2"},
            {"name": "memoryGb", "value": " 8"},
            {"name": "cpuArchitectureType", "value": "ARM64"},
            {"name": "HyperVGenerations", "value": "v1, V2"},
        ],
        "restrictions": [{"type": "Zone", "restrictionInfo": {"locations": ["westeurope"], "zones": [3]}}],
    }
    arm.answer(200, {"value": [item]})
    (found,) = await skus.vm_sizes(client, ID, "westeurope")
    assert (found.zones, found.architecture, found.generations) == (("1", "2"), "Arm64", ("V1", "V2"))


@pytest.mark.parametrize("zones", [["2"], [2], ["2 "], [" 2", "3"]])
def test_a_zone_is_one_zone_as_a_number_and_with_space(zones: list[object]) -> None:
    body = {"id": "/x", "type": VM, "name": "x", "zones": zones}
    assert flatten(body)[0].fields["zone"].key == "2"


@pytest.mark.parametrize("priority", ["Low", "low", "spot", "SPOT"])
def test_a_spot_vm_has_one_priority_and_interfaces_one_option(priority: str) -> None:
    links = [
        {"id": f"/n{at}", "properties": {"deleteOption": each}}
        for at, each in enumerate(("Delete", "delete"))
    ]
    facts = drift_properties.vm({"priority": priority, "networkProfile": {"networkInterfaces": links}})
    assert facts["priority"].key == "spot"
    assert facts["nic_delete_option"].key == "delete"


@pytest.mark.parametrize("priority", [1000, "1000", " 1000"])
@pytest.mark.parametrize("direction", ["Inbound", "INBOUND", "inbound "])
def test_a_rule_has_its_place_also_if_its_priority_is_a_text(priority: object, direction: str) -> None:
    def rule(name: str, priority: object, direction: str) -> dict[str, object]:
        return {"name": name, "properties": {"priority": priority, "direction": direction}}

    found = rules_in_the_way([rule("Theirs", priority, direction)], [rule("Ours", 1000, "Inbound")])
    assert [(each.ours, each.theirs, each.priority) for each in found] == [("Ours", "Theirs", 1000)]


def test_a_configuration_is_rebuilt_from_resources_whose_words_are_in_other_cases() -> None:
    tags = {
        "K0rdent-Azure-Deployment": "k0rdent-abcd1234",
        "K0RDENT-AZURE-HOST": "k0s-controller",
        "k0rdent-azure-Role": "controller",
        "K0rdent-azure-Wireguard-IP": "172.24.24.11",
        "K0RDENT-azure-OWNER": "jane",
        "Cost": "1",
    }
    name = "k0s-controller"
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0zU0ZbI9zv0zqGZ7k5aTgC9C1u9oJm0mSLe0Yv3yGJ"
    vm = {
        "name": name,
        "location": "westeurope",
        "tags": tags,
        "zones": [2],
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "priority": "spot",
            "evictionPolicy": "delete",
            "osProfile": {
                "linuxConfiguration": {"ssh": {"publicKeys": [{"keyData": f"\ufeff{key} me\r\n"}]}}
            },
        },
    }
    opened = [
        ("ALLOWSSH", {"sourceAddressPrefixes": ["192.0.2.0/24"]}),
        ("allowwireguard", {"destinationPortRanges": ["51999"]}),
    ]
    subnet = {"properties": {"addressPrefixes": ["10.0.1.0/24"]}}
    network = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
    rules = [{"name": each, "properties": properties} for each, properties in opened]
    found = Discovery(
        candidate=Candidate("k0rdent-abcd1234", "k0rdent-abcd1234-rg", owned=True),
        subscription=ID,
        record=None,
        vms={name: vm},
        power={},
        addresses={"x": {"tags": tags}},
        vnet={"properties": network},
        nsg={"properties": {"securityRules": rules}},
    )
    plan = rebuild_config.wanted(found, None, cloud="AzureCloud")
    config = plan.config
    assert (config.azure.vm_priority, config.azure.eviction_policy) == ("Spot", "Delete")
    assert (config.cluster.controllers.count, list(config.cluster.controllers.zones)) == (1, [2])
    assert config.vm_sizing.controller.size == "Standard_D4s_v5"
    assert config.network.wireguard_port == 51999
    assert str(config.network.subnet_prefix) == "10.0.1.0/24"
    assert [str(each) for each in config.network.allowed_ssh_sources] == ["192.0.2.0/24"]
    assert config.metadata.owner == "jane"
    assert dict(config.azure.tags) == {"Cost": "1"}
    assert plan.public_key == f"{key} me"


@pytest.mark.parametrize("spelled", ["{}/", "{} ", "https://management.azure.com{}?api-version=1"])
def test_an_id_with_something_around_it_is_of_the_same_resource(spelled: str) -> None:
    vm = f"/subscriptions/{ID}/resourceGroups/g/providers/{VM}/k0s-worker-1"
    status = {"properties": {"instanceView": {"statuses": [{"code": "PowerState/running"}]}}}
    nic = spelled.format(f"{vm.replace(VM, 'Microsoft.Network/networkInterfaces')}VMNic")
    assert list(_power_states([{"id": spelled.format(vm.upper()), **status}])) == [vm.lower()]
    assert vm_of(spelled.format(vm)) == vm_of(nic) == "k0s-worker-1"
    facts = drift_properties.vm({"networkProfile": {"networkInterfaces": [{"id": nic}]}})
    assert facts["network_interfaces"].text == "k0s-worker-1VMNic"
    owner = spelled.format(f"{vm}/ipConfigurations/primary")
    assert drift_properties.address({"ipConfiguration": {"id": owner}})["attached_to"].text == "k0s-worker-1"
    assert ArmError("X", "", spelled.format(vm)).resource_id == vm
