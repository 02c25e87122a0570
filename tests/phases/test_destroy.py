"""`destroy` deletes what is proven to be the deployment's, asks Azure whatever the state says, and names the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from k0rdent_azure.azure import sight
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_GENERATION, TAG_LINEAGE
from k0rdent_azure.errors import (
    AzureError,
    AzureUnreachableError,
    BehindError,
    InterruptedRunError,
    StrangerError,
)
from k0rdent_azure.phases import arm, destroy, removal_check
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.destroy import Parting
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.phases.stage import Jump, Stage, stage

VM = "k0s-worker-1"
THEIRS = f"{TAG_DEPLOYMENT}=k0rdent-zzzz9999"


@asynccontextmanager
async def deployed(directory: Path, *, group: str | None = None) -> AsyncIterator[Stage]:
    """One controller and one worker, in a group of their own or in the user's."""
    azure: dict[str, object] = {"resource_group": group} if group else {}
    async with stage(directory, make_config(controllers=1, workers=1, azure=azure)) as made:
        if group:
            await request(made, "PUT", group_path(made), {"location": "southeastasia"})
        await made.deploy()
        yield made


def group_path(made: Stage) -> str:
    return f"/subscriptions/{made.world.subscription_id}/resourceGroups/{made.names.resource_group}"


async def request(made: Stage, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """As somebody else asks Azure."""
    async with made.colleague() as client:
        await client.request(method, path, api_version="2021-04-01", body=body, accept=(200, 201, 202, 204))


def happens(made: Stage, kind: faults.Kind, **options: object) -> None:
    faults.add(made.world.directory, Fault(kind=kind, **options))  # type: ignore[arg-type]


async def end(made: Stage, *, delete_foreign: bool = False) -> Parting:
    """What the command does after its question."""
    async with made.run("destroy") as ctx:
        seen = await destroy.foresee(ctx)
        removal_check.permit(seen.found, delete_foreign=delete_foreign)
        await destroy.destroy(ctx, seen)
        return seen


def deletions(made: Stage) -> list[str]:
    return [line for line in made.requests() if line.startswith("DELETE")]


def everything(made: Stage) -> set[str]:
    return {each.name for each in made.world.resources(group=made.names.resource_group)}


@pytest.mark.harm_allowed(
    *(
        "theirdata",
        "spare",
        "ip",
        "somebodys-vm",
        "somebodys-vm-nic",
        "somebodys-vm_OsDisk_1_8cadbb07fade43ea88666ca079d69d91",
    ),
    *(VM, f"{VM}VMNic", f"{VM}OsDisk", f"{VM}PublicIP"),
)
@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("foreign-resource", {"resource": "theirdata"}, "theirdata"),
        ("foreign-resource", {"resource": "spare", "type": "Microsoft.Compute/disks"}, "spare"),
        ("foreign-resource", {"resource": "ip", "type": "Microsoft.Network/publicIPAddresses"}, "ip"),
        ("foreign-vm", {}, "somebodys-vm"),
        ("foreign-vm", {"tags": THEIRS}, "somebodys-vm"),
        ("vm-replaced", {"vm": VM}, VM),
        ("vm-replaced", {"vm": VM, "tags": THEIRS}, VM),
        ("vm-replaced", {"vm": VM, "tags": "copied"}, VM),
        ("tag-added", {"resource": VM, "tag": THEIRS}, VM),
        ("tag-added", {"resource": VM, "tag": f"{TAG_LINEAGE}=00000000-0000-4000-8000-000000000000"}, VM),
    ],
)
async def test_what_others_put_into_our_group_is_named_and_goes_only_if_somebody_says_so(
    tmp_path: Path, kind: faults.Kind, options: dict[str, object], name: str
) -> None:
    async with deployed(tmp_path) as made:
        happens(made, kind, **options)
        with pytest.raises(StrangerError, match=name) as caught:
            await end(made)
        assert "--delete-foreign" in (caught.value.hint or "")
        assert deletions(made) == []
        await end(made, delete_foreign=True)
        assert made.world.group(made.names.resource_group) is None
        trail = [event.message for event in made.store.read().state.events if "foreign" in event.action]
        assert name in str(trail)


async def test_a_long_list_of_strangers_is_shortened(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        for number in range(12):
            happens(made, "foreign-resource", resource=f"data{number}")
        with pytest.raises(StrangerError, match=r"12 resources.*and 4 more"):
            await end(made)


async def test_a_lost_tag_makes_no_stranger_while_the_incarnation_proves_it(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "tags-removed", resource=VM)
        await end(made)
        assert made.world.group(made.names.resource_group) is None


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({}, "it has no tag of this deployment"),
        ({TAG_DEPLOYMENT: "k0rdent-zzzz9999"}, "it carries the tag of k0rdent-zzzz9999"),
        ({TAG_DEPLOYMENT: "k0rdent-abcd1234", TAG_LINEAGE: "another"}, "it carries the lineage another"),
        ({TAG_DEPLOYMENT: "k0rdent-abcd1234"}, "it has no lineage"),
    ],
)
async def test_a_group_that_is_not_proven_ours_stays(tmp_path: Path, tags: dict[str, str], why: str) -> None:
    async with deployed(tmp_path) as made:
        group = made.world.group(made.names.resource_group)
        assert group is not None
        proven = dict(group.tags)
        await request(made, "PATCH", group_path(made), {"tags": tags})
        with pytest.raises(StrangerError, match=why) as caught:
            await end(made, delete_foreign=True)
        assert deletions(made) == []
        if not tags:
            assert "az tag update" in (caught.value.hint or "")
            assert proven[TAG_LINEAGE] in (caught.value.hint or "")
        await request(made, "PATCH", group_path(made), {"tags": proven})
        await end(made)
        assert made.world.group(made.names.resource_group) is None


