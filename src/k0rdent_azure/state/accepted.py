"""Whether Azure has anything of a deployment, as the state knows it: if not, nothing has to be deleted."""

from __future__ import annotations

from k0rdent_azure.state.model import State


def something_accepted(state: State) -> bool:
    """Whether Azure has accepted a submission, as far as its outcome is known."""
    azure = state.azure_resources
    recorded = azure.deployment is not None and azure.deployment.provisioning_state is not None
    made = azure.resource_group is not None and azure.resource_group.status == "created"
    return recorded or made or any(vm.id for vm in azure.virtual_machines.values())


def nothing_accepted(state: State) -> bool:
    """Whether Azure has accepted nothing, and nothing is pending whose outcome is unknown."""
    return not (something_accepted(state) or state.pending_operations)
