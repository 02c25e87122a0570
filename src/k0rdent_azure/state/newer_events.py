"""Events that a damaged state had and an older copy of it does not: in its text, and in segments sealed since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.events import genesis, link, segment_lines
from k0rdent_azure.state.model import EventHistory, Segment
from k0rdent_azure.state.salvage import is_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.salvage import Salvage
    from k0rdent_azure.state.storage import Storage

Event = dict[str, object]


def newer_events(document: Document, legible: Salvage, storage: Storage) -> list[Event]:
    """What happened after `document`, oldest first, as far as it can be read."""
    inline = _inline(document)
    found = [*_sealed_since(document, legible, storage), *legible.events]
    for identity in (_link, _said):
        known = {identity(event) for event in inline} - {None}
        together = [at for at, event in enumerate(found) if identity(event) in known]
        if together:
            return _once(found[together[-1] + 1 :])
    if inline:
        # A gap lies between: only what is not earlier can follow.
        last = parse_timestamp(str(inline[-1]["timestamp"]))
        found = [event for event in found if parse_timestamp(str(event["timestamp"])) >= last]
    return _once(found)


def _once(found: Sequence[Event]) -> list[Event]:
    return list({_link(event) or _said(event): event for event in found}.values())


def _link(event: Event) -> object:
    return event.get("chain")


def _said(event: Event) -> object:
    """Everything that the event says: what tells it where its link is damaged, or another hand wrote it."""
    plain = {key: value for key, value in event.items() if key != "chain"}
    return msgspec.json.encode(plain, order="sorted")


def unproven(document: Document, found: Sequence[Event]) -> int:
    """How many of the events after `document` do not follow from the one before, as their links have it."""
    record = _history(document.data.get("event_history"))
    chain = record.sealed.chain if record and record.sealed else genesis(document.data)
    count = 0
    for at, event in enumerate([*_inline(document), *found]):
        expected, own = link(chain, event), event.get("chain")
        count += own is not None and own != expected and at >= len(_inline(document))
        chain = expected if own is None else str(own)
    return count


def _inline(document: Document) -> list[Event]:
    events = document.data.get("events")
    return events if isinstance(events, list) else []


def _sealed_since(document: Document, legible: Salvage, storage: Storage) -> list[Event]:
    base = _history(document.data.get("event_history"))
    sealed = base.sealed if base else None
    for newest in _newest_segments(legible, sealed, storage):
        try:
            return _between(sealed, newest, storage)
        except StateInvalidError:
            # Not all of it is there: an older segment may still lead back to what the copy knows.
            continue
    return _end_of_trail(legible, storage)[0] if sealed is None else []


def sealed_unread(legible: Salvage, storage: Storage) -> int:
    """How many sealed events cannot be read, as far as names tell, where no copy knows of any."""
    found, before = _end_of_trail(legible, storage)
    return max(0, _sealed_count(legible, storage) - before - len(found)) + before


def _sealed_count(legible: Salvage, storage: Storage) -> int:
    """How many events were sealed: as the damaged text says, else by the names in the folder."""
    record = _history(legible.sections.get("event_history"))
    told = record.sealed.count if record and record.sealed else 0
    names = (name.rpartition("/")[2].partition("-")[0] for name in storage.parts("events"))
    return max([told, *(int(name) for name in names if name.isdecimal())])


def _end_of_trail(legible: Salvage, storage: Storage) -> tuple[list[Event], int]:
    """The newest sealed events, as far back as segments can be read, and how many there were before these."""
    for newest in _newest_segments(legible, None, storage):
        pieces: list[list[Event]] = []
        segment: Segment | None = newest
        while segment is not None:
            try:
                header, lines = segment_lines(segment, storage)
                pieces.append(_decoded(segment, lines))
            except StateInvalidError:
                break
            segment = header.previous
        if pieces:
            return [event for piece in reversed(pieces) for event in piece], segment.count if segment else 0
    return [], 0


def _newest_segments(legible: Salvage, base: Segment | None, storage: Storage) -> Iterator[Segment]:
    """Where the trail may have ended: as the damaged text says, else by what lies in the folder, newest first."""
    record = _history(legible.sections.get("event_history"))
    if record is not None and record.sealed is not None:
        yield record.sealed
    for name in reversed(storage.parts("events")):
        segment = _by_file(name.rpartition("/")[2], storage)
        if segment is not None and (base is None or segment.count > base.count):
            yield segment


def _by_file(file: str, storage: Storage) -> Segment | None:
    """A segment that nothing refers to any more: its name has its count and the beginning of its digest."""
    import hashlib

    count, _, rest = file.partition("-")
    try:
        digest = hashlib.sha256(storage.read_part(f"events/{file}")).hexdigest()
        if not (count.isdecimal() and rest == f"{digest[:12]}.jsonl"):
            return None
        trial = Segment(file=file, sha256=digest, count=int(count), chain="")
        header, _ = segment_lines(trial, storage)
    except StateInvalidError:
        return None
    return msgspec.structs.replace(trial, chain=header.chain)


def _between(base: Segment | None, newest: Segment, storage: Storage) -> list[Event]:
    """The events of all segments after `base` up to `newest`. Raises StateInvalidError where these do not meet."""
    pieces: list[Sequence[Event]] = []
    segment: Segment | None = newest
    while segment is not None and (base is None or segment.count > base.count):
        header, lines = segment_lines(segment, storage)
        pieces.append(_decoded(segment, lines))
        segment = header.previous
    if (segment.sha256 if segment else None) != (base.sha256 if base else None):
        raise StateInvalidError(f"the event segment {newest.file} belongs to another trail")
    return [event for piece in reversed(pieces) for event in piece]


def _decoded(segment: Segment, lines: Sequence[bytes]) -> list[Event]:
    try:
        events = [msgspec.json.decode(line, type=Event) for line in lines]
    except msgspec.DecodeError as error:
        raise StateInvalidError(f"the event segment {segment.file} is damaged: {error}") from None
    return [event for event in events if is_event(event)]


def _history(section: object) -> EventHistory | None:
    try:
        return msgspec.convert(section, EventHistory)
    except msgspec.ValidationError:
        return None
