"""What somebody may do to a deployment: values that `Deployed.validate` makes happen in the cloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.rehearsal.records import Json, Resource
from k0rdent_azure.rehearsal.world import World

#: The deployment of these tests.
ID = "k0rdent-abcd1234"
GROUP, NSG, VNET, SUBNET, KEY = (f"{ID}-{each}" for each in ("resgrp", "nsg", "vnet", "subnet", "admin"))
VM, OTHER_VM = "k0s-worker-1", "k0s-worker-2"
NIC, ADDRESS, DISK = f"{VM}VMNic", f"{VM}PublicIP", f"{VM}OsDisk"

#: Something done to the records of the cloud, where no request and no fault does it.
Deed: TypeAlias = Callable[[World], None]


@dataclass(frozen=True)
class Request:
    """A request to ARM of a colleague's; `path` goes on after the group's id."""

    method: str
    path: str
    body: Json | None = None
    api_version: str = "2023-09-01"


Step: TypeAlias = Fault | Deed | Request


@dataclass(frozen=True)
class Case:
    """`expected` are lines of `told`: `kind severity type name field repair`."""

    what: str
    steps: Sequence[Step]
    expected: Sequence[str] = ()


def change(resource: str, path: str, value: object = None) -> Fault:
    """A property of a resource becomes `value`, or goes without one."""
    return Fault(kind="property-changed", resource=resource, property=path, value=value)


def own(resource: str, path: str, value: object = None) -> Fault:
    """The same below `properties`."""
    return change(resource, f"properties.{path}", value)


def rule(index: int, path: str, value: object = None) -> Fault:
    """The same for a security rule: 0 is AllowSSH, 1 AllowWireGuard."""
    return own(NSG, f"securityRules.{index}.properties.{path}", value)


def subnet(path: str, value: object = None) -> Fault:
    return own(VNET, f"subnets.0.properties.{path}", value)


def another_rule(name: str, **properties: object) -> Fault:
    """A third rule in the security group."""
    plain = {
        "priority": 300,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "443",
    }
    return own(NSG, "securityRules.2", {"name": name, "properties": {**plain, **properties}})


def deed(name: str, act: Callable[[Resource], None]) -> Deed:
    """`act` on the record of the resource of that name."""

    def done(world: World) -> None:
        act(next(each for each in world.resources() if each.name == name))

    return done


def stranger(type_: str, name: str) -> Deed:
    """A resource of a type that this cloud could not make, such as an extension that a policy installs."""

    def done(world: World) -> None:
        model = next(world.resources())
        record = Resource(
            id=f"{model.id.partition('/providers/')[0]}/providers/{type_}/{name}",
            type=type_,
            name=name,
            group=model.group,
            location=model.location,
            body={"location": model.location, "properties": {}},
            uid="1",
            created_at=0,
            ready_at=0,
        )
        world.put_resource(record)

    return done
