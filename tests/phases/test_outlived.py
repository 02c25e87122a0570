"""What outlived its VM is found before the VM is recreated: adopted, or named and left."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from k0rdent_azure.azure.existing import OF_VMS
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.drift.conftest import told
from tests.drift.steps import ADDRESS, DISK, NIC, NSG, VM, Step, change, own
from tests.drift.test_baseline import compared, deploy_unseen
from tests.drift.test_repair_keeps import repair
from tests.phases.stage import Stage, stage

KEPT = f"unexpected info disks {DISK} - none"


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await deploy_unseen(made)
        yield made


def body(made: Stage, name: str) -> dict[str, Any]:
    (found,) = (each for each in made.world.resources() if each.name == name)
    return copy.deepcopy(found.body)


def disk_of(made: Stage) -> str:
    return str(body(made, VM)["properties"]["storageProfile"]["osDisk"]["name"])


async def happens(made: Stage, *steps: Step) -> None:
    for step in steps:
        assert isinstance(step, Fault)
        faults.add(made.world.directory, step)
        await compared(made)


GONE = Fault(kind="resource-deleted", resource=VM)


async def test_a_disk_that_outlived_its_vm_stays_and_the_rest_is_adopted(made: Stage) -> None:
    await happens(made, GONE)
    disk, guids = (
        body(made, DISK),
        [body(made, each)["properties"]["resourceGuid"] for each in (NIC, ADDRESS)],
    )
    said = await repair(made)
    assert [f"disk {DISK} outlived its VM" in each for each in said] == [True]
    assert "az disk delete --ids /subscriptions/" in said[0]
    assert body(made, DISK) == disk
    assert [body(made, each)["properties"]["resourceGuid"] for each in (NIC, ADDRESS)] == guids
    assert disk_of(made) == f"{DISK}-2"
    vm = made.store.read().state.azure_resources.virtual_machines[VM]
    assert vm.os_disk == f"{DISK}-2"
    # It is no drift that the VM has another disk; that there is one more is.
    assert told(await compared(made)) == [KEPT]


async def test_each_disk_that_outlives_its_vm_is_kept(made: Stage) -> None:
    for number in (2, 3):
        await happens(made, GONE)
        await repair(made)
        assert disk_of(made) == f"{DISK}-{number}"
    await happens(made, Fault(kind="resource-deleted", resource=DISK), GONE)
    said = await repair(made)
    assert disk_of(made) == DISK
    assert len(said) == 2
    assert made.store.read().state.azure_resources.virtual_machines[VM].os_disk is None


async def test_a_vm_that_went_with_its_disk_gets_one_of_the_same_name(made: Stage) -> None:
    await happens(made, Fault(kind="vm-deleted", vm=VM))
    assert await repair(made) == []
    assert disk_of(made) == DISK
    assert told(await compared(made)) == []


async def test_a_disk_that_a_replacement_detaches_stays(made: Stage) -> None:
    key = "osProfile.linuxConfiguration.disablePasswordAuthentication"
    await happens(made, own(VM, "storageProfile.osDisk.deleteOption", "Detach"), own(VM, key, False))
    (said,) = await repair(made)
    assert f"disk {DISK} outlived its VM" in said
    assert disk_of(made) == f"{DISK}-2"
    assert told(await compared(made)) == [KEPT]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (
            change(DISK, "tags", {"k0rdent-azure-deployment": "k0rdent-99999999"}),
            "the tag of k0rdent-99999999",
        ),
        (change(DISK, "tags", {}), "no tag of this deployment"),
        (
            change(NIC, "tags.k0rdent-azure-lineage", "11111111-2222-4333-8444-555555555555"),
            "carries the lineage",
        ),
        (own(NIC, "virtualMachine.id", "/x/virtualMachines/theirs"), "attached to VM theirs"),
        (own(ADDRESS, "ipConfiguration.id", "/x/providers/N/natGateways/a/y/z"), "used by N/natGateways/a"),
    ],
)
async def test_what_is_not_ours_or_in_use_is_named_and_nothing_is_sent(
    made: Stage, theirs: Fault, said: str
) -> None:
    await happens(made, GONE, theirs)
    before = {
        each.id: copy.deepcopy(each.body)
        for each in made.world.resources()
        if each.name != f"{NSG[:-4]}-vnet"
    }
    asked = len(made.requests())
    with pytest.raises(StrangerError, match=said) as refused:
        await repair(made)
    assert refused.value.hint
    after = {each.id: each.body for each in made.world.resources() if each.name != f"{NSG[:-4]}-vnet"}
    assert after == before
    assert not [each for each in made.requests()[asked:] if each.startswith(("PUT", "DELETE", "POST"))]


async def test_what_is_there_is_read_in_one_list_for_each_type(made: Stage) -> None:
    await happens(made, GONE)
    asked = len(made.requests())
    await repair(made)
    lists = [each for each in made.requests()[asked:] if each.endswith(tuple(OF_VMS))]
    # `validate` has read VMs (twice, with their power) and addresses before.
    assert len(lists) == 3 + len(OF_VMS)
