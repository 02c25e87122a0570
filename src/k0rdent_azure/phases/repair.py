"""What can be done about drift: a plan from findings, and the mark that the next run acts on.

Nothing that is not ours is touched: a foreign VM is told of, never removed. What nobody asked to be repaired stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from k0rdent_azure.azure.drift import INCARNATION
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names, hosts
from k0rdent_azure.errors import QuorumError
from k0rdent_azure.phases import arm, ownership, replace, submission, vm_removal
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.finding import Finding
from k0rdent_azure.state.intents import REPAIR, RepairDetails
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction

_GROUP = "microsoft.resources/resourcegroups"
_VM = "microsoft.compute/virtualmachines"


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """VMs by what is done with them; `shared` says that network, rules, key and group are sent as they should be.

    `restarting` are controllers of `again` that may be restarted by it. `later` are controllers whose turn
    comes with another repair: etcd needs them while others are away. `left` is what no program should decide.
    """

    #: Deleted where they are, and made anew.
    anew: list[str]
    #: Not there any more; made anew.
    gone: list[str]
    start: list[str]
    #: Sent again as they should be: size, tags, interface, address.
    again: list[str]
    shared: bool
    #: Whether the whole group is gone.
    everything: bool
    left: list[Finding]
    restarting: list[str] = []
    later: list[str] = []
    #: Fields, by resource id in lower case, that an ignore rule lets be as they are: they are not put right along.
    accepted: dict[str, list[str]] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.anew or self.gone or self.start or self.again or self.shared or self.everything)

    @property
    def disturbed(self) -> list[str]:
        """Controllers, among others, that are deleted or may be restarted: etcd has to spare them."""
        return [*self.anew, *self.restarting]

    def without_disturbance(self, controllers: Collection[str]) -> RepairPlan:
        """The same without what etcd does not allow now."""
        put_off = [name for name in self.disturbed if name in controllers]
        return msgspec.structs.replace(
            self,
            anew=[name for name in self.anew if name not in put_off],
            again=[name for name in self.again if name not in put_off],
            restarting=[],
            later=_each([*put_off, *self.later]),
        )

    @property
    def steps(self) -> list[str]:
        """In words, in the order in which they are done."""
        if self.everything:
            return [
                "make the resource group and everything in it anew, with the same keys; the cluster is a new one"
            ]
        return [
            *(f"delete VM {name} with its disk, and make it anew" for name in self.anew),
            *(f"make VM {name} anew" for name in self.gone),
            *(f"start VM {name}" for name in self.start),
            *(f"put VM {name} right; what others added to it stays" for name in self.again),
            *(
                ["put network, rules, SSH key and group right; what others added to them stays"]
                if self.shared
                else []
            ),
        ]


def plan(findings: Iterable[Finding], config: Config, names: Names, state: State) -> RepairPlan:
    """What repairs these findings; those that a rule ignores are left as they are. Asks nobody anything."""
    findings = list(findings)
    found = [finding for finding in findings if finding.ignored is None]
    by_part = {part.lower(): host for host in hosts(config) for part in _parts(names, host, state)}
    gone: list[str] = []
    start: list[str] = []
    again: list[str] = []
    left: list[Finding] = []
    #: Deleting them costs etcd a member, and so may sending them again.
    failing: list[tuple[Host, Finding]] = []
    restarted: list[tuple[Host, Finding]] = []
    shared = everything = False
    taken = {
        by_part[finding.name.lower()]
        for finding in found
        if _is_taken(finding) and finding.name.lower() in by_part
    }
    for finding in found:
        host, kind = by_part.get(finding.name.lower()), finding.type.lower()
        if finding.repair in ("none", "adopt") or host in taken:
            left.append(finding)
        elif kind == _GROUP and finding.kind == "missing":
            # A group of the user's is not ours to make.
            if names.existing_group is None:
                everything = True
            else:
                left.append(finding)
        elif host is None:
            shared = True
        elif finding.repair == "start":
            start.append(host.name)
        elif kind == _VM and finding.kind == "missing":
            gone.append(host.name)
        elif finding.repair == "recreate" and kind == _VM:
            failing.append((host, finding))
        elif host.role == "controller" and not (finding.field or "").startswith("tags"):
            restarted.append((host, finding))
        else:
            again.append(host.name)
    waiting, never = _spared(config, state, [*failing, *restarted], {*gone, *start})
    spared = {*waiting, *never}
    anew = [host.name for host, _ in failing if host.name not in spared]
    restarting = _each([host.name for host, _ in restarted if host.name not in spared])
    again += restarting
    left += [finding for host, finding in (*failing, *restarted) if host.name in never]
    made = {*anew, *gone, *spared}
    return RepairPlan(
        anew=_each(anew),
        gone=_each(gone),
        start=[name for name in _each(start) if name not in made],
        again=[name for name in _each(again) if name not in made],
        shared=shared,
        everything=everything,
        left=left,
        restarting=[name for name in restarting if name not in made],
        later=waiting,
        accepted=_accepted(findings),
    )


def _accepted(findings: Iterable[Finding]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in findings:
        if each.ignored is not None and each.kind != "unexpected":
            found.setdefault(each.resource.lower(), []).append(each.field or "")
    return found


def _is_taken(finding: Finding) -> bool:
    """Whether somebody's own resource has this name: what is the host's cannot be made while that stands there."""
    return finding.field == INCARNATION


def _spared(
    config: Config, state: State, touched: Iterable[tuple[Host, Finding]], down: set[str]
) -> tuple[list[str], list[str]]:
    """Controllers that are not touched now: those whose turn comes later, and those that etcd can never spare.

    This only spares the question: whether the one that is left may go is asked when it goes.
    """
    controllers = [host.name for host in hosts(config) if host.role == "controller"]
    names = _each([host.name for host, _ in touched if host.name in controllers])
    if not replace.has_cluster(state):
        return [], []
    if len(controllers) < 3:
        return [], names
    for index, name in enumerate(names):
        if 2 * len({*controllers} - down - {name}) > len(controllers):
            return [*names[:index], *names[index + 1 :]], []
    return names, []


def mark(tx: Transaction, wanted: RepairPlan) -> None:
    """Record what is to be done; `run_phases` does it."""
    every = list(tx.state.azure_resources.virtual_machines)
    # What an earlier repair did not come to may not be right any more.
    REPAIR.end(tx)
    if wanted.everything:
        # Its number stays: the record in Azure still is of the one before.
        tx.arm_deployment.clear("provisioning_state")
    for name in wanted.anew:
        vm_removal.mark(tx, name, why="to be repaired")
    for name in every if wanted.everything else wanted.gone:
        vm_removal.mark_gone(tx, name)
    if wanted.start or wanted.again or wanted.shared:
        REPAIR.begin(
            tx,
            "drift",
            RepairDetails(
                start=wanted.start, again=wanted.again, shared=wanted.shared, accepted=wanted.accepted
            ),
        )
    tx.metadata.update(deployment_status="in_progress")
    for step in wanted.steps:
        tx.event(tx.state.metadata.deployment_phase, "repair_started", step)


def _parts(names: Names, host: Host, state: State) -> tuple[str, ...]:
    vm = state.azure_resources.virtual_machines.get(host.name)
    disk = (vm.os_disk if vm else None) or names.os_disk(host.name)
    return (host.name, names.nic(host.name), names.public_ip(host.name), disk)


def _each(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


async def start(ctx: Context) -> None:
    """Start what a pending repair names; nothing pending costs nothing. Can be repeated.

    Raises StrangerError if a VM of that name is not ours: then none is started.
    """
    details = REPAIR.pending(ctx.state)
    if details is None or not details.start:
        return
    ctx.need_confirmation(*(f"start VM {name}" for name in details.start))
    await arm.choose_subscription(ctx)
    ctx.interrupt.checkpoint()
    vms = ctx.state.azure_resources.virtual_machines
    there = [name for name in details.start if vms[name].id and vms[name].status in ("running", "stopped")]
    if not there:
        return
    await ownership.refuse_strange_machines(ctx, there, what="no VM was started")
    await arm.start_vms(ctx, there)


async def carry_out(ctx: Context) -> None:
    """Send what a pending repair names, and end it if nothing is to be sent. Can be repeated.

    Raises QuorumError if that would restart a controller that etcd needs: then the repair ends, and nothing was sent.
    """
    details = REPAIR.pending(ctx.state)
    if details is None:
        return
    ctx.need_confirmation("send again what a repair was to put right")
    if details.shared or details.again:
        try:
            await submission.submit(ctx, again=details.again)
        except QuorumError as error:
            with ctx.commit() as tx:
                REPAIR.end(tx)
                ctx.event(tx, "repair_withdrawn", error.message)
            raise
        return
    with ctx.commit() as tx:
        REPAIR.end(tx)
