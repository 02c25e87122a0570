"""One template, planned from its first resource to its outputs.

Everything that the deployment will do is decided here, with its moments: a resource starts when all that it
depends on (`dependsOn`, and what its expressions `reference`) has ended. Nested templates are runs of their own.
"""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import items, locks, template
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, PreflightError, group_not_found, invalid_template
from k0rdent_azure.rehearsal.arm.expressions import Resolve, evaluate
from k0rdent_azure.rehearsal.arm.groups import plan_group
from k0rdent_azure.rehearsal.arm.items import DEPLOYMENTS, GROUPS, Item
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.arm.providers import provision
from k0rdent_azure.rehearsal.arm.scope import Scope, Target
from k0rdent_azure.rehearsal.arm.template import Copy
from k0rdent_azure.rehearsal.records import Deployment, Json, Operation
from k0rdent_azure.rehearsal.regions import region

#: Cloud seconds that ARM itself adds to a step, and after which a provider's refusal is known.
STEP = (0.5, 1.5)
REFUSAL = (2.0, 6.0)


class BlockedError(Exception):
    """An expression needs a resource that failed, so its own resource is never started."""


class Run:
    """Plans one template at one target. Raises ArmError for what ARM refuses before anything starts."""

    def __init__(
        self,
        plan: Plan,
        *,
        target: Target,
        name: str,
        properties: Json,
        start: float,
        location: str | None = None,
        tags: dict[str, str] | None = None,
        outer: tuple[Scope, list[Copy]] | None = None,
    ) -> None:
        self.id = ids.resource_id(target.scope, DEPLOYMENTS, name)
        self._plan = plan
        self._target = target
        self._name = name
        self._start = start
        self._location = location
        self._tags = tags or {}
        self._scope = outer[0] if outer else Scope(plan, target, name, location, properties)
        self._loops = outer[1] if outer else []
        self._template = template.require_mapping(properties.get("template"), "properties.template")
        self._operations: list[Operation] = []
        self._resources: list[str] = []
        self._items = items.expand(self._template, target, lambda loops: self._resolver(None, loops))
        for item in self._items:
            item.loops[:0] = self._loops

    def plan_all(self) -> Deployment:
        """Plan every resource, then the outputs. The record goes into the plan too."""
        for item in self._items:
            self._plan_item(item)
        failed = [each for each in self._operations if each.error is not None]
        ended = max([each.ended_at for each in self._operations], default=self._start)
        ended += self._plan.draw(*STEP, "outputs", self._name)
        outputs, error = ({}, _failure(self.id, failed)) if failed else self._evaluate_outputs()
        record = Deployment(
            id=self.id,
            scope=self._target.scope,
            name=self._name,
            uid=self._plan.world.uuid("deployment", self.id, self._start),
            correlation_id=self._plan.correlation_id,
            template_hash=_hash(self._template),
            started_at=self._start,
            ended_at=ended,
            location=self._location,
            parameters=self._scope.bound.visible,
            outputs=outputs,
            tags=self._tags,
            error=error,
            operations=self._operations,
            output_resources=self._resources,
            providers=_providers(self._items),
            maker=self._plan.actor,
        )
        self._plan.put_deployment(record)
        return record

    def _plan_item(self, item: Item) -> None:
        if item.planned:
            return
        if item.visiting:
            raise invalid_template(f"Circular dependency detected on resource: '{item.id}'")
        item.visiting = True
        item.ends.append(self._start)
        try:
            self._deploy(item)
        except BlockedError:
            item.succeeded = False
            item.ended = max(item.ends)
        except ArmError as error:
            if isinstance(error, PreflightError) or error.code == "InvalidTemplate":
                raise
            ended = max(item.ends) + self._plan.draw(*REFUSAL, "refusal", item.name)
            self._record(item, ended, error.error(), _status_code(error.status))
        item.planned = True

    def _deploy(self, item: Item) -> None:
        for needed in self._dependencies(item):
            self._wait_for(item, needed)
        if item.skipped:
            item.ended = max(item.ends)
        elif item.type.lower() == DEPLOYMENTS.lower():
            self._deploy_nested(item)
        elif item.type.lower() == GROUPS.lower():
            locks.check_write(self._plan.world, item.id)
            body = self._body(item)
            group, ended = plan_group(self._plan, item.id, item.name, body, max(item.ends))
            item.shown = {
                "properties": {"provisioningState": "Succeeded"},
                "location": group.location,
                "tags": group.tags,
            }
            self._record(item, ended)
        else:
            self._deploy_resource(item)

    def _deploy_resource(self, item: Item) -> None:
        locks.check_write(self._plan.world, item.id)
        body = self._body(item)
        group = self._plan.group(self._target.group)
        if group is None:
            raise group_not_found(self._target.group)
        wanted = Wanted(
            plan=self._plan,
            id=item.id,
            type=item.type,
            name=item.name,
            group=group.name,
            location=region(body.get("location")),
            body=body,
            present=self._plan.resource(item.id),
            start=max(item.ends),
        )
        resource, ended = provision(wanted)
        item.shown = resource.body
        self._record(item, ended, _unfinished(item.id, resource.failure) if resource.failure else None)

    def _deploy_nested(self, item: Item) -> None:
        resolve = self._resolver(item, item.loops)
        raw = template.require_mapping(item.raw.get("properties"), "properties of a nested deployment")
        options = raw.get("expressionEvaluationOptions")
        is_inner = isinstance(options, dict) and str(options.get("scope")).lower() == "inner"
        group = evaluate(item.raw.get("resourceGroup", self._target.group), resolve)
        location = evaluate(item.raw.get("location"), resolve)
        target = Target(self._target.subscription, str(group or ""))
        parameters = template.evaluate_copies(
            raw.get("parameters", {}), item.loops, lambda loops: self._resolver(item, loops)
        )
        if target.group and self._plan.group(target.group) is None:
            raise group_not_found(target.group)
        item.id = ids.resource_id(target.scope, DEPLOYMENTS, item.name)
        check_not_active(self._plan, item.id)
        record = Run(
            self._plan,
            target=target,
            name=item.name,
            properties={**raw, "parameters": parameters},
            start=max(item.ends) + self._plan.draw(*STEP, "nested", item.name),
            location=str(location) if location and not target.group else None,
            outer=None if is_inner else (self._scope, item.loops),
        ).plan_all()
        item.shown = {"properties": {"provisioningState": "Succeeded", "outputs": record.outputs}}
        self._resources.extend(record.output_resources)
        self._record(item, record.ended_at, _unfinished(item.id, record.error) if record.error else None)

    def _record(self, item: Item, ended: float, error: Json | None = None, code: str = "Conflict") -> None:
        """Note the operation that deploys `item`; `error` is what it ends with."""
        item.ended, item.succeeded = ended, error is None
        if item.succeeded and item.type.lower() != DEPLOYMENTS.lower():
            self._resources.append(item.id)
        self._operations.append(
            Operation(
                id=_hash([self.id, item.id])[:16].upper(),
                kind="Create",
                target_id=item.id,
                target_type=item.type,
                target_name=item.name,
                started_at=max(item.ends),
                ended_at=ended,
                error=error,
                status_code="OK" if error is None else code,
            )
        )

    def _dependencies(self, item: Item) -> list[Item]:
        wanted = evaluate(item.raw.get("dependsOn", []), self._resolver(item, item.loops))
        found: list[Item] = []
        for each in wanted if isinstance(wanted, list) else ():
            matches = items.find(self._items, str(each))
            if not matches:
                raise invalid_template(f"The resource '{each}' is not defined in the template")
            found.extend(matches)
        return found

    def _wait_for(self, item: Item | None, needed: Item) -> None:
        """Plan `needed` first, and start `item` only after it. Raises BlockedError where it fails."""
        self._plan_item(needed)
        if item is not None:
            item.ends.append(needed.ended)
        if not needed.succeeded:
            raise BlockedError(needed.id)

    def _body(self, item: Item) -> Json:
        """What is put for `item`: its template with every expression evaluated."""
        kept = {key: value for key, value in item.raw.items() if key not in _NOT_IN_BODY}
        body = template.evaluate_copies(kept, item.loops, lambda loops: self._resolver(item, loops))
        return template.require_mapping(body, f"the resource '{item.name}'")

    def _evaluate_outputs(self) -> tuple[Json, Json | None]:
        """The outputs, or the error of a deployment that made everything and cannot say what."""
        try:
            return self._outputs(), None
        except ArmError as error:
            if error.code == "InvalidTemplate":
                raise
            return {}, {
                "code": "DeploymentOutputEvaluationFailed",
                "message": f"Unable to evaluate template outputs: '{error.message}'.",
                "target": self.id,
                "details": [error.error()],
            }

    def _outputs(self) -> Json:
        """The outputs as a GET shows them: secure ones have a type and no value."""
        declared = template.require_mapping(self._template.get("outputs", {}), "template.outputs")
        found: Json = {}
        for name, raw in declared.items():
            output = template.require_mapping(raw, f"the output '{name}'")
            if evaluate(output.get("condition", True), self._resolver(None, self._loops)) is False:
                continue
            type_ = str(output.get("type", ""))
            found[name] = {"type": template.spelling(type_)}
            if not template.is_secure(type_):
                value = output.get("value", {"copy": [{"name": "value", **_mapping(output.get("copy"))}]})
                shown = template.evaluate_copies(
                    value, self._loops, lambda loops: self._resolver(None, loops)
                )
                is_loop = "value" not in output and isinstance(shown, dict)
                found[name] = {
                    "type": template.spelling(type_),
                    "value": shown["value"] if is_loop and isinstance(shown, dict) else shown,
                }
        return found

    def _resolver(self, item: Item | None, loops: list[Copy]) -> Resolve:
        return partial(self._resolve, item, loops)

    def _resolve(self, item: Item | None, loops: list[Copy], name: str, arguments: list[object]) -> object:
        if name == "copyindex":
            return template.copy_index(arguments, [*self._loops, *loops])
        if name == "reference":
            return self._reference(item, str(arguments[0]), is_full=len(arguments) > 2)
        return self._scope.resolve(name, arguments)

    def _reference(self, item: Item | None, wanted: str, *, is_full: bool) -> object:
        """`reference(name or id)`: of this template, which is then waited for, or of what is there."""
        for needed in items.find(self._items, wanted):
            self._wait_for(item, needed)
            # What came after it may have left something on it: an interface on its address, say.
            present = self._plan.resource(needed.id)
            shown = present.body if present is not None else needed.shown
            return shown if is_full else shown.get("properties", {})
        present = self._plan.resource(wanted)
        if present is None:
            return self._present_deployment(wanted, is_full=is_full)
        return present.body if is_full else present.body.get("properties", {})

    def _present_deployment(self, wanted: str, *, is_full: bool) -> object:
        record = self._plan.world.deployment(wanted)
        if record is None:
            raise ArmError(
                404, "ResourceNotFound", f"The resource '{wanted}' that the template refers to was not found."
            )
        properties: Json = {"provisioningState": record.state(self._plan.now), "outputs": record.outputs}
        return {"properties": properties} if is_full else properties


