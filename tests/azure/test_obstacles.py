"""What is in the way of a PUT is named with a command that takes it out of the way, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from k0rdent_azure.azure import obstacles
from k0rdent_azure.azure.merging import Existing
from tests.azure.test_merging import (
    ADDRESS,
    CONFIG,
    HOST,
    NAMES,
    NETWORK,
    NIC,
    NSG,
    SCOPE,
    VNET,
    Json,
    rule,
    shown,
)

NIC_ID = f"{NETWORK}/networkInterfaces/{NAMES.nic(HOST.name)}"
SUBNET_ID = f"{NETWORK}/virtualNetworks/{NAMES.vnet}/subnets/{NAMES.subnet}"


def of_vm(*bodies: Json) -> list[obstacles.Obstacle]:
    return list(obstacles.of_vm(Existing(bodies), NAMES, CONFIG, HOST))


def another_interface(
    name: str, address: str, subnet: str = SUBNET_ID, configuration: str = "ipconfig1"
) -> Json:
    id_ = f"{NETWORK}/networkInterfaces/{name}"
    own = {"privateIPAddress": address, "subnet": {"id": subnet}}
    return {
        "type": "Microsoft.Network/networkInterfaces", "name": name, "id": id_,
        "properties": {"ipConfigurations": [
            {"name": configuration, "id": f"{id_}/ipConfigurations/{configuration}", "properties": own}
        ]},
    }  # fmt: skip


def test_nothing_is_in_the_way_of_what_is_ours() -> None:
    vm_id = f"{SCOPE}/providers/Microsoft.Compute/virtualMachines/{HOST.name}"
    nic = shown(NIC, properties__virtualMachine={"id": vm_id.upper()})
    address = shown(ADDRESS, properties__ipConfiguration={"id": f"{NIC_ID.upper()}/ipConfigurations/primary"})
    assert of_vm(nic, address) == []
    assert of_vm(shown(NIC), shown(ADDRESS)) == []
    assert of_vm() == []
    there = Existing([shown(NSG), shown(VNET)])
    assert list(obstacles.of_rules(there, NAMES, CONFIG)) == []
    assert list(obstacles.of_subnet(there, NAMES, CONFIG)) == []


@pytest.mark.parametrize(
    ("body", "what", "hint"),
    [
        (
            shown(NIC, properties__virtualMachine={"id": "/x/virtualMachines/theirs"}),
            "attached to VM theirs",
            f"az vm nic remove --resource-group {NAMES.resource_group} --vm-name theirs --nics {NIC_ID}",
        ),
        (
            shown(ADDRESS, properties__ipConfiguration={"id": "/x/providers/N/networkInterfaces/a/ipConfigurations/b"}),
            "is used by N/networkInterfaces/a/ipConfigurations/b",
            "--remove PublicIpAddress --ids /x/providers/N/networkInterfaces/a/ipConfigurations/b",
        ),
        (
            shown(ADDRESS, properties__ipConfiguration={"id": "/x/providers/N/loadBalancers/a/frontends/b"}),
            "is used by N/loadBalancers/a/frontends/b",
            "az resource show --ids /x/providers/N/loadBalancers/a",
        ),
        (
            another_interface("theirs", HOST.private_ip),
            f"private address {HOST.private_ip} is held by Microsoft.Network/networkInterfaces/theirs",
            "--private-ip-address 10.240.1.254 --ids",
        ),
        (
            another_interface(NAMES.nic(HOST.name), HOST.private_ip, SUBNET_ID, "ipconfig1"),
            f"{NAMES.nic(HOST.name)}/ipConfigurations/ipconfig1",
            "--private-ip-address 10.240.1.254 --ids",
        ),
    ],
)  # fmt: skip
def test_what_uses_a_part_of_a_vm_is_named(body: Json, what: str, hint: str) -> None:
    (found,) = of_vm(body)
    assert what in found.what
    assert hint in found.hint


@pytest.mark.parametrize(
    "body",
    [
        another_interface("theirs", "10.240.1.200"),
        another_interface("theirs", HOST.private_ip, "/x/virtualNetworks/other/subnets/other"),
        another_interface(NAMES.nic(HOST.name), HOST.private_ip, SUBNET_ID, "Primary"),
    ],
)
def test_other_addresses_are_in_nobodys_way(body: Json) -> None:
    assert of_vm(body) == []


def test_a_rule_in_the_place_of_ours_is_named_with_a_free_priority() -> None:
    rules = [rule("the irs", 1000), rule("other", 1001)]
    there = Existing([shown(NSG, properties__securityRules=rules)])
    (found,) = obstacles.of_rules(there, NAMES, CONFIG)
    assert found.what == f"rule the irs of {NAMES.nsg} has the priority 1000 of rule AllowSSH"
    assert found.hint.endswith(f"/{NAMES.nsg}/securityRules/the irs' --priority 1002")
    assert list(obstacles.of_rules(there, NAMES, CONFIG, missing=True)) == [found]
    moved = Existing([shown(NSG, properties__securityRules=[*rules, rule("AllowSSH", 900)])])
    assert list(obstacles.of_rules(moved, NAMES, CONFIG)) == [found]
    assert list(obstacles.of_rules(moved, NAMES, CONFIG, missing=True)) == []


@pytest.mark.parametrize(
    ("prefixes", "blocked"),
    [
        ({"addressPrefix": "10.240.1.0/25"}, True),
        ({"addressPrefixes": ["10.240.2.0/24", "10.240.0.0/23"]}, True),
        ({"addressPrefix": "10.240.2.0/24"}, False),
        ({"addressPrefix": "garbage"}, False),
    ],
)
def test_a_subnet_in_the_place_of_ours_is_named(prefixes: dict[str, Any], blocked: bool) -> None:
    theirs = {"name": "theirs", "id": f"{NETWORK}/virtualNetworks/v/subnets/theirs", "properties": prefixes}
    there = Existing([shown(VNET, properties__subnets=[theirs])])
    found = list(obstacles.of_subnet(there, NAMES, CONFIG))
    assert bool(found) is blocked
    if found:
        assert "subnet theirs" in found[0].what
        assert "--address-prefixes 10." in found[0].hint
    ours_too = Existing([shown(VNET, properties__subnets__1=theirs)])
    assert list(obstacles.of_subnet(ours_too, NAMES, CONFIG)) == []
