"""Whose a resource is: ours by proof, or a stranger's. Pure.

A name proves nothing: two deployments in one group have equal VM names, and whoever deletes a VM of ours may make
another one in its place. What proves is the deployment's tag together with its lineage, or, where tags are gone, the
id that Azure gave this very incarnation (`vmId`, `resourceGuid`, `uniqueId`), which is never given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from k0rdent_azure.azure.incarnations import can_change
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE, tag
from k0rdent_azure.config import resource_ids


@dataclass(frozen=True, slots=True)
class Owner:
    """A deployment as its state knows it.

    `recorded` are the ARM ids (in lower case) of what it made, with the incarnation's id, "" if that is not known.
    `unmarked`: it was made before lineages stood in tags, so of what is recorded the deployment's tag is enough.
    `incomplete`: of such a deployment ids are missing too, because a run was killed before it could record them.
    """

    deployment_id: str
    lineage: str | None
    recorded: Mapping[str, str]
    unmarked: bool = False
    incomplete: bool = False


class Proof(Enum):
    """What proves that a resource is ours; DOUBTFUL: only its incarnation's id could, and that was not read."""

    TAGS = "tags"
    INCARNATION = "incarnation"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A resource that is not ours, and why that is so."""

    id: str
    type: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.type} {self.name} ({self.why})"


def judge(owner: Owner, resource_id: str, tags: Mapping[str, str], guid: str | None = None) -> Proof | str:
    """The proof that a resource is `owner`'s, or in words why it is not.

    `guid` None: it was not read; "": Azure did not tell it, and what is not known proves nothing.
    """
    deployment, lineage = tag(tags, TAG_DEPLOYMENT), tag(tags, TAG_LINEAGE)
    known = owner.recorded.get(resource_ids.key(resource_id))
    contradiction = _contradiction(owner, deployment, lineage)
    is_tagged = contradiction is None and bool(deployment) and _has_lineage(owner, lineage, known)
    if guid and known and guid.lower() != known.lower() and not (is_tagged and can_change(resource_id)):
        return f"another one took its name: its id in Azure is {guid}, the recorded one is {known}"
    if contradiction is not None:
        return contradiction
    if is_tagged:
        return Proof.TAGS
    if known and guid is None:
        return Proof.DOUBTFUL
    if known:
        return Proof.INCARNATION if guid else "nothing proves whose it is: Azure does not tell its id"
    return "it has no lineage of this deployment" if deployment else "it has no tag of this deployment"


def is_anothers(owner: Owner, tags: Mapping[str, str]) -> bool:
    """Whether tags name another deployment or another lineage."""
    return _contradiction(owner, tag(tags, TAG_DEPLOYMENT), tag(tags, TAG_LINEAGE)) is not None


def _contradiction(owner: Owner, deployment: str, lineage: str) -> str | None:
    """What tags say that shows that it is not `owner`'s, whatever else speaks for it."""
    if deployment and deployment != owner.deployment_id:
        return f"it carries the tag of {deployment}"
    if lineage and owner.lineage is not None and lineage != owner.lineage:
        return f"it carries the lineage {lineage}, and this deployment's is {owner.lineage}"
    return None


def _has_lineage(owner: Owner, lineage: str, known: str | None) -> bool:
    if lineage or owner.lineage is None:
        return True
    return owner.unmarked and (known is not None or owner.incomplete)
