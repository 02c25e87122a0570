"""Phase 2: hands to ARM what is to be made, as one template, or adopts what an earlier run handed over."""

from __future__ import annotations

from k0rdent_azure.phases import repair, submission, vm_removal
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import PhaseName


class AzureSetup:
    """Observes the deployment record where its fate is unknown; submits only what Azure does not have yet."""

    name: PhaseName = "azure_setup"

    async def run(self, ctx: Context) -> None:
        # First what brings VMs back: then others may go.
        await repair.start(ctx)
        await vm_removal.finish(ctx)
        await repair.carry_out(ctx)
        if submission.is_due(ctx.state):
            await submission.submit(ctx)
