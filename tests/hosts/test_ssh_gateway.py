"""The SSH runner through a jump host: many hosts, one way in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from k0rdent_azure.errors import HostError, HostKeyMismatchError, HostUnreachableError
from k0rdent_azure.hosts.keys import ssh_keypair
from k0rdent_azure.hosts.ssh import MAX_HANDSHAKES, Gateway, SshRunner
from tests.hosts.conftest import Farm


def runner_for(farm: Farm, key_path: Path, *, timeout: float = 10) -> SshRunner:
    return SshRunner(key_path=key_path, gateway=farm.gateway, connect_timeout=timeout)


async def test_fifty_hosts_share_one_way_in_and_few_handshakes_at_once(farm: Farm, key_path: Path) -> None:
    targets = [farm.target(f"vm-{i}") for i in range(50)]
    async with runner_for(farm, key_path) as runner:
        results = await asyncio.gather(*(runner.run(target, f"echo {target.name}") for target in targets))
        assert [result.stdout for result in results] == [target.name for target in targets]
        assert (farm.gateway_logins, farm.logins) == (1, 50)
        assert 1 < farm.most_shaking <= MAX_HANDSHAKES
        await asyncio.gather(*(runner.run(target, "echo again") for target in targets))
        assert (farm.gateway_logins, farm.logins) == (1, 50)


async def test_many_first_commands_to_one_host_make_one_login(farm: Farm, key_path: Path) -> None:
    async with runner_for(farm, key_path) as runner:
        await asyncio.gather(*(runner.run(farm.target(), "echo x") for _ in range(20)))
    assert (farm.gateway_logins, farm.logins) == (1, 1)


async def test_a_host_that_is_not_there_yet_is_unreachable(farm: Farm, key_path: Path) -> None:
    farm.unreachable.add("vm-0")
    async with runner_for(farm, key_path) as runner:
        assert not await runner.probe(farm.target())
        with pytest.raises(HostUnreachableError, match="no route to host") as caught:
            await runner.run(farm.target(), "echo x")
        assert "\x1b" not in caught.value.message
        farm.unreachable.clear()
        assert await runner.probe(farm.target())
    assert farm.gateway_logins == 1


async def test_a_silent_host_costs_the_connect_timeout_once(farm: Farm, key_path: Path) -> None:
    farm.silent.add("vm-0")
    async with runner_for(farm, key_path, timeout=0.5) as runner:
        started = time.monotonic()
        with pytest.raises(HostUnreachableError, match="no answer in time"):
            await runner.run(farm.target(), "echo x")
        assert time.monotonic() - started < 1.5


async def test_another_hosts_key_is_told_apart_from_the_gateways(farm: Farm, key_path: Path) -> None:
    other = ssh_keypair("other").public
    async with runner_for(farm, key_path) as runner:
        wrong = farm.target()
        wrong = type(wrong)(wrong.name, wrong.address, other, wrong.username)
        with pytest.raises(HostKeyMismatchError, match="vm-0"):
            await runner.probe(wrong)
    front = farm.gateway
    farm.gateway = Gateway(front.host, front.port, front.username, front.key_path, other)
    async with runner_for(farm, key_path) as runner:
        for action in (runner.probe(farm.target()), runner.run_on_gateway("echo x")):
            with pytest.raises(HostKeyMismatchError, match="the gateway"):
                await action


async def test_commands_on_the_gateway(farm: Farm, key_path: Path) -> None:
    async with runner_for(farm, key_path) as runner:
        assert (await runner.run_on_gateway("cat", stdin="typed")).stdout == "typed"
        await runner.run(farm.target(), "echo x")
    assert farm.gateway_logins == 1


async def test_without_a_gateway_there_is_nothing_to_ask(key_path: Path) -> None:
    async with SshRunner(key_path=key_path, gateway=None, connect_timeout=1) as runner:
        with pytest.raises(HostError, match="no SSH gateway"):
            await runner.run_on_gateway("true")


async def test_a_broken_gateway_connection_is_made_anew(farm: Farm, key_path: Path) -> None:
    async with runner_for(farm, key_path) as runner:
        await runner.run(farm.target(), "echo x")
        farm.front.pop().abort()
        assert (await runner.run(farm.target(), "echo back")).stdout == "back"
        farm.front.pop().abort()
        assert (await runner.run_on_gateway("echo back")).stdout == "back"
    assert farm.gateway_logins == 3


async def test_a_connection_that_breaks_under_each_try_is_given_up(farm: Farm, key_path: Path) -> None:
    async with runner_for(farm, key_path) as runner:
        with pytest.raises(HostUnreachableError, match="vm-0"):
            await runner.run(farm.target(), "die", check=False)
    assert farm.logins == 2


async def test_a_gateway_that_is_gone_is_unreachable(farm: Farm, key_path: Path) -> None:
    front = farm.gateway
    farm.gateway = Gateway(front.host, 1, front.username, front.key_path, front.host_key)
    async with runner_for(farm, key_path) as runner:
        assert not await runner.probe(farm.target())
        with pytest.raises(HostUnreachableError, match="the gateway"):
            await runner.run_on_gateway("true")


async def test_closing_in_the_middle_of_everything_takes_no_time(farm: Farm, key_path: Path) -> None:
    farm.silent.update(f"silent-{i}" for i in range(20))
    runner = runner_for(farm, key_path, timeout=30)
    names = [*(f"vm-{i}" for i in range(20)), *sorted(farm.silent)]
    tasks = [asyncio.ensure_future(runner.run(farm.target(name), "hang")) for name in names]
    async with asyncio.timeout(30):
        while farm.logins < 8:  # noqa: ASYNC110 - the farm counts, and sets no event
            await asyncio.sleep(0)
    started = time.monotonic()
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await runner.close()
    assert time.monotonic() - started < 1.5
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_closed_runner_opens_nothing_new(farm: Farm, key_path: Path) -> None:
    runner = runner_for(farm, key_path)
    await runner.close()
    with pytest.raises(HostUnreachableError, match="closed"):
        await runner.run(farm.target(), "echo x")
