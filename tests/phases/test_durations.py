"""What a new deployment takes over from the archived ones, whatever became of their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.phases.durations import KEPT, inherited, note
from k0rdent_azure.state.model import Durations
from k0rdent_azure.state.store import FileStore

EXAMPLE = Path(__file__).parent.parent / "data" / "state-example.yaml"


def archived(archive: Path, name: str, *, age: int, creation: list[float]) -> FileStore:
    folder = archive / name
    folder.mkdir(parents=True)
    path = folder / "deployment-state.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    store = FileStore(path, clock=SystemClock())
    for seconds in creation:
        with store.transaction() as tx:
            note(tx, "creation", seconds)
    os.utime(path, (2_000_000_000 - age, 2_000_000_000 - age))
    return store


def test_the_newest_archive_counts(tmp_path: Path) -> None:
    archived(tmp_path, "older", age=100, creation=[100])
    archived(tmp_path, "newer", age=10, creation=[100, 200])
    assert inherited(tmp_path, "AzureCloud") == Durations(creation=[100, 200])


def test_no_archive_is_no_history(tmp_path: Path) -> None:
    assert inherited(tmp_path / "archive", "AzureCloud") == Durations()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe\x00", b"durations: [1, 2]\n"])
def test_a_damaged_archive_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    archived(tmp_path, "older", age=100, creation=[100])
    archived(tmp_path, "newer", age=10, creation=[]).path.write_bytes(damage)
    assert inherited(tmp_path, "AzureCloud") == Durations(creation=[100])


def test_another_clouds_durations_tell_nothing(tmp_path: Path) -> None:
    archived(tmp_path, "older", age=100, creation=[100])
    assert inherited(tmp_path, "rehearsal") == Durations()


def test_a_state_that_noted_nothing_still_tells_what_its_phase_took(tmp_path: Path) -> None:
    store = archived(tmp_path, "only", age=0, creation=[])
    with store.transaction() as tx:
        tx.by_path.merge("phases.vm_creation", {"status": "completed", "seconds": 321.5})
    assert inherited(tmp_path, "AzureCloud") == Durations(creation=[321.5])


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store = archived(tmp_path, "only", age=0, creation=[float(each) for each in range(1, KEPT + 6)])
    known = store.read().state.durations
    assert known is not None
    assert known.creation == [float(each) for each in range(6, KEPT + 6)]
