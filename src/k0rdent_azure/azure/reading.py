"""Reads fields of ARM's answers: a missing or strange one is empty, never a crash."""

from __future__ import annotations

from collections.abc import Mapping

#: As ARM documents them; it does not always print them so.
#: https://learn.microsoft.com/rest/api/resources/deployments/get#provisioningstate, and those of resource providers.
_STATES = (
    *("Accepted", "Canceled", "Created", "Creating", "Deleted", "Deleting", "Failed", "Migrating"),
    *("NotSpecified", "Ready", "Running", "Succeeded", "Updated", "Updating"),
)
_TYPES = (
    "Microsoft.Compute/disks",
    "Microsoft.Compute/sshPublicKeys",
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/networkSecurityGroups/securityRules",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Resources/deployments",
    "Microsoft.Resources/resourceGroups",
)
_SPELLINGS = {word.lower(): word for word in (*_STATES, *_TYPES)}


def text(body: Mapping[str, object], key: str) -> str:
    """A text field; "" where it is missing or not a text."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def mapping(body: Mapping[str, object], key: str) -> dict[str, object]:
    """An object field; {} where it is missing or not an object."""
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def mappings(body: Mapping[str, object], key: str) -> list[dict[str, object]]:
    """An array of objects; whatever else stands in it is left out."""
    value = body.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(body: Mapping[str, object], key: str) -> dict[str, str]:
    """An object whose values are texts, such as `tags`."""
    return {name: value for name, value in mapping(body, key).items() if isinstance(value, str)}


def provisioning_state(body: Mapping[str, object]) -> str:
    """Of a resource, or of its `properties`, in the documented spelling; "" where ARM does not tell."""
    return spelled(text(mapping(body, "properties"), "provisioningState") or text(body, "provisioningState"))


def resource_type(body: Mapping[str, object], key: str = "type") -> str:
    """The type of a resource, those that a deployment has in the documented spelling."""
    return spelled(text(body, key))


def spelled(word: str) -> str:
    """A state or a type as ARM documents it, which compares them without case; any other word as it is."""
    return _SPELLINGS.get(word.lower(), word)


def power_word(body: Mapping[str, object]) -> str:
    """`running`, from `instanceView.statuses[]`, whose codes are `PowerState/running` and the like; "" if unknown."""
    for status in mappings(mapping(mapping(body, "properties"), "instanceView"), "statuses"):
        kind, _, word = text(status, "code").partition("/")
        if kind.lower() == "powerstate":
            return word.lower()
    return ""
