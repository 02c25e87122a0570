"""The template as data: complete, closed, the same each time, and free of secrets."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.azure.resources import disk_type
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_WIREGUARD_IP
from k0rdent_azure.azure.template import Template, build, rules_count
from k0rdent_azure.config.model import Config, NetworkSettings
from k0rdent_azure.config.topology import Names, hosts
from tests.azure.conftest import make_config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ admin"
MEGABYTE = 2**20


def make(config: Config, group: str | None = None) -> Template:
    return build(
        config, Names("k0rdent-5b8hxhz5", group), hosts(config), ssh_public_key=KEY, admin_username="k0rdent"
    )


def inner(template: Template) -> dict[str, object]:
    """The template of what stands in the group, wherever it is."""
    if template.scope == "group":
        return template.template
    nested = [
        item for item in _resources(template.template) if item["type"] == "Microsoft.Resources/deployments"
    ]
    assert len(nested) == 1
    found = _dict(nested[0]["properties"])["template"]
    return _dict(found)


def _dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _resources(template: dict[str, object]) -> list[dict[str, object]]:
    found = template["resources"]
    assert isinstance(found, list)
    return found


def of_type(template: Template, kind: str) -> list[dict[str, object]]:
    return [item for item in _resources(inner(template)) if item["type"] == kind]


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("group", [None, "my-group"])
@pytest.mark.parametrize(("controllers", "workers"), [(1, 0), (3, 2), (3, 197)])
def test_every_vm_has_its_own_explicit_resources(controllers: int, workers: int, group: str | None) -> None:
    template = make(make_config(controllers=controllers, workers=workers), group)
    count = controllers + workers
    for kind in ("Compute/virtualMachines", "Network/networkInterfaces", "Network/publicIPAddresses"):
        found = of_type(template, f"Microsoft.{kind}")
        assert len({item["name"] for item in found}) == len(found) == count
    assert len(_resources(inner(template))) == 3 + 3 * count


@pytest.mark.parametrize("group", [None, "my-group"])
def test_dependencies_and_references_meet_resources_of_the_template(group: str | None) -> None:
    template = make(make_config(), group)
    found = _resources(inner(template))
    known = {f"[resourceId('{item['type']}', '{item['name']}')]" for item in found}
    known.add(
        "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'k0rdent-5b8hxhz5-vnet', 'k0rdent-5b8hxhz5-subnet')]"
    )
    used = {match for text in texts(found) for match in re.findall(r"^\[resourceId\(.*\)\]$", text)}
    assert used <= known
    order = {f"[resourceId('{item['type']}', '{item['name']}')]": n for n, item in enumerate(found)}
    for place, item in enumerate(found):
        referred = {text for text in texts(item["properties"]) if text.startswith("[resourceId(")}
        assert referred & set(order) <= set(texts(item.get("dependsOn", [])))
        for needed in texts(item.get("dependsOn", [])):
            assert order[needed] < place


def test_a_subscription_template_nests_everything_below_its_group() -> None:
    template = make(make_config())
    outer = template.template
    group, nested = _resources(outer)
    assert (group["type"], group["name"]) == ("Microsoft.Resources/resourceGroups", "k0rdent-5b8hxhz5-resgrp")
    assert nested["resourceGroup"] == group["name"]
    assert nested["dependsOn"] == [
        "[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'k0rdent-5b8hxhz5-resgrp')]"
    ]
    assert _dict(nested["properties"])["expressionEvaluationOptions"] == {"scope": "inner"}
    assert "subscriptionDeploymentTemplate" in str(outer["$schema"])
    assert template.body({})["location"] == "southeastasia"


def test_an_existing_group_gets_the_same_resources_directly() -> None:
    own, existing = make(make_config()), make(make_config(), "my-group")
    assert existing.scope == "group"
    assert "location" not in existing.body({})
    assert _resources(existing.template) == _resources(inner(own))
    assert existing.template["outputs"] == inner(own)["outputs"]


def test_a_vm_is_what_the_configuration_says() -> None:
    template = make(make_config(azure={"vm_priority": "Spot", "eviction_policy": "Delete"}))
    vm = of_type(template, "Microsoft.Compute/virtualMachines")[1]
    properties = _dict(vm["properties"])
    assert (vm["name"], vm["zones"]) == ("k0s-controller-2", ["3"])
    assert properties["hardwareProfile"] == {"vmSize": "Standard_D2pls_v6"}
    assert (properties["priority"], properties["evictionPolicy"]) == ("Spot", "Delete")
    assert properties["billingProfile"] == {"maxPrice": -1}
    storage = _dict(properties["storageProfile"])
    assert storage["imageReference"] == {
        "publisher": "Debian",
        "offer": "debian-12",
        "sku": "12-arm64",
        "version": "latest",
    }
    assert _dict(storage["osDisk"])["deleteOption"] == "Delete"
    profile = _dict(properties["osProfile"])
    assert profile["customData"] == "[parameters('customData')['k0s-controller-2']]"
    linux = _dict(profile["linuxConfiguration"])
    assert linux["disablePasswordAuthentication"] is True
    assert KEY in list(texts(linux))
    references = _dict(properties["networkProfile"])["networkInterfaces"]
    assert isinstance(references, list)
    assert references[0]["properties"]["deleteOption"] == "Delete"


def test_regular_vms_and_no_zones() -> None:
    vm = of_type(make(make_config(zones=())), "Microsoft.Compute/virtualMachines")[0]
    assert "zones" not in vm
    properties = _dict(vm["properties"])
    assert properties["priority"] == "Regular"
    assert "billingProfile" not in properties


def test_addresses_are_static_named_and_known_beforehand() -> None:
    template = make(make_config())
    address = of_type(template, "Microsoft.Network/publicIPAddresses")[3]
    assert address["sku"] == {"name": "Standard"}
    assert _dict(address["properties"])["dnsSettings"] == {"domainNameLabel": "k0rdent-5b8hxhz5-k0s-worker-1"}
    nic = of_type(template, "Microsoft.Network/networkInterfaces")[3]
    configurations = _dict(nic["properties"])["ipConfigurations"]
    assert isinstance(configurations, list)
    settings_ = configurations[0]["properties"]
    assert (settings_["privateIPAllocationMethod"], settings_["privateIPAddress"]) == (
        "Static",
        "10.240.1.14",
    )
    assert settings_["publicIPAddress"]["properties"] == {"deleteOption": "Delete"}


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (("0.0.0.0/0",), ["AllowSSH", "AllowWireGuard"]),
        (("198.51.100.0/24", "203.0.113.7/32", "203.0.113.7/32"), ["AllowSSH", "AllowWireGuard"]),
        ((), ["AllowWireGuard"]),
    ],
)
def test_the_security_group_lets_in_ssh_and_wireguard(sources: tuple[str, ...], names: list[str]) -> None:
    config = make_config(network=NetworkSettings(allowed_ssh_sources=sources, wireguard_port=51999))
    group = of_type(make(config), "Microsoft.Network/networkSecurityGroups")[0]
    rules = _dict(group["properties"])["securityRules"]
    assert isinstance(rules, list)
    assert [rule["name"] for rule in rules] == names
    assert rules_count(config) == len(names)
    wireguard = rules[-1]["properties"]
    assert (wireguard["protocol"], wireguard["destinationPortRange"]) == ("Udp", "51999")
    if sources:
        rule = rules[0]["properties"]
        found = rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]]
        assert found == list(dict.fromkeys(sources))
        assert rule["destinationPortRange"] == "22"


def test_tags_stand_on_everything_and_ours_win() -> None:
    config = make_config(azure={"tags": {"cost": "42", TAG_DEPLOYMENT: "forged"}})
    template = make(config)
    everything = [_resources(template.template)[0], *_resources(inner(template))]
    for item in everything:
        tags = _dict(item["tags"])
        assert tags[TAG_DEPLOYMENT] == "k0rdent-5b8hxhz5"
        assert tags["cost"] == "42"
        assert tags["k0rdent-azure-owner"] == "ada"
    vm = of_type(template, "Microsoft.Compute/virtualMachines")[4]
    tags = _dict(vm["tags"])
    assert tags[TAG_WIREGUARD_IP] == "172.24.24.15"
    assert (tags["k0rdent-azure-role"], tags["k0rdent-azure-index"]) == ("worker", "4")


def test_the_record_tells_a_recovery_what_it_needs() -> None:
    record = make(make_config(), "my-group").record
    assert record["id"] == "k0rdent-5b8hxhz5"
    machines = _dict(record["virtualMachines"])
    assert _dict(machines["k0s-worker-1"])["wireguard_ip"] == "172.24.24.14"
    assert _dict(_dict(record["configuration"])["network"])["wireguard_port"] == 51820
    assert record["sshPublicKey"] == KEY
    assert json.loads(json.dumps(record)) == record


def test_custom_data_stands_nowhere_but_in_the_secure_parameter() -> None:
    secret = "PRIVATE-KEY-OF-THE-HOST"
    config = make_config(kof={"password": secret})
    template = make(config)
    body = template.body({host.name: f"#cloud-config\n# {secret}" for host in hosts(config)})
    assert template.template["parameters"] == {
        "deployment": {"type": "object"},
        "customData": {"type": "secureObject"},
    }
    assert inner(template)["parameters"] == {"customData": {"type": "secureObject"}}
    parameters = _dict(_dict(body["properties"])["parameters"])
    value = _dict(_dict(parameters.pop("customData"))["value"])
    assert base64.b64decode(str(value["k0s-worker-2"])).decode() == f"#cloud-config\n# {secret}"
    rest = json.dumps(body).replace(json.dumps(value), "")
    assert secret not in rest
    assert base64.b64encode(secret.encode()).decode()[:20] not in rest
    assert "customData" not in json.dumps(template.template["outputs"])


def test_outputs_name_every_vm_and_pass_up() -> None:
    template = make(make_config())
    outputs = _dict(_dict(inner(template)["outputs"])["virtualMachines"])
    assert sorted(_dict(outputs["value"])) == sorted(host.name for host in hosts(make_config()))
    upper = _dict(_dict(template.template["outputs"])["virtualMachines"])
    assert upper["value"] == "[reference('k0rdent-5b8hxhz5-resources').outputs.virtualMachines.value]"


def test_200_vms_fit_into_arm() -> None:
    """4 MB a request, 800 resources, 64 outputs; 1 MB a job and a resource definition, after compression.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-job-size-exceeded
    """
    config = make_config(controllers=3, workers=197)
    noise = {host.name: f"{number:064x}" * 50 for number, host in enumerate(hosts(config))}
    template = make(config)
    body = json.dumps(template.body(noise)).encode()
    assert len(body) < 4 * MEGABYTE
    assert len(gzip.compress(body)) < MEGABYTE // 2
    assert len(_resources(inner(template))) <= 800
    assert max(map(len, texts(template.template))) < 24_576


@settings(max_examples=30)
@given(
    controllers=st.integers(1, 9),
    workers=st.integers(0, 60),
    zones=st.lists(st.integers(1, 3), unique=True, max_size=3),
    spot=st.booleans(),
)
def test_the_same_configuration_gives_the_same_bytes(
    controllers: int, workers: int, zones: list[int], spot: bool
) -> None:
    azure: dict[str, object] = {"vm_priority": "Spot" if spot else "Regular"}
    config = make_config(controllers=controllers, workers=workers, zones=tuple(zones), azure=azure)
    data = {host.name: "x" for host in hosts(config)}
    first, second = make(config), make(config)
    assert json.dumps(first.body(data)) == json.dumps(second.body(data))


@pytest.mark.parametrize(
    ("size", "disk"),
    [
        ("Standard_D2pls_v6", "Premium_LRS"),
        ("Standard_D2s_v5", "Premium_LRS"),
        ("Standard_DS2_v2", "Premium_LRS"),
        ("Standard_E4-2ds_v5", "Premium_LRS"),
        ("Standard_B2ms", "Premium_LRS"),
        ("Standard_D2_v5", "StandardSSD_LRS"),
        ("Standard_D2pd_v5", "StandardSSD_LRS"),
        ("nonsense", "StandardSSD_LRS"),
    ],
)
def test_premium_disks_go_where_the_size_takes_them(size: str, disk: str) -> None:
    assert disk_type(size) == disk
