"""Phase 7: says that the deployment is complete."""

from __future__ import annotations

from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import PhaseName


class Complete:
    """Everything before it held; nothing is left to observe."""

    name: PhaseName = "complete"

    async def run(self, ctx: Context) -> None:
        first_time = ctx.state.metadata.deployment_status != "completed"
        with ctx.commit() as tx:
            tx.metadata.update(deployment_status="completed")
            tx.phase("complete").update(status="completed")
            if first_time:
                ctx.event(tx, "deployment_completed", "k0rdent is ready")
