"""An ARM resource as comparable facts: the same function flattens what a template wants and what a GET shows.

Only what is named here is compared, so whatever else Azure puts on a resource is no drift. Each fact has a text for
people and a key in which all spellings of one value are the same: case, order, a single value or a list of one,
a default that is written or left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from k0rdent_azure.azure.drift_values import (
    Fact,
    cidrs,
    exact,
    flag,
    option,
    place,
    ports,
    public_keys,
    references,
    tag,
    word,
)
from k0rdent_azure.azure.reading import mapping, mappings, text, texts
from k0rdent_azure.azure.template import TAG_HOST

GROUP = "Microsoft.Resources/resourceGroups"
VM = "Microsoft.Compute/virtualMachines"
DISK = "Microsoft.Compute/disks"
SSH_KEY = "Microsoft.Compute/sshPublicKeys"
NIC = "Microsoft.Network/networkInterfaces"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"
RULE = "Microsoft.Network/networkSecurityGroups/securityRules"
NETWORK = "Microsoft.Network/virtualNetworks"
SUBNET = "Microsoft.Network/virtualNetworks/subnets"
TAG = "tags."

Body = Mapping[str, object]
Facts = dict[str, Fact]


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """One resource. `id` is spelled as its source does; `fields` by name, tags as `tags.<name in lower case>`."""

    id: str
    type: str
    name: str
    fields: Mapping[str, Fact]

    @property
    def key(self) -> str:
        """The id as ARM compares ids."""
        return self.id.lower()

    @property
    def has_tags(self) -> bool:
        return any(name.startswith(TAG) for name in self.fields)

    @property
    def host(self) -> str:
        """The VM that it belongs to, "" where it is every host's."""
        if self.type == VM:
            return self.name
        return next(
            (self.fields[each].text for each in (f"{TAG}{TAG_HOST}", "managed_by") if each in self.fields), ""
        )

    @property
    def fingerprint(self) -> str:
        """All facts in one text, to tell whether a resource that nobody wanted is still the same."""
        return "; ".join(f"{name}={fact.key}" for name, fact in sorted(self.fields.items()) if fact.key)


def flatten(body: Body) -> list[ResourceFacts]:
    """A resource, and its children where they live in it (rules, subnets), from a body with id, type and name."""
    type_ = text(body, "type")
    id_, properties = text(body, "id"), mapping(body, "properties")
    reader = _READERS.get(type_.lower())
    fields = {**_common(body), **(reader(properties) if reader else {})}
    if type_.lower() == VM.lower():
        fields["zone"] = exact(_first(body.get("zones")))
    if type_.lower() == ADDRESS.lower():
        fields["sku"] = option(text(mapping(body, "sku"), "name"), "Basic")
    own = ResourceFacts(id_, type_, text(body, "name"), fields)
    return [own, *_children(id_, type_, properties)]


def listed(body: Body) -> ResourceFacts:
    """A resource as the list of a whole group shows it: what it is, where, its tags, and a disk's VM."""
    fields = _common(body)
    if text(body, "type").lower() == DISK.lower():
        fields["managed_by"] = references([text(body, "managedBy")])
    return ResourceFacts(text(body, "id"), text(body, "type"), text(body, "name"), fields)


def _common(body: Body) -> Facts:
    tags = {f"{TAG}{name.lower()}": tag(value) for name, value in texts(body, "tags").items()}
    state = text(mapping(body, "properties"), "provisioningState") or text(body, "provisioningState")
    told: Facts = {"provisioning_state": word(state)} if state else {}
    return {"location": place(text(body, "location")), **told, **tags}


def _children(id_: str, type_: str, properties: Body) -> list[ResourceFacts]:
    found: list[ResourceFacts] = []
    if type_.lower() == SECURITY_GROUP.lower():
        for rule in mappings(properties, "securityRules"):
            name = text(rule, "name")
            facts = _rule(mapping(rule, "properties"))
            found.append(ResourceFacts(f"{id_}/securityRules/{name}", RULE, name, facts))
    if type_.lower() == NETWORK.lower():
        for subnet in mappings(properties, "subnets"):
            name = text(subnet, "name")
            facts = _subnet(mapping(subnet, "properties"))
            found.append(ResourceFacts(f"{id_}/subnets/{name}", SUBNET, name, facts))
    return found


