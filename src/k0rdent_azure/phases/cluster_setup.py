"""Phase 5: a k0s cluster on the VMs, made by k0sctl over the VPN."""

from __future__ import annotations

import asyncio
import json

from k0rdent_azure.cluster import apply, kubeconfig
from k0rdent_azure.cluster.apply import K0sctl, Progress
from k0rdent_azure.cluster.k0sctl import Node, cluster_config, known_hosts
from k0rdent_azure.config.topology import Host, k0s_role
from k0rdent_azure.errors import ClusterError, HostUnreachableError, PrerequisiteError
from k0rdent_azure.phases import etcd_members, k0s_services, orphans
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.files import write_private, write_private_if_changed
from k0rdent_azure.state.model import K0sCluster, PhaseName

#: Cloud seconds between two looks at a host that does not answer over the VPN yet.
RETRY_DELAY = 5.0


class ClusterSetup:
    """Observes every node over SSH; runs k0sctl only where one is not ready."""

    name: PhaseName = "cluster_setup"

    async def run(self, ctx: Context) -> None:
        await self._verify_ssh(ctx)
        cluster = ctx.state.k0s_cluster
        assert cluster is not None, "the state begins with a k0s_cluster section"  # noqa: S101
        self._write_files(ctx, cluster)
        k0sctl = tool(ctx)
        await finish_running(ctx)
        ready = await self._observe(ctx)
        if len(ready) < len(ctx.hosts):
            down = [host.name for host in ctx.hosts if host.name not in ready]
            ctx.need_confirmation(f"run k0sctl apply: k0s does not run on {', '.join(down)}")
            if await k0s_services.start(ctx, ready):
                ready = await self._observe(ctx)
            await etcd_members.remove_lost(ctx, ready)
            await orphans.reset(ctx, ready)
            await self._apply(ctx, k0sctl, cluster)
            if len(await self._observe(ctx)) < len(ctx.hosts):
                raise ClusterError(
                    "k0sctl ended well, but not every node runs k0s",
                    hint="see `k0rdent-azure status` for the nodes",
                )
        await self._fetch_kubeconfig(ctx, k0sctl, cluster)

    async def _verify_ssh(self, ctx: Context) -> None:
        vms = ctx.state.azure_resources.virtual_machines
        waiting = list(ctx.hosts)
        started, looks = ctx.clock.monotonic(), 0
        while waiting:
            answers = await asyncio.gather(
                *(ctx.ssh.probe(ctx.vpn_target(host, vms[host.name])) for host in waiting)
            )
            verified = [host for host, answer in zip(waiting, answers, strict=True) if answer]
            self._record_ssh(ctx, verified)
            waiting = [host for host in waiting if host not in verified]
            looks += 1
            late = ctx.clock.monotonic() - started > ctx.config.timeouts.ssh_connect * 4
            if waiting and late and looks >= LOOKS_BEFORE_GIVING_UP:
                names = ", ".join(host.name for host in waiting)
                why = ctx.ssh.why_not(*(ctx.vpn_target(host, vms[host.name]) for host in waiting))
                raise HostUnreachableError(
                    f"no SSH over the VPN to {names}" + (f": {why}" if why else ""),
                    hint="check the VPN with `doctor`",
                )
            if waiting:
                await ctx.sleep(RETRY_DELAY)

    def _record_ssh(self, ctx: Context, verified: list[Host]) -> None:
        if not verified:
            return
        with ctx.commit() as tx:
            for host in verified:
                tx.node(host.role, host.name).update(ssh_status="verified", last_checked=ctx.now)

    def _write_files(self, ctx: Context, cluster: K0sCluster) -> None:
        key = ctx.state.azure_resources.ssh_key
        assert key is not None  # noqa: S101
        gateway = ctx.outside.gateway
        document = cluster_config(
            name=ctx.names.deployment_id,
            nodes=[
                Node(
                    name=host.name,
                    role=k0s_role(ctx.config, host),
                    ssh_address=host.wireguard_ip,
                    private_address=host.private_ip,
                )
                for host in ctx.hosts
            ],
            username=ctx.config.ssh.username,
            key_path=ctx.path(key.local_path).resolve(),
            k0s_version=ctx.config.software.k0s.version,
            gateway=gateway,
            api_sans=[address for host in ctx.hosts for address in (host.wireguard_ip, host.private_ip)],
        )
        write_private_if_changed(ctx.path(cluster.config_file), document, root=ctx.workspace)
        vms = ctx.state.azure_resources.virtual_machines
        entries = [(host.wireguard_ip, 22, vms[host.name].host_key or "") for host in ctx.hosts]
        if gateway is not None:
            entries.append((gateway.host, gateway.port, gateway.host_key))
        write_private_if_changed(ctx.path(_known_hosts()), known_hosts(entries), root=ctx.workspace)

    async def _observe(self, ctx: Context) -> set[str]:
        """Ask each node for its k0s; record what it said; the names of those that run the wanted role."""
        vms = ctx.state.azure_resources.virtual_machines
        results = await asyncio.gather(
            *(
                ctx.ssh.run(ctx.vpn_target(host, vms[host.name]), "sudo -n k0s status -o json", check=False)
                for host in ctx.hosts
            )
        )
        ready = {
            host.name: result.exit_status == 0 and _runs(result.stdout)
            for host, result in zip(ctx.hosts, results, strict=True)
        }
        everything = all(ready.values())
        with ctx.commit() as tx:
            for host in ctx.hosts:
                if ready[host.name]:
                    tx.node(host.role, host.name).update(k0s_status="ready", last_checked=ctx.now)
            if everything:
                tx.end_operation("k0sctl-apply")
                tx.cluster.update(status="ready", last_checked=ctx.now)
        return {name for name, is_ready in ready.items() if is_ready}

    async def _apply(self, ctx: Context, k0sctl: K0sctl, cluster: K0sCluster) -> None:
        ctx.interrupt.checkpoint()
        version = await k0sctl.version()
        with ctx.commit() as tx:
            tx.begin_operation(
                "k0sctl-apply", kind="k0sctl_apply", target=ctx.names.deployment_id, phase=self.name
            )
            tx.cluster.update(status="deploying", installed_by=version)
            # Where no controller was left the cluster is a new one, and so is its certificate authority.
            tx.cluster.clear("api_endpoint")
            tx.phase(self.name).update(step="k0sctl apply")
            ctx.event(tx, "k0sctl_started", f"k0sctl apply with {version}")
        try:
            await k0sctl.apply(
                ctx.path(cluster.config_file),
                known_hosts=ctx.path(_known_hosts()),
                log=ctx.path(_log(ctx)),
                on_progress=lambda progress: self._on_progress(ctx, progress),
            )
        except ClusterError as error:
            with ctx.commit() as tx:
                tx.end_operation("k0sctl-apply")
                tx.cluster.update(status="failed")
            if error.way == "replace":
                named = [host.name for host in ctx.hosts if f"{host.wireguard_ip}:" in error.message]
                error.about, error.way = (named[0], "replace") if named else (None, "again")
            raise
        with ctx.commit() as tx:
            tx.end_operation("k0sctl-apply")
            ctx.event(tx, "k0sctl_finished", "k0sctl apply finished")

    def _on_progress(self, ctx: Context, progress: Progress) -> None:
        by_address = {host.wireguard_ip: host for host in ctx.hosts}
        host = by_address.get(progress.host or "")
        if host is not None:
            ctx.observer.activity(host.name, progress.text)
            if progress.text.startswith(("installing k0s", "starting")):
                with ctx.commit() as tx:
                    tx.node(host.role, host.name).update(k0s_status="installing")
        elif progress.phase is not None:
            ctx.step(f"k0sctl: {progress.phase}")
        if ctx.interrupt.requested:
            ctx.observer.notice("waiting for k0sctl to end: stopping it half-way would reset nodes")

    async def _fetch_kubeconfig(self, ctx: Context, k0sctl: K0sctl, cluster: K0sCluster) -> None:
        leader = ctx.hosts[0]
        path = ctx.path(cluster.kubeconfig_file)
        recorded = ctx.state.k0s_cluster
        if path.is_file() and recorded is not None and recorded.api_endpoint:
            return
        address, name = f"https://{leader.wireguard_ip}:6443", ctx.names.deployment_id
        user = f"{name}-admin"
        text = await k0sctl.kubeconfig(
            ctx.path(cluster.config_file),
            known_hosts=ctx.path(_known_hosts()),
            address=address,
            cluster=name,
            user=user,
        )
        checked = kubeconfig.for_workstation(text, address=address, cluster=name, user=user)
        write_private(path, checked, root=ctx.workspace)
        with ctx.commit() as tx:
            tx.cluster.update(
                version=ctx.config.software.k0s.version,
                api_endpoint=address,
            )
            ctx.event(
                tx, "cluster_ready", f"k0s runs on {len(ctx.hosts)} nodes", resource=ctx.names.deployment_id
            )


def tool(ctx: Context) -> K0sctl:
    """k0sctl. Raises PrerequisiteError if there is none."""
    if ctx.outside.k0sctl is None:
        raise PrerequisiteError(
            "k0sctl is not on the PATH",
            hint="go install github.com/k0sproject/k0sctl@latest (or see `k0rdent-azure doctor`)",
        )
    return ctx.outside.k0sctl


async def finish_running(ctx: Context) -> None:
    """Wait for a k0sctl that a killed run left at work: whoever changes VMs or etcd meanwhile would undo its work."""
    await apply.finish_running(ctx.path(_log(ctx)), on_wait=ctx.observer.notice)


def _known_hosts() -> str:
    return "./k0sctl-config/known_hosts"


def _log(ctx: Context) -> str:
    return f"./k0sctl-config/{ctx.names.deployment_id}-k0sctl.log"


def _runs(stdout: str) -> bool:
    """`k0s status -o json` names a version and a role once the service answers."""
    try:
        status = json.loads(stdout)
    except ValueError:
        return False
    return isinstance(status, dict) and bool(status.get("Role")) and bool(status.get("Version"))
