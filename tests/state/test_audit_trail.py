"""The audit trail: sealed, linked, read as one, and whatever is done to it behind our back is found and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state import events
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.codec import HEADER, dump, parse
from k0rdent_azure.state.document import Document, LongDocument, read_document
from k0rdent_azure.state.events import history, segment_lines, segments
from k0rdent_azure.state.files import SystemFiles
from k0rdent_azure.state.store import FileStore, Store
from tests.state.conftest import EXAMPLE, NOW, StillClock, small
from tests.state.memory_storage import MemoryStorage

Rows = list[dict[str, object]]
BROKEN = "does not follow from the event before it"
#: What somebody adds with an editor or with yq.
FOREIGN = {
    "timestamp": "2025-02-03T04:05:06Z",
    "phase": "preparation",
    "action": "noted",
    "message": "by hand",
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a few events instead of hundreds."""
    monkeypatch.setattr(events, "INLINE_LIMIT", 12)
    monkeypatch.setattr(events, "KEEP_INLINE", 5)
    monkeypatch.setattr(events, "SEGMENT_LIMIT", 6)


def _commit(storage: MemoryStorage, *messages: str) -> None:
    """One commit with these events, as another process would make it."""
    store = Store(storage, clock=StillClock())
    if not store.exists():
        store.create(small())
    with store.transaction() as tx:
        tx.by_path.set("x", len(messages))
        for message in messages:
            tx.event("preparation", "counted", message)


def _trail(count: int = 30) -> MemoryStorage:
    """A document with so many events, each of a commit of its own; older ones sealed."""
    storage = MemoryStorage()
    for number in range(count):
        _commit(storage, str(number))
    return storage


def _edit(storage: MemoryStorage, change: Callable[[Rows], object]) -> None:
    """Change the events in the file without us."""
    data = parse(storage.read(), source="x")
    rows = data["events"]
    assert isinstance(rows, list)
    change(rows)
    storage.content = dump(data)


def _messages(storage: MemoryStorage) -> list[str | None]:
    return [event.message for event in history(read_document(storage.read(), source="x"), storage)]


def _parsed(storage: MemoryStorage) -> Document:
    """As `state check` looks at it: whether it may be loaded or not."""
    text = storage.read()
    return Document(parse(text, source="x"), text=text, source="x")


def _faults(storage: MemoryStorage) -> list[tuple[str, str]]:
    """Path and message of each error; then, with a `?`, those of each doubt."""
    found, _ = verify_history(_parsed(storage), storage)
    return [("?" * (fault.severity == "warning") + fault.path, fault.message) for fault in found]


def _places(storage: MemoryStorage) -> list[str]:
    return [path for path, _ in _faults(storage)]


def test_a_trail_that_nobody_touched(short: None) -> None:
    storage = _trail(40)
    assert _messages(storage) == [str(number) for number in range(40)]
    assert verify_history(read_document(storage.read(), source="x"), storage) == ([], 40)
    assert len(storage.parts("events")) > 3


def test_sealing_links_each_segment_to_the_one_before(short: None) -> None:
    storage = _trail(40)
    document = read_document(storage.read(), source="x")
    chain = segments(document, storage)
    assert [f"events/{segment.file}" for segment in chain] == storage.parts("events")
    previous, count = None, 0
    for segment in chain:
        header, lines = segment_lines(segment, storage)
        count += len(lines)
        assert header.previous == previous
        assert header.count == len(lines)
        assert segment.count == count
        assert segment.sha256 == hashlib.sha256(storage.read_part(f"events/{segment.file}")).hexdigest()
        assert segment.chain == header.chain == msgspec.json.decode(lines[-1])["chain"]
        previous = segment
    record = document.state.event_history
    assert record is not None
    assert record.sealed == previous
    assert record.count == 40


def test_sealed_segments_are_never_written_again(short: None) -> None:
    storage = _trail(30)
    before = dict(storage.kept)
    _commit(storage, *map(str, range(30, 60)))
    assert {name: storage.kept[name] for name in before} == before
    assert _messages(storage) == [str(number) for number in range(60)]


