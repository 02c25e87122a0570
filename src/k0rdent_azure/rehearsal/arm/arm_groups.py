"""Subscriptions, locations and resource groups.

Source: https://learn.microsoft.com/rest/api/resources/resource-groups
"""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm import deletions, filters, views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.call import Answer, Call, poll
from k0rdent_azure.rehearsal.arm.groups import plan_group
from k0rdent_azure.rehearsal.arm.plan import Plan
from k0rdent_azure.rehearsal.arm.providers import PROVIDERS
from k0rdent_azure.rehearsal.records import Json
from k0rdent_azure.rehearsal.regions import REGIONS


def tenants(call: Call) -> Answer:
    tenant = call.world.tenant_id
    return Answer(
        200, {"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Rehearsal"}]}
    )


def subscriptions(call: Call) -> Answer:
    return Answer(200, {"value": [_subscription(call)], "count": {"type": "Total", "value": 1}})


def subscription(call: Call) -> Answer:
    return Answer(200, _subscription(call))


def _subscription(call: Call) -> Json:
    return {
        "id": f"/subscriptions/{call.subscription}",
        "subscriptionId": call.subscription,
        "tenantId": call.world.tenant_id,
        "displayName": "Rehearsal",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def locations(call: Call) -> Answer:
    return Answer(
        200,
        {
            "value": [
                {
                    "id": f"/subscriptions/{call.subscription}/locations/{name}",
                    "name": name,
                    "type": "Region",
                    "displayName": name,
                    "metadata": {"regionType": "Physical"},
                    "availabilityZoneMappings": [{"logicalZone": zone} for zone in "123"] if zoned else [],
                }
                for name, zoned in REGIONS.items()
            ]
        },
    )


def put(call: Call) -> Answer:
    plan = Plan(call.world, call.faults, call.correlation_id, call.actor)
    present = call.world.group(call.part["group"])
    group, _ = plan_group(plan, call.scope, call.part["group"], call.body, call.now)
    plan.commit()
    return Answer(201 if present is None else 200, views.group(call.world, group))


def get(call: Call) -> Answer:
    return Answer(200, views.group(call.world, call.group()))


def head(call: Call) -> Answer:
    return Answer(204 if call.world.group(call.part["group"]) else 404)


def patch(call: Call) -> Answer:
    group = call.group()
    tags = call.body.get("tags")
    if isinstance(tags, dict):
        group.tags = {str(key): str(value) for key, value in tags.items()}
        call.world.save()
    return Answer(200, views.group(call.world, group))


def list_all(call: Call) -> Answer:
    wanted = filters.parse(call.query.get("$filter", ""))
    found = [each for each in call.world.groups() if filters.tags_match(wanted, each.tags)]
    return call.page([views.group(call.world, each) for each in found])


def delete(call: Call) -> Answer:
    return deletions.delete_group(call, call.group())


def operation_result(call: Call) -> Answer:
    """What a `Location` leads to."""
    known = poll(call.part["token"])
    if call.now < known.end:
        location = call.url(call.path)
        return Answer(202, None, {"Location": location, "Retry-After": "15"})
    return Answer(known.status, {"error": known.error} if known.error is not None else None)


def operation_status(call: Call) -> Answer:
    """What an `Azure-AsyncOperation` of a resource provider leads to."""
    known = poll(call.part["token"])
    body: Json = {
        "name": call.part["token"][:16],
        "startTime": call.world.clock.stamp(known.start),
        "status": "InProgress",
    }
    if call.now >= known.end:
        body.update(status="Succeeded", endTime=call.world.clock.stamp(known.end))
        if known.error is not None:
            body.update(status="Failed", error=known.error)
        return Answer(200, body)
    return Answer(200, body, {"Retry-After": "5"})


def provider(call: Call) -> Answer:
    """Every provider that this cloud has is registered."""
    namespace = call.part["namespace"]
    types = [each for each in PROVIDERS.values() if each.type.lower().startswith(f"{namespace.lower()}/")]
    if not types and namespace.lower() != "microsoft.resources":
        raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
    return Answer(
        200,
        {
            "id": f"/subscriptions/{call.subscription}/providers/{namespace}",
            "namespace": namespace,
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [
                {
                    "resourceType": each.type.partition("/")[2],
                    "locations": list(REGIONS),
                    "apiVersions": ["2023-11-01", "2023-09-01"],
                    "capabilities": "SupportsTags, SupportsLocation",
                }
                for each in types
            ],
        },
    )
