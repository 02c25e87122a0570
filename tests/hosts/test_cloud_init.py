"""cloud-init's user data: what a VM needs at its first boot, the same bytes each time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.cloud_init import MAX_BYTES, parse_status, status_command, user_data
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair

HOST_KEY = ssh_keypair("k0s-controller")
WIREGUARD = "[Interface]\nPrivateKey = cHJpdmF0ZQ==\n\n[Peer]\nPublicKey = x: y # z\n"


def made(wireguard: str = WIREGUARD) -> str:
    return user_data(hostname="k0s-controller", host_key=HOST_KEY, wireguard_config=wireguard)


def document() -> dict[str, object]:
    read = yaml.safe_load(made())
    assert isinstance(read, dict)
    return read


def test_it_says_what_it_is_and_parses() -> None:
    assert made().startswith("#cloud-config\n")
    assert document()["hostname"] == "k0s-controller"


def test_the_host_key_is_ours_and_the_only_one() -> None:
    read = document()
    assert read["ssh_keys"] == {"ed25519_private": HOST_KEY.private, "ed25519_public": HOST_KEY.public}
    assert read["ssh_deletekeys"] is True
    assert read["ssh_genkeytypes"] == []


def test_wireguard_is_installed_configured_for_root_only_and_started() -> None:
    read = document()
    assert read["packages"] == ["wireguard"]
    assert read["write_files"] == [
        {
            "path": "/etc/wireguard/wg0.conf",
            "owner": "root:root",
            "permissions": "0600",
            "content": WIREGUARD,
        }
    ]
    assert read["runcmd"] == [["systemctl", "enable", "--now", "wg-quick@wg0"]]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert made() == made()
    assert made() != made(WIREGUARD + "#")


def test_it_fits_and_what_does_not_is_refused() -> None:
    assert len(made().encode()) < 8 * 1024
    with pytest.raises(HostError, match=r"k0s-controller has .* bytes"):
        made("x" * MAX_BYTES)


def test_a_private_key_without_its_last_newline_gets_one() -> None:
    """OpenSSH refuses a key file whose last line does not end."""
    bare = KeyPair(private=HOST_KEY.private.rstrip("\n"), public=HOST_KEY.public)
    assert user_data(hostname="k0s-controller", host_key=bare, wireguard_config=WIREGUARD) == made()


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="needs cloud-init")
def test_cloud_init_knows_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(made())
    subprocess.run(["cloud-init", "schema", "--config-file", str(file)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"status": "done", "extended_status": "done", "errors": []}, "done"),
        ({"status": "done", "extended_status": "degraded done", "recoverable_errors": {"W": ["x"]}}, "done"),
        ({"status": "degraded done"}, "done"),
        ({"status": "disabled"}, "done"),
        ({"status": "running"}, "running"),
        ({"status": "not run"}, "pending"),
        ({"status": "not started"}, "pending"),
        ({"status": "error", "errors": ["x"]}, "failed"),
        ({"status": 7}, "pending"),
        ({}, "pending"),
        ([], "pending"),
    ],
)
def test_the_status_is_cloud_inits_own_word(document: object, status: str) -> None:
    assert parse_status(json.dumps(document, indent=1)) == status


@pytest.mark.parametrize("text", ["", "....", "sh: cloud-init: not found", "{"])
def test_what_cannot_be_read_is_pending(text: str) -> None:
    assert parse_status(text) == "pending"


def test_the_status_is_asked_for_as_json() -> None:
    assert status_command() == "cloud-init status --format json"
