"""Who asked for what: the deployer of one deployment, and somebody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from k0rdent_azure.rehearsal.arm import actors
from k0rdent_azure.rehearsal.server import describe
from k0rdent_azure.rehearsal.world import SshEndpoint
from tests.rehearsal.arm_stage import cloud_in
from tests.somebody import Somebody


@pytest.mark.parametrize(
    ("agent", "actor"),
    [
        ("k0rdent-azure/0.1.0 (k0rdent-abcd1234)", "deployer k0rdent-abcd1234"),
        ("k0rdent-azure/0.1.0 (k0rdent-abcd1234) mine", "deployer k0rdent-abcd1234"),
        ("k0rdent-azure/0.1.0 (k0rdent-abcd1234; state set)", "deployer k0rdent-abcd1234"),
        ("k0rdent-azure/0.1.0", "deployer"),
        ("Python/3.12 aiohttp/3", "deployer"),
        ("", "deployer"),
    ],
)
def test_a_deployer_is_known_by_its_user_agent(agent: str, actor: str) -> None:
    assert actors.deployer(agent) == actor
    assert actors.is_deployer(actor)
    assert not actors.is_deployer(actors.SOMEBODY)


@pytest.mark.parametrize(
    ("agent", "command"),
    [
        ("k0rdent-azure/0.1.0 (k0rdent-abcd1234; destroy)", "destroy"),
        ("k0rdent-azure/0.1.0 (k0rdent-abcd1234)", ""),
        ("", ""),
    ],
)
def test_a_user_agent_names_the_command(agent: str, command: str) -> None:
    assert actors.command(agent) == command


async def test_each_resource_keeps_who_made_it(tmp_path: Path) -> None:
    async with cloud_in(tmp_path / "cloud") as cloud:
        ssh = SshEndpoint("127.0.0.1", 1, "me", tmp_path / "key", "")
        somebody = Somebody(describe(cloud.world, cloud.authority, ssh))
        where = {"location": "southeastasia"}
        issued = cloud.authority.issue(cloud.authority.arm_endpoint, cloud.authority.client_id)
        assert (await cloud.call("PUT", cloud.group, where, token=str(issued["access_token"]))).status == 201
        network = f"{somebody.group('rg')}/providers/Microsoft.Network/publicIPAddresses/theirs"
        await asyncio.to_thread(somebody.must, "PUT", network, where)
        await asyncio.to_thread(somebody.tag, somebody.group("rg"), cost_centre="4711")
        cloud.later()
        group, address = cloud.world.group("rg"), cloud.world.resource(network)
        assert group is not None
        assert address is not None
        assert (group.maker, address.maker) == ("deployer", "somebody")
        assert group.tags == {"cost-centre": "4711"}
        assert (await asyncio.to_thread(somebody.call, "DELETE", network + "x"))[0] == 204
        assert (await asyncio.to_thread(somebody.call, "GET", network + "x"))[0] == 404
