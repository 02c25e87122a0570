"""What the state says of the VMs, brought up to date: all of them in two requests, without a fight with a live run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from k0rdent_azure.errors import AzureError, UsageError
from k0rdent_azure.phases import refresh
from k0rdent_azure.phases.refresh import Refreshed
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.state.lock import RunLock
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage

COMPUTE = "2023-09-01"
SMALL = make_config(controllers=1, workers=2)


@asynccontextmanager
async def deployed(directory: Path) -> AsyncIterator[Stage]:
    async with stage(directory, SMALL) as made:
        await made.deploy()
        yield made


def lock(made: Stage) -> RunLock:
    return RunLock(made.workspace / ".run.lock", state=made.store.path)


async def look(made: Stage) -> Refreshed:
    outside = made.outside()
    try:
        return await refresh.refresh(made.store, outside, lock(made), command="status")
    finally:
        await outside.arm.close()


async def change(made: Stage, method: str, vm: str, action: str = "") -> None:
    """What a colleague does at the portal, and the time that it takes."""
    group = f"/subscriptions/{made.world.subscription_id}/resourceGroups/{made.names.resource_group}"
    path = f"{group}/providers/Microsoft.Compute/virtualMachines/{vm}{action}"
    async with made.colleague() as arm:
        await arm.request(method, path, api_version=COMPUTE)
    await made.clock.sleep(300)


def events(made: Stage) -> list[tuple[str, str | None]]:
    return [(e.action, e.resource) for e in made.store.read().state.events if e.action == "vm_changed"]


@pytest.mark.parametrize("vms", [3, 50])
async def test_two_requests_for_any_number_of_vms_and_no_event_where_nothing_changed(
    tmp_path: Path, vms: int
) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=vms - 1)) as made:
        await made.deploy()
        before, serial = made.requests(), made.store.read().serial
        await made.clock.sleep(600)
        found = await look(made)
        assert (found.requests, found.changes) == (2, [])
        assert len(made.requests()) - len(before) == 2
        assert made.counted() == len(made.requests())
        document = made.store.read()
        assert document.serial == serial + 1
        assert events(made) == []
        (checked,) = {vm.last_checked for vm in document.state.azure_resources.virtual_machines.values()}
        assert checked == made.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        assert document.state.api_calls.by_phase["refresh"] == 2


async def test_a_stopped_and_a_deleted_vm_are_seen_in_one_transaction(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        await change(made, "POST", "k0s-worker-1", "/deallocate")
        await change(made, "DELETE", "k0s-worker-2")
        serial = made.store.read().serial
        await look(made)
        document = made.store.read()
        assert document.serial == serial + 1
        vms = document.state.azure_resources.virtual_machines
        assert (vms["k0s-worker-1"].status, vms["k0s-worker-1"].power_state) == ("stopped", "VM deallocated")
        assert (vms["k0s-worker-2"].status, vms["k0s-worker-2"].power_state) == ("deleted", None)
        assert vms["k0s-controller"].status == "running"
        assert events(made) == [("vm_changed", "k0s-worker-1"), ("vm_changed", "k0s-worker-2")]

        await change(made, "POST", "k0s-worker-1", "/start")
        await look(made)
        assert made.store.read().state.azure_resources.virtual_machines["k0s-worker-1"].status == "running"


async def test_a_live_run_owns_the_facts(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        text = made.store.path.read_bytes()
        with lock(made).acquire("deploy"):
            found = await look(made)
        assert found == Refreshed(why_not="a run is live and keeps these facts itself")
        assert made.store.path.read_bytes() == text


async def test_what_was_changed_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that begins, and records something, between the question and the answer."""
    async with deployed(tmp_path) as made:
        await change(made, "POST", "k0s-worker-1", "/deallocate")
        asked = refresh._ask

        async def slow(*args: object) -> object:
            answer = await asked(*args)  # type: ignore[arg-type]
            with made.store.transaction() as tx:
                tx.by_path.set("azure_resources.virtual_machines.k0s-worker-1.detail", "the run was here")
            return answer

        monkeypatch.setattr(refresh, "_ask", slow)
        await look(made)
        vm = made.store.read().state.azure_resources.virtual_machines["k0s-worker-1"]
        assert (vm.status, vm.detail) == ("running", "the run was here")


