"""Takes everything away again, in whatever condition it is, and archives the state.

Every step looks first and can be repeated. A broken VPN or cluster stops nothing: the VMs go as a whole.
"""

from __future__ import annotations

import asyncio

from k0rdent_azure.errors import AzureError, K0rdentAzureError
from k0rdent_azure.phases import arm, durations, schedule
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.files import remove_if_empty, remove_private
from k0rdent_azure.state.model import Durations

#: Cloud seconds between looks where resources go one by one: each look also starts what can go by then.
LOOKS_AT = (150.0, 90.0, 60.0)
#: Cloud seconds after which a deletion is called stuck.
PATIENCE = 3600.0
#: Real seconds for taking the VPN down; the peer may be gone already.
VPN_DOWN_LIMIT = 20.0


async def destroy(ctx: Context) -> None:
    """Remove the VPN interface, all Azure resources, and the key files; leaves the state to be archived."""
    ctx.outside.ledger.phase = "destroy"
    with ctx.commit() as tx:
        tx.metadata.update(deployment_status="destroying")
        tx.begin_operation("destroy", kind="destroy", target=ctx.names.resource_group)
        ctx.event(tx, "destroy_started", f"removing {ctx.names.deployment_id}")
    await _take_vpn_down(ctx)
    if _may_exist_in_azure(ctx):
        await arm.choose_subscription(ctx)
        await _remove_resources(ctx)
    _remove_local_files(ctx)
    with ctx.commit() as tx:
        tx.end_operation("destroy")
        for name in list(tx.state.pending_operations):
            tx.end_operation(name)
        tx.metadata.update(deployment_status="destroyed")
        tx.event("complete", "destroyed", "nothing of this deployment is left")


def _may_exist_in_azure(ctx: Context) -> bool:
    """Whether any run got as far as asking Azure for something; if not, Azure is not asked at all."""
    state = ctx.state
    group = state.azure_resources.resource_group
    submitted = state.azure_resources.deployment is not None or "arm-deployment" in state.pending_operations
    # A rollback of the state alone forgets what was submitted, but not that something was.
    asked = bool(state.api_calls.by_phase.get("azure_setup"))
    return submitted or asked or (group is not None and group.status not in ("pending", "deleted"))


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


async def _remove_resources(ctx: Context) -> None:
    ctx.interrupt.checkpoint()
    group = ctx.state.azure_resources.resource_group
    begun_now = group is not None and group.status != "deleting"
    with ctx.commit() as tx:
        tx.resource_group.update(status="deleting")
        ctx.event(tx, "deletion_started", "asking Azure to delete", resource=ctx.names.resource_group)
    if await arm.start_removal(ctx):
        seconds = await wait_until_gone(ctx)
        if begun_now:
            with ctx.commit() as tx:
                durations.note(tx, "deletion", seconds)
    await arm.forget_deployment(ctx)
    with ctx.commit() as tx:
        tx.resource_group.update(status="deleted")
        for part in tx.network:
            part.update(status="deleted")
        for name in tx.state.azure_resources.virtual_machines:
            tx.vm(name).update(status="deleted")
        ctx.event(tx, "azure_resources_deleted", "Azure has nothing left", resource=ctx.names.resource_group)


async def wait_until_gone(ctx: Context) -> float:
    """Look until Azure says that nothing is left; returns the cloud seconds after which it said so."""
    started, looks = ctx.clock.monotonic(), 0
    while True:
        pause = _pause(ctx, looks)
        ctx.observer.activity(
            ctx.names.resource_group, f"waiting for Azure to delete, next look in {pause:.0f} s"
        )
        await ctx.sleep(pause)
        if await arm.is_gone(ctx):
            return ctx.clock.monotonic() - started
        looks += 1
        if ctx.clock.monotonic() - started > PATIENCE and looks >= LOOKS_BEFORE_GIVING_UP:
            raise AzureError(
                f"Azure did not delete {ctx.names.resource_group} within {PATIENCE / 60:.0f} minutes",
                hint="look for a lock on the group in the portal, then run destroy again",
            )


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
