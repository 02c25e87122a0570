"""SSH files that went through other programs are read as what they hold, and kept as the tools need them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import asyncssh
import pytest

from k0rdent_azure.azure.drift_values import public_keys
from k0rdent_azure.azure.incarnations import incarnation
from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.hosts.keys import ssh_keypair, ssh_public_from_private
from k0rdent_azure.phases.preparation import Preparation
from k0rdent_azure.phases.rebuild_config import Wanted
from k0rdent_azure.phases.rebuild_hosts import KNOWN_HOSTS, pins
from tests.azure.conftest import make_config
from tests.phases.stage import stage

IP = hosts(make_config())[0].wireguard_ip
PAIR, OTHER = ssh_keypair("me"), ssh_keypair("other")
KEY, ANOTHER = (" ".join(pair.public.split()[:2]) for pair in (PAIR, OTHER))
ECDSA = (
    "ecdsa-sha2-nistp256 "
    + asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().split()[1]
)

DAMAGED = {
    "crlf": PAIR.private.replace("\n", "\r\n"),
    "cr": PAIR.private.replace("\n", "\r"),
    "byte order mark": "\ufeff" + PAIR.private,
    "blanks at line ends": PAIR.private.replace("\n", " \t\n"),
    "indented": "".join(f"  {line}\n" for line in PAIR.private.splitlines()),
    "no last line end": PAIR.private.rstrip("\n"),
    "blank lines around": f"\n\n{PAIR.private}\n\n",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_private_key_is_read_through_what_an_editor_left(text: str) -> None:
    assert ssh_public_from_private(text, comment="me") == PAIR.public


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521"])
@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
def test_keys_of_other_types_and_forms_are_read_too(kind: str, form: str) -> None:
    key = asyncssh.generate_private_key(kind)
    text = "\ufeff" + key.export_private_key(form).decode().replace("\n", "\r\n")
    assert ssh_public_from_private(text, comment="").split() == key.export_public_key().decode().split()[:2]


@pytest.mark.parametrize("damage", [b"crlf", b"mark", b"utf-16"])
async def test_a_key_that_was_put_back_from_windows_becomes_one_that_ssh_takes(
    tmp_path: Path, damage: bytes
) -> None:
    async with stage(tmp_path, make_config()) as made, made.run("resume") as ctx:
        await Preparation().run(ctx)
        path = ctx.path(ctx.names.ssh_key_file)
        good = path.read_bytes()
        path.write_bytes(
            {
                b"crlf": good.replace(b"\n", b"\r\n"),
                b"mark": b"\xef\xbb\xbf" + good,
                b"utf-16": good.decode().encode("utf-16"),
            }[damage]
        )
        await Preparation().run(ctx)
        assert path.read_bytes() == good
        assert path.stat().st_mode & 0o777 == 0o600


PUBLIC = {
    "crlf": f"{KEY} me\r\n",
    "byte order mark": f"\ufeff{KEY} me",
    "comment before": f"# mine\n\n{KEY} me",
    "options": f'from="192.0.2.1",no-pty {KEY} me',
    "an option with a key in it": f'command="echo {ANOTHER} x" {KEY}',
    "quoted": f'"{KEY} me"',
    "tabs": KEY.replace(" ", "\t") + "\tme",
    "several": f"{KEY} me\n{ECDSA} them",
    "indented": f"  {KEY}  ",
}


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC)
def test_a_public_key_is_the_same_key_however_it_is_written(text: str) -> None:
    assert incarnation("Microsoft.Compute/sshPublicKeys", {"properties": {"publicKey": text}}) == KEY
    assert public_keys([text]) == public_keys([KEY])


def known(tmp_path: Path, text: str) -> str | None:
    """The pin of the first host."""
    path = tmp_path / KNOWN_HOSTS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return pins(tmp_path, Wanted(make_config(), Names("k0rdent-abcd1234"), "record", "")).get(
        hosts(make_config())[0].name
    )


LINES = {
    "plain": "{ip} {key}\n",
    "crlf": "{ip} {key}\r\n",
    "byte order mark": "\ufeff{ip} {key} comment\n",
    "names in a list": "k0rdent-controller,{ip},other {key}\n",
    "hashed": "{hashed} {key}\n",
    "a key of another type before": "{ip} {ecdsa}\n{ip} {key}\n",
    "a key of another type after": "{ip} {key}\n{ip} {ecdsa}\n",
    "comments and other hosts": "# {ip} {other}\n\n10.1.1.1 {other}\n{ip} {key}\n",
    "broken lines": "@what {ip} {other}\n{ip}\n|1|x {other}\n{ip} ssh-ed25519 !!!\n{ip} {key}\n",
    "a pattern that leaves it out": "172.*,!{ip} {other}\n{ip} {key}\n",
    "an authority's key": "@cert-authority {ip} {other}\n{ip} {key}\n",
}


def filled(text: str) -> str:
    salt = b"0" * 20
    mac = hmac.new(salt, IP.encode(), hashlib.sha1).digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(mac).decode()}"
    return text.format(ip=IP, key=KEY, other=ANOTHER, ecdsa=ECDSA, hashed=hashed)


@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
def test_a_pinned_host_key_is_found_in_a_file_that_ssh_keygen_wrote(tmp_path: Path, text: str) -> None:
    assert known(tmp_path, filled(text)) == KEY


def test_a_revoked_key_is_no_pin(tmp_path: Path) -> None:
    assert known(tmp_path, filled("{ip} {key}\n@revoked * {key}\n")) is None
