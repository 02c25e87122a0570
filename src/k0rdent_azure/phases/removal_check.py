"""What a removal of everything would meet in Azure: read, and proven to be ours, before anything is deleted.

A group of our own goes as a whole, so what others put into it is named first. In a group of the user's only what is
proven ours goes; if something under our names is not, or somebody uses our network, nothing at all is deleted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from k0rdent_azure.azure import attachments, inventory
from k0rdent_azure.azure.deployments import DeploymentView
from k0rdent_azure.azure.inventory import ResourceView
from k0rdent_azure.azure.ownership import Owner, Proof, Stranger, judge
from k0rdent_azure.azure.reading import provisioning_state, texts
from k0rdent_azure.azure.sight import NETWORK, SECURITY_GROUP, VM, Part, Sight
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE, tag
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.phases import arm, ownership, standing
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.intents import SUBMISSION

DELETE_FOREIGN = "--delete-foreign"
#: How many names a message has room for.
SHOWN = 8


@dataclass(frozen=True)
class Found:
    """One look. `exists`: something is there to be deleted; `deleting`: Azure is deleting the group already.

    `foreign` would go with our own group. `left` carries our tags in a user's group, but is nothing that we make.
    `record` is the template deployment's, None if it is not there or was not needed.
    """

    seen: Sight
    exists: bool
    deleting: bool = False
    ours: Sequence[ResourceView] = ()
    foreign: Sequence[Stranger] = ()
    left: Sequence[ResourceView] = ()
    record: DeploymentView | None = None

    @property
    def is_active(self) -> bool:
        """Whether the template deployment is still at work, and may make more."""
        return self.record is not None and not self.record.ended


async def examine(ctx: Context) -> Found:
    """Look at the group and prove whose it is, whatever the state says of it.

    Two requests for a finished deployment in a group of its own. Raises BehindError if another copy of this state has
    changed the deployment since, StrangerError if nothing may be deleted, AzureError if Azure cannot be asked.
    """
    await arm.choose_subscription(ctx)
    own = None
    if ctx.names.existing_group is None:
        where = ctx.state.azure_resources.subscription_id or "", ctx.names.resource_group
        own = await inventory.resource_group(ctx.arm, *where)
        # The list comes last: what other copies announce stands in it, and nothing is deleted on an older word.
        seen = await ownership.look(ctx) if own is not None else Sight(exists=False, resources=())
    else:
        seen = await ownership.look(ctx)
    if not seen.exists:
        return Found(seen, exists=False, record=await standing.known_record(ctx))
    anchor = seen.find(Part(NETWORK, ctx.names.vnet))
    is_ours = anchor is not None and not isinstance(
        judge(ownership.owner_of(ctx.state), anchor.id, anchor.tags), str
    )
    mark = seen.mark(ctx.names.vnet) if is_ours else None
    # The network is gone, not there yet, somebody's, or from before there were generations: the record tells.
    record = await standing.known_record(ctx) if mark is None else None
    if mark is not None:
        standing.refuse_newer(ctx, mark)
    if own is not None:
        return await _own(ctx, seen, own)
    return dataclasses.replace(await _in_theirs(ctx, seen), record=record)


async def _own(ctx: Context, seen: Sight, body: Mapping[str, object]) -> Found:
    group = inventory.group_id(ctx.state.azure_resources.subscription_id or "", ctx.names.resource_group)
    owner = ownership.owner_of(ctx.state)
    known = ctx.state.azure_resources.resource_group
    if known is not None and known.id:
        owner = dataclasses.replace(owner, recorded={**owner.recorded, resource_ids.key(known.id): ""})
    verdict = judge(owner, group, texts(body, "tags"))
    if verdict is not Proof.TAGS:
        why = verdict if isinstance(verdict, str) else "it has no tag of this deployment"
        raise StrangerError(
            f"nothing was deleted: the resource group {ctx.names.resource_group} is not this deployment's: {why}",
            resource_id=group,
            hint=_tag_hint(ctx, owner, group, texts(body, "tags")),
        )
    if provisioning_state(body) == "Deleting":
        return Found(seen, exists=True, deleting=True)
    judged = await ownership.verdicts(ctx, seen, seen.resources)
    return Found(seen, exists=True, foreign=_foreign(seen, judged))


def _foreign(seen: Sight, judged: dict[str, Proof | str]) -> list[Stranger]:
    """What is not ours. An extension of a VM, or any other part of a resource, is its resource's."""
    ours = [key.lower() for key, verdict in judged.items() if not isinstance(verdict, str)]
    found = []
    for each in seen.resources:
        verdict = judged[each.id]
        part = any(resource_ids.key(each.id).startswith(f"{key}/") for key in ours) and not tag(
            each.tags, TAG_DEPLOYMENT
        )
        if isinstance(verdict, str) and not part:
            found.append(ownership.stranger(each, verdict))
    return found


def _tag_hint(ctx: Context, owner: Owner, group: str, tags: dict[str, str]) -> str:
    """How to go on with a group that is not proven ours: by putting lost tags back, if it has nobody else's."""
    if tag(tags, TAG_DEPLOYMENT) or tag(tags, TAG_LINEAGE):
        return f"look at it: az group show --name {quote(ctx.names.resource_group)}; " + _FORGET
    wanted = f"{TAG_DEPLOYMENT}={owner.deployment_id} {TAG_LINEAGE}={owner.lineage}"
    return (
        f"if it is, put its tags back and run destroy again: az tag update --operation merge "
        f"--resource-id {quote(group)} --tags {wanted}; " + _FORGET
    )


_FORGET = "if it is not, leave Azure alone: k0rdent-azure destroy --without-azure"


