"""Bugs that state engines are known for, each put into ours by the test run itself, and the check that must see it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest

from k0rdent_azure.state import events, store
from k0rdent_azure.state.document import Document, read_document
from k0rdent_azure.state.files import Files
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.storage import FileStorage
from k0rdent_azure.state.store import Store
from k0rdent_azure.state.transaction import Transaction
from tests.state.files_around import FilesAround

Plant = Callable[[pytest.MonkeyPatch], None]


class Bug(NamedTuple):
    """`check` is a name of `test_known_bugs.CHECKS`; `seen_as` is the promise that it must find broken."""

    plant: Plant
    check: str
    seen_as: str


def around(kind: Callable[[Files], Files], *, owner: type = FileStorage) -> Plant:
    """Something between the engine and the disk."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        first = vars(owner)["__init__"]

        def init(self: FileStorage, *args: object, **options: object) -> None:
            first(self, *args, **options)
            self._files = kind(self._files)

        patch.setattr(owner, "__init__", init)

    return plant


def instead(owner: object, name: str, other: object) -> Plant:
    """Something in the place of a function of the engine."""
    return lambda patch: patch.setattr(owner, name, other)


class NoFsync(FilesAround):
    """`of` says whose fsync is left out."""

    def of(self, path: str) -> bool:
        return True

    def fsync(self, descriptor: int) -> None:
        if not self.of(self.paths[descriptor]):
            self.inner.fsync(descriptor)


class NoFsyncOfFiles(NoFsync):
    def of(self, path: str) -> bool:
        return path.endswith(".new")


class NoFsyncOfFolders(NoFsync):
    def of(self, path: str) -> bool:
        return not path.endswith(".new")


class NoFsyncOfSegments(NoFsync):
    def of(self, path: str) -> bool:
        return ".events/" in path


class NoFsyncOfTheSegmentsFolder(NoFsync):
    def of(self, path: str) -> bool:
        return path.endswith(".events")


class RemoveThenRename(FilesAround):
    """As `mv` does where a rename does not replace."""

    def rename(self, source: str, target: str) -> None:
        with suppress(FileNotFoundError):
            self.inner.unlink(target)
        self.inner.rename(source, target)


class ReadableByOthers(FilesAround):
    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return super().open(path, flags, 0o644)


class SwallowedWriteError(FilesAround):
    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        try:
            return self.inner.write(descriptor, data)
        except OSError:
            return len(data)


class SwallowedFsyncError(FilesAround):
    def fsync(self, descriptor: int) -> None:
        with suppress(OSError):
            self.inner.fsync(descriptor)


class ShortWriteNotContinued(FilesAround):
    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self.inner.write(descriptor, data)
        return len(data)


class NoLock(FilesAround):
    def lock(self, descriptor: int, operation: int) -> None:
        return


