"""ARM's paths, in any case, and who answers them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from k0rdent_azure.rehearsal.arm import (
    arm_deployments,
    arm_groups,
    arm_resources,
    arm_tags,
    capacity,
    children,
    images,
    locks,
    power,
)
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.call import Answer, Call

Handler: TypeAlias = Callable[[Call], Answer]

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourcegroups/{group}"
_DEPLOYMENTS = "/providers/microsoft.resources/deployments"
_VM = _GROUP + "/providers/{namespace:microsoft.compute}/{type:virtualmachines}/{name}"
_TYPE = "/providers/{namespace}/{type}"
_IMAGE = (
    "/providers/microsoft.compute/locations/{location}/publishers/{publisher}/artifacttypes/vmimage"
    "/offers/{offer}/skus/{sku}/versions"
)


def _deployment_routes(scope: str) -> list[tuple[str, str, Handler]]:
    one = f"{scope}{_DEPLOYMENTS}/{{name}}"
    return [
        ("GET", f"{scope}{_DEPLOYMENTS}", arm_deployments.list_all),
        ("PUT", one, arm_deployments.put),
        ("GET", one, arm_deployments.get),
        ("HEAD", one, arm_deployments.head),
        ("DELETE", one, arm_deployments.delete),
        ("POST", f"{one}/cancel", arm_deployments.cancel),
        ("POST", f"{one}/validate", arm_deployments.validate),
        *(
            route
            # Also without the provider: that is how generated clients list operations.
            for path in (one, f"{scope}/deployments/{{name}}")
            for route in (
                ("GET", f"{path}/operations", arm_deployments.operations),
                ("GET", f"{path}/operations/{{operation}}", arm_deployments.operation),
            )
        ),
        ("GET", f"{one}/operationstatuses/{{token}}", arm_deployments.operation_status),
    ]


def _all(path: str, **handlers: Handler) -> list[tuple[str, str, Handler]]:
    """One path, by method."""
    return [(method, path, handler) for method, handler in handlers.items()]


def _tags(scope: str) -> list[tuple[str, str, Handler]]:
    return _all(
        f"{scope}/providers/microsoft.resources/tags/default",
        GET=arm_tags.get,
        PUT=arm_tags.put,
        PATCH=arm_tags.patch,
        DELETE=arm_tags.delete,
    )


def _locks(scope: str) -> list[tuple[str, str, Handler]]:
    path = f"{scope}/providers/microsoft.authorization/locks"
    one = _all(f"{path}/{{lock}}", GET=locks.get, PUT=locks.put, DELETE=locks.delete)
    return [("GET", path, locks.list_all), *one]


#: In this order: the first that fits answers.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/tenants", arm_groups.tenants),
    ("GET", "/subscriptions", arm_groups.subscriptions),
    ("GET", _SUBSCRIPTION, arm_groups.subscription),
    ("GET", f"{_SUBSCRIPTION}/locations", arm_groups.locations),
    ("GET", f"{_SUBSCRIPTION}/operationresults/{{token}}", arm_groups.operation_result),
    ("GET", f"{_SUBSCRIPTION}/operations/{{token}}", arm_groups.operation_status),
    ("GET", f"{_SUBSCRIPTION}/tagnames", arm_tags.names),
    *_locks(_SUBSCRIPTION),
    *_locks(_GROUP),
    *_locks(f"{_GROUP}{_TYPE}/{{name}}"),
    *_tags(_GROUP),
    *_tags(f"{_GROUP}{_TYPE}/{{name}}"),
    ("GET", f"{_SUBSCRIPTION}/resources", arm_resources.list_everything),
    ("GET", f"{_SUBSCRIPTION}/resourcegroups", arm_groups.list_all),
    ("PUT", _GROUP, arm_groups.put),
    ("GET", _GROUP, arm_groups.get),
    ("HEAD", _GROUP, arm_groups.head),
    ("PATCH", _GROUP, arm_groups.patch),
    ("DELETE", _GROUP, arm_groups.delete),
    ("GET", f"{_GROUP}/resources", arm_resources.list_everything),
    *_deployment_routes(_SUBSCRIPTION),
    *_deployment_routes(_GROUP),
    ("GET", f"{_SUBSCRIPTION}/providers/microsoft.compute/skus", capacity.skus),
    (
        "GET",
        f"{_SUBSCRIPTION}/providers/microsoft.compute/locations/{{location}}/usages",
        capacity.usages,
    ),
    ("GET", f"{_SUBSCRIPTION}/providers/microsoft.compute/locations/{{location}}/vmsizes", capacity.vm_sizes),
    ("GET", f"{_SUBSCRIPTION}{_IMAGE}", images.versions),
    ("GET", f"{_SUBSCRIPTION}{_IMAGE}/{{version}}", images.get),
    ("GET", f"{_VM}/instanceview", power.instance_view),
    ("POST", f"{_VM}/{{action:start|restart|poweroff|deallocate}}", power.act),
    ("GET", f"{_SUBSCRIPTION}/providers/{{namespace}}", arm_groups.provider),
    ("GET", f"{_SUBSCRIPTION}{_TYPE}", arm_resources.list_in_subscription),
    ("GET", f"{_GROUP}{_TYPE}", arm_resources.list_in_group),
    *_all(
        f"{_GROUP}{_TYPE}/{{name}}",
        GET=arm_resources.get,
        PUT=arm_resources.put,
        PATCH=arm_resources.patch,
        HEAD=arm_resources.head,
        DELETE=arm_resources.delete,
    ),
    ("GET", f"{_GROUP}{_TYPE}/{{name}}/{{child}}", children.list_all),
    *_all(
        f"{_GROUP}{_TYPE}/{{name}}/{{child}}/{{childname}}",
        GET=children.get,
        PUT=children.put,
        DELETE=children.delete,
    ),
]


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one segment; `{name:a|b}` is one of those."""
    text = ""
    for literal, name, choices in re.findall(r"([^{]+)|\{(\w+)(?::([^}]+))?\}", path):
        if literal:
            text += re.escape(literal)
        else:
            text += f"(?P<{name}>{'|'.join(map(re.escape, choices.split('|'))) if choices else '[^/]+'})"
    return re.compile(text, re.IGNORECASE)


_PATTERNS = [(method, _pattern(path), handler) for method, path, handler in ROUTES]


def find(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """Who answers, and the named parts of the path. Raises ArmError for a path or method that nobody knows.

    Empty segments count for nothing: `az` asks for `…/Microsoft.Network//networkSecurityGroups/…`.
    """
    path = "/" + "/".join(segment for segment in path.split("/") if segment)
    methods = set()
    for known, pattern, handler in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None and known == method:
            return handler, found.groupdict()
        if found is not None:
            methods.add(known)
    if methods:
        raise ArmError(405, "MethodNotAllowed", f"The http method '{method}' is not supported for '{path}'.")
    raise ArmError(404, "InvalidResourceType", f"The resource '{path}' is not known to this cloud.")
