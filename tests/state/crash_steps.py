"""The commands that write, as steps on a `CrashDisk`, and the disks on which they begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from k0rdent_azure.state import snapshots
from k0rdent_azure.state.rollback import plan, roll_back
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import NOW, StillClock, small
from tests.state.crash_disk import CrashDisk

PATH = Path("/crash/deployment-state.yaml")
PHASE = "preparation"


class Step(NamedTuple):
    """One command: what it does, and what is to be seen of it afterwards.

    `run` returns the name of a snapshot that is there from then on, or nothing. `events` are the messages of the
    events that it adds, but for `own_events` more whose words are its own; None: whatever it adds. `commits` are by how
    many the serial may grow. `keeps` says that the version before is kept, `forgets` that no older one is, `refused`
    that it raises StateInvalidError, `repeats` that it can be run again. `holds` judges each disk once it is done.
    """

    name: str
    run: Callable[[FileStore], str | None]
    events: tuple[str, ...] | None = ()
    own_events: int = 0
    commits: Sequence[int] = (1,)
    keeps: bool = True
    forgets: bool = False
    refused: bool = False
    repeats: bool = True
    holds: Callable[[CrashDisk], None] | None = None


def create() -> Step:
    def run(store: FileStore) -> None:
        store.create(small())

    return Step("create", run, keeps=False, repeats=False)


def change(value: int) -> Step:
    """A plain transaction."""

    def run(store: FileStore) -> None:
        with store.transaction() as tx:
            tx.by_path.set("extra.value", value)

    return Step(f"set {value}", run)


def events(word: str, count: int) -> Step:
    """A transaction with events."""
    messages = tuple(f"{word} {number}" for number in range(count))

    def run(store: FileStore) -> None:
        with store.transaction() as tx:
            tx.by_path.set("extra.word", word)
            for message in messages:
                tx.event(PHASE, "counted", message)

    return Step(f"{count} events", run, messages)


def refused() -> Step:
    """A change that is not valid; the candidate is kept for a look."""

    def run(store: FileStore) -> None:
        with store.transaction() as tx:
            tx.by_path.set("metadata.deployment_status", "sleeping")

    return Step("refused", run, commits=(0,), refused=True)


def take(reason: str, *, keep: int | None = None) -> Step:
    """A snapshot; with `keep` an automatic one, after which older ones go."""

    def run(store: FileStore) -> str:
        with store.storage.writing():
            taken = snapshots.take(store.storage, store.read(), reason=reason, clock=StillClock(), keep=keep)
        return taken.name

    return Step(f"snapshot {reason}", run, commits=(0,))


def prune(keep: int) -> Step:
    def run(store: FileStore) -> None:
        with store.storage.writing():
            snapshots.prune(store.storage, now=NOW, keep=keep)

    return Step(f"prune to {keep}", run, commits=(0,))


def rollback(name: str) -> Step:
    def run(store: FileStore) -> str:
        current = store.read()
        found = snapshots.find(store.storage, name)
        to = plan(current, snapshots.load(store.storage, found))
        with store.transaction(based_on=current) as tx:
            kept = snapshots.take(store.storage, tx.document, reason="before rollback", clock=StillClock())
            roll_back(tx, to, snapshot=found, kept_as=kept.name)
        return kept.name

    return Step(f"rollback to {name}", run, own_events=1)
