"""What there is in Azure, for a comparison with what is wanted: eight lists at most, for any number of VMs.

Each list may fail by itself; what the others said is worth comparing all the same. Every request is a GET.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.drift import Found
from k0rdent_azure.azure.drift_facts import (
    ADDRESS,
    GROUP,
    NETWORK,
    SECURITY_GROUP,
    SSH_KEY,
    VM,
    ResourceFacts,
    flatten,
    listed,
)
from k0rdent_azure.azure.drift_values import NOTHING, Fact, word
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.inventory import RESOURCES_QUERY, group_id, resource_group
from k0rdent_azure.azure.reading import power_word, text, texts
from k0rdent_azure.azure.tags import mark_of
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AuthenticationError, AzureError, AzureRequestError
from k0rdent_azure.state.finding import Unread

#: The types whose properties are read, each in one list of the group, with their api-versions.
DETAILED: Mapping[str, str] = {
    VM: versions.COMPUTE,
    ADDRESS: versions.NETWORK,
    SECURITY_GROUP: versions.NETWORK,
    NETWORK: versions.NETWORK,
    SSH_KEY: versions.COMPUTE,
}
Items = list[dict[str, object]]


async def survey(client: ArmClient, subscription: str, group: str) -> Found:
    """Everything in a group. One request where the group is gone, else eight; more only where a list has pages.

    Raises AuthenticationError and AzureUnreachableError from the first request: then nothing could be read at all.
    """
    scope = group_id(subscription, group)
    own = await _group(client, subscription, group)
    if own is None:
        return Found(exists=False)
    reads = _reads(client, subscription, scope)
    answers = dict(zip(reads, await asyncio.gather(*(_read(read) for read in reads.values())), strict=True))
    lists = {name: answer for name, answer in answers.items() if isinstance(answer, list)}
    detailed = frozenset(name.lower() for name in lists if name in DETAILED)
    facts = [] if isinstance(own, Unread) else flatten({**own, "id": scope, "type": GROUP})
    facts += [
        listed(item) for item in lists.get("resources", ()) if text(item, "type").lower() not in detailed
    ]
    facts += [
        each for name in DETAILED for item in lists.get(name, ()) for each in flatten({**item, "type": name})
    ]
    power = _power_states(lists.get("power states", []))
    unread = [answer for answer in (own, *answers.values()) if isinstance(answer, Unread)]
    return Found(
        exists=True,
        resources={each.key: _with_power(each, power) for each in facts},
        detailed=detailed,
        complete="resources" in lists,
        unread=[*unread, *(_without_power(facts, power) if "power states" in lists else ())],
        marks={
            resource_ids.key(text(item, "id")): mark
            for item in lists.get(NETWORK, ())
            if (mark := mark_of(texts(item, "tags"))) is not None
        },
    )


def _without_power(facts: Iterable[ResourceFacts], power: Mapping[str, Fact]) -> Iterator[Unread]:
    """VMs that the subscription's list passes over, as where rights reach no further: whether they run is not known."""
    for each in facts:
        made = each.fields.get("provisioning_state", NOTHING).key == word("Succeeded").key
        if each.type == VM and each.key not in power and made:
            yield Unread(
                what=f"the power state of {each.name}", reason="the subscription's list leaves it out"
            )


async def _group(client: ArmClient, subscription: str, group: str) -> dict[str, object] | Unread | None:
    try:
        return await resource_group(client, subscription, group)
    except AzureRequestError as error:
        return Unread(what=group_id(subscription, group), reason=error.message, code=error.code)


def _reads(
    client: ArmClient, subscription: str, scope: str
) -> dict[str, tuple[str, Callable[[], Awaitable[Items]]]]:
    """The seven lists by name: what each is called where it cannot be read, and how it is read."""

    def of(path: str, version: str, query: Mapping[str, str] | None = None) -> Callable[[], Awaitable[Items]]:
        return lambda: client.list(path, api_version=version, query=query)

    vms = f"/subscriptions/{subscription}/providers/{VM}"
    return {
        "resources": (
            f"the resources of {scope}",
            of(f"{scope}/resources", versions.RESOURCES, RESOURCES_QUERY),
        ),
        **{
            type_: (f"{type_} of {scope}", of(f"{scope}/providers/{type_}", version))
            for type_, version in DETAILED.items()
        },
        "power states": (
            f"the power states of the VMs of /subscriptions/{subscription}",
            of(vms, versions.COMPUTE, {"statusOnly": "true"}),
        ),
    }


async def _read(read: tuple[str, Callable[[], Awaitable[Items]]]) -> Items | Unread:
    what, ask = read
    try:
        return await ask()
    except AuthenticationError:
        raise
    except AzureRequestError as error:
        if is_absent(error):
            return []
        return Unread(what=what, reason=error.message, code=error.code)
    except AzureError as error:
        return Unread(what=what, reason=error.message)


def _power_states(found: Items) -> dict[str, Fact]:
    """By VM id in lower case."""
    return {resource_ids.key(text(item, "id")): word(state) for item in found if (state := power_word(item))}


def _with_power(each: ResourceFacts, power: Mapping[str, Fact]) -> ResourceFacts:
    if each.type != VM or each.key not in power:
        return each
    return replace(each, fields={**each.fields, "power_state": power[each.key]})
