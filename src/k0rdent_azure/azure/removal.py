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
#: Refusals that time heals: another resource still holds this one.
_NOT_YET = frozenset({400, 409, 412})


async def delete_group(
    client: ArmClient, subscription: str, group: str, *, deployment: DeploymentTarget | None = None
) -> bool:
    """Start deleting a group and all in it; False if there is none. Whoever calls has proven that it is ours.

    `deployment` is cancelled first if it is active, lest it goes on filling the group. Raises
    AzureRequestError, e.g. with code `ScopeLocked`.
    """
    if deployment is not None:
        await cancel(client, deployment)
    answer = await client.request(
        "DELETE",
        inventory.group_id(subscription, group),
        api_version=versions.RESOURCES,
        accept=(200, 202, 204, 404),
    )
    return answer.status != 404


async def group_gone(client: ArmClient, subscription: str, group: str) -> bool:
    """Whether the group is gone: one request."""
    return await inventory.resource_group(client, subscription, group) is None


@dataclass
class Removal:
    """What the passes of one removal remember: ids whose deletion was accepted, and how long no VM was left."""

    started: set[str] = field(default_factory=set)
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
    """
    left = [each for each in ours if any(each.type.lower() in kinds for kinds, _ in _ORDER)]
    if not any(_VM in resource.id.lower() for resource in left):
        memory.passes_without_vms += 1
    for kinds, api_version in _ORDER:
        tier = [resource for resource in left if resource.type.lower() in kinds]
        if tier and not memory.waits_for_cascade(kinds):
            await _delete_all(client, tier, api_version, memory.started)
        if tier:
            break
    return left


async def _delete_all(
    client: ArmClient, tier: Sequence[ResourceView], api_version: str, started: set[str]
) -> None:
    for resource in tier:
        fresh = resource.id.lower() not in started or resource.provisioning_state == "Failed"
        if fresh and await _delete(client, resource, api_version):
            started.add(resource.id.lower())


async def _delete(client: ArmClient, resource: ResourceView, api_version: str) -> bool:
    try:
        await client.request("DELETE", resource.id, api_version=api_version, accept=(200, 202, 204, 404))
    except AzureRequestError as error:
        if error.status in _NOT_YET and error.code != "ScopeLocked":
            return False
        raise
    return True


async def delete_vm(client: ArmClient, subscription: str, group: str, name: str) -> None:
    """Start deleting one VM; none there is fine. Its disk, NIC and address go with it (`deleteOption`)."""
    path = f"{inventory.group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines/{name}"
    await client.request("DELETE", path, api_version=versions.COMPUTE, accept=(200, 202, 204, 404))


async def delete_deployment_record(client: ArmClient, target: DeploymentTarget) -> None:
    """Remove the record of a deployment that has ended; none there is well. What it made is not touched."""
    await client.request("DELETE", target.id, api_version=versions.DEPLOYMENTS, accept=(200, 202, 204, 404))
