"""What a `CrashDisk` holds, every part of it read and verified, and the promises that it is judged by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from k0rdent_azure.errors import StateError, StateNotFoundError
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.events import history
from k0rdent_azure.state.files import Files
from k0rdent_azure.state.snapshots import list_snapshots
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import StillClock
from tests.state.crash_disk import PRIVATE, CrashDisk
from tests.state.crash_steps import PATH, Step

_SEGMENT = re.compile(r".*\.events/\d+-([0-9a-f]{12})\.jsonl\Z")
_TEMPORARY = re.compile(r".*/\.(?:[^/]*\.)?(?:new|keep)\Z")


class ViolationError(AssertionError):
    """What must never be. `check` is which of the promises was broken."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


def violated(check: str, message: str, *, because: BaseException | None = None) -> NoReturn:
    raise ViolationError(check, message) from because


class Version(NamedTuple):
    """What a disk holds. `text` None: no document; with a `fault` it cannot be used, and nothing is known of it.

    `events` are their messages, oldest first, `previous` is the version before, `snapshots` their names.
    """

    text: bytes | None
    serial: int
    events: tuple[str, ...]
    previous: bytes | None
    snapshots: frozenset[str]
    fault: str | None = None


class Moment(NamedTuple):
    """A disk at one instant, and what it may come up with after a crash.

    `allowed` are the versions, the one that was acknowledged last before the others; `sure` are the snapshots that
    must be there, `known` all that may be (one that a killed writer pruned may come back). `step` is what runs
    then (`is_after`: it returned before); `when` is for messages.
    """

    disk: CrashDisk
    allowed: tuple[Version, ...]
    sure: frozenset[str]
    known: frozenset[str]
    step: Step
    when: str
    is_after: bool = False


def store_on(files: Files, *, at: Path = PATH) -> FileStore:
    return FileStore(at, clock=StillClock(), files=files)


def look(disk: CrashDisk, *, at: Path = PATH) -> Version:
    """Read everything. Raises ViolationError where something cannot be read or is not what was once written."""
    store = store_on(disk, at=at)
    snapshots = _snapshots(store)
    previous = store.storage.read_previous()
    kept = previous[0] if previous else None
    try:
        document = store.read()
    except StateNotFoundError:
        return Version(None, 0, (), kept, snapshots)
    except StateError as error:
        return Version(store.storage.read(), 0, (), kept, snapshots, fault=f"{error}; {error.hint}")
    try:
        events = tuple(str(event.message) for event in history(document, store.storage))
    except StateError as error:
        violated("history", f"it cannot be read: {error}", because=error)
    faults = [fault for fault in verify_history(document, store.storage)[0] if fault.severity == "error"]
    if faults:
        violated("chain", "; ".join(map(str, faults)))
    return Version(document.text, document.serial, events, kept, snapshots)


def _snapshots(store: FileStore) -> frozenset[str]:
    found = list_snapshots(store.storage)
    for each in found:
        if each.fault:
            violated("parts", f"the snapshot {each.name}: {each.fault}")
    return frozenset(each.name for each in found)


def judge_step(before: Version, after: Version, step: Step) -> None:
    """Whether a step that returned did what it should, reckoned without the engine."""
    if after.fault is not None:
        violated("document", after.fault)
    old, added = after.events[: len(before.events)], after.events[len(before.events) :]
    known = None if step.events is None else before.events + step.events
    if old != before.events or (known is not None and after.events[: len(known)] != known):
        violated("acknowledged", f"{len(before.events)} events, and then {len(after.events)}: {added[:5]}")
    if known is not None and len(after.events) > len(known) + step.own_events:
        violated("acknowledged", f"{len(after.events)} events, expected {len(known) + step.own_events}")
    if after.serial - before.serial not in step.commits:
        violated("serial", f"{before.serial}, and then {after.serial}")
    previous = before.text if after.serial > before.serial and step.keeps else before.previous
    if after.previous != (after.text if step.forgets else previous):
        violated("previous", "the version that is kept is not the one before")


def judge_image(disk: CrashDisk, moment: Moment) -> Version:
    """Whether what a crash left is what it may be; returns it."""
    found = look(disk)
    _judge_document(found, moment.allowed)
    if not moment.sure <= found.snapshots <= moment.known:
        violated("parts", f"snapshots {sorted(found.snapshots)}, expected {sorted(moment.sure)} and more")
    _judge_files(disk, moment.allowed[0])
    return found


def _judge_document(found: Version, allowed: Sequence[Version]) -> None:
    texts = {version.text for version in allowed}
    if found.text not in texts and found.fault:
        violated("document", found.fault)
    if found.text not in texts:
        what = "it is not there" if found.text is None else "it is another one"
        violated("document", f"{what}: serial {found.serial}, expected {[each.serial for each in allowed]}")
    acknowledged = allowed[0].events
    if found.events[: len(acknowledged)] != acknowledged:
        violated("acknowledged", f"{len(found.events)} events, expected {len(acknowledged)} and more")
    if all(found.events != version.events for version in allowed if version.text == found.text):
        violated("history", f"{len(found.events)} events, which are not those of serial {found.serial}")
    if found.previous not in {version.previous for version in allowed} | (texts - {None}):
        violated("previous", "the version before is missing or broken")


def _judge_files(disk: CrashDisk, acknowledged: Version) -> None:
    for path in disk.paths():
        file = disk.get(path)
        # A person's file has the mode that the person gave it until our first commit.
        if file.mode & ~PRIVATE and file.content != acknowledged.text:
            violated("private", f"{path} has mode {file.mode:04o}")
        sealed = _SEGMENT.match(path)
        if path.endswith(".rejected") and b"\nextra:\n" not in file.content:
            violated("parts", f"{path} is not all of the version that was refused")
        if sealed and not hashlib.sha256(file.content).hexdigest().startswith(sealed[1]):
            violated("parts", f"{path} is not what was sealed")


def leftovers(disk: CrashDisk) -> list[str]:
    """Temporary files of dead writers."""
    return [path for path in disk.paths() if _TEMPORARY.match(path)]
