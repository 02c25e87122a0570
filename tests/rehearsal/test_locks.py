"""Management locks: what they keep from being deleted or changed, by requests and by templates, and in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rehearsal.arm_stage import LONG, Cloud, Json, cloud_in, custom_data, machines

TAG = {"operation": "Merge", "properties": {"tags": {"a": "b"}}}
TAGS = "/providers/Microsoft.Resources/tags/default"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """One VM that is up."""
    async with cloud_in(tmp_path / "cloud") as found:
        await found.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
        found.later(LONG)
        yield found


async def lock(cloud: Cloud, scope: str, level: str = "ReadOnly", name: str = "mine") -> str:
    path = f"{scope}/providers/Microsoft.Authorization/locks/{name}"
    assert (await cloud.call("PUT", path, {"properties": {"level": level}})).status == 201
    return path


def vm(cloud: Cloud) -> str:
    return cloud.compute("virtualMachines", "vm-1")


@pytest.mark.parametrize("level", ["ReadOnly", "CanNotDelete"])
@pytest.mark.parametrize("place", ["subscription", "group", "resource"])
async def test_what_is_locked_or_in_what_is_locked_stays(cloud: Cloud, level: str, place: str) -> None:
    scope = {"subscription": cloud.subscription, "group": cloud.group, "resource": vm(cloud)}[place]
    path = await lock(cloud, scope, level)
    refused = await cloud.call("DELETE", vm(cloud))
    assert (refused.status, refused.code) == (409, "ScopeLocked")
    assert refused.text("error.message") == (
        f"The scope '{vm(cloud)}' cannot perform delete operation because following scope(s) are locked: "
        f"'{scope}'. Please remove the lock and try again."
    )
    # Nor does what holds it go.
    assert (await cloud.call("DELETE", cloud.group)).code == "ScopeLocked"
    assert (await cloud.call("DELETE", path)).status == 200
    assert (await cloud.call("DELETE", vm(cloud))).status == 202


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"tags": {"a": "b"}}),
        ("PATCH", TAGS, TAG),
        ("POST", "/deallocate", None),
    ],
)
async def test_what_is_read_only_is_not_changed(
    cloud: Cloud, method: str, path: str, body: Json | None
) -> None:
    await lock(cloud, vm(cloud), "CanNotDelete")
    assert (await cloud.call(method, vm(cloud) + path, body)).status < 300
    cloud.later()
    await lock(cloud, vm(cloud), "ReadOnly", "other")
    refused = await cloud.call(method, vm(cloud) + path, body)
    assert (refused.status, refused.code) == (409, "ScopeLocked")
    assert "cannot perform write operation" in refused.text("error.message")
    assert (await cloud.get(vm(cloud))).status == 200


async def test_a_group_that_is_read_only_takes_no_tags_and_no_deployment(cloud: Cloud) -> None:
    await lock(cloud, cloud.group)
    assert (await cloud.call("PATCH", cloud.group + TAGS, TAG)).code == "ScopeLocked"
    reply = await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
    assert reply.code == "ScopeLocked"


async def test_a_template_does_not_change_what_is_read_only(cloud: Cloud) -> None:
    nsg = cloud.networking("networkSecurityGroups", "nsg")
    await lock(cloud, nsg)
    await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")}, name="second")
    cloud.later()
    failed = await cloud.get(cloud.deployment("second", group=True))
    assert failed.at("properties.error.details.0.code") == "ScopeLocked"


async def test_a_locked_interface_outlives_its_vm(cloud: Cloud) -> None:
    await lock(cloud, cloud.networking("networkInterfaces", "vm-1-nic"), "CanNotDelete")
    assert (await cloud.call("DELETE", vm(cloud))).status == 202
    cloud.later()
    left = (await cloud.get(f"{cloud.group}/resources")).names()
    assert "vm-1-nic" in left
    assert "vm-1" not in left


async def test_locks_are_listed_replaced_and_forgotten(cloud: Cloud) -> None:
    path = await lock(cloud, vm(cloud), "CanNotDelete")
    every = "/providers/Microsoft.Authorization/locks"
    for scope in (vm(cloud), cloud.group, cloud.subscription):
        assert (await cloud.get(scope + every)).names() == ["mine"]
    assert (await cloud.get(cloud.networking("networkSecurityGroups", "nsg") + every)).names() == []
    assert (await cloud.call("PUT", path, {"properties": {"level": "ReadOnly"}})).status == 200
    assert (await cloud.get(path)).at("properties.level") == "ReadOnly"
    assert (await cloud.call("PUT", path, {"properties": {"level": "Never"}})).code == "InvalidLockLevel"
    assert (await cloud.call("DELETE", path)).status == 200
    assert (await cloud.call("DELETE", path)).status == 204
    assert (await cloud.get(path)).code == "LockNotFound"
    absent = cloud.compute("virtualMachines", "vm-9") + "/providers/Microsoft.Authorization/locks/mine"
    assert (await cloud.call("PUT", absent, {"properties": {"level": "ReadOnly"}})).code == "ResourceNotFound"
