"""Phase 6: kcm, k0rdent's management plane, installed by k0s itself from its chart."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from typing import TypeVar

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.answers import NotYetError
from k0rdent_azure.cluster.children import children
from k0rdent_azure.cluster.kcm import CommandOutput, Readiness
from k0rdent_azure.errors import ClusterError, CommandFailedError, HostError, HostUnreachableError, Way
from k0rdent_azure.hosts.command import CommandResult
from k0rdent_azure.phases.children import note
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.state.model import PhaseName

#: Cloud seconds between two looks at the Management object; it settles in 5 to 10 minutes.
POLL = 20.0
#: … and between two tries of what the API server cannot do yet, and how long it is given.
RETRY_DELAY = 10.0
API_PATIENCE = 600.0
#: How often in a row an error that stays has to be seen: k0s may have written it before the last change.
SURE = 6

T = TypeVar("T")


class K0rdentInstall:
    """Observes the Management object; applies the chart only where there is none."""

    name: PhaseName = "k0rdent_install"

    async def run(self, ctx: Context) -> None:
        readiness = await self._observe(ctx)
        if readiness.ready:
            await self._list_children(ctx)
            return
        there = await _answered(ctx, lambda: kcm.chart_version(kubectl_on_leader(ctx), release=_release(ctx)))
        if there != ctx.config.software.k0rdent.version:
            await self._install(ctx)
        elif readiness.helm is not None:
            await self._again(ctx, readiness.helm)
        await self._wait(ctx)
        await self._list_children(ctx)

    async def _list_children(self, ctx: Context) -> None:
        """Keep the list of clusters that k0rdent manages, for the day when nobody can ask; no answer is fine."""
        try:
            found = await children(kubectl_on_leader(ctx))
        except (ClusterError, HostError):
            return
        with ctx.commit() as tx:
            note(tx, found, now=ctx.now)

    async def _observe(self, ctx: Context) -> Readiness:
        readiness = await kcm.observe(kubectl_on_leader(ctx), release=_release(ctx))
        recorded = ctx.state.k0rdent
        assert recorded is not None, "the state begins with a k0rdent section"  # noqa: S101
        with ctx.commit() as tx:
            tx.k0rdent.update(last_checked=ctx.now)
            for name, component in readiness.components.items():
                # What was wrong with it an hour ago is no error of now.
                tx.component(name).put(component)
            if readiness.release:
                tx.k0rdent.update(release=readiness.release)
            if readiness.ready and recorded.status != "ready":
                tx.end_operation("kcm-install")
                tx.k0rdent.update(status="ready")
                ctx.event(tx, "k0rdent_ready", "the Management object is Ready", resource="management/kcm")
        return readiness

    async def _install(self, ctx: Context) -> None:
        ctx.need_confirmation("install the kcm chart: it is not there in the wanted version")
        ctx.interrupt.checkpoint()
        software = ctx.config.software.k0rdent
        with ctx.commit() as tx:
            tx.begin_operation("kcm-install", kind="kcm_install", target=_release(ctx), phase=self.name)
            tx.k0rdent.update(status="installing", installed_by="k0s helm extension")
            tx.phase(self.name).update(step="applying the kcm chart")
            ctx.event(tx, "kcm_install_started", f"kcm {software.version} from {software.registry}")
        await self._apply(ctx)
        with ctx.commit() as tx:
            tx.phase(self.name).update(step="waiting for the Management object")

    async def _again(self, ctx: Context, error: str) -> None:
        """Let helm try once more at once: what was wrong in an earlier run may be right by now."""
        ctx.need_confirmation(f"let helm install the kcm chart again: {error}")
        ctx.interrupt.checkpoint()
        with ctx.commit() as tx:
            tx.begin_operation("kcm-install", kind="kcm_install", target=_release(ctx), phase=self.name)
            tx.k0rdent.update(status="installing")
            ctx.event(tx, "kcm_install_repeated", f"helm had said: {error}")
        await self._apply(ctx, attempt=ctx.now)

    async def _apply(self, ctx: Context, *, attempt: str = "") -> None:
        software = ctx.config.software.k0rdent
        await _answered(
            ctx,
            lambda: kcm.install(
                kubectl_on_leader(ctx),
                version=software.version,
                registry=software.registry,
                namespace=software.namespace,
                release=_release(ctx),
                attempt=attempt,
            ),
        )

    async def _wait(self, ctx: Context) -> None:
        started, looks, sure = ctx.clock.monotonic(), 0, 0
        while True:
            try:
                readiness = await self._observe(ctx)
            except HostUnreachableError:
                readiness = Readiness(ready=False, message="the leader does not answer")
            if readiness.ready:
                return
            ctx.observer.activity("kcm", readiness.message)
            looks += 1
            sure = sure + 1 if readiness.lasting is not None else 0
            if sure >= SURE:
                raise _lasting(ctx, readiness)
            late = ctx.clock.monotonic() - started > ctx.config.timeouts.k0rdent_install_wait
            if late and looks >= LOOKS_BEFORE_GIVING_UP:
                with ctx.commit() as tx:
                    tx.k0rdent.update(status="failed")
                raise ClusterError(
                    f"kcm is not ready after {ctx.config.timeouts.k0rdent_install_wait} s: {readiness.message}",
                    hint="it may only need more time",
                )
            await ctx.sleep(POLL)


async def _answered(ctx: Context, ask: Callable[[], Awaitable[T]]) -> T:
    """What the API server answers, once it can. Raises ClusterError at once for a refusal, or if it takes too long."""
    started, looks = ctx.clock.monotonic(), 0
    while True:
        try:
            return await ask()
        except NotYetError as error:
            looks += 1
            ctx.observer.activity("kcm", f"waiting for the API server: {error.message}")
            late = ctx.clock.monotonic() - started > API_PATIENCE
            if late and looks >= LOOKS_BEFORE_GIVING_UP:
                raise ClusterError(
                    f"the API server could not do it within {API_PATIENCE:.0f} s: {error.message}",
                    hint=f"see what is wrong with it: {kubectl_command(ctx)} get --raw '/readyz?verbose'",
                ) from error
        await ctx.sleep(RETRY_DELAY)


def _lasting(ctx: Context, readiness: Readiness) -> ClusterError:
    """The error for what no waiting helps against, with helm's own words."""
    assert readiness.lasting is not None  # noqa: S101 - whoever asks has seen it
    with ctx.commit() as tx:
        tx.k0rdent.update(status="failed")
    advice = readiness.lasting.advice.format(
        kubectl=kubectl_command(ctx),
        namespace=shlex.quote(ctx.config.software.k0rdent.namespace),
        release=shlex.quote(_release(ctx)),
    )
    settings = readiness.lasting.settings
    # A registry can be opened for the same configuration; a version that is not there stays away.
    way: Way = "either" if readiness.lasting.family == "denied" else "change" if settings else "again"
    return ClusterError(
        f"kcm cannot be installed: {readiness.message}", hint=advice, way=way, places=settings
    )


def kubectl_command(ctx: Context) -> str:
    """What begins a kubectl command line for this cluster, for a hint."""
    cluster = ctx.state.k0s_cluster
    file = ctx.path(cluster.kubeconfig_file) if cluster else "kubeconfig"
    return f"kubectl --kubeconfig {shlex.quote(str(file))}"


def _release(ctx: Context) -> str:
    recorded = ctx.state.k0rdent
    return recorded.helm_release if recorded else "kcm"


def kubectl_on_leader(ctx: Context) -> kcm.Kubectl:
    """kubectl as k0s carries it, run by the leader: nothing more is needed on the workstation."""
    leader = ctx.hosts[0]
    target = ctx.vpn_target(leader, ctx.state.azure_resources.virtual_machines[leader.name])

    async def run(arguments: list[str], stdin: str | None) -> CommandOutput:
        command = kcm.kubectl_command(arguments)
        try:
            return await ctx.ssh.run(target, command, stdin=stdin, check=False)
        except CommandFailedError as error:
            # It did not end in time: the API server may be quicker in a while.
            return CommandResult(error.exit_status, "", error.message)

    return run