def test_unknown_keys_of_an_event_are_sealed_with_it(short: None) -> None:
    storage = _trail(3)
    _edit(storage, lambda rows: rows.append({**FOREIGN, "ticket": {"id": 7}}))
    _commit(storage, *map(str, range(20)))
    document = read_document(storage.read(), source="x")
    rows = [msgspec.json.decode(line) for line in segment_lines(segments(document, storage)[0], storage)[1]]
    assert rows[3] == {**FOREIGN, "ticket": {"id": 7}}


_EDITS: list[tuple[str, Callable[[Rows], object], list[str]]] = [
    ("edited", lambda rows: rows[3].update(message="x"), ["events.3"]),
    ("first edited", lambda rows: rows[0].update(message="x"), ["events.0"]),
    ("last edited", lambda rows: rows[-1].update(message="x"), ["events.5"]),
    ("key added", lambda rows: rows[3].update(extra=1), ["events.3"]),
    ("key removed", lambda rows: rows[3].pop("message"), ["events.3"]),
    ("link edited", lambda rows: rows[3].update(chain="0" * 32), ["events.3", "events.4"]),
    ("swapped", lambda rows: rows.insert(3, rows.pop(2)), ["events.2", "events.3", "events.4"]),
    ("moved", lambda rows: rows.insert(1, rows.pop(3)), ["events.1", "events.2", "events.4"]),
    ("doubled", lambda rows: rows.insert(3, dict(rows[3])), ["events.4"]),
    ("put between", lambda rows: rows.insert(3, dict(FOREIGN)), ["events.4", "?events"]),
    ("one replaced", lambda rows: rows.__setitem__(3, dict(FOREIGN)), ["events.4", "?events"]),
]
_CUTS: list[tuple[str, Callable[[Rows], object], list[str]]] = [
    ("dropped", lambda rows: rows.pop(3), ["events.3", "events"]),
    ("first dropped", lambda rows: rows.pop(0), ["events.0", "events"]),
    ("last dropped", lambda rows: rows.pop(), ["events"]),
    ("all dropped", lambda rows: rows.clear(), ["events"]),
    ("last replaced", lambda rows: rows.__setitem__(-1, dict(FOREIGN)), ["event_history.chain", "?events"]),
    ("last moved", lambda rows: rows.insert(0, rows.pop()), ["events.0", "events.1"]),
]


@pytest.mark.parametrize(
    ("change", "places"), [pytest.param(*rest, id=name) for name, *rest in _EDITS + _CUTS]
)
def test_what_was_done_to_the_events_in_the_file_is_found_where_it_was_done(
    short: None, change: Callable[[Rows], object], places: list[str]
) -> None:
    storage = _trail()
    assert _faults(storage) == []
    _edit(storage, change)
    assert _places(storage) == places
    messages = dict(_faults(storage))
    assert all(BROKEN in messages[place] for place in places if place.startswith("events."))
    assert messages.get("events", "events are missing") == "events are missing"


@pytest.mark.parametrize(("change", "places"), [pytest.param(*rest, id=name) for name, *rest in _EDITS])
def test_it_is_still_found_after_our_next_commits(
    short: None, change: Callable[[Rows], object], places: list[str]
) -> None:
    """Also when the place is in a segment by then."""
    storage = _trail()
    _edit(storage, change)
    _commit(storage, "after")
    found = [message for path, message in _faults(storage) if path.startswith("events.")]
    # Where the last was replaced, the next one of ours does not follow from it; nowhere else is a fault added.
    assert len(found) == max(1, len([place for place in places if place.startswith("events.")]))
    _commit(storage, *map(str, range(20)))
    later = [message for path, message in _faults(storage) if path.startswith("events/")]
    assert later == found


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change, _ in _CUTS])
def test_a_file_whose_end_is_not_the_one_written_last_is_not_loaded(
    short: None, change: Callable[[Rows], object]
) -> None:
    """It cannot be told from one that was cut off: nothing may be committed on top of it."""
    storage = _trail()
    _edit(storage, change)
    before = storage.content
    with pytest.raises(StateInvalidError, match=r"cut off|written last"):
        _commit(storage, "after")
    assert storage.content == before


