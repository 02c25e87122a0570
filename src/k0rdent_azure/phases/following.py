"""Rolls back what is outside, too: what was made since a snapshot is removed, what was removed since is made again.

The intent is a pending operation; whichever run comes next finishes it. First things are removed, while the state
still tells how to reach them: kcm, k0s, the VPN, then what is in Azure. Then the snapshot is restored, and what it has
more is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from k0rdent_azure.config.topology import LAPTOP, Host
from k0rdent_azure.errors import HostUnreachableError, QuorumError, StateError
from k0rdent_azure.phases import (
    arm,
    children,
    etcd_health,
    etcd_members,
    kcm_removal,
    removal_check,
    turns,
    vm_removal,
)
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.destroy import remove_everything
from k0rdent_azure.phases.engine import PHASES, recorded, run_all
from k0rdent_azure.phases.orphans import RESET, RESET_LIMIT
from k0rdent_azure.state.changes import NsgChanges, SubnetChanges, VmChanges, VmOptional, VnetChanges
from k0rdent_azure.state.intents import ROLLBACK, RollbackDetails
from k0rdent_azure.state.model import AzureResources, DeploymentStatus, PhaseName, State
from k0rdent_azure.state.resources import Resource
from k0rdent_azure.state.rollback import RollbackPlan, plan, roll_back
from k0rdent_azure.state.snapshots import load
from k0rdent_azure.state.transaction import Transaction

#: What its requests are counted under, in place of a phase.
LEDGER_NAME = "rollback"
#: What goes without being named: it goes with its group or VM.
_GO_ALONG = frozenset(
    {"vnet", "subnet", "nsg", "ssh key", "template deployment", "network interface", "public address"}
)
#: What reality tells of a VM that both versions know: a rollback changes the state, not where the VM stands.
_FACTS: tuple[VmOptional, ...] = (
    "id", "vm_id", "nic_id", "nic_guid", "public_ip_id", "public_ip_guid", "public_ip", "availability_zone", "os_disk",
    "full_zones", "created_at", "provisioning_state", "power_state", "last_checked", "rekeyed_at",
)  # fmt: skip


_IDLE: Mapping[DeploymentStatus, DeploymentStatus] = {"in_progress": "interrupted"}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be done outside."""

    what: Literal["remove", "make"]
    kind: str
    name: str


def steps(to: RollbackPlan) -> list[Step]:
    """What `finish` would do, in its order.

    Raises StateError where WireGuard keys were replaced since: hosts cannot be given the old ones this way.
    """
    _refuse_other_keys(to)
    gone = sorted(to.unrecorded, key=lambda each: _ORDER.get(each.kind, 5))
    named = [each for each in gone if each.kind not in _GO_ALONG]
    return [
        *(Step(what="remove", kind=each.kind, name=each.name) for each in named),
        *(
            Step(what="make", kind=each.kind, name=each.name)
            for each in to.missing
            if each.kind not in _GO_ALONG
        ),
    ]


#: The phase that makes it.
_MADE_BY: Mapping[str, PhaseName] = {
    "resource group": "azure_setup",
    "vm": "vm_creation",
    "wireguard peer": "vpn_setup",
    "k0s node": "cluster_setup",
    "helm release": "k0rdent_install",
}
_ORDER: Mapping[str, int] = {
    "helm release": 0,
    "k0s node": 1,
    "wireguard peer": 2,
    "vm": 3,
    "resource group": 4,
}


def begin(
    tx: Transaction,
    to: RollbackPlan,
    *,
    snapshot: str,
    kept_as: str,
    delete_foreign: bool = False,
    abandon_children: bool = False,
) -> None:
    """Record the intent. `kept_as` is the snapshot that was taken of the version before; the last two are what
    somebody agreed to lose.
    """
    ROLLBACK.begin(
        tx,
        snapshot,
        RollbackDetails(
            kept_as=kept_as,
            components=list(to.components),
            status=tx.state.metadata.deployment_status,
            remove=to.unrecorded,
            make=to.missing,
            delete_foreign=delete_foreign,
            abandon_children=abandon_children,
        ),
    )
    tx.metadata.update(deployment_status="in_progress")
    what = ", ".join(to.components) or "everything"
    tx.event(
        tx.state.metadata.deployment_phase,
        "rollback_started",
        f"{what} as in the snapshot {snapshot}",
        details=f"{len(to.unrecorded)} things to remove, {len(to.missing)} to make",
    )


def is_pending(state: State) -> bool:
    """Whether a rollback waits for its effect."""
    return ROLLBACK.is_pending(state)


async def finish(ctx: Context) -> None:
    """Do what `begin` recorded; every step looks first and can be repeated. Raises K0rdentAzureError."""
    ctx.phase = ctx.state.metadata.deployment_phase
    ctx.outside.ledger.phase = LEDGER_NAME
    await recorded(ctx, _finish(ctx))


