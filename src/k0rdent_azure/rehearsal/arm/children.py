"""Subnets and security rules: resources of their own to a client, members of their parent to this cloud."""

from __future__ import annotations

import copy

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, not_found
from k0rdent_azure.rehearsal.arm.arm_resources import provisioned
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.network import mapping, objects
from k0rdent_azure.rehearsal.arm.providers import CHILDREN
from k0rdent_azure.rehearsal.records import Json, Resource


def list_all(call: Call) -> Answer:
    return call.page(_children(call, _parent(call)))


def get(call: Call) -> Answer:
    return Answer(200, _find(call, _parent(call)))


def put(call: Call) -> Answer:
    parent = call.world.resource(_parent_id(call))
    is_new = parent is None or not any(_is_named(call, each) for each in _children(call, parent))
    parent, ended = provisioned(call, call.body, None)
    return call.async_operation(201 if is_new else 200, ended, _find(call, parent))


def delete(call: Call) -> Answer:
    """Nothing to do where there is none. Raises ArmError (InUseSubnetCannotBeDeleted)."""
    call.group()
    parent = call.world.resource(_parent_id(call))
    found = (
        next((each for each in _children(call, parent) if _is_named(call, each)), None) if parent else None
    )
    if parent is None or found is None:
        return Answer(204)
    if "ipConfigurations" in mapping(found, "properties"):
        user = str(objects(mapping(found, "properties"), "ipConfigurations")[0]["id"])
        raise ArmError(
            400,
            "InUseSubnetCannotBeDeleted",
            f"Subnet {call.part['childname']} is in use by {user} and cannot be deleted.",
        )
    body = copy.deepcopy(parent.body)
    own = mapping(body, "properties")
    own[_key(call)] = [each for each in objects(own, _key(call)) if not _is_named(call, each)]
    parent.body = body
    parent.revision += 1
    call.world.save()
    return call.accepted(call.now + call.world.draw(2, 5, "delete", call.name), retry_after=10)


def _key(call: Call) -> str:
    key = CHILDREN.get(call.type.lower())
    if key is None:
        raise ArmError(404, "InvalidResourceType", f"The resource type '{call.type}' could not be found.")
    return key


def _parent_id(call: Call) -> str:
    type_ = f"{call.part['namespace']}/{call.part['type']}"
    return ids.resource_id(call.scope, type_, call.part["name"])


def _parent(call: Call) -> Resource:
    group = call.group()
    found = call.world.resource(_parent_id(call))
    if found is None:
        raise not_found(f"{call.part['namespace']}/{call.part['type']}", call.part["name"], group.name)
    return found


def _children(call: Call, parent: Resource) -> list[Json]:
    """As a GET shows them."""
    return objects(mapping(views.resource(call.world, parent), "properties"), _key(call))


def _is_named(call: Call, child: Json) -> bool:
    return str(child.get("name")).lower() == call.part["childname"].lower()


def _find(call: Call, parent: Resource) -> Json:
    found = next((each for each in _children(call, parent) if _is_named(call, each)), None)
    if found is None:
        raise not_found(call.type, call.name, call.part["group"])
    return found
