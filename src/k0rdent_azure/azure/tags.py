"""The tags that a deployment leaves in Azure: whose a resource is, and how far the deployment has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: On every resource: the deployment's id and its lineage. Together they prove that a resource is the deployment's.
TAG_DEPLOYMENT = "k0rdent-azure-deployment"
TAG_LINEAGE = "k0rdent-azure-lineage"
TAG_OWNER = "k0rdent-azure-owner"
#: On what belongs to a host: enough to rebuild the state from.
TAG_HOST = "k0rdent-azure-host"
TAG_ROLE = "k0rdent-azure-role"
TAG_INDEX = "k0rdent-azure-index"
TAG_WIREGUARD_IP = "k0rdent-azure-wireguard-ip"
#: On the virtual network alone, which stands in groups of ours and of the user's: what the newest change was.
TAG_GENERATION = "k0rdent-azure-generation"
TAG_CLAIM = "k0rdent-azure-claim"
TAG_CHANGE = "k0rdent-azure-change"

#: What moves with each change, or is added by one: no drift.
MARKS = frozenset({TAG_LINEAGE, TAG_GENERATION, TAG_CLAIM, TAG_CHANGE})
_OWN = {
    name: name
    for name in (TAG_DEPLOYMENT, TAG_OWNER, TAG_HOST, TAG_ROLE, TAG_INDEX, TAG_WIREGUARD_IP, *sorted(MARKS))
}
#: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
LONGEST_VALUE = 256


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a deployment has come: `generation` is raised by each run that changes something in Azure.

    `claim` is drawn by that run, so that two runs which raise it to one number can be told apart. `change` says in
    words what the run is, who runs it and since when.
    """

    generation: int = 0
    claim: str = ""
    change: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """As they stand on the virtual network."""
        told = {TAG_GENERATION: str(self.generation), TAG_CLAIM: self.claim, TAG_CHANGE: self.change}
        return {name: value[:LONGEST_VALUE] for name, value in told.items()}


def tag(tags: Mapping[str, str], name: str) -> str:
    """The value of a tag, whose name has no case; "" where there is none."""
    wanted = name.lower()
    return next((value for key, value in tags.items() if key.lower() == wanted), "")


def own_spelling(tags: Mapping[str, str]) -> dict[str, str]:
    """All tags, those of a deployment by the names above: Azure keeps the case in which somebody wrote them last."""
    return {_OWN.get(name.lower(), name): value for name, value in tags.items()}


def mark_of(tags: Mapping[str, str]) -> Mark | None:
    """What a virtual network's tags say; None where no change was ever recorded on it."""
    number = tag(tags, TAG_GENERATION)
    if not (number.isascii() and number.isdigit()):
        return None
    return Mark(int(number), tag(tags, TAG_CLAIM), tag(tags, TAG_CHANGE))
