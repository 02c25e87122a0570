"""Phase 3: waits until every VM answers over SSH and its cloud-init is done.

The hosts are watched, not the API: a DNS label and a pinned host key per VM make an SSH login the proof that
the VM runs, at no ARM request. ARM is asked when `schedule` says so, and before any verdict.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config.topology import Host
from k0rdent_azure.errors import DeploymentFailedError, HostError, HostUnreachableError
from k0rdent_azure.hosts import cloud_init
from k0rdent_azure.hosts.cloud_init import CloudInitStatus
from k0rdent_azure.phases import arm, durations, schedule, submission, vm_mending
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.state.model import Durations, PhaseName, State, VirtualMachine
from k0rdent_azure.state.transaction import Transaction

#: Cloud seconds for which a host of a deployment that succeeded may be silent before ARM is asked for its power state,
#: and between such questions.
SILENCE = 120.0
SILENCE_AGAIN = 300.0


@dataclass
class Watch:
    """What is known of this wait; `asked` counts the questions to ARM that are behind us (see `Schedule.due`).

    `verdicts` are those that were asked when all hosts were ready, the next one not before `verdict_at`.
    """

    started: float
    already_waited: float
    schedule: schedule.Schedule
    #: Whether ARM accepted the deployment in this run: only then is it known how long everything took.
    accepted_now: bool
    looks: int = 0
    asked: int = 0
    verdicts: int = 0
    verdict_at: float = 0.0
    succeeded: bool = False
    ready: set[str] = field(default_factory=set)
    #: Those that did not answer at the newest look. Who answers has power, and needs no question.
    silent: list[str] = field(default_factory=list)
    #: When ARM is next asked whether silent hosts have power; None until the deployment has succeeded.
    ask_power_at: float | None = None
    revived: Counter[str] = field(default_factory=Counter)


class VmCreation:
    """Observes each host by SSH; asks ARM on a schedule; never decides from silence alone."""

    name: PhaseName = "vm_creation"

    async def run(self, ctx: Context) -> None:
        watch = _watch(ctx)
        watch.succeeded = not submission.is_due(ctx.state) and _is_made(ctx.state)
        if not watch.succeeded:
            ctx.step(f"waiting for {submission.counted(len(ctx.hosts))} to answer over SSH")
        while True:
            # Asked before the look too: how long a look takes must not decide whether ARM is asked.
            if self._is_time_to_ask(ctx, watch):
                await self._ask_arm(ctx, watch)
            await self._look(ctx, watch)
            if len(watch.ready) == len(ctx.hosts) and ctx.clock.monotonic() >= watch.verdict_at:
                await self._ask_arm(ctx, watch)
                watch.verdict_at = ctx.clock.monotonic() + schedule.verdict_pause(watch.verdicts)
                watch.verdicts += 1
            if len(watch.ready) == len(ctx.hosts) and watch.succeeded:
                _note(ctx, watch, "creation")
                break
            await self._check_silence(ctx, watch)
            await ctx.sleep(ctx.config.timeouts.vm_wait_check_interval)

    async def _look(self, ctx: Context, watch: Watch) -> None:
        vms = ctx.state.azure_resources.virtual_machines
        waiting = [host for host in ctx.hosts if host.name not in watch.ready]
        found = await asyncio.gather(*(_observe(ctx, host, vms[host.name]) for host in waiting))
        watch.looks += 1
        watch.silent = [host.name for host, status in zip(waiting, found, strict=True) if status is None]
        _record_observations(ctx, dict(zip([host.name for host in waiting], found, strict=True)))
        for host, status in zip(waiting, found, strict=True):
            if status == "failed":
                raise HostError(
                    f"cloud-init failed on {host.name}",
                    hint=f"look at it with: ssh {ctx.config.ssh.username}@{vms[host.name].fqdn} "
                    "cloud-init status --long",
                    way="replace",
                    places=("azure.vm_image",),
                    about=host.name,
                )
            if status == "done":
                watch.ready.add(host.name)

    def _is_time_to_ask(self, ctx: Context, watch: Watch) -> bool:
        if watch.succeeded:
            return False
        waited = watch.already_waited + ctx.clock.monotonic() - watch.started
        due, asked = watch.schedule.due(waited), watch.asked
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
                hint="somebody deleted the deployment record: what exists cannot be told from it any more",
                way="destroy",
            )
        watch.succeeded = view.provisioning_state == "Succeeded"
        with ctx.commit() as tx:
            arm.record(ctx, tx, view)
            if watch.succeeded:
                arm.record_success(ctx, tx, view)
                made = submission.counted(len(view.virtual_machines))
                ctx.event(tx, "deployment_succeeded", f"Azure made {made}", resource=view.name)
        if view.provisioning_state in submission.ENDED_BADLY:
            _note(ctx, watch, "failure")
            await vm_mending.after_failure(ctx, view)
            self._start_anew(ctx, watch)
        elif watch.succeeded and submission.is_due(ctx.state):
            # What ended was an earlier submission, without the VMs that are missing now.
            await submission.submit(ctx)
            self._start_anew(ctx, watch)

    def _start_anew(self, ctx: Context, watch: Watch) -> None:
        watch.started, watch.already_waited, watch.looks = ctx.clock.monotonic(), 0.0, 0
        watch.asked, watch.succeeded, watch.ask_power_at = 0, False, None
        watch.verdicts, watch.verdict_at = 0, 0.0
        vms = ctx.state.azure_resources.virtual_machines
        watch.ready = {name for name in watch.ready if vms[name].status == "running"}

    async def _check_silence(self, ctx: Context, watch: Watch) -> None:
        """Azure says that all VMs were made, yet some are silent: ask whether they have power, then judge."""
        if not watch.succeeded:
            return
        now = ctx.clock.monotonic()
        watch.ask_power_at = watch.ask_power_at or now + SILENCE
        late = self._is_late(ctx, watch)
        if not late and (now < watch.ask_power_at or not watch.silent):
            return
        watch.ask_power_at = now + SILENCE_AGAIN
        mended = bool(watch.silent) and await vm_mending.revive(ctx, watch.silent, watch.revived)
        if mended:
            self._start_anew(ctx, watch)
            watch.succeeded = not submission.is_due(ctx.state) and _is_made(ctx.state)
            return
        if late:
            raise _too_late(ctx, watch)

    def _is_late(self, ctx: Context, watch: Watch) -> bool:
        limit = ctx.config.timeouts.vm_creation_minutes * 60
        # A run that goes on has its own patience: the time before it may have been spent switched off.
        return ctx.clock.monotonic() - watch.started > limit and watch.looks >= LOOKS_BEFORE_GIVING_UP


def _too_late(ctx: Context, watch: Watch) -> HostError:
    if watch.silent:
        vms = ctx.state.azure_resources.virtual_machines
        by_name = {host.name: ctx.public_target(host, vms[host.name]) for host in ctx.hosts}
        why = ctx.ssh.why_not(*(by_name[name] for name in watch.silent))
        return HostUnreachableError(
            f"{', '.join(watch.silent)} cannot be reached over SSH, and Azure does not say that they are off"
            + (f": {why}" if why else ""),
            hint="correct that"
            if why
            else "check that TCP port 22 may leave this network; if the portal's boot diagnostics show no login, the "
            "image does not boot",
            way="again" if why else "either",
            places=() if why else ("azure.vm_image", "network.allowed_ssh_sources"),
        )
    slow = ", ".join(host.name for host in ctx.hosts if host.name not in watch.ready)
    return HostError(
        f"cloud-init has not ended on {slow} within {ctx.config.timeouts.vm_creation_minutes} minutes",
        hint="look at /var/log/cloud-init-output.log there",
    )


def _is_made(state: State) -> bool:
    recorded = state.azure_resources.deployment
    return recorded is not None and recorded.provisioning_state == "Succeeded"


def _watch(ctx: Context) -> Watch:
    """Where this wait begins: at acceptance, or somewhere after it in a run that goes on."""
    ledger = ctx.outside.ledger
    accepted_now = any(
        entry.phase == "azure_setup" and entry.method == "PUT" and 0 < entry.status < 300
        for entry in ledger.entries
    )
    return Watch(
        started=ctx.clock.monotonic(),
        already_waited=0.0 if accepted_now else _waited_before(ctx),
        schedule=schedule.creation(ctx.state.durations or Durations()),
        accepted_now=accepted_now,
        # What became of a deployment that an earlier run submitted is unknown: ask at once.
        asked=0 if "azure_setup" in ledger.counts() else -1,
    )


def _note(ctx: Context, watch: Watch, kind: Literal["creation", "failure"]) -> None:
    if watch.accepted_now:
        with ctx.commit() as tx:
            durations.note(tx, kind, ctx.clock.monotonic() - watch.started)


async def _observe(ctx: Context, host: Host, vm: VirtualMachine) -> CloudInitStatus | None:
    """cloud-init's status on a host: pending, running, done, failed; None while SSH does not answer."""
    target = ctx.public_target(host, vm)
    if not await ctx.ssh.probe(target):
        ctx.observer.activity(host.name, f"waiting for SSH: {ctx.ssh.why_not(target)}")
        return None
    result = await ctx.ssh.run(target, cloud_init.status_command(), check=False)
    status = cloud_init.parse_status(result.stdout)
    ctx.observer.activity(host.name, "" if status == "done" else f"cloud-init {status}")
    return status


def _record_observations(ctx: Context, found: dict[str, CloudInitStatus | None]) -> None:
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


def _record_observation(ctx: Context, tx: Transaction, name: str, status: CloudInitStatus) -> None:
    vm = tx.state.azure_resources.virtual_machines[name]
    tx.vm(name).update(
        status="running",
        power_state="VM running",
        cloud_init=status,
        last_checked=ctx.now,
        created_at=vm.created_at or ctx.now,
    )
    if vm.status != "running":
        zone = vm.availability_zone or "-"
        ctx.event(tx, "vm_created", f"answers over SSH (zone {zone})", resource=name)
    if status == "done":
        ctx.event(tx, "cloud_init_done", "cloud-init finished", resource=name)


def _waited_before(ctx: Context) -> float:
    """Cloud seconds since the deployment was accepted, in whichever run."""
    recorded = ctx.state.azure_resources.deployment
    moment = recorded.submitted_at if recorded else None
    return ctx.clock.age(parse_timestamp(moment)) if moment else 0.0
