"""What goes with VMs that are to be deleted, and what of them stays, for a preview: as Azure has it now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from k0rdent_azure.cli.workspace import Workspace

if TYPE_CHECKING:
    from k0rdent_azure.azure.belongings import Belongings


def look_at_belongings(
    workspace: Workspace, going: Collection[str], *, command: str
) -> Mapping[str, Belongings]:
    """By VM; {} if none is `going`, or nothing was handed to Azure yet. Three lists, which change nothing.

    Raises AzureError if they cannot be read: what would be lost is not known then.
    """
    import asyncio

    if not going or workspace.store().read().state.azure_resources.subscription_id is None:
        return {}
    return asyncio.run(_ask(workspace, going, command))


async def _ask(workspace: Workspace, going: Collection[str], command: str) -> Mapping[str, Belongings]:
    from k0rdent_azure.azure import belongings, existing
    from k0rdent_azure.azure.drift_facts import DISK, NIC, VM
    from k0rdent_azure.cli.comparing import looking

    ctx = looking(workspace, command)
    try:
        subscription = ctx.state.azure_resources.subscription_id or ""
        there = await existing.read(ctx.arm, subscription, ctx.names.resource_group, (VM, NIC, DISK))
        return {name: belongings.of(there, ctx.names, name) for name in going}
    finally:
        await ctx.close()
