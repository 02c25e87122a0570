"""The ARM resources of a deployment, one pure function for each type.

Every text in them is a value; what ARM is to evaluate is an `Expression`, and `expressions.rendered` keeps them apart.

Shapes: https://learn.microsoft.com/azure/templates/ with the api-versions of `azure.versions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.expressions import Expression, call
from k0rdent_azure.config.images import size_traits
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names

Resource = dict[str, object]


def resource_id(kind: str, *names: str) -> Expression:
    """A template expression for the id of a resource in the deployment's group."""
    return call("resourceId", kind, *names)


def id_below(scope: str, kind: str, names: Sequence[str]) -> str:
    """What `resourceId(kind, names…)` is in the group `scope`: of `A/b/c`, `x` and `y`, `…/providers/A/b/x/c/y`."""
    namespace, *kinds = kind.split("/")
    path = "/".join(f"{each}/{name}" for each, name in zip(kinds, names, strict=True))
    return f"{scope}/providers/{namespace}/{path}"


def ssh_key(names: Names, location: str, public_key: str, tags: Mapping[str, str]) -> Resource:
    """The admin's public key, kept in Azure under the ancestor's name."""
    return {
        "type": "Microsoft.Compute/sshPublicKeys",
        "apiVersion": versions.COMPUTE,
        "name": names.ssh_key,
        "location": location,
        "tags": dict(tags),
        "properties": {"publicKey": public_key},
    }


def security_group(config: Config, names: Names, tags: Mapping[str, str]) -> Resource:
    """SSH from the configured sources, WireGuard from anywhere; Azure's default rules let the VNet in."""
    return {
        "type": "Microsoft.Network/networkSecurityGroups",
        "apiVersion": versions.NETWORK,
        "name": names.nsg,
        "location": config.azure.location,
        "tags": dict(tags),
        "properties": {"securityRules": security_rules(config)},
    }


def security_rules(config: Config) -> list[Resource]:
    """The group's own rules, those that Azure adds to every group left out."""
    rules = []
    sources = list(dict.fromkeys(config.network.allowed_ssh_sources))
    if sources:
        rules.append(_rule("AllowSSH", 1000, "Tcp", 22, sources))
    # The laptop roams, and WireGuard answers only to keys that it knows.
    rules.append(_rule("AllowWireGuard", 1010, "Udp", config.network.wireguard_port, ["*"]))
    return rules


def _rule(name: str, priority: int, protocol: str, port: int, sources: list[str]) -> Resource:
    one = {"sourceAddressPrefix": sources[0]}
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": protocol,
            **(one if len(sources) == 1 else {"sourceAddressPrefixes": sources}),
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": str(port),
        },
    }


def network(config: Config, names: Names, tags: Mapping[str, str]) -> Resource:
    """The virtual network with its one subnet inside: a subnet of its own would race a later re-PUT."""
    security_group_id = resource_id("Microsoft.Network/networkSecurityGroups", names.nsg)
    subnet = {
        "name": names.subnet,
        "properties": {
            "addressPrefix": config.network.subnet_prefix,
            "networkSecurityGroup": {"id": security_group_id},
        },
    }
    return {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": versions.NETWORK,
        "name": names.vnet,
        "location": config.azure.location,
        "tags": dict(tags),
        "dependsOn": [security_group_id],
        "properties": {
            "addressSpace": {"addressPrefixes": [config.network.vnet_prefix]},
            "subnets": [subnet],
        },
    }


def public_address(names: Names, host: Host, location: str, tags: Mapping[str, str]) -> Resource:
    """A static address with a DNS label, so that a host can be watched without asking ARM for its address."""
    return {
        "type": "Microsoft.Network/publicIPAddresses",
        "apiVersion": versions.NETWORK,
        "name": names.public_ip(host.name),
        "location": location,
        "tags": dict(tags),
        "sku": {"name": "Standard"},
        "properties": {
            "publicIPAllocationMethod": "Static",
            "publicIPAddressVersion": "IPv4",
            "dnsSettings": {"domainNameLabel": names.dns_label(host.name)},
        },
    }