def test_what_is_found_has_its_time(short: None) -> None:
    storage = _trail()
    _edit(storage, lambda rows: rows[3].update(message="x", timestamp="2024-01-01T00:00:00Z"))
    (fault,), _ = verify_history(read_document(storage.read(), source="x"), storage)
    assert fault.path == "events.3"
    assert fault.found == "'2024-01-01T00:00:00Z'"


def test_an_edit_before_sealing_is_found_within_its_segment(short: None) -> None:
    storage = _trail(8)
    _edit(storage, lambda rows: rows[4].update(message="x"))
    _commit(storage, *map(str, range(20)))
    first, *_ = storage.parts("events")
    # The header stands on the first line.
    assert _places(storage) == [f"{first}:6"]


def test_an_edited_event_without_a_link_is_found_at_the_next_one(short: None) -> None:
    storage = _trail(4)
    _edit(storage, lambda rows: rows.append(dict(FOREIGN)))
    _commit(storage, "after")
    _edit(storage, lambda rows: rows[4].update(message="another hand"))
    assert _places(storage) == ["events.5", "?events"]


@pytest.mark.parametrize("commits", [0, 1, 20])
def test_events_that_others_add_are_valid_and_named(short: None, commits: int) -> None:
    storage = _trail(4)
    _edit(storage, lambda rows: rows.extend([dict(FOREIGN), dict(FOREIGN)]))
    for number in range(commits):
        _commit(storage, str(number))
    assert _faults(storage) == [
        ("?events", f"2 of {6 + commits} events carry no chain: made by hand or another program")
    ]
    assert _messages(storage) == ["0", "1", "2", "3", "by hand", "by hand", *map(str, range(commits))]


def test_a_commit_without_an_event_covers_what_others_added(short: None) -> None:
    storage = _trail(4)
    _edit(storage, lambda rows: rows.append(dict(FOREIGN)))
    _commit(storage)
    assert _places(storage) == ["?events"]
    _edit(storage, lambda rows: rows[-1].update(message="another hand"))
    assert _places(storage) == ["event_history.chain", "?events"]


def test_counted_events_of_others_that_were_edited_stay_to_be_found(short: None) -> None:
    """Whatever our next commits are: each can be read, and none makes the edit look right."""
    storage = _trail(2)
    _edit(storage, lambda rows: rows.append(dict(FOREIGN)))
    _commit(storage)
    _edit(storage, lambda rows: rows[-1].update(message="edited"))
    _edit(storage, lambda rows: rows.append(dict(FOREIGN)))
    _commit(storage)
    assert _places(storage) == ["event_history.chain", "?events"]
    _commit(storage, "ours")
    assert read_document(storage.read(), source="x").state.events[-1].message == "ours"
    assert _places(storage) == ["events.4", "?events"]


def test_a_history_without_links_is_valid_and_named() -> None:
    storage = MemoryStorage(EXAMPLE.read_bytes())
    named = [("?events", "4 of 4 events carry no chain: made by hand or another program")]
    assert _faults(storage) == named
    _commit(storage, "ours")
    assert _faults(storage) == [("?events", "4 of 5 events carry no chain: made by hand or another program")]
    _edit(storage, lambda rows: rows[1].update(message="x"))
    assert _places(storage) == ["events.4", "?events"]


@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        pytest.param(lambda kept, one, other: kept.update({one: kept[one].replace(b'"7"', b'"8"')}), None, id="edited"),
        pytest.param(lambda kept, one, other: kept.pop(one), None, id="gone"),
        pytest.param(lambda kept, one, other: kept.update({one: kept[other]}), None, id="another one"),
        pytest.param(lambda kept, one, other: kept.update({one: kept[one][:-40]}), None, id="cut"),
        pytest.param(lambda kept, one, other: kept.update({one: b""}), None, id="empty"),
    ],
)  # fmt: skip
def test_what_was_done_to_a_segment(
    short: None, tamper: Callable[[dict[str, bytes], str, str], object], place: None
) -> None:
    storage = _trail()
    names = storage.parts("events")
    for at, name in enumerate(names):
        kept = dict(storage.kept)
        if kept[name] == kept[name].replace(b'"7"', b'"8"') and "edited" in str(tamper):
            continue
        tamper(storage.kept, name, names[at - 1])
        if storage.kept == kept:
            continue
        ((path, message),) = _faults(storage)
        assert path == "event_history"
        assert name.partition("/")[2] in message
        with pytest.raises(StateInvalidError):
            _messages(storage)
        storage.kept = kept
    assert _faults(storage) == []


