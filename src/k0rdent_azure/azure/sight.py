"""One look at a resource group: everything in it with its tags, and what its virtual network's tags tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from k0rdent_azure.azure.inventory import ResourceView
from k0rdent_azure.azure.tags import Mark, mark_of

VM = "microsoft.compute/virtualmachines"
DISK = "microsoft.compute/disks"
NIC = "microsoft.network/networkinterfaces"
ADDRESS = "microsoft.network/publicipaddresses"
NETWORK = "microsoft.network/virtualnetworks"
SECURITY_GROUP = "microsoft.network/networksecuritygroups"
SSH_KEY = "microsoft.compute/sshpublickeys"

#: Real seconds for which a look at the group holds: the time of a few requests, not of a wait.
HOLDS = 15.0


@dataclass(frozen=True, slots=True)
class Part:
    """A resource that this deployment makes, by what tells it in its group: type (in lower case) and name."""

    type: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        return self.type.lower(), self.name.lower()


@dataclass(frozen=True)
class Sight:
    """The group's resources; `exists` False: there is no group. `at` is a real moment of `time.monotonic`."""

    exists: bool
    resources: Sequence[ResourceView]
    at: float = field(default_factory=time.monotonic)

    def find(self, part: Part) -> ResourceView | None:
        """The resource under the type and name of `part`, which Azure compares without regard to case."""
        return next(
            (each for each in self.resources if (each.type.lower(), each.name.lower()) == part.key), None
        )

    def mark(self, vnet: str) -> Mark | None:
        """The newest change that the network's tags tell of; None without a network, or without one."""
        anchor = self.find(Part(NETWORK, vnet))
        return mark_of(anchor.tags) if anchor else None

    @property
    def is_fresh(self) -> bool:
        """Whether it may still be acted on without another look."""
        return time.monotonic() - self.at < HOLDS
