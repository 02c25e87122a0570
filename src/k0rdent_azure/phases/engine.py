"""Runs phases in order: each observes before it acts, so a run that goes on is the same as one that starts.

Recorded completion is a hint only; a phase that finds its work done says so and costs next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

from k0rdent_azure.errors import (
    InterruptedRunError,
    K0rdentAzureError,
    TerminatedRunError,
    UnconfirmedError,
)
from k0rdent_azure.phases.azure_setup import AzureSetup
from k0rdent_azure.phases.begin import failure_of
from k0rdent_azure.phases.cluster_setup import ClusterSetup
from k0rdent_azure.phases.complete import Complete
from k0rdent_azure.phases.context import Context, Stopwatch
from k0rdent_azure.phases.k0rdent_install import K0rdentInstall
from k0rdent_azure.phases.preparation import Preparation
from k0rdent_azure.phases.vm_creation import VmCreation
from k0rdent_azure.phases.vpn_setup import VpnSetup
from k0rdent_azure.state.model import PhaseName


class Phase(Protocol):
    """One step of a deployment. `run` observes, acts where needed, and returns when its work is done."""

    name: PhaseName

    async def run(self, ctx: Context) -> None:
        """Raises K0rdentAzureError where it cannot; whatever it did until then is committed."""


PHASES: Sequence[Phase] = (
    Preparation(),
    AzureSetup(),
    VmCreation(),
    VpnSetup(),
    ClusterSetup(),
    K0rdentInstall(),
    Complete(),
)


async def run_phases(ctx: Context, phases: Sequence[Phase] = PHASES) -> None:
    """Bring the deployment to `complete`, or record why and where it stopped and raise that."""
    await recorded(ctx, run_all(ctx, phases))


async def run_all(ctx: Context, phases: Sequence[Phase]) -> None:
    """Run `phases` in order; what they raise is not recorded here."""
    for phase in phases:
        ctx.interrupt.checkpoint()
        await _run_phase(ctx, phase)


async def recorded(ctx: Context, work: Awaitable[None]) -> None:
    """Await `work`; record why and where it stopped, if it does, and raise that."""
    try:
        await work
    except (InterruptedRunError, TerminatedRunError):
        _record_interruption(ctx)
        raise
    except asyncio.CancelledError:
        _record_interruption(ctx)
        raise ctx.interrupt.error() from None
    except UnconfirmedError:
        # Nothing went wrong, and nothing was done.
        ctx.stopwatch = None
        raise
    except K0rdentAzureError as error:
        _record_failure(ctx, error)
        raise
    except OSError as error:
        what = K0rdentAzureError(f"{error.filename or 'a system call'}: {error.strerror or error}")
        _record_failure(ctx, what)
        raise what from error
    except Exception as error:
        _record_failure(ctx, K0rdentAzureError(f"internal error: {type(error).__name__}"))
        raise


async def _run_phase(ctx: Context, phase: Phase) -> None:
    ctx.phase = phase.name
    ctx.outside.ledger.phase = phase.name
    record = ctx.state.phases.get(phase.name)
    was_done = record is not None and record.status == "completed"
    ctx.stopwatch = None if was_done else Stopwatch(ctx.clock, (record.seconds or 0.0) if record else 0.0)
    with ctx.commit() as tx:
        tx.metadata.update(deployment_phase=phase.name)
        if not was_done:
            tx.phase(phase.name).update(status="in_progress", step="observing")
            if record is None or record.started_at is None:
                tx.phase(phase.name).update(started_at=ctx.now)
            ctx.event(tx, "phase_started", f"{phase.name} started")
    await phase.run(ctx)
    with ctx.commit() as tx:
        tx.phase(phase.name).update(status="completed")
        tx.phase(phase.name).clear("step")
        if not was_done:
            tx.phase(phase.name).update(ended_at=ctx.now)
            ctx.event(tx, "phase_completed", f"{phase.name} completed")
    ctx.stopwatch = None


def _record_interruption(ctx: Context) -> None:
    if ctx.only_looks:
        return
    with ctx.commit() as tx:
        tx.metadata.update(deployment_status="interrupted")
        tx.phase(ctx.phase).update(status="interrupted")
        ctx.event(tx, "deployment_interrupted", f"stopped at a safe point in {ctx.phase}")


def _record_failure(ctx: Context, error: K0rdentAzureError) -> None:
    failure = failure_of(error, ctx)
    if ctx.only_looks:
        # The deployment is complete all the same: else the next run would take it for one that may be changed.
        with ctx.commit() as tx:
            tx.event(ctx.phase, "look_failed", error.message, resource=failure.resource, details=failure.code)
        return
    with ctx.commit() as tx:
        tx.metadata.update(deployment_status="failed")
        tx.failure.put(failure)
        tx.phase(ctx.phase).update(status="failed")
        tx.event(ctx.phase, "phase_failed", error.message, resource=failure.resource, details=failure.code)
