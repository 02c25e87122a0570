"""Takes single VMs away so that they can be recreated: with the same name and keys, perhaps in another zone.

The intent is the pending operation `vm-removal`; whichever run comes next finishes it. It names the incarnation: a VM
that somebody else made under the name meanwhile is not deleted. NIC, address and disk go with the VM.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from k0rdent_azure.azure.inventory import ResourceView, VmView
from k0rdent_azure.azure.outcome import Accepted
from k0rdent_azure.azure.ownership import Stranger
from k0rdent_azure.azure.removal import CASCADE_PASSES, stopped
from k0rdent_azure.azure.undeleted import Troubles
from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.phases import arm, ownership, standing, turns, undeleted
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.preparation import renew_keys
from k0rdent_azure.state.changes import VmOptional
from k0rdent_azure.state.intents import REMOVAL, Removal, RemovalDetails, without_vms
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction

#: Cloud seconds between looks whether Azure is done: a VM takes one to three minutes to go.
LOOKS_AT = (60.0, 30.0)
#: Cloud seconds after which a deletion is called stuck.
PATIENCE = 1800.0
#: Cloud seconds for which a DELETE without an answer may still take effect: until then nothing gets its name.
DOUBT = 90.0
#: What is known only of the VM that goes.
_OF_THE_OLD_ONE: tuple[VmOptional, ...] = (
    "id",
    "vm_id",
    "nic_id",
    "nic_guid",
    "public_ip_id",
    "public_ip_guid",
    "os_disk",
    "public_ip",
    "provisioning_state",
    "power_state",
    "created_at",
    "last_checked",
    "cloud_init",
    "rekeyed_at",
)


def mark(tx: Transaction, name: str, *, why: str, new_keys: bool = False) -> None:
    """Record that a VM, this incarnation of it, is to go and to be recreated afterwards, perhaps with new keys."""
    vm_id = tx.state.azure_resources.virtual_machines[name].vm_id
    _pend(tx, name, Removal(why=why, vm_id=vm_id, new_keys=new_keys))
    tx.vm(name).update(status="deleting", detail=why)


def _pend(tx: Transaction, name: str, removal: Removal) -> None:
    known = _pending(tx)
    REMOVAL.begin(tx, "VMs", RemovalDetails(vms={**known, name: removal}))
    without_vms(tx, [name])


def _pending(tx: Transaction) -> dict[str, Removal]:
    """With this transaction's own changes."""
    operation = tx.operation(REMOVAL.name)
    return msgspec.convert(operation.details, RemovalDetails).vms if operation is not None else {}


def mark_gone(tx: Transaction, name: str) -> None:
    """Record that a VM is gone and is to be recreated."""
    tx.vm(name).clear(*_OF_THE_OLD_ONE)
    tx.vm(name).update(status="pending", detail="")
    if tx.peer(name).exists:
        tx.peer(name).update(config_status="generated")
        tx.peer(name).clear("last_handshake")
    for node in (tx.node("controller", name), tx.node("worker", name)):
        if node.exists:
            node.update(ssh_status="pending", k0s_status="not_installed")


async def finish(ctx: Context) -> None:
    """Delete every VM that is marked, and wait until Azure has none of them; nothing marked costs nothing.

    One that a refresh found deleted is recreated as well. Raises StrangerError if one of them is not ours, QuorumError
    if etcd would not survive it (then nothing was deleted), and AzureError if Azure does not delete them in time.
    """
    vms = ctx.state.azure_resources.virtual_machines
    going = [name for name, vm in vms.items() if vm.status == "deleting"]
    gone = [name for name, vm in vms.items() if vm.status == "deleted"]
    ctx.need_confirmation(*(f"delete VM {name} with its disk, and recreate it" for name in going))
    ctx.need_confirmation(*(f"recreate VM {name}" for name in gone))
    if going:
        await arm.choose_subscription(ctx)
        ctx.interrupt.checkpoint()
        try:
            going = await turns.admit(ctx, going)
        finally:
            _forget_kept(ctx)
        ctx.step(f"deleting {', '.join(going)}")
        await remove(ctx, going)
    if going or gone:
        with ctx.commit() as tx:
            removals = _pending(tx)
            for name in (*going, *gone):
                mark_gone(tx, name)
                if name in removals and removals[name].new_keys:
                    # Only now: while the VM is there, the state has the keys that it shows.
                    renew_keys(tx, name)
                    ctx.event(tx, "keys_replaced", "new SSH host key and WireGuard key", resource=name)
                ctx.event(tx, "vm_deleted", "gone, and to be recreated", resource=name)
            forget(tx, going)


def _forget_kept(ctx: Context) -> None:
    """End the intent for VMs that lost their mark, because etcd needs them."""
    vms, details = ctx.state.azure_resources.virtual_machines, REMOVAL.pending(ctx.state)
    kept = [name for name in (details.vms if details else {}) if vms[name].status != "deleting"]
    if kept:
        with ctx.commit() as tx:
            forget(tx, kept)


def forget(tx: Transaction, names: Collection[str]) -> None:
    """End the intent for VMs that are gone; a DELETE that is still in doubt stays on record, for who recreates them."""
    left = {
        name: removal for name, removal in _pending(tx).items() if name not in names or removal.doubt_since
    }
    if left:
        REMOVAL.begin(tx, "VMs", RemovalDetails(vms=left))
    else:
        REMOVAL.end(tx)


