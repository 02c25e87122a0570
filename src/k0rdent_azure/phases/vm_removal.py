"""Takes single VMs away so that they can be made anew: with the same name and keys, perhaps in another zone.

A VM's status `deleting` is the intent; whichever run comes next finishes it. NIC, address and disk go with the VM.
"""

from __future__ import annotations

from collections.abc import Sequence

from k0rdent_azure.azure.removal import CASCADE_PASSES
from k0rdent_azure.errors import AzureError
from k0rdent_azure.phases import arm, turns
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.state.transaction import Transaction

#: Cloud seconds between looks whether Azure is done: a VM takes one to three minutes to go.
LOOKS_AT = (60.0, 30.0)
#: Cloud seconds after which a deletion is called stuck.
PATIENCE = 1800.0
#: What is known only of the VM that goes.
_OF_THE_OLD_ONE = (
    "id",
    "nic_id",
    "public_ip_id",
    "public_ip",
    "provisioning_state",
    "power_state",
    "created_at",
    "last_checked",
    "cloud_init",
    "rekeyed_at",
)


def mark(tx: Transaction, name: str, *, why: str) -> None:
    """Record that a VM is to go, and be made anew afterwards."""
    tx.merge(f"azure_resources.virtual_machines.{name}", {"status": "deleting", "detail": why})


def mark_gone(tx: Transaction, name: str) -> None:
    """Record that a VM is gone and is to be made anew."""
    path = f"azure_resources.virtual_machines.{name}"
    for field in _OF_THE_OLD_ONE:
        tx.delete(f"{path}.{field}")
    tx.merge(path, {"status": "pending", "detail": ""})
    if tx.has(f"wireguard.peers.{name}"):
        tx.set(f"wireguard.peers.{name}.config_status", "generated")
        tx.delete(f"wireguard.peers.{name}.last_handshake")
    for group in ("controllers", "workers"):
        if tx.has(f"k0s_cluster.{group}.{name}"):
            tx.merge(f"k0s_cluster.{group}.{name}", {"ssh_status": "pending", "k0s_status": "not_installed"})


async def finish(ctx: Context) -> None:
    """Delete every VM that is marked, and wait until Azure has none of them; nothing marked costs nothing.

    One that a refresh found deleted is made anew as well. Raises AzureError if Azure does not delete them in time, and
    QuorumError if etcd would not survive it: then nothing was deleted.
    """
    vms = ctx.state.azure_resources.virtual_machines
    going = [name for name, vm in vms.items() if vm.status == "deleting"]
    gone = [name for name, vm in vms.items() if vm.status == "deleted"]
    if going:
        await arm.choose_subscription(ctx)
        ctx.interrupt.checkpoint()
        going = await turns.admit(ctx, going)
        ctx.step(f"deleting {', '.join(going)}")
        await remove(ctx, going)
    if going or gone:
        with ctx.commit() as tx:
            for name in (*going, *gone):
                mark_gone(tx, name)
                ctx.event(tx, "vm_deleted", "gone, and to be made anew", resource=name)


async def remove(ctx: Context, names: Sequence[str]) -> None:
    """Delete these VMs with what goes with them, and wait until Azure has none of it. Can be repeated.

    Raises AzureError where Azure does not delete them in time.
    """
    await arm.delete_vms(ctx, names)
    await _wait_until_gone(ctx, names)


async def _wait_until_gone(ctx: Context, names: Sequence[str]) -> None:
    started, looks, without_vms = ctx.clock.monotonic(), 0, 0
    while True:
        for name in names:
            ctx.observer.activity(name, "waiting for Azure to delete")
        await ctx.sleep(LOOKS_AT[min(looks, len(LOOKS_AT) - 1)])
        left = await arm.parts_left(ctx, names)
        looks += 1
        without_vms += not any(part.type.lower().endswith("/virtualmachines") for part in left)
        # What a VM did not take along is adopted by the one that is made in its place.
        if not left or without_vms > CASCADE_PASSES:
            return
        if ctx.clock.monotonic() - started > PATIENCE and looks >= LOOKS_BEFORE_GIVING_UP:
            raise AzureError(
                f"Azure did not delete {', '.join(part.name for part in left)} within {PATIENCE / 60:.0f} minutes",
                hint="look for a lock on it in the portal, then run resume",
            )
