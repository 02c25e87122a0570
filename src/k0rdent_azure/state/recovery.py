"""Recovery on disk: good copies of a state that is damaged or gone, and putting one in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from k0rdent_azure.clock import Clock, SystemClock, parse_timestamp
from k0rdent_azure.errors import StateConflictError, StateError, StateInvalidError, StateNotFoundError
from k0rdent_azure.state import snapshots
from k0rdent_azure.state.document import Document, read_document
from k0rdent_azure.state.migrations import is_newer_major
from k0rdent_azure.state.salvage import is_surely_another
from k0rdent_azure.state.snapshot_file import told_by_name

if TYPE_CHECKING:
    from k0rdent_azure.state.compare import Change
    from k0rdent_azure.state.salvage import Salvage
    from k0rdent_azure.state.storage import Storage


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """An older version beside the state. `age_seconds` is the time since it was written; a `fault` makes it useless.

    `submitted` says whether anything had been handed to Azure when it was written: if not, it knows nothing of what is
    there now.
    """

    kind: Literal["backup", "snapshot"]
    name: str
    serial: int | None = None
    lineage: str | None = None
    age_seconds: float | None = None
    fault: str | None = None
    submitted: bool = True

    @property
    def command(self) -> str:
        """What restores it, without the program's name."""
        return "recover --from-backup" if self.kind == "backup" else f"recover --from-snapshot {self.name}"

    @property
    def hint(self) -> str:
        """What to tell somebody whose state is damaged."""
        what = self.name if self.kind == "backup" else f"the snapshot {self.name}"
        if not self.submitted:
            return (
                f"the newest good copy, {what} ({_age(self.age_seconds)}serial {self.serial}), was written before "
                f"anything was handed to Azure; if something was since: k0rdent-azure recover --from-azure; "
                f"if nothing was: k0rdent-azure {self.command}"
            )
        return (
            f"the newest good copy is {what} ({_age(self.age_seconds)}serial {self.serial}): "
            f"k0rdent-azure {self.command}"
        )


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `older` has the damaged file's value as `old` and the one in force now as `new`.

    `damaged` is where the damaged file is kept (None: there was no file), `unread` its sections that cannot be read.
    Of the events that were newer than the copy, so many were `taken` over; `unproven` of them do not follow from the
    event before, and `events_unread` more could not be read.
    """

    copy: Copy
    serial: int
    damaged: str | None
    unread: list[str]
    older: list[Change]
    taken: int
    unproven: int
    events_unread: int


def newest_good_copy(storage: Storage, *, clock: Clock | None = None) -> Copy | None:
    """The copy to restore where the state cannot be read: the one with the highest serial, the backup before others.

    Copies of another deployment than that of the damaged text are left out, as far as it still says which that is.
    """
    damaged = _text(storage)
    backup = _backup(storage, damaged)
    good = None if backup is None or backup.fault else backup
    for name in reversed(snapshots.names(storage)):
        serial = (told_by_name(name) or (None,))[0]
        if good is not None and serial is not None and serial <= (good.serial or 0):
            break
        copy = _snapshot(storage, name, damaged, clock or SystemClock())
        if copy.fault is None and (good is None or (copy.serial or 0) > (good.serial or 0)):
            return copy
    return good


def copies(storage: Storage, *, clock: Clock) -> list[Copy]:
    """Every copy, useless ones too, the newest first."""
    damaged = _text(storage)
    backup = _backup(storage, damaged)
    found = [_snapshot(storage, name, damaged, clock) for name in reversed(snapshots.names(storage))]
    return sorted([*([backup] if backup else []), *found], key=lambda copy: -(copy.serial or 0))


def backup_copy(storage: Storage) -> Copy:
    """The version before the newest commit. Raises StateError where there is none that can be used."""
    copy = _backup(storage, _text(storage))
    if copy is None:
        raise StateError(
            f"there is no backup of {storage.where}", hint="see which copies there are: k0rdent-azure recover"
        )
    return _refuse_useless(copy)


def snapshot_copy(storage: Storage, name: str, *, clock: Clock) -> Copy:
    """The snapshot that `name` names as `snapshots.find` takes it. Raises StateError where it cannot be used."""
    return _refuse_useless(_snapshot(storage, snapshots.find(storage, name), _text(storage), clock))


def damaged_text(storage: Storage, *, take_over: bool = False) -> bytes | None:
    """The text of a state that cannot be used; None where there is none. Raises StateError for a healthy one.

    With `take_over` a healthy one is replaced as well: Azure knows of changes that it does not. Raises StateError, too,
    where not even the bytes can be read: what cannot be kept is not replaced.
    """
    try:
        text = storage.read()
    except StateNotFoundError:
        return None
    except StateInvalidError as error:
        error.hint = "it is not replaced, because it cannot be kept: move it away, then run the command again"
        raise
    if take_over:
        return text
    try:
        read_document(text, source=storage.where)
    except StateInvalidError:
        return text
    raise StateError(
        f"{storage.where} is healthy; it is not replaced",
        hint="to go back to an earlier version: k0rdent-azure rollback SNAPSHOT; if another copy of it has changed the "
        "deployment since: k0rdent-azure recover --from-azure --take-over",
    )


def recover(storage: Storage, copy: Copy, *, clock: Clock) -> Recovery:
    """Put `copy` in the place of a state that is damaged or gone, as a new version with an event.

    The damaged file is kept beside it first, and what can be read of its newer events is taken over. The caller
    holds the run lock. Raises StateError, before anything is changed, where the state is healthy.
    """
    from k0rdent_azure.state.replacement import Replacement
    from k0rdent_azure.state.salvage import Salvage, salvage

    with storage.writing():
        text = damaged_text(storage)
        document = document_of(storage, copy)
        legible = Salvage() if text is None else salvage(text)
        damaged = None if text is None else storage.set_aside(text, f".damaged-{stamp(clock)}")
        new = Replacement(storage, document, legible, clock=clock)
        serial = new.number(highest_serial(storage, document.serial))
        new.tell(f"the {copy.kind} of serial {copy.serial}", damaged)
        storage.replace(new.content(), keep=False)
    return Recovery(
        copy=copy,
        serial=serial,
        damaged=damaged,
        unread=legible.unread,
        older=_older(document, legible),
        taken=len(new.taken),
        unproven=new.unproven,
        events_unread=legible.events_unread,
    )


def _older(document: Document, legible: Salvage) -> list[Change]:
    from k0rdent_azure.state.compare import compare

    restored = {key: value for key, value in document.data.items() if key in legible.sections}
    return [
        change
        for change in compare(legible.sections, restored)
        # What the torn end of a text lacks says nothing.
        if not (change.kind == "added" and change.keys[0] == legible.last)
    ]


def highest_serial(storage: Storage, serial: int) -> int:
    """The highest serial that any copy tells: no version may get a number that another one had."""
    told = [found[0] for name in snapshots.names(storage) if (found := told_by_name(name))]
    backup = _backup(storage, b"")
    return max([serial, *told, (backup.serial or 0) if backup else 0])


def _backup(storage: Storage, damaged: bytes) -> Copy | None:
    name, age = f"{storage.where}.backup", None
    try:
        previous = storage.read_previous()
        if previous is None:
            return None
        text, age = previous
        return _copy("backup", name, read_document(text, source=name), age, damaged)
    except StateError as error:
        return Copy(kind="backup", name=name, age_seconds=age, fault=error.message)


def _snapshot(storage: Storage, name: str, damaged: bytes, clock: Clock) -> Copy:
    serial, taken_at = told_by_name(name) or (None, None)
    age = None if taken_at is None else max(0.0, (clock.now() - parse_timestamp(taken_at)).total_seconds())
    try:
        return _copy("snapshot", name, snapshots.load(storage, name), age, damaged)
    except StateError as error:
        return Copy(kind="snapshot", name=name, serial=serial, age_seconds=age, fault=error.message)


def _copy(
    kind: Literal["backup", "snapshot"], name: str, document: Document, age: float | None, damaged: bytes
) -> Copy:
    fault, whose = None, document.state.metadata.deployment_id
    if is_newer_major(document.head):
        fault = "its schema is newer than this program"
    elif is_surely_another(damaged, lineage=document.lineage, deployment_id=whose):
        fault = f"it is another deployment's: {whose}, lineage {document.lineage}"
    azure = document.state.azure_resources
    return Copy(
        kind=kind,
        name=name,
        serial=document.serial,
        lineage=document.lineage,
        age_seconds=age,
        fault=fault,
        submitted=azure.deployment is not None or "arm-deployment" in document.state.pending_operations,
    )


def document_of(storage: Storage, copy: Copy) -> Document:
    """The copy's document, read again. Raises StateConflictError if it is not that one any more."""
    if copy.kind == "snapshot":
        document = snapshots.load(storage, copy.name)
    else:
        previous = storage.read_previous()
        if previous is None:
            raise StateConflictError(f"{copy.name} is gone", hint="run the command again")
        document = read_document(previous[0], source=copy.name)
    if document.serial != copy.serial:
        raise StateConflictError(f"{copy.name} was changed meanwhile", hint="run the command again")
    return document


def _refuse_useless(copy: Copy) -> Copy:
    if copy.fault is not None:
        raise StateError(
            f"{copy.name} cannot be used: {copy.fault}",
            hint="see which copies there are: k0rdent-azure recover",
        )
    return copy


def _text(storage: Storage) -> bytes:
    """What there is, damaged or not; nothing where it cannot be read."""
    try:
        return storage.read()
    except StateError:
        return b""


def stamp(clock: Clock) -> str:
    """The ending of a file that is set aside now."""
    return clock.now().strftime("%Y%m%dT%H%M%SZ")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit, limit in ((60, "min", 120), (3600, "h", 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f} {unit} old, "
    return f"{seconds / 86400:.0f} days old, "
