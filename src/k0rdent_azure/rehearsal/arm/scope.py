"""What a template's expressions can see: its parameters and variables, and where it is deployed to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import template
from k0rdent_azure.rehearsal.arm.arm_errors import invalid_template
from k0rdent_azure.rehearsal.arm.expressions import Resolve, access
from k0rdent_azure.rehearsal.arm.plan import Plan
from k0rdent_azure.rehearsal.records import Json


@dataclass(frozen=True, slots=True)
class Target:
    """Where a template deploys to. `group` is "" at subscription scope."""

    subscription: str
    group: str

    @property
    def scope(self) -> str:
        if self.group:
            return ids.group_scope(self.subscription, self.group)
        return ids.subscription_scope(self.subscription)


class Scope:
    """Resolves every function that is neither pure nor bound to one resource of the template.

    Raises ArmError (InvalidTemplate) where parameters do not fit the template's declarations.
    """

    def __init__(self, plan: Plan, target: Target, name: str, location: str | None, properties: Json) -> None:
        self._plan = plan
        self._target = target
        self._name = name
        self._location = location
        self._template = template.require_mapping(properties.get("template"), "properties.template")
        self._variables: Json = {}
        self.bound = template.bind(
            self._template.get("parameters"), properties.get("parameters"), self.resolve
        )
        self._declared = self._declared_variables()

    def resolve(self, name: str, arguments: list[object]) -> object:
        """The value of one function call; `name` is in lower case."""
        if name == "parameters":
            return self._parameter(str(arguments[0]))
        if name == "variables":
            return self._variable(str(arguments[0]))
        if name in ("resourceid", "subscriptionresourceid", "extensionresourceid", "tenantresourceid"):
            return _RESOURCE_ID[name](self._target, [str(each) for each in arguments])
        if name in ("subscription", "resourcegroup", "deployment", "environment"):
            contexts: dict[str, Callable[[], Json]] = {
                "subscription": self._subscription,
                "resourcegroup": self._resource_group,
                "deployment": self._deployment,
                "environment": _environment,
            }
            return contexts[name]()
        raise invalid_template(f"The template function '{name}' is not valid")

    def _parameter(self, name: str) -> object:
        values = self.bound.values if hasattr(self, "bound") else {}
        if name.lower() not in (each.lower() for each in values):
            raise invalid_template(f"The template parameter '{name}' is not found")
        return access(values, name)

    def _declared_variables(self) -> Json:
        declared = template.require_mapping(self._template.get("variables", {}), "template.variables")
        return {name.lower(): value for name, value in declared.items() if name != "copy"} | {
            str(copy.get("name")).lower(): {"copy": [copy]} for copy in _list(declared.get("copy"))
        }

    def _variable(self, name: str) -> object:
        key = name.lower()
        if key not in self._variables:
            if key not in self._declared:
                raise invalid_template(f"The template variable '{name}' is not found")
            declared = self._declared.pop(key)  # a variable that needs itself is not found
            self._variables[key] = self._evaluate_variable(declared)
        return self._variables[key]

    def _evaluate_variable(self, declared: object) -> object:
        def resolver(loops: list[template.Copy]) -> Resolve:
            def resolve(name: str, arguments: list[object]) -> object:
                if name == "copyindex":
                    return template.copy_index(arguments, loops)
                return self.resolve(name, arguments)

            return resolve

        value = template.evaluate_copies(declared, [], resolver)
        is_loop = isinstance(declared, dict) and list(declared) == ["copy"] and isinstance(value, dict)
        return next(iter(value.values())) if is_loop and isinstance(value, dict) else value

    def _subscription(self) -> Json:
        return {
            "id": ids.subscription_scope(self._target.subscription),
            "subscriptionId": self._target.subscription,
            "tenantId": self._plan.world.tenant_id,
            "displayName": "Rehearsal",
        }

    def _resource_group(self) -> Json:
        group = self._plan.group(self._target.group) if self._target.group else None
        if group is None:
            raise invalid_template("The template function 'RESOURCEGROUP' is not expected at this location")
        return {
            "id": group.id,
            "name": group.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": group.location,
            "tags": group.tags,
            "properties": {"provisioningState": "Succeeded"},
        }

    def _deployment(self) -> Json:
        found: Json = {
            "name": self._name,
            "properties": {"template": {}, "parameters": self.bound.visible, "mode": "Incremental"},
        }
        return found | ({"location": self._location} if self._location else {})


def _environment() -> Json:
    return {
        "name": "AzureCloud",
        "resourceManager": "https://management.azure.com/",
        "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"},
    }


def _resource_id(target: Target, arguments: list[str]) -> str:
    """`resourceId([subscription], [group], type, name…)`: the type is the first with a slash."""
    place = next((index for index, each in enumerate(arguments) if "/" in each), len(arguments))
    before, rest = arguments[:place], arguments[place:]
    if not rest or len(before) > 2:
        raise ValueError("resourceId needs a resource type and its names")
    group = before[-1] if before else target.group
    subscription = before[0] if len(before) == 2 else target.subscription
    scope = ids.group_scope(subscription, group) if group else ids.subscription_scope(subscription)
    if rest[0].lower() == "microsoft.resources/resourcegroups":
        return ids.group_scope(subscription, rest[1])
    return ids.resource_id(scope, rest[0], "/".join(rest[1:]))


def _subscription_resource_id(target: Target, arguments: list[str]) -> str:
    place = next((index for index, each in enumerate(arguments) if "/" in each), len(arguments))
    subscription = arguments[0] if place else target.subscription
    type_, *names = arguments[place:]
    if type_.lower() == "microsoft.resources/resourcegroups":
        return ids.group_scope(subscription, names[0])
    return ids.resource_id(ids.subscription_scope(subscription), type_, "/".join(names))


def _extension_resource_id(_target: Target, arguments: list[str]) -> str:
    return ids.resource_id(arguments[0], arguments[1], "/".join(arguments[2:]))


def _tenant_resource_id(_target: Target, arguments: list[str]) -> str:
    return ids.resource_id("/", arguments[0], "/".join(arguments[1:]))


_RESOURCE_ID: dict[str, Callable[[Target, list[str]], str]] = {
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_resource_id,
    "extensionresourceid": _extension_resource_id,
    "tenantresourceid": _tenant_resource_id,
}


def _list(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
