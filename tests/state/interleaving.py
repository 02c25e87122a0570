"""Two programs on one disk, in step: at each file call of the one, the other does all that it can."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from k0rdent_azure.errors import LockedError, StateConflictError, StateError
from k0rdent_azure.state.files import Files
from k0rdent_azure.state.lock import LockStatus, RunLock
from tests.state import crash_starts as starts
from tests.state import crash_steps as steps
from tests.state.crash_disk import CrashDisk, WouldWaitError
from tests.state.crash_steps import PATH, Step
from tests.state.crash_versions import Version, ViolationError, look, store_on, violated
from tests.state.files_around import FilesAround

LOCK = PATH.with_name("run.lock")
#: The run lock of a run on another machine.
ELSEWHERE = (
    b'{"id":"abc","command":"deploy","host":"elsewhere","pid":1,"user":"ann","since":"2025-01-07T15:30:00Z"}'
)


class Meddled(FilesAround):
    """Before the call number `at` (from 0; once armed), `meddle` has its turn."""

    def __init__(self, inner: Files, at: int, meddle: Callable[[], None]) -> None:
        super().__init__(inner)
        self._left, self._meddle = at, meddle
        self.is_armed = self.has_meddled = False

    def before(self, call: str, path: str) -> None:
        if not self.is_armed:
            return
        self._left -= 1
        if self._left == -1:
            self.has_meddled = True
            self._meddle()


def check_writers(disk: CrashDisk, step: Step, other: Step) -> int:
    """No change of either is lost; returns at how many calls the other one had its turn."""
    for at in range(1000):
        trial = disk.fork()
        before = look(trial)
        done: list[Step] = []

        def meddle(trial: CrashDisk = trial, done: list[Step] = done) -> None:
            # Whoever would have to wait for the lock comes later; that loses nothing.
            with suppress(WouldWaitError):
                other.run(store_on(trial))
                done.append(other)

        files = Meddled(trial, at, meddle)
        store = store_on(files)
        store.read()
        files.is_armed = True
        try:
            step.run(store)
        except StateError as error:
            violated("lost update", f"{error} while another writer had its turn at call {at}")
        if not files.has_meddled:
            return at
        _judge_both(before, look(trial), [step, *done], at)
    raise AssertionError("a command does not end")


def _judge_both(before: Version, after: Version, done: list[Step], at: int) -> None:
    expected = [message for step in done for message in step.events or ()]
    if sorted(after.events[len(before.events) :]) != sorted(expected):
        violated("lost update", f"events of one are missing where the other had its turn at call {at}")
    if after.serial != before.serial + len(done):
        violated("lost update", f"{len(done)} commits, but serial {after.serial} after {before.serial}")


def check_readers(disk: CrashDisk, step: Step) -> int:
    """At each call a reader sees the old or the new document, and waits for nobody."""
    for at in range(1000):
        trial = disk.fork()
        seen: list[Version] = []

        def read(trial: CrashDisk = trial, seen: list[Version] = seen) -> None:
            try:
                seen.append(look(trial))
            except ViolationError as error:
                violated("torn read", str(error), because=error)
            except WouldWaitError as error:
                violated("torn read", "a reader waits", because=error)

        files = Meddled(trial, at, read)
        before = look(trial)
        files.is_armed = True
        step.run(store_on(files))
        if not files.has_meddled:
            return at
        if seen[0].text not in (before.text, look(trial).text):
            violated("torn read", f"at call {at}: {seen[0].fault or 'neither the old nor the new one'}")
    raise AssertionError("a command does not end")


def check_conflicts(disk: CrashDisk) -> None:
    """Who decided by an old version, or by another deployment's, is refused and told what changed."""
    mine = store_on(disk)
    read = mine.read()
    steps.change(2).run(store_on(disk))
    told = _refusal(lambda: mine.transaction(based_on=read).__enter__())
    for word in ("extra.value", "serial 2 is 3 now"):
        if word not in told:
            violated("conflict", f"{word!r} is not in {told!r}")
    other = starts.begun(steps.change(1))
    disk.put(str(PATH), other.get(str(PATH)).content)
    told = _refusal(lambda: mine.transaction().__enter__())
    if "lineage" not in told:
        violated("conflict", f"the lineage is not in {told!r}")


def _refusal(act: Callable[[], object]) -> str:
    try:
        act()
    except StateConflictError as error:
        return f"{error}; {error.hint}"
    return violated("conflict", "nothing was refused")


def check_run_lock() -> None:
    """One run at a time; only a dead one's record can be removed, and only by its id."""
    disk = starts.empty()
    run = RunLock(LOCK, files=disk).acquire("deploy")
    _must_refuse(disk, "two runs", lambda lock: lock.acquire("resume"))
    live = _status(disk, "live")
    identity = live.holder.id if live.holder else "?"
    _must_refuse(disk, "unlock", lambda lock: lock.unlock(identity))
    dead = disk.fork()
    _status(dead, "stale")
    with suppress(StateError):
        RunLock(LOCK, files=dead).unlock("another")
        violated("unlock", "any id will do")
    RunLock(LOCK, files=dead.fork()).acquire("resume")
    RunLock(LOCK, files=dead).unlock(identity)
    _status(dead, "free")
    run.release()
    _status(disk, "free")
    disk.put(str(LOCK), ELSEWHERE)
    _status(disk, "elsewhere")
    _must_refuse(disk, "two runs", lambda lock: lock.acquire("resume"))
    RunLock(LOCK, files=disk).unlock("abc")
    RunLock(LOCK, files=disk).acquire("resume")


def _must_refuse(disk: CrashDisk, check: str, act: Callable[[RunLock], object]) -> None:
    try:
        act(RunLock(LOCK, files=disk))
    except LockedError:
        return
    violated(check, "a live run was not respected")


def _status(disk: CrashDisk, expected: str) -> LockStatus:
    status = RunLock(LOCK, files=disk).status()
    if status.condition != expected:
        violated("status", f"{status.condition}, expected {expected}")
    return status
