"""Hands the deployment to ARM as one template, or adopts what an earlier run handed over.

The first submission holds everything. A later one holds the VMs that are to be made (again), and touches no others.
"""

from __future__ import annotations

from collections.abc import Collection

from k0rdent_azure.azure.deployments import ENDED, DeploymentView
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.phases import arm, refusal, turns
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import ArmDeployment, PendingOperation, State

OPERATION = "arm-deployment"
#: A repair that waits for a submission ends with it.
REPAIR = "repair"
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
    if OPERATION in state.pending_operations or recorded is None or recorded.provisioning_state is None:
        return True
    if recorded.provisioning_state in ENDED_BADLY:
        return True
    return recorded.provisioning_state in ENDED and bool(vms_to_make(state))


async def submit(ctx: Context, *, again: Collection[str] = ()) -> None:
    """Observe the record where its fate is unknown; submit only where there is none, or not this one.

    VMs in `again` are sent too, though they exist: ARM puts back what somebody changed.
    """
    await arm.choose_subscription(ctx)
    state = ctx.state
    pending = state.pending_operations.get(OPERATION)
    generation = _generation(state.azure_resources.deployment, pending)
    if pending is not None:
        view = await arm.get(ctx)
        ours = view is not None and arm.generation_of(view) >= generation
        if view is not None and ours and view.provisioning_state not in ENDED_BADLY:
            message = "Azure has the deployment of an earlier run"
            _record(ctx, view, "deployment_adopted", message, repair=pending.details.get("repair") is True)
            return
        if view is not None and ours:
            generation += 1
    await _put(ctx, list(dict.fromkeys([*vms_to_make(state), *again])), generation)


def _generation(recorded: ArmDeployment | None, pending: PendingOperation | None) -> int:
    """Of the next submission; the one that is pending keeps its own."""
    told = pending.details.get("generation") if pending else None
    if isinstance(told, int):
        return told
    return 1 if recorded is None or pending is not None else recorded.generation + 1


async def _put(ctx: Context, only: Collection[str], generation: int) -> None:
    ctx.interrupt.checkpoint()
    await arm.refuse_foreign_vms(ctx)
    await turns.refuse_restarts(ctx, only)
    repair = ctx.state.pending_operations.get(REPAIR)
    shared = _shared_is_due(ctx, only, generation, repair)
    with ctx.commit() as tx:
        tx.begin_operation(
            OPERATION,
            kind="arm_deployment",
            target=arm.target(ctx).id,
            phase=ctx.phase,
            details={"generation": generation, "repair": repair is not None},
        )
        tx.set(f"phases.{ctx.phase}.step", "submitting the template deployment")
        if shared:
            tx.set("azure_resources.resource_group.status", "creating")
            for part in ("vnet", "subnet", "nsg"):
                tx.set(f"azure_resources.network.{part}.status", "creating")
        for name in only:
            if tx.state.azure_resources.virtual_machines[name].status in ("pending", "failed"):
                tx.merge(f"azure_resources.virtual_machines.{name}", {"status": "creating", "detail": ""})
        ctx.event(tx, "deployment_submitted", f"template deployment for {counted(len(only))}")
    try:
        view, ours = await arm.put(ctx, only, generation=generation, shared=shared), True
    except AzureRequestError as error:
        if error.code != "DeploymentActive":
            if _is_refusal(error):
                _reject(ctx, only)
            await refusal.advise(ctx, error)
            raise
        active = await arm.get(ctx)
        if active is None:
            raise
        view, ours = active, arm.generation_of(active) >= generation
    _record(ctx, view, "deployment_accepted", "Azure accepted the deployment", repair=ours)


def _shared_is_due(
    ctx: Context, only: Collection[str], generation: int, repair: PendingOperation | None
) -> bool:
    """Whether group, network, rules and SSH key are sent too: a PUT takes away what others put into them."""
    state = ctx.state.azure_resources
    network = state.network
    made = network is not None and all(
        part.status == "created" for part in (network.vnet, network.subnet, network.nsg)
    )
    asked = repair is not None and repair.details.get("shared") is True
    return generation == 1 or not made or asked or {*only} == {*state.virtual_machines}


def _is_refusal(error: AzureRequestError) -> bool:
    """Whether ARM said no before it began; after any other error nobody knows what became of it."""
    return 400 <= error.status < 500 and error.status not in (408, 429)


def _record(ctx: Context, view: DeploymentView, action: str, message: str, *, repair: bool) -> None:
    """`repair` says that the pending one was part of this submission, and ends with it."""
    with ctx.commit() as tx:
        tx.end_operation(OPERATION)
        if repair:
            tx.end_operation(REPAIR)
        arm.record(ctx, tx, view)
        tx.set("azure_resources.deployment.submitted_at", ctx.now)
        for name, vm in tx.state.azure_resources.virtual_machines.items():
            if vm.status == "pending":
                tx.set(f"azure_resources.virtual_machines.{name}.status", "creating")
        ctx.event(tx, action, f"{message} ({view.provisioning_state})", resource=view.name)
        if view.provisioning_state == "Succeeded":
            # Adopted when all was made: else its VMs, which have no id yet, would pass for never submitted.
            arm.record_success(ctx, tx, view)
            made = counted(len(view.virtual_machines))
            ctx.event(tx, "deployment_succeeded", f"Azure made {made}", resource=view.name)


def _reject(ctx: Context, only: Collection[str]) -> None:
    """ARM's preflight said no: nothing was started, so nothing is pending."""
    with ctx.commit() as tx:
        tx.end_operation(OPERATION)
        for name in only:
            if tx.state.azure_resources.virtual_machines[name].status == "creating":
                tx.set(f"azure_resources.virtual_machines.{name}.status", "pending")
