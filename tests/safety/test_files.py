"""Files of a deployment: written and removed inside the workspace, and through no link that leads out of it."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from k0rdent_azure.cluster.apply import K0sctl, running
from k0rdent_azure.errors import K0rdentAzureError, PrerequisiteError, StateError
from k0rdent_azure.phases.files import (
    remove_if_empty,
    remove_private,
    write_private,
    write_private_if_changed,
)
from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.faults import clear
from k0rdent_azure.state import inside
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete
from tests.state.conftest import StillClock

KEPT = "what somebody else keeps here\n"


class Place:
    """A workspace and a folder beside it, which nothing may touch."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.outside = folder / "ws", folder / "outside"
        self.workspace.mkdir()
        self.outside.mkdir()
        self.kept = self.outside / "kept"
        self.kept.write_text(KEPT)

    def untouched(self) -> bool:
        return [path.name for path in self.outside.iterdir()] == ["kept"] and self.kept.read_text() == KEPT

    def store(self) -> FileStore:
        return FileStore(self.workspace / "deployment-state.yaml", clock=StillClock())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("inner", ["wireguard/wg.conf", "k0sctl-config/deeper/known_hosts"])
def test_a_file_is_written_for_its_owner_alone(place: Place, inner: str) -> None:
    path = place.workspace / inner
    write_private(path, "secret", root=place.workspace)
    assert path.read_text() == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not write_private_if_changed(path, "secret", root=place.workspace)
    assert write_private_if_changed(path, "other", root=place.workspace)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def linked_folder(place: Place) -> Path:
    (place.workspace / "wireguard").symlink_to(place.outside)
    return place.workspace / "wireguard" / "wg.conf"


def linked_grandparent(place: Place) -> Path:
    (place.workspace / "a").symlink_to(place.outside.parent)
    return place.workspace / "a" / "outside" / "wg.conf"


def dangling_folder(place: Place) -> Path:
    (place.workspace / "wireguard").symlink_to(place.outside / "not-there")
    return place.workspace / "wireguard" / "wg.conf"


def a_file_for_a_folder(place: Place) -> Path:
    (place.workspace / "wireguard").write_text("a file")
    return place.workspace / "wireguard" / "wg.conf"


def upwards(place: Place) -> Path:
    return place.workspace / ".." / "outside" / "wg.conf"


def upwards_through_a_folder(place: Place) -> Path:
    (place.workspace / "wireguard").mkdir()
    return place.workspace / "wireguard" / ".." / ".." / "outside" / "wg.conf"


def absolute(place: Place) -> Path:
    return place.workspace / str(place.outside / "wg.conf")


def a_folder_at_its_place(place: Place) -> Path:
    (place.workspace / "wireguard" / "wg.conf").mkdir(parents=True)
    return place.workspace / "wireguard" / "wg.conf"


@pytest.mark.parametrize(
    "make",
    [
        linked_folder,
        linked_grandparent,
        dangling_folder,
        a_file_for_a_folder,
        upwards,
        upwards_through_a_folder,
        absolute,
        a_folder_at_its_place,
    ],
    ids=lambda make: make.__name__,
)
def test_what_leads_out_of_the_workspace_is_refused(place: Place, make: Callable[[Place], Path]) -> None:
    path = make(place)
    with pytest.raises(PrerequisiteError) as raised:
        write_private(path, "secret", root=place.workspace)
    assert str(place.workspace) in raised.value.message
    assert raised.value.hint
    assert place.untouched()


def symlink(path: Path, kept: Path) -> None:
    path.symlink_to(kept)


def hard_link(path: Path, kept: Path) -> None:
    path.hardlink_to(kept)


