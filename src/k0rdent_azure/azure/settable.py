"""What of a resource that ARM shows can be sent back: all but what ARM alone writes. Pure.

Source: `readOnly` in https://github.com/Azure/azure-rest-api-specs (compute, network, resources).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from k0rdent_azure.azure.reading import mapping, text
from k0rdent_azure.config import resource_ids

Json = dict[str, object]

_GROUP = "microsoft.resources/resourcegroups"
_INTERFACE = "microsoft.network/networkinterfaces"
_TOP = frozenset(
    {"location", "tags", "sku", "zones", "plan", "identity", "kind", "properties", "extendedLocation"}
)
#: Read-only wherever it stands in a resource of ours.
_SHOWN = frozenset(
    {
        "provisioningState",
        "etag",
        "resourceGuid",
        "systemData",
        "vmId",
        "timeCreated",
        "instanceView",
        "exactVersion",
        "defaultSecurityRules",
        "ipConfigurationProfiles",
        "interfaceEndpoints",
        "privateEndpoints",
        "resourceNavigationLinks",
        "serviceAssociationLinks",
        "purpose",
        "macAddress",
        "virtualMachine",
        "hostedWorkloads",
        "tapConfigurations",
        "privateEndpoint",
        "privateLinkService",
        "privateLinkConnectionProperties",
        "vnetEncryptionSupported",
        "appliedDnsServers",
        "internalDomainNameSuffix",
        "internalFqdn",
        "fqdn",
        "flowLogs",
        "defaultPublicNatGateway",
    }
)
#: ARM shows none of these; what it does not show cannot be sent back.
_SECRET = frozenset({"customData", "adminPassword", "userData", "protectedSettings"})
#: Read-only where it stands at this path of this type.
_SHOWN_AT: Mapping[str, frozenset[str]] = {
    "microsoft.network/networksecuritygroups": frozenset(
        {"properties.networkInterfaces", "properties.subnets"}
    ),
    "microsoft.network/virtualnetworks": frozenset(
        {
            "properties.subnets.properties.ipConfigurations",
            "properties.subnets.properties.delegations.properties.actions",
        }
    ),
    "microsoft.network/publicipaddresses": frozenset({"properties.ipAddress", "properties.ipConfiguration"}),
}
#: What an interface shows of the address that it takes is the address' own; only this is the interface's to say.
_ADDRESS_PATH = "properties.ipConfigurations.properties.publicIPAddress"


def settable(found: Mapping[str, object], kind: str) -> Json:
    """`found` without what ARM only shows; `kind` is its type in lower case."""
    top = _TOP | {"managedBy"} if kind == _GROUP else _TOP
    resource = _Resource(resource_ids.key(text(found, "id")), kind)
    sent = _members({key: value for key, value in found.items() if key in top}, "", resource)
    return {**sent, "identity": _identity(mapping(sent, "identity"))} if "identity" in sent else sent


class _Resource(NamedTuple):
    """The one that is walked through: its id in lower case, and its type."""

    id: str
    kind: str


def _members(value: Mapping[str, object], path: str, resource: _Resource) -> Json:
    is_child = "name" in value and resource_ids.key(text(value, "id")).startswith(f"{resource.id}/")
    sent: Json = {}
    for key, each in value.items():
        place = f"{path}.{key}".lstrip(".")
        is_shown = (key in _SHOWN | _SECRET and path != "tags") or place in _SHOWN_AT.get(
            resource.kind, frozenset()
        )
        # ARM takes null for what is not there, and a child's id and type from where it stands.
        if not (is_shown or each is None or (is_child and key in ("id", "type"))):
            sent[key] = _value(each, place, resource)
    return _reference(sent) if resource.kind == _INTERFACE and path == _ADDRESS_PATH else sent


def _value(value: object, path: str, resource: _Resource) -> object:
    if isinstance(value, dict):
        return _members(value, path, resource)
    return [_value(each, path, resource) for each in value] if isinstance(value, list) else value


def _reference(address: Json) -> Json:
    option = text(mapping(address, "properties"), "deleteOption")
    return {"id": address.get("id"), **({"properties": {"deleteOption": option}} if option else {})}


def _identity(found: Json) -> Json:
    """Kept by naming it: the principals are Azure's to say."""
    users: Json = {name: {} for name in mapping(found, "userAssignedIdentities")}
    return {"type": found.get("type"), **({"userAssignedIdentities": users} if users else {})}
