"""The template deployment: submitted in one PUT, read back in one GET, explained from its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.arm_errors import ArmError, causes, vm_of
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.failures import deployment_failed, explain, is_absent
from k0rdent_azure.azure.reading import mapping, provisioning_state, resource_type, text, texts
from k0rdent_azure.azure.tags import Mark
from k0rdent_azure.azure.template import Template
from k0rdent_azure.azure.where import NOWHERE, Where
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError, DeploymentFailedError

#: Provisioning states that nothing follows. https://learn.microsoft.com/rest/api/resources/deployments/get
ENDED = frozenset({"Succeeded", "Failed", "Canceled"})


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """Where a deployment record lives: in a subscription, or in one of its groups."""

    subscription: str
    name: str
    group: str | None = None

    @property
    def scope(self) -> Literal["subscription", "group"]:
        return "group" if self.group else "subscription"

    @property
    def id(self) -> str:
        """The record's resource id, which is its path too."""
        group = f"/resourceGroups/{self.group}" if self.group else ""
        return (
            f"/subscriptions/{self.subscription}{group}/providers/Microsoft.Resources/deployments/{self.name}"
        )


@dataclass(frozen=True, slots=True)
class VmOutput:
    """What the deployment made for one VM; ids as ARM spells them, the address as text."""

    id: str
    public_ip: str
    fqdn: str
    nic_id: str
    public_ip_id: str
    private_ip: str


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment record as ARM shows it. `outputs` are the plain values, {} until it has succeeded."""

    id: str
    name: str
    scope: Literal["subscription", "group"]
    provisioning_state: str
    outputs: dict[str, object] = field(default_factory=dict)
    error: dict[str, object] | None = None
    correlation_id: str | None = None
    timestamp: str | None = None
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.provisioning_state in ENDED

    @property
    def virtual_machines(self) -> dict[str, VmOutput]:
        """The output of that name, by VM; {} until the deployment has succeeded."""
        return {
            name: VmOutput(
                id=text(vm, "id"),
                public_ip=text(vm, "publicIp"),
                fqdn=text(vm, "fqdn"),
                nic_id=text(vm, "nicId"),
                public_ip_id=text(vm, "publicIpId"),
                private_ip=text(vm, "privateIp"),
            )
            for name, vm in mapping(self.outputs, "virtualMachines").items()
            if isinstance(vm, dict)
        }

    @property
    def guids(self) -> dict[str, str]:
        """Incarnations' ids (`vmId`, `resourceGuid`) by type and name in lower case; {} until it has succeeded."""
        return {key.lower(): value for key, value in texts(self.outputs, "incarnations").items()}

    @property
    def lineage(self) -> str:
        """The lineage whose submission this record is of; "" if it does not say."""
        return text(mapping(self.parameters, "deployment"), "lineage")

    @property
    def mark(self) -> Mark:
        """Which submission the record is of: of a deployment made before claims, the first unless it says."""
        told = mapping(self.parameters, "deployment")
        number = told.get("generation")
        generation = number if isinstance(number, int) else 1
        return Mark(generation, text(told, "claim"), text(told, "change"))


@dataclass(frozen=True, slots=True)
class OperationView:
    """What a deployment did with one resource. `errors` are the innermost causes, [] unless it failed."""

    resource_id: str
    resource_type: str
    resource_name: str
    provisioning_state: str
    timestamp: str
    errors: tuple[ArmError, ...] = ()


@dataclass(frozen=True, slots=True)
class VmFailure:
    """Why a VM was not made: ARM's code, what that means in words, and the family that it belongs to."""

    code: str
    message: str
    family: str = ""


async def put(
    client: ArmClient, target: DeploymentTarget, template: Template, custom_data: Mapping[str, str]
) -> DeploymentView:
    """Submit, or submit again: the same content changes nothing that exists.

    Raises AzureRequestError, with code `DeploymentActive` while one of that name runs, and with the inner
    cause where ARM's check before the start refuses (then nothing was started).
    """
    answer = await client.request(
        "PUT",
        target.id,
        api_version=versions.DEPLOYMENTS,
        body=template.body(custom_data),
        accept=(200, 201, 202),
    )
    return _view(target, answer.body)


async def get(client: ArmClient, target: DeploymentTarget) -> DeploymentView | None:
    """The record; None where there is none (or its group is gone)."""
    answer = await client.request("GET", target.id, api_version=versions.DEPLOYMENTS, accept=(200, 404))
    return None if answer.status == 404 else _view(target, answer.body)


