"""Snapshots: whole, vouched for, listed even where broken, and kept no longer than was asked for."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.snapshots import Snapshot, find, list_snapshots, load, names, prune, take
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import EXAMPLE, NOW, StillClock, small
from tests.state.memory_storage import MemoryStorage


class MovingClock(SystemClock):
    """Goes on by a minute with each look."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = NOW

    def now(self) -> datetime:
        self.moment += timedelta(minutes=1)
        return self.moment


def keep(store: FileStore, reason: str = "a try", *, automatic: int | None = None) -> Snapshot:
    with store.storage.writing():
        return take(store.storage, store.read(), reason=reason, clock=StillClock(), keep=automatic)


def change(store: FileStore, value: int) -> None:
    with store.transaction() as tx:
        tx.by_path.set("notes.it", value)


def file(store: FileStore, snapshot: Snapshot) -> Path:
    return store.path.with_name("deployment-state.snapshots") / f"{snapshot.name}.yaml.gz"


def test_a_snapshot_is_the_file_byte_for_byte_below_a_comment(example: FileStore) -> None:
    taken = keep(example, "Before: trying Things!")
    assert taken.name == "000000-20250203T040506Z-before-trying-things"
    assert file(example, taken).stat().st_mode & 0o777 == 0o600
    text = gzip.decompress(file(example, taken).read_bytes())
    line, _, body = text.partition(b"\n")
    assert body == EXAMPLE.read_bytes()
    assert line.startswith(b"# k0rdent-azure snapshot: {")
    assert json.loads(line.partition(b": ")[2]) == {
        "serial": 0,
        "lineage": None,
        "taken_at": "2025-02-03T04:05:06Z",
        "reason": "Before: trying Things!",
        "sha256": hashlib.sha256(body).hexdigest(),
        "automatic": False,
    }
    assert yaml.safe_load(text) == yaml.safe_load(EXAMPLE.read_bytes())


def test_what_comes_back_is_what_went_in(store: FileStore) -> None:
    before = store.read()
    keep(store)
    change(store, 1)
    found = load(store.storage, "latest")
    assert (found.text, found.serial, found.lineage) == (before.text, 1, before.lineage)


def test_a_reason_cannot_end_the_comment(store: FileStore) -> None:
    reason = "a\nb\x85c\u2028d: é ☃ 𝄞"
    taken = keep(store, reason)
    text = gzip.decompress(file(store, taken).read_bytes())
    assert text.partition(b"\n")[0].isascii()
    assert yaml.safe_load(text)["metadata"]["serial"] == 1
    assert list_snapshots(store.storage)[-1].reason == reason


def test_equal_versions_are_equal_bytes(store: FileStore, tmp_path: Path) -> None:
    first, second = keep(store), keep(store)
    assert second.name == f"{first.name}-2"
    assert file(store, first).read_bytes() == file(store, second).read_bytes()


def test_the_newest_is_last_whatever_the_clock_did(store: FileStore) -> None:
    clock = MovingClock()
    for value in range(3):
        clock.moment -= timedelta(days=1)
        change(store, value)
        with store.storage.writing():
            take(store.storage, store.read(), reason="x", clock=clock)
    found = list_snapshots(store.storage)
    assert [each.serial for each in found] == [2, 3, 4]
    assert [each.name for each in found] == names(store.storage)
    assert find(store.storage, "latest") == found[-1].name


def test_serials_of_more_than_six_digits_sort_by_number() -> None:
    storage = MemoryStorage(b"")
    for serial in (1_000_000, 999_999):
        data = small()
        data["metadata"] = {**small()["metadata"], "serial": serial}  # type: ignore[dict-item]
        document = read_document(dump(data), source="x")
        take(storage, document, reason="x", clock=StillClock())
    assert [each.serial for each in list_snapshots(storage)] == [999_999, 1_000_000]


# Names


@pytest.fixture
def three(store: FileStore) -> FileStore:
    for value in (1, 2):
        keep(store, "first" if value == 1 else "second")
        change(store, value)
    keep(store, "second")
    return store


@pytest.mark.parametrize(
    ("wanted", "serial"),
    [
        ("latest", 3),
        ("1", 1),
        ("000002", 2),
        ("000001-2025", 1),
        ("000003-20250203T040506Z-second", 3),
        ("000002-20250203T040506Z-second.yaml.gz", 2),
        ("deployment-state.snapshots/000002-20250203T040506Z-second.yaml.gz", 2),
    ],
)
def test_ways_to_name_one(three: FileStore, wanted: str, serial: int) -> None:
    assert load(three.storage, wanted).serial == serial


