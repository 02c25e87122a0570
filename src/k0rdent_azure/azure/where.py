"""What is known of a refusal's surroundings, so that commands in a hint can be run as they stand."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from shlex import quote

from k0rdent_azure.azure.arm_errors import ArmError, vm_of
from k0rdent_azure.config import resource_ids

#: In Azure's words: what is asked for by name in a command.
_FACTS = {
    "namespace": (
        r"namespace '?([\w.]+)",
        r"resource provider '?(Microsoft\.\w+)",
        r"registered for .{0,40}?(Microsoft\.\w+)",
    ),
    "action": (r"perform (?:the )?action(?:\(s\))? '([\w./*-]+)",),
    "principal": (r"object id '([\w-]+)",),
    "scope": (r"scope(?:\(s\))? '(/subscriptions/[^/'\s]+(?:/resourcegroups/[^/'\s]+)?)",),
    "vm": (r"\bVM '([\w.-]+)'",),
    "tenant": (r"must match (?:the tenant|one of the tenants) '(?:https://[\w.]+/)?([\w.-]+)",),
    "user": (
        r"(?:by|to) (?:the )?(?:resource )?'?(/subscriptions/[^\s',]+/providers/[\w.]+/\w+/[^\s',/]+)",
        r"(/subscriptions/[^\s',]+/providers/[\w.]+/\w+/[^\s',/]+)[^\s',]* (?:is|are) using",
    ),
    "extension": (r"extension '([\w.-]+)'",),
    "size": (r"\b((?:Standard|Basic)_\w+)",),
    "location": (r"location[:=]? '?([a-z]+[a-z0-9]*)'?(?=[\s,.;]|$)",),
}
_RECORD = re.compile(r"/providers/microsoft\.resources/deployments/([^/\s?]+)", re.IGNORECASE)
#: What stands in a command for what nobody told.
_UNTOLD = {"user": "ID", "action": "this"}


@dataclass(frozen=True, slots=True)
class Where:
    """The deployment that a client works for, as its configuration has it; "" for what is not known.

    `group` is the one that the deployment is in, `in_group` says that it is the user's, with a record of its own there.
    """

    cloud: str = ""
    location: str = ""
    image: str = ""
    group: str = ""
    in_group: bool = False


NOWHERE = Where()


def fill(template: str, error: ArmError, where: Where, path: str) -> str:
    """`template` with what Azure's words, the request's `path` and the deployment's own place tell."""
    if "{" not in template:
        return template
    return template.format_map(_Told(_told(error, where, path)))


class _Told(defaultdict[str, str]):
    """A name that nothing is known of stands as itself, in capitals: something to fill in by hand."""

    def __init__(self, told: dict[str, str]) -> None:
        super().__init__(str, told)

    def __missing__(self, key: str) -> str:
        return _UNTOLD.get(key, key.upper())


def _told(error: ArmError, where: Where, path: str) -> dict[str, str]:
    found = {
        name: match[1]
        for name, patterns in _FACTS.items()
        if (match := next((m for p in patterns if (m := re.search(p, error.message, re.IGNORECASE))), None))
    }
    resource, asked = resource_ids.parts(error.resource_id or ""), resource_ids.parts(path)
    found["subscription"] = resource.subscription or asked.subscription
    found["group"] = resource.group or asked.group or where.group
    if match := _RECORD.search(f"{error.resource_id or ''} {path}"):
        found["record"] = match[1]
    found["location"] = where.location or found.get("location", "")
    if where.image.count(":") >= 2:
        found["publisher"], found["offer"] = where.image.split(":")[:2]
    found["cloud"] = where.cloud
    found["vm"] = vm_of(error.resource_id) or vm_of(path) or found.get("vm", "")
    told = {name: quote(value) for name, value in found.items() if value}
    return told | _records(told, in_group=bool(asked.group) if _RECORD.search(path) else where.in_group)


def _records(told: dict[str, str], *, in_group: bool) -> dict[str, str]:
    """Commands on deployment records, which live in a group or in the subscription."""
    kind = "group" if in_group else "sub"
    scope = f" --resource-group {told.get('group', 'GROUP')}" if in_group else ""
    scope += f" --subscription {told.get('subscription', 'SUBSCRIPTION')}"
    return {
        "list_records": f"az deployment {kind} list{scope} --output table",
        "delete_record": f"az deployment {kind} delete{scope} --name NAME",
        "delete_this": f"az deployment {kind} delete{scope} --name {told.get('record', 'NAME')}",
    }
