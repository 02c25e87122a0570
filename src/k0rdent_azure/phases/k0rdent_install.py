"""Phase 6: kcm, k0rdent's management plane, installed by k0s itself from its chart."""

from __future__ import annotations

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.children import children
from k0rdent_azure.cluster.kcm import CommandOutput, Readiness
from k0rdent_azure.errors import ClusterError, HostError, HostUnreachableError
from k0rdent_azure.phases.children import note
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.state.model import PhaseName

#: Cloud seconds between two looks at the Management object; it settles in 5 to 10 minutes.
POLL = 20.0


class K0rdentInstall:
    """Observes the Management object; applies the chart only where there is none."""

    name: PhaseName = "k0rdent_install"

    async def run(self, ctx: Context) -> None:
        readiness = await self._observe(ctx)
        if readiness.ready:
            await self._list_children(ctx)
            return
        if (
            await kcm.chart_version(kubectl_on_leader(ctx), release=_release(ctx))
            != ctx.config.software.k0rdent.version
        ):
            await self._install(ctx)
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
        await kcm.install(
            kubectl_on_leader(ctx),
            version=software.version,
            registry=software.registry,
            namespace=software.namespace,
            release=_release(ctx),
        )
        with ctx.commit() as tx:
            tx.phase(self.name).update(step="waiting for the Management object")

    async def _wait(self, ctx: Context) -> None:
        started, looks = ctx.clock.monotonic(), 0
        while True:
            try:
                readiness = await self._observe(ctx)
            except HostUnreachableError:
                readiness = Readiness(ready=False, message="the leader does not answer")
            if readiness.ready:
                return
            ctx.observer.activity("kcm", readiness.message)
            looks += 1
            late = ctx.clock.monotonic() - started > ctx.config.timeouts.k0rdent_install_wait
            if late and looks >= LOOKS_BEFORE_GIVING_UP:
                with ctx.commit() as tx:
                    tx.k0rdent.update(status="failed")
                raise ClusterError(
                    f"kcm is not ready after {ctx.config.timeouts.k0rdent_install_wait} s: {readiness.message}",
                    hint="it may only need more time: run resume to go on waiting",
                )
            await ctx.sleep(POLL)


def _release(ctx: Context) -> str:
    recorded = ctx.state.k0rdent
    return recorded.helm_release if recorded else "kcm"


def kubectl_on_leader(ctx: Context) -> kcm.Kubectl:
    """kubectl as k0s carries it, run by the leader: nothing more is needed on the workstation."""
    leader = ctx.hosts[0]
    target = ctx.vpn_target(leader, ctx.state.azure_resources.virtual_machines[leader.name])

    async def run(arguments: list[str], stdin: str | None) -> CommandOutput:
        command = kcm.kubectl_command(arguments)
        return await ctx.ssh.run(target, command, stdin=stdin, check=False)

    return run
