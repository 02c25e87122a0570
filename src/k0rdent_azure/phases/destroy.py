"""Takes everything away again, in whatever condition it is, and says that it is gone only when Azure says so.

Every step looks first and can be repeated. A broken VPN or cluster stops nothing: the VMs go as a whole.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from k0rdent_azure.azure import removal
from k0rdent_azure.azure.outcome import Accepted, Outcome
from k0rdent_azure.azure.sight import Sight
from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError, K0rdentAzureError, StrangerError
from k0rdent_azure.phases import arm, begin, children, durations, removal_check, schedule, standing, undeleted
from k0rdent_azure.phases.children import Children
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.files import remove_if_empty, remove_private
from k0rdent_azure.phases.removal_check import Found
from k0rdent_azure.phases.vm_removal import DOUBT
from k0rdent_azure.state.intents import DESTROY, SUBMISSION, refuse
from k0rdent_azure.state.model import Durations, State

#: What its requests are counted under, in place of a phase.
LEDGER_NAME = "destroy"
#: Cloud seconds between looks where resources go one by one: each look also starts what can go by then.
LOOKS_AT = (150.0, 90.0, 60.0)
#: Cloud seconds until a template deployment that is at work, or a submission in doubt, is looked at again.
SETTLES = 30.0
#: Cloud seconds after which a deletion is called stuck.
PATIENCE = 3600.0
#: Real seconds for taking the VPN down; the peer may be gone already.
VPN_DOWN_LIMIT = 20.0


@dataclass(frozen=True)
class Parting:
    """What a removal of everything would take and leave: read before anybody is asked to confirm it."""

    subscription: str
    found: Found
    children: Children


async def foresee_cluster(ctx: Context) -> Parting:
    """Ask only the cluster, which goes while the group stays."""
    nothing = Found(Sight(exists=False, resources=()), exists=False)
    listed = await children.look(ctx)
    return Parting(ctx.state.azure_resources.subscription_id or "", nothing, listed)


async def foresee(ctx: Context) -> Parting:
    """Ask Azure and the cluster. Raises BehindError, StrangerError, and AzureError if Azure cannot be asked."""
    refuse(ctx.state, "destroy")
    # First: a controller takes its time to answer, and what Azure says has to be new when it is acted on.
    listed = await children.look(ctx, among=_likely_there(ctx.state))
    ctx.outside.ledger.phase = LEDGER_NAME
    try:
        found = await removal_check.examine(ctx)
    finally:
        with ctx.commit():
            # Only the requests are counted.
            pass
    return Parting(ctx.state.azure_resources.subscription_id or "", found, listed)


def _likely_there(state: State) -> list[str]:
    """The VMs that may answer: none of a deployment that is being destroyed already."""
    if state.metadata.deployment_status in ("destroying", "destroyed"):
        return []
    vms = state.azure_resources.virtual_machines
    return [name for name, vm in vms.items() if vm.status not in ("pending", "deleting", "deleted")]


async def destroy(ctx: Context, confirmed: Parting, *, look_again: bool = False) -> None:
    """Remove the VPN interface, all Azure resources, and the key files; leaves the state to be archived.

    `confirmed` is what somebody agreed to. If it is not new any more, or somebody took time to agree (`look_again`),
    Azure is asked again, and nothing that nobody was told of is deleted.
    """
    ctx.outside.ledger.phase = LEDGER_NAME
    left_behind = confirmed.children.known if confirmed.children.answer != "unreadable" else ()
    begin.begin_run(
        ctx,
        status="destroying",
        action="destroy_requested",
        message=f"{ctx.command} was asked for",
        intent=standing.raise_generation if confirmed.found.exists else None,
    )
    with ctx.commit() as tx:
        tx.metadata.update(deployment_status="destroying")
        DESTROY.begin(tx, ctx.names.resource_group)
        ctx.event(tx, "destroy_started", f"removing {ctx.names.deployment_id}")
        if confirmed.found.foreign:
            named = removal_check.shown([str(each) for each in confirmed.found.foreign])
            ctx.event(tx, "foreign_resources_given_up", named, resource=ctx.names.resource_group)
        if left_behind:
            ctx.event(tx, "children_abandoned", children.names(left_behind))
    # Nothing that takes its time stands between the look that was confirmed and the deletion.
    await remove_everything(ctx, confirmed.found, look_again=look_again)
    await _take_vpn_down(ctx)
    _remove_local_files(ctx)
    with ctx.commit() as tx:
        for name in list(tx.state.pending_operations):
            tx.end_operation(name)
        tx.metadata.update(deployment_status="destroyed")
        tx.event("complete", "destroyed", "nothing of this deployment is left in Azure")


async def remove_everything(ctx: Context, confirmed: Found, *, look_again: bool = False) -> None:
    """Delete what is in Azure, and wait until Azure says that nothing is left. Can be repeated.

    Raises StrangerError if something that is not ours would go and is not in `confirmed`.
    """
    ctx.interrupt.checkpoint()
    group = ctx.state.azure_resources.resource_group
    begun_now = group is not None and group.status != "deleting"
    with ctx.commit() as tx:
        if tx.resource_group.exists:
            tx.resource_group.update(status="deleting")
        ctx.event(tx, "deletion_started", "asking Azure to delete", resource=ctx.names.resource_group)
    is_new = confirmed.seen.is_fresh and not look_again
    seconds = await _remove(ctx, confirmed if is_new else await _again(ctx, confirmed), confirmed)
    while not await arm.forget_deployment(ctx):
        # It came to life late, and may have made something since.
        await arm.cancel_active(ctx)
        await ctx.sleep(SETTLES)
        await _remove(ctx, await _again(ctx, confirmed), confirmed)
    with ctx.commit() as tx:
        if begun_now and seconds is not None:
            durations.note(tx, "deletion", seconds)
        for part in (tx.resource_group, tx.vnet, tx.subnet, tx.nsg):
            if part.exists:
                part.update(status="deleted")
        for name in tx.state.azure_resources.virtual_machines:
            tx.vm(name).update(status="deleted")
        ctx.event(tx, "azure_resources_deleted", "Azure has nothing left", resource=ctx.names.resource_group)


async def _again(ctx: Context, confirmed: Found) -> Found:
    """Look once more. Raises StrangerError if more would go than somebody has confirmed."""
    found = await removal_check.examine(ctx)
    if not removal_check.is_known(found, confirmed):
        known = {resource_ids.key(each.id) for each in confirmed.foreign}
        new = [each for each in found.foreign if resource_ids.key(each.id) not in known]
        raise StrangerError(
            f"nothing was deleted: since you confirmed, others put something into {ctx.names.resource_group}: "
            + removal_check.shown([str(each) for each in new]),
            resource_id=new[0].id,
            hint="look at it, and confirm again",
        )
    return found


async def _remove(ctx: Context, found: Found, confirmed: Found) -> float | None:
    """Delete what was found, and wait for its end; the cloud seconds that it took, None if there was nothing."""
    found = await _settled(ctx, found, confirmed)
    if not found.exists:
        return None
    ctx.interrupt.checkpoint()
    if ctx.names.existing_group is not None:
        await standing.announce(ctx, found.seen)
        await arm.cancel(ctx)
        ctx.removal.proven |= {resource_ids.key(each.id) for each in found.ours}
        with undeleted.telling(ctx, ctx.names.resource_group):
            await arm.delete_resources(ctx, found.ours)
        undeleted.record(ctx, ctx.removal.troubles)
        return await wait_until_gone(ctx, confirmed)
    accepted = None
    if not found.deleting:
        await arm.cancel(ctx)
        accepted = await _delete_group(ctx)
    return await wait_until_gone(ctx, confirmed, accepted)


async def _delete_group(ctx: Context) -> Accepted | None:
    """Ask for it; None if Azure refuses it now, and may not later."""
    try:
        return await arm.delete_group(ctx)
    except AzureRequestError as error:
        undeleted.refused(ctx, ctx.removal.troubles, arm.group_id(ctx), error)
        return None


async def _settled(ctx: Context, found: Found, confirmed: Found) -> Found:
    """What is there once no template deployment is at work, and no submission in doubt can arrive any more."""
    doubted = False
    while not found.exists:
        pending = ctx.state.pending_operations.get(SUBMISSION.name)
        left = DOUBT - ctx.clock.age(parse_timestamp(pending.started_at)) if pending is not None else 0.0
        if found.is_active:
            await arm.cancel_active(ctx)
            await ctx.sleep(SETTLES)
        elif found.record is None and left > 0 and not doubted:
            doubted = True
            ctx.observer.activity(
                ctx.names.resource_group,
                "waiting until a submission without an answer cannot arrive any more",
            )
            await ctx.sleep(left)
        else:
            break
        found = await _again(ctx, confirmed)
    return found


async def _take_vpn_down(ctx: Context) -> None:
    laptop = ctx.state.wireguard.laptop_config if ctx.state.wireguard else None
    key = ctx.state.azure_resources.ssh_key
    may_be_up = laptop is not None and (laptop.status != "pending" or "vpn" in ctx.state.pending_operations)
    if not may_be_up or key is None or not ctx.path(key.local_path).exists():
        return
    interface = ctx.names.wireguard_interface
    ctx.interrupt.checkpoint()
    try:
        async with asyncio.timeout(VPN_DOWN_LIMIT):
            if await ctx.workstation.peers(interface) is not None:
                await ctx.workstation.down(interface)
    except (K0rdentAzureError, TimeoutError) as error:
        reason = error.message if isinstance(error, K0rdentAzureError) else "no answer"
        ctx.observer.notice(f"could not take {interface} down ({reason}); going on")
        with ctx.commit() as tx:
            ctx.event(tx, "vpn_down_failed", reason, resource=interface)
        return
    with ctx.commit() as tx:
        tx.laptop_config.update(status="disconnected", setup_complete=False)
        ctx.event(tx, "vpn_down", f"WireGuard interface {interface} is down", resource=interface)


async def wait_until_gone(ctx: Context, confirmed: Found, accepted: Accepted | None = None) -> float:
    """Look until Azure says that nothing is left; returns the cloud seconds after which it said so.

    Raises NotDeletedError if Azure refuses, or accepts and fails, to delete the same thing again and again.
    """
    started, looks = ctx.clock.monotonic(), 0
    while True:
        pause = _pause(ctx, looks)
        ctx.observer.activity(
            ctx.names.resource_group, f"waiting for Azure to delete, next look in {pause:.0f} s"
        )
        await ctx.sleep(pause)
        if ctx.names.existing_group is not None:
            left = await _pass_over(ctx)
        else:
            state = await arm.group_state(ctx)
            left = "" if state is None else arm.group_id(ctx)
            if state is not None:
                accepted = await _go_on(ctx, state, accepted, confirmed)
        if not left:
            return ctx.clock.monotonic() - started
        looks += 1
        if ctx.clock.monotonic() - started > PATIENCE and looks >= LOOKS_BEFORE_GIVING_UP:
            raise undeleted.too_late(ctx, left, PATIENCE / 60, ctx.removal.troubles)


async def _pass_over(ctx: Context) -> str:
    """Delete what can go by now; the id of something that is left, "" if Azure has nothing."""
    ours = await removal_check.left_of_ours(ctx)
    with undeleted.telling(ctx, ctx.names.resource_group):
        left = await arm.delete_resources(ctx, ours)
    undeleted.record(ctx, ctx.removal.troubles)
    return ours[0].id if left else ""


async def _go_on(ctx: Context, state: str, accepted: Accepted | None, confirmed: Found) -> Accepted | None:
    """Ask again for what Azure has given up: a group whose deletion failed is `Succeeded` again.

    No request while it is being deleted.
    """
    outcome: Outcome | None = None
    if accepted is not None:
        outcome = await removal.stopped(ctx.arm, accepted, state)
        if outcome is None:
            return accepted
        ctx.removal.troubles.failed(accepted, arm.group_id(ctx), outcome, ctx.clock.monotonic())
        undeleted.record(ctx, ctx.removal.troubles)
    elif state.lower() in ("deleting", ""):
        return None
    elif arm.group_id(ctx).lower() not in ctx.removal.troubles.by_id:
        # An earlier run, or somebody, had it deleted, and Azure gave up.
        ctx.removal.troubles.failed(None, arm.group_id(ctx), None, ctx.clock.monotonic())
        undeleted.record(ctx, ctx.removal.troubles)
    # What is in it now has not been proven yet.
    found = await _again(ctx, confirmed)
    return await _delete_group(ctx) if found.exists and not found.deleting else None


def _pause(ctx: Context, looks: int) -> float:
    """Cloud seconds until the next look: a group goes as a whole, and only the number of looks counts."""
    if ctx.names.existing_group is not None:
        return LOOKS_AT[min(looks, len(LOOKS_AT) - 1)]
    return schedule.deletion_pause(ctx.state.durations or Durations(), looks)


def _remove_local_files(ctx: Context) -> None:
    """Keys and configs of hosts that are gone; the archived state keeps what they said."""
    state = ctx.state
    key = state.azure_resources.ssh_key
    # A run that died may have written the key and not recorded it yet.
    path_of_key = key.local_path if key else ctx.names.ssh_key_file
    files = [path_of_key, path_of_key + ".pub"]
    if state.wireguard and state.wireguard.laptop_config:
        files.append(state.wireguard.laptop_config.file_path)
    if state.k0s_cluster:
        log = f"./k0sctl-config/{ctx.names.deployment_id}-k0sctl.log"
        files += [state.k0s_cluster.config_file, state.k0s_cluster.kubeconfig_file]
        files += ["./k0sctl-config/known_hosts", log, log + ".lock"]
    # A state from elsewhere may name any path; only what lies in the workspace is ours to remove.
    left = remove_private(map(ctx.path, files), root=ctx.workspace)
    folders = (ctx.workspace / name for name in ("azure-resources", "wireguard", "k0sctl-config"))
    emptied = [remove_if_empty(folder, root=ctx.workspace) for folder in folders]
    for why in dict.fromkeys(one.why for one in [*left, *emptied] if one is not None):
        ctx.observer.notice(f"left where it is: {why}")
