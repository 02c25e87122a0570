"""Takes a deployment out of Azure: its own group as a whole, or in a user's group what is proven to be its own.

Nothing here waits. Each call starts what can be started and tells what is left, so that a caller can show it,
be interrupted, and go on in another run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from k0rdent_azure.azure import inventory, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.deployments import DeploymentTarget, cancel
from k0rdent_azure.azure.inventory import ResourceView
from k0rdent_azure.azure.outcome import Accepted, Outcome, accepted, ask
from k0rdent_azure.azure.undeleted import HEALS, Troubles, may_pass
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError

#: What must be gone before what follows can go. A VM takes its disk, NIC and public address with it.
_ORDER: Sequence[tuple[frozenset[str], str]] = (
    (frozenset({"microsoft.compute/virtualmachines", "microsoft.compute/sshpublickeys"}), versions.COMPUTE),
    (frozenset({"microsoft.network/networkinterfaces"}), versions.NETWORK),
    (frozenset({"microsoft.compute/disks"}), versions.DISKS),
    (frozenset({"microsoft.network/publicipaddresses"}), versions.NETWORK),
    (frozenset({"microsoft.network/virtualnetworks"}), versions.NETWORK),
    (frozenset({"microsoft.network/networksecuritygroups"}), versions.NETWORK),
)
_VM = "/microsoft.compute/virtualmachines/"
#: What a deleted VM takes along (`deleteOption`), a little after it is gone itself.
_CASCADING = frozenset(
    {
        "microsoft.network/networkinterfaces",
        "microsoft.compute/disks",
        "microsoft.network/publicipaddresses",
    }
)
#: Passes for which that is waited for before it is deleted one by one.
CASCADE_PASSES = 4
#: Codes of a group that somebody, or a run before this one, is having deleted.
_GOING = frozenset({"ResourceGroupBeingDeleted", "ResourceGroupDeletionInProgress"})


async def delete_group(
    client: ArmClient, subscription: str, group: str, *, deployment: DeploymentTarget | None = None
) -> Accepted | None:
    """Start deleting a group and all in it; None if there is none. Whoever calls has proven that it is ours.

    `deployment` is cancelled first if it is active, lest it goes on filling the group. Raises
    AzureRequestError, e.g. with code `ScopeLocked`.
    """
    if deployment is not None:
        await cancel(client, deployment)
    path = inventory.group_id(subscription, group)
    try:
        return await _accepted_deletion(client, path, versions.RESOURCES)
    except AzureRequestError as error:
        if error.code in _GOING:
            return Accepted(f"DELETE {path}", path)
        raise


async def _accepted_deletion(client: ArmClient, path: str, api_version: str) -> Accepted | None:
    answer = await client.request("DELETE", path, api_version=api_version, accept=(200, 202, 204, 404))
    return (
        None
        if answer.status == 404
        else accepted(f"DELETE {path}", path, answer, at=client.clock.monotonic())
    )


async def group_gone(client: ArmClient, subscription: str, group: str) -> bool:
    """Whether the group is gone: one request."""
    return await inventory.resource_group(client, subscription, group) is None


@dataclass
class Removal:
    """What the passes of one removal remember: ids whose deletion was accepted, and how long no VM was left."""

    started: dict[str, Accepted] = field(default_factory=dict)
    #: What Azure refused or failed to delete; whoever makes the passes looks at it after each.
    troubles: Troubles = field(default_factory=Troubles)
    #: Ids, in lower case, that this run has proven to be the deployment's: a disk loses its proof with its VM.
    proven: set[str] = field(default_factory=set)
    passes_without_vms: int = 0

    def waits_for_cascade(self, kinds: frozenset[str]) -> bool:
        """Whether resources of these kinds may still be on their way out, taken along by a VM of ours."""
        ours = any(_VM in resource for resource in self.started)
        return bool(kinds & _CASCADING) and ours and self.passes_without_vms <= CASCADE_PASSES


async def delete_resources(
    client: ArmClient, ours: Sequence[ResourceView], *, memory: Removal
) -> list[ResourceView]:
    """One pass over what is left of what is to go: start deleting what nothing needs any more.

    `ours` is what was just listed and proven to be the deployment's; what this cannot delete is not returned.
    Call it again, after a pause, with a new list and the same `memory`, until it returns []. One DELETE for each
    resource: ARM has no bulk delete below a whole group, and a VM's DELETE takes its disk, NIC and address along.
    What Azure refuses stands in `memory.troubles`; the outcome of a DELETE that it accepted is read, with one request,
    if the resource is not on its way out at the next pass. Raises AzureRequestError for a throttled or failing ARM.
    """
    memory.troubles.gone({resource_ids.key(each.id) for each in ours})
    left = [each for each in ours if any(each.type.lower() in kinds for kinds, _ in _ORDER)]
    if not any(_VM in resource_ids.key(resource.id) for resource in left):
        memory.passes_without_vms += 1
    for kinds, api_version in _ORDER:
        tier = [resource for resource in left if resource.type.lower() in kinds]
        if tier and not memory.waits_for_cascade(kinds):
            for resource in tier:
                await _go_on(client, resource, api_version, memory)
        if tier:
            break
    return left


async def _go_on(client: ArmClient, resource: ResourceView, api_version: str, memory: Removal) -> None:
    """Start deleting it, unless it is under way; note what Azure says otherwise."""
    key, now = resource_ids.key(resource.id), client.clock.monotonic()
    known = memory.troubles.by_id.get(key)
    operation = memory.started.get(key)
    if operation is not None:
        outcome = await stopped(client, operation, resource.provisioning_state)
        if outcome is None:
            return
        del memory.started[key]
        known = memory.troubles.failed(operation, resource.id, outcome, now)
    if known is not None and known.is_final(now):
        return
    try:
        began = await _accepted_deletion(client, resource.id, api_version)
    except AzureRequestError as error:
        if error.status not in (401, 403) and not may_pass(error):
            raise
        memory.troubles.refused(resource.id, error, now)
        return
    memory.started[key] = began or Accepted(f"DELETE {resource.id}", resource.id)


async def stopped(client: ArmClient, operation: Accepted, provisioning_state: str) -> Outcome | None:
    """How an accepted deletion ended if its resource is there and not on its way out; None while it may be.

    No request while Azure shows that it is being deleted, or shows nothing.
    """
    if provisioning_state.lower() in ("deleting", ""):
        return None
    outcome = await ask(client, operation)
    # Lists lag behind: if nobody tells the outcome, what was accepted just now may not show yet.
    is_young = client.clock.monotonic() - operation.at < HEALS and provisioning_state.lower() != "failed"
    waits = outcome.state in ("running", "succeeded") or (outcome.state == "unknown" and is_young)
    return None if waits else outcome


async def delete_vm(client: ArmClient, subscription: str, group: str, name: str) -> Accepted | None:
    """Start deleting one VM; none there is fine. Its disk, NIC and address go with it (`deleteOption`)."""
    path = f"{inventory.group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines/{name}"
    return await _accepted_deletion(client, path, versions.COMPUTE)


async def delete_deployment_record(client: ArmClient, target: DeploymentTarget) -> None:
    """Remove the record of a deployment that has ended; none there is well. What it made is not touched.

    The outcome is not read: the record holds nothing and costs nothing.
    """
    await client.request("DELETE", target.id, api_version=versions.DEPLOYMENTS, accept=(200, 202, 204, 404))
