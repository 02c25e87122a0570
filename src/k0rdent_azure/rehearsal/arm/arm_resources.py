"""Single resources and lists of them, for every type that this cloud has.

Source: https://learn.microsoft.com/rest/api/compute and https://learn.microsoft.com/rest/api/virtualnetwork
"""

from __future__ import annotations

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import filters, removal, views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, group_being_deleted, not_found
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.network import mapping, objects
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.arm.providers import CHILDREN, PROVIDERS, provision
from k0rdent_azure.rehearsal.records import Json, Power, Resource, Transition
from k0rdent_azure.rehearsal.regions import region

#: Power actions: the state on the way, the state at the end, and cloud seconds between them.
_ACTIONS: dict[str, tuple[Power, Power, tuple[float, float]]] = {
    "start": ("starting", "running", (20, 50)),
    "restart": ("starting", "running", (20, 60)),
    "poweroff": ("stopping", "stopped", (10, 30)),
    "deallocate": ("deallocating", "deallocated", (20, 60)),
}


def put(call: Call) -> Answer:
    group = call.group()
    if group.deleting(call.now):
        raise group_being_deleted(group.name)
    plan = Plan(call.world, call.faults, call.correlation_id)
    present = call.world.resource(_id(call))
    resource, ended = provision(
        Wanted(
            plan=plan,
            id=_id(call),
            type=_type(call),
            name=_name(call),
            group=group.name,
            location=region(call.body.get("location", group.location if _is_child(call) else "")),
            body=call.body,
            present=present,
            start=call.now,
        )
    )
    plan.commit()
    status = 201 if present is None else 200
    return call.async_operation(status, ended, views.resource(call.world, resource))


def get(call: Call) -> Answer:
    if _is_child(call):
        return Answer(200, _child(call))
    with_view = call.query.get("$expand", "").lower() == "instanceview"
    return Answer(200, views.resource(call.world, _resource(call), instance_view=with_view))


def head(call: Call) -> Answer:
    return Answer(204 if call.world.resource(_id(call)) else 404)


def delete(call: Call) -> Answer:
    call.group()
    resource = call.world.resource(_id(call))
    if resource is None:
        return Answer(204)
    return call.accepted(removal.delete(call.world, resource), retry_after=10)


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
    return call.page(
        [
            views.listed(call.world, each, expand=call.query.get("$expand", ""))
            for each in found
            if filters.tags_match(wanted, each.body.get("tags"))
            and wanted.get("name", each.name) == each.name
        ]
    )


def instance_view(call: Call) -> Answer:
    return Answer(200, views.vm_instance_view(call.world, _vm(call)))


def power(call: Call) -> Answer:
    """start, restart, powerOff, deallocate."""
    vm = _vm(call)
    if call.now < vm.ready_at or vm.deleting(call.now) or vm.boot is None:
        raise ArmError(
            409, "Conflict", f"The request failed due to conflict with a concurrent request on {vm.name}."
        )
    passing, final, seconds = _ACTIONS[call.part["action"].lower()]
    ended = call.now + call.world.draw(*seconds, "power", vm.name, len(vm.boot.power))
    if vm.boot.power_at(call.now) != final or call.part["action"].lower() == "restart":
        vm.boot.power += [Transition(call.now, passing), Transition(ended, final)]
        if final == "running":
            vm.boot.booted_at = ended
        call.world.save()
    answer = call.async_operation(202, ended, None)
    location = call.accepted(ended).headers["Location"]
    return Answer(202, None, {**answer.headers, "Location": location})


def _type(call: Call) -> str:
    parts = [call.part["namespace"], call.part["type"], call.part.get("child", "")]
    return "/".join(part for part in parts if part)


def _name(call: Call) -> str:
    return "/".join(part for part in (call.part["name"], call.part.get("childname", "")) if part)


def _id(call: Call) -> str:
    return ids.resource_id(call.scope, _type(call), _name(call))


def _is_child(call: Call) -> bool:
    return "child" in call.part


def _check_type(call: Call) -> None:
    if _type(call).lower() not in PROVIDERS:
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{call.part['type']}' could not be found in the namespace '{call.part['namespace']}' "
            f"for api version '{call.query.get('api-version')}'.",
        )


def _resource(call: Call) -> Resource:
    group = call.group()
    _check_type(call)
    found = call.world.resource(_id(call))
    if found is None:
        raise not_found(_type(call), _name(call), group.name)
    return found


def _vm(call: Call) -> Resource:
    return _resource(call)


def _child(call: Call) -> Json:
    """A subnet or a security rule."""
    key = CHILDREN.get(_type(call).lower())
    parent = call.world.resource(
        ids.resource_id(call.scope, _type(call).rpartition("/")[0], call.part["name"])
    )
    shown = views.resource(call.world, parent) if parent is not None and key is not None else {}
    for child in objects(mapping(shown, "properties"), key or ""):
        if str(child.get("name")).lower() == call.part["childname"].lower():
            return child
    raise not_found(_type(call), _name(call), call.part["group"])