async def remove(ctx: Context, names: Sequence[str]) -> None:
    """Delete these VMs with what goes with them, and wait until Azure has none of it. Can be repeated.

    Each is read first, and has to be the incarnation that the intent is about. Raises StrangerError if one is not
    ours (then none is deleted), BehindError if another run changes the deployment now, NotDeletedError if Azure
    refuses, or accepts and fails, to delete one again and again, or does not end it in time.
    """
    ctx.removal.troubles = Troubles()
    await _wait_until_gone(ctx, names, await _begin(ctx, names))


async def _begin(ctx: Context, names: Sequence[str]) -> dict[str, Accepted]:
    """Prove whose they are, and ask for the deletion of each; what Azure accepted, by VM."""
    # An older look would not do: the new one comes last, with what another run has announced by then.
    ctx.sight = None
    there, strangers = await ownership.strange_machines(ctx, names)
    standing.refuse_newer(ctx, (await ownership.fresh(ctx)).mark(ctx.names.vnet))
    strangers += _other_incarnations(ctx.state, there)
    ownership.refuse(strangers, what="no VM was deleted", hint=ownership.IN_THE_WAY)
    begun = {name: await _delete(ctx, name, vm) for name, vm in there.items()}
    return {name: accepted for name, accepted in begun.items() if accepted is not None}


def _other_incarnations(state: State, there: Mapping[str, VmView]) -> list[Stranger]:
    """Those whose `vmId` is not the one that the intent names."""
    details = REMOVAL.pending(state)
    meant = details.vms if details else {}
    return [
        Stranger(
            vm.id, "VM", name, f"its id in Azure is {vm.vm_id}, the VM that was to go had {removal.vm_id}"
        )
        for name, vm in there.items()
        if (removal := meant.get(name)) is not None
        and removal.vm_id
        and vm.vm_id
        and vm.vm_id != removal.vm_id
    ]


async def _delete(ctx: Context, name: str, vm: VmView) -> Accepted | None:
    """Start deleting one VM; None if Azure refuses it now. Until an answer is recorded, the attempt is in doubt."""
    details = REMOVAL.pending(ctx.state)
    known = details.vms.get(name) if details else None
    removal = known or Removal(why="to go")
    removal = msgspec.structs.replace(removal, vm_id=removal.vm_id or vm.vm_id or None)
    with ctx.commit() as tx:
        _pend(tx, name, msgspec.structs.replace(removal, doubt_since=ctx.now))
    before = len(ctx.outside.ledger.entries)
    refusal: AzureRequestError | None = None
    accepted: Accepted | None = None
    try:
        accepted = await arm.delete_vm(ctx, name)
    except AzureRequestError as error:
        refusal = error
    # An attempt that was not answered may take effect later.
    sent = [each for each in ctx.outside.ledger.entries[before:] if each.method == "DELETE"]
    if all(each.status for each in sent):
        with ctx.commit() as tx:
            _pend(tx, name, msgspec.structs.replace(removal, doubt_since=None))
    if refusal is not None:
        undeleted.refused(ctx, ctx.removal.troubles, vm.id, refusal)
    return accepted


async def wait_out_doubts(ctx: Context, names: Collection[str]) -> None:
    """Wait until no DELETE without an answer can take effect any more: what is made under its name would go, too."""
    details = REMOVAL.pending(ctx.state)
    for name, removal in (details.vms if details else {}).items():
        if name in names and removal.doubt_since is not None:
            left = DOUBT - ctx.clock.age(parse_timestamp(removal.doubt_since))
            if left > 0:
                ctx.observer.activity(
                    name, "waiting until a deletion without an answer cannot take effect any more"
                )
                await ctx.sleep(left)
    if details is not None and any(
        removal.doubt_since for name, removal in details.vms.items() if name in names
    ):
        with ctx.commit() as tx:
            vms = {name: removal for name, removal in details.vms.items() if name not in names}
            REMOVAL.begin(tx, "VMs", RemovalDetails(vms=vms)) if vms else REMOVAL.end(tx)


async def _wait_until_gone(ctx: Context, names: Sequence[str], begun: dict[str, Accepted]) -> None:
    started, looks, without_vms = ctx.clock.monotonic(), 0, 0
    while True:
        for name in names:
            ctx.observer.activity(name, "waiting for Azure to delete")
        await ctx.sleep(LOOKS_AT[min(looks, len(LOOKS_AT) - 1)])
        left = await arm.parts_left(ctx, names)
        looks += 1
        vms = [part for part in left if part.type.lower().endswith("/virtualmachines")]
        without_vms += not vms
        # What a VM did not take along is adopted by the one that is made in its place.
        if not left or without_vms > CASCADE_PASSES:
            return
        await _go_on(ctx, vms, begun)
        if ctx.clock.monotonic() - started > PATIENCE and looks >= LOOKS_BEFORE_GIVING_UP:
            raise undeleted.too_late(ctx, (vms or left)[0].id, PATIENCE / 60, ctx.removal.troubles)


async def _go_on(ctx: Context, vms: Sequence[ResourceView], begun: dict[str, Accepted]) -> None:
    """Ask again for VMs that are there and not on their way out. No request while all of them are."""
    again = []
    for vm in vms:
        operation = begun.get(vm.name)
        if operation is None:
            again.append(vm.name)
        elif (outcome := await stopped(ctx.arm, operation, vm.provisioning_state)) is not None:
            ctx.removal.troubles.failed(operation, vm.id, outcome, ctx.clock.monotonic())
            again.append(vm.name)
    undeleted.record(ctx, ctx.removal.troubles)
    for name in again:
        begun.pop(name, None)
    if again:
        begun.update(await _begin(ctx, again))
