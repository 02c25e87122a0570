"""A VM that somebody else made in the group, through the same providers as everybody's."""

from __future__ import annotations

import copy

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES, draw_public_key
from k0rdent_azure.rehearsal.arm.network import INTERFACES, NETWORKS, mapping, objects
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.arm.providers import provision
from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.records import Boot, Json, Resource, Transition
from k0rdent_azure.rehearsal.world import World

_USER = "somebody"


def make_vm(world: World, *, name: str, group: str | None) -> bool:
    """A running VM of the size and image of one that is there, in its network, without tags and address.

    False while there is none to go by.
    """
    model = next(world.resources(type_=VIRTUAL_MACHINES, group=group), None)
    network = next(world.resources(type_=NETWORKS, group=model.group), None) if model else None
    if model is None or network is None or network.ready_at > world.clock.now():
        return False
    plan = Plan(world, Faults.none(world.directory), world.uuid("correlation", name))
    nic = _make(plan, model, INTERFACES, f"{name}-nic", _interface(network))
    vm = _make(plan, model, VIRTUAL_MACHINES, name, _machine(world, model, nic, name))
    vm.boot = Boot(
        booted_at=world.clock.now(),
        cloud_init_done_at=world.clock.now(),
        power=[Transition(world.clock.now(), "running")],
    )
    plan.commit()
    return True


def _make(plan: Plan, model: Resource, type_: str, name: str, body: Json) -> Resource:
    id_ = ids.resource_id(ids.group_scope(plan.world.subscription_id, model.group), type_, name)
    wanted = Wanted(
        plan=plan,
        id=id_,
        type=type_,
        name=name,
        group=model.group,
        location=model.location,
        body=body,
        present=None,
        start=plan.now,
    )
    resource, _ = provision(wanted)
    resource.ready_at = plan.now
    return resource


def _interface(network: Resource) -> Json:
    subnet = objects(mapping(network.body, "properties"), "subnets")[0]
    configuration: Json = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet["id"]}}}
    return {"properties": {"ipConfigurations": [configuration]}}


def _machine(world: World, model: Resource, nic: Resource, name: str) -> Json:
    own = mapping(model.body, "properties")
    storage = mapping(own, "storageProfile")
    key = {"path": f"/home/{_USER}/.ssh/authorized_keys", "keyData": draw_public_key(world)}
    properties: Json = {
        "hardwareProfile": copy.deepcopy(own["hardwareProfile"]),
        "storageProfile": {
            "imageReference": copy.deepcopy(storage["imageReference"]),
            "osDisk": {"createOption": "FromImage"},
        },
        "osProfile": {
            "computerName": name,
            "adminUsername": _USER,
            "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}},
        },
        "networkProfile": {"networkInterfaces": [{"id": nic.id}]},
    }
    return {"properties": properties}
