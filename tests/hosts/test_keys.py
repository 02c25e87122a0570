"""Keys are what the real tools make, and never show by accident."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.keys import (
    KeyPair,
    ssh_keypair,
    ssh_public_from_private,
    wireguard_keypair,
    wireguard_public_from_private,
)


def wg(*words: str, text: str = "") -> str:
    return subprocess.run(["wg", *words], input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("_", range(20))
def test_a_wireguard_private_key_is_clamped(_: int) -> None:
    raw = base64.b64decode(wireguard_keypair().private, validate=True)
    assert len(raw) == 32
    assert raw[0] & 0b111 == 0
    assert raw[31] >> 6 == 0b01


@pytest.mark.needs_wg
@pytest.mark.skipif(shutil.which("wg") is None, reason="needs wg (Debian: wireguard-tools)")
@pytest.mark.parametrize("_", range(5))
def test_wg_derives_the_same_public_key(_: int) -> None:
    ours = wireguard_keypair()
    assert wg("pubkey", text=ours.private) == ours.public + "\n"
    theirs = wg("genkey")
    assert wireguard_public_from_private(theirs) + "\n" == wg("pubkey", text=theirs)


def test_keys_differ() -> None:
    assert len({wireguard_keypair().private for _ in range(50)}) == 50
    assert ssh_keypair("c").private != ssh_keypair("c").private


@pytest.mark.parametrize("bad", ["", "base64-encoded-private-key", "AAAA", "A" * 44, "\x00" * 44])
def test_a_bad_wireguard_key_is_an_error_that_does_not_repeat_it(bad: str) -> None:
    with pytest.raises(HostError) as caught:
        wireguard_public_from_private(bad)
    assert not bad or bad not in str(caught.value)
    assert caught.value.__cause__ is None


def test_private_halves_do_not_show() -> None:
    assert "hidden" not in repr(KeyPair(private="hidden", public="shown"))
    assert "shown" in repr(KeyPair(private="hidden", public="shown"))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH's ssh-keygen")
def test_openssh_reads_the_ssh_key(tmp_path: Path) -> None:
    pair = ssh_keypair("who made it")
    file = tmp_path / "key"
    file.write_text(pair.private)
    file.chmod(0o600)
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(file)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert derived == pair.public
    assert pair.public.startswith("ssh-ed25519 AAAA")
    assert pair.public.endswith(" who made it")


def test_the_public_line_follows_from_the_private_file() -> None:
    pair = ssh_keypair("old")
    assert ssh_public_from_private(pair.private, comment="new") == pair.public.replace(" old", " new")
    with pytest.raises(HostError, match="is cut off"):
        ssh_public_from_private(pair.private[:60], comment="new")
