"""What a GET shows: a record at one moment, in the shape of the real API."""

from __future__ import annotations

import copy

from k0rdent_azure.rehearsal.arm.compute import DISKS, SSH_KEYS, VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.network import mapping, objects
from k0rdent_azure.rehearsal.records import Deployment, Group, Json, Operation, Resource
from k0rdent_azure.rehearsal.world import World


def group(world: World, record: Group) -> Json:
    return {
        "id": record.id,
        "name": record.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": record.location,
        "tags": record.tags,
        "properties": {"provisioningState": record.state(world.clock.now())},
    }


def resource(world: World, record: Resource, *, instance_view: bool = False) -> Json:
    """A resource as its own provider shows it."""
    now = world.clock.now()
    properties = mapping(copy.deepcopy(record.body), "properties")
    if record.type != SSH_KEYS:
        properties["provisioningState"] = record.state(now)
    if record.type == VIRTUAL_MACHINES:
        properties["timeCreated"] = world.clock.stamp(record.created_at)
        if instance_view:
            properties["instanceView"] = vm_instance_view(world, record)
    if record.type.endswith("/virtualNetworks"):
        _fill_subnets(world, properties)
    if record.type.endswith("/networkSecurityGroups"):
        _fill_users(world, record, properties)
    shown = {key: value for key, value in record.body.items() if key != "properties"}
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        **shown,
        **_etag(world, record),
        "properties": properties,
    }


def _etag(world: World, record: Resource) -> Json:
    """Disks and SSH keys have none."""
    if record.type in (DISKS, SSH_KEYS):
        return {}
    return {"etag": f'W/"{world.uuid("etag", record.uid, record.revision)}"'}


def listed(world: World, record: Resource, *, expand: str = "") -> Json:
    """A resource as the list of all resources shows it, without its properties."""
    shown: Json = {"id": record.id, "name": record.name, "type": record.type, "location": record.location}
    shown.update({key: record.body[key] for key in ("tags", "sku", "managedBy") if key in record.body})
    if "createdTime" in expand:
        shown["createdTime"] = world.clock.stamp(record.created_at)
    if "changedTime" in expand:
        shown["changedTime"] = world.clock.stamp(min(record.ready_at, world.clock.now()))
    if "provisioningState" in expand:
        shown["provisioningState"] = record.state(world.clock.now())
    return shown


def vm_status(world: World, record: Resource) -> Json:
    """A VM in the subscription's list with `statusOnly=true`."""
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "location": record.location,
        "properties": {
            "vmId": record.uid,
            "provisioningState": record.state(world.clock.now()),
            "instanceView": vm_instance_view(world, record),
        },
    }


def vm_instance_view(world: World, record: Resource) -> Json:
    now = world.clock.now()
    state = record.state(now)
    code = f"ProvisioningState/{state.lower()}"
    status: Json = {
        "code": code,
        "level": "Info",
        "displayStatus": {"Succeeded": "Provisioning succeeded", "Failed": "Provisioning failed"}.get(
            state, state
        ),
        "time": world.clock.stamp(min(now, record.ready_at)),
    }
    if state == "Failed" and record.failure is not None:
        status.update(
            code=f"{code}/{record.failure['code']}", level="Error", message=record.failure["message"]
        )
    statuses = [status]
    power = record.boot.power_at(now) if record.boot is not None and record.boot.power else None
    if power is not None:
        statuses.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    image = mapping(mapping(record.body, "properties"), "osProfile")
    return {
        "computerName": image.get("computerName", record.name),
        "hyperVGeneration": "V2",
        "disks": [],
        "statuses": statuses,
    }


