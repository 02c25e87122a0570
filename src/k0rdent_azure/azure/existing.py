"""The resources of a group with their whole bodies, in one list for each type: what a PUT has to leave as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.drift_facts import ADDRESS, DISK, GROUP, NETWORK, NIC, SECURITY_GROUP, SSH_KEY, VM
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.inventory import group_id, resource_group
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.sparing import Spared
from k0rdent_azure.errors import AzureRequestError

Body = dict[str, object]

#: What all VMs share, and what belongs to one.
SHARED = (GROUP, SECURITY_GROUP, NETWORK, SSH_KEY)
OF_VMS = (VM, NIC, ADDRESS, DISK)
_VERSIONS: Mapping[str, str] = {
    VM: versions.COMPUTE,
    NIC: versions.NETWORK,
    ADDRESS: versions.NETWORK,
    DISK: versions.DISKS,
    SECURITY_GROUP: versions.NETWORK,
    NETWORK: versions.NETWORK,
    SSH_KEY: versions.COMPUTE,
}


async def read(
    client: ArmClient, subscription: str, group: str, types: Collection[str], accepted: Spared | None = None
) -> Existing:
    """Everything of these types: one request for each, more only where a list has pages.

    Raises AzureRequestError where one cannot be read: what is not known must not be replaced.
    """
    lists = await asyncio.gather(*(_read(client, subscription, group, type_) for type_ in types))
    return Existing([body for found in lists for body in found], accepted)


async def _read(client: ArmClient, subscription: str, group: str, type_: str) -> list[Body]:
    if type_ == GROUP:
        own = await resource_group(client, subscription, group)
        return [] if own is None else [{**own, "type": GROUP, "name": group}]
    path = f"{group_id(subscription, group)}/providers/{type_}"
    try:
        found = await client.list(path, api_version=_VERSIONS[type_])
    except AzureRequestError as error:
        if is_absent(error):
            return []
        raise
    return [{**each, "type": type_} for each in found]