async def _finish(ctx: Context) -> None:
    details = _details(ctx)
    if details.remove is not None:
        try:
            await _remove(ctx, details.remove, details)
        except QuorumError as error:
            _withdraw(ctx, error)
            raise
        _restore(ctx, details, details.remove)
        details = _details(ctx)
    if details.make:
        done = {name for name, record in ctx.state.phases.items() if record.status == "completed"}
        done |= {_MADE_BY[each.kind] for each in details.make if each.kind in _MADE_BY}
        await run_all(ctx, [phase for phase in PHASES if phase.name in done])
    with ctx.commit() as tx:
        snapshot = tx.state.pending_operations[ROLLBACK.name].target
        ROLLBACK.end(tx)
        if details.status is not None and details.phase is not None:
            tx.metadata.update(deployment_status=details.status, deployment_phase=details.phase)
        tx.event(tx.state.metadata.deployment_phase, "rollback_applied", f"reality follows {snapshot}")


def _withdraw(ctx: Context, why: QuorumError) -> None:
    """End a rollback that etcd does not allow: pending, it would keep everything out that brings controllers back.

    What was removed before, `resume` makes again.
    """
    with ctx.commit() as tx:
        ROLLBACK.end(tx)
        ctx.event(tx, "rollback_withdrawn", why.message)


def _details(ctx: Context) -> RollbackDetails:
    details = ROLLBACK.pending(ctx.state)
    assert details is not None, "whoever asks has seen that it is pending"  # noqa: S101
    return details


def _restore(ctx: Context, details: RollbackDetails, removed: Sequence[Resource]) -> None:
    """Take the snapshot over, but for what a rollback cannot change outside."""
    only, snapshot = details.components, ctx.state.pending_operations[ROLLBACK.name].target
    to = plan(ctx.store.read(), load(ctx.store.storage, snapshot), only)
    with ctx.commit() as tx:
        before = tx.state
        roll_back(tx, to, snapshot=snapshot, kept_as=str(details.kept_as))
        _keep_facts(tx, before, removed, details.make)
        # By component, the status is not the snapshot's.
        known = details.status if only else None
        restored = tx.metadata.now
        status = known or restored.deployment_status
        left = msgspec.structs.replace(
            details,
            remove=None,
            # Nobody is at work on it any more.
            status=_IDLE.get(status, status),
            phase=restored.deployment_phase,
        )
        ROLLBACK.begin(tx, snapshot, left)
        tx.metadata.update(deployment_status="in_progress")


def _keep_facts(tx: Transaction, before: State, gone: Sequence[Resource], made: Sequence[Resource]) -> None:
    """What stays outside is as it is: a VM's address and zone, and ARM's record with its generation."""
    removed, missing = _keys(gone), _keys(made)
    nothing_left = any(kind == "resource group" for kind, _ in removed)
    nothing_there = any(kind == "resource group" for kind, _ in missing)
    vms = before.azure_resources.virtual_machines
    for name in tx.vm_names:
        if nothing_there or ("vm", name) in missing:
            vm_removal.mark_gone(tx, name)
        elif name in vms and not nothing_left and ("vm", name) not in removed:
            facts = msgspec.to_builtins(vms[name])
            kept = msgspec.convert({key: facts[key] for key in _FACTS if facts.get(key)}, VmChanges)
            tx.vm(name).update(**kept)
            _keep_endpoint(tx, before, name)
    if nothing_there or nothing_left:
        tx.arm_deployment.remove()
    else:
        azure = before.azure_resources
        if azure.deployment is not None:
            tx.arm_deployment.put(azure.deployment)
        if azure.baseline is not None:
            tx.baseline.put(azure.baseline)
        _keep_shared(tx, azure)


def _keep_shared(tx: Transaction, azure: AzureResources) -> None:
    """What all VMs share goes with its group only; a snapshot from before it was made does not know its ids."""
    if azure.resource_group is not None:
        tx.resource_group.put(azure.resource_group)
    if azure.network is not None:
        tx.vnet.update(**msgspec.convert(_known(azure.network.vnet), VnetChanges))
        tx.subnet.update(**msgspec.convert(_known(azure.network.subnet), SubnetChanges))
        tx.nsg.update(**msgspec.convert(_known(azure.network.nsg), NsgChanges))
    key = azure.ssh_key
    if key is not None and key.id is not None and tx.ssh_key.exists:
        tx.ssh_key.update(id=key.id, status=key.status)


def _known(part: msgspec.Struct) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(part)
    return {key: value for key, value in facts.items() if value is not None}


def _keep_endpoint(tx: Transaction, before: State, name: str) -> None:
    """The workstation goes on to reach a VM where it stands."""
    peers = before.wireguard.peers if before.wireguard else {}
    endpoint = peers[name].endpoint if name in peers else None
    restored = tx.peer(name).now
    if endpoint and restored is not None and restored.endpoint:
        tx.peer(name).update(endpoint=endpoint)


def controllers_spared(found: Sequence[Resource], every: Sequence[Host]) -> list[str]:
    """The controllers that etcd has to spare one by one; none if the whole cluster goes."""
    keys = _keys(found)
    controllers = [host.name for host in every if host.role == "controller"]
    if any(kind == "resource group" for kind, _ in keys) or _is_whole(found, every):
        return []
    return [name for name in controllers if ("k0s node", name) in keys or ("vm", name) in keys]


