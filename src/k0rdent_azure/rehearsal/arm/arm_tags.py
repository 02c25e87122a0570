"""The tags of a resource or a group as a resource of their own, which `az tag` and policies change.

Source: https://learn.microsoft.com/rest/api/resources/tags
"""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, group_being_deleted
from k0rdent_azure.rehearsal.arm.arm_resources import find
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.network import mapping


def names(call: Call) -> Answer:
    """Every tag of the subscription, with its values and how often each is used."""
    counts: dict[str, dict[str, int]] = {}
    for tags in [
        *(group.tags for group in call.world.groups()),
        *(_texts(each.body.get("tags")) for each in call.world.resources()),
    ]:
        for name, value in tags.items():
            values = counts.setdefault(name, {})
            values[value] = values.get(value, 0) + 1
    base = f"/subscriptions/{call.subscription}/tagNames"
    return call.page(
        [
            {
                "id": f"{base}/{name}",
                "tagName": name,
                "count": {"type": "Total", "value": sum(values.values())},
                "values": [
                    {
                        "id": f"{base}/{name}/tagValues/{value}",
                        "tagValue": value,
                        "count": {"type": "Total", "value": number},
                    }
                    for value, number in values.items()
                ],
            }
            for name, values in counts.items()
        ]
    )


def get(call: Call) -> Answer:
    return _shown(call, _present(call))


def put(call: Call) -> Answer:
    return _write(call, _given(call))


def patch(call: Call) -> Answer:
    """`operation` is Merge, Replace or Delete."""
    given, present = _given(call), _present(call)
    operation = str(call.body.get("operation", "")).lower()
    if operation == "merge":
        return _write(call, _merged(present, given))
    if operation == "replace":
        return _write(call, given)
    if operation == "delete":
        named = {key.lower(): value for key, value in given.items()}
        left = {key: value for key, value in present.items() if named.get(key.lower()) not in (value, "")}
        return _write(call, left)
    raise ArmError(400, "InvalidTagPatchOperation", f"The operation '{operation}' is not one of tags.")


def delete(call: Call) -> Answer:
    _write(call, {})
    return Answer(200)


def _merged(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Names of tags have no case; the newest spelling stays."""
    named = {key.lower() for key in given}
    return {**{key: value for key, value in present.items() if key.lower() not in named}, **given}


def _given(call: Call) -> dict[str, str]:
    return _texts(mapping(mapping(call.body, "properties"), "tags"))


def _present(call: Call) -> dict[str, str]:
    return _texts(find(call).body.get("tags")) if "type" in call.part else call.group().tags


def _write(call: Call, tags: dict[str, str]) -> Answer:
    if call.group().deleting(call.now):
        raise group_being_deleted(call.part["group"])
    if "type" not in call.part:
        call.group().tags = tags
    elif (resource := find(call)).deleting(call.now):
        raise ArmError(409, "Conflict", f"The resource '{resource.id}' is being deleted.")
    elif resource.body.get("tags", {}) != tags:
        resource.body = {**resource.body, "tags": tags}
        resource.revision += 1
    call.world.save()
    return _shown(call, tags)


def _shown(call: Call, tags: Mapping[str, str]) -> Answer:
    owner = call.id if "type" in call.part else call.scope
    return Answer(
        200,
        {
            "id": f"{owner}/providers/Microsoft.Resources/tags/default",
            "name": "default",
            "type": "Microsoft.Resources/tags",
            "properties": {"tags": dict(tags)},
        },
    )


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}
