"""Follows the audit trail: new events as they are committed, each once, across sealing and replaced files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.events import history

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.model import Event
    from k0rdent_azure.state.store import FileStore

#: How many of the newest events are remembered, to find the place in a trail that was set back (`recover`).
REMEMBERED = 1000


class Follower:
    """Where a reader stands in the trail of one state file.

    `wait` returns when it is time for the next look; `tell` gets what a person should know (the file is gone, or is
    broken at the moment).
    """

    def __init__(self, store: FileStore, *, wait: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._store = store
        self._path = Path(store.storage.path)
        self._wait = wait
        self._tell = tell
        self._signature: tuple[int, ...] | None = None
        self._count = 0
        self._seen: deque[Event] = deque(maxlen=REMEMBERED)

    def start(self) -> Document:
        """The document as it is now: what follows comes after its events. Raises as `FileStore.read`."""
        self._signature = self._look()
        document = self._store.read()
        self._remember(document)
        return document

    def new_events(self) -> Iterator[Event]:
        """The events that are committed from now on, without end. Looking costs one `stat` while nothing changes."""
        trouble = ""
        while True:
            self._wait()
            # Looked at before reading: what is committed between the two shows at the next look.
            signature = self._look()
            if signature == self._signature:
                continue
            self._signature = signature
            try:
                found = self._read()
            except StateError as error:
                if error.message != trouble:
                    trouble = error.message
                    self._tell(f"{error.message}; waiting for it")
                continue
            trouble = ""
            yield from found

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self) -> Sequence[Event]:
        """What the trail has that was not there before."""
        document = self._store.read()
        new = self._after_last(document)
        if new is None:
            new = self._after_known(document)
            self._remember(document)
        else:
            self._count += len(new)
            self._seen.extend(new)
        return new

    def _after_last(self, document: Document) -> Sequence[Event] | None:
        """What comes after the event seen last; None where that does not stand in its place any more."""
        more = count_events(document) - self._count
        if more < 0:
            return None
        if not self._seen:
            return self._newest(document, more)
        last, *new = self._newest(document, more + 1)
        return new if last == self._seen[-1] else None

    def _after_known(self, document: Document) -> Sequence[Event]:
        """The trail is not the old one with more at its end: what comes after the newest event that is known."""
        known = list(self._seen)
        newest = self._newest(document, REMEMBERED)
        for at in reversed(range(len(newest))):
            if newest[at] in known:
                self._tell("the file is an older version again; following on from there")
                return newest[at + 1 :]
        self._tell("this is another deployment's trail; following it from its beginning")
        return list(history(document, self._store.storage))

    def _remember(self, document: Document) -> None:
        self._count = count_events(document)
        self._seen = deque(self._newest(document, REMEMBERED), maxlen=REMEMBERED)

    def _newest(self, document: Document, wanted: int) -> list[Event]:
        return list(deque(history(document, self._store.storage, newest=wanted), maxlen=wanted))


def count_events(document: Document) -> int:
    """How many events there are in all, sealed ones included."""
    inline = document.data.get("events")
    record = document.state.event_history
    sealed = record.sealed.count if record is not None and record.sealed is not None else 0
    return sealed + (len(inline) if isinstance(inline, list) else 0)
