"""What goes when a VM is deleted, and what stays: Azure's `deleteOption`s say, which others may have changed. Pure.

https://learn.microsoft.com/azure/virtual-machines/delete
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from k0rdent_azure.azure.drift_facts import DISK, NIC, VM
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.reading import mapping, mappings, option, text
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.topology import Names

Body = Mapping[str, object]


class Belongings(NamedTuple):
    """In words: what goes with a VM beside what was made with it, and what of it stays."""

    goes: list[str]
    stays: list[str]


def of(there: Existing, names: Names, vm: str) -> Belongings:
    """What was made with the VM and goes as usual is not named. Of a VM that is gone, its disks stay."""
    body = there.get(VM, vm)
    found = Belongings([], [])
    if body is None:
        found.stays.extend(f"disk {text(disk, 'name')}" for disk in outlived_disks(there, names, vm))
        return found
    for what, goes, is_usual in [*_disks(body), *_interfaces(there, names, body), *_others(body)]:
        if not goes:
            found.stays.append(what)
        elif not is_usual:
            found.goes.append(what)
    return found


def outlived_disks(there: Existing, names: Names, vm: str) -> Iterator[Body]:
    """The disks that were a VM's which is not there any more."""
    pattern = re.compile(rf"{re.escape(names.os_disk(vm))}(-\d+)?", re.IGNORECASE)
    yield from (disk for disk in there.of_type(DISK) if pattern.fullmatch(text(disk, "name")))


class _Part(NamedTuple):
    what: str
    goes: bool
    is_usual: bool = False


def _disks(vm: Body) -> Iterator[_Part]:
    storage = mapping(mapping(vm, "properties"), "storageProfile")
    disk = mapping(storage, "osDisk")
    yield _Part(f"disk {text(disk, 'name')}, which is detached", _is_deleted(disk), is_usual=True)
    for each in mappings(storage, "dataDisks"):
        goes = _is_deleted(each)
        what = "with all on it" if goes else "which is detached"
        yield _Part(f"data disk {text(each, 'name')}, {what}", goes)


def _interfaces(there: Existing, names: Names, vm: Body) -> Iterator[_Part]:
    for each in mappings(mapping(mapping(vm, "properties"), "networkProfile"), "networkInterfaces"):
        name = resource_ids.name(text(each, "id"))
        usual = name.lower() == names.nic(text(vm, "name")).lower()
        goes = _is_deleted(mapping(each, "properties"))
        yield _Part(f"interface {name}", goes, is_usual=usual)
        yield from _of_interface(there.get(NIC, name) or {}, names, vm, goes=goes)


def _of_interface(interface: Body, names: Names, vm: Body, *, goes: bool) -> Iterator[_Part]:
    for each in mappings(mapping(interface, "properties"), "ipConfigurations"):
        own = mapping(each, "properties")
        address = mapping(own, "publicIPAddress")
        if address:
            name = resource_ids.name(text(address, "id"))
            usual = name.lower() == names.public_ip(text(vm, "name")).lower()
            yield _Part(
                f"public address {name}", goes and _is_deleted(mapping(address, "properties")), is_usual=usual
            )
        for pool in mappings(own, "loadBalancerBackendAddressPools") if goes else ():
            pool_id = text(pool, "id")
            place = f"{resource_ids.name(resource_ids.parent(pool_id))}/{resource_ids.name(pool_id)}"
            yield _Part(f"its place in the load balancer pool {place}", goes=True)
    for each in mappings(mapping(interface, "properties"), "ipConfigurations") if goes else ():
        if text(each, "name").lower() != "primary":
            yield _Part(f"IP configuration {text(each, 'name')} of {text(interface, 'name')}", goes=True)


def _others(vm: Body) -> Iterator[_Part]:
    kind = text(mapping(vm, "identity"), "type")
    if "systemassigned" in kind.lower():
        yield _Part("its system-assigned identity, with the rights that it was given", goes=True)
    for each in mappings(vm, "resources"):
        yield _Part(f"extension {resource_ids.name(text(each, 'id'))}", goes=True)


def _is_deleted(part: Body) -> bool:
    return option(part, "deleteOption") == "Delete"
