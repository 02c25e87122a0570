"""Starts k0s where it is installed and does not run: k0sctl takes such a host for a fault, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from k0rdent_azure.config.topology import Host
from k0rdent_azure.hosts.command import CommandResult
from k0rdent_azure.phases.context import Context

_STARTED = "started"


async def start(ctx: Context, ready: Collection[str]) -> bool:
    """Start the service on each host that is not among `ready` and has it; whether there was any.

    Can be repeated. That it could not be started is for k0sctl to say. Raises HostUnreachableError.
    """
    down = [host for host in ctx.hosts if host.name not in ready]
    results = await asyncio.gather(*(_start(ctx, host) for host in down))
    started = [host.name for host, each in zip(down, results, strict=True) if each.stdout.strip() == _STARTED]
    if started:
        with ctx.commit() as tx:
            ctx.event(
                tx, "k0s_started", f"k0s was installed and did not run on {', '.join(started)}; started"
            )
    return bool(started)


async def _start(ctx: Context, host: Host) -> CommandResult:
    unit = "k0scontroller" if host.role == "controller" else "k0sworker"
    vm = ctx.state.azure_resources.virtual_machines[host.name]
    command = (
        f"test -e /etc/systemd/system/{unit}.service || exit 0; systemctl is-active --quiet {unit} && exit 0; "
        f"sudo -n systemctl start {unit} && echo {_STARTED}"
    )
    return await ctx.ssh.run(ctx.vpn_target(host, vm), command, check=False)
