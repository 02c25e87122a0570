"""What a host itself knows of its making: its keys, its WireGuard, its k0s. Only reads; nothing is shown or logged."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from k0rdent_azure.config import forms
from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts import cloud_init
from k0rdent_azure.hosts.keys import KeyPair, ssh_public_from_private
from k0rdent_azure.hosts.ssh import SshRunner, Target
from k0rdent_azure.hosts.wireguard import Interface, parse_config

#: Where Debian's sshd and wg-quick read what our cloud-init wrote.
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
WIREGUARD_CONFIG = "/etc/wireguard/wg0.conf"
#: What cloud-init was given, byte for byte. https://docs.cloud-init.io/en/latest/explanation/instancedata.html
USER_DATA = "/var/lib/cloud/instance/user-data.txt"
#: More than a configuration or a key ever has, in characters.
LONGEST = 128 * 1024


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What one host told; None for what it does not have (yet). `user_data` is what cloud-init was given."""

    cloud_init: cloud_init.CloudInitStatus
    host_key: KeyPair | None = None
    wireguard: Interface | None = None
    user_data: str | None = field(default=None, repr=False)
    k0s_role: str | None = None
    k0s_version: str | None = None


async def read(ssh: SshRunner, target: Target) -> HostFacts:
    """Ask one host for everything, at once. Raises HostUnreachableError, HostKeyMismatchError."""
    key, public, config, data, progress, k0s = await asyncio.gather(
        *(
            _output(ssh, target, command)
            for command in (
                f"sudo -n cat {HOST_KEY}",
                f"cat {HOST_KEY}.pub",
                f"sudo -n cat {WIREGUARD_CONFIG}",
                f"sudo -n cat {USER_DATA}",
                cloud_init.status_command(),
                "sudo -n k0s status -o json",
            )
        )
    )
    status = _json(k0s)
    return HostFacts(
        cloud_init=cloud_init.parse_status(progress or ""),
        host_key=_pair(key, public, target),
        wireguard=_wireguard(config),
        user_data=data,
        k0s_role=_text(status, "Role"),
        k0s_version=_text(status, "Version"),
    )


async def _output(ssh: SshRunner, target: Target, command: str) -> str | None:
    """Standard output; None where the command fails: a file that is not there, a tool that is not installed."""
    result = await ssh.run(target, command, check=False)
    # cloud-init tells failures by its exit status, and the reason in its output all the same.
    good = result.exit_status == 0 or command == cloud_init.status_command()
    return result.stdout if good and len(result.stdout) <= LONGEST else None


def _pair(private: str | None, public: str | None, target: Target) -> KeyPair | None:
    """The host key, where it is the one that the host showed at login; the comment is that of its public file."""
    if private is None or not forms.is_private_key(private):
        return None
    told = " ".join((public or "").split())
    comment = " ".join(told.split()[2:]) if forms.is_ssh_public_key(told) else ""
    comment = comment or target.name
    try:
        line = ssh_public_from_private(private, comment=comment)
    except HostError:
        return None
    return KeyPair(private, line) if line.split()[:2] == target.host_key.split()[:2] else None


def _wireguard(config: str | None) -> Interface | None:
    """The host's configuration; None where its key is none. Peers whose keys are none are left out."""
    found = parse_config(config) if config else None
    if found is None or not forms.is_wireguard_key(found.private_key):
        return None
    peers = tuple(each for each in found.peers if forms.is_wireguard_key(each[0]))
    return dataclasses.replace(found, peers=peers)


def _json(text: str | None) -> Mapping[str, object]:
    try:
        document = json.loads(text or "")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(document: Mapping[str, object], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) and forms.is_word(value) else None
