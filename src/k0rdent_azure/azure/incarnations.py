"""How Azure tells one incarnation of a resource from the next one under its name: by an id that is never given again.

Shapes: https://learn.microsoft.com/azure/templates/ with the api-versions of `azure.versions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.reading import mapping, text
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.public_keys import plain

_SSH_KEY = "microsoft.compute/sshpublickeys"
#: By type in lower case: the property that holds the id, and the api-version of the type's list.
NUMBERED: Mapping[str, tuple[str, str]] = {
    "microsoft.compute/virtualmachines": ("vmId", versions.COMPUTE),
    "microsoft.compute/disks": ("uniqueId", versions.DISKS),
    "microsoft.network/networkinterfaces": ("resourceGuid", versions.NETWORK),
    "microsoft.network/publicipaddresses": ("resourceGuid", versions.NETWORK),
    "microsoft.network/virtualnetworks": ("resourceGuid", versions.NETWORK),
    "microsoft.network/networksecuritygroups": ("resourceGuid", versions.NETWORK),
}
#: The same with what Azure gives no id: whose an SSH key is, the key itself tells.
TOLD_APART: Mapping[str, tuple[str, str]] = {**NUMBERED, _SSH_KEY: ("publicKey", versions.COMPUTE)}


def number(type_: str, body: Mapping[str, object]) -> str:
    """The id in a resource's body; "" if Azure does not tell one."""
    property_, _ = NUMBERED.get(type_.lower(), ("", ""))
    return text(mapping(body, "properties"), property_)


def incarnation(type_: str, body: Mapping[str, object]) -> str:
    """What proves whose a resource is if its tags do not: its id, or the SSH key; "" if Azure does not tell it."""
    if type_.lower() != _SSH_KEY:
        return number(type_, body)
    return plain(text(mapping(body, "properties"), TOLD_APART[_SSH_KEY][0]))


def can_change(resource_id: str) -> bool:
    """Whether what tells it apart can be changed in place: another SSH key proves no other incarnation."""
    return f"/{_SSH_KEY}/" in resource_ids.key(resource_id)
