"""The facts in the `properties` of each type, in the shapes of https://learn.microsoft.com/azure/templates/."""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.azure.drift_values import (
    Fact,
    cidrs,
    exact,
    flag,
    option,
    ports,
    public_keys,
    references,
    word,
)
from k0rdent_azure.azure.reading import mapping, mappings, number, one_or_many, text
from k0rdent_azure.azure.reading import option as spelled
from k0rdent_azure.config import resource_ids

Body = Mapping[str, object]
Facts = dict[str, Fact]


def vm(properties: Body) -> Facts:
    """The facts of a VM."""
    storage, system = mapping(properties, "storageProfile"), mapping(properties, "osProfile")
    disk, linux = mapping(storage, "osDisk"), mapping(system, "linuxConfiguration")
    interfaces = mappings(mapping(properties, "networkProfile"), "networkInterfaces")
    diagnostics = mapping(mapping(properties, "diagnosticsProfile"), "bootDiagnostics")
    priority = option(spelled(properties, "priority"), "Regular")
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
                sorted(
                    {spelled(mapping(each, "properties"), "deleteOption") or "Detach" for each in interfaces}
                )
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


def ssh_key(properties: Body) -> Facts:
    """The facts of an SSH public key."""
    return {"public_key": public_keys([text(properties, "publicKey")])}


def address(properties: Body) -> Facts:
    """The facts of a public address."""
    # `…/networkInterfaces/<name>/ipConfigurations/<name>`
    owner = resource_ids.parent(text(mapping(properties, "ipConfiguration"), "id"))
    return {
        "allocation": option(text(properties, "publicIPAllocationMethod"), "Dynamic"),
        "version": option(text(properties, "publicIPAddressVersion"), "IPv4"),
        "dns_label": word(text(mapping(properties, "dnsSettings"), "domainNameLabel")),
        "address": exact(text(properties, "ipAddress")),
        "attached_to": references([owner]),
    }


def rule(properties: Body) -> Facts:
    """The facts of a security rule."""
    return {
        "priority": exact(str(number(properties, "priority") or "")),
        "direction": word(text(properties, "direction")),
        "access": word(text(properties, "access")),
        "protocol": option(spelled(properties, "protocol"), "*"),
        "source": cidrs(
            [
                *one_or_many(properties, "sourceAddressPrefix", "sourceAddressPrefixes"),
                *_ids(properties, "sourceApplicationSecurityGroups"),
            ]
        ),
        "source_ports": ports(one_or_many(properties, "sourcePortRange", "sourcePortRanges")),
        "destination": cidrs(
            [
                *one_or_many(properties, "destinationAddressPrefix", "destinationAddressPrefixes"),
                *_ids(properties, "destinationApplicationSecurityGroups"),
            ]
        ),
        "destination_ports": ports(one_or_many(properties, "destinationPortRange", "destinationPortRanges")),
    }


def network(properties: Body) -> Facts:
    """The facts of a virtual network."""
    return {
        "address_prefixes": cidrs(_list(mapping(properties, "addressSpace"), "addressPrefixes")),
        "dns_servers": references(_list(mapping(properties, "dhcpOptions"), "dnsServers")),
        "peerings": references(text(each, "name") for each in mappings(properties, "virtualNetworkPeerings")),
    }


def subnet(properties: Body) -> Facts:
    """The facts of a subnet."""
    return {
        "address_prefixes": cidrs(one_or_many(properties, "addressPrefix", "addressPrefixes")),
        "network_security_group": references([text(mapping(properties, "networkSecurityGroup"), "id")]),
        "route_table": references([text(mapping(properties, "routeTable"), "id")]),
        "nat_gateway": references([text(mapping(properties, "natGateway"), "id")]),
    }


def _list(properties: Body, key: str) -> list[str]:
    value = properties.get(key)
    return [str(each) for each in value] if isinstance(value, list) else []


def _ids(properties: Body, key: str) -> list[str]:
    return [text(each, "id") for each in mappings(properties, key)]
