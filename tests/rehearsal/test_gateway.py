"""Who is reached through the jump host, when, and with which keys."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from k0rdent_azure.rehearsal import faults
from tests.rehearsal.machine_stage import ADMIN, PORT, Front, Stage, front, rule, wireguard_pair


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Front]:
    stage = Stage(tmp_path)
    stage.add("k0s-controller")
    stage.add("k0s-worker-1")
    async with front(stage, tmp_path) as opened:
        yield opened


async def test_a_machine_answers_by_public_address_and_name_with_its_cloud_init_host_key(
    cloud: Front,
) -> None:
    for address in ("20.198.5.11", "k0s-controller.southeastasia.cloudapp.azure.com"):
        async with await cloud.login(address, "k0s-controller") as connection:
            result = await connection.run("hostname")
            assert result.stdout == "k0s-controller\n"


async def test_another_host_key_is_noticed(cloud: Front) -> None:
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await cloud.login("20.198.5.12", "k0s-controller")


@pytest.mark.parametrize("address", ["10.240.1.11", "20.198.5.99", "172.24.24.11", "nowhere.invalid"])
async def test_private_unknown_and_unconnected_addresses_do_not_answer(cloud: Front, address: str) -> None:
    with pytest.raises(asyncssh.ChannelOpenError):
        await cloud.login(address, "k0s-controller")


async def test_only_port_22_answers(cloud: Front) -> None:
    with pytest.raises(asyncssh.ChannelOpenError):
        await cloud.jump.open_connection("20.198.5.11", 6443)


async def test_a_rehearsed_fault_stops_so_many_connections_to_one_machine(
    cloud: Front, tmp_path: Path
) -> None:
    faults.add(tmp_path, faults.Fault(kind="ssh-unreachable", vm="k0s-worker-1", times=2))
    assert (await cloud.on("k0s-controller", "true")).exit_status == 0
    for _ in range(2):
        with pytest.raises(asyncssh.ChannelOpenError):
            await cloud.on("k0s-worker-1", "true")
    assert (await cloud.on("k0s-worker-1", "true")).exit_status == 0


async def test_a_machine_whose_clock_is_wrong(cloud: Front) -> None:
    cloud.stage.change("k0s-worker-1", clock_skew=3600.0)
    right, wrong = [
        int(str((await cloud.on(name, "date -u +%s")).stdout)) for name in ("k0s-controller", "k0s-worker-1")
    ]
    assert wrong - right == pytest.approx(3600, abs=30)


async def test_a_machine_answers_only_once_it_has_booted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, speed=1.0)
    stage.add("vm", booted=200, done=260)
    async with front(stage, tmp_path) as cloud:
        with pytest.raises(asyncssh.ChannelOpenError):
            await cloud.login("20.198.5.11", "vm")
        stage.later(201)
        assert (await cloud.on("vm", "true")).exit_status == 0


@pytest.mark.parametrize(
    "values",
    [
        {"power": "deallocated"},
        {"nsg_rules": []},
        {"nsg_rules": [rule("Udp", 22)]},
        {"nsg_rules": [rule("Tcp", 22), rule("*", 22, access="Deny", priority=90)]},
    ],
)
async def test_a_machine_that_is_off_or_closed_does_not_answer(
    cloud: Front, values: dict[str, object]
) -> None:
    cloud.stage.change("k0s-controller", **values)
    cloud.stage.later(60)
    with pytest.raises(asyncssh.ChannelOpenError):
        await cloud.login("20.198.5.11", "k0s-controller")


async def test_a_rule_for_some_source_addresses_lets_the_workstation_in(cloud: Front) -> None:
    narrow = {**rule("Tcp", 22), "sourceAddressPrefix": "198.51.100.7/32"}
    cloud.stage.change("k0s-controller", nsg_rules=[narrow])
    cloud.stage.later(60)
    assert (await cloud.on("k0s-controller", "true")).exit_status == 0


async def test_only_the_admin_with_the_deployed_key_gets_in(cloud: Front) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    for user, key in ((ADMIN, stranger), ("root", cloud.stage.client)):
        with pytest.raises(asyncssh.PermissionDenied):
            await cloud.jump.connect_ssh("20.198.5.11", username=user, client_keys=[key], known_hosts=None)


async def test_the_jump_host_takes_its_own_key_only(cloud: Front) -> None:
    for user, key in (("rehearsal", cloud.stage.client), ("root", str(cloud.endpoint.key_path))):
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                "127.0.0.1",
                cloud.endpoint.port,
                username=user,
                client_keys=[key],
                known_hosts=None,
                config=None,
            )


async def test_an_open_connection_ends_when_the_machine_goes_away(cloud: Front) -> None:
    async with await cloud.login("20.198.5.11", "k0s-controller") as connection:
        cloud.stage.machines = []
        cloud.stage.later(60)
        await connection.wait_closed()
        with pytest.raises((asyncssh.Error, OSError)):
            await connection.run("true")


async def test_port_and_keys_outlive_a_restart(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.add("vm")
    async with front(stage, tmp_path) as cloud:
        before = cloud.endpoint
        await cloud.on("vm", "sudo -n tee /etc/motd", stdin="kept")
    async with front(stage, tmp_path) as cloud:
        assert cloud.endpoint == before
        assert (await cloud.on("vm", "cat /etc/motd")).stdout == "kept"
    assert before.key_path.stat().st_mode & 0o777 == 0o600


async def test_a_machine_made_anew_under_its_old_name_starts_empty(cloud: Front) -> None:
    await cloud.on("k0s-worker-1", "sudo -n tee /etc/motd", stdin="old")
    cloud.stage.change("k0s-worker-1", vm_id="k0s-worker-1-2")
    cloud.stage.later(60)
    assert (await cloud.on("k0s-worker-1", "cat /etc/motd")).exit_status == 1


async def test_the_vpn_reaches_the_machines(cloud: Front) -> None:
    assert (await cloud.vpn_up()).exit_status == 0
    async with await cloud.login("172.24.24.12", "k0s-worker-1") as connection:
        assert (await connection.run("hostname")).stdout == "k0s-worker-1\n"
    handshakes = await cloud.handshakes()
    assert set(handshakes) == {public for _, public in cloud.stage.secrets.values()}
    assert all(abs(moment - time.time()) < 5 for moment in handshakes.values())


async def test_the_vpn_ends_with_its_interface(cloud: Front) -> None:
    await cloud.vpn_up()
    assert (await cloud.laptop("sudo -n wg-quick down wgk0")).exit_status == 0
    with pytest.raises(asyncssh.ChannelOpenError):
        await cloud.login("172.24.24.12", "k0s-worker-1")
    assert (await cloud.laptop("sudo -n wg show wgk0 dump")).exit_status == 1


@pytest.mark.parametrize("fault", ["laptop key", "closed port", "cloud-init", "powered off", "stopped unit"])
async def test_no_handshake_without_all_that_it_needs(cloud: Front, fault: str) -> None:
    private = wireguard_pair()[0] if fault == "laptop key" else None
    if fault == "stopped unit":
        await cloud.on("k0s-worker-1", "sudo -n systemctl stop wg-quick@wg0")
    values: dict[str, dict[str, object]] = {
        "closed port": {"nsg_rules": [rule("Tcp", 22), rule("Tcp", PORT)]},
        "cloud-init": {"cloud_init_done_at": cloud.stage.clock.now() + 1e6},
        "powered off": {"power": "stopped"},
    }
    cloud.stage.change("k0s-worker-1", **values.get(fault, {}))
    cloud.stage.later(60)
    await cloud.vpn_up(private=private)
    assert (await cloud.handshakes())[cloud.stage.secrets["k0s-worker-1"][1]] == 0
    with pytest.raises(asyncssh.ChannelOpenError):
        await cloud.login("172.24.24.12", "k0s-worker-1")


async def test_the_dump_is_wgs(cloud: Front) -> None:
    await cloud.vpn_up()
    lines = str((await cloud.laptop("sudo -n wg show wgk0 dump")).stdout).splitlines()
    assert lines[0].split("\t") == [cloud.stage.laptop_private, cloud.stage.laptop_public, "51820", "off"]
    peer = lines[1].split("\t")
    assert len(peer) == 8
    assert peer[1:4] == ["(none)", f"20.198.5.11:{PORT}", "172.24.24.11/32"]
    assert peer[7] == "25"


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("sudo -n wg-quick up wgk0", 1, "already exists"),
        ("sudo -n wg-quick up wgother", 1, "does not exist"),
        ("sudo -n wg-quick down wgother", 1, "not a WireGuard interface"),
        ("wg-quick down wgk0", 1, "root"),
        ("wg show wgk0 dump", 1, "not permitted"),
        ("ip link show wgk0", 0, ""),
        ("ip link show wgother", 1, "does not exist"),
        ("true", 0, ""),
    ],
)
async def test_the_laptop_refuses_as_a_real_one(cloud: Front, command: str, status: int, words: str) -> None:
    await cloud.vpn_up()
    result = await cloud.laptop(command)
    assert result.exit_status == status
    assert words in str(result.stderr)


async def test_a_broken_configuration_is_refused(cloud: Front) -> None:
    await cloud.laptop(
        "sudo -n install -D -m 0600 /dev/stdin /etc/wireguard/wgk0.conf", stdin="[Interface]\n"
    )
    result = await cloud.laptop("sudo -n wg-quick up wgk0")
    assert result.exit_status == 1
    assert "PrivateKey" in str(result.stderr)


async def test_the_interface_outlives_a_restart_of_the_cloud(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.add("vm")
    async with front(stage, tmp_path) as cloud:
        await cloud.vpn_up()
    async with front(stage, tmp_path) as cloud:
        assert (await cloud.login("172.24.24.11", "vm")) is not None
        assert min((await cloud.handshakes()).values()) > 0


async def test_fifty_machines_at_once(tmp_path: Path) -> None:
    import asyncio

    stage = Stage(tmp_path)
    for number in range(50):
        stage.add(f"vm-{number}")
    async with front(stage, tmp_path) as cloud:
        results = await asyncio.gather(
            *(cloud.on(machine.name, "cloud-init status") for machine in stage.machines)
        )
        assert [result.stdout for result in results] == ["status: done\n"] * 50
