"""Hands the deployment to ARM as one template, or adopts what an earlier run handed over.

The first submission holds everything. A later one holds the VMs that are to be made (again), and touches no others.
"""

from __future__ import annotations

from collections.abc import Collection

from k0rdent_azure.azure.deployments import ENDED, DeploymentView
from k0rdent_azure.azure.sight import NETWORK, Part
from k0rdent_azure.azure.tags import Mark
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.phases import arm, ownership, refusal, standing, turns, vm_removal
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.preserving import preserved
from k0rdent_azure.state.intents import REPAIR, SUBMISSION, RepairDetails, SubmissionDetails
from k0rdent_azure.state.model import State

#: Provisioning states of a deployment record that nobody works on any more.
ENDED_BADLY = frozenset({"Failed", "Canceled"})


def vms_to_make(state: State) -> list[str]:
    """The VMs that Azure has never confirmed, or that are to be made again."""
    return [
        name
        for name, vm in state.azure_resources.virtual_machines.items()
        if vm.id is None or vm.status in ("pending", "failed")
    ]


def counted(vms: int) -> str:
    """`1 VM`, `5 VMs`."""
    return f"{vms} VM{'' if vms == 1 else 's'}"


def is_due(state: State) -> bool:
    """Whether something has to be handed to ARM, or what an earlier run handed over is unknown."""
    recorded = state.azure_resources.deployment
    if SUBMISSION.is_pending(state) or recorded is None or recorded.provisioning_state is None:
        return True
    if recorded.provisioning_state in ENDED_BADLY:
        return True
    return recorded.provisioning_state in ENDED and bool(vms_to_make(state))


async def submit(ctx: Context, *, again: Collection[str] = ()) -> None:
    """Observe the record where its fate is unknown; submit only where there is none, or not this one.

    VMs in `again` are sent too, though they exist: ARM puts back what somebody changed.
    """
    ctx.need_confirmation(*(f"recreate VM {name}" for name in vms_to_make(ctx.state)))
    await arm.choose_subscription(ctx)
    pending = SUBMISSION.pending(ctx.state)
    if pending is not None:
        view = await arm.get(ctx)
        if view is not None and _is_of(view.mark, pending) and view.provisioning_state not in ENDED_BADLY:
            message = "Azure has the deployment of an earlier run"
            _record(ctx, view, "deployment_adopted", message, repair=pending.repair)
            return
        if view is not None and not _is_of(view.mark, pending):
            standing.refuse_newer_record(ctx, view)
            if view.mark.generation >= pending.generation:
                raise standing.behind(ctx, view.mark)
    await _put(ctx, list(dict.fromkeys([*vms_to_make(ctx.state), *again])))


def _is_of(found: Mark, submitted: SubmissionDetails) -> bool:
    """Whether a record is of that submission: of its number, and of its claim where both have one."""
    same = not (found.claim and submitted.claim) or found.claim == submitted.claim
    return same and found.generation >= submitted.generation


def _next_generation(state: State) -> int:
    """Of the next submission: the one that this run has raised, unless a submission has used it already."""
    recorded, pending = state.azure_resources.deployment, SUBMISSION.pending(state)
    used = max(recorded.generation if recorded else 0, pending.generation if pending else 0)
    return max(state.metadata.generation or 0, used + 1)