class ReadersLock(FilesAround):
    """Whoever opens the document locks it."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        descriptor = super().open(path, flags, mode)
        if path.endswith(".yaml"):
            self.inner.lock(descriptor, fcntl.LOCK_EX)
        return descriptor


def in_place(self: FileStorage, path: str, content: bytes, *, keep: bool) -> None:
    if keep:
        replace_durably(self, f"{path}.backup", self._read(path), keep=False)
    descriptor = self._files.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for start in range(0, len(content), 256):
        self._files.write(descriptor, content[start : start + 256])
        self._files.fsync(descriptor)
    self._files.close(descriptor)
    self._confirm_folder(path.rpartition("/")[0], path)


replace_durably = FileStorage._replace


def rename_before_fsync(self: FileStorage, path: str, content: bytes, *, keep: bool) -> None:
    folder, _, name = path.rpartition("/")
    if keep:
        self._keep(path, f"{folder}/.{name}.keep")
    descriptor = self._files.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    self._files.write(descriptor, content)
    self._files.rename(f"{path}.new", path)
    self._files.fsync(descriptor)
    self._files.close(descriptor)
    self._confirm_folder(folder, path)


def keep_by_copy(self: FileStorage, path: str, link: str) -> None:
    descriptor = self._files.open(f"{path}.backup", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    self._files.write(descriptor, self._read(path))
    self._files.close(descriptor)


def keep_by_move(self: FileStorage, path: str, link: str) -> None:
    with suppress(FileNotFoundError):
        self._files.rename(path, f"{path}.backup")


@contextmanager
def released_early(self: FileStorage) -> Iterator[None]:
    descriptor = self._files.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
    self._files.lock(descriptor, fcntl.LOCK_EX)
    self._files.close(descriptor)
    yield


def segments_last(patch: pytest.MonkeyPatch) -> None:
    """The document first, then what it refers to."""
    later: list[tuple[str, bytes]] = []
    write, replace = FileStorage.write_part, FileStorage.replace

    def write_part(self: FileStorage, name: str, content: bytes) -> None:
        later.append((name, content))

    def replace_first(self: FileStorage, content: bytes, *, keep: bool) -> None:
        replace(self, content, keep=keep)
        while later:
            write(self, *later.pop())

    patch.setattr(FileStorage, "write_part", write_part)
    patch.setattr(FileStorage, "replace", replace_first)


def stale_cache(self: Store) -> Document:
    if self._kept is None:
        self._kept = read_document(self.storage.read(), source="")
    return self._kept


def drop_one(patch: pytest.MonkeyPatch) -> None:
    cut = events._cut
    patch.setattr(events, "_cut", lambda old, *rest: cut(old[1:], *rest))


def forget_the_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        events, "_last_link", lambda data, trail, record, known, there: (events.genesis(data), known)
    )


def forget_older_segments(patch: pytest.MonkeyPatch) -> None:
    cut = events._cut
    patch.setattr(events, "_cut", lambda old, sealed, *rest: cut(old, None, *rest))


def same_serial(self: Transaction, serial: int, lineage: str) -> None:
    stamp(self, max(1, serial - 1), lineage)


stamp = Transaction.stamp


def commit_at_exit(self: FileStorage, content: bytes, *, keep: bool) -> None:
    """A commit that says yes and is done with the next one."""
    waiting.append((content, keep))
    if len(waiting) > 1:
        replace(self, waiting[0][0], keep=waiting[0][1])
        waiting.clear()


replace = FileStorage.replace
waiting: list[tuple[bytes, bool]] = []


def lock_if_possible(self: RunLock, descriptor: int) -> None:
    with suppress(BlockingIOError):
        self._files.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


BUGS: dict[str, Bug] = {
    "no fsync of the file": Bug(around(NoFsyncOfFiles), "crash", "document"),
    "no fsync of the folder": Bug(around(NoFsyncOfFolders), "crash", "document"),
    "truncated and written in place": Bug(instead(FileStorage, "_replace", in_place), "crash", "document"),
    "written in place, seen by readers": Bug(
        instead(FileStorage, "_replace", in_place), "readers", "torn read"
    ),
    "renamed before the fsync": Bug(
        instead(FileStorage, "_replace", rename_before_fsync), "crash", "document"
    ),
    "removed, then renamed": Bug(around(RemoveThenRename), "crash", "previous"),
    "removed, then renamed, seen by readers": Bug(around(RemoveThenRename), "readers", "torn read"),
    "moved away as the backup first": Bug(instead(FileStorage, "_keep", keep_by_move), "crash", "document"),
    "no previous version": Bug(instead(FileStorage, "_keep", lambda *_: None), "crash", "previous"),
    "previous version copied without fsync": Bug(
        instead(FileStorage, "_keep", keep_by_copy), "crash", "previous"
    ),
    "temp file readable by others": Bug(around(ReadableByOthers), "crash", "private"),
    "dead writers' files left": Bug(
        instead(FileStorage, "_discard", lambda *_: None), "crash", "next command"
    ),
    "segment without fsync": Bug(around(NoFsyncOfSegments), "crash while sealing", "parts"),
    "segments' folder without fsync": Bug(
        around(NoFsyncOfTheSegmentsFolder), "crash while sealing", "history"
    ),
    "segment after the document": Bug(segments_last, "crash while sealing", "history"),
    "event dropped when sealed": Bug(drop_one, "crash while sealing", "document"),
    "older segments forgotten": Bug(forget_older_segments, "crash while sealing", "document"),
    "chain not continued": Bug(forget_the_chain, "crash while sealing", "chain"),
    "serial not raised": Bug(instead(Transaction, "stamp", same_serial), "crash", "serial"),
    "acknowledged before it is there": Bug(
        instead(FileStorage, "replace", commit_at_exit), "crash", "acknowledged"
    ),
    "lock released before the commit": Bug(
        instead(FileStorage, "writing", released_early), "writers", "lost update"
    ),
    "no lock": Bug(around(NoLock), "writers", "lost update"),
    "document not read again under the lock": Bug(
        instead(Store, "_load", stale_cache), "writers", "lost update"
    ),
    "readers wait": Bug(around(ReadersLock), "readers", "torn read"),
    "serial not compared": Bug(instead(store, "_refuse_changed", lambda *_: None), "conflicts", "conflict"),
    "lineage not compared": Bug(instead(Store, "_refuse_foreign", lambda *_: None), "conflicts", "conflict"),
    "write error swallowed": Bug(around(SwallowedWriteError), "faults", "document"),
    "fsync error swallowed": Bug(around(SwallowedFsyncError), "faults", "document"),
    "short write not continued": Bug(around(ShortWriteNotContinued), "short writes", "document"),
    "live holder unlocked": Bug(instead(RunLock, "_lock_now", lock_if_possible), "run lock", "two runs"),
    "two runs at once": Bug(around(NoLock, owner=RunLock), "run lock", "two runs"),
    "other machines' locks ignored": Bug(
        instead(RunLock, "_refuse_elsewhere", lambda *_: None), "run lock", "two runs"
    ),
}