@pytest.mark.parametrize(
    ("wanted", "said", "hint"),
    [
        ("00000", "no snapshot", "did you mean"),
        ("000", "no snapshot", "did you mean"),
        ("9", "no snapshot", "snapshot list"),
        ("0000", "no snapshot", "did you mean"),
        ("", "no snapshot", "snapshot list"),
        ("-second", "no snapshot", "did you mean 000003-20250203T040506Z-second"),
        ("000001-20250203T040506Z-frist", "no snapshot", "did you mean 000001-20250203T040506Z-first?"),
        ("../../etc/passwd", "no snapshot", ""),
    ],
)
def test_what_names_none_is_refused_with_what_is_near(
    three: FileStore, wanted: str, said: str, hint: str
) -> None:
    with pytest.raises(StateError, match=said) as refused:
        load(three.storage, wanted)
    assert hint in (refused.value.hint or "")


def test_what_names_two_is_refused_with_both(three: FileStore) -> None:
    again = keep(three, "third")
    with pytest.raises(StateError, match="3 names 2 snapshots") as refused:
        find(three.storage, "3")
    assert again.name in (refused.value.hint or "")
    with pytest.raises(StateError, match="names 2 snapshots"):
        find(three.storage, "000003-")


def test_no_snapshots_at_all(store: FileStore) -> None:
    assert list_snapshots(store.storage) == []
    with pytest.raises(StateError) as refused:
        load(store.storage, "latest")
    assert "none yet" in (refused.value.hint or "")


# Damage