def interface(names: Names, host: Host, location: str, tags: Mapping[str, str]) -> Resource:
    """The NIC with the host's static private address; its public address goes when the VM goes."""
    address_id = resource_id("Microsoft.Network/publicIPAddresses", names.public_ip(host.name))
    subnet_id = resource_id("Microsoft.Network/virtualNetworks/subnets", names.vnet, names.subnet)
    return {
        "type": "Microsoft.Network/networkInterfaces",
        "apiVersion": versions.NETWORK,
        "name": names.nic(host.name),
        "location": location,
        "tags": dict(tags),
        "dependsOn": [resource_id("Microsoft.Network/virtualNetworks", names.vnet), address_id],
        "properties": {
            "ipConfigurations": [
                {
                    "name": "primary",
                    "properties": {
                        "primary": True,
                        "privateIPAllocationMethod": "Static",
                        "privateIPAddress": host.private_ip,
                        "subnet": {"id": subnet_id},
                        "publicIPAddress": {"id": address_id, "properties": {"deleteOption": "Delete"}},
                    },
                }
            ]
        },
    }


def virtual_machine(
    config: Config,
    names: Names,
    host: Host,
    *,
    username: str,
    public_key: str,
    tags: Mapping[str, str],
    custom_data: bool = True,
) -> Resource:
    """The VM. Its custom data is the secure parameter's entry of its name; its disk and NIC go with it.

    Without `custom_data` that of a VM which exists stays as it is.
    """
    nic_id = resource_id("Microsoft.Network/networkInterfaces", names.nic(host.name))
    resource: Resource = {
        "type": "Microsoft.Compute/virtualMachines",
        "apiVersion": versions.COMPUTE,
        "name": host.name,
        "location": config.azure.location,
        "tags": dict(tags),
        "dependsOn": [nic_id],
        "properties": {
            "hardwareProfile": {"vmSize": host.size},
            "storageProfile": _storage(config, names, host),
            "osProfile": _os_profile(host, username, public_key, custom_data=custom_data),
            "networkProfile": {
                "networkInterfaces": [
                    {"id": nic_id, "properties": {"primary": True, "deleteOption": "Delete"}}
                ]
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            **_priority(config),
        },
    }
    if host.zone:
        resource["zones"] = [host.zone]
    return resource


def _storage(config: Config, names: Names, host: Host) -> Resource:
    publisher, offer, sku, version = config.azure.vm_image.split(":")
    return {
        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": version},
        "osDisk": {
            "name": host.os_disk or names.os_disk(host.name),
            "createOption": "FromImage",
            "caching": "ReadWrite",
            "deleteOption": "Delete",
            "managedDisk": {"storageAccountType": disk_type(host.size)},
        },
    }


def _os_profile(host: Host, username: str, public_key: str, *, custom_data: bool) -> Resource:
    secret = {"customData": call("parameters", "customData").item(host.name)} if custom_data else {}
    key = {"path": f"/home/{username}/.ssh/authorized_keys", "keyData": public_key}
    return {
        "computerName": host.name,
        "adminUsername": username,
        **secret,
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "provisionVMAgent": True,
            "ssh": {"publicKeys": [key]},
        },
    }


def _priority(config: Config) -> Resource:
    """Spot VMs are never evicted for their price (`-1`), only for capacity."""
    if config.azure.vm_priority != "Spot":
        return {"priority": "Regular"}
    return {
        "priority": "Spot",
        "evictionPolicy": config.azure.eviction_policy,
        "billingProfile": {"maxPrice": -1},
    }


def disk_type(size: str) -> str:
    """Premium if the size takes it: etcd wants a disk that keeps its latency.

    https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
    """
    traits = size_traits(size)
    return "Premium_LRS" if traits is not None and traits.premium else "StandardSSD_LRS"
