"""The invariants of the store: whole at every instant, one commit per change, nobody overwritten."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import (
    StateConflictError,
    StateError,
    StateExistsError,
    StateInvalidError,
    StateNotFoundError,
    StateReadOnlyError,
)
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.events import INLINE_LIMIT, KEEP_INLINE, history
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import EXAMPLE, StillClock, small


def test_create_starts_at_serial_one_with_a_lineage(store: FileStore) -> None:
    document = store.read()
    assert document.serial == 1
    assert document.lineage
    with pytest.raises(StateExistsError):
        store.create(small())


def test_one_transaction_is_one_commit_with_its_events(store: FileStore) -> None:
    with store.transaction() as tx:
        tx.by_path.set(
            "azure_resources.virtual_machines.k0s-worker-1", {"status": "creating", "vm_size": "S"}
        )
        tx.by_path.set("azure_resources.virtual_machines.k0s-worker-1.status", "running")
        tx.event("vm_creation", "vm_created", "made", resource="k0s-worker-1")
    document = store.read()
    assert document.serial == 2
    assert document.state.azure_resources.virtual_machines["k0s-worker-1"].status == "running"
    assert document.state.events[-1].action == "vm_created"
    assert (
        document.state.events[-1].timestamp == document.state.metadata.last_updated == "2025-02-03T04:05:06Z"
    )


def test_a_transaction_that_changes_nothing_writes_nothing(store: FileStore) -> None:
    before = store.path.read_bytes()
    with store.transaction() as tx:
        tx.by_path.delete("no.such.thing")
    assert store.path.read_bytes() == before


def test_an_exception_writes_nothing(store: FileStore) -> None:
    before = store.path.read_bytes()
    with pytest.raises(RuntimeError), store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
        raise RuntimeError
    assert store.path.read_bytes() == before


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("metadata.deployment_status", "sleeping"),
        ("metadata.created_at", "yesterday"),
        ("wireguard", {"port": "x", "network": "172.24.24.0/24"}),
        (
            "wireguard",
            {"port": 1, "network": "172.24.24.0/24", "peers": {"a": {"ip": "1.2.3.4", "public_key": "k"}}},
        ),
    ],
)
def test_an_invalid_candidate_is_never_committed(store: FileStore, where: str, value: object) -> None:
    before = store.path.read_bytes()
    with pytest.raises(StateInvalidError) as raised, store.transaction() as tx:
        tx.by_path.set(where, value)
    assert where.partition(".")[0] in raised.value.message
    assert store.path.read_bytes() == before


def test_the_configuration_is_immutable(store: FileStore) -> None:
    with pytest.raises(StateInvalidError, match="cannot be changed"), store.transaction() as tx:
        tx.by_path.set("configuration.azure.location", "eastus")
    assert store.read().get("configuration.azure.location") == "westus2"


def test_unknown_keys_survive(example: FileStore, path: Path) -> None:
    path.write_text(path.read_text() + "\nfuture:\n  key: [1, yes, 0o14]\n")
    with example.transaction() as tx:
        tx.by_path.set(("azure_resources", "virtual_machines", "k0s-controller", "x-team"), "blue")
    document = example.read()
    assert document.get("future.key") == [1, "yes", "0o14"]
    assert document.get("azure_resources.virtual_machines.k0s-controller.x-team") == "blue"


def test_the_example_is_read_changed_and_otherwise_equal(example: FileStore) -> None:
    before = parse(EXAMPLE.read_bytes(), source="example")
    with example.transaction() as tx:
        tx.by_path.set("k0rdent.status", "ready")
    after = example.read().data
    assert after["k0rdent"] == {**before["k0rdent"], "status": "ready"}  # type: ignore[dict-item]
    for section in ("configuration", "azure_resources", "wireguard", "k0s_cluster", "events"):
        assert after[section] == before[section]


def test_permissions_and_backup(store: FileStore) -> None:
    first = store.path.read_bytes()
    with store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "in_progress")
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert Path(store.storage.backup).read_bytes() == first
    assert stat.S_IMODE(Path(store.storage.backup).stat().st_mode) == 0o600
    assert not [left for left in store.path.parent.iterdir() if left.name.startswith(".state-")]


def test_a_symlinked_state_file_stays_a_symlink(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "state.yaml"
    real.parent.mkdir()
    link = tmp_path / "deployment-state.yaml"
    store = FileStore(real, clock=StillClock())
    store.create(small())
    link.symlink_to(real)
    with FileStore(link, clock=StillClock()).transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    assert link.is_symlink()
    assert store.read().state.metadata.deployment_status == "failed"


def test_a_damaged_file_is_refused_and_the_good_copy_named(store: FileStore) -> None:
    with store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "in_progress")
    damaged = store.path.read_bytes()[:-40]
    store.path.write_bytes(damaged + b"\n  :::[")
    with pytest.raises(StateInvalidError) as raised:
        store.read()
    assert store.storage.backup in (raised.value.hint or "")
    with pytest.raises(StateInvalidError), store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    assert store.path.read_bytes().startswith(damaged)


def test_no_file_is_told_apart(path: Path) -> None:
    with pytest.raises(StateNotFoundError):
        FileStore(path, clock=StillClock()).read()


def test_another_lineage_is_refused(store: FileStore, tmp_path: Path) -> None:
    store.read()
    other = FileStore(tmp_path / "other.yaml", clock=StillClock())
    other.create(small())
    store.path.write_bytes(other.path.read_bytes())
    with pytest.raises(StateConflictError), store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")


def test_schema_versions(store: FileStore) -> None:
    text = store.path.read_text()
    store.path.write_text(text.replace('schema_version: "1.0"', 'schema_version: "1.7"'))
    with store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    store.path.write_text(text.replace('schema_version: "1.0"', 'schema_version: "2.0"'))
    assert store.read().state.metadata.schema_version == "2.0"
    with pytest.raises(StateReadOnlyError), store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    store.path.write_text(text.replace('schema_version: "1.0"', 'schema_version: "0.9"'))
    with pytest.raises(StateInvalidError, match="older"):
        store.read()


def test_pending_operations(store: FileStore) -> None:
    with store.transaction() as tx:
        tx.begin_operation(
            "arm-deployment", kind="arm_deployment", target="/subscriptions/x", phase="azure_setup"
        )
    assert store.read().state.pending_operations["arm-deployment"].kind == "arm_deployment"
    with store.transaction() as tx:
        tx.end_operation("arm-deployment")
    assert store.read().state.pending_operations == {}


def test_old_events_are_sealed_and_read_as_one(store: FileStore) -> None:
    for start in range(0, INLINE_LIMIT + 50, 50):
        with store.transaction() as tx:
            for number in range(start, start + 50):
                tx.event("preparation", "counted", str(number))
    document = store.read()
    assert len(document.state.events) <= INLINE_LIMIT
    assert len(document.state.events) >= KEEP_INLINE
    assert [event.message for event in history(document, store.storage)] == [
        str(n) for n in range(INLINE_LIMIT + 50)
    ]
    segment = next(store.path.with_suffix(".events").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'"7"', b'"8"'))
    with pytest.raises(StateInvalidError, match="not what was sealed"):
        list(history(document, store.storage))


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "link", "close"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_failing_file_call_leaves_the_old_document(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    before = store.path.read_bytes()
    real: Callable[..., object] = getattr(os, call)

    def fail(*arguments: int, **options: object) -> object:
        if call == "close" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode):
            # Of a folder that was opened to find a name in it: its close says nothing about the document.
            return real(*arguments, **options)
        monkeypatch.undo()
        if call == "close":
            real(*arguments, **options)
        raise OSError(code, os.strerror(code))

    with pytest.raises(StateError) as raised, store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
        monkeypatch.setattr(os, call, fail)
    assert os.strerror(code) in raised.value.message
    assert store.path.read_bytes() == before
    with store.transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    assert store.read().serial == 2


def _count(path: Path, times: int) -> None:
    store = FileStore(path, clock=SystemClock())
    for _ in range(times):
        with store.transaction() as tx:
            calls = tx.state.api_calls.total
            tx.by_path.set("api_calls.total", calls + 1)


def test_no_update_is_lost_between_processes(store: FileStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_count, args=(store.path, 25)) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        # A reader never waits and never sees half a document.
        assert store.read().serial >= 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert store.read().state.api_calls.total == 100
    assert store.read().serial == 101


KEYS = st.sampled_from(["a", "b", "c.d", "c.e", "f.g.h"])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 9) | st.text("xyz", max_size=3)), max_size=6)


def _apply(model: dict[str, object], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        model = model.setdefault(parent, {})  # type: ignore[assignment]
    model[last] = value


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(CHANGES, max_size=5))
def test_transactions_against_a_plain_model(tmp_path: Path, batches: list[list[tuple[str, object]]]) -> None:
    path = tmp_path / "deployment-state.yaml"
    path.unlink(missing_ok=True)
    store = FileStore(path, clock=StillClock())
    store.create(small())
    model: dict[str, object] = {}
    serial = 1
    for batch in batches:
        with store.transaction() as tx:
            for key, value in batch:
                tx.by_path.set(f"extra.{key}", value)
                _apply(model, key, value)
        serial += bool(batch)
        document = store.read()
        assert document.serial == serial
        assert document.data.get("extra", {}) == model


def test_archive_moves_everything(store: FileStore, tmp_path: Path) -> None:
    for start in range(0, INLINE_LIMIT + 100, 100):
        with store.transaction() as tx:
            for number in range(start, start + 100):
                tx.event("preparation", "counted", str(number))
    target = store.archive(tmp_path / "archive" / "k0rdent-test0001")
    assert not store.exists()
    moved = FileStore(target / store.path.name, clock=StillClock())
    assert len(list(history(moved.read(), moved.storage))) == INLINE_LIMIT + 100
    assert (target / Path(store.storage.backup).name).exists()


def test_a_lost_segment_is_told(store: FileStore) -> None:
    with store.transaction() as tx:
        for number in range(INLINE_LIMIT + 1):
            tx.event("preparation", "counted", str(number))
    next(store.path.with_suffix(".events").iterdir()).unlink()
    with pytest.raises(StateInvalidError, match="cannot read"):
        list(history(store.read(), store.storage))


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("metadata.deployment_idd", "there is no deployment_idd in metadata", "did you mean deployment_id?"),
        ("nothing.at.all", "there is no nothing in the document", "known here: metadata"),
        ("events.7", "there is no item 7 in events", "it has 4 items"),
        ("events.x", "there is no item x in events", "it has 4 items"),
        ("metadata.deployment_id.x", "metadata.deployment_id holds a value", None),
    ],
)
def test_a_path_that_leads_nowhere(example: FileStore, where: str, message: str, hint: str | None) -> None:
    with pytest.raises(StateError) as raised:
        example.read().get(where)
    assert raised.value.message.startswith(message)
    assert hint is None or hint in (raised.value.hint or "")


@pytest.mark.parametrize("where", ["metadata.deployment_id.x", "events.x", "events"])
def test_a_change_must_have_a_place(example: FileStore, where: str) -> None:
    before = example.path.read_bytes()
    with pytest.raises(StateError), example.transaction() as tx:
        tx.by_path.merge(where, {"a": 1})
    assert example.path.read_bytes() == before


def test_paths_reach_into_lists_and_odd_keys(example: FileStore) -> None:
    with example.transaction() as tx:
        tx.by_path.set("events.0.message", "edited")
        tx.by_path.set(("azure_resources", "tags", "with.dot"), "x")
    document = example.read()
    assert document.get("events.0.message") == "edited"
    assert document.get(("azure_resources", "tags", "with.dot")) == "x"


def test_the_newest_version_is_read_even_when_another_writer_wrote_it(store: FileStore) -> None:
    store.read()
    with FileStore(store.path, clock=StillClock()).transaction() as tx:
        tx.by_path.set("metadata.deployment_status", "failed")
    assert store.read().state.metadata.deployment_status == "failed"


def test_a_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateInvalidError, match="not a regular file"):
        FileStore(path, clock=StillClock()).read()


def test_a_file_without_lineage_gets_one(example: FileStore) -> None:
    assert example.read().lineage is None
    with example.transaction() as tx:
        tx.by_path.set("k0rdent.status", "ready")
    lineage = example.read().lineage
    assert lineage
    with example.transaction() as tx:
        tx.by_path.set("k0rdent.status", "failed")
    assert example.read().lineage == lineage
