"""VMs that ARM refuses for their size or for a quota: the hint names what would work, from one list that is kept."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from k0rdent_azure.azure.arm_errors import ArmError
from k0rdent_azure.azure.failures import deployment_failed
from k0rdent_azure.azure.sku_cache import EXPIRY
from k0rdent_azure.config.model import Config, VmSize, VmSizing
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.phases import arm, refusal
from k0rdent_azure.rehearsal import faults
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage

TOLD = (
    "Operation could not be completed as it results in exceeding approved standardDSv5Family Cores quota. Additional "
    "details - Current Limit: 10, Current Usage: 5, Additional Required: 10, (Minimum) New Limit Required: 15."
)
X64: dict[str, object] = {"vm_image": "Debian:debian-12:12-gen2:latest"}


def config(size: str, *, zones: tuple[int, ...] = (2, 3), workers: int = 1) -> Config:
    made = make_config(controllers=1, workers=workers, zones=zones, azure=X64)
    sizing = VmSizing(controller=VmSize(size="Standard_D2s_v5"), worker=VmSize(size=size))
    return msgspec.structs.replace(made, vm_sizing=sizing)


def close(made: Stage, size: str, zone: str | None = None) -> None:
    """From now on the subscription may not use this size (in this zone)."""
    faults.add(made.world.directory, faults.Fault(kind="SkuNotAvailable", size=size, zone=zone, times=None))


async def refused(made: Stage) -> str:
    """The hint, as it is printed and as the state keeps it."""
    with pytest.raises(AzureRequestError) as raised:
        await made.deploy()
    failure = made.store.read().state.metadata.failure
    assert failure is not None
    assert failure.hint == raised.value.hint
    assert made.store.read().state.pending_operations == {}
    assert made.counted() == len(made.requests())
    return failure.hint or ""


def queries(made: Stage) -> Sequence[str]:
    return [line for line in made.requests() if line.endswith("/skus")]


async def test_a_size_that_is_closed_in_one_zone(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_D4ds_v5", workers=2)) as made:
        close(made, "Standard_D4ds_v5", zone="2")
        hint = await refused(made)
        assert "workers: Standard_D4ds_v5 is offered to this subscription in zones 1, 3 only" in hint
        assert "most like it in zones 2, 3: Standard_D4as_v5, Standard_D4s_v5, Standard_D4as_v4" in hint
        assert "controllers" not in hint


async def test_a_size_that_is_not_offered_at_all(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_E8s_v5", zones=())) as made:
        close(made, "Standard_E8s_v5")
        hint = await refused(made)
        assert (
            "Standard_E8s_v5 is not offered to this subscription in this region; most like it: Standard_D8"
            in hint
        )


async def test_a_size_for_which_there_is_no_room(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_D8s_v5")) as made:
        faults.add(made.world.directory, faults.Fault(kind="SkuNotAvailable", size="Standard_D8s_v5"))
        hint = await refused(made)
        assert (
            "workers: Standard_D8s_v5 is offered, but Azure has no room for it just now; most like it" in hint
        )


async def test_the_list_is_fetched_once_and_kept_for_some_hours(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_E8s_v5", zones=())) as made:
        close(made, "Standard_E8s_v5")
        first = await refused(made)
        assert await refused(made) == first
        assert len(queries(made)) == 1
        (kept,) = (made.workspace / "cache").iterdir()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

        kept.write_bytes(kept.read_bytes()[:-10])
        assert await refused(made) == first
        assert len(queries(made)) == 2

        await made.clock.sleep(EXPIRY.total_seconds() + 1)
        assert await refused(made) == first
        assert len(queries(made)) == 3


async def test_without_a_place_to_keep_it_there_is_advice_all_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_E8s_v5", zones=())) as made:
        close(made, "Standard_E8s_v5")
        (made.workspace / "cache").write_text("in the way")
        assert "most like it" in await refused(made)


async def test_without_the_list_the_refusal_keeps_its_own_hint(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_E8s_v5", zones=())) as made:
        close(made, "Standard_E8s_v5")
        faults.add(made.world.directory, faults.Fault(kind="http", status=403, path="/skus"))
        assert "az vm list-skus" in await refused(made)


async def test_a_quota_is_told_with_what_fits(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_D8s_v5", workers=3)) as made:
        faults.add(made.world.directory, faults.Fault(kind="QuotaExceeded", size="Standard_D8s_v5"))
        hint = await refused(made)
        assert "workers: 3 of Standard_D8s_v5 need 24 cores, 0 are left" in hint
        assert "count against other quotas" in hint
        assert "or ask for a larger quota (portal: Subscriptions, Usage + quotas)" in hint
        assert len(queries(made)) == 1


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (ArmError("SkuNotAvailable", "… failed for Capacity Restrictions: Standard_D8s_v5 …"), "has no room"),
        (ArmError("QuotaExceeded", TOLD), "workers: 1 of Standard_D8s_v5 need 8 cores, 3 are left"),
        (ArmError("DnsRecordInUse", "taken"), ""),
    ],
    ids=["size", "quota", "neither"],
)
async def test_a_refusal_while_the_deployment_runs_is_told_in_the_same_words(
    tmp_path: Path, cause: ArmError, advice: str
) -> None:
    """ARM checks a nested deployment only when it begins: then it is the deployment that failed."""
    async with stage(tmp_path, config("Standard_D8s_v5")) as made, made.run("deploy") as ctx:
        await arm.choose_subscription(ctx)
        error = deployment_failed("k0rdent-abcd1234", "Failed", [(cause, None)])
        before = error.hint
        await refusal.advise(ctx, error)
        assert advice in (error.hint or "")
        assert bool(advice) == (error.hint != before)
        assert len(queries(made)) == bool(advice)


async def test_a_deployment_that_is_not_refused_asks_for_no_list(tmp_path: Path) -> None:
    async with stage(tmp_path, config("Standard_D8s_v5")) as made:
        await made.deploy()
        assert queries(made) == []