async def _put(ctx: Context, only: Collection[str]) -> None:
    ctx.interrupt.checkpoint()
    await vm_removal.wait_out_doubts(ctx, only)
    await refuse_strangers(ctx, only)
    await turns.refuse_restarts(ctx, only)
    repair = REPAIR.pending(ctx.state)
    generation = _next_generation(ctx.state)
    shared = _shared_is_due(ctx, only, generation, repair)
    kept = await preserved(ctx, only, shared=shared)
    submitted = SubmissionDetails(
        generation=generation, claim=ctx.state.metadata.claim, repair=repair is not None
    )
    with ctx.commit() as tx:
        tx.metadata.update(generation=generation)
        SUBMISSION.begin(tx, arm.target(ctx).id, submitted, phase=ctx.phase)
        tx.phase(ctx.phase).update(step="submitting the template deployment")
        if shared:
            tx.resource_group.update(status="creating")
            for part in tx.network:
                part.update(status="creating")
        for name in only:
            if tx.state.azure_resources.virtual_machines[name].status in ("pending", "failed"):
                tx.vm(name).update(status="creating", detail="")
        kept.record(ctx, tx)
        ctx.event(tx, "deployment_submitted", f"template deployment for {counted(len(only))}")
    try:
        view, ours = (
            await arm.put(ctx, only, mark=standing.mark(ctx), shared=shared, existing=kept.existing),
            True,
        )
    except AzureRequestError as error:
        if error.family != "active":
            if _is_refusal(error):
                _reject(ctx, only)
            await refusal.advise(ctx, error)
            raise
        active = await arm.get(ctx)
        if active is None:
            raise
        standing.refuse_newer_record(ctx, active)
        view, ours = active, _is_of(active.mark, submitted)
    _record(ctx, view, "deployment_accepted", "Azure accepted the deployment", repair=ours)


async def refuse_strangers(ctx: Context, only: Collection[str]) -> None:
    """Raise StrangerError if something under the names of these VMs, or of what they share, is not ours.

    A PUT overwrites what is there.
    """
    seen = await ownership.fresh(ctx)
    ownership.refuse(
        await ownership.strangers(ctx, seen, ownership.parts(ctx.names, only)),
        what="nothing was sent to Azure",
        hint="it is left alone: ask whoever made it to move it, then run resume; or take the deployment elsewhere: "
        "k0rdent-azure destroy, then deploy with another azure.resource_group, or none",
    )


def _shared_is_due(
    ctx: Context, only: Collection[str], generation: int, repair: RepairDetails | None
) -> bool:
    """Whether group, network, rules and SSH key are sent too; they are if somebody removed the network."""
    state = ctx.state.azure_resources
    network = state.network
    made = network is not None and all(
        part.status == "created" for part in (network.vnet, network.subnet, network.nsg)
    )
    asked = repair is not None and repair.shared
    gone = ctx.sight is not None and ctx.sight.find(Part(NETWORK, ctx.names.vnet)) is None
    return generation == 1 or not made or gone or asked or {*only} == {*state.virtual_machines}


def _is_refusal(error: AzureRequestError) -> bool:
    """Whether ARM said no before it began; after any other error nobody knows what became of it."""
    return 400 <= error.status < 500 and error.status not in (408, 429)


def _record(ctx: Context, view: DeploymentView, action: str, message: str, *, repair: bool) -> None:
    """`repair` says that the pending one was part of this submission, and ends with it."""
    with ctx.commit() as tx:
        SUBMISSION.end(tx)
        if repair:
            REPAIR.end(tx)
        arm.record(ctx, tx, view)
        tx.arm_deployment.update(submitted_at=ctx.now)
        for name, vm in tx.state.azure_resources.virtual_machines.items():
            if vm.status == "pending":
                tx.vm(name).update(status="creating")
        ctx.event(tx, action, f"{message} ({view.provisioning_state})", resource=view.name)
        if view.provisioning_state == "Succeeded":
            # Adopted when all was made: else its VMs, which have no id yet, would pass for never submitted.
            arm.record_success(ctx, tx, view)
            made = counted(len(view.virtual_machines))
            ctx.event(tx, "deployment_succeeded", f"Azure made {made}", resource=view.name)


def _reject(ctx: Context, only: Collection[str]) -> None:
    """ARM's preflight said no: nothing was started, so nothing is pending."""
    with ctx.commit() as tx:
        SUBMISSION.end(tx)
        for name in only:
            if tx.state.azure_resources.virtual_machines[name].status == "creating":
                tx.vm(name).update(status="pending")
        azure = tx.state.azure_resources
        if azure.resource_group is not None and azure.resource_group.status == "creating":
            tx.resource_group.update(status="pending")
            for part in tx.network:
                part.update(status="pending")
