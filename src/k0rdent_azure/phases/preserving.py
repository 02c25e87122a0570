"""What a submission must leave as it is: read right before it is sent, for a PUT replaces a resource as a whole.

Also found here: what of a VM outlived it (its disk, interface or address), and what of others is in the way.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote

from k0rdent_azure.azure import existing, obstacles
from k0rdent_azure.azure.belongings import outlived_disks
from k0rdent_azure.azure.drift_facts import DISK, GROUP, VM
from k0rdent_azure.azure.incarnations import incarnation
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.obstacles import Obstacle
from k0rdent_azure.azure.ownership import Stranger, judge
from k0rdent_azure.azure.reading import text, texts
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.topology import Host, Names
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.phases import ownership
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.intents import REPAIR, SUBMISSION
from k0rdent_azure.state.transaction import Transaction


@dataclass(frozen=True)
class Preserved:
    """`existing` is sent back with ours put right. `disks` are the names of the OS disks that VMs are made with;
    `told` is what a person should know, by resource.
    """

    existing: Existing = field(default_factory=Existing)
    disks: Mapping[str, str] = field(default_factory=dict)
    told: tuple[tuple[str, str], ...] = ()

    def record(self, ctx: Context, tx: Transaction) -> None:
        """Commit the new disks' names before they are sent, and what was found."""
        for name, disk in self.disks.items():
            if disk != ctx.names.os_disk(name):
                tx.vm(name).update(os_disk=disk)
            elif tx.state.azure_resources.virtual_machines[name].os_disk is not None:
                tx.vm(name).clear("os_disk")
        for resource, message in self.told:
            ctx.event(tx, "left_alone", message, resource=resource)


async def preserved(ctx: Context, only: Collection[str], *, shared: bool) -> Preserved:
    """What there is under the names of these VMs and, with `shared`, of what all VMs share.

    One request for each type, eight at most; none before the first submission, unless the group has something under
    these names. Raises StrangerError if something there is not ours, or is in the way.
    """
    types = await _types(ctx, only, shared=shared)
    if not types:
        return Preserved()
    repair = REPAIR.pending(ctx.state)
    there = await existing.read(
        ctx.arm,
        ctx.state.azure_resources.subscription_id or "",
        ctx.names.resource_group,
        types,
        repair.accepted if repair else None,
    )
    hosts = [host for host in ctx.placed_hosts if host.name in only]
    _refuse_strangers(ctx, there, hosts)
    _refuse(_obstacles(ctx, there, hosts, shared=shared))
    rules = obstacles.of_rules(there, ctx.names, ctx.config) if shared else ()
    told = [(ctx.names.nsg, f"{each.what}, which is left as it is: {each.hint}") for each in rules]
    disks: dict[str, str] = {}
    for host in hosts:
        if there.get(VM, host.name) is None:
            told += [(host.name, _kept(disk)) for disk in outlived_disks(there, ctx.names, host.name)]
            disks[host.name] = free_disk(there, ctx.names, host.name)
    for _, message in told:
        ctx.observer.notice(message)
    return Preserved(there, disks, tuple(told))


async def _types(ctx: Context, only: Collection[str], *, shared: bool) -> list[str]:
    """What is read. ARM's list of a group lags behind, so it decides only before anything was handed to Azure."""
    of_vms, of_all = existing.OF_VMS if only else (), existing.SHARED if shared else ()
    wanted = [each for each in (*of_all, *of_vms) if each != GROUP or not ctx.names.existing_group]
    if ctx.state.azure_resources.deployment is not None or SUBMISSION.is_pending(ctx.state):
        return wanted
    seen = await ownership.fresh(ctx)
    return wanted if any(seen.find(part) for part in ownership.parts(ctx.names, only)) else []


def _refuse_strangers(ctx: Context, there: Existing, hosts: Iterable[Host]) -> None:
    """By the bodies that were just read: newer than the look, and with the incarnations' ids."""
    owner = ownership.owner_of(ctx.state)
    found: list[Stranger] = []
    for part in ownership.parts(ctx.names, (host.name for host in hosts)):
        body = there.get(part.type, part.name)
        if body is None or (part.type.lower() == DISK.lower() and _has_vm(there, body)):
            continue
        verdict = judge(owner, text(body, "id"), texts(body, "tags"), incarnation(part.type, body))
        if isinstance(verdict, str):
            found.append(Stranger(text(body, "id"), text(body, "type"), text(body, "name"), verdict))
    ownership.refuse(
        found,
        what="nothing was sent to Azure",
        hint=f"look at it: az resource show --ids {quote(found[0].id)}" if found else "",
    )


def _has_vm(there: Existing, disk: Mapping[str, object]) -> bool:
    """Whether a disk is that of a VM which is there: it is not sent, and the VM says whose it is."""
    return there.get(VM, resource_ids.name(text(disk, "managedBy"))) is not None


def _obstacles(ctx: Context, there: Existing, hosts: Iterable[Host], *, shared: bool) -> Iterator[Obstacle]:
    names, config = ctx.names, ctx.config
    if shared:
        yield from obstacles.of_subnet(there, names, config)
        if not REPAIR.is_pending(ctx.state):
            # Without it no host could be reached. A repair does what else it can, as its preview said.
            yield from obstacles.of_rules(there, names, config, missing=True)
    for host in hosts:
        yield from obstacles.of_vm(there, names, config, host)


def _refuse(found: Iterable[Obstacle]) -> None:
    all_found = list(found)
    if all_found:
        raise StrangerError(
            "nothing was sent to Azure: " + "; ".join(each.what for each in all_found),
            hint="; ".join(each.hint for each in all_found) + "; then run: k0rdent-azure resume",
        )


def _kept(disk: Mapping[str, object]) -> str:
    return (
        f"disk {text(disk, 'name')} outlived its VM; it stays, and the new VM gets another one. "
        f"If it is not needed: az disk delete --ids {quote(text(disk, 'id'))}"
    )


def free_disk(there: Existing, names: Names, vm: str) -> str:
    """A name for the OS disk of a VM that is to be made: Azure makes none under a name that a disk has."""
    usual = names.os_disk(vm)
    later = (f"{usual}-{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([usual], later) if there.get(DISK, each) is None)
