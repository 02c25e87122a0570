"""What is sent of a resource that exists: ours put right, everything else as ARM shows it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from k0rdent_azure.azure import resources
from k0rdent_azure.azure.expressions import rendered
from k0rdent_azure.azure.merged_lists import free_priority, prefixes, rules_in_the_way
from k0rdent_azure.azure.merging import Existing, merged
from k0rdent_azure.azure.template import build
from k0rdent_azure.config.topology import Names, hosts
from tests.azure.conftest import make_config

NAMES = Names("k0rdent-abcd1234")
SCOPE = f"/subscriptions/s/resourceGroups/{NAMES.resource_group}"
NETWORK = f"{SCOPE}/providers/Microsoft.Network"
CONFIG = make_config(controllers=1, workers=1)
HOST = hosts(CONFIG)[1]
TAGS = {"k0rdent-azure-deployment": NAMES.deployment_id, "team": "edge"}

Json = dict[str, Any]

NSG: Json = resources.security_group(CONFIG, NAMES, TAGS)
VNET: Json = resources.network(CONFIG, NAMES, TAGS)
NIC: Json = resources.interface(NAMES, HOST, "southeastasia", TAGS)
ADDRESS: Json = resources.public_address(NAMES, HOST, "southeastasia", TAGS)
KEY: Json = resources.ssh_key(NAMES, "southeastasia", "ssh-ed25519 AAAA", TAGS)
VM: Json = resources.virtual_machine(
    CONFIG, NAMES, HOST, username="k0rdent", public_key="ssh-ed25519 AAAA", tags=TAGS
)


def plain(wanted: Json) -> Json:
    """`wanted` as it stands in a template."""
    body = copy.deepcopy(rendered(wanted))
    assert isinstance(body, dict)
    return body


def shown(wanted: Json, **more: Any) -> Json:
    """`wanted` as a GET shows it once it is made, with what somebody did to it since (`a__b=…` is a path)."""
    body = plain(wanted)
    for key in ("dependsOn", "apiVersion"):
        body.pop(key, None)
    body["properties"].get("osProfile", {}).pop("customData", None)
    body["id"] = f"{SCOPE}/providers/{body['type']}/{body['name']}"
    body["etag"] = 'W/"1"'
    body.setdefault("properties", {}).update(provisioningState="Succeeded", resourceGuid="6f")
    for kind in ("securityRules", "subnets", "ipConfigurations"):
        for each in body["properties"].get(kind, ()):
            each["id"] = f"{body['id']}/{kind}/{each['name']}"
            each["etag"] = 'W/"2"'
            each["type"] = f"{body['type']}/{kind}"
            each["properties"]["provisioningState"] = "Succeeded"
    for path, value in more.items():
        *parents, last = path.split("__")
        place: Any = body
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if isinstance(place, list):
            place[int(last) : int(last) + 1] = [value]
        else:
            place[last] = value
    return body


def rule(name: str, priority: int, direction: str = "Inbound", **more: Any) -> Json:
    own = {
        "priority": priority, "direction": direction, "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": "443", **more,
    }  # fmt: skip
    return {"name": name, "properties": own}


def sent(found: Json, wanted: Json) -> Json:
    return plain(merged(found, wanted))


def words(value: object) -> set[str]:
    """Every key anywhere in a body."""
    if isinstance(value, dict):
        return set(value) | {word for each in value.values() for word in words(each)}
    return {word for each in value for word in words(each)} if isinstance(value, list) else set()


READ_ONLY = {"provisioningState", "etag", "resourceGuid", "defaultSecurityRules", "vmId", "timeCreated"}


@pytest.mark.parametrize("wanted", [NSG, VNET, NIC, ADDRESS, KEY, VM], ids=lambda each: each["type"])
def test_what_is_as_it_should_be_is_sent_as_it_was_made(wanted: Json) -> None:
    found = shown(
        wanted, properties__defaultSecurityRules=[rule("AllowVnetInBound", 65000)], properties__vmId="1",
        properties__timeCreated="2026", properties__instanceView={}, systemData={}, resources=[{}],
    )  # fmt: skip
    body = sent(found, wanted)
    assert not words(body) & (READ_ONLY | {"instanceView", "systemData", "resources"})
    assert body.keys() - {"id"} == plain(wanted).keys()
    if wanted is not VM:
        assert body == plain(wanted)


def test_rules_of_others_stay_and_ours_is_put_right() -> None:
    theirs = rule("Theirs", 300, description="monitoring", sourceApplicationSecurityGroups=[{"id": "/x/asg"}])
    found = shown(NSG, properties__securityRules__1=theirs)
    opened = found["properties"]["securityRules"][0]
    opened["properties"].pop("sourceAddressPrefixes", None)
    opened["properties"] |= {"sourceAddressPrefix": "*", "access": "Deny", "description": "kept"}
    body = sent(found, NSG)["properties"]["securityRules"]
    assert body[1] == theirs
    ours = NSG["properties"]["securityRules"]
    assert body[0] == {**ours[0], "properties": {"description": "kept", **ours[0]["properties"]}}
    assert body[2:] == ours[1:]


def test_our_rule_has_no_case_and_no_second_spelling_of_its_sources() -> None:
    found = shown(NSG)
    found["properties"]["securityRules"][0]["name"] = "ALLOWSSH"
    found["properties"]["securityRules"][0]["properties"]["sourceAddressPrefixes"] = ["192.0.2.1"]
    body = sent(found, NSG)["properties"]["securityRules"]
    assert body == plain(NSG)["properties"]["securityRules"]


@pytest.mark.parametrize(
    ("found", "blocked"),
    [
        ([rule("Theirs", 1000)], [("AllowSSH", "Theirs")]),
        ([rule("Theirs", 1000, "inbound")], [("AllowSSH", "Theirs")]),
        ([rule("Theirs", 1000, "Outbound")], []),
        ([rule("AllowSSH", 900), rule("Theirs", 1000)], [("AllowSSH", "Theirs")]),
        ([rule("AllowSSH", 1010), rule("AllowWireGuard", 1000)], []),
        # Ours cannot go back, and stands where another one of ours belongs.
        (
            [rule("AllowSSH", 1010), rule("AllowWireGuard", 900), rule("Theirs", 1000)],
            [("AllowSSH", "Theirs"), ("AllowWireGuard", "AllowSSH")],
        ),
    ],
)
def test_a_rule_whose_place_somebody_has_stays_as_it_is(found: list[Json], blocked: list[Any]) -> None:
    ours = resources.security_rules(CONFIG)
    assert [(each.ours, each.theirs) for each in rules_in_the_way(found, ours)] == blocked
    body = sent(shown(NSG, properties__securityRules=found), NSG)["properties"]["securityRules"]
    names = {name for name, _ in blocked}
    assert [each for each in body if each["name"] in names] == [
        each for each in found if each["name"] in names
    ]
    assert [each for each in body if each["name"] == "Theirs"] == [e for e in found if e["name"] == "Theirs"]
    places = [(each["properties"]["priority"], each["properties"]["direction"].lower()) for each in body]
    assert len(set(places)) == len(places)


def test_a_free_priority_is_named() -> None:
    assert (
        free_priority([rule("a", 1001), rule("b", 1002), rule("c", 1003, "Outbound")], "inbound", 1000)
        == 1003
    )


_SUBNET = "properties__subnets__0__properties__"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("routeTable", {"id": "/x/routes"}),
        ("natGateway", {"id": "/x/nat"}),
        ("serviceEndpoints", [{"service": "Microsoft.Storage", "locations": ["*"]}]),
        ("serviceEndpointPolicies", [{"id": "/x/policy"}]),
        ("delegations", [{"name": "aci", "properties": {"serviceName": "Microsoft.ContainerInstance/x"}}]),
        ("privateEndpointNetworkPolicies", "Disabled"),
        ("privateLinkServiceNetworkPolicies", "Enabled"),
        ("defaultOutboundAccess", False),
    ],
)
def test_what_others_attach_to_the_subnet_stays(path: str, value: object) -> None:
    found = shown(VNET, **{f"{_SUBNET}{path}": value, f"{_SUBNET}networkSecurityGroup": {"id": "/x/nsg2"}})
    own = sent(found, VNET)["properties"]["subnets"][0]["properties"]
    assert own[path] == value
    assert (
        own["networkSecurityGroup"]
        == plain(VNET["properties"]["subnets"][0])["properties"]["networkSecurityGroup"]
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (
            "virtualNetworkPeerings",
            [{"name": "hub", "properties": {"remoteVirtualNetwork": {"id": "/x/hub"}}}],
        ),
        ("dhcpOptions", {"dnsServers": ["10.0.0.4"]}),
        ("ddosProtectionPlan", {"id": "/x/ddos"}),
        ("enableDdosProtection", True),
        ("flowTimeoutInMinutes", 10),
        ("encryption", {"enabled": True, "enforcement": "AllowUnencrypted"}),
        ("bgpCommunities", {"virtualNetworkCommunity": "12076:20000"}),
    ],
)
def test_what_others_attach_to_the_network_stays(path: str, value: object) -> None:
    found = shown(VNET, **{f"properties__{path}": value})
    assert sent(found, VNET)["properties"][path] == value


def test_subnets_and_prefixes_of_others_stay() -> None:
    theirs = {"name": "theirs", "properties": {"addressPrefix": "10.9.1.0/24", "routeTable": {"id": "/x/r"}}}
    found = shown(
        VNET,
        properties__subnets__1=copy.deepcopy(theirs),
        properties__addressSpace__addressPrefixes__1="10.9.0.0/16",
    )
    found["properties"]["subnets"][1] |= {"id": f"{found['id']}/subnets/theirs", "etag": "x"}
    found["properties"]["subnets"][0]["properties"]["ipConfigurations"] = [
        {"id": "/x/nic/ipConfigurations/a"}
    ]
    body = sent(found, VNET)["properties"]
    assert body["subnets"] == [*plain(VNET)["properties"]["subnets"], theirs]
    assert body["addressSpace"]["addressPrefixes"] == [
        *VNET["properties"]["addressSpace"]["addressPrefixes"],
        "10.9.0.0/16",
    ]


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (["10.240.0.0/24"], ["10.240.0.0/24"], ["10.240.0.0/24"]),
        (["10.240.0.0/20"], ["10.240.0.0/24"], ["10.240.0.0/20"]),
        (["10.240.0.0/25"], ["10.240.0.0/24"], ["10.240.0.0/24"]),
        (["10.9.0.0/24"], ["10.240.0.0/24"], ["10.9.0.0/24", "10.240.0.0/24"]),
        (["10.240.0.0/24", "fd00::/64"], ["10.240.0.0/24"], ["10.240.0.0/24", "fd00::/64"]),
        ([], ["10.240.0.0/24"], ["10.240.0.0/24"]),
        (["garbage"], ["10.240.0.0/24"], ["garbage", "10.240.0.0/24"]),
    ],
)
def test_prefixes(found: list[str], wanted: list[str], expected: list[str]) -> None:
    assert prefixes(found, wanted) == expected


def test_tags_of_others_stay_and_ours_are_put_right_in_any_case() -> None:
    found = shown(
        NSG, tags={"Team": "core", "cost": "[42]", "etag": "theirs", "K0RDENT-azure-deployment": "x"}
    )
    assert sent(found, NSG)["tags"] == {**TAGS, "cost": "[[42]", "etag": "theirs"}


def test_an_interface_keeps_what_others_gave_it() -> None:
    second = {"name": "second", "properties": {"primary": False, "subnet": {"id": "/x/subnets/y"}}}
    pools = [{"id": "/x/loadBalancers/lb/backendAddressPools/p"}]
    found = shown(
        NIC, properties__ipConfigurations__1=second, properties__networkSecurityGroup={"id": "/x/own-nsg"},
        properties__dnsSettings={"dnsServers": ["10.0.0.4"], "appliedDnsServers": [], "internalFqdn": "x"},
        properties__enableAcceleratedNetworking=True, properties__enableIPForwarding=True,
        properties__macAddress="00", properties__virtualMachine={"id": "/x/vm"},
        properties__ipConfigurations__0__properties__loadBalancerBackendAddressPools=pools,
        properties__ipConfigurations__0__properties__applicationSecurityGroups=[{"id": "/x/asg"}],
    )  # fmt: skip
    first = found["properties"]["ipConfigurations"][0]["properties"]
    first["privateIPAllocationMethod"] = "Dynamic"
    # ARM shows the address itself in the place of the reference.
    first["publicIPAddress"] |= {
        "name": "x",
        "sku": {},
        "properties": {"ipAddress": "1.2.3.4", "deleteOption": "Delete"},
    }
    body = sent(found, NIC)["properties"]
    wanted = plain(NIC)["properties"]["ipConfigurations"][0]["properties"]
    assert body["ipConfigurations"][1] == second
    assert body["ipConfigurations"][0]["properties"] == {
        **wanted, "loadBalancerBackendAddressPools": pools, "applicationSecurityGroups": [{"id": "/x/asg"}],
    }  # fmt: skip
    assert body["dnsSettings"] == {"dnsServers": ["10.0.0.4"]}
    assert (body["networkSecurityGroup"], body["enableAcceleratedNetworking"]) == ({"id": "/x/own-nsg"}, True)
    assert not {"macAddress", "virtualMachine"} & words(body)


def test_an_address_keeps_what_others_gave_it() -> None:
    found = shown(
        ADDRESS, properties__idleTimeoutInMinutes=30, properties__ddosSettings={"protectionMode": "Enabled"},
        properties__ipTags=[{"ipTagType": "a", "tag": "b"}], zones=["1", "2", "3"], sku__tier="Regional",
        properties__dnsSettings__reverseFqdn="a.example.", properties__dnsSettings__fqdn="x",
        properties__ipAddress="1.2.3.4", properties__ipConfiguration={"id": "/x"},
        properties__publicIPAllocationMethod="Dynamic",
    )  # fmt: skip
    body = sent(found, ADDRESS)
    assert (body["zones"], body["sku"]) == (["1", "2", "3"], {"name": "Standard", "tier": "Regional"})
    assert body["properties"] == {
        **plain(ADDRESS)["properties"], "idleTimeoutInMinutes": 30,
        "ddosSettings": {"protectionMode": "Enabled"}, "ipTags": [{"ipTagType": "a", "tag": "b"}],
        "dnsSettings": {"domainNameLabel": NAMES.dns_label(HOST.name), "reverseFqdn": "a.example."},
    }  # fmt: skip


def machine(**more: Any) -> Json:
    return shown(
        VM, properties__networkProfile__networkInterfaces__0__id=f"{NETWORK}/networkinterfaces/{HOST.name}vmnic",
        properties__storageProfile__osDisk__managedDisk__id="/x/disks/os", **more,
    )  # fmt: skip


def test_a_vm_keeps_what_others_gave_it() -> None:
    data = [{"lun": 0, "name": "data", "createOption": "Attach", "managedDisk": {"id": "/x/disks/data"}}]
    mine = {"u/1": {"principalId": "p", "clientId": "c"}}
    found = machine(
        properties__storageProfile__dataDisks=data, properties__licenseType="RHEL_BYOS",
        identity={"type": "SystemAssigned, UserAssigned", "principalId": "p", "userAssignedIdentities": mine},
        properties__securityProfile={"encryptionAtHost": True}, properties__storageProfile__osDisk__diskSizeGB=128,
        properties__diagnosticsProfile__bootDiagnostics={"enabled": False, "storageUri": "https://x"},
        properties__hardwareProfile__vmSize="Standard_D64s_v5", plan={"name": "p", "publisher": "x", "product": "y"},
        properties__storageProfile__imageReference__exactVersion="1.2", zones=["3"],
    )  # fmt: skip
    body = sent(found, VM)
    properties = body["properties"]
    assert properties["storageProfile"]["dataDisks"] == data
    assert properties["storageProfile"]["osDisk"]["diskSizeGB"] == 128
    assert (properties["licenseType"], body["zones"]) == ("RHEL_BYOS", ["3"])
    assert body["identity"] == {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"u/1": {}}}
    assert body["plan"] == found["plan"]
    assert properties["securityProfile"] == {"encryptionAtHost": True}
    assert properties["diagnosticsProfile"]["bootDiagnostics"] == {"enabled": True, "storageUri": "https://x"}
    assert properties["hardwareProfile"]["vmSize"] == HOST.size
    assert "exactVersion" not in properties["storageProfile"]["imageReference"]
    assert len(properties["networkProfile"]["networkInterfaces"]) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("osProfile__adminUsername", "eve"),
        ("osProfile__computerName", "other"),
        ("osProfile__linuxConfiguration__ssh__publicKeys__1", {"path": "/", "keyData": "ssh-ed25519 BBBB"}),
        ("storageProfile__imageReference__sku", "13"),
        ("storageProfile__osDisk__name", "rescue"),
        ("storageProfile__osDisk__caching", "None"),
        ("priority", "Spot"),
    ],
)
def test_what_a_vm_was_made_with_is_sent_as_it_is(path: str, value: object) -> None:
    """Azure refuses another value, or restarts the VM; only making it again changes those."""
    found = machine(**{f"properties__{path}": value})
    before = copy.deepcopy(found["properties"])
    body = sent(found, VM)["properties"]
    custom_data = body["osProfile"].pop("customData")
    assert custom_data.startswith("[parameters('customData')")
    for key in ("osProfile", "storageProfile", "priority"):
        before["osProfile"].pop("customData", None)
        assert body[key] == before[key]


def test_a_disk_that_somebody_put_in_the_place_of_ours_does_not_go_with_the_vm() -> None:
    theirs = machine(
        properties__storageProfile__osDisk__name="rescue",
        properties__storageProfile__osDisk__deleteOption="Detach",
    )
    assert sent(theirs, VM)["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Detach"
    ours = machine(properties__storageProfile__osDisk__deleteOption="Detach")
    assert sent(ours, VM)["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Delete"


@pytest.mark.parametrize(("primary", "expected"), [(False, [True, False]), (True, [False, True])])
def test_a_second_interface_stays(primary: bool, expected: list[bool]) -> None:
    """Azure takes one primary; which of two it is, somebody decided."""
    theirs = {"id": "/x/nic2", "properties": {"primary": primary}}
    found = machine(
        properties__networkProfile__networkInterfaces__1=theirs,
        properties__networkProfile__networkInterfaces__0__properties={
            "primary": not primary,
            "deleteOption": "Detach",
        },
    )
    body = sent(found, VM)["properties"]["networkProfile"]["networkInterfaces"]
    assert body[1] == theirs
    assert body[0]["properties"] == {"primary": not primary, "deleteOption": "Delete"}
    assert [each["properties"]["primary"] for each in body] == expected


def test_custom_data_is_sent_only_where_it_is_wanted() -> None:
    without = resources.virtual_machine(
        CONFIG, NAMES, HOST, username="k0rdent", public_key="k", tags=TAGS, custom_data=False
    )
    assert "customData" not in sent(machine(), without)["properties"]["osProfile"]


def test_nothing_that_azure_tells_becomes_an_expression() -> None:
    evil = "[parameters('customData')]"
    found = shown(
        NSG, tags={"a": evil, evil: "b"}, properties__securityRules__2=rule("x", 300, description=evil)
    )
    body = sent(found, NSG)
    assert body["tags"]["a"] == f"[{evil}"
    assert f"[{evil}" in body["tags"]
    assert body["properties"]["securityRules"][2]["properties"]["description"] == f"[{evil}"


def test_names_are_compared_as_azure_does() -> None:
    found: Json = {"type": "microsoft.network/NetworkSecurityGroups", "name": NAMES.nsg.upper(), "id": "/x"}
    there = Existing([found])
    assert there.get("Microsoft.Network/networkSecurityGroups", NAMES.nsg) == found
    assert there.holds(NSG)
    assert not there.holds(VNET)
    assert there.kept(VNET) == VNET


def template(*, with_baseline: bool = True) -> tuple[Json, Json]:
    """The outer and the inner one for a deployment whose group and security group somebody changed."""
    group: Json = {
        "type": "Microsoft.Resources/resourceGroups",
        "name": NAMES.resource_group,
        "tags": {"a": "b"},
    }
    there = Existing(
        [shown(NSG, tags={"cost": "[42]"}, properties__securityRules=[rule("Theirs", 300)]), group]
    )
    made = build(
        CONFIG,
        NAMES,
        hosts(CONFIG),
        ssh_public_key="k",
        admin_username="k0rdent",
        existing=there,
        with_baseline=with_baseline,
    )
    outer: Any = made.template
    return outer, outer["resources"][1]["properties"]["template"]


def test_a_template_sends_what_exists_with_what_others_put_into_it() -> None:
    outer, inner = template()
    (nsg,) = (each for each in inner["resources"] if each["type"] == NSG["type"])
    assert nsg["tags"]["cost"] == "[[42]"
    names = [each["name"] for each in nsg["properties"]["securityRules"]]
    assert names == ["Theirs", "AllowSSH", "AllowWireGuard"]
    assert outer["resources"][0]["tags"]["a"] == "b"


def test_what_exists_may_be_kept_out_of_the_baseline() -> None:
    """What somebody added since the beginning is no peculiarity of Azure's."""
    own, other = f"{NSG['type']}/{NAMES.nsg}", f"{VNET['type']}/{NAMES.vnet}"
    outer, inner = template()
    assert {own, other} <= inner["outputs"]["baseline"]["value"].keys()
    assert "group" in outer["outputs"]
    outer, inner = template(with_baseline=False)
    assert {own, other} & inner["outputs"]["baseline"]["value"].keys() == {other}
    assert "group" not in outer["outputs"]
