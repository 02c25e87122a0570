"""The resource providers: which types there are, how long each takes, and what a PUT makes of its body.

A provider's `shape` checks what was put and completes it to what a GET shows; it raises ArmError where the
real provider would refuse, and PreflightError where it would before the deployment starts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from k0rdent_azure.rehearsal.arm import compute, network, storage
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, PreflightError
from k0rdent_azure.rehearsal.arm.plan import Wanted
from k0rdent_azure.rehearsal.records import Json, Resource
from k0rdent_azure.rehearsal.regions import REGIONS


@dataclass(frozen=True, slots=True)
class Shaped:
    """A completed body, and what ARM keeps to itself."""

    body: Json
    hidden: dict[str, str]


@dataclass(frozen=True, slots=True)
class Provider:
    """One type: its spelling, cloud seconds for a creation, a change and a deletion, and its shape."""

    type: str
    shape: Callable[[Wanted, Json], dict[str, str]]
    creation: tuple[float, float]
    change: tuple[float, float]
    deletion: tuple[float, float]


PROVIDERS: dict[str, Provider] = {
    each.type.lower(): each
    for each in (
        Provider("Microsoft.Network/virtualNetworks", network.virtual_network, (3, 6), (2, 4), (8, 15)),
        Provider("Microsoft.Network/networkSecurityGroups", network.security_group, (3, 6), (2, 4), (8, 15)),
        Provider("Microsoft.Network/publicIPAddresses", network.public_address, (2, 5), (1, 3), (8, 15)),
        Provider("Microsoft.Network/networkInterfaces", network.interface, (2, 5), (1, 3), (8, 15)),
        Provider("Microsoft.Compute/sshPublicKeys", compute.ssh_public_key, (1, 3), (1, 2), (2, 4)),
        Provider("Microsoft.Compute/disks", compute.disk, (2, 6), (1, 3), (5, 12)),
        Provider("Microsoft.Storage/storageAccounts", storage.account, (10, 25), (2, 4), (2, 5)),
        Provider("Microsoft.Compute/virtualMachines", compute.virtual_machine, (180, 480), (5, 15), (30, 60)),
    )
}
#: Children that live in a property of their parent.
CHILDREN = {
    "microsoft.network/virtualnetworks/subnets": "subnets",
    "microsoft.network/networksecuritygroups/securityrules": "securityRules",
}


def provision(wanted: Wanted) -> tuple[Resource, float]:
    """Plan that `wanted` is made (or changed) from its `start` on.

    Gives the resource and the moment at which the operation ends. Raises ArmError, PreflightError.
    """
    if wanted.type.lower() in CHILDREN:
        return _provision_child(wanted)
    provider = _provider(wanted)
    present = wanted.present
    if present is not None and present.deleting_at is not None:
        raise ArmError(409, "Conflict", f"The resource '{wanted.id}' is being deleted.")
    start = max(wanted.start, present.ready_at) if present is not None else wanted.start
    body = _without_nulls({key: value for key, value in wanted.body.items() if key in _KEPT})
    body["location"] = wanted.location
    body.setdefault("properties", {})
    if policies := wanted.plan.faults.policy_tags():
        body["tags"] = {**network.mapping(body, "tags"), **policies}
    shaped = Shaped(body, provider.shape(wanted, body))
    if present is None:
        resource = _new(wanted, provider, shaped, start)
    else:
        resource = _changed(wanted, provider, shaped, present, start)
    wanted.plan.put(resource)
    network.attach(wanted.plan, resource)
    compute.attach(wanted.plan, resource, start)
    return resource, max(resource.ready_at, start + wanted.plan.draw(*provider.change, "change", wanted.name))


def _without_nulls(value: Json) -> Json:
    """A copy without the members that are null: to ARM they are not there."""
    found: Json = {}
    for key, each in value.items():
        if isinstance(each, dict):
            found[key] = _without_nulls(each)
        elif isinstance(each, list):
            found[key] = [
                _without_nulls(one) if isinstance(one, dict) else copy.deepcopy(one) for one in each
            ]
        elif each is not None:
            found[key] = each
    return found


_KEPT = ("location", "tags", "sku", "zones", "plan", "identity", "kind", "properties", "extendedLocation")


def _provider(wanted: Wanted) -> Provider:
    provider = PROVIDERS.get(wanted.type.lower())
    if provider is None:
        namespace, _, type_ = wanted.type.partition("/")
        raise PreflightError(
            400,
            "InvalidResourceType",
            f"The resource type '{type_}' could not be found in the namespace '{namespace}' of this cloud.",
        )
    if wanted.location not in REGIONS:
        raise PreflightError(
            400,
            "LocationNotAvailableForResourceType" if wanted.location else "LocationRequired",
            f"The provided location '{wanted.location}' is not available for resource type '{provider.type}'.",
            target=wanted.id,
        )
    if wanted.present is not None and wanted.present.location != wanted.location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{wanted.name}' already exists in location '{wanted.present.location}' in resource group "
            f"'{wanted.group}'. A resource with the same name cannot be created in location '{wanted.location}'.",
        )
    return provider


def _new(wanted: Wanted, provider: Provider, shaped: Shaped, start: float) -> Resource:
    attempt = wanted.plan.world.earlier_creations(wanted.id)
    duration = wanted.plan.draw(*provider.creation, "create", wanted.name, attempt)
    resource = Resource(
        id=wanted.id,
        type=provider.type,
        name=wanted.name,
        group=wanted.group,
        location=wanted.location,
        body=shaped.body,
        hidden=shaped.hidden,
        uid=wanted.uid,
        created_at=start,
        ready_at=start + duration,
        maker=wanted.plan.actor,
    )
    compute.boot(wanted, resource, start, duration)
    return resource


def _changed(wanted: Wanted, provider: Provider, shaped: Shaped, present: Resource, start: float) -> Resource:
    """A PUT on what exists: nothing happens where it says the same, and a Failed resource is tried again."""
    kept = {**present.hidden, **shaped.hidden}
    if present.failure is None and shaped.body == present.body:
        return msgspec.structs.replace(present, hidden=kept)
    duration = wanted.plan.draw(*provider.change, "change", wanted.name)
    resource = msgspec.structs.replace(
        present,
        body=shaped.body,
        hidden=kept,
        revision=present.revision + 1,
        ready_at=start + duration,
        failure=None,
    )
    if present.failure is not None:
        again = wanted.plan.draw(*provider.creation, "create", wanted.name, present.revision)
        resource.ready_at = start + again
        compute.boot(wanted, resource, start, again)
    return resource


def _provision_child(wanted: Wanted) -> tuple[Resource, float]:
    """A subnet or a security rule of its own: it becomes part of its parent."""
    kind = CHILDREN[wanted.type.lower()]
    parent_id = wanted.id.rsplit("/", 2)[0]
    parent = wanted.plan.resource(parent_id)
    if parent is None:
        raise ArmError(
            404,
            "ParentResourceNotFound",
            f"Can not perform requested operation on nested resource. Parent resource "
            f"'{wanted.name.rpartition('/')[0]}' not found.",
        )
    body = copy.deepcopy(parent.body)
    properties = body["properties"]
    assert isinstance(properties, dict)  # noqa: S101  a stored body always has them
    name = wanted.name.rpartition("/")[2]
    others = [each for each in properties.get(kind, []) if each.get("name") != name]
    properties[kind] = [*others, {"name": name, "properties": wanted.properties}]
    parts = {"type": parent.type, "name": parent.name, "id": parent.id, "location": parent.location}
    return provision(
        Wanted(plan=wanted.plan, group=wanted.group, body=body, present=parent, start=wanted.start, **parts)
    )
