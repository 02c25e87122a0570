"""What one accepted request will do to the world. Nothing of it exists before `commit`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.records import Deployment, Group, Json, Resource
from k0rdent_azure.rehearsal.world import World


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource that someone asks for: `body` as it was put, `present` what is there under that id,
    `start` the moment (cloud seconds) from which on it is made."""

    plan: Plan
    id: str
    type: str
    name: str
    group: str
    location: str
    body: Json
    present: Resource | None
    start: float

    @property
    def uid(self) -> str:
        """The identity of this creation; it lives as long as the resource."""
        return self.present.uid if self.present else self.plan.uid(self.id)

    @property
    def properties(self) -> Json:
        found = self.body.get("properties")
        return found if isinstance(found, dict) else {}


class Plan:
    """A layer over the world: what was planned so far is found first, so later steps can build on it.

    What is new in it is made by `actor`.
    """

    def __init__(self, world: World, faults: Faults, correlation_id: str, actor: str) -> None:
        self.world = world
        self.actor = actor
        self.faults = faults
        self.correlation_id = correlation_id
        self.now = world.clock.now()
        self._groups: dict[str, Group] = {}
        self._resources: dict[str, Resource] = {}
        self._deployments: list[Deployment] = []

    def group(self, name: str) -> Group | None:
        return self._groups.get(name.lower()) or self.world.planned_group(name)

    def resource(self, resource_id: str) -> Resource | None:
        return self._resources.get(resource_id.lower()) or self.world.planned(resource_id)

    def resources(self, type_: str) -> Iterator[Resource]:
        yield from (each for each in self._resources.values() if each.type.lower() == type_.lower())
        for each in self.world.planned_resources(type_=type_):
            if each.id.lower() not in self._resources:
                yield each

    def put_group(self, group: Group) -> None:
        self._groups[group.name.lower()] = group

    def put(self, resource: Resource) -> None:
        self._resources[resource.id.lower()] = resource

    def put_deployment(self, deployment: Deployment) -> None:
        self._deployments.append(deployment)

    def uid(self, resource_id: str) -> str:
        """An identity for one creation: another one each time that an id is used again."""
        return self.world.uuid("resource", resource_id, self.world.earlier_creations(resource_id))

    def draw(self, low: float, high: float, *names: object) -> float:
        return self.world.draw(low, high, *names)

    def commit(self) -> None:
        """Bring all of it into the world, and write the world once."""
        for group in self._groups.values():
            self.world.put_group(group)
        for resource in self._resources.values():
            self.world.put_resource(resource)
        for deployment in self._deployments:
            self.world.put_deployment(deployment)
        self.faults.commit()
        self.world.save()
