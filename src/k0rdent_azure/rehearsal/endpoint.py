"""Where a served rehearsal cloud can be found, and how to log in: `endpoint.json`, 0600."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE = "endpoint.json"


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """The jump host in front of the simulated hosts; `host_key` is an OpenSSH public key."""

    host: str
    port: int
    username: str
    key_path: Path
    host_key: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One served cloud. `authority` and `arm_endpoint` are URLs without a slash at the end. `somebody_id` is the
    client id of everybody but the deployer, with the same secret."""

    arm_endpoint: str
    authority: str
    ca_file: Path
    tenant: str
    client_id: str
    client_secret: str
    subscription_id: str
    ssh: Ssh
    pid: int
    speed: float
    seed: int
    somebody_id: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.arm_endpoint}, pid={self.pid}, speed={self.speed})"


def _decode(type_: type, value: object) -> object:
    """Paths are kept as text."""
    return type_(value)


def write(directory: Path, endpoint: Endpoint) -> None:
    temporary = directory / f"{FILE}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(endpoint, enc_hook=str))
    temporary.replace(directory / FILE)


def read(directory: Path) -> Endpoint | None:
    """The endpoint last written, whoever serves it now; None where there is none that can be read."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Endpoint, dec_hook=_decode)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
