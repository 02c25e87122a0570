"""Compares what this deployment wants with what there is in Azure. Reads only, and needs no lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from k0rdent_azure.azure.drift import Found, compare
from k0rdent_azure.azure.drift_baseline import Known
from k0rdent_azure.azure.drift_facts import VM
from k0rdent_azure.azure.drift_wanted import Wanted
from k0rdent_azure.azure.inventory import group_id
from k0rdent_azure.azure.survey import survey
from k0rdent_azure.azure.tags import Mark
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import StateError
from k0rdent_azure.phases.baseline import known_of, wanted_of
from k0rdent_azure.phases.context import Context, Outside
from k0rdent_azure.phases.standing import is_behind
from k0rdent_azure.state.finding import Finding
from k0rdent_azure.state.model import LastValidation, State

#: What requests are counted under, in place of a phase.
LEDGER_NAME = "validate"
#: Statuses of what a run has still to make, or takes away.
_NOT_YET = frozenset({"pending", "creating", "deleting"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two sides and what lies between them. `findings` holds everything, the worst first."""

    wanted: Wanted
    found: Found
    known: Known
    findings: Sequence[Finding]


async def validate(config: Config, names: Names, state: State, outside: Outside) -> Comparison:
    """Read Azure and compare. Raises StateError where nothing was handed to Azure yet, AzureError where nothing
    could be read; a part that could not be read is in `found.unread`.
    """
    subscription = state.azure_resources.subscription_id
    if subscription is None or state.azure_resources.deployment is None:
        raise StateError(
            f"nothing of {names.deployment_id} was handed to Azure yet, so there is nothing to compare",
            hint="create it with: k0rdent-azure deploy",
        )
    outside.ledger.phase = LEDGER_NAME
    found = await survey(outside.arm, subscription, names.resource_group)
    return again(config, names, state, found)


def again(config: Config, names: Names, state: State, found: Found) -> Comparison:
    """The comparison of what was read with `state`, which may be another one by now. Asks nobody."""
    there = wanted_of(config, names, state)
    known = known_of(state, there)
    waiting = not_yet(names, state, there)
    findings = [
        each
        for each in compare(there, found, known, not_yet=waiting)
        if not (_is_moment(each) and resource_ids.key(each.resource) in waiting)
    ]
    return Comparison(there, found, known, findings)


def _is_moment(each: Finding) -> bool:
    """Whether it only says that something is being done with a resource: that is so of what is being made."""
    return each.severity == "info" and each.field in ("power_state", "provisioning_state")


def keep(ctx: Context, result: LastValidation) -> None:
    """Write what was found into the state; with an event only if it is another result than the last one."""
    with ctx.commit() as tx:
        before = tx.validation.now
        tx.validation.put(result)
        same = {"checked_at": result.checked_at}
        if before is None or msgspec.structs.replace(before, **same) != result:
            counts = [
                f"{count} {name}"
                for name, count in (
                    ("critical", result.critical),
                    ("warning", result.warning),
                    ("info", result.info),
                    ("not read", result.unread),
                )
                if count
            ]
            message = f"validation: {', '.join([result.verdict, *counts])}"
            tx.event(tx.state.metadata.deployment_phase, "validated", message)


def newer_change(names: Names, state: State, found: Found) -> Mark | None:
    """The change that Azure tells of and `state` does not know; None if this workspace is the newest copy."""
    scope = group_id(state.azure_resources.subscription_id or "", names.resource_group)
    mark = found.marks.get(f"{scope}/providers/Microsoft.Network/virtualNetworks/{names.vnet}".lower())
    return mark if mark is not None and is_behind(state, mark) else None


def down(compared: Comparison) -> Collection[str]:
    """VMs of which Azure says that they are gone or do not run: no host to ask."""
    gone = {"power_state", None}
    return {
        each.name for each in compared.findings if each.type == VM and each.field in gone and _stands(each)
    }


def _stands(each: Finding) -> bool:
    return each.kind == "missing" or each.repair == "start"


def not_yet(names: Names, state: State, there: Wanted) -> Collection[str]:
    """Ids, in lower case, of what the state itself says is not made yet."""
    azure = state.azure_resources
    # One that is being deleted was there: whether a run will bring it back is not for a look to say.
    waiting = {name for name, vm in azure.virtual_machines.items() if vm.status in ("pending", "creating")}
    ids = {key for key, each in there.resources.items() if each.host in waiting}
    return ids | {each.lower() for each in _shared(names, state)}


def _shared(names: Names, state: State) -> Iterator[str]:
    azure = state.azure_resources
    scope = group_id(azure.subscription_id or "", names.resource_group)
    provider = f"{scope}/providers/Microsoft.Network"
    if azure.resource_group is not None and azure.resource_group.status in _NOT_YET:
        yield scope
    if azure.network is not None and azure.network.vnet.status in _NOT_YET:
        vnet = f"{provider}/virtualNetworks/{names.vnet}"
        yield from (vnet, f"{vnet}/subnets/{names.subnet}")
    if azure.network is not None and azure.network.nsg.status in _NOT_YET:
        yield f"{provider}/networkSecurityGroups/{names.nsg}"
    if azure.ssh_key is not None and azure.ssh_key.status in _NOT_YET:
        yield f"{scope}/providers/Microsoft.Compute/sshPublicKeys/{names.ssh_key}"
