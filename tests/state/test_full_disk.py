"""A real disk that is full, and one that is read-only: a small file system of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.events import history
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import StillClock, small

pytestmark = pytest.mark.needs_root


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 256 KiB."""
    if os.geteuid():
        pytest.skip("only root can mount")
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    _mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path))
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def store(disk: Path) -> FileStore:
    made = FileStore(disk / "deployment-state.yaml", clock=StillClock())
    made.create(small())
    return made


def _add(store: FileStore, number: int) -> None:
    with store.transaction() as tx:
        tx.event("preparation", "counted", str(number), details="x" * 500)


def _fill(disk: Path, file: str) -> None:
    with (disk / file).open("wb", buffering=0) as filler:
        try:
            while filler.write(b"\0" * 512):
                pass
        except OSError:
            return


def _messages(store: FileStore) -> list[str]:
    """Read anew, everything verified."""
    fresh = FileStore(store.path, clock=StillClock())
    document = fresh.read()
    assert verify_history(document, fresh.storage)[0] == []
    return [str(event.message) for event in history(document, fresh.storage)]


def _judge_refusal(store: FileStore, number: int, reason: str) -> None:
    before = store.path.read_bytes()
    with pytest.raises(StateError, match=reason) as refused:
        _add(store, number)
    assert str(store.path.parent) in refused.value.message
    assert refused.value.hint
    assert store.path.read_bytes() == before
    there = {file.name for file in store.path.parent.iterdir()}
    assert not {name for name in there if name.endswith((".new", ".keep"))}


def test_a_disk_that_fills_up(disk: Path, store: FileStore) -> None:
    """Until a commit is refused; then room is made, and all goes on."""
    acknowledged = 0
    with pytest.raises(StateError, match="No space left on device"):
        for number in range(1000):
            _add(store, number)
            acknowledged = number + 1
    assert acknowledged > 50
    assert _messages(store) == [str(number) for number in range(acknowledged)]
    _fill(disk, "filler")
    _judge_refusal(store, acknowledged, "No space left on device")
    with pytest.raises(StateError, match="No space left on device"):
        RunLock(disk / "run.lock").acquire("deploy")
    (disk / "filler").unlink()
    (disk / "deployment-state.schema.json").unlink()
    with RunLock(disk / "run.lock").acquire("resume"):
        _add(store, acknowledged)
    assert _messages(store) == [str(number) for number in range(acknowledged + 1)]


def test_a_disk_that_fills_up_while_events_are_sealed(disk: Path, store: FileStore) -> None:
    with store.transaction() as tx:
        for number in range(300):
            tx.event("preparation", "counted", str(number), details="x" * 50)
    _fill(disk, "filler")
    _judge_refusal(store, 300, "No space left on device")
    (disk / "filler").unlink()
    _add(store, 300)
    assert _messages(store) == [str(number) for number in range(301)]
    assert len(store.storage.parts("events")) == 1


def test_a_disk_that_becomes_read_only(disk: Path, store: FileStore) -> None:
    _add(store, 0)
    _mount("-o", "remount,ro", str(disk))
    with pytest.raises(StateError, match="Read-only file system") as refused:
        _add(store, 1)
    assert refused.value.hint
    assert _messages(store) == ["0"]
    _mount("-o", "remount,rw", str(disk))
    _add(store, 1)
    assert _messages(store) == ["0", "1"]