def _is_whole(found: Sequence[Resource], every: Sequence[Host]) -> bool:
    return all(("k0s node", host.name) in _keys(found) for host in every if host.role == "controller")


async def _remove(ctx: Context, found: Sequence[Resource], details: RollbackDetails) -> None:
    kinds = {each.kind for each in found}
    leaving_vms = {each.name for each in found if each.kind == "vm"}
    nodes = [host for host in ctx.hosts if ("k0s node", host.name) in _keys(found)]
    whole_cluster = _is_whole(found, ctx.hosts)
    everything = takes_everything(found)
    if everything or whole_cluster or "helm release" in kinds:
        await _permit_without_children(ctx, abandon=details.abandon_children)
    # Asked again for each; but what cannot end is better not begun.
    spared = controllers_spared(found, ctx.hosts)
    await etcd_health.refuse_loss(ctx, spared[:1], act="removed", leaving=True)
    if "helm release" in kinds and not (everything or whole_cluster):
        ctx.step("uninstalling kcm")
        await kcm_removal.uninstall(ctx)
    if nodes and not everything:
        await _remove_nodes(ctx, nodes, leaving_vms=leaving_vms, whole=whole_cluster)
    if ("wireguard peer", LAPTOP) in _keys(found):
        await _take_vpn_down(ctx)
    ctx.interrupt.checkpoint()
    if everything:
        ctx.step(f"deleting {ctx.names.resource_group}")
        there = await removal_check.examine(ctx)
        removal_check.permit(there, delete_foreign=details.delete_foreign)
        await remove_everything(ctx, there)
    elif leaving_vms:
        ctx.step(f"deleting {', '.join(sorted(leaving_vms))}")
        await _remove_vms(ctx, sorted(leaving_vms), whole=whole_cluster)
        with ctx.commit() as tx:
            vm_removal.forget(tx, leaving_vms)


async def _remove_vms(ctx: Context, names: Sequence[str], *, whole: bool) -> None:
    """`whole` says that no controller is to stay; else none goes whom etcd needs."""
    for wave in [names] if whole else turns.waves(ctx, names):
        if not whole:
            await etcd_health.refuse_loss(ctx, wave, act="deleted")
        await vm_removal.remove(ctx, wave)


def takes_everything(found: Iterable[Resource]) -> bool:
    """Whether the resource group goes, with all that is in it."""
    return any(each.kind == "resource group" for each in found)


def takes_cluster(found: Collection[Resource], controllers: Collection[str]) -> bool:
    """Whether the cluster, or kcm in it, goes: what k0rdent manages would have nobody any more."""
    gone = _keys(found)
    whole = bool(controllers) and all(("k0s node", name) in gone for name in controllers)
    return takes_everything(found) or whole or any(kind == "helm release" for kind, _ in gone)


async def _permit_without_children(ctx: Context, *, abandon: bool) -> None:
    cluster = ctx.state.k0s_cluster
    listed = await children.look(ctx)
    file = str(ctx.path(cluster.kubeconfig_file)) if cluster else "k0sctl-config"
    children.permit(listed, abandon=abandon, what="nothing was removed", kubeconfig=file)


async def _remove_nodes(
    ctx: Context, nodes: Sequence[Host], *, leaving_vms: Collection[str], whole: bool
) -> None:
    ctx.step(f"taking k0s off {len(nodes)} hosts")
    if not whole:
        await etcd_members.dismiss(ctx, nodes)
    vms = ctx.state.azure_resources.virtual_machines
    # Nobody has ever put k0s on a VM that has not answered yet.
    staying = [
        host
        for host in nodes
        if host.name not in leaving_vms and vms[host.name].status not in ("pending", "creating")
    ]
    runs = (
        ctx.ssh.run(ctx.public_target(host, vms[host.name]), RESET, timeout=RESET_LIMIT) for host in staying
    )
    ended = await asyncio.gather(*runs, return_exceptions=True)
    failed = {
        host.name: each for host, each in zip(staying, ended, strict=True) if isinstance(each, BaseException)
    }
    if failed:
        # What was on a VM that Azure does not have any more went with it.
        there = {vm.name for vm in await arm.virtual_machines(ctx)}
        for name, error in failed.items():
            if name in there or not isinstance(error, HostUnreachableError):
                raise error


async def _take_vpn_down(ctx: Context) -> None:
    interface = ctx.names.wireguard_interface
    if await ctx.workstation.peers(interface) is not None:
        await ctx.workstation.down(interface)


def _refuse_other_keys(to: RollbackPlan) -> None:
    replaced = {each.name for each in to.unrecorded if each.kind == "wireguard peer"} & {
        each.name for each in to.missing if each.kind == "wireguard peer"
    }
    if replaced:
        raise StateError(
            f"the WireGuard keys of {', '.join(sorted(replaced))} were replaced since; hosts keep the new ones",
            hint="name components without them: --only vm/NAME, --only k0rdent, …",
        )


def _keys(found: Iterable[Resource]) -> set[tuple[str, str]]:
    return {(each.kind, each.name) for each in found}