@pytest.mark.parametrize("group", [None, "team-rg"])
async def test_a_copy_that_is_behind_deletes_nothing(tmp_path: Path, group: str | None) -> None:
    async with deployed(tmp_path, group=group) as made:
        happens(made, "tag-added", resource=made.names.vnet, tag=f"{TAG_GENERATION}=99")
        with pytest.raises(BehindError, match="generation 99") as caught:
            await end(made)
        assert "--take-over" in (caught.value.hint or "")
        assert deletions(made) == []


async def test_a_state_from_before_the_deployment_does_not_call_it_gone(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        path = made.workspace / "deployment-state.yaml"
        before = path.read_text()
        await made.deploy()
        path.write_text(before)
        with pytest.raises((BehindError, StrangerError)):
            await end(made)
        assert made.world.group(made.names.resource_group) is not None
        assert deletions(made) == []


@pytest.mark.parametrize("status", ["deleted", "pending", "deleting"])
async def test_azure_is_asked_whatever_the_state_says(tmp_path: Path, status: str) -> None:
    async with deployed(tmp_path) as made:
        with made.store.transaction() as tx:
            tx.resource_group.update(status=status)  # type: ignore[arg-type]
            tx.arm_deployment.remove()
            for name in tx.state.azure_resources.virtual_machines:
                tx.vm(name).update(status="deleted")
        await end(made)
        assert made.world.group(made.names.resource_group) is None
        assert made.world.deployments(f"/subscriptions/{made.world.subscription_id}") == []


async def test_nothing_is_called_gone_that_nobody_has_asked_for(tmp_path: Path) -> None:
    """Of a state that never reached Azure, two answers say so."""
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        await end(made)
        assert [line.partition(" ")[0] for line in made.requests()] == ["GET", "GET", "DELETE"]


@pytest.mark.parametrize("arrives", ["at once", "late", "never"])
async def test_what_a_killed_submission_makes_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrives: str
) -> None:
    """Killed with its PUT under way: it takes effect before `destroy` looks, while it waits, or never."""
    put, sleep = arm.put, Jump.sleep
    sent: list[tuple[tuple[object, ...], dict[str, object]]] = []

    async def killed(ctx: Context, *args: object, **options: object) -> object:
        if arrives == "at once":
            await put(ctx, *args, **options)  # type: ignore[arg-type]
        sent.append((args, options))
        raise AzureUnreachableError("killed")

    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:

        async def meanwhile(clock: Jump, seconds: float) -> None:
            await sleep(clock, seconds)
            if arrives == "late" and sent:
                args, options = sent.pop()
                async with made.run("late") as ctx:
                    await put(ctx, *args, **options)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(arm, "put", killed)
            with pytest.raises(AzureUnreachableError, match="killed"):
                await made.deploy()
        monkeypatch.setattr(Jump, "sleep", meanwhile)
        await end(made)
        assert everything(made) == set()
        await made.clock.sleep(3600)
        assert made.world.group(made.names.resource_group) is None
        assert everything(made) == set()
        assert made.world.deployments(f"/subscriptions/{made.world.subscription_id}") == []


@pytest.mark.parametrize("group", [None, "team-rg"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="http", method="GET", path="/resources", status=403, times=None),
        Fault(kind="http", method="GET", path="/resources", status=401, times=None),
        Fault(kind="malformed", method="GET", path="/resources", times=None),
        Fault(kind="disconnect", times=None),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_list_that_cannot_be_read_is_no_empty_list(
    tmp_path: Path, fault: Fault, group: str | None
) -> None:
    async with deployed(tmp_path, group=group) as made:
        before = everything(made)
        faults.add(made.world.directory, fault)
        with pytest.raises(AzureError):
            await end(made, delete_foreign=True)
        faults.clear(made.world.directory)
        assert everything(made) == before


@pytest.mark.parametrize("look_again", [True, False])
async def test_what_comes_after_the_confirmation_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look_again: bool
) -> None:
    """Where somebody was asked, however fast the answer came; else once the look is old."""
    async with deployed(tmp_path) as made, made.run("destroy") as ctx:
        seen = await destroy.foresee(ctx)
        if not look_again:
            monkeypatch.setattr(sight, "HOLDS", 0.0)
        happens(made, "foreign-resource", resource="latecomer")
        with pytest.raises(StrangerError, match=r"since you confirmed.*latecomer"):
            await destroy.destroy(ctx, seen, look_again=look_again)
        assert deletions(made) == []


