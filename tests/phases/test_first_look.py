"""A deployment whose very first look at Azure fails says why: nothing else in its state would."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.errors import AzureError
from k0rdent_azure.phases.begin import open_run
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage


async def begin(made: Stage) -> None:
    async with made.run("deploy") as ctx:
        await open_run(ctx, "resume", status="in_progress", action="deployment_started", message="deploy")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="http", status=500, times=None),
        Fault(kind="disconnect", when="after", times=None),
        Fault(kind="refused", method="GET", code="AuthorizationFailed", status=403, times=None),
    ],
)
async def test_the_first_look_that_fails_is_recorded(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, make_config()) as made:
        faults.add(made.world.directory, fault)
        with pytest.raises(AzureError) as caught:
            await begin(made)
        metadata = made.store.read().state.metadata
        assert metadata.failure is not None
        assert (metadata.deployment_status, metadata.failure.message) == ("failed", caught.value.message)
        assert metadata.failure.phase == "preparation"
        faults.clear(made.world.directory)
        await begin(made)
        metadata = made.store.read().state.metadata
        assert (metadata.deployment_status, metadata.failure) == ("in_progress", None)


async def test_one_that_has_begun_keeps_what_it_knows(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config()) as made:
        with made.store.transaction() as tx:
            tx.phase("preparation").update(status="interrupted")
            tx.metadata.update(deployment_status="interrupted")
        faults.add(made.world.directory, Fault(kind="http", status=500, times=None))
        with pytest.raises(AzureError):
            await begin(made)
        metadata = made.store.read().state.metadata
        assert (metadata.deployment_status, metadata.failure) == ("interrupted", None)