async def cancel(client: ArmClient, target: DeploymentTarget) -> bool:
    """Stop an active deployment; False where none was active. What it had made stays."""
    answer = await client.request(
        "POST",
        f"{target.id}/cancel",
        api_version=versions.DEPLOYMENTS,
        accept=(200, 202, 204, 404, 409),
    )
    return answer.status < 300


async def operations(client: ArmClient, target: DeploymentTarget) -> list[OperationView]:
    """All operations, those of nested deployments in place of the nested one: one list for each level.

    [] where the record is gone: why something failed must not hide behind what no longer exists.
    """
    try:
        items = await client.list(f"{target.id}/operations", api_version=versions.DEPLOYMENTS)
    except AzureRequestError as error:
        if is_absent(error):
            return []
        raise
    found: list[OperationView] = []
    for item in items:
        view = _operation(mapping(item, "properties"))
        nested = _nested(target, view)
        if nested is not None:
            inner = await operations(client, nested)
            found.extend(inner or [view])
        elif view.resource_id:
            found.append(view)
    return found


def failure(
    view: DeploymentView, found: Sequence[OperationView], where: Where = NOWHERE
) -> DeploymentFailedError:
    """Why `view` ended as Failed or Canceled: from the operations, else from the record's own error."""
    reasons: list[tuple[ArmError, str | None]] = [
        (error, operation.resource_id) for operation in found for error in operation.errors
    ]
    if not reasons and view.error is not None:
        reasons = [(error, error.resource_id) for error in causes(view.error)]
    return deployment_failed(
        view.name,
        view.provisioning_state,
        reasons,
        where=where,
        path=view.id,
        correlation=view.correlation_id or "",
    )


def failed_vms(found: Sequence[OperationView]) -> dict[str, VmFailure]:
    """Why each VM failed, by VM; a failed NIC or address counts as its VM's failure."""
    reasons: dict[str, VmFailure] = {}
    for operation in found:
        vm = vm_of(operation.resource_id)
        if vm is not None and operation.errors:
            first = operation.errors[0]
            told = explain(first, operation.resource_id)
            reasons.setdefault(vm, VmFailure(first.code, told.message, told.family))
    return reasons


def _view(target: DeploymentTarget, body: Mapping[str, object]) -> DeploymentView:
    properties = mapping(body, "properties")
    error = mapping(properties, "error")
    return DeploymentView(
        id=text(body, "id") or target.id,
        name=text(body, "name") or target.name,
        scope=target.scope,
        provisioning_state=provisioning_state(body) or "Unknown",
        outputs=_values(mapping(properties, "outputs")),
        error=error or None,
        correlation_id=text(properties, "correlationId") or None,
        timestamp=text(properties, "timestamp") or None,
        parameters=_values(mapping(properties, "parameters")),
    )


def _values(typed: Mapping[str, object]) -> dict[str, object]:
    return {name: item["value"] for name, item in typed.items() if isinstance(item, dict) and "value" in item}


def _operation(properties: Mapping[str, object]) -> OperationView:
    resource = mapping(properties, "targetResource")
    state = provisioning_state(properties)
    return OperationView(
        resource_id=text(resource, "id"),
        resource_type=resource_type(resource, "resourceType"),
        resource_name=text(resource, "resourceName"),
        provisioning_state=state,
        timestamp=text(properties, "timestamp"),
        errors=tuple(_operation_errors(properties)) if state == "Failed" else (),
    )


def _operation_errors(properties: Mapping[str, object]) -> list[ArmError]:
    """`statusMessage` is an error, or a text, or JSON in a text; the code of what has none is the operation's."""
    status = text(properties, "statusCode") or "Unknown"
    found = causes(properties.get("statusMessage")) or [ArmError(status, "")]
    return [replace(each, code=status) if each.code == "Unknown" else each for each in found]


def _nested(target: DeploymentTarget, view: OperationView) -> DeploymentTarget | None:
    """The deployment that an operation stands for, if it is another one than `target`."""
    if view.resource_type.lower() != "microsoft.resources/deployments":
        return None
    record = resource_ids.parts(view.resource_id)
    nested = DeploymentTarget(target.subscription, view.resource_name or record.name, record.group or None)
    return None if resource_ids.key(nested.id) == resource_ids.key(target.id) else nested
