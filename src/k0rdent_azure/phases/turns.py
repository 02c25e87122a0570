"""Controllers go one at a time: which of those that are marked may be deleted now, and who would be restarted.

What etcd does not allow is not put off in silence: the mark is withdrawn, and the error says what to do first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from k0rdent_azure.azure.inventory import VmView
from k0rdent_azure.config.topology import Host
from k0rdent_azure.phases import arm, etcd_health
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.quorum import RUNNING
from k0rdent_azure.state.model import VmStatus
from k0rdent_azure.state.transaction import Transaction


async def admit(ctx: Context, going: Sequence[str]) -> list[str]:
    """Those of `going` that may be deleted now: every worker, and of the controllers that are up one at most.

    The others lose their mark. Raises QuorumError if etcd would lose its majority, or nobody can say.
    """
    controllers = {*_controllers(ctx, going)}
    if not controllers:
        return list(going)
    members = await etcd_health.ask(ctx)
    later = sorted(controllers & members.up)[1:]
    at_risk = (controllers & members.still_there) - {*later}
    refusal = members.refusal(at_risk, act="deleted") if at_risk else None
    if refusal is not None:
        await _withdraw(ctx, [*at_risk, *later], refusal.message)
        raise refusal
    await _withdraw(ctx, later, "controllers go one at a time: replace it when this one is back")
    return [name for name in going if name not in later]


async def refuse_restarts(ctx: Context, sent: Collection[str]) -> None:
    """Raise QuorumError if sending these VMs again would change a controller's size, which restarts it, and etcd would
    lose its majority by that. Who is not there yet is not restarted.
    """
    vms = ctx.state.azure_resources.virtual_machines
    made = [name for name in _controllers(ctx, sent) if vms[name].cloud_init or vms[name].created_at]
    if not made:
        return
    there = {vm.name: vm for vm in await arm.virtual_machines(ctx)}
    wanted = {host.name: host for host in ctx.hosts}
    touched = [name for name in made if name in there and _restarts(there[name], wanted[name])]
    await etcd_health.refuse_loss(ctx, touched, act="sent again, which restarts it")


def _restarts(vm: VmView, wanted: Host) -> bool:
    """Another size, or an unfinished change: Azure may move it to another machine."""
    return vm.size.lower() != wanted.size.lower() or vm.provisioning_state != "Succeeded"


def waves(ctx: Context, names: Sequence[str]) -> list[list[str]]:
    """What may go at once, wave by wave: first all workers, then each controller alone."""
    controllers = _controllers(ctx, names)
    workers = [name for name in names if name not in controllers]
    return [*([workers] if workers else []), *([name] for name in controllers)]


def _controllers(ctx: Context, names: Collection[str]) -> list[str]:
    return [host.name for host in ctx.hosts if host.role == "controller" and host.name in names]


async def _withdraw(ctx: Context, names: Sequence[str], why: str) -> None:
    """Record each as Azure has it now. One that never answered keeps its mark: there is nothing on it to lose."""
    vms = ctx.state.azure_resources.virtual_machines
    kept = [name for name in names if vms[name].cloud_init or vms[name].created_at]
    if not kept:
        return
    there = {vm.name: vm for vm in await arm.virtual_machines(ctx)}
    with ctx.commit() as tx:
        for name in kept:
            if name in there:
                _record(tx, there[name])
                ctx.event(tx, "vm_kept", f"it is not deleted: {why}", resource=name)


def _record(tx: Transaction, vm: VmView) -> None:
    status: VmStatus = "running" if vm.power_state == RUNNING else "stopped"
    editor = tx.vm(vm.name)
    editor.clear("availability_zone", "power_state")
    editor.update(status=status, detail="")
    if vm.zone:
        editor.update(availability_zone=vm.zone)
    if vm.power_state:
        editor.update(power_state=vm.power_state)
