"""Single resources and lists of them, for every type that this cloud has.

Source: https://learn.microsoft.com/rest/api/compute and https://learn.microsoft.com/rest/api/virtualnetwork
"""

from __future__ import annotations

import copy

from k0rdent_azure.rehearsal.arm import deletions, filters, views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, group_being_deleted, not_found
from k0rdent_azure.rehearsal.arm.call import PAGE, Answer, Call
from k0rdent_azure.rehearsal.arm.compute import SSH_KEYS, VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.arm.providers import PROVIDERS, provision
from k0rdent_azure.rehearsal.records import Json, Resource
from k0rdent_azure.rehearsal.regions import region

#: The longest page of `/resources` that anybody gets by asking for it (`$top`).
MOST_LISTED = 1000


def put(call: Call) -> Answer:
    present = call.world.resource(call.id)
    return write(call, call.body, present)


def patch(call: Call) -> Answer:
    """A merge patch (RFC 7396), which is what the tags and properties of a real PATCH are."""
    present = find(call)
    return write(call, _merged(present.body, call.body), present)


def write(call: Call, body: Json, present: Resource | None) -> Answer:
    """Make or change the resource of the path."""
    resource, ended = provisioned(call, body, present)
    status = 201 if present is None else 200
    return call.async_operation(status, ended, views.resource(call.world, resource))


def provisioned(call: Call, body: Json, present: Resource | None) -> tuple[Resource, float]:
    """Give it to its provider; the resource (of a child: its parent), and when that has ended."""
    group = call.group()
    if group.deleting(call.now):
        raise group_being_deleted(group.name)
    plan = Plan(call.world, call.faults, call.correlation_id, call.actor)
    found = provision(
        Wanted(
            plan=plan,
            id=call.id,
            type=call.type,
            name=call.name,
            group=group.name,
            location=region(body.get("location", group.location if "child" in call.part else "")),
            body=body,
            present=present,
            start=call.now,
        )
    )
    plan.commit()
    return found


def get(call: Call) -> Answer:
    with_view = call.query.get("$expand", "").lower() == "instanceview"
    return Answer(200, views.resource(call.world, find(call), instance_view=with_view))


def head(call: Call) -> Answer:
    return Answer(204 if call.world.resource(call.id) else 404)


def delete(call: Call) -> Answer:
    call.group()
    resource = call.world.resource(call.id)
    if resource is None:
        return Answer(204)
    answer = deletions.delete(call, resource)
    if resource.type == SSH_KEYS and resource.gone_at is not None:
        # The one type whose removal is over when it is answered.
        resource.gone_at = call.now
        call.world.save()
        return Answer(200)
    return answer


def list_in_group(call: Call) -> Answer:
    group = call.group()
    _check_type(call)
    found = call.world.resources(group=group.name, type_=_type(call))
    return call.page([views.resource(call.world, each) for each in found])


def list_in_subscription(call: Call) -> Answer:
    _check_type(call)
    found = call.world.resources(type_=_type(call))
    if _type(call).lower() == VIRTUAL_MACHINES.lower() and call.query.get("statusonly", "").lower() == "true":
        return call.page([views.vm_status(call.world, each) for each in found])
    return call.page([views.resource(call.world, each) for each in found])


def list_everything(call: Call) -> Answer:
    """`/resources`, of the subscription or of a group."""
    group = call.group().name if "group" in call.part else None
    wanted = filters.parse(call.query.get("$filter", ""))
    group = wanted.get("resourcegroup", group)
    found = call.world.resources(group=group, type_=wanted.get("resourcetype"))
    asked = call.query.get("$top", "")
    return call.page(
        [
            views.listed(call.world, each, expand=call.query.get("$expand", ""))
            for each in found
            if filters.tags_match(wanted, each.body.get("tags"))
            and wanted.get("name", each.name) == each.name
        ],
        min(int(asked), MOST_LISTED) if asked.isdecimal() and int(asked) else PAGE,
    )


def find(call: Call) -> Resource:
    """The resource of the path. Raises ArmError: ResourceGroupNotFound, InvalidResourceType, ResourceNotFound."""
    group = call.group()
    _check_type(call)
    found = call.world.resource(call.id)
    if found is None:
        raise not_found(call.type, call.name, group.name)
    return found


def _type(call: Call) -> str:
    return f"{call.part['namespace']}/{call.part['type']}"


def _check_type(call: Call) -> None:
    if _type(call).lower() not in PROVIDERS:
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{call.part['type']}' could not be found in the namespace '{call.part['namespace']}' "
            f"for api version '{call.query.get('api-version')}'.",
        )


def _merged(present: object, given: object) -> Json:
    """`given` over `present`: null removes, objects merge, all else replaces; tags come as a whole."""
    found = copy.deepcopy(present) if isinstance(present, dict) else {}
    for key, value in given.items() if isinstance(given, dict) else ():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict) and key != "tags":
            found[key] = _merged(found.get(key), value)
        else:
            found[key] = copy.deepcopy(value)
    return found
