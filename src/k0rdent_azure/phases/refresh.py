"""Brings what the state says of the VMs up to date: all of them at once, in at most two ARM requests.

No run lock is taken, and no live run is disturbed: while one lives, its phases own what the state says of the VMs,
and Azure is not asked. Where somebody changed a VM's record between the question and the answer, that record stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from k0rdent_azure.azure import inventory
from k0rdent_azure.azure.inventory import AddressView, VmStatusView
from k0rdent_azure.clock import timestamp
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureError, AzureRequestError
from k0rdent_azure.phases.context import Outside, count_calls
from k0rdent_azure.phases.freshness import MAX_AGE, WhyNot, is_due, is_stale, known_vm, reason_not_to_ask
from k0rdent_azure.state.changes import VmChanges
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.model import State, VirtualMachine, VmStatus
from k0rdent_azure.state.store import Store
from k0rdent_azure.state.transaction import Transaction

#: What its requests are counted under, in place of a phase.
LEDGER_NAME = "refresh"
#: What a power state makes of a VM's status; between two of them, where it is going counts.
_BY_POWER: dict[str, VmStatus] = {
    "VM running": "running",
    "VM starting": "running",
    "VM stopping": "stopped",
    "VM stopped": "stopped",
    "VM deallocating": "stopped",
    "VM deallocated": "stopped",
}
#: Planned, not seen to answer yet, to be removed: only a run ends these.
_FOR_A_RUN: frozenset[VmStatus] = frozenset({"pending", "creating", "deleting"})


class Change(msgspec.Struct, frozen=True):
    """One field of one VM that is no longer what the state said."""

    vm: str
    field: str
    old: str | None
    new: str | None


class Refreshed(msgspec.Struct, frozen=True):
    """`why_not` says why Azure was not asked (None: it was); `requests` counts every attempt."""

    requests: int = 0
    changes: list[Change] = []
    why_not: WhyNot | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """Azure's answers by resource id in lower case."""

    moment: str
    vms: dict[str, VmStatusView]
    addresses: dict[str, AddressView]


async def refresh(store: Store, outside: Outside, lock: RunLock, *, command: str) -> Refreshed:
    """Ask Azure for all VMs and their addresses, and commit what it says: the plan's refresh_vm_state.

    `last_checked` moves on every VM whose power state is known, or that is gone; a VM that changed gets an event.
    Raises AzureError if Azure cannot be asked: then the state keeps what it said, and only the requests are counted.
    """
    state = store.read().state
    why_not = reason_not_to_ask(state, lock)
    if why_not is not None:
        return Refreshed(why_not=why_not)
    outside.ledger.phase = LEDGER_NAME
    try:
        seen = await _ask(state, outside)
    except AzureError:
        with store.transaction() as tx:
            count_calls(tx, outside.ledger, command)
        raise
    requests = outside.ledger.counts().get(LEDGER_NAME, 0)
    with store.transaction() as tx:
        count_calls(tx, outside.ledger, command)
        return Refreshed(requests=requests, changes=_record(tx, state, seen))


async def vm_info(
    store: Store,
    outside: Outside,
    lock: RunLock,
    name: str,
    *,
    max_age: float = MAX_AGE,
    force: bool = False,
    command: str,
) -> VirtualMachine:
    """What is known of one VM, refreshed first where it is older than `max_age` cloud seconds: the plan's get_vm_info.

    Raises UsageError for an unknown name, and AzureError where Azure has to be asked and cannot be.
    """
    if force or is_stale(known_vm(store.read().state, name), max_age, outside.clock):
        await refresh(store, outside, lock, command=command)
    return known_vm(store.read().state, name)


async def sync(store: Store, outside: Outside, lock: RunLock, *, command: str) -> Refreshed:
    """Refresh where the phase calls for it (`freshness.BY_PHASE`): the plan's sync_deployment_state."""
    if not is_due(store.read().state, outside.clock):
        return Refreshed(why_not="recent enough")
    return await refresh(store, outside, lock, command=command)


async def _ask(state: State, outside: Outside) -> _Seen:
    subscription, group = _place(state)
    try:
        vms = await inventory.vm_statuses(outside.arm, subscription)
        addresses = await inventory.addresses(outside.arm, subscription, group)
    except AzureRequestError as error:
        if error.status != 403:
            raise
        # A login that sees only the group; its second question is better spent on VMs than on static addresses.
        vms, addresses = await inventory.group_vm_statuses(outside.arm, subscription, group), []
    return _Seen(
        moment=timestamp(outside.clock.now()),
        vms={resource_ids.key(vm.id): vm for vm in vms},
        addresses={resource_ids.key(address.id): address for address in addresses},
    )


def _record(tx: Transaction, before: State, seen: _Seen) -> list[Change]:
    changes = []
    known = before.azure_resources.virtual_machines
    for name, vm in tx.state.azure_resources.virtual_machines.items():
        if known.get(name) != vm:
            continue
        there, address = _found(before, name, vm, seen)
        news = news_of(vm, there, address)
        if news:
            said = ", ".join(
                f"{field} {getattr(vm, field) or 'unknown'} -> {new}" for field, new in news.items()
            )
            tx.event(tx.state.metadata.deployment_phase, "vm_changed", f"refresh: {said}", resource=name)
            if news.get("status") == "deleted":
                tx.vm(name).clear("power_state")
            changes += [Change(name, field, getattr(vm, field), str(new)) for field, new in news.items()]
        tx.vm(name).update(**news)
        # Whether it runs is what the look is for: without a power state it was not looked at.
        if there is None or there.power_state:
            tx.vm(name).update(last_checked=seen.moment)
    return changes


def _found(
    state: State, name: str, vm: VirtualMachine, seen: _Seen
) -> tuple[VmStatusView | None, AddressView | None]:
    group = inventory.group_id(*_place(state))
    vm_id = vm.id or f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"
    return seen.vms.get(resource_ids.key(vm_id)), seen.addresses.get(resource_ids.key(vm.public_ip_id or ""))


def news_of(vm: VirtualMachine, found: VmStatusView | None, address: AddressView | None) -> VmChanges:
    """The fields of a VM's record whose values are others now, with these; `found` None: it is not there."""
    if found is None:
        return {"status": "deleted"} if vm.status in ("running", "stopped") else {}
    news: VmChanges = {}
    if found.power_state and found.power_state != vm.power_state:
        news["power_state"] = found.power_state
    if found.provisioning_state and found.provisioning_state != vm.provisioning_state:
        news["provisioning_state"] = found.provisioning_state
    if address is not None and address.ip and address.ip != vm.public_ip:
        news["public_ip"] = address.ip
    status = _status(vm, found)
    if status != vm.status:
        news["status"] = status
    return news


def _status(vm: VirtualMachine, found: VmStatusView) -> VmStatus:
    """By its power, unless the status says what a run is to do, or to see, next."""
    if vm.status in _FOR_A_RUN or (vm.status == "failed" and found.provisioning_state == "Failed"):
        return vm.status
    return _BY_POWER.get(found.power_state, vm.status)


def _place(state: State) -> tuple[str, str]:
    """Subscription and group."""
    group = state.azure_resources.resource_group
    return state.azure_resources.subscription_id or "", group.name if group else ""
