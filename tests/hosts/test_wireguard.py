"""WireGuard configurations as wg-quick reads them, and `wg show … dump` as wg writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from k0rdent_azure.hosts.keys import wireguard_keypair
from k0rdent_azure.hosts.wireguard import LaptopPeer, PeerStatus, host_config, laptop_config, parse_dump

LAPTOP, ONE, TWO = wireguard_keypair(), wireguard_keypair(), wireguard_keypair()
PEERS = [
    LaptopPeer("k0s-controller", ONE.public, "172.24.24.11", "20.1.2.3:51820"),
    LaptopPeer("k0s-worker-1", TWO.public, "172.24.24.12", "20.1.2.4:51820"),
]


def on_host() -> str:
    return host_config(
        private_key=ONE.private,
        address="172.24.24.11",
        port=51820,
        laptop_public_key=LAPTOP.public,
        laptop_ip="172.24.24.1",
    )


def on_laptop() -> str:
    return laptop_config(private_key=LAPTOP.private, address="172.24.24.1", peers=PEERS)


def test_a_host_listens_and_lets_only_the_laptop_in() -> None:
    lines = on_host().splitlines()
    assert "ListenPort = 51820" in lines
    assert "Address = 172.24.24.11/32" in lines
    assert [line for line in lines if line.startswith("AllowedIPs")] == ["AllowedIPs = 172.24.24.1/32"]
    assert not any(line.startswith(("Endpoint", "PersistentKeepalive")) for line in lines)


def test_the_laptop_calls_every_host_and_keeps_the_way_open() -> None:
    lines = on_laptop().splitlines()
    assert [line for line in lines if line.startswith("Endpoint")] == [
        "Endpoint = 20.1.2.3:51820",
        "Endpoint = 20.1.2.4:51820",
    ]
    assert lines.count("PersistentKeepalive = 25") == 2
    assert [line for line in lines if line.startswith("AllowedIPs")] == [
        "AllowedIPs = 172.24.24.11/32",
        "AllowedIPs = 172.24.24.12/32",
    ]
    assert not any(line.startswith("ListenPort") for line in lines)


@pytest.mark.needs_wg
@pytest.mark.skipif(shutil.which("wg-quick") is None, reason="needs wg-quick (Debian: wireguard-tools)")
@pytest.mark.parametrize("text", [on_host(), on_laptop()], ids=["host", "laptop"])
def test_wg_quick_accepts_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wgk0test.conf"
    file.write_text(text)
    file.chmod(0o600)
    done = subprocess.run(
        ["wg-quick", "strip", str(file)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    kept = {line for line in done.stdout.splitlines() if line and not line.startswith("#")}
    given = {line for line in text.splitlines() if line and not line.startswith(("#", "Address"))}
    assert kept == given


def test_a_dump_gives_peers_by_public_key() -> None:
    dump = (
        f"{LAPTOP.private}\t{LAPTOP.public}\t40000\toff\n"
        f"{ONE.public}\t(none)\t20.1.2.3:51820\t172.24.24.11/32\t1767225600\t1024\t2048\t25\n"
        f"{TWO.public}\t(none)\t(none)\t172.24.24.12/32\t0\t0\t0\toff\n"
    )
    assert parse_dump(dump) == {
        ONE.public: PeerStatus(ONE.public, "20.1.2.3:51820", 1767225600, 1024, 2048),
        TWO.public: PeerStatus(TWO.public, "(none)", 0, 0, 0),
    }


@pytest.mark.parametrize("text", ["", "\n", "one line", "a\tb\nc\td\te", "i\n" + "\t".join("abcdefgh")])
def test_what_is_no_dump_has_no_peers(text: str) -> None:
    assert parse_dump(text) == {}
