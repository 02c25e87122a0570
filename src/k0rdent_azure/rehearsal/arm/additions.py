"""What others may have added to a resource: tags, rules, subnets, associations, attached disks.

A PUT of the whole resource takes away what it leaves out, so each of these is looked at by itself.
"""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.network import (
    INTERFACES,
    NETWORKS,
    SECURITY_GROUPS,
    mapping,
    objects,
    reference_id,
)
from k0rdent_azure.rehearsal.records import Group, Json, Resource

#: What ARM writes itself wherever something is put.
_FILLED = ("id", "type", "etag", "provisioningState")
#: What a subnet is, beside what is associated with it.
_SUBNET = ("addressPrefix", "addressPrefixes", "ipConfigurations", "provisioningState")


def parts(record: Resource | Group) -> dict[str, object]:
    """Everything of this kind in a resource or a group, by a path in lower case."""
    if isinstance(record, Group):
        return _named("tags", dict(record.tags))
    own = mapping(record.body, "properties")
    found = _named("tags", mapping(record.body, "tags"))
    if record.type == SECURITY_GROUPS:
        found |= _listed("rule", objects(own, "securityRules"))
    elif record.type == NETWORKS:
        found |= _network(own)
    elif record.type == INTERFACES:
        found |= {f"ip configuration/{each['name']}": True for each in objects(own, "ipConfigurations")}
        found |= {"security group": own["networkSecurityGroup"]} if "networkSecurityGroup" in own else {}
    elif record.type == VIRTUAL_MACHINES:
        disks = objects(mapping(own, "storageProfile"), "dataDisks")
        nics = objects(mapping(own, "networkProfile"), "networkInterfaces")
        found |= {f"data disk/{each.get('lun')}": reference_id(each.get("managedDisk")) for each in disks}
        found |= {f"interface/{reference_id(each)}": True for each in nics}
    return {path.lower(): value for path, value in found.items()}


def _network(own: Json) -> dict[str, object]:
    found = _listed("peering", objects(own, "virtualNetworkPeerings"))
    prefixes = mapping(own, "addressSpace").get("addressPrefixes")
    found |= {f"address prefix/{each}": True for each in (prefixes if isinstance(prefixes, list) else ())}
    found |= {"dhcp options": own["dhcpOptions"]} if own.get("dhcpOptions") else {}
    for subnet in objects(own, "subnets"):
        path = f"subnet/{subnet['name']}"
        found[path] = True
        for key, value in mapping(subnet, "properties").items():
            if key not in _SUBNET and value not in ([], None):
                found[f"{path}/{key}"] = _plain(value)
    return found


def _named(kind: str, given: Json) -> dict[str, object]:
    return {f"{kind}/{name}".lower(): value for name, value in given.items()}


def _listed(kind: str, given: list[Json]) -> dict[str, object]:
    return {f"{kind}/{each.get('name')}": _plain(mapping(each, "properties")) for each in given}


def _plain(value: object) -> object:
    """Without what ARM fills in."""
    if isinstance(value, dict):
        if set(value) == {"id"}:
            return str(value["id"]).lower()
        left = {key: each for key, each in value.items() if key not in _FILLED and each is not None}
        return {key: _plain(each) for key, each in left.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
