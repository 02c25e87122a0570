"""What Azure, its policies or its portal write in another way, and what nobody compares: none of it is drift."""

from __future__ import annotations

from k0rdent_azure.rehearsal.records import Json, Resource
from k0rdent_azure.rehearsal.world import World
from tests.drift.steps import (
    ADDRESS,
    DISK,
    KEY,
    NIC,
    NSG,
    VM,
    VNET,
    Case,
    Deed,
    change,
    deed,
    own,
    rule,
    subnet,
)


def _ids(convert: str) -> Deed:
    """Every id in every resource, its own and those that it refers to, in another case."""

    def converted(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: getattr(each, convert)() if key == "id" and isinstance(each, str) else converted(each)
                for key, each in value.items()
            }
        return [converted(each) for each in value] if isinstance(value, list) else value

    def done(world: World) -> None:
        for resource in world.resources():
            body = converted(resource.body)
            assert isinstance(body, dict)
            resource.body, resource.id = body, getattr(resource.id, convert)()

    return done


def _reverse(path: str) -> Deed:
    """A list in the other order."""

    def reverse(resource: Resource) -> None:
        *parents, last = path.split(".")
        place: Json = resource.body
        for key in parents:
            inner = place[key]
            assert isinstance(inner, dict)
            place = inner
        found = place[last]
        place[last] = [*found][::-1] if isinstance(found, list) else dict(reversed([*dict(found).items()]))  # type: ignore[call-overload]

    return deed(NSG if "Rules" in path else VM, reverse)


def _tag_names(world: World) -> None:
    for resource in world.resources():
        tags = resource.body.get("tags")
        if isinstance(tags, dict):
            resource.body["tags"] = {name.upper(): value for name, value in tags.items()}


def _sources(resource: Resource) -> None:
    for each in resource.body["properties"]["securityRules"]:  # type: ignore[index]
        own_properties = each["properties"]
        if "sourceAddressPrefixes" in own_properties:
            own_properties["sourceAddressPrefixes"] = own_properties["sourceAddressPrefixes"][::-1]


def _group_tags(world: World) -> None:
    group = world.groups()[0]
    group.tags = {name.upper(): value for name, value in reversed([*group.tags.items()])}


SPELLING = [
    Case("ids in capitals", [_ids("upper")]),
    Case("ids in small letters", [_ids("lower")]),
    Case("size in small letters", [own(VM, "hardwareProfile.vmSize", "standard_d8pls_v6")]),
    Case("size in capitals", [own(VM, "hardwareProfile.vmSize", "STANDARD_D8PLS_V6")]),
    Case("region in capitals", [change(VM, "location", "SOUTHEASTASIA")]),
    Case("region by its display name", [change(NSG, "location", "Southeast Asia")]),
    Case("interface's region by its display name", [change(NIC, "location", "Southeast Asia")]),
    Case(
        "image's publisher in small letters", [own(VM, "storageProfile.imageReference.publisher", "debian")]
    ),
    Case("image's version resolved", [own(VM, "storageProfile.imageReference.exactVersion", "0.20260101.1")]),
    Case("image's version left out", [own(VM, "storageProfile.imageReference.version")]),
    Case("host name in capitals", [own(VM, "osProfile.computerName", VM.upper())]),
    Case("disk's name in capitals", [own(VM, "storageProfile.osDisk.name", DISK.upper())]),
    Case("delete option in small letters", [own(VM, "storageProfile.osDisk.deleteOption", "delete")]),
    Case("names of tags in capitals", [_tag_names]),
    Case("the group's tags in capitals and another order", [_group_tags]),
    Case("allocation in small letters", [own(ADDRESS, "publicIPAllocationMethod", "static")]),
    Case("SKU in small letters", [change(ADDRESS, "sku.name", "standard")]),
    Case(
        "DNS label in capitals",
        [own(ADDRESS, "dnsSettings.domainNameLabel", "K0RDENT-ABCD1234-K0S-WORKER-1")],
    ),
    Case("protocol in capitals", [rule(0, "protocol", "TCP")]),
    Case("protocol in small letters", [rule(1, "protocol", "udp")]),
    Case("access in small letters", [rule(0, "access", "allow")]),
    Case("direction in small letters", [rule(0, "direction", "inbound")]),
]

ORDER = [
    Case("tags in another order", [_reverse("tags")]),
    Case("rules in another order", [_reverse("properties.securityRules")]),
    Case("sources in another order", [deed(NSG, _sources)]),
    Case("the same source twice", [rule(0, "sourceAddressPrefixes.2", "203.0.113.0/24")]),
]

