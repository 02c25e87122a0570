"""The contract of every storage, and of the store over it. Not collected by itself: see `test_conformance.py`.

A storage joins by one more `Opener` there: a function that opens one and the same document again at each call, as
another process would. What is asked here holds for files and for objects alike; what only files have (modes,
symbolic links, temporary files) is tested beside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from k0rdent_azure.errors import (
    StateConflictError,
    StateError,
    StateExistsError,
    StateInvalidError,
    StateNotFoundError,
    StateReadOnlyError,
)
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.events import INLINE_LIMIT, KEEP_INLINE, history, segments
from k0rdent_azure.state.storage import Storage
from k0rdent_azure.state.store import Store
from tests.state.conftest import StillClock, small

Opener = Callable[[], Storage]
#: No storage may take longer to begin something that nobody else holds up.
_SOON = 30.0
#: Long enough for a thread that is wrongly let in to get there; one that waits rightly is never late for it.
_A_MOMENT = 0.05


class StorageContract:
    """What `state.storage.Storage` promises, method by method."""

    def test_an_empty_one(self, opener: Opener) -> None:
        storage = opener()
        assert not storage.exists()
        assert storage.read_previous() is None
        assert storage.parts("events") == []
        with pytest.raises(StateNotFoundError) as raised:
            storage.read()
        assert storage.where in raised.value.message

    @pytest.mark.parametrize("content", [b"a: 1\n", b"", b"\0\xff\r\n", b"x" * 3_000_000], ids=len)
    def test_what_was_put_is_read_byte_for_byte(self, opener: Opener, content: bytes) -> None:
        _put(opener(), content)
        assert opener().exists()
        assert opener().read() == content

    def test_the_version_before_is_kept_where_that_is_wanted(self, opener: Opener) -> None:
        storage = opener()
        _put(storage, b"1")
        assert storage.read_previous() is None
        _put(storage, b"2")
        _put(storage, b"3", keep=False)
        previous = opener().read_previous()
        assert previous is not None
        assert previous[0] == b"1"
        assert 0 <= previous[1] < 3600

    def test_the_first_version_has_none_before_it(self, opener: Opener) -> None:
        storage = opener()
        _put(storage, b"1", keep=True)
        assert storage.read_previous() is None
        assert storage.read() == b"1"

    def test_forgetting_leaves_nothing_older(self, opener: Opener) -> None:
        storage = opener()
        _put(storage, b"old")
        _put(storage, b"new")
        with storage.writing():
            storage.forget_previous()
        assert [(opener().read_previous() or (b"",))[0], opener().read()] == [b"new", b"new"]
        _put(storage, b"newer", keep=False)
        assert (opener().read_previous() or (b"",))[0] == b"new"

    def test_nobody_but_its_owner_gets_at_it(self, opener: Opener) -> None:
        _put(opener(), b"1")
        assert opener().exposed() is None

    def test_a_reader_sees_the_old_document_until_the_new_one_is_there(self, opener: Opener) -> None:
        _put(opener(), b"old")
        writer = opener()
        with writer.writing():
            assert opener().read() == b"old"
            writer.replace(b"new", keep=True)
            assert opener().read() == b"new"

    def test_one_writer_at_a_time(self, opener: Opener) -> None:
        """Where writers do not wait, as with compare-and-swap, `writing` itself has to."""
        log: list[str] = []
        entered = threading.Event()

        def second() -> None:
            with opener().writing():
                log.append("second")
                entered.set()

        thread = threading.Thread(target=second)
        with opener().writing():
            thread.start()
            assert not entered.wait(_A_MOMENT)
            log.append("first")
        assert entered.wait(_SOON)
        thread.join(_SOON)
        assert log == ["first", "second"]

    def test_a_writer_that_fails_lets_go(self, opener: Opener) -> None:
        with pytest.raises(RuntimeError), opener().writing():
            raise RuntimeError
        _put(opener(), b"1")
        assert opener().read() == b"1"

    def test_what_is_set_aside_touches_neither_version(self, opener: Opener) -> None:
        storage = opener()
        _put(storage, b"1")
        _put(storage, b"2")
        with storage.writing():
            where = storage.set_aside(b"rejected", ".rejected")
            assert storage.set_aside(b"rejected again", ".rejected") == where
        assert where == f"{storage.where}.rejected"
        assert storage.read() == b"2"
        assert (storage.read_previous() or (b"",))[0] == b"1"
        assert storage.parts("events") == []

    def test_parts_are_kept_by_name_and_listed_by_folder(self, opener: Opener) -> None:
        storage = opener()
        for name in ("events/2", "snapshots/1", "events/10", "schema.json"):
            storage.write_part(name, name.encode() * 3)
        assert opener().parts("events") == ["events/10", "events/2"]
        assert opener().parts("snapshots") == ["snapshots/1"]
        assert opener().read_part("snapshots/1") == b"snapshots/1" * 3
        assert opener().read_part("schema.json") == b"schema.json" * 3

    def test_a_part_is_written_over_and_removed(self, opener: Opener) -> None:
        storage = opener()
        storage.write_part("snapshots/1", b"old")
        storage.write_part("snapshots/1", b"\0new\xff")
        assert opener().read_part("snapshots/1") == b"\0new\xff"
        storage.remove_part("snapshots/1")
        storage.remove_part("snapshots/1")
        assert opener().parts("snapshots") == []
        with pytest.raises(StateInvalidError):
            storage.read_part("snapshots/1")

    def test_parts_and_the_document_do_not_meet(self, opener: Opener) -> None:
        storage = opener()
        storage.write_part("events/1", b"part")
        assert not storage.exists()
        _put(storage, b"1")
        _put(storage, b"2")
        assert storage.parts("events") == ["events/1"]
        storage.remove_part("events/1")
        assert storage.read() == b"2"

    def test_a_part_that_is_not_there_is_told_by_its_name(self, opener: Opener) -> None:
        with pytest.raises(StateInvalidError, match="000007-abc"):
            opener().read_part("events/000007-abc.jsonl")


class StoreContract:
    """What `state.store.Store` promises, whatever it stands on."""

    def test_the_first_version(self, opener: Opener) -> None:
        made = _store(opener).create(small())
        assert made.serial == 1
        assert made.lineage
        assert made.get("metadata.last_updated") == "2025-02-03T04:05:06Z"
        assert made.get("configuration") == small()["configuration"]
        assert _store(opener).read().data == made.data

    def test_an_existing_document_is_not_created_again(self, opener: Opener) -> None:
        _store(opener).create(small())
        before = opener().read()
        with pytest.raises(StateExistsError):
            _store(opener).create(small())
        assert opener().read() == before

    def test_a_damaged_document_is_not_created_again_either(self, opener: Opener) -> None:
        _put(opener(), b"\0")
        with pytest.raises(StateExistsError):
            _store(opener).create(small())
        assert opener().read() == b"\0"

    def test_an_invalid_first_version_is_not_created(self, opener: Opener) -> None:
        with pytest.raises(StateInvalidError):
            _store(opener).create({**small(), "wireguard": {"port": "x"}})
        assert not opener().exists()

    def test_nothing_is_there(self, opener: Opener) -> None:
        store = _store(opener)
        assert not store.exists()
        with pytest.raises(StateNotFoundError):
            store.read()
        with pytest.raises(StateNotFoundError), store.transaction():
            pass

    def test_a_transaction_is_committed_as_a_whole(self, opener: Opener) -> None:
        store = _created(opener)
        with store.transaction() as tx:
            tx.by_path.set("x.a", 1)
            tx.by_path.merge("x", {"b": [1, 2], "c": {"d": None}})
            tx.by_path.delete("x.a")
            tx.event("preparation", "changed", "x", resource="x")
            assert opener().read() == tx.document.text
        document = _store(opener).read()
        assert document.serial == 2
        assert document.get("x") == {"b": [1, 2], "c": {"d": None}}
        assert document.state.events[-1].action == "changed"
        assert opener().read_previous() is not None

    def test_an_error_commits_nothing(self, opener: Opener) -> None:
        store = _created(opener)
        before = opener().read()
        with pytest.raises(RuntimeError), store.transaction() as tx:
            tx.by_path.set("x", 1)
            tx.event("preparation", "changed")
            raise RuntimeError
        assert opener().read() == before
        assert opener().read_previous() is None
        with store.transaction() as tx:
            assert not tx.by_path.has("x")

    def test_nothing_changed_is_nothing_committed(self, opener: Opener) -> None:
        store = _created(opener)
        before = opener().read()
        with store.transaction() as tx:
            tx.by_path.delete("x")
        assert opener().read() == before

    def test_an_invalid_change_is_refused_and_kept_for_a_look(self, opener: Opener) -> None:
        store = _created(opener)
        before = opener().read()
        with pytest.raises(StateInvalidError, match=r"metadata\.deployment_status") as raised:
            _set(store, "metadata.deployment_status", "sleeping")
        assert f"{store.storage.where}.rejected" in (raised.value.hint or "")
        assert opener().read() == before
        _set(store, "metadata.deployment_status", "failed")
        assert _store(opener).read().serial == 2

    @pytest.mark.parametrize(
        "value",
        [{"k" * 257: 1}, [[{"k" * 257: 1}]], {"\1" * 200: 1}, float("inf"), "\ud800"],
        ids=["long key", "long key in a list", "long written key", "infinite", "surrogate"],
    )
    def test_what_could_not_be_read_again_is_not_committed(self, opener: Opener, value: object) -> None:
        store = _created(opener)
        before = opener().read()
        with pytest.raises(StateInvalidError):
            _set(store, "x", value)
        assert opener().read() == before

    def test_the_configuration_stays(self, opener: Opener) -> None:
        store = _created(opener)
        with pytest.raises(StateInvalidError, match="configuration"):
            _set(store, "configuration.azure.location", "eastus")
        assert _store(opener).read().get("configuration.azure.location") == "westus2"

    def test_changes_of_others_are_not_overwritten(self, opener: Opener) -> None:
        one, two = _created(opener), _store(opener)
        one.read()
        two.read()
        _set(one, "x.one", 1)
        _set(two, "x.two", 2)
        _set(one, "x.three", 3)
        document = _store(opener).read()
        assert document.get("x") == {"one": 1, "two": 2, "three": 3}
        assert document.serial == 4

    def test_a_decision_on_an_old_version_is_refused_with_what_changed(self, opener: Opener) -> None:
        one, two = _created(opener), _store(opener)
        seen = one.read()
        _set(two, "x.two", 2)
        before = opener().read()
        with pytest.raises(StateConflictError) as raised, one.transaction(based_on=seen) as tx:
            tx.by_path.set("x.one", 1)
        assert "serial 1 is 2 now" in raised.value.message
        assert "x" in raised.value.message.partition("changed: ")[2]
        assert opener().read() == before
        with one.transaction(based_on=one.read()) as tx:
            tx.by_path.set("x.one", 1)
        assert _store(opener).read().get("x") == {"two": 2, "one": 1}

    def test_another_deployment_in_its_place_is_refused(self, opener: Opener) -> None:
        store = _created(opener)
        other = parse(opener().read(), source="x")
        assert isinstance(other["metadata"], dict)
        other["metadata"]["lineage"] = "another"
        _put(opener(), dump(other))
        before = opener().read()
        with pytest.raises(StateConflictError, match="another"):
            _set(store, "x", 1)
        assert opener().read() == before
        assert store.read().lineage == "another"

    def test_no_lineage_becomes_one(self, opener: Opener) -> None:
        _put(opener(), dump(small()))
        _set(_store(opener), "x", 1)
        first = _store(opener).read()
        _set(_store(opener), "x", 2)
        assert first.lineage
        assert _store(opener).read().lineage == first.lineage

    def test_unknown_keys_and_their_order_survive(self, opener: Opener) -> None:
        foreign = {"zeta": {"b": 1, "a": [True, None, 1.5]}, **small(), "alpha": "yes"}
        _put(opener(), dump(foreign))
        with _store(opener).transaction() as tx:
            tx.by_path.set(("metadata", "x-team"), "blue")
        document = _store(opener).read()
        assert [key for key in document.data if key in foreign] == list(foreign)
        assert document.get("zeta") == foreign["zeta"]
        assert document.get("metadata.x-team") == "blue"

    def test_a_newer_minor_schema_is_written_a_newer_major_one_only_read(self, opener: Opener) -> None:
        _created(opener)
        text = opener().read()
        _put(opener(), text.replace(b'schema_version: "1.0"', b'schema_version: "1.7"'))
        _set(_store(opener), "x", 1)
        assert _store(opener).read().get("metadata.schema_version") == "1.7"
        newer = text.replace(b'schema_version: "1.0"', b'schema_version: "2.0"')
        _put(opener(), newer)
        assert _store(opener).read().get("metadata.schema_version") == "2.0"
        with pytest.raises(StateReadOnlyError):
            _set(_store(opener), "x", 1)
        assert opener().read() == newer

    def test_a_damaged_document_is_refused_and_left_alone(self, opener: Opener) -> None:
        _set(_created(opener), "x", 1)
        damaged = opener().read()[:-20]
        _put(opener(), damaged, keep=False)
        store = _store(opener)
        with pytest.raises(StateInvalidError) as raised:
            store.read()
        assert "recover" in (raised.value.hint or "")
        with pytest.raises(StateInvalidError):
            _set(store, "x", 2)
        assert opener().read() == damaged

    def test_a_reader_during_a_transaction_sees_the_version_before(self, opener: Opener) -> None:
        store = _created(opener)
        with store.transaction() as tx:
            tx.by_path.set("x", 1)
            assert "x" not in _store(opener).read().data
        assert _store(opener).read().get("x") == 1

    def test_intents_are_there_before_and_gone_after(self, opener: Opener) -> None:
        store = _created(opener)
        with store.transaction() as tx:
            tx.begin_operation("arm", kind="arm_deployment", target="/x", details={"a": 1})
        assert _store(opener).read().state.pending_operations["arm"].details == {"a": 1}
        with store.transaction() as tx:
            tx.end_operation("arm")
        assert _store(opener).read().state.pending_operations == {}

    def test_a_restored_version_keeps_the_history(self, opener: Opener) -> None:
        store = _created(opener)
        _set(store, "x.old", 1)
        old = store.read()
        with store.transaction() as tx:
            tx.by_path.set("x", {"new": 2})
            tx.event("preparation", "changed")
        with store.transaction() as tx:
            foreign = {"lineage": "another", "serial": 77, "last_updated": "2020-01-01T00:00:00Z"}
            metadata = old.get("metadata")
            assert isinstance(metadata, dict)
            tx.restore({**old.data, "metadata": {**metadata, **foreign, "deployment_status": "failed"}})
            tx.event("complete", "restored")
        document = _store(opener).read()
        assert document.get("x") == {"old": 1}
        assert document.state.metadata.deployment_status == "failed"
        assert document.serial == 4
        assert document.lineage == old.lineage
        assert [event.action for event in document.state.events] == ["changed", "restored"]
        assert not _faults(opener)

    def test_older_events_move_into_parts_and_read_as_one(self, opener: Opener) -> None:
        store = _created(opener)
        total = 0
        for _ in range(5):
            with store.transaction() as tx:
                for _ in range(150):
                    tx.event("preparation", "counted", str(total))
                    total += 1
        document = _store(opener).read()
        inline = document.data["events"]
        assert isinstance(inline, list)
        assert KEEP_INLINE <= len(inline) <= INLINE_LIMIT
        assert opener().parts("events")
        assert len(segments(document, opener())) == len(opener().parts("events"))
        assert [event.message for event in history(document, opener())] == [str(n) for n in range(total)]
        newest = [event.message for event in history(document, opener(), newest=total - 10)]
        assert newest[-(total - 10) :] == [str(n) for n in range(10, total)]
        assert not _faults(opener)

    def test_a_segment_that_is_gone_or_another_is_told(self, opener: Opener) -> None:
        store = _created(opener)
        with store.transaction() as tx:
            for number in range(INLINE_LIMIT + 1):
                tx.event("preparation", "counted", str(number))
        (name,) = opener().parts("events")
        content = opener().read_part(name)
        opener().write_part(name, content.replace(b'"7"', b'"8"'))
        with pytest.raises(StateInvalidError, match="not what was sealed"):
            list(history(_store(opener).read(), opener()))
        opener().remove_part(name)
        with pytest.raises(StateInvalidError, match=name.partition("/")[2]):
            list(history(_store(opener).read(), opener()))
        _set(store, "x", 1)
        assert _store(opener).read().get("x") == 1

    def test_threads_lose_no_update(self, opener: Opener) -> None:
        _created(opener)
        failures: list[BaseException] = []

        def count() -> None:
            store = _store(opener)
            try:
                for _ in range(10):
                    with store.transaction() as tx:
                        tx.by_path.set("api_calls.total", tx.state.api_calls.total + 1)
                        tx.event("preparation", "counted")
            except StateError as error:
                failures.append(error)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_SOON)
        document = _store(opener).read()
        assert not failures
        assert document.state.api_calls.total == 40
        assert document.serial == 41
        assert len(list(history(document, opener()))) == 40
        assert not _faults(opener)


def _put(storage: Storage, content: bytes, *, keep: bool = True) -> None:
    with storage.writing():
        storage.replace(content, keep=keep)


def _store(opener: Opener) -> Store:
    """As another process would open it: with nothing read before."""
    return Store(opener(), clock=StillClock())


def _created(opener: Opener) -> Store:
    store = _store(opener)
    store.create(small())
    return store


def _set(store: Store, where: str, value: object) -> None:
    with store.transaction() as tx:
        tx.by_path.set(where, value)


def _faults(opener: Opener) -> list[str]:
    found, _ = verify_history(_store(opener).read(), opener())
    return [str(fault) for fault in found]
