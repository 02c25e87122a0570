"""Which of our deployments a subscription holds, and what Azure knows of one: for a state that is lost.

Only reads, and a number of them that does not depend on the number of VMs: at most 8 for one deployment, the search
for it included. What may not be read (403) is left out and named in `unread`; other answers decide then.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import TypeVar

from k0rdent_azure.azure import deployments, inventory, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.deployments import DeploymentTarget, DeploymentView
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.incarnations import incarnation
from k0rdent_azure.azure.ownership import Owner, Proof, judge
from k0rdent_azure.azure.reading import mapping, text, texts
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE, Mark, mark_of, tag
from k0rdent_azure.config import forms, resource_ids
from k0rdent_azure.errors import AzureRequestError, StrangerError

_VNET = "microsoft.network/virtualnetworks"
_SUFFIX = "-vnet"
#: Names that a deployment gives to VMs and to their addresses (`config.topology.Names`), in lower case.
_HOST_NAMES = re.compile(r"k0s-(?:controller(?:-\d+)?|worker-\d+)(?:publicip)?")

Body = Mapping[str, object]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that left its tag in Azure. `owned`: the group itself carries it, so it is the deployment's own."""

    deployment_id: str
    group: str
    owned: bool
    location: str = ""


@dataclass(frozen=True, slots=True)
class Unproven:
    """Something in the group of which it is not proven whose it is. `taken`: it carries our tag, so it is used."""

    type: str
    name: str
    id: str
    why: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """What Azure has of one deployment: ARM's own bodies, those of other deployments left out.

    `record` is None where there is none (or it may not be read), and so are `vnet` and `nsg`; the latter is only asked
    for where there is no record. `power` is the display text by VM id in lower case.
    """

    candidate: Candidate
    subscription: str
    record: DeploymentView | None
    vms: Mapping[str, Body]
    power: Mapping[str, str]
    addresses: Mapping[str, Body]
    vnet: Body | None = None
    nsg: Body | None = None
    #: Of the record or the network, whichever is newer; None where neither tells of a change.
    mark: Mark | None = None
    #: "" for a deployment made before lineages stood in tags.
    lineage: str = ""
    unread: tuple[str, ...] = ()
    #: Whether the lists themselves were forbidden: then the two hold what the record's outputs tell.
    vms_unread: bool = False
    addresses_unread: bool = False
    #: VMs, addresses and networks in a group of ours, and under names of ours in one of the user's.
    unproven: tuple[Unproven, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is anything to recover."""
        return bool(self.record is not None or self.vms or self.addresses or self.vnet)


@dataclass
class Reader:
    """Reads that may be forbidden one by one; `unread` says which were, in words."""

    client: ArmClient
    subscription: str
    unread: list[str] = field(default_factory=list)

    async def allowed(self, what: str, read: Awaitable[T], otherwise: U) -> T | U:
        """The answer, or `otherwise` where this login may not have it."""
        try:
            return await read
        except AzureRequestError as error:
            if error.status != 403:
                raise
            self.unread.append(f"{what}: {error.message}")
            return otherwise

    async def rows(self, path: str, version: str, query: Mapping[str, str] | None = None) -> list[Body]:
        """A list; [] where its group is gone."""
        try:
            return [*await self.client.list(path, api_version=version, query=query)]
        except AzureRequestError as error:
            if is_absent(error):
                return []
            raise


async def candidates(reader: Reader, deployment_id: str | None = None) -> list[Candidate]:
    """Every deployment with a tag of ours, or the one of that id: at most two lists.

    Resource groups show their tags. A list of resources that is filtered by tag leaves the tags out, so there the
    virtual network's name tells the id; it finds deployments in groups that were there before.
    https://learn.microsoft.com/rest/api/resources/resources/list
    """
    wanted = f"tagName eq '{TAG_DEPLOYMENT}'" + (
        f" and tagValue eq '{deployment_id}'" if deployment_id else ""
    )
    base, query = f"/subscriptions/{reader.subscription}", {"$filter": wanted}
    groups = reader.rows(f"{base}/resourcegroups", versions.RESOURCES, query)
    found = [_of_group(item) for item in await reader.allowed("the list of resource groups", groups, [])]
    found = [each for each in found if _is_usable(each) and deployment_id in (None, each.deployment_id)]
    if deployment_id and found:
        return found
    resources = reader.rows(f"{base}/resources", versions.RESOURCES, query)
    known = {each.deployment_id for each in found}
    for item in await reader.allowed("the list of resources", resources, []):
        other = _of_network(item)
        if other is not None and _is_usable(other) and other.deployment_id not in known:
            found.append(other)
    return [each for each in found if deployment_id in (None, each.deployment_id)]


def _is_usable(found: Candidate) -> bool:
    """Anybody can write a tag; ids and groups become parts of paths and commands."""
    return forms.is_deployment_id(found.deployment_id) and forms.is_group(found.group)


def _of_group(item: Body) -> Candidate:
    return Candidate(_tag(item), text(item, "name"), owned=True, location=text(item, "location"))


def _of_network(item: Body) -> Candidate | None:
    name, group = text(item, "name"), resource_ids.parts(text(item, "id")).group
    if text(item, "type").lower() != _VNET or not name.endswith(_SUFFIX) or not group:
        return None
    return Candidate(name.removesuffix(_SUFFIX), group, owned=False, location=text(item, "location"))


def _tag(item: Body) -> str:
    return tag(texts(item, "tags"), TAG_DEPLOYMENT)


async def discover(reader: Reader, found: Candidate, known: Owner | None = None) -> Discovery:
    """Everything about one deployment: the record, the network, the VMs with their power, the addresses.

    At most six requests. Without a record also the security group, which holds what the configuration said of it. What
    lost its tags is found too if it is `known`, or told by the record, by the incarnation's id.
    """
    scope = None if found.owned else found.group
    target = DeploymentTarget(reader.subscription, found.deployment_id, scope)
    record = await reader.allowed("the deployment record", deployments.get(reader.client, target), None)
    told = _told_incarnations(reader.subscription, found, record)
    whose = _Whose(found.deployment_id, _with_record(found, record, known, told), told)
    vnets = await _ours(reader, found, whose, "Network/virtualNetworks", versions.NETWORK)
    vnet = (vnets or {}).get(f"{found.deployment_id}{_SUFFIX}")
    anchor = texts(vnet, "tags") if vnet else {}
    lineage = (record.lineage if record else "") or tag(anchor, TAG_LINEAGE)
    listed = await _ours(reader, found, whose, "Compute/virtualMachines", versions.COMPUTE)
    vms = whose.of_lineage(lineage, "Compute/virtualMachines", listed)
    power = await _power(reader) if vms else {}
    listed = await _ours(reader, found, whose, "Network/publicIPAddresses", versions.NETWORK)
    addresses = whose.of_lineage(lineage, "Network/publicIPAddresses", listed)
    nsgs: Mapping[str, Body] | None = None
    if record is None or not mapping(record.parameters, "deployment"):
        nsgs = await _ours(reader, found, whose, "Network/networkSecurityGroups", versions.NETWORK)
    return Discovery(
        candidate=found,
        subscription=reader.subscription,
        record=record,
        vms=_told_vms(record) if vms is None else vms,
        power=power,
        addresses=_told_addresses(record) if addresses is None else addresses,
        vnet=vnet,
        nsg=(nsgs or {}).get(f"{found.deployment_id}-nsg"),
        mark=newest_mark(record, anchor),
        lineage=lineage,
        unread=tuple(reader.unread),
        vms_unread=vms is None,
        addresses_unread=addresses is None,
        unproven=tuple(whose.unproven),
    )


def _told_incarnations(subscription: str, found: Candidate, record: DeploymentView | None) -> dict[str, str]:
    """What the newest submission made, by the record's outputs: ids of incarnations by ARM id in lower case."""
    base = f"{inventory.group_id(subscription, found.group)}/providers"
    return {f"{base}/{part}".lower(): guid for part, guid in (record.guids if record else {}).items()}


def _with_record(
    found: Candidate, record: DeploymentView | None, known: Owner | None, told: Mapping[str, str]
) -> Owner | None:
    """Who is `known`, with what the record tells, if it is of the same lineage."""
    lineage = record.lineage if record else ""
    if known is None:
        return Owner(found.deployment_id, lineage or None, told) if told else None
    return (
        known if known.lineage not in (None, lineage) else replace(known, recorded={**known.recorded, **told})
    )


@dataclass(frozen=True, slots=True)
class _Whose:
    """What tells whether something in the group is the deployment's."""

    deployment_id: str
    known: Owner | None
    told: Mapping[str, str]
    unproven: list[Unproven] = field(default_factory=list)

    def doubt(self, type_: str, item: Body, why: str, *, taken: bool = False) -> None:
        """Note what is there, and is not proven to be the deployment's."""
        self.unproven.append(Unproven(type_, text(item, "name"), text(item, "id"), why, taken))

    def of_lineage(self, lineage: str, kind: str, found: dict[str, Body] | None) -> dict[str, Body] | None:
        """Without those that carry another lineage: equal ids prove nothing. One without any is used, and named."""
        if found is None or not lineage:
            return found
        type_, kept = f"Microsoft.{kind}", {}
        for name, item in found.items():
            carried = tag(texts(item, "tags"), TAG_LINEAGE)
            if carried not in ("", lineage):
                self.doubt(type_, item, "it carries the lineage of another deployment")
                continue
            kept[name] = item
            if not carried and not self._is_recorded(type_, item):
                self.doubt(type_, item, f"it carries no tag {TAG_LINEAGE}", taken=True)
        return kept

    def _is_recorded(self, type_: str, item: Body) -> bool:
        recorded = {**(self.known.recorded if self.known else {}), **self.told}
        guid = incarnation(type_, item)
        return bool(guid) and (recorded.get(resource_ids.key(text(item, "id"))) or "").lower() == guid.lower()

    def is_ours(self, type_: str, item: Body) -> bool:
        """By its tag, or by what is known. Raises StrangerError if the record tells of another one under its name, and
        it has our tag all the same: tags can be copied.
        """
        resource, guid = text(item, "id"), incarnation(type_, item)
        is_tagged = _tag(item) == self.deployment_id
        made = self.told.get(resource.lower(), "")
        if is_tagged and guid and made and made.lower() != guid.lower():
            raise StrangerError(
                f"{type_} {text(item, 'name')} carries the tags of {self.deployment_id}, and is not what was deployed: "
                f"its id in Azure is {guid}, that one had {made}",
                resource_id=resource,
                hint=f"take our tag from it, or move it to another group: az tag update --operation delete "
                f"--resource-id {quote(resource)} --tags {TAG_DEPLOYMENT}={self.deployment_id}; then run this again",
            )
        return is_tagged or (
            self.known is not None
            and isinstance(judge(self.known, resource, texts(item, "tags"), guid), Proof)
        )


async def _ours(
    reader: Reader, found: Candidate, whose: _Whose, kind: str, version: str
) -> dict[str, Body] | None:
    """The resources of one type in the group that are this deployment's, by name; one list. None: forbidden."""
    group = inventory.group_id(reader.subscription, found.group)
    listed = reader.rows(f"{group}/providers/Microsoft.{kind}", version)
    rows: Sequence[Body] | None = await reader.allowed(f"the list of {kind.partition('/')[2]}", listed, None)
    if rows is None:
        return None
    ours: dict[str, Body] = {}
    for item in rows:
        if whose.is_ours(f"Microsoft.{kind}", item):
            ours[text(item, "name")] = item
        elif found.owned or _has_a_name_of_ours(found, item):
            whose.doubt(f"Microsoft.{kind}", item, _why(found, item))
    return ours


def _has_a_name_of_ours(found: Candidate, item: Body) -> bool:
    """In a group of the user's most of what stands there is nobody's business here."""
    name = text(item, "name").lower()
    return name.startswith(f"{found.deployment_id}-") or _HOST_NAMES.fullmatch(name) is not None


def _why(found: Candidate, item: Body) -> str:
    tagged = _tag(item)
    if tagged and tagged != found.deployment_id:
        return f"it carries the tag of {tagged}"
    if tag(texts(item, "tags"), TAG_LINEAGE):
        return f"it carries a lineage, but no tag {TAG_DEPLOYMENT}"
    return "it carries no tag of ours"


def newest_mark(record: DeploymentView | None, anchor: Mapping[str, str]) -> Mark | None:
    """The newest change that Azure knows of: the submission of the record, or what the network's tags tell."""
    told = [record.mark] if record else []
    return max([*told, *filter(None, [mark_of(anchor)])], key=lambda mark: mark.generation, default=None)


def _told_vms(record: DeploymentView | None) -> dict[str, Body]:
    """The VMs of the record's outputs, in the shape of ARM's list as far as that goes."""
    made = record.virtual_machines if record else {}
    return {
        name: {
            "id": vm.id,
            "name": name,
            "properties": {"networkProfile": {"networkInterfaces": [{"id": vm.nic_id}]}},
        }
        for name, vm in made.items()
    }


def _told_addresses(record: DeploymentView | None) -> dict[str, Body]:
    """The same for their addresses."""
    found: dict[str, Body] = {}
    for vm in record.virtual_machines.values() if record else ():
        name = resource_ids.name(vm.public_ip_id)
        properties = {"ipAddress": vm.public_ip, "dnsSettings": {"fqdn": vm.fqdn}}
        found[name] = {"id": vm.public_ip_id, "name": name, "properties": properties}
    return found


async def _power(reader: Reader) -> dict[str, str]:
    statuses = inventory.vm_statuses(reader.client, reader.subscription)
    none: list[inventory.VmStatusView] = []
    found = await reader.allowed("the power states of the VMs", statuses, none)
    return {resource_ids.key(each.id): each.power_state for each in found}
