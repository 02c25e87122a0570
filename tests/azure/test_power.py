"""Whether a VM runs, is off, is gone or is not known: four different things."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.azure.power import conditions
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.rehearsal.faults import Fault, add
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage

NAMES = ("k0s-controller", "k0s-controller-2", "k0s-worker-9")


async def powers(made: Stage) -> dict[str, str | None]:
    outside = made.outside()
    try:
        found = await conditions(outside.arm, made.world.subscription_id, made.names.resource_group, NAMES)
    finally:
        await outside.arm.close()
    return {name: each.power_state if each else None for name, each in found.items()}


async def test_one_that_the_subscriptions_list_leaves_out_is_asked_for_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=2, workers=1)) as made:
        await made.deploy()
        add(made.world.directory, Fault(kind="vm-deallocated", vm="k0s-controller-2"))
        before = len(made.requests())
        known = {"k0s-controller": "VM running", "k0s-controller-2": "VM deallocated", "k0s-worker-9": None}
        assert await powers(made) == known
        assert len(made.requests()) - before == 2
        # A login without rights to the subscription learns the same, one by one.
        add(made.world.directory, Fault(kind="http", status=403, path="statusOnly", times=None))
        assert await powers(made) == known
        add(made.world.directory, Fault(kind="http", status=403, path="instanceView", times=None))
        with pytest.raises(AzureRequestError):
            await powers(made)