_NOT_IN_BODY = ("copy", "condition", "dependsOn", "apiVersion", "type", "name", "resources", "comments")


def check_not_active(plan: Plan, deployment_id: str) -> None:
    """Raises ArmError (DeploymentActive) while a deployment of that id runs."""
    present = plan.world.deployment(deployment_id)
    if present is not None and present.active(plan.now):
        raise ArmError(
            409,
            "DeploymentActive",
            f"Unable to edit or replace deployment '{present.name}': previous deployment from "
            f"'{plan.world.clock.stamp(present.started_at)}' is still active (expiration time is "
            f"'{plan.world.clock.stamp(present.started_at + 7 * 86400)}'). Please see "
            "https://aka.ms/arm-deploy for usage details.",
        )


def _unfinished(target: str, cause: Json) -> Json:
    """The error of an operation whose resource (or nested deployment) ended as Failed."""
    return {
        "code": "ResourceDeploymentFailure",
        "target": target,
        "message": "The resource write operation failed to complete successfully, because it reached terminal "
        "provisioning state 'Failed'.",
        "details": [cause],
    }


def _failure(deployment_id: str, failed: list[Operation]) -> Json:
    """The error of a deployment some of whose operations failed."""
    return {
        "code": "DeploymentFailed",
        "target": deployment_id,
        "message": "At least one resource deployment operation failed. Please list deployment operations for "
        "details. Please see https://aka.ms/arm-deployment-operations for usage details.",
        "details": [each.error for each in failed],
    }


def _providers(found: list[Item]) -> list[Json]:
    namespaces: dict[str, list[str]] = {}
    for item in found:
        namespace, _, type_ = item.type.partition("/")
        types = namespaces.setdefault(namespace, [])
        if type_ not in types:
            types.append(type_)
    return [
        {"namespace": namespace, "resourceTypes": [{"resourceType": type_} for type_ in types]}
        for namespace, types in namespaces.items()
    ]


def _status_code(status: int) -> str:
    return {400: "BadRequest", 404: "NotFound", 409: "Conflict"}.get(status, "Conflict")


def _hash(value: object) -> str:
    return str(int.from_bytes(hashlib.sha256(msgspec.json.encode(value)).digest()[:9], "big"))


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
