"""Whole requests and answers, where somebody wants them: `exchanges.jsonl`, 0600, because custom data is among them.

It is written only where it was begun with `begin`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from k0rdent_azure.rehearsal.locks import opener

FILE = "exchanges.jsonl"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One ARM request and its answer. `path` has its query; `follow_ups` are the URLs that the answer's headers
    name."""

    method: str
    path: str
    body: object
    status: int
    answer: object
    follow_ups: list[str]


def begin(directory: Path) -> None:
    """Record from now on; what was recorded is forgotten."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(directory / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))


def is_on(directory: Path) -> bool:
    return (directory / FILE).exists()


def append(directory: Path, exchange: Exchange) -> None:
    """Where recording `is_on`."""
    with open(directory / FILE, "ab", opener=opener) as file:
        file.write(msgspec.json.encode(exchange) + b"\n")


def read(directory: Path) -> Iterator[Exchange]:
    """In the order of the answers."""
    for line in (directory / FILE).read_bytes().splitlines():
        yield msgspec.json.decode(line, type=Exchange)