async def _in_theirs(ctx: Context, seen: Sight) -> Found:
    ours, strangers = await sort_out(ctx, seen)
    left = _tagged_but_not_made(ctx, seen, ours)
    if not ours:
        _refuse_doubtful(ctx, seen, strangers)
        return Found(seen, exists=False, left=left)
    machines = [each.name for each in ours if each.type.lower() == VM]
    if machines:
        strangers += (await ownership.strange_machines(ctx, machines))[1]
    ownership.refuse(strangers, what="nothing was deleted", hint=_way_on(strangers))
    await _refuse_users(ctx, seen, ours)
    return Found(seen, exists=True, ours=ours, left=left)


async def left_of_ours(ctx: Context) -> list[ResourceView]:
    """What is left of ours in a user's group while it is being emptied. Raises StrangerError if something under our
    names is left that may be ours, and cannot be proven to be.
    """
    seen = await ownership.look(ctx)
    ours, strangers = await sort_out(ctx, seen)
    going = [
        each
        for each in seen.resources
        if resource_ids.key(each.id) in ctx.removal.proven
        and any(each.id == stranger.id for stranger in strangers)
        and not tag(each.tags, TAG_DEPLOYMENT)
    ]
    if not ours and not going:
        _refuse_doubtful(ctx, seen, strangers)
    return [*ours, *going]


async def sort_out(ctx: Context, seen: Sight) -> tuple[list[ResourceView], list[Stranger]]:
    """Of what stands under names of ours: what is proven ours, and what is not."""
    names = dict.fromkeys([host.name for host in ctx.hosts] + [*ctx.state.azure_resources.virtual_machines])
    parts = ownership.parts(ctx.names, names)
    found = [resource for part in parts if (resource := seen.find(part)) is not None]
    judged = await ownership.verdicts(ctx, seen, found)
    ours = [each for each in found if not isinstance(judged[each.id], str)]
    return ours, [
        ownership.stranger(each, verdict) for each in found if isinstance(verdict := judged[each.id], str)
    ]


def _tagged_but_not_made(ctx: Context, seen: Sight, ours: Sequence[ResourceView]) -> list[ResourceView]:
    """What carries our tags, and is nothing that we make: somebody may have copied them."""
    owner, going = ownership.owner_of(ctx.state), {resource_ids.key(each.id) for each in ours}
    return [
        each
        for each in seen.resources
        if resource_ids.key(each.id) not in going and judge(owner, each.id, each.tags) is Proof.TAGS
    ]


def _refuse_doubtful(ctx: Context, seen: Sight, strangers: Sequence[Stranger]) -> None:
    """Nothing is proven ours: what stands under our names has to be somebody's for sure, or it may be ours and run."""
    if not standing.generation_of(ctx.state) and not SUBMISSION.is_pending(ctx.state):
        return
    tags = {each.id: each.tags for each in seen.resources}
    others = {ctx.names.deployment_id, ""}
    doubtful = [each for each in strangers if tag(tags.get(each.id, {}), TAG_DEPLOYMENT) in others]
    ownership.refuse(doubtful, what="nothing was deleted", hint=_way_on(doubtful))


async def _refuse_users(ctx: Context, seen: Sight, ours: Sequence[ResourceView]) -> None:
    """Raise StrangerError if somebody's interface or subnet uses our network or rules: Azure would delete neither."""
    going = {resource_ids.key(each.id) for each in ours}
    blocking: dict[str, Stranger] = {}
    for part in (Part(NETWORK, ctx.names.vnet), Part(SECURITY_GROUP, ctx.names.nsg)):
        held = seen.find(part)
        if held is None or resource_ids.key(held.id) not in going:
            continue
        for member in await attachments.users(ctx.arm, held.id):
            user = attachments.holder(member)
            if resource_ids.key(user) not in going:
                it = resource_ids.parts(user)
                blocking[resource_ids.key(user)] = Stranger(user, it.type, it.name, f"it uses {held.name}")
    found = list(blocking.values())
    ownership.refuse(
        found,
        what="nothing was deleted, because Azure does not delete what somebody uses",
        hint=f"delete it, or move it out: az resource show --ids {quote(found[0].id)}; then run destroy again"
        if found
        else "",
    )


def _way_on(strangers: Sequence[Stranger]) -> str:
    ids = quote(strangers[0].id) if strangers else ""
    return (
        f"look at it: az resource show --ids {ids}; delete it, or move it to another group: "
        f"az resource move --destination-group GROUP --ids {ids}; then run destroy again"
    )


def is_refused(found: Found, *, delete_foreign: bool) -> bool:
    """Whether what others put into our group would go, and nobody has said that it may."""
    return bool(found.foreign) and not delete_foreign


def permit(
    found: Found, *, delete_foreign: bool, rerun: str = f"k0rdent-azure destroy {DELETE_FOREIGN}"
) -> None:
    """Raise StrangerError if that is refused; `rerun` is the command that permits it."""
    if not is_refused(found, delete_foreign=delete_foreign):
        return
    count = len(found.foreign)
    raise StrangerError(
        f"nothing was deleted: {count} resource{'s are' if count > 1 else ' is'} in the group and not this "
        f"deployment's, and would be deleted with it: {shown([str(each) for each in found.foreign])}",
        resource_id=found.foreign[0].id,
        hint="move to another group what is to stay: az resource move --destination-group GROUP "
        f"--ids {quote(found.foreign[0].id)}; or delete it too: {rerun}",
    )


def is_known(found: Found, confirmed: Found) -> bool:
    """Whether everything that would go with the group was there, and named, when somebody confirmed."""
    return {resource_ids.key(each.id) for each in found.foreign} <= {
        resource_ids.key(each.id) for each in confirmed.foreign
    }


def shown(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(names) - SHOWN
    return "; ".join(names[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
