"""Phase 2: hands the whole deployment to ARM as one template, or adopts what an earlier run handed over."""

from __future__ import annotations

from k0rdent_azure.azure.deployments import DeploymentView
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.phases import arm
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import PhaseName

OPERATION = "arm-deployment"
#: Provisioning states of a deployment record that nobody works on any more.
ENDED_BADLY = ("Failed", "Canceled")


class AzureSetup:
    """Observes the deployment record where its fate is unknown; submits it only where there is none."""

    name: PhaseName = "azure_setup"

    async def run(self, ctx: Context) -> None:
        resources = ctx.state.azure_resources
        recorded = resources.deployment
        pending = OPERATION in ctx.state.pending_operations
        if recorded is not None and not pending and recorded.provisioning_state not in (None, *ENDED_BADLY):
            return
        await arm.choose_subscription(ctx)
        view = await arm.get(ctx) if pending else None
        if view is not None and view.provisioning_state not in ENDED_BADLY:
            self._record(ctx, view, "deployment_adopted", "Azure has the deployment of an earlier run")
            return
        await self._submit(ctx)

    async def _submit(self, ctx: Context) -> None:
        ctx.interrupt.checkpoint()
        await arm.refuse_foreign_vms(ctx)
        with ctx.commit() as tx:
            tx.begin_operation(OPERATION, kind="arm_deployment", target=arm.target(ctx).id, phase=self.name)
            tx.set("phases.azure_setup.step", "submitting the template deployment")
            tx.set("azure_resources.resource_group.status", "creating")
            for part in ("vnet", "subnet", "nsg"):
                tx.set(f"azure_resources.network.{part}.status", "creating")
            for name, vm in tx.state.azure_resources.virtual_machines.items():
                if vm.status in ("pending", "failed"):
                    tx.merge(f"azure_resources.virtual_machines.{name}", {"status": "creating", "detail": ""})
            ctx.event(tx, "deployment_submitted", f"template deployment for {len(ctx.hosts)} VMs")
        try:
            view = await arm.put(ctx)
        except AzureRequestError as error:
            if error.code != "DeploymentActive":
                self._reject(ctx)
                raise
            active = await arm.get(ctx)
            if active is None:
                raise
            view = active
        self._record(ctx, view, "deployment_accepted", "Azure accepted the deployment")

    def _record(self, ctx: Context, view: DeploymentView, action: str, message: str) -> None:
        with ctx.commit() as tx:
            tx.end_operation(OPERATION)
            arm.record(ctx, tx, view)
            for name, vm in tx.state.azure_resources.virtual_machines.items():
                if vm.status == "pending":
                    tx.set(f"azure_resources.virtual_machines.{name}.status", "creating")
            ctx.event(tx, action, f"{message} ({view.provisioning_state})", resource=view.name)

    def _reject(self, ctx: Context) -> None:
        """ARM's preflight said no: nothing was started, so nothing is pending."""
        with ctx.commit() as tx:
            tx.end_operation(OPERATION)
            for name, vm in tx.state.azure_resources.virtual_machines.items():
                if vm.status == "creating":
                    tx.set(f"azure_resources.virtual_machines.{name}.status", "pending")