def _vm(properties: Body) -> Facts:
    storage, system = mapping(properties, "storageProfile"), mapping(properties, "osProfile")
    disk, linux = mapping(storage, "osDisk"), mapping(system, "linuxConfiguration")
    interfaces = mappings(mapping(properties, "networkProfile"), "networkInterfaces")
    diagnostics = mapping(mapping(properties, "diagnosticsProfile"), "bootDiagnostics")
    priority = option(_priority(text(properties, "priority")), "Regular")
    return {
        "size": word(text(mapping(properties, "hardwareProfile"), "vmSize")),
        "priority": priority,
        "eviction_policy": option(
            text(properties, "evictionPolicy"), "Deallocate" if priority.key == "spot" else ""
        ),
        "image": _image(mapping(storage, "imageReference")),
        "computer_name": word(text(system, "computerName")),
        "admin_username": exact(text(system, "adminUsername")),
        "ssh_public_keys": public_keys(
            text(key, "keyData") for key in mappings(mapping(linux, "ssh"), "publicKeys")
        ),
        "password_login": flag(linux.get("disablePasswordAuthentication") is False),
        "os_disk": word(text(disk, "name")),
        "os_disk_delete_option": option(text(disk, "deleteOption"), "Detach"),
        "data_disks": references(text(each, "name") for each in mappings(storage, "dataDisks")),
        "network_interfaces": references(text(each, "id") for each in interfaces),
        "nic_delete_option": option(
            ", ".join(
                sorted({text(mapping(each, "properties"), "deleteOption") or "Detach" for each in interfaces})
            ),
            "Detach",
        ),
        "boot_diagnostics": flag(diagnostics.get("enabled") is True),
    }


def _image(image: Body) -> Fact:
    if text(image, "id"):
        return references([text(image, "id")])
    parts = [text(image, key) for key in ("publisher", "offer", "sku", "version")]
    return word(":".join([*parts[:3], parts[3] or "latest"]))


def _priority(value: str) -> str:
    """`Low` is what Spot was called. https://learn.microsoft.com/rest/api/compute/virtual-machines/get"""
    return "Spot" if value.lower() == "low" else value


def _ssh_key(properties: Body) -> Facts:
    return {"public_key": public_keys([text(properties, "publicKey")])}


def _address(properties: Body) -> Facts:
    # `…/networkInterfaces/<name>/ipConfigurations/<name>`
    owner = text(mapping(properties, "ipConfiguration"), "id").rsplit("/", 2)[0]
    return {
        "allocation": option(text(properties, "publicIPAllocationMethod"), "Dynamic"),
        "version": option(text(properties, "publicIPAddressVersion"), "IPv4"),
        "dns_label": word(text(mapping(properties, "dnsSettings"), "domainNameLabel")),
        "address": exact(text(properties, "ipAddress")),
        "attached_to": references([owner]),
    }


def _rule(properties: Body) -> Facts:
    return {
        "priority": exact(str(properties.get("priority", ""))),
        "direction": word(text(properties, "direction")),
        "access": word(text(properties, "access")),
        "protocol": option(
            {"any": "*"}.get(text(properties, "protocol").lower(), text(properties, "protocol")), "*"
        ),
        "source": cidrs(
            [
                *_both(properties, "sourceAddressPrefix", "sourceAddressPrefixes"),
                *_ids(properties, "sourceApplicationSecurityGroups"),
            ]
        ),
        "source_ports": ports(_both(properties, "sourcePortRange", "sourcePortRanges")),
        "destination": cidrs(
            [
                *_both(properties, "destinationAddressPrefix", "destinationAddressPrefixes"),
                *_ids(properties, "destinationApplicationSecurityGroups"),
            ]
        ),
        "destination_ports": ports(_both(properties, "destinationPortRange", "destinationPortRanges")),
    }


def _network(properties: Body) -> Facts:
    return {
        "address_prefixes": cidrs(_list(mapping(properties, "addressSpace"), "addressPrefixes")),
        "dns_servers": references(_list(mapping(properties, "dhcpOptions"), "dnsServers")),
        "peerings": references(text(each, "name") for each in mappings(properties, "virtualNetworkPeerings")),
    }


def _subnet(properties: Body) -> Facts:
    return {
        "address_prefixes": cidrs(_both(properties, "addressPrefix", "addressPrefixes")),
        "network_security_group": references([text(mapping(properties, "networkSecurityGroup"), "id")]),
        "route_table": references([text(mapping(properties, "routeTable"), "id")]),
        "nat_gateway": references([text(mapping(properties, "natGateway"), "id")]),
    }


#: By type in lower case. A NIC and a disk are known from the group's list alone.
_READERS: dict[str, Callable[[Body], Facts]] = {
    VM.lower(): _vm,
    SSH_KEY.lower(): _ssh_key,
    ADDRESS.lower(): _address,
    NETWORK.lower(): _network,
}


def _both(properties: Body, single: str, many: str) -> list[str]:
    """ARM shows one value in the singular property or as a list of one, whichever it was sent in."""
    return [each for each in (text(properties, single), *_list(properties, many)) if each]


def _list(properties: Body, key: str) -> list[str]:
    value = properties.get(key)
    return [str(each) for each in value] if isinstance(value, list) else []


def _ids(properties: Body, key: str) -> list[str]:
    return [text(each, "id") for each in mappings(properties, key)]


def _first(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""
