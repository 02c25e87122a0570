"""A document made anew in the place of a state that is gone with its copies: what is left of its history stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.errors import StateConflictError, StateError
from k0rdent_azure.state.events import INLINE_LIMIT, history
from k0rdent_azure.state.inspection import inspect
from k0rdent_azure.state.rebuilding import Rebuilt, Remains, rebuild, remains
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete
from tests.state.conftest import StillClock

NAME = complete()["metadata"]["deployment_id"]
OTHER = "k0rdent-zzzz0001"


@pytest.fixture
def store(path: Path) -> FileStore:
    """A deployment whose older events are sealed, and whose newer ones are not."""
    made = FileStore(path, clock=StillClock())
    made.create(complete())
    for first in (0, INLINE_LIMIT, 2 * INLINE_LIMIT):
        note(made, first, INLINE_LIMIT + 1)
    note(made, 3 * INLINE_LIMIT + 1, 5)
    assert segments(made)
    return made


def note(store: FileStore, first: int, count: int) -> None:
    with store.transaction() as tx:
        for number in range(first, first + count):
            tx.event("complete", "noted", f"note {number} of {NAME}")


def segments(store: FileStore) -> list[Path]:
    return sorted((store.path.parent / f"{store.path.name.removesuffix('.yaml')}.events").iterdir())


def told(store: FileStore) -> list[str]:
    fresh = FileStore(store.path, clock=StillClock())
    return [str(event.message) for event in history(fresh.read(), fresh.storage)]


def lose(store: FileStore) -> None:
    """The file and its copies, but not the sealed events."""
    store.path.unlink()
    store.path.with_name(f"{store.path.name}.backup").unlink()


def anew(store: FileStore, expected: Remains | None = None) -> Rebuilt:
    data: dict[str, Any] = complete()
    del data["metadata"]["lineage"]
    data["events"] = []
    seen = expected or remains(store.storage, NAME)
    return rebuild(store.storage, data, seen, sources="Azure", clock=StillClock())


def faults(store: FileStore) -> list[str]:
    return [fault.message for fault in inspect(store.storage).faults if fault.severity == "error"]


def test_sealed_events_are_the_history_of_the_new_state(store: FileStore) -> None:
    before, serial = told(store), store.read().serial
    lose(store)
    left = remains(store.storage, NAME)
    assert (left.unread, left.lineage, left.foreign) == (0, None, None)
    done = anew(store)
    after = told(store)
    assert (done.taken, done.unproven, done.damaged) == (left.events, 0, None)
    # What stood in the file alone is gone; all before it is there, in its order, and then what was done.
    assert 0 < left.events == len(after) - 1
    assert after[:-1] == before[: left.events]
    assert "Azure" in after[-1]
    assert faults(store) == []
    assert done.serial > 0
    assert serial > 0


def test_a_damaged_file_gives_its_events_too(store: FileStore) -> None:
    before, serial = told(store), store.read().serial
    lineage = store.read().lineage
    text = store.path.read_bytes()
    lose(store)
    store.path.write_bytes(text.replace(b"k0rdent:", b"k0rdent: [", 1))
    left = remains(store.storage, NAME)
    assert left.lineage == lineage
    done = anew(store)
    assert told(store)[:-1] == before
    assert (done.taken, done.unproven) == (len(before), 0)
    assert done.serial > serial
    assert done.damaged is not None
    assert Path(done.damaged).read_bytes().startswith(text[:20])
    assert faults(store) == []


def test_a_segment_that_is_gone_is_told_and_the_rest_is_there(store: FileStore) -> None:
    before = told(store)
    lose(store)
    first, *_ = segments(store)
    first.unlink()
    done = anew(store)
    after = told(store)[:-1]
    assert done.taken == len(after) > 0
    assert after == before[done.unread :][: len(after)]
    assert done.unread == int(first.name.partition("-")[0])
    assert faults(store) == []


def test_a_newest_segment_that_is_damaged_is_told(store: FileStore) -> None:
    before = told(store)
    lose(store)
    *_, earlier, newest = segments(store)
    newest.write_bytes(newest.read_bytes()[:100])
    done = anew(store)
    sealed = [int(path.name.partition("-")[0]) for path in (earlier, newest)]
    assert (done.taken, done.unread) == (sealed[0], sealed[1] - sealed[0])
    assert told(store)[:-1] == before[: done.taken]


def test_the_history_of_another_deployment_stays_where_it_is(store: FileStore) -> None:
    lose(store)
    left = remains(store.storage, OTHER)
    assert (left.events, left.foreign) == (0, NAME)


def test_what_is_healthy_is_not_made_anew(store: FileStore) -> None:
    before = store.path.read_bytes()
    with pytest.raises(StateError, match="healthy"):
        remains(store.storage, NAME)
    with pytest.raises(StateError, match="healthy"):
        anew(store, Remains(events=0, unread=0, lineage=None))
    assert store.path.read_bytes() == before


def test_what_was_shown_is_what_is_taken(store: FileStore) -> None:
    lose(store)
    seen = remains(store.storage, NAME)
    shutil.rmtree(segments(store)[0].parent)
    with pytest.raises(StateConflictError):
        anew(store, seen)
    assert not store.path.exists()
