"""How a deployment's state begins, and how a run on it begins and ends."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Collection

import msgspec

from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.snapshot import to_snapshot
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import (
    AzureError,
    AzureRequestError,
    DeploymentFailedError,
    K0rdentAzureError,
    StateConflictError,
    StrangerError,
)
from k0rdent_azure.phases import arm, ownership, standing, submission
from k0rdent_azure.phases.cluster_setup import finish_running, tool
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.preparation import refuse_without_ssh_key
from k0rdent_azure.state.intents import Act, refuse
from k0rdent_azure.state.lock import user_name
from k0rdent_azure.state.model import SCHEMA_VERSION, DeploymentStatus, Durations, Failure, Run
from k0rdent_azure.state.transaction import Transaction


def initial_document(
    config: Config,
    names: Names,
    *,
    clock: Clock,
    config_file: str | None,
    config_digest: str | None,
    durations: Durations | None = None,
) -> dict[str, object]:
    """The state of a deployment of which nothing exists yet: the snapshot, and what follows from it.

    `durations` are those of earlier deployments, which this one takes over.
    """
    now = timestamp(clock.now())
    metadata: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "deployment_id": names.deployment_id,
        "created_at": now,
        "last_updated": now,
        "deployment_phase": "preparation",
        "deployment_status": "pending",
    }
    optional = {"config_file": config_file, "config_digest": config_digest}
    metadata |= {key: value for key, value in optional.items() if value is not None}
    learned = {"durations": msgspec.to_builtins(durations)} if durations not in (None, Durations()) else {}
    return {
        "metadata": metadata,
        "configuration": to_snapshot(config, resource_group=names.resource_group),
        "azure_resources": _azure_resources(config, names),
        "wireguard": _wireguard(config, names),
        "k0s_cluster": {
            "status": "not_deployed",
            "config_file": f"./k0sctl-config/{names.deployment_id}-k0sctl.yaml",
            "kubeconfig_file": f"./k0sctl-config/{names.deployment_id}-kubeconfig",
            "controllers": {},
            "workers": {},
        },
        "k0rdent": {
            "status": "not_deployed",
            "version": config.software.k0rdent.version,
            "registry": config.software.k0rdent.registry,
            "namespace": config.software.k0rdent.namespace,
            "helm_release": "kcm",
        },
        **learned,
        "events": [
            {
                "timestamp": now,
                "phase": "preparation",
                "action": "config_validated",
                "message": "Configuration validated and recorded",
            }
        ],
    }


def _azure_resources(config: Config, names: Names) -> dict[str, object]:
    return {
        "resource_group": {
            "name": names.resource_group,
            "status": "pending",
            "location": config.azure.location,
            "owned": names.existing_group is None,
        },
        "network": {
            "vnet": {
                "name": names.vnet,
                "status": "pending",
                "address_prefix": config.network.vnet_prefix,
            },
            "subnet": {
                "name": names.subnet,
                "status": "pending",
                "address_prefix": config.network.subnet_prefix,
            },
            "nsg": {"name": names.nsg, "status": "pending", "rules_count": 0},
        },
        "virtual_machines": {},
    }


def _wireguard(config: Config, names: Names) -> dict[str, object]:
    return {
        "port": config.network.wireguard_port,
        "network": config.network.wireguard_network,
        "peers": {},
        "laptop_config": {
            "file_path": f"./wireguard/{names.wireguard_interface}.conf",
            "status": "pending",
            "setup_complete": False,
            "interface": names.wireguard_interface,
        },
    }


#: What its requests are counted under, in place of a phase.
LEDGER_NAME = "look"


async def open_run(
    ctx: Context,
    act: Act,
    *,
    status: DeploymentStatus,
    action: str,
    message: str,
    intent: Callable[[Transaction], None] | None = None,
    seen_serial: int | None = None,
    touches: Collection[str] = (),
) -> None:
    """Begin a run that changes something outside, as `begin_run` does, if it may.

    A k0sctl that a killed run left at work is waited for. Azure is looked at first, so a copy that is behind changes
    nothing, not even its own state. `seen_serial` is the version that the user decided by, `touches` are VMs that have
    to be ours before anything is committed. Raises StateError if something pending has to be finished first, HostError
    and PrerequisiteError if this machine lacks what its end needs, StateConflictError if the state is another version
    by now, BehindError, StrangerError, and AzureError if Azure cannot be asked.
    """
    refuse(ctx.state, act)
    if act in _TAKES_APART:
        _refuse_unfinishable(ctx, act)
    ctx.outside.ledger.phase = LEDGER_NAME
    if seen_serial is not None and ctx.store.read().serial != seen_serial:
        raise _changed_since()
    await finish_running(ctx)
    try:
        await arm.choose_subscription(ctx)
        known = ctx.store.read().serial
        seen = await standing.observe(ctx)
        if not standing.generation_of(ctx.state):
            await submission.refuse_strangers(ctx, [host.name for host in ctx.hosts])
        await ownership.refuse_strange_machines(ctx, touches, what="nothing was changed")
    except AzureError as error:
        with ctx.commit() as tx:
            # The requests are counted. Of a deployment that has not begun, nothing else would tell why.
            if not ctx.state.phases and not isinstance(error, StrangerError):
                tx.metadata.update(deployment_status="failed")
                tx.failure.put(failure_of(error, ctx))
                tx.event("preparation", "look_failed", error.message)
        raise

    def both(tx: Transaction) -> None:
        if seen_serial is not None and tx.document.serial != known:
            raise _changed_since()
        if intent is not None:
            intent(tx)
        standing.raise_generation(tx)

    begin_run(ctx, status=status, action=action, message=message, intent=both)
    await standing.announce(ctx, seen)


#: What deletes or changes first, and makes anew afterwards.
_TAKES_APART: frozenset[Act] = frozenset({"replace", "repair", "rekey"})


def _refuse_unfinishable(ctx: Context, act: Act) -> None:
    """Raise if what such a run needs at its end is missing now: it would be recorded, and wait for good."""
    refuse_without_ssh_key(ctx)
    for vm in ctx.state.azure_resources.virtual_machines.values():
        # All are encrypted to the same recipients.
        if vm.host_private_key is not None:
            ctx.secret(vm.host_private_key)
            break
    cluster = ctx.state.k0s_cluster
    if act != "rekey" and cluster is not None and cluster.status != "not_deployed":
        tool(ctx)


async def look_at_standing(ctx: Context) -> None:
    """What a run that only looks asks Azure: whether this workspace is the newest copy. One request.

    Raises BehindError and StrangerError. If Azure cannot be asked, that is said, and the hosts are looked at anyway.
    """
    ctx.outside.ledger.phase = LEDGER_NAME
    try:
        await standing.observe(ctx)
    except StrangerError:
        raise
    except AzureError as error:
        ctx.observer.notice(
            f"Azure was not asked whether another copy has changed this deployment: {error.message}"
        )


def _changed_since() -> StateConflictError:
    return StateConflictError("the state was changed since the preview", hint="look again, and repeat")


def begin_run(
    ctx: Context,
    *,
    status: DeploymentStatus,
    action: str,
    message: str,
    intent: Callable[[Transaction], None] | None = None,
) -> None:
    """Record who runs what from now on; a failure of an earlier run is no longer the present state.

    `intent` records in the same commit what this run is to do, so that no state knows of only one of them.
    """
    run = Run(
        id=uuid.uuid4().hex[:12],
        command=ctx.command,
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user_name(),
        started_at=ctx.now,
    )
    ctx.run_id = run.id
    with ctx.commit() as tx:
        if intent is not None:
            intent(tx)
        tx.run.put(run)
        tx.failure.remove()
        if ctx.clock.speed != 1.0:
            tx.metadata.update(clock_speed=ctx.clock.speed)
        if tx.state.metadata.deployment_status != "completed":
            tx.metadata.update(deployment_status=status)
        tx.event(tx.state.metadata.deployment_phase, action, message)


def failure_of(error: K0rdentAzureError, ctx: Context) -> Failure:
    """What the state records of an error that ended a run."""
    failure = Failure(
        phase=ctx.phase,
        message=error.message,
        at=ctx.now,
        hint=error.hint,
        way=error.way,
        places=list(error.places),
        about=error.about,
    )
    if isinstance(error, AzureRequestError | DeploymentFailedError):
        failure.code, failure.resource = error.code, error.resource_id
    return failure


def end_run(ctx: Context, outcome: str) -> None:
    """Record how the run ended; a run without this line died."""
    with ctx.commit() as tx:
        tx.run.update(ended_at=ctx.now, outcome=outcome)
