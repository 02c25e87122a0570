"""The condition of a few VMs now: one list in most cases, and one request more for each VM that it leaves out."""

from __future__ import annotations

from collections.abc import Collection

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.inventory import VmStatusView, group_id, status_of, vm_statuses
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError

#: Provisioning states of a VM that Azure is taking away.
LEAVING = "Deleting"


async def conditions(
    client: ArmClient, subscription: str, group: str, names: Collection[str]
) -> dict[str, VmStatusView | None]:
    """The VMs of these names in a group; None for one that Azure does not have. Raises AzureError.

    The subscription's list leaves out what this login may not read: missing there is not gone.
    """
    base = f"{group_id(subscription, group)}/providers/Microsoft.Compute/virtualMachines"
    found: dict[str, VmStatusView | None] = {}
    listed = await _listed(client, subscription)
    for name in names:
        path = f"{base}/{name}"
        found[name] = listed.get(path.lower()) or await _one(client, path)
    return found


async def _listed(client: ArmClient, subscription: str) -> dict[str, VmStatusView]:
    try:
        return {resource_ids.key(each.id): each for each in await vm_statuses(client, subscription)}
    except AzureRequestError as error:
        if error.status != 403:
            raise
        return {}


async def _one(client: ArmClient, path: str) -> VmStatusView | None:
    """https://learn.microsoft.com/rest/api/compute/virtual-machines/get"""
    try:
        answer = await client.request(
            "GET", path, api_version=versions.COMPUTE, query={"$expand": "instanceView"}
        )
    except AzureRequestError as error:
        if is_absent(error):
            return None
        raise
    return status_of(answer.body)
