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
#: Of a VM and of security rules. `Low` is what Spot was called; a rule's protocol `Any` is its `*`.
_OPTIONS = (
    *("Regular", "Spot", "Deallocate", "Delete", "Detach", "Inbound", "Outbound", "Allow", "Deny"),
    *("Tcp", "Udp", "Icmp", "Esp", "Ah", "x64", "Arm64"),
)
_SPELLINGS = {word.lower(): word for word in (*_STATES, *_TYPES)}
_OPTION_SPELLINGS = {**{word.lower(): word for word in _OPTIONS}, "low": "Spot", "any": "*"}


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


def option(body: Mapping[str, object], key: str) -> str:
    """A word out of a few, such as `deleteOption` or `direction`, in the documented spelling; any other as it is."""
    word = text(body, key).strip()
    return _OPTION_SPELLINGS.get(word.lower(), word)


def zones(body: Mapping[str, object], key: str = "zones") -> tuple[str, ...]:
    """Zones by number. ARM documents texts; other programs' templates have numbers, and space."""
    value = body.get(key)
    found = value if isinstance(value, list) else []
    told = [str(each).strip() for each in found if isinstance(each, str | int) and not isinstance(each, bool)]
    return tuple(each for each in told if each)


def one_or_many(body: Mapping[str, object], single: str, many: str) -> list[str]:
    """ARM shows one value in the singular property or as a list of one, whichever it was sent in."""
    value = body.get(many)
    return [
        each for each in (text(body, single), *map(str, value if isinstance(value, list) else ())) if each
    ]


def number(body: Mapping[str, object], key: str) -> int:
    """A whole number, also if it is a text; 0 if there is none."""
    value = body.get(key)
    told = value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 20 else 0


def power_word(body: Mapping[str, object]) -> str:
    """`running`, from `instanceView.statuses[]`, whose codes are `PowerState/running` and the like; "" if unknown."""
    return _instance_word(body, "PowerState").lower()


def instance_state(body: Mapping[str, object]) -> str:
    """`Failed`, from an instance view's `ProvisioningState/failed/AllocationFailed`: not every list has more."""
    return spelled(_instance_word(body, "ProvisioningState"))


def _instance_word(body: Mapping[str, object], wanted: str) -> str:
    for status in mappings(mapping(mapping(body, "properties"), "instanceView"), "statuses"):
        kind, _, rest = text(status, "code").partition("/")
        if kind.lower() == wanted.lower():
            return rest.partition("/")[0]
    return ""
