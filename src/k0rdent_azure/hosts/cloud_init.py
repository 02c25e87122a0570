"""What a VM is told at its first boot, and how it says that it is done. Pure."""

from __future__ import annotations

import json
from typing import Literal

import yaml

from k0rdent_azure.config import forms
from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.keys import KeyPair

CloudInitStatus = Literal["pending", "running", "done", "failed"]
#: Azure refuses more custom data than this. https://learn.microsoft.com/azure/virtual-machines/custom-data
MAX_BYTES = 64 * 1024


class _BlockDumper(yaml.SafeDumper):
    """Texts of several lines as literal blocks, so that a person can read the result."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_BlockDumper.add_representer(str, _represent_text)


def user_data(*, hostname: str, host_key: KeyPair, wireguard_config: str, interface: str = "wg0") -> str:
    """The `#cloud-config` of one VM: the same bytes for the same input, because Azure refuses a change.

    `ssh_keys` sets the host key, so that it can be pinned before first contact; no other one is made then.
    Raises HostError where it is larger than Azure takes, or a name or key does not have its strict form.
    """
    _refuse_forms(hostname, host_key, interface)
    document = {
        "hostname": hostname,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {
            "ed25519_private": host_key.private.rstrip("\n") + "\n",
            "ed25519_public": host_key.public,
        },
        "package_update": True,
        "packages": ["wireguard"],
        "write_files": [
            {
                "path": f"/etc/wireguard/{interface}.conf",
                "owner": "root:root",
                "permissions": "0600",
                "content": wireguard_config,
            }
        ],
        "runcmd": [["systemctl", "enable", "--now", f"wg-quick@{interface}"]],
        "final_message": f"{hostname}: cloud-init finished after $UPTIME seconds",
    }
    text: str = yaml.dump(document, Dumper=_BlockDumper, sort_keys=False, width=1000)
    data = f"#cloud-config\n{text}"
    size = len(data.encode())
    if size >= MAX_BYTES:
        raise HostError(
            f"the cloud-init data of {hostname} has {size} bytes; Azure takes less than {MAX_BYTES}"
        )
    return data


def _refuse_forms(hostname: str, host_key: KeyPair, interface: str) -> None:
    """The keys never stand in the message."""
    wrong = [
        what
        for what, good in (
            (f"the host name {hostname[:60]!r}", forms.is_host_name(hostname)),
            (f"the interface name {interface[:60]!r}", forms.is_interface(interface)),
            (f"the public host key of {hostname[:60]}", forms.is_ssh_public_key(host_key.public)),
            (f"the private host key of {hostname[:60]}", forms.is_private_key(host_key.private)),
        )
        if not good
    ]
    if wrong:
        raise HostError(
            f"{wrong[0]} cannot stand in cloud-init data; none was written",
            hint="see what is wrong: k0rdent-azure state check",
        )


def status_command() -> str:
    """Exit 0 done, 1 failed, 2 done with recoverable errors; the JSON is there in each case (22.4 and later)."""
    return "cloud-init status --format json"


def parse_status(stdout: str) -> CloudInitStatus:
    """cloud-init's own word. What cannot be read counts as pending: the package may not be set up yet."""
    try:
        document = json.loads(stdout)
    except ValueError:
        return "pending"
    status = document.get("status") if isinstance(document, dict) else None
    if status in ("done", "degraded done", "disabled"):
        return "done"
    if status == "error":
        return "failed"
    return "running" if status == "running" else "pending"
