"""A deployment that Azure refuses, in each of its shapes: what the state keeps, and which way leads on from there."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from k0rdent_azure.errors import AzureRequestError, DeploymentFailedError
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault, Nesting
from k0rdent_azure.state.accepted import nothing_accepted
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage

#: Not ARM's: what they hide, nobody can tell.
FOREIGN = ("html", "text", "empty")


async def refused(made: Stage, fault: Fault) -> AzureRequestError:
    faults.add(made.world.directory, fault)
    with pytest.raises(AzureRequestError) as raised:
        await made.deploy()
    return raised.value


def refusal(nesting: Nesting, code: str, message: str = "", status: int = 400) -> Fault:
    return Fault(
        kind="refused",
        method="PUT",
        path="/deployments/",
        code=code,
        message=message,
        status=status,
        nesting=nesting,
    )


async def test_each_shape_is_understood_and_leaves_nothing_accepted(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        for nesting in get_args(Nesting):
            told = "The resource 'a' does not support availability zones at location 'ukwest'."
            error = await refused(made, refusal(nesting, "LocationNotSupportAvailabilityZones", told))
            state = made.store.read().state
            failure = state.metadata.failure
            assert failure is not None
            assert nothing_accepted(state)
            assert state.azure_resources.resource_group is not None
            assert state.azure_resources.resource_group.status == "pending"
            if nesting in FOREIGN:
                assert (error.code, failure.way) == ("HTTP400", "again"), nesting
                continue
            assert (error.family, failure.way) == ("zones", "change"), nesting
            assert failure.places == ["cluster.*.zones", "azure.location"]
            assert "ukwest" in failure.message
        await made.deploy()
        assert not nothing_accepted(made.store.read().state)


async def test_a_vm_that_fails_for_any_cause_is_told_by_it(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        boot = "OS Provisioning for VM 'k0s-worker-1' did not finish in the allotted time."
        cause = Fault(
            kind="vm-fails",
            vm="k0s-worker-1",
            code="OSProvisioningTimedOut",
            message=boot,
            nesting="deployment",
        )
        faults.add(made.world.directory, cause)
        with pytest.raises(DeploymentFailedError) as raised:
            await made.deploy()
        assert (raised.value.code, raised.value.family) == ("OSProvisioningTimedOut", "boot")
        state = made.store.read().state
        assert state.metadata.failure is not None
        assert (state.metadata.failure.way, state.metadata.failure.about) == ("either", "k0s-worker-1")
        assert not nothing_accepted(state)
        assert state.azure_resources.virtual_machines["k0s-worker-1"].status == "failed"
