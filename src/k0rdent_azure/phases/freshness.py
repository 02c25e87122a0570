"""How old what is known of a VM may be, and whether it is older: pure, so that who need not ask loads nothing.

Ages are cloud seconds: a cache of 15 minutes holds 15 minutes of the cloud's time.
"""

from __future__ import annotations

from typing import Literal

from k0rdent_azure.clock import Clock, parse_timestamp
from k0rdent_azure.errors import UsageError
from k0rdent_azure.nearest import did_you_mean
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.model import PhaseName, State, VirtualMachine

#: How old what `vm show` prints may be, where nobody says otherwise.
MAX_AGE = 300.0

#: How old it may be in each phase before `sync` asks. Nothing exists yet before ARM was asked for something; then
#: everything may change any moment; later VMs hardly do; and a finished deployment is left in peace (None: never).
BY_PHASE: dict[PhaseName, float | None] = {
    "preparation": None,
    "azure_setup": 0.0,
    "vm_creation": 0.0,
    "vpn_setup": 900.0,
    "cluster_setup": 900.0,
    "k0rdent_install": 900.0,
    "complete": None,
}


WhyNot = Literal[
    "a run is live and keeps these facts itself", "the state names no subscription yet", "recent enough"
]


def reason_not_to_ask(state: State, lock: RunLock) -> WhyNot | None:
    """Why a refresh leaves Azure alone; None where it may ask."""
    if lock.holder() is not None:
        return "a run is live and keeps these facts itself"
    return "the state names no subscription yet" if state.azure_resources.subscription_id is None else None


def age(vm: VirtualMachine, clock: Clock) -> float | None:
    """Cloud seconds since the VM was last looked at; None where it never was, or nobody can tell when."""
    if vm.last_checked is None:
        return None
    try:
        return clock.age(parse_timestamp(vm.last_checked))
    except (ValueError, OverflowError):
        return None


def is_stale(vm: VirtualMachine, max_age: float, clock: Clock) -> bool:
    """Whether the VM was looked at longer ago than `max_age` cloud seconds, or never (the plan's vm_data_is_stale)."""
    known = age(vm, clock)
    return known is None or known > max_age


def is_due(state: State, clock: Clock) -> bool:
    """Whether `sync` would ask Azure now: any VM older than the phase allows."""
    limit = BY_PHASE[state.metadata.deployment_phase]
    vms = state.azure_resources.virtual_machines.values()
    return limit is not None and any(limit == 0 or is_stale(vm, limit, clock) for vm in vms)


def known_vm(state: State, name: str) -> VirtualMachine:
    """The record of a VM. Raises UsageError, which names those that there are."""
    vms = state.azure_resources.virtual_machines
    if name not in vms:
        raise UsageError(
            f"{state.metadata.deployment_id} has no VM {name!r}",
            hint=did_you_mean(
                name,
                vms,
                otherwise=f"its VMs: {', '.join(vms)}" if vms else "it has none yet: k0rdent-azure resume",
            ),
        )
    return vms[name]
