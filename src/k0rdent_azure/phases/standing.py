"""Whether this workspace is the newest copy of its deployment, and how it says that it changes something now.

A copied folder or a restored backup has the same id, keys and lineage. What it does not have is what happened since. So
each run that changes something raises a generation, in the state and in Azure; who finds a higher one there, or its own
number with another run's claim, is behind, and changes nothing.
"""

from __future__ import annotations

import secrets
import socket
from shlex import quote

from k0rdent_azure import command_line
from k0rdent_azure.azure import deployments, inventory
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.deployments import DeploymentTarget, DeploymentView
from k0rdent_azure.azure.discovery import newest_mark
from k0rdent_azure.azure.ownership import judge
from k0rdent_azure.azure.sight import NETWORK, Part, Sight
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE, Mark
from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import BehindError, StrangerError
from k0rdent_azure.phases import arm, ownership
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.document import load_state
from k0rdent_azure.state.lock import user_name
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction


def generation_of(state: State) -> int:
    """The newest generation that the state knows; 0: nothing was handed to Azure yet."""
    recorded = state.azure_resources.deployment
    return max(state.metadata.generation or 0, recorded.generation if recorded else 0)


async def observe(ctx: Context) -> Sight:
    """Look at the group, and make sure that nobody has changed the deployment since this state was written.

    One request; one more if the network, which tells, is not there. Raises BehindError, and StrangerError if what
    stands under our names is another deployment's.
    """
    await arm.choose_subscription(ctx)
    seen = await ownership.look(ctx)
    state, anchor = ctx.state, seen.find(Part(NETWORK, ctx.names.vnet))
    mark = seen.mark(ctx.names.vnet)
    if anchor is not None:
        verdict = judge(ownership.owner_of(state), anchor.id, anchor.tags)
        if isinstance(verdict, str):
            ownership.refuse(
                await ownership.strangers(ctx, seen, [Part(NETWORK, ctx.names.vnet)]),
                what="nothing was changed",
                hint=f"look at it: az resource show --ids {quote(anchor.id)}",
            )
        refuse_newer(ctx, mark)
    if mark is None and generation_of(state):
        # The network is gone, not there yet, or from before there were generations.
        await known_record(ctx)
    if anchor is None and seen.exists and not generation_of(state) and ctx.names.existing_group is None:
        raise StrangerError(
            f"the resource group {ctx.names.resource_group} exists, and this state knows nothing of it",
            resource_id=inventory.group_id(
                state.azure_resources.subscription_id or "", ctx.names.resource_group
            ),
            hint=f"if it is this deployment's, rebuild the state: {program(ctx)} recover --from-azure "
            f"{ctx.names.deployment_id} --take-over",
        )
    return seen


async def known_record(ctx: Context) -> DeploymentView | None:
    """The deployment's record, None without one: one request. Raises BehindError if it is newer than this state."""
    view = await arm.get(ctx)
    if view is not None:
        refuse_newer_record(ctx, view)
    return view


def refuse_newer_record(ctx: Context, view: DeploymentView) -> None:
    """Raise BehindError if the deployment's record is of a submission that this state does not know."""
    lineage = ctx.state.metadata.lineage
    if view.lineage and lineage and view.lineage != lineage:
        raise StrangerError(
            f"the deployment record {view.name} is of another lineage: {view.lineage}, this state's is {lineage}",
            resource_id=view.id,
            hint="two deployments cannot have one id: destroy this one's workspace, and deploy anew",
        )
    refuse_newer(ctx, view.mark)


def refuse_newer(ctx: Context, found: Mark | None) -> None:
    """Raise BehindError if Azure tells of a change that this state does not know."""
    if found is not None and is_behind(ctx.state, found):
        raise behind(ctx, found)


def is_behind(state: State, found: Mark) -> bool:
    """Whether Azure tells of a change that `state` does not know."""
    known, claim = generation_of(state), state.metadata.claim or ""
    other = found.generation == known and bool(found.claim and claim) and found.claim != claim
    return found.generation > known or other


def behind(ctx: Context, found: Mark) -> BehindError:
    """The error that says what happened since, and how to take over on purpose."""
    return BehindError(
        f"this workspace is behind: {since(ctx.state, found)}; the newest change was made elsewhere",
        hint="go on in the workspace that made this change, or take over on purpose: "
        f"{program(ctx)} recover --from-azure --take-over",
    )


def program(ctx: Context) -> str:
    """What begins a command line of this workspace, for a hint."""
    return command_line.program(ctx.workspace)


def since(state: State, found: Mark) -> str:
    """What Azure knows and `state` does not, in words."""
    change = f" ({found.change})" if found.change else ""
    return (
        f"Azure has generation {found.generation} of {state.metadata.deployment_id}{change}, "
        f"and this state knows {generation_of(state) or 'none'}"
    )


async def newest(client: ArmClient, state: State, names: Names, subscription: str) -> Mark | None:
    """The newest change that Azure knows of, for a state that is not in force: two requests at most."""
    listed = await inventory.group_resources(client, subscription, names.resource_group)
    seen = Sight(exists=listed is not None, resources=listed or ())
    anchor = seen.find(Part(NETWORK, names.vnet))
    ours = anchor is not None and not isinstance(
        judge(ownership.owner_of(state), anchor.id, anchor.tags), str
    )
    target = DeploymentTarget(subscription, names.deployment, names.existing_group)
    record = await deployments.get(client, target)
    return newest_mark(record, anchor.tags if anchor is not None and ours else {})


def raise_generation(tx: Transaction) -> None:
    """Commit that this run changes something in Azure from now on; `announce` tells Azure."""
    state = tx.state
    if ownership.is_unmarked(state):
        tx.metadata.update(unmarked=True)
    tx.metadata.update(generation=generation_of(state) + 1, claim=secrets.token_hex(4))


def raise_generation_of(data: dict[str, object]) -> None:
    """The same for a state that is about to be written whole."""
    state = load_state(data)
    metadata = data["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - `load_state` has seen it
    metadata.update(generation=generation_of(state) + 1, claim=secrets.token_hex(4))


def mark(ctx: Context) -> Mark:
    """The state's generation and claim, with what this run is, for people who read tags."""
    return mark_for(ctx.state, ctx.command, clock=ctx.clock)


def mark_for(state: State, command: str, *, clock: Clock) -> Mark:
    """The same for a command that is no run."""
    change = f"{command} by {user_name()}@{socket.gethostname()} at {timestamp(clock.now())}"
    return Mark(state.metadata.generation or 0, state.metadata.claim or "", change)


async def announce(ctx: Context, seen: Sight) -> None:
    """Put this run's generation onto the network's tags, beside all that others put there: one request.

    Nothing is sent while there is no network: the template that makes it carries the generation. What has no lineage
    yet, because it was made before there was one, gets it here.
    """
    anchor = seen.find(Part(NETWORK, ctx.names.vnet))
    if anchor is None:
        return
    lineage = ctx.state.metadata.lineage
    own = {TAG_DEPLOYMENT: ctx.names.deployment_id} | ({TAG_LINEAGE: lineage} if lineage else {})
    await inventory.merge_tags(ctx.arm, anchor.id, {**own, **mark(ctx).tags})