async def test_a_group_that_is_going_already_is_waited_for(tmp_path: Path) -> None:
    async with deployed(tmp_path) as made:
        happens(made, "foreign-resource", resource="goes-anyway")
        await request(made, "GET", group_path(made))
        await request(made, "DELETE", group_path(made))
        await end(made)
        assert len(deletions(made)) == 2
        assert made.world.group(made.names.resource_group) is None


# In a group of the user's.


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("vm-replaced", {"vm": VM}, VM),
        ("vm-replaced", {"vm": VM, "tags": THEIRS}, VM),
        ("vm-replaced", {"vm": VM, "tags": "copied"}, VM),
        ("tag-added", {"resource": VM, "tag": THEIRS}, VM),
        ("tag-added", {"resource": f"{VM}VMNic", "tag": THEIRS}, f"{VM}VMNic"),
        ("tag-added", {"resource": "k0rdent-abcd1234-nsg", "tag": THEIRS}, "k0rdent-abcd1234-nsg"),
        (
            "foreign-resource",
            {"resource": "their-nic", "type": "Microsoft.Network/networkInterfaces"},
            "their-nic .it uses k0rdent-abcd1234-vnet",
        ),
        ("foreign-vm", {}, "somebodys-vm-nic"),
    ],
)
async def test_in_a_users_group_nothing_goes_while_a_stranger_is_in_the_way(
    tmp_path: Path, kind: faults.Kind, options: dict[str, object], name: str
) -> None:
    async with deployed(tmp_path, group="team-rg") as made:
        happens(made, kind, **options)
        with pytest.raises(StrangerError, match=name) as caught:
            await end(made, delete_foreign=True)
        assert "az resource" in (caught.value.hint or "")
        assert deletions(made) == []


async def test_a_vm_does_not_take_a_strangers_disk_along(tmp_path: Path) -> None:
    async with deployed(tmp_path, group="team-rg") as made:
        disk = f"{group_path(made)}/providers/Microsoft.Compute/disks/precious"
        happens(made, "foreign-resource", resource="precious", type="Microsoft.Compute/disks")
        attached = {"lun": 0, "deleteOption": "Delete", "createOption": "Attach", "managedDisk": {"id": disk}}
        happens(
            made,
            "property-changed",
            resource=VM,
            property="properties.storageProfile.dataDisks",
            value=[attached],
        )
        with pytest.raises(StrangerError, match=f"precious.*it would go with {VM}"):
            await end(made)
        assert deletions(made) == []


async def test_in_a_users_group_what_is_ours_goes_and_all_else_stays(tmp_path: Path) -> None:
    async with deployed(tmp_path, group="team-rg") as made:
        lineage = made.store.read().state.metadata.lineage
        copied = f"{TAG_DEPLOYMENT}=k0rdent-abcd1234,{TAG_LINEAGE}={lineage}"
        happens(made, "foreign-resource", resource="theirdata")
        happens(made, "foreign-resource", resource="copiedtags", tags=copied)
        happens(made, "tags-removed", resource=VM)
        happens(made, "tags-removed", resource=f"{VM}OsDisk")
        seen = await end(made)
        assert everything(made) == {"theirdata", "copiedtags"}
        assert [each.name for each in seen.found.left] == ["copiedtags"]


async def test_the_second_deployment_in_a_group_does_not_take_the_firsts_vms(tmp_path: Path) -> None:
    async with deployed(tmp_path, group="team-rg") as made:
        there = everything(made)
        (made.workspace / "deployment-state.yaml").rename(made.workspace / "first.yaml")
        made.names = type(made.names)("k0rdent-second22", "team-rg")
        made.create()
        await end(made)
        assert everything(made) == there
        assert [line for line in deletions(made) if "/deployments/k0rdent-second22" not in line] == []


@pytest.mark.parametrize("group", [None, "team-rg"])
@pytest.mark.parametrize("at", range(1, 8))
async def test_stopped_at_any_request_it_goes_on(tmp_path: Path, at: int, group: str | None) -> None:
    async with deployed(tmp_path, group=group) as made:
        happens(made, "http", status=400, at=at)
        try:
            await end(made)
        except AzureError:
            await end(made)
        assert everything(made) == set()
        assert made.store.read().state.metadata.deployment_status == "destroyed"


async def test_interrupted_in_the_wait_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(ctx: Context, *_: object) -> float:
        raise InterruptedRunError("interrupted")

    async with deployed(tmp_path) as made:
        with monkeypatch.context() as patched:
            patched.setattr(destroy, "wait_until_gone", interrupted)
            with pytest.raises(InterruptedRunError):
                await end(made)
        assert made.store.read().state.metadata.deployment_status == "destroying"
        await end(made)
        assert made.store.read().state.metadata.deployment_status == "destroyed"
