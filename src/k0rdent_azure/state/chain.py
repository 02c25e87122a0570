"""Verifies the audit trail: every segment's digest, every event's link, and that none is missing at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import Fault, StateInvalidError
from k0rdent_azure.state.events import genesis, link, segment_lines, segments
from k0rdent_azure.state.model import EventHistory

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.storage import Storage


def verify_history(document: Document, storage: Storage) -> tuple[list[Fault], int]:
    """What is wrong with the trail, and how many events it has; a history without a chain is named with a warning.

    Raises StateInvalidError where the document's own sections for it are broken.
    """
    record = document.data.get("event_history")
    known = None if record is None else msgspec.convert(record, EventHistory)
    walk = _Walk(document, known)
    try:
        walk.run(storage)
    except StateInvalidError as error:
        return [Fault(path="event_history", message=error.message)], walk.count
    return [*walk.faults, *_end(walk, known), *_unlinked(walk)], walk.count


class _Walk:
    """One pass over the whole trail."""

    def __init__(self, document: Document, known: EventHistory | None) -> None:
        self.faults: list[Fault] = []
        self.count = 0
        self.unlinked = 0
        #: The link after as many events as the newest commit knew of.
        self.chain_then: str | None = None
        self._document = document
        self._chain = genesis(document.data)
        self._then = known.count if known else None

    def run(self, storage: Storage) -> None:
        for where, event in _events(self._document, storage):
            self._chain = link(self._chain, event)
            self._judge(where, event)
            self.count += 1
            if self.count == self._then:
                self.chain_then = self._chain

    def _judge(self, where: str, event: Mapping[str, object]) -> None:
        own = event.get("chain")
        if own is None:
            self.unlinked += 1
        elif own != self._chain:
            what = "does not follow from the event before it: it was edited, or one before it was edited or moved"
            self.faults.append(Fault(path=where, message=what, found=repr(str(event.get("timestamp"))[:40])))
            # From here on the trail is judged anew, so that one edit is one fault.
            self._chain = str(own)


def _events(document: Document, storage: Storage) -> Iterator[tuple[str, Mapping[str, object]]]:
    for segment in segments(document, storage):
        for number, line in enumerate(segment_lines(segment, storage)[1], start=2):
            yield f"events/{segment.file}:{number}", msgspec.json.decode(line, type=dict[str, object])
    inline = document.data.get("events")
    for index, event in enumerate(inline if isinstance(inline, list) else []):
        yield f"events.{index}", event


def _end(walk: _Walk, known: EventHistory | None) -> Iterator[Fault]:
    """Whether the trail still ends where our last commit left it, but for what others added since."""
    if known is None:
        return
    if walk.count < known.count:
        yield Fault(
            path="events",
            message="events are missing",
            expected=f"{known.count} in all",
            found=str(walk.count),
        )
    elif walk.chain_then != known.chain and not walk.faults:
        yield Fault(path="event_history.chain", message="the trail does not end with the event written last")


def _unlinked(walk: _Walk) -> Iterator[Fault]:
    if walk.unlinked:
        yield Fault(
            path="events",
            message=f"{walk.unlinked} of {walk.count} events carry no chain: made by hand or another program",
            severity="warning",
        )
