"""What cannot be read is said, and what could be is compared all the same."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping

import pytest

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.drift_values import word
from k0rdent_azure.errors import AzureUnreachableError
from k0rdent_azure.phases.validation import again, validate
from k0rdent_azure.rehearsal.faults import Fault
from tests.drift.conftest import Deployed, told
from tests.drift.steps import ADDRESS, ID, NIC, VM, own

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = {
    "/resources": "resources",
    f"{ID}-resgrp/providers/Microsoft.Compute/virtualMachines": "virtualMachines",
    "/publicIPAddresses": "publicIPAddresses",
    "/networkSecurityGroups": "networkSecurityGroups",
    "/virtualNetworks": "virtualNetworks",
    "/sshPublicKeys": "sshPublicKeys",
}


def failing(path: str, status: int = 403) -> Fault:
    return Fault(kind="http", status=status, path=path, times=None)


@pytest.mark.parametrize(("path", "what"), LISTS.items(), ids=LISTS.values())
@pytest.mark.parametrize("status", [403, 500])
async def test_one_list_may_fail_alone(deployed: Deployed, path: str, what: str, status: int) -> None:
    found = await deployed.validate(failing(path, status))
    assert told(found) == []
    (unread,) = found.found.unread
    assert what in unread.what
    assert unread.reason


async def test_without_power_states_the_rest_is_compared(deployed: Deployed) -> None:
    group = deployed.stage.names.resource_group
    found = await deployed.validate(
        Fault(kind="vm-stopped", vm=VM),
        own(ADDRESS, "dnsSettings"),
        Fault(kind="http", status=403, path="/virtualMachines", times=2),
    )
    assert {each.what.partition(" of ")[0] for each in found.found.unread} == {
        "Microsoft.Compute/virtualMachines",
        "the power states",
    }
    assert told(found) == [f"changed warning publicIPAddresses {ADDRESS} dns_label restore"]
    assert group in found.wanted.group


async def test_a_vm_whose_power_nobody_tells_is_not_clean(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription's list of conditions answers, and passes over our VMs."""
    honest = ArmClient.list

    async def forgetful(
        self: ArmClient, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, object]]:
        found = await honest(self, path, api_version=api_version, query=query)
        return [] if query and "statusOnly" in query else found

    monkeypatch.setattr(ArmClient, "list", forgetful)
    found = await deployed.validate()
    assert told(found) == []
    assert f"the power state of {VM}" in {each.what for each in found.found.unread}


async def test_what_the_groups_list_would_tell_is_unknown_without_it(deployed: Deployed) -> None:
    found = await deployed.validate(Fault(kind="resource-deleted", resource=NIC), failing("/resources"))
    assert told(found) == [f"changed critical publicIPAddresses {ADDRESS} attached_to restore"]
    assert len(found.found.unread) == 1


async def test_a_types_own_list_is_enough_to_miss_one(deployed: Deployed) -> None:
    found = await deployed.validate(Fault(kind="resource-deleted", resource=ADDRESS), failing("/resources"))
    assert told(found) == [f"missing critical publicIPAddresses {ADDRESS} - recreate"]


async def test_nothing_at_all_is_an_error(deployed: Deployed) -> None:
    with pytest.raises(AzureUnreachableError):
        await deployed.validate(Fault(kind="disconnect", times=None))


async def test_what_a_replacement_deleted_is_missed_while_nobody_makes_it_anew(deployed: Deployed) -> None:
    stage = deployed.stage
    with stage.store.transaction() as tx:
        tx.by_path.set(f"azure_resources.virtual_machines.{VM}.status", "deleting")
    try:
        found = await deployed.validate(Fault(kind="vm-deleted", vm=VM))
        assert f"missing critical virtualMachines {VM} - recreate" in told(found)
    finally:
        with stage.store.transaction() as tx:
            tx.by_path.set(f"azure_resources.virtual_machines.{VM}.status", "running")


async def test_what_a_run_has_still_to_make_is_not_missed(deployed: Deployed) -> None:
    stage = deployed.stage
    with stage.store.transaction() as tx:
        tx.by_path.set(f"azure_resources.virtual_machines.{VM}.status", "creating")
    try:
        state = stage.store.read().state
        await deployed.validate(Fault(kind="vm-deleted", vm=VM))
        async with stage.run("validate") as ctx:
            found = await validate(stage.config, stage.names, state, ctx.outside)
        assert told(found) == []
    finally:
        with stage.store.transaction() as tx:
            tx.by_path.set(f"azure_resources.virtual_machines.{VM}.status", "running")


@pytest.mark.parametrize(("status", "told_of"), [("creating", 0), ("running", 1)])
async def test_that_a_vm_is_being_made_is_no_drift_while_the_state_says_so(
    deployed: Deployed, status: str, told_of: int
) -> None:
    stage = deployed.stage
    state = copy.deepcopy(stage.store.read().state)
    state.azure_resources.virtual_machines[VM].status = status  # type: ignore[assignment]
    found = await deployed.validate()
    made = dict(found.found.resources)
    vm = next(each for each in made.values() if each.name == VM)
    fields = {**vm.fields, "provisioning_state": word("Creating"), "power_state": word("starting")}
    made[vm.key] = dataclasses.replace(vm, fields=fields)
    compared = again(stage.config, stage.names, state, dataclasses.replace(found.found, resources=made))
    assert len({each.name for each in compared.findings}) == told_of
