"""Phase 3: waits until every VM answers over SSH and its cloud-init is done.

The hosts are watched, not the API: a DNS label and a pinned host key per VM make an SSH login the proof that
the VM runs, at no ARM request. ARM is asked early (most failures come early), late, and before any verdict.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from k0rdent_azure.azure.deployments import DeploymentView
from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config.topology import Host
from k0rdent_azure.errors import DeploymentFailedError, HostError, HostUnreachableError
from k0rdent_azure.hosts import cloud_init
from k0rdent_azure.phases import arm
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.plan import asks_due
from k0rdent_azure.state.model import PhaseName, VirtualMachine
from k0rdent_azure.state.transaction import Transaction


@dataclass
class Watch:
    """What is known of this wait; `asked` counts the questions to ARM that are behind us (see `asks_due`)."""

    started: float
    already_waited: float
    looks: int = 0
    asked: int = 0
    succeeded: bool = False
    ready: set[str] = field(default_factory=set)


class VmCreation:
    """Observes each host by SSH; asks ARM on a schedule; never decides from silence alone."""

    name: PhaseName = "vm_creation"

    async def run(self, ctx: Context) -> None:
        resources = ctx.state.azure_resources
        deployment = resources.deployment
        assert deployment is not None, "azure_setup records the deployment"  # noqa: S101
        watch = Watch(ctx.clock.monotonic(), _waited_before(ctx))
        # What became of a deployment that an earlier run submitted is unknown: ask at once.
        submitted_now = "azure_setup" in ctx.outside.ledger.counts()
        watch.asked = asks_due(watch.already_waited) if submitted_now else -1
        watch.succeeded = deployment.provisioning_state == "Succeeded" and all(
            vm.public_ip for vm in resources.virtual_machines.values()
        )
        if not watch.succeeded:
            ctx.step(f"waiting for {len(ctx.hosts)} VMs to answer over SSH")
        while True:
            # Asked before the look too: how long a look takes must not decide whether ARM is asked.
            if self._is_time_to_ask(ctx, watch):
                await self._ask_arm(ctx, watch)
            await self._look(ctx, watch)
            if len(watch.ready) == len(ctx.hosts):
                await self._ask_arm(ctx, watch)
            if len(watch.ready) == len(ctx.hosts) and watch.succeeded:
                break
            self._check_deadline(ctx, watch)
            await ctx.sleep(ctx.config.timeouts.vm_wait_check_interval)

    async def _look(self, ctx: Context, watch: Watch) -> None:
        vms = ctx.state.azure_resources.virtual_machines
        waiting = [host for host in ctx.hosts if host.name not in watch.ready]
        found = await asyncio.gather(*(_observe(ctx, host, vms[host.name]) for host in waiting))
        watch.looks += 1
        _record_observations(ctx, dict(zip([host.name for host in waiting], found, strict=True)))
        for host, status in zip(waiting, found, strict=True):
            if status == "failed":
                raise HostError(
                    f"cloud-init failed on {host.name}",
                    hint=f"look at it with: ssh {ctx.config.ssh.username}@{vms[host.name].fqdn} "
                    "cloud-init status --long",
                )
            if status == "done":
                watch.ready.add(host.name)

    def _is_time_to_ask(self, ctx: Context, watch: Watch) -> bool:
        if watch.succeeded:
            return False
        waited = watch.already_waited + ctx.clock.monotonic() - watch.started
        due, asked = asks_due(waited), watch.asked
        watch.asked = due
        return due > asked

    async def _ask_arm(self, ctx: Context, watch: Watch) -> None:
        if watch.succeeded:
            return
        view = await arm.get(ctx)
        if view is None:
            raise DeploymentFailedError(
                f"Azure has no deployment {ctx.names.deployment}",
                code="DeploymentNotFound",
                hint="someone deleted it; destroy what is left, then deploy again",
            )
        watch.succeeded = view.provisioning_state == "Succeeded"
        with ctx.commit() as tx:
            arm.record(ctx, tx, view)
            if watch.succeeded:
                arm.record_success(ctx, tx, view)
                made = len(view.virtual_machines)
                ctx.event(tx, "deployment_succeeded", f"Azure made {made} VMs", resource=view.name)
        if view.provisioning_state in ("Failed", "Canceled"):
            await self._fail(ctx, view)

    async def _fail(self, ctx: Context, view: DeploymentView) -> None:
        error, failed = await arm.failure(ctx, view)
        with ctx.commit() as tx:
            for name, reason in failed.items():
                if name in tx.state.azure_resources.virtual_machines:
                    tx.merge(
                        f"azure_resources.virtual_machines.{name}",
                        {"status": "failed", "provisioning_state": "Failed", "detail": reason},
                    )
                    ctx.event(tx, "vm_failed", reason, resource=name)
        raise error

    def _is_late(self, ctx: Context, watch: Watch) -> bool:
        limit = ctx.config.timeouts.vm_creation_minutes * 60
        # A run that goes on has its own patience: the time before it may have been spent switched off.
        return ctx.clock.monotonic() - watch.started > limit and watch.looks >= LOOKS_BEFORE_GIVING_UP

    def _check_deadline(self, ctx: Context, watch: Watch) -> None:
        """ARM was asked just now (a late look always asks): still running is no verdict, silence is one."""
        if watch.succeeded and self._is_late(ctx, watch):
            missing = ", ".join(host.name for host in ctx.hosts if host.name not in watch.ready)
            raise HostUnreachableError(
                f"Azure says that the VMs run, but {missing} cannot be reached over SSH",
                hint="check that TCP port 22 may leave this network, then run resume",
            )


async def _observe(ctx: Context, host: Host, vm: VirtualMachine) -> str | None:
    """cloud-init's status on a host: pending, running, done, failed; None while SSH does not answer."""
    target = ctx.public_target(host, vm)
    if not await ctx.ssh.probe(target):
        ctx.observer.activity(host.name, "waiting for SSH")
        return None
    result = await ctx.ssh.run(target, cloud_init.status_command(), check=False)
    status = cloud_init.parse_status(result.stdout)
    ctx.observer.activity(host.name, "" if status == "done" else f"cloud-init {status}")
    return status


def _record_observations(ctx: Context, found: dict[str, str | None]) -> None:
    """Commit what a look changed, all of it at once; a look that shows nothing new costs no write."""
    vms = ctx.state.azure_resources.virtual_machines
    news = {
        name: status
        for name, status in found.items()
        if status is not None and (vms[name].status != "running" or vms[name].cloud_init != status)
    }
    if not news:
        return
    with ctx.commit() as tx:
        for name, status in news.items():
            _record_observation(ctx, tx, name, status)


def _record_observation(ctx: Context, tx: Transaction, name: str, status: str) -> None:
    vm = tx.state.azure_resources.virtual_machines[name]
    path = ("azure_resources", "virtual_machines", name)
    seen = {"status": "running", "power_state": "VM running", "cloud_init": status, "last_checked": ctx.now}
    tx.merge(path, {**seen, "created_at": vm.created_at or ctx.now})
    if vm.status != "running":
        zone = vm.availability_zone or "-"
        ctx.event(tx, "vm_created", f"answers over SSH (zone {zone})", resource=name)
    if status == "done":
        ctx.event(tx, "cloud_init_done", "cloud-init finished", resource=name)


def _waited_before(ctx: Context) -> float:
    """Cloud seconds since the deployment was accepted, in whichever run."""
    record = ctx.state.phases.get("azure_setup")
    moment = record.ended_at if record else None
    return ctx.clock.age(parse_timestamp(moment)) if moment else 0.0
