"""What Azure has of this deployment's group now, in one request, and whose it is.

Whoever is about to delete, stop or overwrite something looks here first: a name proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from k0rdent_azure.azure import inventory
from k0rdent_azure.azure.inventory import ResourceView, VmView
from k0rdent_azure.azure.ownership import Owner, Proof, Stranger, is_anothers, judge
from k0rdent_azure.azure.sight import ADDRESS, DISK, NETWORK, NIC, SECURITY_GROUP, SSH_KEY, VM, Part, Sight
from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.public_keys import plain
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import State

#: What a time in the state leaves out.
WHOLE_SECOND = timedelta(seconds=1)


async def look(ctx: Context) -> Sight:
    """List the group: one request."""
    where = _place(ctx)
    found = await inventory.group_resources(ctx.arm, *where)
    ctx.sight = Sight(exists=found is not None, resources=found or ())
    return ctx.sight


async def fresh(ctx: Context) -> Sight:
    """The look that this run has just taken, or else a new one."""
    seen = ctx.sight
    return seen if seen is not None and seen.is_fresh else await look(ctx)


def parts(names: Names, vms: Iterable[str]) -> list[Part]:
    """What all VMs share, then what is made for each of these, in the order in which Azure needs it."""
    shared = [Part(SECURITY_GROUP, names.nsg), Part(NETWORK, names.vnet), Part(SSH_KEY, names.ssh_key)]
    return shared + [
        part
        for vm in vms
        for part in (
            Part(ADDRESS, names.public_ip(vm)),
            Part(NIC, names.nic(vm)),
            Part(VM, vm),
            Part(DISK, names.os_disk(vm)),
        )
    ]


def owner_of(state: State) -> Owner:
    """This deployment, as its state knows it."""
    azure, metadata = state.azure_resources, state.metadata
    recorded = {}
    for vm in azure.virtual_machines.values():
        for known, guid in (
            (vm.id, vm.vm_id),
            (vm.nic_id, vm.nic_guid),
            (vm.public_ip_id, vm.public_ip_guid),
        ):
            if known:
                recorded[known.lower()] = guid or ""
    if azure.network is not None:
        for part in (azure.network.vnet, azure.network.nsg):
            if part.id:
                recorded[resource_ids.key(part.id)] = part.guid or ""
    if azure.ssh_key is not None and azure.ssh_key.id:
        recorded[resource_ids.key(azure.ssh_key.id)] = plain(azure.ssh_key.public_key or "")
    return Owner(
        metadata.deployment_id,
        metadata.lineage,
        recorded,
        unmarked=is_unmarked(state),
        incomplete=any(vm.id is None for vm in azure.virtual_machines.values()),
    )


def is_unmarked(state: State) -> bool:
    """Whether something of the deployment was handed to Azure before lineages stood in tags."""
    if state.metadata.generation is None:
        return state.azure_resources.deployment is not None or "arm-deployment" in state.pending_operations
    return state.metadata.unmarked is True


async def strangers(ctx: Context, seen: Sight, parts: Iterable[Part]) -> list[Stranger]:
    """Those under the names of `parts` that are not ours; what is not there is none.

    The incarnations of a type are read only where an id was recorded and tags prove nothing, or a resource that has
    them is younger than ours: one list.
    """
    found = [resource for part in parts if (resource := seen.find(part)) is not None]
    judged = await verdicts(ctx, seen, found)
    return [stranger(each, verdict) for each in found if isinstance(verdict := judged[each.id], str)]


async def verdicts(ctx: Context, seen: Sight, found: Iterable[ResourceView]) -> dict[str, Proof | str]:
    """By id, the proof that a resource is ours, or in words why it is not. Requests are as for `strangers`."""
    owner, names, each_of = owner_of(ctx.state), ctx.names, list(found)
    judged = {each.id: _judge(owner, names, each, seen, None) for each in each_of}
    seen_at = _seen_at(ctx.state)
    for each in each_of:
        key = resource_ids.key(each.id)
        if judged[each.id] is Proof.TAGS and owner.recorded.get(key) and _is_younger(each, seen_at.get(key)):
            judged[each.id] = Proof.DOUBTFUL
    doubtful = {each.type.lower() for each in each_of if judged[each.id] is Proof.DOUBTFUL}
    for type_ in sorted(doubtful):
        guids = await inventory.incarnations(ctx.arm, *_place(ctx), type_)
        for each in each_of:
            if each.type.lower() == type_ and judged[each.id] is Proof.DOUBTFUL:
                judged[each.id] = _judge(owner, names, each, seen, guids.get(resource_ids.key(each.id), ""))
    unread = "it has no tag of this deployment, and its id in Azure could not be read"
    return {key: unread if verdict is Proof.DOUBTFUL else verdict for key, verdict in judged.items()}


def _seen_at(state: State) -> dict[str, str]:
    """By ARM id in lower case, a time at which the recorded incarnation was there already."""
    azure = state.azure_resources
    found: dict[str | None, str | None] = {}
    for vm in azure.virtual_machines.values():
        found.update(dict.fromkeys((vm.id, vm.nic_id, vm.public_ip_id), vm.created_at))
    if azure.network is not None and azure.resource_group is not None:
        shared = (azure.network.vnet.id, azure.network.nsg.id)
        found.update(dict.fromkeys(shared, azure.resource_group.created_at))
    return {key.lower(): moment for key, moment in found.items() if key and moment}


def _is_younger(resource: ResourceView, seen_at: str | None) -> bool:
    """Whether it was made after ours was seen: tags can be copied. Two clocks differ, so it is a reason to look."""
    if seen_at is None or not resource.created:
        return False
    try:
        return parse_timestamp(resource.created) > parse_timestamp(seen_at) + WHOLE_SECOND
    except ValueError:
        return True


async def strange_machines(ctx: Context, names: Collection[str]) -> tuple[dict[str, VmView], list[Stranger]]:
    """The VMs of these names as Azure has them now, and those that are not ours, with what is not ours of what
    their deletion takes along. Reads the incarnation of each: two lists, more only for what lost its tags.
    """
    wanted = {name.lower(): name for name in names}
    listed = await inventory.machines(ctx.arm, *_place(ctx))
    seen = await fresh(ctx)
    there = {wanted[vm.name.lower()]: vm for vm in listed if vm.name.lower() in wanted}
    found = strange_views(ctx.state, there.values())
    strange = {each.id for each in found}
    holders = {
        each.lower(): vm.name for vm in there.values() if vm.id not in strange for each in vm.takes_along
    }
    along = [each for each in seen.resources if resource_ids.key(each.id) in holders]
    for key, verdict in (await verdicts(ctx, seen, along)).items():
        if isinstance(verdict, str):
            resource = next(each for each in along if each.id == key)
            found.append(stranger(resource, f"{verdict}; it would go with {holders[key.lower()]}"))
    return there, found


def strange_views(state: State, machines: Iterable[VmView]) -> list[Stranger]:
    """Those of these VMs that are not this deployment's."""
    owner = owner_of(state)
    verdicts = ((vm, judge(owner, vm.id, vm.tags, vm.vm_id)) for vm in machines)
    return [Stranger(vm.id, "VM", vm.name, why) for vm, why in verdicts if isinstance(why, str)]


