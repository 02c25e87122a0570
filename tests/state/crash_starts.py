"""The disks on which the commands begin."""

from __future__ import annotations

import errno
import os

import pytest

from k0rdent_azure.state import document, events
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import EXAMPLE, StillClock
from tests.state.crash_disk import CrashDisk
from tests.state.crash_steps import PATH, PHASE, Step, create

BY_HAND = b"""\
# ours, do not touch
metadata:
  schema_version: "1.0"
  deployment_id: k0rdent-test0001   # from the prefix
  created_at: 2025-01-07T15:30:00Z
  last_updated: 2025-01-07T15:30:00Z
  deployment_phase: preparation
  deployment_status: pending
configuration: {azure: {location: westus2}}
"""


def shorten_trails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some events, and some kilobytes, are from now on what hundreds and megabytes are elsewhere."""
    monkeypatch.setattr(document, "LAZY_ABOVE", 2000)
    monkeypatch.setattr(events, "INLINE_LIMIT", 20)
    monkeypatch.setattr(events, "KEEP_INLINE", 10)
    monkeypatch.setattr(events, "SEGMENT_LIMIT", 12)


def empty(*, owner: tuple[int, int] = (0, 0)) -> CrashDisk:
    """A disk with nothing but the workspace's folder."""
    disk = CrashDisk()
    disk.mkdir(str(PATH.parent))
    folder = disk.open(str(PATH.parent), os.O_RDONLY)
    disk.chown(folder, *owner)
    disk.close(folder)
    return disk.sync()


def begun(*steps: Step) -> CrashDisk:
    """A disk on which `steps` were done after `create`."""
    disk = empty()
    for step in (create(), *steps):
        step.run(FileStore(PATH, clock=StillClock(), files=disk))
    return disk.sync()


def hand_made(text: bytes = BY_HAND) -> CrashDisk:
    """A disk with a file as its user wrote it: with comments, and readable by others."""
    disk = empty()
    disk.put(str(PATH), text, mode=0o644, owner=(1000, 1000))
    return disk


def without_links(disk: CrashDisk, code: int = errno.EPERM) -> CrashDisk:
    """The same on a file system without hard links."""
    disk.no_links = code
    return disk


def long_trail(count: int) -> CrashDisk:
    """A disk with a file of another writer, which has all its events inline."""
    rows = "".join(
        f'- timestamp: "2025-01-07T15:30:00Z"\n  phase: "{PHASE}"\n  action: "counted"\n  message: "{number}"\n'
        for number in range(count)
    )
    head = EXAMPLE.read_text().partition("\nevents:")[0]
    disk = empty()
    disk.put(str(PATH), f"{head}\nevents:\n{rows}".encode())
    return disk
