"""ARM resource ids: put together, and taken apart. They have no case; what is shown keeps the one it was given."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GROUP = re.compile(r"^/subscriptions/([^/]+)/resourcegroups/([^/]+)", re.IGNORECASE)


def subscription_scope(subscription: str) -> str:
    return f"/subscriptions/{subscription}"


def group_scope(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def resource_id(scope: str, type_: str, name: str) -> str:
    """`scope` + `Microsoft.Network/virtualNetworks/subnets` + `vnet/subnet`. Raises ValueError if they do
    not have as many segments."""
    namespace, *types = type_.split("/")
    names = name.split("/")
    if not types or len(types) != len(names):
        raise ValueError(f"name '{name}' does not have the segments of type '{type_}'")
    path = "/".join(part for pair in zip(types, names, strict=True) for part in pair)
    return f"{'' if scope == '/' else scope}/providers/{namespace}/{path}"


@dataclass(frozen=True, slots=True)
class Parts:
    """What an id says. `group` is "" for something of the subscription."""

    subscription: str
    group: str
    type: str
    name: str


def parse(id_: str) -> Parts:
    """Take apart the id of a group, a resource or a deployment. Raises ValueError if it is none."""
    segments = id_.strip("/").split("/")
    if len(segments) < 2 or segments[0].lower() != "subscriptions":
        raise ValueError(f"'{id_}' is not a resource id")
    found = _GROUP.match(id_)
    group = found.group(2) if found else ""
    scope, _, path = id_.rpartition("/providers/")
    if not scope:
        return Parts(segments[1], group, "Microsoft.Resources/resourceGroups", group)
    namespace, *rest = path.split("/")
    return Parts(segments[1], group, "/".join([namespace, *rest[::2]]), "/".join(rest[1::2]))