def bomb() -> bytes:
    """64 MiB of blanks in some kilobytes."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b" " * 2**20) for _ in range(64)), packer.flush()])


def header(**change: object) -> bytes:
    plain = {"serial": 1, "lineage": None, "taken_at": "2025-01-01T00:00:00Z", "reason": "x", "sha256": "0"}
    return b"# k0rdent-azure snapshot: " + json.dumps(plain | change).encode() + b"\n"


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "its end is missing"),
    "not gzip": (lambda _: b"metadata: {}\n", "incorrect header"),
    "torn": (lambda whole: whole[:-9], "its end is missing"),
    "one bit": (lambda whole: whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], ""),
    "more": (lambda whole: whole + b"x", "something follows its end"),
    "twice": (lambda whole: whole + whole, "something follows its end"),
    "edited": (lambda whole: gzip.compress(gzip.decompress(whole) + b"notes: 1\n"), "checksum"),
    "no header": (lambda whole: gzip.compress(gzip.decompress(whole).partition(b"\n")[2]), "first line"),
    "no newline": (lambda _: gzip.compress(header().strip()), "first line"),
    "header of text": (lambda _: gzip.compress(b"# k0rdent-azure snapshot: yes\n"), "header is not valid"),
    "header without": (lambda _: gzip.compress(b"# k0rdent-azure snapshot: {}\n"), "header is not valid"),
    "time of nonsense": (lambda _: gzip.compress(header(taken_at="noon")), "header is not valid"),
    "long header": (lambda _: gzip.compress(header(reason="x" * 20_000)), "first line"),
    "bomb": (lambda _: bomb(), "holds more than"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_listed_as_broken_and_never_loaded(
    three: FileStore, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("k0rdent_azure.state.snapshot_file.MAX_BYTES", 2**20)
    second = list_snapshots(three.storage)[1]
    path = file(three, second)
    spoil, said = DAMAGES[damage]
    path.write_bytes(spoil(path.read_bytes()))
    found = list_snapshots(three.storage)
    assert [each.fault is None for each in found] == [True, False, True]
    assert said in (found[1].fault or "")
    assert (found[1].name, found[1].serial, found[1].taken_at) == (second.name, 2, second.taken_at)
    with pytest.raises(StateInvalidError, match=f"snapshot {second.name} is damaged"):
        load(three.storage, "2")


def test_a_bomb_is_stopped_before_it_fills_the_memory(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = keep(store)
    file(store, taken).write_bytes(bomb())
    monkeypatch.setattr("k0rdent_azure.state.snapshot_file.MAX_BYTES", 2**20)
    tracemalloc.start()
    assert list_snapshots(store.storage)[0].fault
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_folder_or_an_unreadable_one_is_broken_too(three: FileStore) -> None:
    path = file(three, list_snapshots(three.storage)[0])
    path.unlink()
    path.mkdir()
    assert [each.fault is None for each in list_snapshots(three.storage)] == [False, True, True]


def test_other_files_there_are_nobodys_snapshots(three: FileStore) -> None:
    folder = three.path.with_name("deployment-state.snapshots")
    (folder / "README").write_text("mine")
    (folder / ".hidden.yaml.gz").write_text("mine")
    assert len(list_snapshots(three.storage)) == 3
    prune(three.storage, now=NOW, keep=0)
    assert {path.name for path in folder.iterdir()} == {"README", ".hidden.yaml.gz"}


def test_a_renamed_one_still_works(store: FileStore) -> None:
    taken = keep(store)
    path = file(store, taken)
    path.rename(path.with_name("golden.yaml.gz"))
    assert list_snapshots(store.storage)[0].serial == 1
    assert load(store.storage, "golden").serial == 1


def test_an_invalid_document_in_a_whole_snapshot_is_told_with_its_line(store: FileStore) -> None:
    data = small()
    data["metadata"] = {**small()["metadata"], "created_at": "noon"}  # type: ignore[dict-item]
    taken = keep(store)
    text = dump(data)
    line = header(sha256=hashlib.sha256(text).hexdigest())
    file(store, taken).write_bytes(gzip.compress(line + text))
    with pytest.raises(StateInvalidError, match=rf"snapshot {taken.name}:\d+: metadata.created_at"):
        load(store.storage, taken.name)


# What is taken by itself, and what stays


def test_an_automatic_one_is_not_taken_twice_of_one_version(store: FileStore) -> None:
    first = keep(store, "before resume", automatic=5)
    assert keep(store, "before destroy", automatic=5) == first
    change(store, 1)
    assert keep(store, "before resume", automatic=5).serial == 2
    assert len(names(store.storage)) == 2


def test_an_edit_by_hand_is_another_version(store: FileStore) -> None:
    keep(store, automatic=5)
    store.path.write_bytes(store.path.read_bytes() + b"# mine\n")
    keep(store, automatic=5)
    assert len(names(store.storage)) == 2


def test_a_broken_newest_one_is_taken_again(store: FileStore) -> None:
    file(store, keep(store, automatic=5)).write_bytes(b"")
    assert keep(store, automatic=5).fault is None
    assert len(names(store.storage)) == 2


def test_automatic_ones_make_way_and_others_stay(store: FileStore) -> None:
    keep(store, "mine")
    for value in range(5):
        change(store, value)
        keep(store, f"before {value}", automatic=2)
    assert [each.reason for each in list_snapshots(store.storage)] == ["mine", "before 3", "before 4"]


def test_broken_ones_never_take_the_place_of_whole_ones(store: FileStore) -> None:
    for value in range(3):
        change(store, value)
        keep(store, f"before {value}", automatic=9)
    file(store, list_snapshots(store.storage)[-1]).write_bytes(b"")
    change(store, 9)
    keep(store, "before 9", automatic=2)
    assert [each.serial for each in list_snapshots(store.storage) if each.fault is None] == [3, 5]


def test_one_that_cannot_be_removed_stops_nobody(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_storage: object, name: str) -> None:
        raise StateError(f"cannot remove {name}: Permission denied")

    keep(store, automatic=1)
    change(store, 1)
    monkeypatch.setattr("k0rdent_azure.state.storage.FileStorage.remove_part", refuse)
    assert keep(store, automatic=1).serial == 2


def aged(store: FileStore) -> None:
    """One a day, for five days, the newest a day ago; the third is on demand."""
    clock = MovingClock()
    for day in range(5):
        change(store, day)
        clock.moment = NOW - timedelta(days=5 - day, minutes=1)
        with store.storage.writing():
            take(store.storage, store.read(), reason=str(day), clock=clock, keep=None if day == 2 else 99)


@pytest.mark.parametrize(
    ("keep", "days", "left"),
    [
        (2, None, "34"),
        (0, None, ""),
        (9, None, "01234"),
        (None, 3.5, "234"),
        (None, 0, ""),
        (1, 3.5, "234"),
        (4, 3.5, "1234"),
    ],
)
def test_prune(store: FileStore, keep: int | None, days: float | None, left: str) -> None:
    aged(store)
    older = None if days is None else timedelta(days=days)
    planned = prune(store.storage, now=NOW, keep=keep, older_than=older, dry_run=True)
    assert len(names(store.storage)) == 5
    assert prune(store.storage, now=NOW, keep=keep, older_than=older) == planned
    assert "".join(each.reason for each in list_snapshots(store.storage)) == left
    assert "".join(each.reason for each in planned) + left == "01234"


def test_prune_takes_broken_ones_along_but_does_not_count_them(store: FileStore) -> None:
    aged(store)
    for each in list_snapshots(store.storage)[1::2]:
        file(store, each).write_bytes(b"")
    prune(store.storage, now=NOW, keep=2)
    assert [each.serial for each in list_snapshots(store.storage)] == [4, 5, 6]


def test_any_storage_will_do() -> None:
    storage = MemoryStorage(dump(small()))
    document = read_document(storage.read(), source="x")
    with storage.writing():
        taken = take(storage, document, reason="x", clock=StillClock(), keep=3)
    assert list(storage.kept) == [f"snapshots/{taken.name}.yaml.gz"]
    assert load(storage, "latest").data == document.data
    assert list_snapshots(storage) == [taken]