def refuse(found: Sequence[Stranger], *, what: str, hint: str) -> None:
    """Raise StrangerError if there are any; `what` says what was not done."""
    by_id = {resource_ids.key(each.id): each for each in reversed(found)}
    if by_id:
        told = "; ".join(map(str, reversed(by_id.values())))
        raise StrangerError(
            f"{what}: not this deployment's: {told}",
            resource_id=found[0].id,
            hint=hint,
        )


#: What to do about a VM of somebody's that has a name of ours.
IN_THE_WAY = (
    "it is left alone: ask whoever made it to move it, or take the deployment elsewhere (destroy, then deploy); "
    "see: k0rdent-azure validate"
)


async def refuse_strange_machines(ctx: Context, names: Collection[str], *, what: str) -> dict[str, VmView]:
    """The VMs of these names as Azure has them now. Raises StrangerError if one of them is not ours."""
    there, found = await strange_machines(ctx, names) if names else ({}, [])
    refuse(found, what=what, hint=IN_THE_WAY)
    return there


def _judge(owner: Owner, names: Names, resource: ResourceView, seen: Sight, guid: str | None) -> Proof | str:
    """An OS disk that its own tags do not prove is its VM's, unless they are another's; other disks somebody attached.

    What tags an OS disk gets is Azure's matter and a policy's, and its id is nowhere recorded.
    """
    verdict = judge(owner, resource.id, resource.tags, guid)
    unproven = isinstance(verdict, str) and not is_anothers(owner, resource.tags)
    if unproven and resource.type.lower() == DISK:
        holder = next(
            (
                each
                for each in seen.resources
                if resource_ids.key(each.id) == resource_ids.key(resource.managed_by)
            ),
            None,
        )
        if (
            holder is not None
            # A VM whose disk name was taken has the next one: `k0s-worker-1OsDisk-2`.
            and resource.name.lower().partition("osdisk-")[0] in _disk_names(names, holder.name)
            and not isinstance(judge(owner, holder.id, holder.tags), str)
        ):
            return Proof.TAGS
    return verdict


def _disk_names(names: Names, vm: str) -> tuple[str, str]:
    """The OS disk's first name, in lower case, and what is left of a later one without its number."""
    first = names.os_disk(vm).lower()
    return first, first.removesuffix("osdisk")


def stranger(resource: ResourceView, why: str) -> Stranger:
    """A resource that is not ours, with the reason."""
    return Stranger(resource.id, resource.type, resource.name, why)


def _place(ctx: Context) -> tuple[str, str]:
    """Subscription and group."""
    return ctx.state.azure_resources.subscription_id or "", ctx.names.resource_group
