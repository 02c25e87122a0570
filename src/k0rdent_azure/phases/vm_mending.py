"""What is done about a VM that Azure could not make, or took away again: that VM alone, while the others go on.

Every attempt is an event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from k0rdent_azure.azure import deployments
from k0rdent_azure.azure.arm_errors import vm_of
from k0rdent_azure.azure.deployments import DeploymentView, VmFailure
from k0rdent_azure.errors import AzureError, AzureRequestError, QuorumError
from k0rdent_azure.phases import (
    arm,
    etcd_health,
    ownership,
    placement,
    refusal,
    submission,
    vm_removal,
)
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.transaction import Transaction

#: How often one run brings a VM back that Azure took away (a Spot VM, mostly).
REVIVALS = 3


async def after_failure(ctx: Context, view: DeploymentView) -> None:
    """Submit again where all that Azure lacks is room in a zone, and the configuration names another one.

    Raises DeploymentFailedError if that is not so, after recording which VMs failed, and QuorumError if etcd would not
    survive it.
    """
    error, failed = await arm.failure(ctx, view)
    failures = {
        name: failure for name, failure in deployments.failed_vms(failed).items() if _is_ours(ctx, name)
    }
    only_room = placement.lacks_room(failures) and all(vm_of(each.resource_id) for each in failed)
    moves = _moves(ctx, failures) if only_room else {}
    refused = await _refusal(ctx, moves)
    if refused is not None:
        moves = {}
    with ctx.commit() as tx:
        for name, failure in failures.items():
            _record_failure(ctx, tx, name, failure, moves.get(name))
    if refused is not None:
        raise refused
    if not moves:
        await refusal.advise(ctx, error)
        raise error
    await vm_removal.finish(ctx)
    await submission.submit(ctx)


async def revive(ctx: Context, silent: Sequence[str], counts: Counter[str]) -> bool:
    """Start what has no power, submit again what is gone, look for the rest at another address; False for neither.

    `counts` is how often each was brought back already. Raises AzureError where that does not help.
    """
    found = {vm.name: vm for vm in await arm.virtual_machines(ctx)}
    ownership.refuse(
        ownership.strange_views(ctx.state, [found[name] for name in silent if name in found]),
        what=f"{', '.join(silent)} cannot be brought back",
        hint=ownership.IN_THE_WAY,
    )
    gone = [name for name in silent if name not in found]
    off = [name for name in silent if name in found and found[name].power_state in arm.WITHOUT_POWER]
    if not gone and not off:
        return await _moved(ctx, silent)
    ctx.need_confirmation(
        *(f"recreate VM {name}: Azure does not have it any more" for name in gone),
        *(f"start VM {name}: {found[name].power_state}" for name in off),
    )
    failed = await arm.failed_starts(ctx, off)
    if failed:
        with ctx.commit() as tx:
            for name, error in failed.items():
                ctx.event(tx, "vm_start_failed", error.message, resource=name)
    _refuse_too_many(counts, [*gone, *off], failed)
    await ownership.refuse_strange_machines(ctx, off, what="no VM was started")
    with ctx.commit() as tx:
        for name in gone:
            vm_removal.mark_gone(tx, name)
            ctx.event(tx, "vm_gone", "Azure does not have it any more; it is made anew", resource=name)
        for name in off:
            power = found[name].power_state
            tx.vm(name).update(status="stopped", power_state=power)
            ctx.event(tx, "vm_without_power", f"{power}; it is started", resource=name)
    await arm.start_vms(ctx, off)
    if gone:
        await submission.submit(ctx)
    return True


async def _moved(ctx: Context, silent: Sequence[str]) -> bool:
    """Take over other addresses than the recorded ones, as after a rollback or a hand that changed one."""
    now = await arm.public_addresses(ctx)
    known = {name: ctx.state.azure_resources.virtual_machines[name].public_ip for name in silent}
    moved = {name: now[name] for name in silent if name in now and now[name] != known[name]}
    if moved:
        with ctx.commit() as tx:
            for name, address in moved.items():
                tx.vm(name).update(public_ip=address)
                ctx.event(
                    tx, "vm_address_changed", f"its address is {address}, not {known[name]}", resource=name
                )
    return bool(moved)


async def _refusal(ctx: Context, moves: Collection[str]) -> QuorumError | None:
    """Why those that found no room must not be deleted; asked before anything says that they are to go."""
    try:
        await etcd_health.refuse_loss(ctx, moves, act="moved to another zone")
    except QuorumError as refused:
        return refused
    return None


def _is_ours(ctx: Context, name: str) -> bool:
    return name in ctx.state.azure_resources.virtual_machines


def _moves(ctx: Context, failures: Mapping[str, VmFailure]) -> dict[str, str]:
    """The next zone of each VM that found no room; {} where one of them has none left."""
    vms = ctx.state.azure_resources.virtual_machines
    by_name = {host.name: host for host in ctx.hosts}
    found = {
        name: zone for name in failures if (zone := placement.next_zone(ctx.config, by_name[name], vms[name]))
    }
    return found if len(found) == len(failures) else {}


def _record_failure(ctx: Context, tx: Transaction, name: str, failure: VmFailure, zone: str | None) -> None:
    vm = tx.state.azure_resources.virtual_machines[name]
    tx.vm(name).update(status="failed", provisioning_state="Failed", detail=failure.message)
    if zone is None:
        # Room comes and goes: the next run may try every zone again.
        tx.vm(name).update(full_zones=[])
        ctx.event(tx, "vm_failed", failure.message, resource=name)
        return
    full = [*vm.full_zones, vm.availability_zone or ""]
    tx.vm(name).update(full_zones=full, availability_zone=zone)
    vm_removal.mark(tx, name, why=f"no room in zone {full[-1]}")
    why = f"no room in zone {full[-1]} ({failure.code}); trying zone {zone}"
    ctx.event(tx, "vm_moved", f"{why}, attempt {len(full) + 1}", resource=name)


def _refuse_too_many(
    counts: Counter[str], names: Sequence[str], failed: Mapping[str, AzureRequestError]
) -> None:
    counts.update(names)
    worst = [name for name in names if counts[name] > REVIVALS]
    told = [failed[name] for name in worst if name in failed]
    if told:
        raise AzureRequestError(
            f"Azure accepted the start of {', '.join(worst)} {REVIVALS} times, and did not do it: {told[0].message}",
            status=told[0].status,
            code=told[0].code,
            resource_id=told[0].resource_id,
            hint=told[0].hint or "see Azure's reason, and fix it",
            way=told[0].way,
            places=told[0].places,
            about=worst[0],
            family=told[0].family,
        )
    if worst:
        raise AzureError(
            f"Azure took {', '.join(worst)} away {REVIVALS + 1} times while waiting for it",
            hint="Spot VMs go when Azure needs the room: wait, or use Regular VMs",
            way="either",
            places=("azure.vm_priority",),
        )