def pipe(path: Path, kept: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["wg.conf", ".wg.conf.new"], ids=["file", "temp"])
def test_another_kind_of_file_is_replaced_and_what_it_leads_to_stays(
    place: Place, make: Callable[[Path, Path], None], name: str
) -> None:
    path = place.workspace / "wireguard" / "wg.conf"
    path.parent.mkdir()
    make(path.with_name(name), place.kept)
    assert write_private_if_changed(path, KEPT, root=place.workspace)
    assert not path.is_symlink()
    assert stat.S_ISREG(path.stat().st_mode)
    assert path.stat().st_nlink == 1
    assert place.untouched()


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the write: the file lands in the folder that was opened, wherever that is by now."""
    rename = inside.rename

    def exchange(new: str, name: str, folder: int, path: Path) -> None:
        path.parent.rename(place.workspace / "moved")
        path.parent.symlink_to(place.outside)
        rename(new, name, folder, path)

    monkeypatch.setattr(inside, "rename", exchange)
    write_private(place.workspace / "wireguard" / "wg.conf", "secret", root=place.workspace)
    assert (place.workspace / "moved" / "wg.conf").read_text() == "secret"
    assert place.untouched()


def test_a_workspace_may_be_reached_through_a_link(place: Place) -> None:
    link = place.workspace.parent / "link"
    link.symlink_to(place.workspace)
    write_private(link / "wireguard" / "wg.conf", "secret", root=link)
    assert (place.workspace / "wireguard" / "wg.conf").read_text() == "secret"


def test_removal_names_what_it_left(place: Place) -> None:
    (place.workspace / "wireguard").symlink_to(place.outside)
    own = place.workspace / "azure-resources" / "key"
    write_private(own, "secret", root=place.workspace)
    paths = [own, place.workspace / "wireguard" / "kept", place.workspace / ".." / "outside" / "kept"]
    left = remove_private([*paths, own.with_name("not-there")], root=place.workspace)
    assert [one.path for one in left] == [str(path) for path in paths[1:]]
    assert f"a symbolic link to {place.outside}" in left[0].why
    assert "not inside the workspace" in left[1].why
    assert place.untouched()
    assert not own.exists()
    assert remove_if_empty(own.parent, root=place.workspace) is None
    assert not own.parent.exists()
    told = remove_if_empty(place.workspace / "wireguard", root=place.workspace)
    assert told is not None
    assert str(place.outside) in told.why
    assert (place.workspace / "wireguard").is_symlink()


def test_a_linked_file_goes_as_a_link(place: Place) -> None:
    path = place.workspace / "key"
    path.symlink_to(place.kept)
    assert remove_private([path], root=place.workspace) == []
    assert not path.is_symlink()
    assert place.untouched()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
def test_a_lock_is_a_regular_file_of_its_own(place: Place, make: Callable[[Path, Path], None]) -> None:
    path = place.workspace / ".deployment-state.yaml.run.lock"
    make(path, place.kept)
    lock = RunLock(path)
    for act in (lambda: lock.acquire("deploy"), lock.status, lambda: lock.unlock("x")):
        with pytest.raises(StateError, match="expected a regular file") as raised:
            act()
        assert str(path) in (raised.value.hint or "")
    assert place.untouched()


def test_a_folder_is_no_lock(place: Place) -> None:
    (place.workspace / "lock").mkdir()
    with pytest.raises(StateError, match="expected a regular file"):
        RunLock(place.workspace / "lock").acquire("deploy")


@pytest.mark.parametrize("content", [b"notes of mine\n", b'{"name": "x"}', b"\x7fELF"])
def test_a_file_that_no_run_wrote_is_not_cut(place: Place, content: bytes) -> None:
    path = place.workspace / "lock"
    path.write_bytes(content)
    with pytest.raises(StateError, match="not a lock file"):
        RunLock(path).acquire("deploy")
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b'{"id":"3f9', b"{", b"\0" * 40, b'{"id": "x"}'])
def test_a_record_that_a_crash_cut_off_is_a_lock_file(place: Place, content: bytes) -> None:
    path = place.workspace / "lock"
    path.write_bytes(content)
    RunLock(path).acquire("deploy").release()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
def test_the_write_lock_is_a_regular_file_of_its_own(
    place: Place, make: Callable[[Path, Path], None]
) -> None:
    make(place.workspace / ".deployment-state.yaml.lock", place.kept)
    with pytest.raises(StateError, match="expected a regular file"), place.store().storage.writing():
        pass
    assert place.untouched()


@pytest.mark.parametrize("folder", ["events", "snapshots"])
def test_no_part_of_the_state_is_written_through_a_linked_folder(place: Place, folder: str) -> None:
    store = place.store()
    store.path.write_bytes(dump(complete()))
    store.path.with_name(f"deployment-state.{folder}").symlink_to(place.outside)
    with store.storage.writing(), pytest.raises(StateError, match="symbolic link") as raised:
        store.storage.write_part(f"{folder}/000001.gz", b"x")
    assert "cp -RL" in (raised.value.hint or "")
    with store.storage.writing(), pytest.raises(StateError, match="symbolic link"):
        store.storage.remove_part(f"{folder}/kept")
    assert place.untouched()
    assert store.storage.read_part(f"{folder}/kept") == KEPT.encode()


def test_an_archive_is_not_written_through_a_link(place: Place) -> None:
    store = place.store()
    store.path.write_bytes(dump(complete()))
    (place.workspace / "archive").symlink_to(place.outside)
    with pytest.raises(StateError, match="symbolic link"):
        store.archive(place.workspace / "archive" / "k0rdent-abcdefgh")
    assert place.untouched()
    assert store.exists()


def test_an_archived_state_leaves_what_a_linked_folder_leads_to(place: Place) -> None:
    store = place.store()
    store.path.write_bytes(dump(complete()))
    store.path.with_name("deployment-state.snapshots").symlink_to(place.outside)
    archive = store.archive(place.workspace / "archive" / "k0rdent-abcdefgh")
    assert (archive / "deployment-state.snapshots" / "kept").read_text() == KEPT
    assert place.untouched()
    assert not store.path.with_name("deployment-state.snapshots").is_symlink()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
@pytest.mark.parametrize("suffix", [".backup", ".rejected"])
def test_what_stands_beside_the_state_is_replaced_not_written_through(
    place: Place, make: Callable[[Path, Path], None], suffix: str
) -> None:
    store = place.store()
    store.path.write_bytes(dump(complete()))
    make(store.path.with_name(store.path.name + suffix), place.kept)
    with store.transaction() as tx:
        tx.event("a", "b", "c")
    with store.storage.writing():
        store.storage.set_aside(b"bad", ".rejected")
    assert place.untouched()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
async def test_the_lock_of_k0sctl_is_a_regular_file_of_its_own(
    place: Place, make: Callable[[Path, Path], None]
) -> None:
    log = place.workspace / "k0sctl-config" / "k0sctl.log"
    log.parent.mkdir()
    make(log.with_name("k0sctl.log.lock"), place.kept)
    assert not running(log)
    with pytest.raises(PrerequisiteError, match="expected a regular file") as raised:
        await K0sctl(["true"]).apply(log, known_hosts=log, log=log, on_progress=lambda _: None)
    assert "rm " in (raised.value.hint or "")
    assert place.untouched()


async def test_the_log_of_k0sctl_is_not_written_through_a_link(place: Place) -> None:
    (place.workspace / "k0sctl-config").symlink_to(place.outside)
    log = place.workspace / "k0sctl-config" / "k0sctl.log"
    with pytest.raises(K0rdentAzureError, match="symbolic link"):
        await K0sctl(["true"]).apply(log, known_hosts=log, log=log, on_progress=lambda _: None)
    assert place.untouched()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", [service.LOCK, service.START_LOCK, "faults.lock"])
def test_a_rehearsal_locks_regular_files_of_its_own(
    place: Place, make: Callable[[Path, Path], None], name: str
) -> None:
    directory = place.workspace / ".rehearsal"
    directory.mkdir()
    make(directory / name, place.kept)
    with pytest.raises(PrerequisiteError, match=re.escape(str(directory / name))):
        if name == "faults.lock":
            clear(directory)
        else:
            service.start(directory, speed=60, seed=0)
    assert place.untouched()


def test_a_rehearsal_is_not_made_through_a_link(place: Place) -> None:
    (place.workspace / ".rehearsal").symlink_to(place.outside)
    with pytest.raises(PrerequisiteError, match="symbolic link"):
        service.start(place.workspace / ".rehearsal", speed=60, seed=0)
    assert place.untouched()


@pytest.mark.parametrize("name", [service.LOG, "world.new", "requests.jsonl"])
def test_what_a_rehearsal_writes_goes_through_no_link(place: Place, name: str) -> None:
    directory = place.workspace / ".rehearsal"
    directory.mkdir()
    (directory / name).symlink_to(place.kept)
    with contextlib.suppress(PrerequisiteError, OSError):
        service.start(directory, speed=60, seed=0)
    service.stop(directory)
    assert place.untouched()
