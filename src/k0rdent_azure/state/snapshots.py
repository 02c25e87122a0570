"""Snapshots: whole earlier versions of the document, kept beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import parse_timestamp, timestamp
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.nearest import nearest
from k0rdent_azure.state.document import Document, read_document
from k0rdent_azure.state.snapshot_file import Header, digest, name_for, pack, told_by_name, unpack

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from k0rdent_azure.clock import Clock
    from k0rdent_azure.state.storage import Storage

FOLDER = "snapshots"
SUFFIX = ".yaml.gz"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of one. `size` is in bytes, compressed.

    With a `fault` it is of no use, and the rest is only what its name says.
    """

    name: str
    serial: int | None = None
    lineage: str | None = None
    taken_at: str | None = None
    reason: str = ""
    automatic: bool = False
    size: int = 0
    fault: str | None = None


def take(
    storage: Storage, document: Document, *, reason: str, clock: Clock, keep: int | None = None
) -> Snapshot:
    """Keep `document`, durably, before this returns. Only inside `storage.writing()`. Raises StateError.

    Without `keep` it stays until somebody prunes it. With it, the snapshot is an automatic one: it is not taken
    where the newest one holds the same version already, and at most `keep` automatic ones are left, beside those that
    something pending needs.
    """
    header = Header(
        serial=document.serial,
        lineage=document.lineage,
        taken_at=timestamp(clock.now()),
        reason=reason,
        sha256=digest(document.text),
        automatic=keep is not None,
    )
    if keep is None:
        return _write(storage, header, document.text)
    taken = _same_version(storage, header) or _write(storage, header, document.text)
    from k0rdent_azure.state.intents import needed_snapshots

    _retain(storage, keep, needed_snapshots(document.state))
    return taken


def list_snapshots(storage: Storage) -> list[Snapshot]:
    """All of them, the newest last; each is read and its checksum verified. Raises StateError."""
    return [_inspect(storage, name) for name in names(storage)]


def names(storage: Storage) -> list[str]:
    """Their names, the newest last: by serial, then by time."""
    found = [name[len(FOLDER) + 1 : -len(SUFFIX)] for name in storage.parts(FOLDER) if name.endswith(SUFFIX)]
    return sorted(found, key=lambda name: (told_by_name(name) or (-1, ""), name))


def load(storage: Storage, name: str) -> Document:
    """The document of the snapshot that `name` names as `find` takes it, verified and checked.

    Raises StateInvalidError where it is damaged.
    """
    found = find(storage, name)
    _, text = unpack(storage.read_part(_part(found)), found)
    return read_document(text, source=f"snapshot {found}")


def find(storage: Storage, wanted: str) -> str:
    """The whole name of the snapshot that is meant: by `latest`, a serial, the beginning of its name, or its file.

    Raises StateError where there is none such, or more than one.
    """
    there = names(storage)
    short = wanted.rpartition("/")[2].removesuffix(SUFFIX)
    if short in there:
        return short
    if short == "latest" and there:
        return there[-1]
    matches = [name for name in there if _is_meant(name, short)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise StateError(
            f"{wanted} names {len(matches)} snapshots", hint=f"say which: {', '.join(matches[-5:])}"
        )
    raise StateError(f"there is no snapshot {wanted[:80]!r}", hint=_near(short, there))


def prune(
    storage: Storage,
    *,
    now: datetime,
    keep: int | None = None,
    older_than: timedelta | None = None,
    dry_run: bool = False,
    needed: Collection[str] = (),
) -> list[Snapshot]:
    """Remove what lies beyond the newest `keep` and is older than `older_than` (both, where both are given).

    Those in `needed` stay in any case: something pending is about them.

    Returns what was removed, or would be. Only whole snapshots count towards `keep`. Only inside `storage.writing()`.
    """
    chosen = [each for each in _beyond(list_snapshots(storage), keep or 0) if each.name not in needed]
    if older_than is not None:
        chosen = [each for each in chosen if _is_older(each, now - older_than)]
    if not dry_run:
        _remove(storage, chosen)
    return chosen


def _part(name: str) -> str:
    return f"{FOLDER}/{name}{SUFFIX}"


def _is_meant(name: str, wanted: str) -> bool:
    told = told_by_name(name)
    if wanted.isascii() and wanted.isdecimal() and told is not None:
        return told[0] == int(wanted)
    return bool(wanted) and name.startswith(wanted)


def _near(wanted: str, there: Sequence[str]) -> str:
    if not there:
        return "there are none yet: k0rdent-azure snapshot create"
    near = [name for name in reversed(there) if wanted and wanted in name]
    closest = nearest(wanted, there, likeness=0.4)
    near = near or ([closest] if closest else [])
    meant = f"did you mean {' or '.join(near[:3])}? " if near else ""
    return f"{meant}see: k0rdent-azure snapshot list"


def _write(storage: Storage, header: Header, text: bytes) -> Snapshot:
    content = pack(header, text)
    name = name_for(header, names(storage))
    storage.write_part(_part(name), content)
    return _known(name, header, len(content))


def _same_version(storage: Storage, wanted: Header) -> Snapshot | None:
    """The newest snapshot, if it holds the version that `wanted` describes; durable when this returns."""
    for name in names(storage)[-1:]:
        try:
            content = storage.read_part(_part(name))
            header, _ = unpack(content, name)
        except StateInvalidError:
            return None
        if (header.serial, header.sha256) == (wanted.serial, wanted.sha256):
            # Whoever wrote it may have been killed before the disk had it for sure.
            storage.write_part(_part(name), content)
            return _known(name, header, len(content))
    return None


def _retain(storage: Storage, keep: int, needed: Collection[str]) -> None:
    automatic = [each for each in list_snapshots(storage) if each.automatic]
    try:
        _remove(storage, [each for each in _beyond(automatic, keep) if each.name not in needed])
    except StateError:
        # The run matters more than an old snapshot too many; the next one tries again.
        return


def _beyond(found: Sequence[Snapshot], keep: int) -> list[Snapshot]:
    """Those before the newest `keep` whole ones, oldest first."""
    for at in reversed(range(len(found))):
        if keep == 0:
            return list(found[: at + 1])
        keep -= found[at].fault is None
    return []


def _is_older(snapshot: Snapshot, moment: datetime) -> bool:
    return snapshot.taken_at is not None and parse_timestamp(snapshot.taken_at) < moment


def _remove(storage: Storage, chosen: Sequence[Snapshot]) -> None:
    for each in chosen:
        storage.remove_part(_part(each.name))


def _inspect(storage: Storage, name: str) -> Snapshot:
    size = 0
    try:
        content = storage.read_part(_part(name))
        size = len(content)
        return _known(name, unpack(content, name)[0], size)
    except StateInvalidError as error:
        serial, taken_at = told_by_name(name) or (None, None)
        return Snapshot(name=name, serial=serial, taken_at=taken_at, size=size, fault=error.message)


def _known(name: str, header: Header, size: int) -> Snapshot:
    return Snapshot(
        name=name,
        serial=header.serial,
        lineage=header.lineage,
        taken_at=header.taken_at,
        reason=header.reason,
        automatic=header.automatic,
        size=size,
    )
