"""What a machine's cloud-init custom data makes of it, and how far cloud-init has come.

Formats: https://cloudinit.readthedocs.io (cloud-config) and the output of `cloud-init status` 22.4, which
Debian 12 ships. Custom data comes from the client under test: anything may be in it, nothing may break us.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import yaml


@dataclass(frozen=True)
class WrittenFile:
    path: str
    content: bytes
    mode: int


@dataclass(frozen=True)
class CloudConfig:
    """The parts of `#cloud-config` that show from outside. `error` tells why it was not understood."""

    hostname: str | None = None
    host_key: str | None = field(default=None, repr=False)
    host_public_key: str | None = None
    packages: tuple[str, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    commands: tuple[str, ...] = ()
    error: str | None = None

    def starts(self, unit: str) -> bool:
        """Whether a `runcmd` starts the systemd unit."""
        return any(
            unit in command.split() and {"start", "--now"} & set(command.split())
            for command in self.commands
            if "systemctl" in command
        )


def parse(custom_data: str) -> CloudConfig:
    """Never raises: what a real cloud-init would complain about goes into `error`."""
    if not custom_data.strip():
        return CloudConfig()
    if not custom_data.startswith("#cloud-config"):
        return CloudConfig(error="custom data does not start with #cloud-config")
    try:
        document = yaml.safe_load(custom_data)
        return _config(document if isinstance(document, dict) else {})
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, binascii.Error) as error:
        return CloudConfig(error=f"Failed loading yaml blob. {str(error).splitlines()[0]}")


def _config(document: dict[str, object]) -> CloudConfig:
    keys = document.get("ssh_keys")
    host_key = keys.get("ed25519_private") if isinstance(keys, dict) else None
    host_public_key = keys.get("ed25519_public") if isinstance(keys, dict) else None
    hostname = document.get("hostname")
    return CloudConfig(
        hostname=str(hostname) if hostname else None,
        host_key=str(host_key) if host_key else None,
        host_public_key=str(host_public_key) if host_key and host_public_key else None,
        packages=tuple(str(name) for name in _sequence(document.get("packages"))),
        files=tuple(
            _file(entry) for entry in _sequence(document.get("write_files")) if isinstance(entry, dict)
        ),
        commands=tuple(
            " ".join(map(str, command)) if isinstance(command, list) else str(command)
            for command in _sequence(document.get("runcmd"))
        ),
    )


def _sequence(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _file(entry: dict[str, object]) -> WrittenFile:
    text = str(entry.get("content", ""))
    encoding = str(entry.get("encoding", ""))
    content = base64.b64decode(text) if encoding in {"b64", "base64"} else text.encode()
    mode = entry.get("permissions", "0644")
    return WrittenFile(str(entry["path"]), content, mode if isinstance(mode, int) else int(str(mode), 8))


def status(*, done: bool, error: str | None) -> str:
    """The word after `status:` and in the JSON document."""
    if not done:
        return "running"
    return "error" if error else "done"


def status_json(word: str, *, error: str | None, updated: datetime) -> str:
    """`cloud-init status --format json`, as 22.4 prints it."""
    facts = {
        "boot_status_code": "enabled-by-generator",
        "datasource": "azure",
        "detail": "DataSourceAzure [seed=/dev/sr0]",
        "errors": [error] if error and word == "error" else [],
        "last_update": updated.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000"),
    }
    body = {"_schema_version": "1", **facts, "schemas": {"1": {**facts, "status": word}}, "status": word}
    return json.dumps(body, indent=1)


def status_text(word: str, *, updated: datetime) -> str:
    """`cloud-init status --long`."""
    when = updated.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return (
        f"status: {word}\nboot_status_code: enabled-by-generator\nlast_update: {when}\n"
        "detail:\nDataSourceAzure [seed=/dev/sr0]"
    )
