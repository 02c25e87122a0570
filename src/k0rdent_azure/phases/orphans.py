"""Takes k0s off workers whose cluster is gone for good, so that they can join the one that comes in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from k0rdent_azure.phases import etcd_members
from k0rdent_azure.phases.context import Context

#: Takes k0s off a host, if it is there; running it again changes nothing.
RESET = "command -v k0s >/dev/null || exit 0; sudo -n k0s stop; sudo -n k0s reset"

#: Real seconds for it: it stops all pods, and takes their mounts away.
RESET_LIMIT = 600.0


async def reset(ctx: Context, ready: Collection[str]) -> None:
    """Reset the workers among `ready` where every controller is on a new machine: etcd went with the old ones.

    Raises CommandFailedError, HostUnreachableError.
    """
    controllers = [host for host in ctx.hosts if host.role == "controller"]
    workers = [host for host in ctx.hosts if host.role == "worker" and host.name in ready]
    if not workers or len(await etcd_members.without_k0s(ctx, controllers)) < len(controllers):
        return
    ctx.interrupt.checkpoint()
    names = ", ".join(host.name for host in workers)
    with ctx.commit() as tx:
        ctx.event(tx, "workers_reset", f"no controller of their cluster is left; k0s goes from {names}")
    vms = ctx.state.azure_resources.virtual_machines
    await asyncio.gather(
        *(ctx.ssh.run(ctx.vpn_target(host, vms[host.name]), RESET, timeout=RESET_LIMIT) for host in workers)
    )
