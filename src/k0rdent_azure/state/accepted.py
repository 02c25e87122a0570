"""Whether Azure has anything of a deployment, as the state knows it: if not, nothing has to be deleted."""

from __future__ import annotations

from k0rdent_azure.state.intents import SUBMISSION
from k0rdent_azure.state.model import State


def nothing_accepted(state: State) -> bool:
    """Whether Azure has accepted no submission, and there is none whose outcome is unknown."""
    azure = state.azure_resources
    recorded = azure.deployment is not None and azure.deployment.provisioning_state is not None
    made = azure.resource_group is not None and azure.resource_group.status == "created"
    return not (
        recorded
        or made
        or SUBMISSION.is_pending(state)
        or any(vm.id for vm in azure.virtual_machines.values())
    )
