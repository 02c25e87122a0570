"""DELETE of resources and groups as they are answered, with those that are refused, fail later, or never end."""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm import groups, refusals, removal
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.faults import GROUP, Fault
from k0rdent_azure.rehearsal.records import Group, Resource

#: Cloud seconds until a deletion that fails has failed.
FAILURE = (30.0, 60.0)
#: "Never", in cloud seconds.
NEVER = 10 * 365 * 86400.0


def delete(call: Call, resource: Resource) -> Answer:
    """Raises ArmError if the resource is in use, or a fault refuses it."""
    fault = call.faults.delete(name=resource.name, type_=resource.type, group=resource.group)
    failure = _met(call, fault, resource)
    if failure is None and not _is_stuck(resource):
        return call.accepted(removal.delete(call.world, resource), retry_after=10)
    return _undone(call, resource, failure)


def delete_group(call: Call, group: Group) -> Answer:
    """The same for a group: what keeps it is the resource of the fault, or its own type's first."""
    fault = call.faults.delete(name=group.name, type_=GROUP, group=group.name)
    if fault is None or fault.kind != "delete-failed":
        failure = _met(call, fault, group)
        if failure is None and not _is_stuck(group):
            return call.accepted(groups.delete_group(call.world, group))
        return _undone(call, group, failure)
    call.faults.commit()
    blocker = _blocker(call, fault, group)
    if blocker is None:
        return call.accepted(groups.delete_group(call.world, group))
    for each in list(call.world.resources(group=group.name, type_=VIRTUAL_MACHINES)):
        kept = [each, *removal.followers(call.world, each)]
        if blocker not in kept and each.gone_at is None:
            removal.delete(call.world, each)
    cause = refusals.of(fault, blocker.id, _user(call, blocker))
    return _undone(call, group, refusals.blocked_group(group.id, group.name, cause, blocker.id))


def _met(call: Call, fault: Fault | None, thing: Resource | Group) -> ArmError | None:
    """The error that the deletion will end with. Raises it if it is refused."""
    if fault is None:
        return None
    call.faults.commit()
    error = refusals.of(fault, thing.id, _user(call, thing))
    if fault.kind == "delete-refused":
        raise error
    if fault.kind == "delete-stuck":
        thing.deleting_at = call.now
        return None
    return error


def _is_stuck(thing: Resource | Group) -> bool:
    return thing.deleting_at is not None and thing.gone_at is None


def _undone(call: Call, thing: Resource | Group, failure: ArmError | None) -> Answer:
    if failure is None:
        call.world.save()
        return call.accepted(call.now + NEVER)
    if thing.returns_at is None:
        thing.deleting_at = call.now
        thing.returns_at = call.now + call.world.draw(*FAILURE, "failed deletion", thing.name)
    call.world.save()
    return call.accepted(thing.returns_at, failure=failure)


def _blocker(call: Call, fault: Fault, group: Group) -> Resource | None:
    for each in call.world.resources(group=group.name, type_=fault.type if fault.type != GROUP else None):
        if fault.resource in (None, each.name, group.name):
            return each
    return None


def _user(call: Call, thing: Resource | Group) -> str:
    """Something that is in the way of `thing`: its user, or else somebody's."""
    if isinstance(thing, Resource):
        return next(removal.users(call.world, thing), f"{thing.id}-user")
    return f"{thing.id}/providers/Microsoft.Network/networkInterfaces/somebodys-nic"
