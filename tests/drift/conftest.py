"""One deployment for a whole file of tests: each changes the cloud behind its back, and the cloud is put back after."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from k0rdent_azure.azure.inventory import group_id
from k0rdent_azure.config.model import NetworkSettings
from k0rdent_azure.phases.validation import Comparison, validate
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.rehearsal.world import Contents
from k0rdent_azure.state.model import State
from tests.azure.conftest import make_config
from tests.drift.steps import Request, Step
from tests.phases.stage import Stage, stage

#: Cloud seconds after which any change here is done.
SETTLED = 300.0
SSH_SOURCES = ("203.0.113.0/24", "198.51.100.7/32")
OWNER_TAGS = {"team": "edge", "costCentre": "4711"}


@dataclass
class Deployed:
    """A deployment that has succeeded, and how often Azure was asked since."""

    stage: Stage
    state: State

    async def validate(self, *steps: Step) -> Comparison:
        """What `validate` finds after these; faults happen before its first request is answered."""
        async with self.stage.run("validate") as ctx:
            for step in steps:
                await self._do(step)
            return await validate(self.stage.config, self.stage.names, self.state, ctx.outside)

    async def _do(self, step: Step) -> None:
        world = self.stage.world
        if isinstance(step, Fault):
            faults.add(world.directory, step)
        elif isinstance(step, Request):
            scope = group_id(world.subscription_id, self.stage.names.resource_group)
            async with self.stage.colleague() as arm:
                await arm.request(
                    step.method, scope + step.path, api_version=step.api_version, body=step.body
                )
            await self.stage.clock.sleep(SETTLED)
        else:
            step(world)

    def restore(self, contents: bytes) -> None:
        self.stage.world._contents = msgspec.json.decode(contents, type=Contents)
        faults.clear(self.stage.world.directory)

    def save(self) -> bytes:
        return msgspec.json.encode(self.stage.world._contents)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployed]:
    """Three controllers and two workers in zones 2 and 3, with two tags of the user's own."""
    directory: Path = tmp_path_factory.mktemp("drift")
    network = NetworkSettings(allowed_ssh_sources=SSH_SOURCES)
    config = make_config(azure={"tags": OWNER_TAGS}, network=network)
    async with stage(directory, config) as made:
        await made.deploy()
        yield Deployed(made, made.store.read().state)


@pytest.fixture
def deployed(deployment: Deployed) -> Iterator[Deployed]:
    """The same for every test, whatever the one before it did."""
    before = deployment.save()
    yield deployment
    deployment.restore(before)


def told(found: Comparison) -> Sequence[str]:
    """The findings in one line each, without ids and texts: `kind severity type name field repair`."""
    return sorted(
        " ".join(
            (
                each.kind,
                each.severity,
                each.type.rpartition("/")[2],
                _named(each.name),
                each.field or "-",
                each.repair,
            )
        )
        for each in found.findings
    )


def _named(name: str) -> str:
    """Without the digits that Azure gives the disk of a VM which names none."""
    return re.sub(r"_1_[0-9a-f]{32}$", "", name)
