"""What resources say of those that use them, and how they forget it when the user is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from k0rdent_azure.rehearsal.records import Json, Resource

#: Members of `properties` that name the VM of an interface and the IP configuration of an address.
_USERS = ("virtualMachine", "ipConfiguration")


def release(resources: Iterable[Resource], gone: Collection[str]) -> None:
    """Free what was used by resources with the ids `gone` (in lower case): interfaces, addresses, disks."""
    for resource in resources:
        body = _without_users(resource.body, gone)
        if body is not None:
            resource.body = body
            resource.revision += 1


def _without_users(body: Json, gone: Collection[str]) -> Json | None:
    """The body without references to what is gone; None if there are none."""
    given = body.get("properties")
    own: Json = dict(given) if isinstance(given, dict) else {}
    used = [key for key in _USERS if _owner(own.get(key)) in gone]
    for key in used:
        del own[key]
    left = dict(body)
    if str(body.get("managedBy", "")).lower() in gone:
        used.append("managedBy")
        del left["managedBy"]
        own["diskState"] = "Unattached"
    return {**left, "properties": own} if used else None


def _owner(reference: object) -> str:
    """The id, in lower case, of the resource that a back reference leads to, or to a part of which it leads."""
    found = str(reference.get("id", "")).lower() if isinstance(reference, dict) else ""
    return found.partition("/ipconfigurations/")[0]
