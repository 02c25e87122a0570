"""What the cloud keeps: resource groups, resources, deployments. Nothing here changes by itself.

Each record holds the moments (cloud seconds) at which something happens to it, drawn when the request came
in. So its condition is a function of the time at which it is asked for, and needs nobody to keep running.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Json = dict[str, object]
LockLevel = Literal["CanNotDelete", "ReadOnly"]
Power = Literal["starting", "running", "stopping", "stopped", "deallocating", "deallocated"]


class Lifetime(msgspec.Struct, kw_only=True):
    """When a thing appears, is ready, begins to go and is gone; or is as before, because its deletion fails."""

    created_at: float
    ready_at: float
    deleting_at: float | None = None
    gone_at: float | None = None
    returns_at: float | None = None

    def exists(self, now: float) -> bool:
        return self.created_at <= now and not self.gone(now)

    def gone(self, now: float) -> bool:
        return self.gone_at is not None and self.gone_at <= now

    def deleting(self, now: float) -> bool:
        return self.deleting_at is not None and self.deleting_at <= now


class Group(Lifetime, kw_only=True):
    """A resource group."""

    id: str
    name: str
    location: str
    tags: dict[str, str] = {}
    maker: str = ""
    own: list[str] | None = None

    def state(self, now: float) -> str:
        return "Deleting" if self.deleting(now) else "Succeeded"


class Transition(msgspec.Struct, frozen=True):
    """From `moment` on a VM's power state is `power`."""

    moment: float
    power: Power


class Boot(msgspec.Struct, kw_only=True):
    """A VM's life below ARM: when sshd answers and when cloud-init ends (None: never), and its
    power states in order."""

    booted_at: float | None
    cloud_init_done_at: float | None
    power: list[Transition]

    def power_at(self, now: float) -> Power:
        reached = [each.power for each in self.power if each.moment <= now]
        return reached[-1] if reached else "starting"


class Resource(Lifetime, kw_only=True):
    """One ARM resource. `body` is what a GET shows, without what depends on the time.

    `hidden` holds what ARM takes and never gives back (`customData`, base64). `uid` is new for each
    creation, also under an id that was used before. `failure` is the error that provisioning ended with. `maker` is
    the actor who asked for it ("": not known), `own` what the conscience knows to be the maker's in it.
    """

    id: str
    type: str
    name: str
    group: str
    location: str
    body: Json
    uid: str
    hidden: dict[str, str] = {}
    failure: Json | None = None
    revision: int = 1
    boot: Boot | None = None
    maker: str = ""
    own: list[str] | None = None

    def state(self, now: float) -> str:
        if self.deleting(now):
            return "Deleting"
        if now < self.ready_at:
            return "Creating" if self.revision == 1 else "Updating"
        return "Failed" if self.failure else "Succeeded"


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A management lock on a subscription, a group or a resource; `scope` is its id."""

    scope: str
    name: str
    level: LockLevel


class Operation(msgspec.Struct, kw_only=True):
    """One step of a deployment; `error` is the ARM error that it ended with."""

    id: str
    kind: str
    target_id: str
    target_type: str
    target_name: str
    started_at: float
    ended_at: float
    error: Json | None = None
    status_code: str = "OK"

    def state(self, now: float) -> str:
        if now < self.ended_at:
            return "Running"
        return "Failed" if self.error else "Succeeded"


class Deployment(msgspec.Struct, kw_only=True):
    """A template deployment: its plan in full, made when it was accepted. Secure values are not in it."""

    id: str
    scope: str
    name: str
    uid: str
    correlation_id: str
    template_hash: str
    started_at: float
    ended_at: float
    location: str | None = None
    parameters: Json = {}
    outputs: Json = {}
    tags: dict[str, str] = {}
    mode: str = "Incremental"
    error: Json | None = None
    canceled_at: float | None = None
    operations: list[Operation] = []
    output_resources: list[str] = []
    providers: list[Json] = []
    maker: str = ""

    def active(self, now: float) -> bool:
        return now < self.ended_at and (self.canceled_at is None or now < self.canceled_at)

    def state(self, now: float) -> str:
        if self.canceled_at is not None and self.canceled_at <= now:
            return "Canceled"
        if now < self.started_at + ACCEPTED_SECONDS and now < self.ended_at:
            return "Accepted"
        if now < self.ended_at:
            return "Running"
        return "Failed" if self.error else "Succeeded"


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """The record that a resource came into being, kept also after it is gone."""

    id: str
    uid: str
    moment: float


#: A deployment answers `Accepted` for this long (cloud seconds) before it answers `Running`.
ACCEPTED_SECONDS = 2.0
