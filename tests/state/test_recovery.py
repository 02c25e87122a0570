"""Recovery on disk: the newest good copy in the place of what cannot be read, and nothing lost that can be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.events import history
from k0rdent_azure.state.inspection import inspect
from k0rdent_azure.state.recovery import (
    Recovery,
    backup_copy,
    copies,
    damaged_text,
    newest_good_copy,
    recover,
    snapshot_copy,
)
from k0rdent_azure.state.salvage import Salvage, salvage
from k0rdent_azure.state.snapshots import take
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete, key
from tests.state.conftest import NOW, StillClock

Data = dict[str, Any]
Spoil = Callable[[bytes], bytes]


class LaterClock(SystemClock):
    """Three hours after the clock that writes."""

    def now(self) -> datetime:
        return NOW + timedelta(hours=3)


@pytest.fixture
def store(path: Path) -> FileStore:
    """A deployment of some commits, each with an event of its own; the newest is serial 5."""
    made = FileStore(path, clock=StillClock())
    made.create(complete())
    for value in range(2, 6):
        commit(made, value)
    return made


def commit(store: FileStore, value: int) -> None:
    with store.transaction() as tx:
        tx.by_path.set("k0rdent.version", f"1.{value}.0")
        tx.event("complete", "noted", f"note {value}")


def snapshot(store: FileStore) -> str:
    with store.storage.writing():
        return take(store.storage, store.read(), reason="x", clock=StillClock()).name


def spoil(store: FileStore, how: Spoil) -> bytes:
    text = how(store.path.read_bytes())
    store.path.write_bytes(text)
    return text


def again(store: FileStore) -> FileStore:
    """A process of its own."""
    return FileStore(store.path, clock=StillClock())


def from_backup(store: FileStore) -> Recovery:
    return recover(store.storage, backup_copy(store.storage), clock=LaterClock())


def from_snapshot(store: FileStore, name: str = "latest") -> Recovery:
    clock = LaterClock()
    return recover(store.storage, snapshot_copy(store.storage, name, clock=clock), clock=clock)


def notes(store: FileStore) -> list[str]:
    fresh = again(store)
    found = history(fresh.read(), fresh.storage)
    return [str(event.message).removeprefix("note ") for event in found if event.action == "noted"]


def garbage(_: bytes) -> bytes:
    return b"\x00" * 300


def no_version(text: bytes) -> bytes:
    """A slip of an editor, in a section after `metadata` and before the events."""
    return text.replace(b'  version: "1.5.0"\n', b'  version: "1.5.0\n')


# The state that is damaged


def test_the_version_before_comes_back_as_a_new_one(store: FileStore) -> None:
    damaged = spoil(store, no_version)
    before = store.path.with_name(f"{store.path.name}.backup").read_bytes()
    done = from_backup(store)
    found = again(store).read()
    assert (done.serial, found.serial) == (6, 6)
    assert found.lineage == parse(before, source="x")["metadata"]["lineage"]  # type: ignore[index]
    assert found.get("k0rdent.version") == "1.4.0"
    assert found.state.events[-1].action == "recovered"
    assert found.state.events[-1].message == "restored from the backup of serial 4"
    assert done.damaged == f"{store.path}.damaged-20250203T070506Z"
    kept = Path(done.damaged)
    assert kept.read_bytes() == damaged
    assert kept.name in (found.state.events[-1].details or "")
    assert {stat.S_IMODE(file.stat().st_mode) for file in (kept, store.path)} == {0o600}
    # The good copy is not spent: it is there for a second try.
    assert store.path.with_name(f"{store.path.name}.backup").read_bytes() == before


def test_nothing_of_the_history_is_lost(store: FileStore) -> None:
    spoil(store, no_version)
    done = from_backup(store)
    assert (done.taken, done.unproven, done.events_unread) == (1, 0, 0)
    assert notes(store) == ["2", "3", "4", "5"]
    assert not inspect(store.storage).errors


def test_what_is_older_is_told_field_by_field(store: FileStore) -> None:
    with store.transaction() as tx:
        tx.by_path.set("wireguard.port", 51999)
        tx.by_path.set("wireguard.peers.mylaptop.private_key", key("NEWER-SECRET"))
        tx.by_path.set("notes", {"ring": 2})
        tx.by_path.set("metadata.deployment_status", "failed")
    spoil(store, lambda text: text.replace(b'  version: "1.5.0"\n', b'  version: "1.5.0\n'))
    done = from_backup(store)
    assert done.unread == ["k0rdent"]
    assert [(change.path, change.old, change.new) for change in done.older] == [
        ("metadata.deployment_status", "failed", "completed"),
        ("wireguard.port", 51999, 51820),
        ("wireguard.peers.mylaptop.private_key", "(secret)", "(secret)"),
        ("notes", {"ring": 2}, None),
    ]


def test_what_a_torn_end_lacks_is_no_difference(store: FileStore) -> None:
    with store.transaction() as tx:
        tx.by_path.set("azure_resources.virtual_machines.k0s-controller.detail", "new")
    end = store.path.read_bytes().index(b"    k0s-worker-1:")
    # Damaged in one place, and cut off between two lines in another.
    spoil(store, lambda text: text[:end].replace(b'location: "southeastasia"', b"location: [", 1))
    assert [change.path for change in from_backup(store).older] == [
        "azure_resources.virtual_machines.k0s-controller.detail"
    ]


def test_a_file_that_is_gone(store: FileStore) -> None:
    store.path.unlink()
    done = from_backup(store)
    assert (done.damaged, done.older, done.taken) == (None, [], 0)
    # Serial 5 is lost with its file; no other version may ever have that number.
    assert again(store).read().serial == 6
    assert "there was no state file" in (again(store).read().state.events[-1].details or "")


@pytest.mark.parametrize("how", [garbage, lambda _: b"", lambda text: text[: len(text) // 2]])
def test_serials_never_repeat(store: FileStore, how: Spoil) -> None:
    first = snapshot(store)
    for value in (6, 7, 8):
        commit(store, value)
    spoil(store, how)
    assert from_snapshot(store, first).serial == 9
    assert again(store).read().serial == 9


def test_serials_of_other_snapshots_count_too(store: FileStore) -> None:
    first = snapshot(store)
    commit(store, 6)
    later = store.path.with_name("deployment-state.snapshots") / f"{snapshot(store)}.yaml.gz"
    later.write_bytes(b"")
    store.path.with_name(f"{store.path.name}.backup").unlink()
    store.path.unlink()
    assert from_snapshot(store, first).serial == 8


def test_a_serial_that_can_be_read_counts(store: FileStore) -> None:
    spoil(store, lambda text: no_version(text).replace(b"serial: 5\n", b"serial: 77\n"))
    assert from_backup(store).serial == 78


def test_a_healthy_state_is_not_replaced(store: FileStore) -> None:
    before = store.path.read_bytes()
    with pytest.raises(StateError, match="is healthy") as refused:
        from_backup(store)
    assert "rollback" in (refused.value.hint or "")
    assert store.path.read_bytes() == before
    assert not list(store.path.parent.glob("*.damaged-*"))


def test_mended_while_somebody_decided(store: FileStore) -> None:
    whole = store.path.read_bytes()
    spoil(store, garbage)
    copy = backup_copy(store.storage)
    store.path.write_bytes(whole)
    with pytest.raises(StateError, match="is healthy"):
        recover(store.storage, copy, clock=LaterClock())
    assert store.path.read_bytes() == whole


def test_a_copy_that_changed_while_somebody_decided(store: FileStore) -> None:
    copy = backup_copy(store.storage)
    commit(store, 6)
    damaged = spoil(store, garbage)
    with pytest.raises(StateError, match="was changed meanwhile"):
        recover(store.storage, copy, clock=LaterClock())
    store.path.with_name(f"{store.path.name}.backup").unlink()
    with pytest.raises(StateError, match="is gone"):
        recover(store.storage, copy, clock=LaterClock())
    assert store.path.read_bytes() == damaged


def test_what_cannot_even_be_read_is_not_replaced(store: FileStore) -> None:
    store.path.unlink()
    store.path.mkdir()
    with pytest.raises(StateInvalidError, match="not a regular file") as refused:
        from_backup(store)
    assert "move it away" in (refused.value.hint or "")
    assert store.path.is_dir()


def test_a_disk_that_is_full_changes_nothing(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = spoil(store, garbage)
    monkeypatch.setattr("k0rdent_azure.state.files.SystemFiles.write", _full)
    with pytest.raises(StateError, match="No space left"):
        from_backup(store)
    monkeypatch.undo()
    assert store.path.read_bytes() == damaged
    assert from_backup(store).serial == 6


def _full(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def test_a_second_recovery_keeps_the_first_damage_too(store: FileStore) -> None:
    spoil(store, garbage)
    from_backup(store)
    spoil(store, lambda text: text[:-40] + b"[")
    done = recover(store.storage, backup_copy(store.storage), clock=StillClock())
    assert done.serial == 7
    assert len(list(store.path.parent.glob("*.damaged-*"))) == 2


def test_keys_are_encrypted_where_the_copy_wants_that(store: FileStore) -> None:
    pyrage = pytest.importorskip("pyrage")
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    spoil(
        store,
        lambda text: text.replace(
            b"  lineage:", f'  secrets: {{recipients: ["{recipient}"]}}\n  lineage:'.encode()
        ),
    )
    name = snapshot(store)
    spoil(store, garbage)
    from_snapshot(store, name)
    assert again(store).read().get("wireguard.peers.mylaptop.private_key").startswith("age:")  # type: ignore[attr-defined]


# Its history


def test_a_gap_of_many_commits_is_closed_from_the_damaged_text(store: FileStore) -> None:
    name = snapshot(store)
    for value in range(6, 30):
        commit(store, value)
    spoil(store, no_version_of("1.29.0"))
    done = from_snapshot(store, name)
    assert (done.taken, done.unproven) == (24, 0)
    assert notes(store) == [str(value) for value in range(2, 30)]
    assert not inspect(store.storage).errors


def no_version_of(version: str) -> Spoil:
    return lambda text: text.replace(
        f'  version: "{version}"\n'.encode(), f'  version: "{version}\n'.encode()
    )


def long_history(store: FileStore) -> str:
    """A snapshot, and then so many events that most of them are in two segments."""
    name = snapshot(store)
    for start in range(6, 606, 100):
        with store.transaction() as tx:
            tx.by_path.set("k0rdent.version", f"1.{start + 99}.0")
            for value in range(start, start + 100):
                tx.event("complete", "noted", f"note {value}")
    assert len(store.storage.parts("events")) >= 2
    return name


@pytest.mark.parametrize(
    "how",
    [
        no_version_of("1.605.0"),
        # The record of the segments is gone as well.
        lambda text: no_version_of("1.605.0")(text).replace(b"event_history:\n", b"event_history: [\n"),
    ],
)
def test_segments_sealed_since_are_joined_in(store: FileStore, how: Spoil) -> None:
    name = long_history(store)
    spoil(store, how)
    done = from_snapshot(store, name)
    assert (done.taken, done.unproven, done.events_unread) == (600, 0, 0)
    assert notes(store) == [str(value) for value in range(2, 606)]
    assert not inspect(store.storage).errors


def test_segments_alone_are_a_history(store: FileStore) -> None:
    name = long_history(store)
    store.path.unlink()
    done = from_snapshot(store, name)
    found = notes(store)
    assert found == [str(value) for value in range(2, 2 + len(found))]
    assert done.taken > 300


def test_a_lost_segment_leaves_a_gap_but_no_fault(store: FileStore) -> None:
    name = long_history(store)
    first = store.path.with_name("deployment-state.events") / store.storage.parts("events")[0][7:]
    first.unlink()
    spoil(store, no_version_of("1.605.0"))
    done = from_snapshot(store, name)
    found = notes(store)
    assert found[:4] == ["2", "3", "4", "5"]
    assert found[-1] == "605"
    assert done.unproven == 1
    assert not inspect(store.storage).errors


def test_another_trails_segments_are_not_joined_in(store: FileStore, tmp_path: Path) -> None:
    long_history(store)
    name = snapshot(store)
    other = FileStore(tmp_path / "other" / "deployment-state.yaml", clock=StillClock())
    other.path.parent.mkdir()
    other.create(complete())
    for _ in range(9):
        with other.transaction() as tx:
            for _ in range(100):
                tx.event("complete", "noted", "note of another")
    for part in other.storage.parts("events"):
        store.storage.write_part(part, other.storage.read_part(part))
    store.path.unlink()
    assert from_snapshot(store, name).taken == 0
    assert notes(store) == [str(value) for value in range(2, 606)]


def test_a_segment_that_was_edited_is_not_joined_in(store: FileStore) -> None:
    name = long_history(store)
    store.path.unlink()
    newest = store.storage.parts("events")[-1]
    assert b"note 300" in store.storage.read_part(newest)
    store.storage.write_part(newest, store.storage.read_part(newest).replace(b"note 300", b"note forged"))
    assert from_snapshot(store, name).taken > 0
    assert "forged" not in notes(store)


def test_a_strangers_file_among_the_segments_is_nothing(store: FileStore) -> None:
    folder = store.path.with_name("deployment-state.events")
    folder.mkdir()
    for name in ("README", "000000900-abcdefabcdef.jsonl", "x-y.jsonl"):
        (folder / name).write_text("{}\n")
    store.path.unlink()
    assert from_backup(store).taken == 0


def test_an_event_that_was_edited_is_taken_but_not_called_proven(store: FileStore) -> None:
    spoil(store, lambda text: no_version(text).replace(b"note 5", b"note six"))
    done = from_backup(store)
    assert (done.taken, done.unproven) == (1, 1)
    assert notes(store)[-1] == "six"


def test_an_event_of_another_hand_is_taken_too(store: FileStore) -> None:
    by_hand = (
        b'  - timestamp: "2030-01-01T00:00:00Z"\n    phase: complete\n    action: noted\n    message: mine\n'
    )
    spoil(store, lambda text: no_version(text) + by_hand.replace(b"  -", b"-").replace(b"    ", b"  "))
    done = from_backup(store)
    assert (done.taken, done.unproven) == (2, 0)
    assert notes(store)[-2:] == ["5", "mine"]


def test_an_older_event_whose_link_is_damaged_is_not_a_newer_one(store: FileStore) -> None:
    first = next(event for event in store.read().data["events"] if "chain" in event)["chain"]  # type: ignore[attr-defined]
    spoil(store, lambda text: no_version(text).replace(first.encode(), b"0" * 32))
    assert from_backup(store).taken == 1
    assert notes(store) == ["2", "3", "4", "5"]


def test_where_every_link_is_damaged_the_words_tell(store: FileStore) -> None:
    spoil(store, lambda text: no_version(text).replace(b'chain: "', b'chain: "x'))
    done = from_backup(store)
    assert (done.taken, done.unproven) == (1, 1)
    assert notes(store) == ["2", "3", "4", "5"]


def test_across_a_gap_only_later_events_follow(store: FileStore) -> None:
    def other_trail(text: bytes) -> bytes:
        rows = [
            f'- timestamp: "{year}-01-01T00:00:00Z"\n  phase: "complete"\n  action: "noted"\n  message: "{year}"\n'
            for year in (2020, 2030, 2031)
        ]
        return no_version(text[: text.index(b"events:\n")]) + b"events:\n" + "".join(rows).encode()

    spoil(store, other_trail)
    assert from_backup(store).taken == 2
    assert notes(store) == ["2", "3", "4", "2030", "2031"]


@pytest.mark.parametrize("torn", range(1, 90, 4))
def test_half_an_event_at_a_torn_end_is_none(store: FileStore, torn: int) -> None:
    spoil(store, lambda text: no_version(text)[:-torn])
    done = from_backup(store)
    assert notes(store) in (["2", "3", "4"], ["2", "3", "4", "5"])
    assert done.taken + done.events_unread <= 1
    if done.taken:
        # All of it, link included, but for the newline.
        assert torn == 1


def test_zeros_in_the_middle_of_the_trail(store: FileStore) -> None:
    name = snapshot(store)
    for value in range(6, 20):
        commit(store, value)
    spoil(store, lambda text: text.replace(b"note 12", b"note \0\0"))
    done = from_snapshot(store, name)
    assert (done.taken, done.events_unread, done.unproven) == (13, 1, 1)
    assert "12" not in notes(store)
    assert notes(store)[-1] == "19"
    assert "1 more could not be read" in (again(store).read().state.events[-1].details or "")


# Which copy


def test_the_highest_serial_is_the_newest_copy(store: FileStore) -> None:
    snapshot(store)
    commit(store, 6)
    commit(store, 7)
    newest = newest_good_copy(store.storage, clock=LaterClock())
    assert newest is not None
    assert (newest.kind, newest.serial) == ("backup", 6)
    assert newest.hint.startswith(f"the newest good copy is {store.path}.backup (")
    assert newest.hint.endswith("serial 6): k0rdent-azure recover --from-backup")

    name = snapshot(store)
    newest = newest_good_copy(store.storage, clock=LaterClock())
    assert newest is not None
    assert (newest.kind, newest.serial, newest.age_seconds) == ("snapshot", 7, 3 * 3600)
    assert newest.hint == (
        f"the newest good copy is the snapshot {name} (3 h old, serial 7): "
        f"k0rdent-azure recover --from-snapshot {name}"
    )


def test_useless_copies_are_passed_over(store: FileStore) -> None:
    first = snapshot(store)
    commit(store, 6)
    folder = store.path.with_name("deployment-state.snapshots")
    (folder / f"{snapshot(store)}.yaml.gz").write_bytes(b"")
    store.path.with_name(f"{store.path.name}.backup").write_text("metadata: [")
    newest = newest_good_copy(store.storage, clock=LaterClock())
    assert newest is not None
    assert newest.name == first
    found = copies(store.storage, clock=LaterClock())
    assert [(copy.kind, copy.serial, copy.fault is None) for copy in found] == [
        ("snapshot", 6, False),
        ("snapshot", 5, True),
        ("backup", None, False),
    ]
    with pytest.raises(StateError, match="cannot be used"):
        backup_copy(store.storage)
    with pytest.raises(StateError, match="cannot be used"):
        snapshot_copy(store.storage, "6", clock=LaterClock())


def test_no_copy_at_all(path: Path) -> None:
    path.write_text("nothing: [")
    storage = FileStore(path, clock=StillClock()).storage
    assert newest_good_copy(storage) is None
    assert copies(storage, clock=LaterClock()) == []
    with pytest.raises(StateError, match="there is no backup"):
        backup_copy(storage)


def test_another_deployments_copy_is_not_taken(store: FileStore, tmp_path: Path) -> None:
    other = FileStore(tmp_path / "other.yaml", clock=StillClock())
    data = complete()
    data["metadata"]["deployment_id"] = "k0rdent-other000"
    other.create(data)
    store.path.with_name(f"{store.path.name}.backup").write_bytes(other.path.read_bytes())
    spoil(store, no_version)
    assert newest_good_copy(store.storage) is None
    with pytest.raises(StateError, match="another deployment's"):
        from_backup(store)
    # One mark that agrees is enough: the other may be part of the damage.
    spoil(
        store,
        lambda text: text.replace(b'deployment_id: "k0rdent-7k2p9xqa', b'deployment_id: "k0rdent-other000'),
    )
    assert newest_good_copy(store.storage) is not None
    # Where the damaged text does not say whose it is, the copy is all that there is.
    spoil(store, garbage)
    assert newest_good_copy(store.storage) is not None


def test_a_copy_of_a_newer_schema_is_not_taken(store: FileStore) -> None:
    backup = store.path.with_name(f"{store.path.name}.backup")
    backup.write_bytes(backup.read_bytes().replace(b'schema_version: "1.0"', b'schema_version: "2.0"'))
    spoil(store, garbage)
    assert newest_good_copy(store.storage) is None
    with pytest.raises(StateError, match="newer than this program"):
        backup_copy(store.storage)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(20, "0 min old"), (200, "3 min old"), (10_000, "3 h old"), (900_000, "10 days old")],
)
def test_ages_in_the_hint(store: FileStore, seconds: int, said: str) -> None:
    backup = store.path.with_name(f"{store.path.name}.backup")
    made = backup.stat().st_mtime
    os.utime(backup, (made - seconds, made - seconds))
    copy = newest_good_copy(store.storage)
    assert copy is not None
    assert said in copy.hint


# What is legible


def test_a_sound_text_is_all_legible(store: FileStore) -> None:
    text = store.path.read_bytes()
    found, data = salvage(text), store.read().data
    assert found.sections == {key: value for key, value in data.items() if key != "events"}
    assert (found.events, found.unread, found.last, found.events_unread) == (data["events"], [], None, 0)
    assert found.serial == 5


def test_one_damage_costs_one_section(store: FileStore) -> None:
    text = store.path.read_bytes()
    for name in salvage(text).sections:
        start = text.index(f"\n{name}:".encode()) + len(name) + 2
        found = salvage(text[:start] + b" \0" + text[start:])
        assert found.unread == [name]
        assert len(found.sections) == len(salvage(text).sections) - 1
        assert (found.serial, len(found.events)) == (5, 13)


def test_valid_yaml_that_is_no_valid_state_is_legible(store: FileStore) -> None:
    found = salvage(store.path.read_bytes().replace(b'"completed"', b'"sleeping"'))
    assert (found.unread, found.last, found.serial) == ([], None, 5)


@pytest.mark.parametrize(
    "text", [b"", b"\0", b"\xff\xfe", b"[1, 2]", b"metadata", b"events: 3\n", b"a: &x [*x"]
)
def test_nothing_legible(text: bytes) -> None:
    found = salvage(text)
    assert (found.events, found.serial) == ([], None)


def test_only_a_whole_line_tells_a_serial() -> None:
    assert salvage(b"metadata:\n  - [\n  serial: 12").serial is None
    assert salvage(b"metadata:\n  - [\n  serial: 12\n").serial == 12
    assert salvage(b"metadata: {serial: 12}\nother: [\n").serial == 12


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_whatever_happened_to_the_file_it_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes changed, cut, doubled anywhere: refused or restored, never lost, never an error of our own."""
    made = FileStore(tmp_path_factory.mktemp("x") / "deployment-state.yaml", clock=StillClock())
    made.create(complete())
    for value in range(2, 5):
        commit(made, value)
    text = made.path.read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 400)))
    middle = data.draw(st.one_of(st.binary(max_size=30), st.just(text[start:end] * 2), st.just(b"\0" * 50)))
    made.path.write_bytes(text[:start] + middle + text[end:])
    assert isinstance(salvage(made.path.read_bytes()), Salvage)
    try:
        damaged = damaged_text(made.storage)
    except StateError:
        # Still a healthy state: another one, but that is nobody's to judge here.
        return
    done = from_backup(made)
    found = again(made).read()
    assert found.serial == done.serial > 3
    assert notes(made)[:2] == ["2", "3"]
    assert not inspect(made.storage).errors
    assert Path(done.damaged or "").read_bytes() == damaged