def test_a_segment_that_was_edited_with_its_digest_is_found_by_its_links(short: None) -> None:
    """Whoever can write the document too cannot make the links fit, unless all later ones are made anew."""
    storage = _trail()
    data = parse(storage.read(), source="x")
    sealed = data["event_history"]["sealed"]  # type: ignore[index]
    content = storage.read_part(f"events/{sealed['file']}").replace(b'"message":"22"', b'"message":"xx"')
    sealed["sha256"] = hashlib.sha256(content).hexdigest()
    storage.write_part(f"events/{sealed['file']}", content)
    storage.content = dump(data)
    assert _places(storage) == [f"events/{sealed['file']}:2"]


def test_a_document_that_names_an_older_segment_is_found(short: None) -> None:
    storage = _trail()
    document = read_document(storage.read(), source="x")
    older = segments(document, storage)[-2]
    data = parse(storage.read(), source="x")
    data["event_history"]["sealed"] = msgspec.to_builtins(older)  # type: ignore[index]
    storage.content = dump(data)
    assert _places(storage) == ["events.0", "events"]


def test_the_history_of_another_deployment_does_not_fit(short: None) -> None:
    one, other = _trail(4), _trail(4)
    data = parse(one.read(), source="x")
    data["events"] = parse(other.read(), source="x")["events"]
    one.content = dump(data)
    assert _places(one) == ["events.0"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["ours", "theirs"]), st.integers(0, 15)), max_size=8))
def test_nothing_is_lost_whoever_writes(short: None, steps: list[tuple[str, int]]) -> None:
    storage, wanted = _trail(0), list[str]()
    _commit(storage)
    for number, (who, count) in enumerate(steps):
        messages = [f"{number} {index}" for index in range(count)]
        wanted += messages
        if who == "ours":
            _commit(storage, *messages)
        elif messages:
            data = parse(storage.read(), source="x")
            rows = data.setdefault("events", [])
            assert isinstance(rows, list)
            rows += [{**FOREIGN, "message": message} for message in messages]
            storage.content = dump(data)
        assert _messages(storage) == wanted
        assert [place for place in _places(storage) if not place.startswith("?")] == []


