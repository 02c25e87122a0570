"""Resource groups: made by a PUT or a template, deleted with everything in them after a while."""

from __future__ import annotations

import msgspec

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, group_being_deleted
from k0rdent_azure.rehearsal.arm.plan import Plan
from k0rdent_azure.rehearsal.records import Group, Json
from k0rdent_azure.rehearsal.regions import REGIONS, region
from k0rdent_azure.rehearsal.world import World

#: Cloud seconds.
CREATION = (1.0, 3.0)
DELETION = (120.0, 300.0)


def plan_group(plan: Plan, group_id: str, name: str, body: Json, start: float) -> tuple[Group, float]:
    """Make the group, or leave the one that is there with the new tags. Gives it and the moment it is ready.

    Raises ArmError: ResourceGroupBeingDeleted, InvalidResourceGroupLocation, LocationRequired.
    """
    location = region(body.get("location"))
    if location not in REGIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceGroup" if location else "LocationRequired",
            f"The provided location '{location}' is not available for resource group.",
        )
    present = plan.group(name)
    if present is not None and present.deleting_at is not None:
        raise group_being_deleted(name)
    if present is not None and present.location != location:
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{present.location}'.",
        )
    ended = start + plan.draw(*CREATION, "group", name)
    given = body.get("tags")
    tags = {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
    tags |= plan.faults.policy_tags()
    if present is None:
        group = Group(
            id=group_id,
            name=name,
            location=location,
            tags=tags,
            created_at=start,
            ready_at=ended,
            maker=plan.actor,
        )
    else:
        group = msgspec.structs.replace(present, tags=tags)
    plan.put_group(group)
    return group, ended


def delete_group(world: World, group: Group) -> float:
    """Begin to delete a group, and give the moment at which it is gone. Deployments into it fail now."""
    now = world.clock.now()
    if group.gone_at is not None:
        return group.gone_at
    group.deleting_at = now
    group.gone_at = now + world.draw(*DELETION, "delete group", group.name)
    for resource in list(world.planned_in(group.name)):
        if resource.created_at > now:
            world.withdraw(resource)
        elif resource.deleting_at is None:
            gone = world.draw(0.3, 0.95, "delete", resource.name)
            resource.deleting_at, resource.gone_at = now, now + gone * (group.gone_at - now)
    for deployment in world.active_deployments():
        if any(each.target_id.lower().startswith(f"{group.id}/".lower()) for each in deployment.operations):
            deployment.ended_at = now
            deployment.error = group_being_deleted(group.name).error()
            deployment.operations = [each for each in deployment.operations if each.started_at <= now]
            for each in deployment.operations:
                if each.ended_at > now:
                    each.ended_at, each.error = now, deployment.error
    world.save()
    return group.gone_at
