"""The whole simulated cloud on disk: one JSON file, replaced atomically after each change, and its clock.

One process serves a world at a time. A VM that is half provisioned goes on although the deployer, or this
service, dies: everything that will happen was drawn, with its moment, when the request came in.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.rehearsal import machines, references
from k0rdent_azure.rehearsal.clock import Anchor, CloudClock
from k0rdent_azure.rehearsal.machines import Machine
from k0rdent_azure.rehearsal.records import Creation, Deployment, Group, Lock, Resource

__all__ = ["Machine", "SshEndpoint", "World"]

VM_TYPE = "Microsoft.Compute/virtualMachines"
FILE = "world.json"


@dataclass(frozen=True, slots=True)
class SshEndpoint:
    """The jump host: where it listens on loopback, who may log in with which key, and its own host key."""

    host: str
    port: int
    username: str
    key_path: Path
    host_key: str


class Contents(msgspec.Struct, kw_only=True):
    """What is on disk. Keys of the mappings are ids in lower case, because ARM ids have no case."""

    seed: int
    tenant_id: str
    subscription_id: str
    client_id: str
    anchors: list[Anchor]
    groups: dict[str, Group] = {}
    resources: dict[str, Resource] = {}
    deployments: dict[str, Deployment] = {}
    creations: list[Creation] = []
    locks: list[Lock] = []


class World:
    """The truth about the simulated cloud. `seed` and `speed` count for a new world; a world that exists
    keeps its seed, and goes on from the same cloud moment at the new `speed` (None: at its old one)."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 0,
        speed: float | None = None,
        real: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self._path = directory / FILE
        if self._path.exists():
            self._contents = _read(self._path)
        else:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            clock = CloudClock.started(speed or 1.0, real=real)
            self._contents = _new_contents(seed, clock.anchors)
        self.clock = CloudClock(self._contents.anchors, real=real)
        if speed is not None:
            self.clock.run_at(speed)
        self.save()

    @property
    def seed(self) -> int:
        return self._contents.seed

    @property
    def tenant_id(self) -> str:
        return self._contents.tenant_id

    @property
    def subscription_id(self) -> str:
        return self._contents.subscription_id

    @property
    def client_id(self) -> str:
        return self._contents.client_id

    def save(self) -> None:
        """Write everything, old or new and never between. 0600: custom data holds private keys."""
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(self._contents))
        temporary.replace(self._path)

    def random(self, *names: object) -> random.Random:
        """A source of numbers that depends on the seed and on `names` alone."""
        text = "\0".join((str(self.seed), *(str(name).lower() for name in names)))
        return random.Random(hashlib.sha256(text.encode()).digest())

    def draw(self, low: float, high: float, *names: object) -> float:
        """A duration in cloud seconds between `low` and `high`, always the same for the same `names`."""
        return self.random(*names).uniform(low, high)

    def uuid(self, *names: object) -> str:
        return str(uuid.UUID(int=self.random("uuid", *names).getrandbits(128), version=4))

    def group(self, name: str) -> Group | None:
        """The resource group of that name, if it exists now (also while it is being deleted)."""
        found = self._contents.groups.get(name.lower())
        return found if found is not None and found.exists(self.clock.now()) else None

    def groups(self) -> list[Group]:
        now = self.clock.now()
        return [group for group in self._contents.groups.values() if group.exists(now)]

    def resource(self, resource_id: str) -> Resource | None:
        """The resource of that id (in any case), if it exists now."""
        found = self.planned(resource_id)
        return found if found is not None and found.exists(self.clock.now()) else None

    def planned(self, resource_id: str) -> Resource | None:
        """Like `resource`, but also one that a running deployment has yet to make."""
        found = self._contents.resources.get(resource_id.lower())
        return found if found is not None and not found.gone(self.clock.now()) else None

    def planned_group(self, name: str) -> Group | None:
        found = self._contents.groups.get(name.lower())
        return found if found is not None and not found.gone(self.clock.now()) else None

    def resources(self, *, group: str | None = None, type_: str | None = None) -> Iterator[Resource]:
        """What exists now, oldest request first; `group` and `type_` in any case."""
        now = self.clock.now()
        for resource in list(self._contents.resources.values()):
            if (
                resource.exists(now)
                and (group is None or resource.group.lower() == group.lower())
                and (type_ is None or resource.type.lower() == type_.lower())
            ):
                yield resource

    def planned_resources(self, *, type_: str) -> Iterator[Resource]:
        """Like `resources`, with those that running deployments have yet to make."""
        now = self.clock.now()
        for resource in list(self._contents.resources.values()):
            if not resource.gone(now) and resource.type.lower() == type_.lower():
                yield resource

    def planned_in(self, group: str) -> Iterator[Resource]:
        """Everything in a group that is not gone, the planned included."""
        now = self.clock.now()
        for resource in list(self._contents.resources.values()):
            if not resource.gone(now) and resource.group.lower() == group.lower():
                yield resource

    def everything(self) -> dict[str, Group | Resource | Deployment]:
        """All that is not gone, the planned included, by its id in lower case."""
        now, contents = self.clock.now(), self._contents
        return {
            **{each.id.lower(): each for each in contents.groups.values() if not each.gone(now)},
            **{each.id.lower(): each for each in contents.resources.values() if not each.gone(now)},
            **{each.id.lower(): each for each in contents.deployments.values()},
        }

    def active_deployments(self) -> list[Deployment]:
        now = self.clock.now()
        return [each for each in self._contents.deployments.values() if each.active(now)]

    def deployment(self, deployment_id: str) -> Deployment | None:
        found = self._contents.deployments.get(deployment_id.lower())
        return found if found is not None and found.started_at <= self.clock.now() else None

    def deployments(self, scope: str) -> list[Deployment]:
        """The deployments whose scope is that subscription or group, newest first."""
        now = self.clock.now()
        found = [
            each
            for each in self._contents.deployments.values()
            if each.scope.lower() == scope.lower() and each.started_at <= now
        ]
        return sorted(found, key=lambda each: each.started_at, reverse=True)

    def creations(self) -> list[Creation]:
        """Each resource (and group) that ever came into being, in order; twice means created twice."""
        now = self.clock.now()
        return sorted(
            (each for each in self._contents.creations if each.moment <= now), key=lambda each: each.moment
        )

    def vms(self) -> list[Machine]:
        """The VMs that exist now, as the network sees them."""
        now = self.clock.now()
        found = (machines.machine(vm, self.resource, now) for vm in self.resources(type_=VM_TYPE))
        return [each for each in found if each is not None]

    def put_group(self, group: Group) -> None:
        """Add or replace; the caller saves."""
        if self.planned_group(group.name) is None:
            self._note_creation(
                group.id, self.uuid("group", group.id, len(self._contents.creations)), group.created_at
            )
        self._contents.groups[group.name.lower()] = group

    def put_resource(self, resource: Resource) -> None:
        """Add or replace; the caller saves."""
        present = self.planned(resource.id)
        if present is None or present.uid != resource.uid:
            self._note_creation(resource.id, resource.uid, resource.created_at)
        self._contents.resources[resource.id.lower()] = resource

    def put_deployment(self, deployment: Deployment) -> None:
        """Add or replace; the caller saves."""
        self._contents.deployments[deployment.id.lower()] = deployment

    def locks(self) -> list[Lock]:
        return list(self._contents.locks)

    def put_lock(self, lock: Lock) -> None:
        """Add or replace; the caller saves."""
        self.remove_lock(lock)
        self._contents.locks.append(lock)

    def remove_lock(self, lock: Lock) -> None:
        """Names and scopes have no case; the caller saves."""
        key = (lock.scope.lower(), lock.name.lower())
        self._contents.locks = [
            each for each in self.locks() if (each.scope.lower(), each.name.lower()) != key
        ]

    def remove_deployment(self, deployment_id: str) -> None:
        self._contents.deployments.pop(deployment_id.lower(), None)

    def withdraw(self, resource: Resource) -> None:
        """Take back a planned resource, as if it had never been asked for."""
        self._contents.resources.pop(resource.id.lower(), None)
        self._contents.creations = [each for each in self._contents.creations if each.uid != resource.uid]

    def earlier_creations(self, resource_id: str) -> int:
        """How often a resource of that id was made before, gone ones included."""
        return sum(1 for each in self._contents.creations if each.id.lower() == resource_id.lower())

    def settle(self) -> None:
        """Forget what is gone by now, groups with all that was in them; what that used is free."""
        now = self.clock.now()
        contents = self._contents
        self._bring_back(now)
        gone_groups = {name for name, group in contents.groups.items() if group.gone(now)}
        gone = [
            key
            for key, resource in contents.resources.items()
            if resource.gone(now) or resource.group.lower() in gone_groups
        ]
        scopes = {contents.groups[name].id.lower() for name in gone_groups}
        records = [key for key, each in contents.deployments.items() if each.scope.lower() in scopes]
        for name in gone_groups:
            del contents.groups[name]
        for key in gone:
            del contents.resources[key]
        for key in records:
            del contents.deployments[key]
        references.release(contents.resources.values(), set(gone))
        lost = {*gone, *scopes}
        contents.locks = [each for each in contents.locks if each.scope.lower() not in lost]
        if gone_groups or gone:
            self.save()

    def _bring_back(self, now: float) -> None:
        """What could not be deleted is as it was before."""
        things: list[Group | Resource] = [*self._contents.groups.values(), *self._contents.resources.values()]
        for each in things:
            if each.returns_at is not None and each.returns_at <= now:
                each.deleting_at = each.returns_at = None
                self.save()

    def _note_creation(self, resource_id: str, uid: str, moment: float) -> None:
        self._contents.creations.append(Creation(id=resource_id, uid=uid, moment=moment))


def _read(path: Path) -> Contents:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contents)
    except msgspec.DecodeError as error:
        raise PrerequisiteError(
            f"the rehearsal cloud in {path} cannot be read: {error}",
            hint="forget it with: k0rdent-azure rehearse reset",
        ) from error


def _new_contents(seed: int, anchors: list[Anchor]) -> Contents:
    """A cloud's identities come from its seed, so that two rehearsals with one seed look alike."""
    numbers = random.Random(f"identities {seed}")
    tenant, subscription, client = (str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(3))
    return Contents(
        seed=seed, tenant_id=tenant, subscription_id=subscription, client_id=client, anchors=list(anchors)
    )
