"""How etcd is now, for the preview of something that takes a controller away; the run that does it asks again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from k0rdent_azure.cli.running import snapshot_of
from k0rdent_azure.cli.workspace import Workspace

if TYPE_CHECKING:
    from k0rdent_azure.phases.quorum import Members


def look_at_etcd(
    workspace: Workspace,
    going: Collection[str],
    *,
    command: str,
    powers: Mapping[str, str | None] | None = None,
) -> Members | None:
    """etcd's members as they are now; None if none of `going` is a controller, or nothing was handed to Azure yet.

    Changes nothing. `powers` are the power states of the controllers, if Azure was just asked for them.
    """
    import asyncio

    from k0rdent_azure.config.topology import hosts

    config, _ = snapshot_of(workspace)
    state = workspace.store().read().state
    controllers = {host.name for host in hosts(config) if host.role == "controller"}
    if not controllers & {*going} or state.azure_resources.subscription_id is None:
        return None
    return asyncio.run(_ask(workspace, command, powers))


async def _ask(workspace: Workspace, command: str, powers: Mapping[str, str | None] | None) -> Members:
    from k0rdent_azure.cli.comparing import looking
    from k0rdent_azure.phases.etcd_health import ask

    ctx = looking(workspace, command)
    try:
        return await ask(ctx, powers)
    finally:
        await ctx.close()
