"""Makes room in etcd for a controller on a new machine: its predecessor is still a member, and never comes back.

etcd refuses a second member at one address, so the old one has to leave before k0sctl lets the new one join.
https://docs.k0sproject.io/stable/remove_controller/
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Collection, Sequence

from k0rdent_azure.cluster.kcm import kubectl_command
from k0rdent_azure.config.topology import Host
from k0rdent_azure.hosts.ssh import Target
from k0rdent_azure.phases import etcd_health
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.etcd_health import MEMBER_LIST, UNIT

#: Real seconds for a member to leave: etcd may elect a leader first.
LEAVE_LIMIT = 180.0


async def remove_lost(ctx: Context, ready: Collection[str]) -> None:
    """Let those members leave whose machines never had k0s. `ready` are the hosts that run it.

    A controller that is only down keeps its place: it has k0s installed. Raises CommandFailedError.
    """
    controllers = [host for host in ctx.hosts if host.role == "controller"]
    there = [host for host in controllers if host.name in ready]
    lost = await without_k0s(ctx, [host for host in controllers if host.name not in ready])
    if not there or not lost:
        return
    target = ctx.vpn_target(there[0], ctx.state.azure_resources.virtual_machines[there[0].name])
    listed = await ctx.ssh.run(target, MEMBER_LIST)
    members = etcd_health.addresses(listed.stdout)
    for host in lost:
        if host.private_ip not in members:
            continue
        ctx.interrupt.checkpoint()
        await _leave(ctx, target, host)
        with ctx.commit() as tx:
            message = f"the machine before this one left etcd; asked on {there[0].name}"
            ctx.event(tx, "etcd_member_removed", message, resource=host.name)


async def dismiss(ctx: Context, nodes: Sequence[Host]) -> None:
    """Take nodes out of a cluster that goes on without them: out of etcd, and as Node objects. Can be repeated.

    One controller after the other, each only if etcd keeps its majority without it: raises QuorumError. Raises
    HostError, HostUnreachableError if no other controller answers.
    """
    names = {host.name for host in nodes}
    asked = next(host for host in ctx.hosts if host.role == "controller" and host.name not in names)
    target = ctx.vpn_target(asked, ctx.state.azure_resources.virtual_machines[asked.name])
    members = etcd_health.addresses((await ctx.ssh.run(target, MEMBER_LIST)).stdout)
    for host in nodes:
        await etcd_health.refuse_loss(ctx, {host.name}, act="taken out of etcd", leaving=True)
        if host.private_ip in members:
            await _leave(ctx, target, host)
        # It goes when its finalizers are done, and k0s on it goes right afterwards.
        words = ["delete", "node", host.name, "--ignore-not-found", "--wait=false"]
        await ctx.ssh.run(target, kubectl_command(words))


async def _leave(ctx: Context, target: Target, host: Host) -> None:
    command = f"sudo -n k0s etcd leave --peer-address {shlex.quote(host.private_ip)}"
    await ctx.ssh.run(target, command, timeout=LEAVE_LIMIT)


async def without_k0s(ctx: Context, hosts: Sequence[Host]) -> list[Host]:
    """Those controllers on which k0s was never installed: new machines."""
    vms = ctx.state.azure_resources.virtual_machines
    found = await asyncio.gather(
        *(ctx.ssh.run(ctx.vpn_target(host, vms[host.name]), f"test -e {UNIT}", check=False) for host in hosts)
    )
    return [host for host, result in zip(hosts, found, strict=True) if result.exit_status == 1]