def deployment(world: World, record: Deployment, *, now: float | None = None) -> Json:
    """A deployment as it is now, or at the moment `now`."""
    now = world.clock.now() if now is None else now
    state = record.state(now)
    end = min(each for each in (now, record.ended_at, record.canceled_at) if each is not None)
    properties: Json = {
        "templateHash": record.template_hash,
        "parameters": record.parameters,
        "mode": record.mode,
        "provisioningState": state,
        "timestamp": world.clock.stamp(end),
        "duration": duration(end - record.started_at),
        "correlationId": record.correlation_id,
        "providers": record.providers,
        "dependencies": [],
    }
    if state == "Succeeded":
        properties["outputs"] = record.outputs
        properties["outputResources"] = [{"id": each} for each in record.output_resources]
    if state == "Failed":
        properties["error"] = record.error
    if state == "Canceled":
        properties["error"] = {
            "code": "DeploymentCanceled",
            "message": f"The deployment '{record.name}' was canceled.",
        }
    shown: Json = {
        "id": record.id,
        "name": record.name,
        "type": "Microsoft.Resources/deployments",
        "properties": properties,
    }
    if record.location:
        shown["location"] = record.location
    if record.tags:
        shown["tags"] = record.tags
    return shown


def operations(world: World, record: Deployment) -> list[Json]:
    """What the deployment has begun so far; ARM's evaluation of the outputs is its last step."""
    now = world.clock.now()
    found = [operation(world, record, each) for each in record.operations if each.started_at <= now]
    if record.state(now) == "Succeeded":
        last: Json = {
            "provisioningOperation": "EvaluateDeploymentOutput",
            "provisioningState": "Succeeded",
            "timestamp": world.clock.stamp(record.ended_at),
            "duration": duration(0.1),
            "trackingId": world.uuid("tracking", record.uid),
            "statusCode": "OK",
            "statusMessage": None,
        }
        id_ = f"{int(record.uid[:8], 16):08X}"
        found.append({"id": f"{record.id}/operations/{id_}", "operationId": id_, "properties": last})
    return found


def operation(world: World, record: Deployment, each: Operation) -> Json:
    now = world.clock.now()
    state = each.state(now)
    properties: Json = {
        "provisioningOperation": each.kind,
        "provisioningState": state,
        "timestamp": world.clock.stamp(min(now, each.ended_at)),
        "duration": duration(min(now, each.ended_at) - each.started_at),
        "trackingId": world.uuid("tracking", record.uid, each.id),
        "serviceRequestId": world.uuid("service request", record.uid, each.id),
        "statusCode": each.status_code if state != "Running" else "Accepted",
        "targetResource": {
            "id": each.target_id,
            "resourceType": each.target_type,
            "resourceName": each.target_name,
        },
    }
    if state == "Failed":
        properties["statusMessage"] = {"status": "Failed", "error": each.error}
    return {"id": f"{record.id}/operations/{each.id}", "operationId": each.id, "properties": properties}


def duration(seconds: float) -> str:
    """ISO 8601, in cloud seconds: `PT3M21.25S`."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"PT{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}{rest:.2f}S"


def _fill_users(world: World, group: Resource, properties: Json) -> None:
    """A security group shows the interfaces and subnets that it guards."""
    interfaces = [
        {"id": nic.id}
        for nic in world.resources(type_="Microsoft.Network/networkInterfaces")
        if _names(mapping(nic.body, "properties").get("networkSecurityGroup"), group)
    ]
    subnets = [
        {"id": subnet["id"]}
        for network in world.resources(type_="Microsoft.Network/virtualNetworks")
        for subnet in objects(mapping(network.body, "properties"), "subnets")
        if _names(mapping(subnet, "properties").get("networkSecurityGroup"), group)
    ]
    for key, found in (("networkInterfaces", interfaces), ("subnets", subnets)):
        if found:
            properties[key] = found


def _names(reference: object, resource: Resource) -> bool:
    id_ = reference.get("id") if isinstance(reference, dict) else None
    return str(id_ or "").lower() == resource.id.lower()


def _fill_subnets(world: World, properties: Json) -> None:
    """A subnet shows the IP configurations that are in it."""
    for subnet in objects(properties, "subnets"):
        own = mapping(subnet, "properties")
        members = [
            {"id": configuration["id"]}
            for nic in world.resources(type_="Microsoft.Network/networkInterfaces")
            for configuration in objects(mapping(nic.body, "properties"), "ipConfigurations")
            if str(mapping(mapping(configuration, "properties"), "subnet").get("id", "")).lower()
            == str(subnet.get("id", "")).lower()
        ]
        if members:
            own["ipConfigurations"] = members
