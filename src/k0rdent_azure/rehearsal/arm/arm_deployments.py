"""Template deployments, at subscription and at group scope.

Source: https://learn.microsoft.com/rest/api/resources/deployments
"""

from __future__ import annotations

import msgspec

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import template, views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, PreflightError, group_being_deleted
from k0rdent_azure.rehearsal.arm.call import OPERATIONS_PAGE, Answer, Call
from k0rdent_azure.rehearsal.arm.items import DEPLOYMENTS
from k0rdent_azure.rehearsal.arm.plan import Plan
from k0rdent_azure.rehearsal.arm.run import Run, check_not_active
from k0rdent_azure.rehearsal.arm.scope import Target
from k0rdent_azure.rehearsal.records import Deployment
from k0rdent_azure.rehearsal.regions import REGIONS, region

#: Deployment records that a scope can hold, and cloud seconds that removing one takes.
QUOTA = 800
REMOVAL = 3.0


def put(call: Call) -> Answer:
    plan, record = _plan(call)
    present = call.world.deployment(record.id)
    if present is None and len(call.world.deployments(record.scope)) >= QUOTA:
        raise ArmError(
            409,
            "DeploymentQuotaExceeded",
            f"Creating the deployment '{record.name}' would exceed the quota of '{QUOTA}'. The current deployment "
            f"count is '{QUOTA}'. Please delete some deployments before creating a new one, or see "
            "https://aka.ms/800LimitFix for information on managing deployment limits.",
        )
    plan.commit()
    headers = {"Azure-AsyncOperation": call.url(f"{record.id}/operationStatuses/{record.uid}")}
    shown = views.deployment(call.world, record, now=record.started_at)
    return Answer(201 if present is None else 200, shown, headers)


def validate(call: Call) -> Answer:
    _, record = _plan(call)
    shown = views.deployment(call.world, record)
    properties = shown["properties"]
    if isinstance(properties, dict):
        properties["provisioningState"] = "Succeeded"
        properties["validatedResources"] = [{"id": each} for each in record.output_resources]
    return Answer(200, shown)


def _plan(call: Call) -> tuple[Plan, Deployment]:
    name, location = call.part["name"], _location(call)
    properties = template.require_mapping(call.body.get("properties"), "properties")
    if str(properties.get("mode", "")).lower() != "incremental":
        raise ArmError(
            400, "InvalidDeploymentMode", "This cloud knows the deployment mode 'Incremental' only."
        )
    plan = Plan(call.world, call.faults, call.correlation_id, call.actor)
    check_not_active(plan, ids.resource_id(call.scope, DEPLOYMENTS, name))
    tags = call.body.get("tags")
    try:
        run = Run(
            plan,
            target=Target(call.subscription, call.group().name if "group" in call.part else ""),
            name=name,
            properties=properties,
            start=call.now,
            location=location,
            tags={str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {},
        )
        return plan, run.plan_all()
    except PreflightError as error:
        raise ArmError(
            400,
            "InvalidTemplateDeployment",
            f"The template deployment '{name}' is not valid according to the validation procedure. The tracking id is "
            f"'{call.correlation_id}'. See inner errors for details.",
            details=[error.error()],
        ) from error


def _location(call: Call) -> str | None:
    """A subscription keeps its deployment records somewhere; a group keeps them where it is."""
    given = call.body.get("location")
    if "group" in call.part:
        if call.group().deleting(call.now):
            raise group_being_deleted(call.part["group"])
        if given:
            raise ArmError(
                400,
                "InvalidDeployment",
                f"The 'location' property is not allowed for '{call.part['name']}' at resource group scope. Please see "
                "https://aka.ms/deploy-to-resource-group for usage details.",
            )
        return None
    location = region(given)
    if location not in REGIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForDeployment" if location else "LocationRequired",
            f"The 'location' property '{location}' is not one that a deployment can be in."
            if location
            else f"The 'location' property must be specified for '{call.part['name']}'.",
        )
    present = call.world.deployment(ids.resource_id(call.scope, DEPLOYMENTS, call.part["name"]))
    if present is not None and present.location != location:
        raise ArmError(
            409,
            "InvalidDeploymentLocation",
            f"Invalid deployment location '{location}'. The deployment '{present.name}' already exists in location "
            f"'{present.location}'.",
        )
    return location


def get(call: Call) -> Answer:
    return Answer(200, views.deployment(call.world, _record(call)))


def head(call: Call) -> Answer:
    _record(call)
    return Answer(204)


def list_all(call: Call) -> Answer:
    if "group" in call.part:
        call.group()
    found = [views.deployment(call.world, each) for each in call.world.deployments(call.scope)]
    top = call.query.get("$top", "")
    return call.page(found[: int(top)] if top.isdigit() else found)


def delete(call: Call) -> Answer:
    """The record only: what was deployed stays."""
    record = call.world.deployment(_id(call))
    if record is None:
        return Answer(204)
    if record.active(call.now):
        raise ArmError(
            409, "DeploymentActive", f"The deployment '{record.name}' is running and cannot be deleted."
        )
    call.world.remove_deployment(record.id)
    call.world.save()
    return call.accepted(call.now + REMOVAL)


def cancel(call: Call) -> Answer:
    """Nothing new is started; what is under way goes on to its own end."""
    record = _record(call)
    if not record.active(call.now):
        raise ArmError(
            409,
            "DeploymentCannotBeCancelled",
            f"The deployment '{record.name}' cannot be cancelled, because it is in state '{record.state(call.now)}'.",
        )
    for each in call.world.active_deployments():
        if each.correlation_id == record.correlation_id:
            _cancel(call, each)
    call.world.save()
    return Answer(204)


def _cancel(call: Call, record: Deployment) -> None:
    kept = [each for each in record.operations if each.started_at <= call.now]
    for operation in record.operations:
        planned = call.world.planned(operation.target_id)
        if operation not in kept and planned is not None and planned.created_at > call.now:
            call.world.withdraw(planned)
    canceled = msgspec.structs.replace(record, operations=kept, canceled_at=call.now)
    if record.started_at > call.now:
        call.world.remove_deployment(record.id)
    else:
        call.world.put_deployment(canceled)


def operations(call: Call) -> Answer:
    return call.page(views.operations(call.world, _record(call)), OPERATIONS_PAGE)


def operation(call: Call) -> Answer:
    for each in views.operations(call.world, _record(call)):
        if str(each["operationId"]).lower() == call.part["operation"].lower():
            return Answer(200, each)
    raise ArmError(
        404,
        "DeploymentOperationNotFound",
        f"Deployment operation '{call.part['operation']}' could not be found.",
    )


def operation_status(call: Call) -> Answer:
    record = _record(call)
    state = record.state(call.now)
    body: dict[str, object] = {"status": state}
    if state == "Failed":
        body["error"] = record.error
    return Answer(200, body)


def _id(call: Call) -> str:
    return ids.resource_id(call.scope, DEPLOYMENTS, call.part["name"])


def _record(call: Call) -> Deployment:
    if "group" in call.part:
        call.group()
    record = call.world.deployment(_id(call))
    if record is None:
        raise ArmError(404, "DeploymentNotFound", f"Deployment '{call.part['name']}' could not be found.")
    return record