async def test_without_azure_the_last_known_state_stays(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        faults.add(made.world.directory, faults.Fault(kind="http", status=503, times=50))
        before = made.store.read().state.azure_resources
        with pytest.raises(AzureError):
            await look(made)
        assert made.store.read().state.azure_resources == before
        assert made.counted() == len(made.requests())


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "http", "status": 429, "retry_after": 20},
        {"kind": "http", "status": 500},
        {"kind": "disconnect"},
        {"kind": "partial"},
        {"kind": "malformed"},
        {"kind": "expired-token"},
    ],
    ids=lambda broken: "-".join(map(str, broken.values())),
)
async def test_each_fault_at_each_request_is_overcome_or_changes_nothing(
    tmp_path: Path, broken: dict[str, object], at: int, times: int | None
) -> None:
    async with deployed(tmp_path) as made:
        await change(made, "POST", "k0s-worker-1", "/deallocate")
        faults.add(made.world.directory, faults.Fault(**broken, at=at, times=times))  # type: ignore[arg-type]
        before = made.store.read().state.azure_resources
        try:
            await look(made)
        except AzureError:
            assert made.store.read().state.azure_resources == before
        else:
            assert (
                made.store.read().state.azure_resources.virtual_machines["k0s-worker-1"].status == "stopped"
            )
            assert times is not None or broken["kind"] == "expired-token"
        assert made.counted() == len(made.requests()) - 1, "the colleague's request is not ours"


async def test_who_sees_only_the_group_learns_what_it_can(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        everywhere = f"subscriptions/{made.world.subscription_id}/providers/Microsoft.Compute"
        faults.add(made.world.directory, faults.Fault(kind="http", status=403, path=everywhere))
        before, known = made.counted(), made.store.read().state.azure_resources.virtual_machines
        await made.clock.sleep(600)
        assert (await look(made)).changes == []
        assert made.counted() - before == 2
        # Nobody told whether they run, so nobody saw them run.
        assert made.store.read().state.azure_resources.virtual_machines == known


async def test_the_group_gone(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        group = f"/subscriptions/{made.world.subscription_id}/resourceGroups/{made.names.resource_group}"
        async with made.colleague() as arm:
            await arm.request("DELETE", group, api_version="2022-09-01")
        await made.clock.sleep(600)
        await look(made)
        vms = made.store.read().state.azure_resources.virtual_machines.values()
        assert {vm.status for vm in vms} == {"deleted"}


async def test_vm_info_asks_only_for_what_is_too_old(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        outside = made.outside()

        async def info(max_age: float = 300, *, force: bool = False, name: str = "k0s-worker-1") -> int:
            before = made.counted()
            vm = await refresh.vm_info(
                made.store, outside, lock(made), name, max_age=max_age, force=force, command="vm"
            )
            assert vm.status == "running"
            return made.counted() - before

        assert await info(force=True) == 2
        assert await info() == 0
        await made.clock.sleep(299)
        assert await info() == 0
        await made.clock.sleep(2)
        assert await info(max_age=600) == 0
        assert await info() == 2
        with pytest.raises(UsageError, match="no VM 'nobody'"):
            await info(name="nobody")
        await outside.arm.close()


@pytest.mark.parametrize(
    ("phase", "older", "requests"),
    [
        ("vm_creation", 0, 2),
        ("cluster_setup", 0, 0),
        ("cluster_setup", 899, 0),
        ("cluster_setup", 901, 2),
        ("complete", 100_000, 0),
    ],
)
async def test_sync_asks_as_often_as_the_phase_calls_for(
    tmp_path: Path, phase: str, older: float, requests: int
) -> None:
    async with deployed(tmp_path) as made:
        await look(made)
        with made.store.transaction() as tx:
            tx.by_path.set("metadata.deployment_phase", phase)
        await made.clock.sleep(older)
        outside = made.outside()
        found = await refresh.sync(made.store, outside, lock(made), command="status")
        await outside.arm.close()
        assert found.requests == requests
