"""Who uses a network or a security group: what blocks its deletion, in whichever group it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.config import resource_ids


async def users(client: ArmClient, resource_id: str) -> list[str]:
    """Ids of the interfaces, subnets and others that a virtual network or security group holds: one request.

    [] if it is not there. https://learn.microsoft.com/rest/api/virtualnetwork/virtual-networks/get
    """
    answer = await client.request("GET", resource_id, api_version=versions.NETWORK, accept=(200, 404))
    if answer.status == 404:
        return []
    return [each for each in _users(mapping(answer.body, "properties")) if each]


def _users(properties: Mapping[str, object]) -> Iterator[str]:
    """Of a network, what its subnets hold; of a security group, the interfaces and subnets that it guards."""
    for key in ("networkInterfaces", "subnets"):
        for each in mappings(properties, key):
            # A network's own subnets are its parts; a security group's are somebody's.
            held = mapping(each, "properties")
            for inner in ("ipConfigurations", "privateEndpoints", "serviceAssociationLinks"):
                yield from (text(member, "id") for member in mappings(held, inner))
            yield text(each, "id")


def holder(member_id: str) -> str:
    """The resource that an IP configuration or a subnet is a part of."""
    for part in ("/ipconfigurations/", "/subnets/"):
        at = resource_ids.key(member_id).find(part)
        if at > 0:
            return member_id[:at]
    return member_id
