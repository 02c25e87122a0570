"""The etcd clusters of the simulated hosts, as far as their VMs decide whether members are up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from k0rdent_azure.rehearsal.machines import Machine
from k0rdent_azure.rehearsal.records import Resource
from k0rdent_azure.rehearsal.world import World


@dataclass(frozen=True, slots=True)
class Etcd:
    """One cluster: how many members vote, and those whose VM runs and is meant to, each as name, `vmId` and size."""

    identifier: str
    size: int
    up: frozenset[tuple[str, str, str]]


def clusters(world: World) -> list[Etcd]:
    """All of them, at this moment."""
    now = world.clock.now()
    running = [each for each in world.vms() if _stays(world.resource(each.id), now)]
    found = []
    for path in sorted((world.directory / "clusters").glob("*.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        voters = {name: each["peer"] for name, each in stored["members"].items() if each["since"] <= now}
        up = frozenset(
            (name, vm.vm_id, vm.size) for name, peer in voters.items() for vm in _at(running, name, peer)
        )
        found.append(Etcd(stored["identifier"], len(voters), up))
    return found


def _at(running: list[Machine], name: str, peer: str) -> Iterator[Machine]:
    """The member's VM: names and private addresses are unique in a virtual network only."""
    yield from [each for each in running if each.name == name and each.private_ip == peer][:1]


def _stays(vm: Resource | None, now: float) -> bool:
    """Whether it runs, and nothing has begun that ends that."""
    if vm is None or vm.boot is None or vm.deleting_at is not None or not vm.boot.power:
        return False
    booted = vm.boot.booted_at
    return vm.boot.power[-1].power == "running" and booted is not None and booted <= now