class _CountingFiles(SystemFiles):
    """Notes which files are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self.opened.append(Path(path).name)
        return super().open(path, flags, mode)


class _TickingClock(StillClock):
    """A minute later at each commit."""

    def __init__(self) -> None:
        super().__init__()
        self.minutes = 0

    def now(self) -> datetime:
        return NOW + timedelta(minutes=self.minutes)


def _segmented(path: Path) -> tuple[FileStore, _CountingFiles, list[str]]:
    """Forty events, a minute between them, in a file and its segments; which are named, oldest first."""
    files, clock = _CountingFiles(), _TickingClock()
    store = FileStore(path, clock=clock, files=files)
    store.create(small())
    for number in range(40):
        clock.minutes = number
        with store.transaction() as tx:
            tx.event("preparation", "counted", str(number))
    names = [name.partition("/")[2] for name in store.storage.parts("events")]
    files.opened.clear()
    return store, files, names


@pytest.mark.parametrize(
    ("newest", "read"), [(1, 0), (5, 0), (9, 1), (12, 2), (20, 4), (40, None), (1000, None)]
)
def test_the_newest_events_need_only_the_newest_segments(
    short: None, path: Path, newest: int, read: int | None
) -> None:
    store, files, names = _segmented(path)
    document = store.read()
    files.opened.clear()
    found = [event.message for event in history(document, store.storage, newest=newest)]
    assert found[-newest:] == [str(number) for number in range(40)][-newest:]
    expected = names if read is None else names[len(names) - read :]
    assert sorted(set(files.opened)) == expected


@pytest.mark.parametrize("minute", [0, 13, 25, 33, 39, 60])
def test_a_period_needs_only_its_segments(short: None, path: Path, minute: int) -> None:
    store, files, names = _segmented(path)
    document = store.read()
    needed = [
        segment.file
        for segment in segments(document, store.storage)
        if any(
            int(msgspec.json.decode(line)["message"]) >= minute
            for line in segment_lines(segment, store.storage)[1]
        )
    ]
    files.opened.clear()
    found = [
        event.message for event in history(document, store.storage, since=NOW + timedelta(minutes=minute))
    ]
    assert found[-(40 - minute) :] == [str(number) for number in range(minute, 40)] or minute == 60
    # Where a segment ends is told by the one itself: the first that is too old is looked at, and no other.
    looked_at = names[max(0, len(names) - len(needed) - 1) :]
    assert sorted(set(files.opened)) == looked_at


def test_other_commands_read_no_segment(short: None, path: Path) -> None:
    _, files, names = _segmented(path)
    fresh = FileStore(path, clock=StillClock(), files=files)
    assert fresh.read().state.events[-1].message == "39"
    with fresh.transaction() as tx:
        tx.event("preparation", "counted", "40")
    assert not set(names) & set(files.opened)


def _inline(count: int, *, poison: int | None = None) -> bytes:
    """Events as text, in our own form."""
    return b"events:\n" + b"".join(
        b'- timestamp: "2025-01-07T15:30:00Z"\n  phase: "preparation"\n  action: "counted"\n  message: "%d"\n'
        % number
        if number != poison
        else b"- ]\n"
        for number in range(count)
    )


def test_a_long_inline_trail_is_left_alone_by_readers() -> None:
    """An event in the middle that no parser takes shows that none looked at it."""
    text = dump({key: value for key, value in small().items() if key != "events"}) + _inline(
        25_000, poison=12_500
    )
    document = read_document(text, source="x")
    assert isinstance(document, LongDocument)
    assert document.get("metadata.deployment_id") == "k0rdent-test0001"
    assert [event.message for event in document.state.events] == [str(n) for n in range(24_800, 25_000)]
    with pytest.raises(StateInvalidError):
        _ = document.data
    # What is broken there is refused where it matters: nothing is committed on top of it.
    storage = MemoryStorage(text)
    with pytest.raises(StateInvalidError):
        _commit(storage, "after")
    assert storage.content == text


def test_a_long_inline_trail_is_sealed_at_the_first_commit() -> None:
    head = dump({key: value for key, value in small().items() if key != "events"})
    storage = MemoryStorage(head + _inline(200_000))
    _commit(storage, "after")
    document = read_document(storage.read(), source="x")
    assert not isinstance(document, LongDocument)
    assert len(storage.read()) < 100_000
    assert len(document.state.events) == events.KEEP_INLINE
    assert _messages(storage) == [*map(str, range(200_000)), "after"]
    found, count = verify_history(document, storage)
    assert [fault.severity for fault in found] == ["warning"]
    assert count == 200_001


def test_a_long_trail_below_a_hand_keeps_what_the_hand_wrote() -> None:
    head = EXAMPLE.read_text().partition("# Deployment Events (audit trail)\nevents:")[0]
    head += "# the trail\n"
    storage = MemoryStorage(head.encode() + _inline(25_000))
    assert isinstance(read_document(storage.read(), source="x"), LongDocument)
    _commit(storage, "after")
    new = storage.read().decode()
    changed = [line for line in head.split("\n") if line not in new.split("\n")]
    assert changed == ['  last_updated: "2025-01-07T16:45:00Z"']
    assert _messages(storage) == [*map(str, range(25_000)), "after"]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"future: 1\n", id="a section"),
        pytest.param(b"---\na: 1\n", id="another document"),
        pytest.param(b"...\n", id="an end marker"),
        pytest.param(b'"quoted": 1\n', id="a quoted section"),
        pytest.param(b"? k\n: 1\n", id="an explicit key"),
    ],
)
def test_what_follows_a_long_trail_is_not_overlooked(end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from k0rdent_azure.state import document

    monkeypatch.setattr(document, "LAZY_ABOVE", 100)
    text = (
        HEADER.encode()
        + dump({key: value for key, value in small().items() if key != "events"})
        + _inline(20)
    )
    assert isinstance(read_document(text, source="x"), LongDocument)
    try:
        found = read_document(text + end, source="x")
    except StateInvalidError:
        return
    assert not isinstance(found, LongDocument)