FORMS = [
    Case("one source as a list", [rule(1, "sourceAddressPrefix"), rule(1, "sourceAddressPrefixes", ["*"])]),
    Case("any source as a network", [rule(1, "sourceAddressPrefix", "0.0.0.0/0")]),
    Case("any source as a word", [rule(1, "sourceAddressPrefix", "Any")]),
    Case("one host with its mask", [rule(0, "sourceAddressPrefixes.1", "198.51.100.7")]),
    Case("a network by one of its hosts", [rule(0, "sourceAddressPrefixes.0", "203.0.113.9/24")]),
    Case("one port as a list", [rule(0, "destinationPortRange"), rule(0, "destinationPortRanges", ["22"])]),
    Case("one port as a range", [rule(0, "destinationPortRange", "22-22")]),
    Case("all ports as a range", [rule(0, "sourcePortRange", "0-65535")]),
    Case("all ports as an empty list", [rule(0, "sourcePortRange"), rule(0, "sourcePortRanges", [])]),
    Case(
        "any destination as a list",
        [rule(0, "destinationAddressPrefix"), rule(0, "destinationAddressPrefixes", ["*"])],
    ),
    Case(
        "subnet's prefix as a list", [subnet("addressPrefix"), subnet("addressPrefixes", ["10.240.1.0/24"])]
    ),
]

DEFAULTS = [
    Case("Regular left out", [own(VM, "priority")]),
    Case("Regular in small letters", [own(VM, "priority", "regular")]),
    Case("IPv4 left out", [own(ADDRESS, "publicIPAddressVersion")]),
    Case("no data disks, as a null", [own(VM, "storageProfile.dataDisks")]),
    Case("no DNS servers, as an empty list", [own(VNET, "dhcpOptions.dnsServers", [])]),
    Case("no peerings, as an empty list", [own(VNET, "virtualNetworkPeerings", [])]),
    Case("no application groups, as an empty list", [rule(0, "sourceApplicationSecurityGroups", [])]),
    Case("Azure's own rules not shown", [own(NSG, "defaultSecurityRules", [])]),
]

ADDITIONS = [
    Case("a description of a rule", [rule(0, "description", "from the office")]),
    Case("an etag in a rule", [own(NSG, "securityRules.0.etag", 'W/"1"')]),
    Case("flow logs of a security group", [own(NSG, "flowLogs", [{"id": "/x/flow"}])]),
    Case("interfaces of a security group", [own(NSG, "networkInterfaces", [{"id": "/x/nic"}])]),
    Case("an identity that a policy gives a VM", [change(VM, "identity", {"type": "SystemAssigned"})]),
    Case("a security profile", [own(VM, "securityProfile", {"securityType": "Standard"})]),
    Case("capabilities", [own(VM, "additionalCapabilities", {"hibernationEnabled": False})]),
    Case(
        "patch settings",
        [own(VM, "osProfile.linuxConfiguration.patchSettings", {"patchMode": "ImageDefault"})],
    ),
    Case("size of the disk", [own(VM, "storageProfile.osDisk.diskSizeGB", 64)]),
    Case("tags of a disk, which come from its VM", [change(DISK, "tags", {"a": "b"})]),
    Case("a disk of another tier", [change(DISK, "sku.name", "StandardSSD_LRS")]),
    Case("idle time of an address", [own(ADDRESS, "idleTimeoutInMinutes", 30)]),
    Case("tags of an IP address", [own(ADDRESS, "ipTags", [])]),
    Case("accelerated networking", [own(NIC, "enableAcceleratedNetworking", True)]),
    Case("endpoints of a subnet", [subnet("serviceEndpoints", []), subnet("delegations", [])]),
    Case("policies of a subnet", [subnet("privateEndpointNetworkPolicies", "Disabled")]),
    Case("DDoS protection", [own(VNET, "enableDdosProtection", True)]),
    Case("flow time-out of a network", [own(VNET, "flowTimeoutInMinutes", 10)]),
    Case("a property that nobody knows yet", [own(VM, "quantum", {"entangled": [1, {"with": None}]})]),
    Case("a member that nobody knows yet", [change(VNET, "extendedLocation", {"type": "EdgeZone"})]),
]


def _key(comment: str) -> Deed:
    """The public key as Azure's portal writes it, with another comment and line break."""

    def rewrite(resource: Resource) -> None:
        properties = resource.body["properties"]
        assert isinstance(properties, dict)
        properties["publicKey"] = " ".join(str(properties["publicKey"]).split()[:2]) + comment

    return deed(KEY, rewrite)


KEYS = [
    Case("key with another comment", [_key(" generated-by-azure\r\n")]),
    Case("key without a comment", [_key("")]),
]

HARMLESS = [*SPELLING, *ORDER, *FORMS, *DEFAULTS, *ADDITIONS, *KEYS]
