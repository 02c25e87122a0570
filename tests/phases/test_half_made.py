"""A network that an earlier try made may hold what others added since: the next try leaves it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.errors import DeploymentFailedError, StrangerError
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.drift.conftest import told
from tests.drift.steps import NIC, NSG, VM, VNET, another_rule, own, subnet
from tests.drift.test_baseline import compared
from tests.drift.test_repair_keeps import bodies
from tests.phases.stage import Stage, stage

THEIRS = [
    another_rule("theirs"),
    subnet("routeTable", {"id": "/x/routes"}),
    own(VNET, "subnets.1", {"name": "theirs", "properties": {"addressPrefix": "10.240.2.0/24"}}),
    Fault(kind="tag-added", resource=NIC, tag="cost=42"),
]


async def failed(made: Stage) -> None:
    """A deployment of which Azure had no room for the worker in any zone, and what others added afterwards."""
    faults.add(made.world.directory, Fault(kind="AllocationFailed", vm=VM, times=None))
    with pytest.raises(DeploymentFailedError):
        await made.deploy()
    faults.clear(made.world.directory)


async def test_what_others_added_before_the_next_try_stays(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await failed(made)
        for step in THEIRS:
            faults.add(made.world.directory, step)
        async with made.run("look") as ctx:
            await ctx.arm.list(
                f"/subscriptions/{made.world.subscription_id}/resourceGroups", api_version="2022-09-01"
            )
        before = bodies(made)
        await made.deploy("resume")
        after = bodies(made)
        for name in (NSG, VNET):
            assert after[name] == before[name], name
        assert after[NIC]["tags"]["cost"] == "42"
        # It is no peculiarity of Azure's.
        assert "unexpected critical securityRules theirs - none" in told(await compared(made))


async def test_without_our_rule_nothing_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await failed(made)
        faults.add(made.world.directory, Fault(kind="rule-removed", rule="AllowSSH"))
        faults.add(made.world.directory, another_rule("theirs", priority=1000))
        with pytest.raises(
            StrangerError, match=r"rule theirs of .* has the priority 1000 of rule AllowSSH"
        ) as refused:
            await made.deploy("resume")
        assert "--priority 1001; then run: k0rdent-azure resume" in (refused.value.hint or "")
