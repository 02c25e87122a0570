"""A record of a VM is wrong once the VM is made, and not before: until then the run that makes it records it."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest

from k0rdent_azure.phases.record_check import wrong_records
from k0rdent_azure.state.model import PhaseRecord, State
from tests.drift.conftest import Deployed
from tests.drift.steps import VM

pytestmark = pytest.mark.asyncio(loop_scope="module")
SUFFIX = "cloudapp.azure.com"


@pytest.fixture
def state(deployed: Deployed) -> State:
    """The state, read anew, with the phase that made the VMs at its end."""
    found = copy.deepcopy(deployed.stage.store.read().state)
    found.phases["vm_creation"] = PhaseRecord(status="completed")
    for vm in found.azure_resources.virtual_machines.values():
        vm.status = "running"
    return found


async def wrong(deployed: Deployed, state: State) -> Sequence[tuple[str, str | None]]:
    compared = await deployed.validate()
    names, config = deployed.stage.names, deployed.stage.config
    return [
        (each.name, each.field) for each in wrong_records(config, names, state, compared, dns_suffix=SUFFIX)
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("private_ip", "10.0.0.99"),
        ("public_ip", "192.0.2.1"),
        ("vm_size", "Standard_D2s_v5"),
        ("power_state", "VM stopped"),
    ],
)
async def test_what_is_recorded_otherwise_than_it_is_is_told(
    deployed: Deployed, state: State, field: str, value: str
) -> None:
    before = await wrong(deployed, state)
    setattr(state.azure_resources.virtual_machines[VM], field, value)
    assert [*before, (VM, field)] == sorted(
        await wrong(deployed, state), key=lambda each: each == (VM, field)
    )
    state.phases["vm_creation"] = PhaseRecord(status="in_progress")
    assert await wrong(deployed, state) == []
    state.phases["vm_creation"] = PhaseRecord(status="completed")
    state.azure_resources.virtual_machines[VM].status = "creating"
    assert await wrong(deployed, state) == before


@pytest.mark.parametrize("power", ["VM starting", "VM unknown", ""])
async def test_a_condition_that_passes_by_itself_is_not_wrong(
    deployed: Deployed, state: State, power: str
) -> None:
    before = await wrong(deployed, state)
    state.azure_resources.virtual_machines[VM].power_state = power
    assert await wrong(deployed, state) == before
