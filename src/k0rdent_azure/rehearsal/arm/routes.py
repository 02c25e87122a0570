"""ARM's paths, in any case, and who answers them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from k0rdent_azure.rehearsal.arm import arm_deployments, arm_groups, arm_resources, capacity
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.call import Answer, Call

Handler: TypeAlias = Callable[[Call], Answer]

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourcegroups/{group}"
_DEPLOYMENTS = "/providers/microsoft.resources/deployments"
_VM = _GROUP + "/providers/{namespace:microsoft.compute}/{type:virtualmachines}/{name}"
_TYPE = "/providers/{namespace}/{type}"


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
        ("GET", f"{one}/operations", arm_deployments.operations),
        ("GET", f"{one}/operations/{{operation}}", arm_deployments.operation),
        ("GET", f"{one}/operationstatuses/{{token}}", arm_deployments.operation_status),
    ]


#: In this order: the first that fits answers.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/tenants", arm_groups.tenants),
    ("GET", "/subscriptions", arm_groups.subscriptions),
    ("GET", _SUBSCRIPTION, arm_groups.subscription),
    ("GET", f"{_SUBSCRIPTION}/locations", arm_groups.locations),
    ("GET", f"{_SUBSCRIPTION}/operationresults/{{token}}", arm_groups.operation_result),
    ("GET", f"{_SUBSCRIPTION}/operations/{{token}}", arm_groups.operation_status),
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
    ("GET", f"{_VM}/instanceview", arm_resources.instance_view),
    ("POST", f"{_VM}/{{action:start|restart|poweroff|deallocate}}", arm_resources.power),
    ("GET", f"{_SUBSCRIPTION}/providers/{{namespace}}", arm_groups.provider),
    ("GET", f"{_SUBSCRIPTION}{_TYPE}", arm_resources.list_in_subscription),
    ("GET", f"{_GROUP}{_TYPE}", arm_resources.list_in_group),
    *(
        (method, f"{_GROUP}{_TYPE}/{{name}}", handler)
        for method, handler in (
            ("GET", arm_resources.get),
            ("PUT", arm_resources.put),
            ("HEAD", arm_resources.head),
            ("DELETE", arm_resources.delete),
        )
    ),
    ("GET", f"{_GROUP}{_TYPE}/{{name}}/{{child}}/{{childname}}", arm_resources.get),
    ("PUT", f"{_GROUP}{_TYPE}/{{name}}/{{child}}/{{childname}}", arm_resources.put),
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
    """Who answers, and the named parts of the path. Raises ArmError for a path or method that nobody knows."""
    methods = set()
    for known, pattern, handler in _PATTERNS:
        found = pattern.fullmatch(path.rstrip("/") or "/")
        if found is not None and known == method:
            return handler, found.groupdict()
        if found is not None:
            methods.add(known)
    if methods:
        raise ArmError(405, "MethodNotAllowed", f"The http method '{method}' is not supported for '{path}'.")
    raise ArmError(404, "InvalidResourceType", f"The resource '{path}' is not known to this cloud.")
