"""The world on disk, its clock, and the life of the process that serves it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.clock import CloudClock
from k0rdent_azure.rehearsal.server import listen
from k0rdent_azure.rehearsal.world import World
from tests.rehearsal.arm_stage import LONG, cloud_in, custom_data, machines


class Hands:
    """A real clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cloud"
    service.stop(tmp_path / "cloud")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_change_of_speed_bends_the_clock_without_a_jump(tmp_path: Path) -> None:
    hands = Hands()
    first = World(tmp_path, speed=60.0, seed=1, real=hands)
    begun = first.clock.now()
    hands.now += 10
    assert first.clock.now() - begun == pytest.approx(600)
    moment = first.clock.now()
    second = World(tmp_path, speed=2.0, real=hands)
    assert second.clock.now() == pytest.approx(moment)
    hands.now += 10
    assert second.clock.now() - moment == pytest.approx(20)
    assert second.clock.real_time(begun + 300).timestamp() == pytest.approx(1_000_005)
    assert second.clock.real_time(moment + 10).timestamp() == pytest.approx(1_000_015)


def test_time_goes_on_while_nobody_serves(tmp_path: Path) -> None:
    hands = Hands()
    moment = World(tmp_path, speed=60.0, real=hands).clock.now()
    hands.now += 3
    assert World(tmp_path, real=hands).clock.now() - moment == pytest.approx(180)


def test_a_real_clock_that_is_set_back_does_not_turn_the_cloud_back(tmp_path: Path) -> None:
    hands = Hands()
    clock = CloudClock.started(60.0, real=hands)
    moment = clock.now()
    hands.now -= 100
    assert clock.now() == moment


def test_the_seed_draws_the_same_for_the_same_names(tmp_path: Path) -> None:
    one, same, other = (World(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one.draw(180, 480, "create", "vm-1") == same.draw(180, 480, "create", "VM-1")
    assert one.draw(180, 480, "create", "vm-1") != other.draw(180, 480, "create", "vm-1")
    assert one.draw(180, 480, "create", "vm-1") != one.draw(180, 480, "create", "vm-2")
    assert one.subscription_id == same.subscription_id != other.subscription_id
    assert World(tmp_path / "a", seed=2).seed == 1


async def test_a_vm_half_provisioned_goes_on_although_the_service_ended(tmp_path: Path) -> None:
    async with cloud_in(tmp_path) as cloud:
        await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
        cloud.later(60)
        before = cloud.world.vms()[0]
        endpoint, token = cloud.authority.arm_endpoint, cloud.token()
    async with cloud_in(tmp_path, seed=99) as cloud:
        assert cloud.authority.arm_endpoint == endpoint
        cloud.later(60)
        after = cloud.world.vms()[0]
        assert after == before
        shown = await cloud.call("GET", cloud.deployment(group=True), token=token)
        assert shown.at("properties.provisioningState") == "Running"
        cloud.later(LONG)
        shown = await cloud.get(cloud.deployment(group=True))
        assert shown.at("properties.provisioningState") == "Succeeded"


def test_many_who_start_at_once_get_one_service(directory: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: service.start(directory, speed=60, seed=1), range(6)))
    assert len({each.pid for each in found}) == 1
    assert service.endpoint(directory) == found[0]
    assert (directory / "endpoint.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(PrerequisiteError, match="served already"):
        service.serve_in_foreground(directory, speed=60, seed=1)


def test_many_clouds_that_want_one_port_get_one_each() -> None:
    """Copies of a workspace, which all remember the same port."""
    for _ in range(20):
        wanted, port = listen(0)
        wanted.close()
        at_once = Barrier(8)

        def start(_number: int, port: int = port, at_once: Barrier = at_once) -> tuple[socket.socket, int]:
            at_once.wait()
            return listen(port)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(start, range(8)))
        assert len({number for _, number in found}) == 8
        for listener, _ in found:
            listener.close()


def test_a_killed_service_comes_back_at_the_same_address(directory: Path) -> None:
    first = service.start(directory, speed=60, seed=1)
    assert service.start(directory, speed=30, seed=1) == first
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: service.endpoint(directory) is None)
    second = service.start(directory, speed=30, seed=2)
    assert second.pid != first.pid
    assert (second.arm_endpoint, second.client_secret) == (first.arm_endpoint, first.client_secret)
    assert (second.speed, second.seed) == (30, 1)
    assert second.ca_file.read_bytes()


def test_stop_and_reset(directory: Path) -> None:
    assert service.stop(directory) is False
    first = service.start(directory, speed=60, seed=1)
    assert service.stop(directory) is True
    assert service.endpoint(directory) is None
    assert (directory / "world.json").exists()
    second = service.start(directory, speed=60, seed=1)
    assert second.client_secret == first.client_secret
    service.reset(directory)
    assert not directory.exists()
    assert list(service.requests(directory)) == []


def test_a_service_whose_directory_vanishes_ends(directory: Path) -> None:
    found = service.start(directory, speed=60, seed=1)
    shutil.rmtree(directory)
    until(lambda: not _is_running(found.pid))


def _is_running(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)  # a child of this process stays a zombie until it is waited for
        os.kill(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return False
    return True


def test_a_service_that_cannot_start_says_where_the_reason_is(directory: Path) -> None:
    directory.mkdir()
    (directory / "world.json").write_text("not a world")
    with pytest.raises(PrerequisiteError) as caught:
        service.start(directory, speed=60, seed=1)
    assert "service.log" in str(caught.value.hint)
    assert "rehearse reset" in (directory / "service.log").read_text()


def test_importing_the_service_costs_no_server() -> None:
    import subprocess
    import sys

    code = "import sys, k0rdent_azure.rehearsal.service; print('aiohttp' in sys.modules, 'asyncssh' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
