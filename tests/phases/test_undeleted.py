"""Deletions that do not happen end after a few looks: with Azure's words, what is in the way, an event and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.errors import AzureRequestError, NotDeletedError, StrangerError
from k0rdent_azure.phases import vm_removal
from k0rdent_azure.state.model import Event
from tests.phases.stage import Stage
from tests.phases.test_destroy import VM, deletions, deployed, end, group_path, happens

NETWORK = "k0rdent-abcd1234-vnet"
ADDRESS = f"{VM}PublicIP"


def told(made: Stage) -> list[Event]:
    return [each for each in made.store.read().state.events if each.action == "deletion_refused"]


def looks(made: Stage) -> list[str]:
    """What was asked about operations."""
    return [line for line in made.requests() if "/operation" in line]


async def replace(made: Stage) -> None:
    async with made.run("replace") as ctx:
        ctx.phase = "vm_creation"
        with ctx.commit() as tx:
            vm_removal.mark(tx, VM, why="to be replaced")
        await vm_removal.remove(ctx, [VM])


async def test_a_clean_destroy_asks_for_no_outcome(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        before = len(made.requests())
        await end(made)
        assert len(made.requests()) - before == 5
        assert (looks(made), told(made)) == ([], [])


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ScopeLocked", "az lock list --resource-group k0rdent-abcd1234-resgrp"),
        ("RequestDisallowedByPolicy", "exemption"),
        ("AuthorizationFailed", "Contributor"),
        ("DenyAssignmentAuthorizationFailed", "the owner of the managed application"),
    ],
)
async def test_what_only_somebody_can_end_is_told_at_once(tmp_path: Path, code: str, hint: str) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-refused", code=code, times=None)
        with pytest.raises(NotDeletedError, match=code) as caught:
            await end(made)
        assert hint in (caught.value.hint or "")
        assert "destroy" in (caught.value.hint or "")
        assert (caught.value.code, caught.value.exit_code) == (code, 6)
        assert [event.details for event in told(made)] == [code]
        assert len(deletions(made)) == 1
        assert made.store.read().state.metadata.deployment_status == "destroying"


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        (
            "Conflict",
            "cannot perform delete operation because following scope(s) are locked: '/x'",
            "az lock",
        ),
        ("scopelocked", "no", "az lock"),
        ("BadRequest", "Resource was disallowed by policy. Policy identifiers: 'x'", "exemption"),
        ("Failed", "it is denied because of the deny assignment with name 'stack'", "deployment stack"),
        ("Conflict", "The client 'x' does not have authorization to perform action 'delete'", "Contributor"),
    ],
)
async def test_a_refusal_that_nobody_waits_for_is_known_by_its_words(
    tmp_path: Path, code: str, words: str, hint: str
) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-refused", code=code, message=words, times=None)
        with pytest.raises(NotDeletedError) as caught:
            await end(made)
        assert hint in (caught.value.hint or "")
        assert (len(deletions(made)), len(told(made))) == (1, 1)


@pytest.mark.parametrize("code", ["AnotherOperationInProgress", "CannotDeleteResource"])
async def test_a_group_that_is_refused_again_and_again_is_given_up(tmp_path: Path, code: str) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-refused", code=code, times=None)
        started = made.clock.monotonic()
        with pytest.raises(NotDeletedError, match=f"asked 4 times.*{code}"):
            await end(made)
        assert made.clock.monotonic() - started < 2400
        assert [event.details for event in told(made)] == [code]


async def test_a_refusal_that_passes_stops_nothing(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-refused", code="Conflict", times=2)
        await end(made)
        assert made.world.group(made.names.resource_group) is None
        assert len(told(made)) == 1


async def test_a_group_whose_deletion_fails_is_asked_why_and_given_up(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-failed", resource=ADDRESS, code="PublicIPAddressCannotBeDeleted", times=None)
        with pytest.raises(NotDeletedError, match="PublicIPAddressCannotBeDeleted") as caught:
            await end(made)
        assert ADDRESS in caught.value.message
        assert "az resource show --ids /subscriptions/" in (caught.value.hint or "")
        assert [event.details for event in told(made)] == ["PublicIPAddressCannotBeDeleted"]
        assert len(looks(made)) == 4


async def test_a_deletion_that_failed_once_is_repeated(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-failed", resource=NETWORK, code="InUseSubnetCannotBeDeleted")
        await end(made)
        assert made.world.group(made.names.resource_group) is None
        assert [event.details for event in told(made)] == ["InUseSubnetCannotBeDeleted"]


async def test_what_came_into_the_group_while_its_deletion_failed_is_not_taken(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-failed", resource=NETWORK, code="InUseSubnetCannotBeDeleted")
        happens(made, "foreign-resource", resource="theirs", at=6)
        with pytest.raises(StrangerError, match="theirs"):
            await end(made)
        assert len([line for line in deletions(made) if "resourceGroups" in line]) == 1


async def test_a_deletion_that_a_killed_run_began_and_that_failed_is_begun_again(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-failed", resource=NETWORK, code="InUseSubnetCannotBeDeleted")
        async with made.colleague() as client:
            await client.request("DELETE", group_path(made), api_version="2021-04-01")
        await end(made)
        assert made.world.group(made.names.resource_group) is None
        assert len(told(made)) == 1


async def test_a_deletion_that_never_ends_is_given_up_within_the_hour(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-stuck", resource=made.names.resource_group)
        with pytest.raises(NotDeletedError, match="within 60 minutes") as caught:
            await end(made)
        assert caught.value.code == "DeletionNotFinished"
        assert "az monitor activity-log list" in (caught.value.hint or "")
        assert looks(made) == []


@pytest.mark.parametrize(
    ("kind", "code", "final"),
    [
        ("delete-refused", "ScopeLocked", True),
        ("delete-refused", "OperationNotAllowed", False),
        ("delete-failed", "InternalServerError", False),
        ("delete-failed", "ScopeLocked", True),
    ],
)
async def test_in_a_users_group_what_does_not_go_is_named(
    tmp_path: Path, kind: str, code: str, final: bool
) -> None:
    async with deployed(tmp_path, group="theirs") as made:
        happens(made, kind, resource=VM, code=code, times=None)  # type: ignore[arg-type]
        with pytest.raises(NotDeletedError, match=f"does not delete {VM}.*{code}"):
            await end(made)
        asked = [line for line in deletions(made) if line.endswith(f"/{VM}")]
        assert len(asked) == (1 if final else 4)
        assert [(event.resource, event.details) for event in told(made)] == [(VM, code)]
        # The rest of its kind went all the same.
        vms = made.world.resources(type_="Microsoft.Compute/virtualMachines")
        assert {each.name for each in vms if each.gone_at is None} == {VM}


async def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    async with deployed(tmp_path, group="theirs") as made:
        happens(made, "delete-refused", resource=NETWORK, code="InUseSubnetCannotBeDeleted", times=None)
        with pytest.raises(NotDeletedError, match="InUseSubnetCannotBeDeleted") as caught:
            await end(made)
        assert f"/virtualNetworks/{NETWORK}-user" in caught.value.message
        assert f"{NETWORK}-user; detach or delete it" in (caught.value.hint or "")
        assert (
            made.world.resource(f"{group_path(made)}/providers/Microsoft.Compute/virtualMachines/{VM}")
            is None
        )


async def test_a_vm_that_is_locked_ends_a_replacement_at_once(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-refused", resource=VM, code="ScopeLocked", times=None)
        with pytest.raises(NotDeletedError, match=VM) as caught:
            await replace(made)
        assert "resume" in (caught.value.hint or "")
        pending = made.store.read().state.pending_operations["vm-removal"].details
        assert "doubt_since" not in str(pending)
        assert [event.details for event in told(made)] == ["ScopeLocked"]


@pytest.mark.parametrize("kind", ["delete-refused", "delete-failed"])
async def test_a_vm_that_does_not_go_is_given_up_or_goes_later(tmp_path: Path, kind: str) -> None:
    async with deployed(tmp_path) as made:
        happens(made, kind, resource=VM, code="Conflict", times=1)  # type: ignore[arg-type]
        await replace(made)
        assert VM not in {each.name for each in made.world.resources()}
        assert len(told(made)) == 1


async def test_a_vm_whose_deletion_fails_for_ever_is_given_up(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-failed", resource=VM, code="InternalServerError", times=None)
        with pytest.raises(NotDeletedError, match="InternalServerError"):
            await replace(made)
        assert len(deletions(made)) >= 4


async def test_a_vm_that_is_stuck_is_given_up(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "delete-stuck", resource=VM)
        with pytest.raises(NotDeletedError, match=f"did not delete {VM} within 30 minutes"):
            await replace(made)


@pytest.mark.parametrize("status", [500, 429])
async def test_an_azure_that_always_fails_is_told_and_recorded(tmp_path: Path, status: int) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "http", status=status, method="DELETE", times=None)
        with pytest.raises(AzureRequestError) as caught:
            await end(made)
        assert caught.value.status == status
        assert len(told(made)) == 1
