"""Deletions and starts that this cloud refuses, accepts and fails, or never ends, as Azure does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.rehearsal.arm_stage import LONG, Cloud, cloud_in, custom_data, machines


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """One VM that is up."""
    async with cloud_in(tmp_path / "cloud") as found:
        await found.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
        found.later(LONG)
        yield found


def arm(cloud: Cloud, kind: faults.Kind, **options: object) -> None:
    faults.add(cloud.world.directory, Fault(kind=kind, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ScopeLocked", 409),
        ("RequestDisallowedByPolicy", 403),
        ("AuthorizationFailed", 403),
        ("NicReservedForAnotherVm", 400),
        ("AnotherOperationInProgress", 429),
        ("CannotDeleteResource", 409),
        ("SomethingNew", 500),
    ],
)
async def test_a_deletion_is_refused_in_azures_words(cloud: Cloud, code: str, status: int) -> None:
    arm(cloud, "delete-refused", resource="vm-1", code=code)
    path = cloud.compute("virtualMachines", "vm-1")
    refused = await cloud.call("DELETE", path)
    assert (refused.status, refused.code) == (status, code)
    assert (await cloud.call("DELETE", path)).status == 202


async def test_a_deletion_is_accepted_and_fails(cloud: Cloud) -> None:
    arm(cloud, "delete-failed", resource="vm-1", code="OperationNotAllowed")
    path = cloud.compute("virtualMachines", "vm-1")
    accepted = await cloud.call("DELETE", path)
    assert (await cloud.get(path)).at("properties.provisioningState") == "Deleting"
    assert (await cloud.get(accepted.headers["Location"])).status == 202
    cloud.later(300)
    outcome = await cloud.get(accepted.headers["Location"])
    assert (outcome.status, outcome.code) == (409, "OperationNotAllowed")
    assert (await cloud.get(path)).at("properties.provisioningState") == "Succeeded"


async def test_a_group_that_something_keeps_is_as_before(cloud: Cloud) -> None:
    arm(cloud, "delete-failed", resource="vm-1-ip", code="PublicIPAddressCannotBeDeleted")
    accepted = await cloud.call("DELETE", cloud.group)
    assert (await cloud.get(cloud.group)).at("properties.provisioningState") == "Deleting"
    cloud.later(300)
    assert (await cloud.get(cloud.group)).at("properties.provisioningState") == "Succeeded"
    outcome = await cloud.get(accepted.headers["Location"])
    assert (outcome.status, outcome.code) == (409, "ResourceGroupDeletionBlocked")
    assert outcome.at("error.details.0.code") == "PublicIPAddressCannotBeDeleted"
    await cloud.call("DELETE", cloud.group)
    cloud.later(600)
    assert (await cloud.get(cloud.group)).status == 404


@pytest.mark.parametrize("whole", [True, False])
async def test_a_deletion_never_ends(cloud: Cloud, whole: bool) -> None:
    arm(cloud, "delete-stuck", resource="rg" if whole else "vm-1")
    path = cloud.group if whole else cloud.compute("virtualMachines", "vm-1")
    for _ in range(2):
        accepted = await cloud.call("DELETE", path)
        cloud.later(86400)
        assert (await cloud.get(accepted.headers["Location"])).status == 202
        assert (await cloud.get(path)).at("properties.provisioningState") == "Deleting"


async def test_a_start_is_accepted_and_fails(cloud: Cloud) -> None:
    path = cloud.compute("virtualMachines", "vm-1")
    await cloud.call("POST", f"{path}/deallocate")
    cloud.later(300)
    arm(cloud, "start-failed", vm="vm-1")
    accepted = await cloud.call("POST", f"{path}/start")
    cloud.later(300)
    outcome = await cloud.get(accepted.headers["Azure-AsyncOperation"])
    assert (outcome.at("status"), outcome.at("error.code")) == ("Failed", "AllocationFailed")
    assert (await cloud.get(accepted.headers["Location"])).code == "AllocationFailed"
    view = await cloud.get(f"{path}/instanceView")
    assert view.at("statuses.1.code") == "PowerState/deallocated"
