"""The audit trail: the newest events stand in the document, older ones in sealed segments beside it.

Each event carries `chain`: the hash of itself and of the one before it. So an event that was edited, dropped or
moved shows at the next one. Events that another hand added carry none; they are valid, and the next event of ours
covers them too.

A segment is a part `events/…` of JSON lines: a header, then its events. The document names the newest segment and
its digest; each header names the one before. The document stays small however long the history is, and one digest
vouches for all of it. Segments are never changed or removed: every older copy of the document still finds its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import RECOVERY_HINT
from k0rdent_azure.state.model import Event, EventHistory, Segment

if TYPE_CHECKING:
    from datetime import datetime

    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.storage import Storage

#: A commit that would leave more events than this in the document seals the older ones.
INLINE_LIMIT = 300
#: How many stay in the document then.
KEEP_INLINE = 100
#: A long inline trail of another writer is cut into segments of this many.
SEGMENT_LIMIT = 20_000
#: Hex digits of SHA-256: 128 bits, which nobody meets by accident.
CHAIN_DIGITS = 32


class SegmentHeader(msgspec.Struct, kw_only=True):
    """The first line of a segment. `chain` is the link of its last event, whether that carries it or not."""

    previous: Segment | None
    count: int
    first: str
    last: str
    chain: str
    format: int = 1


def link(previous: str, event: Mapping[str, object]) -> str:
    """The chain of an event: SHA-256 over the link before it and the event's JSON, keys sorted, without `chain`."""
    plain = {key: value for key, value in event.items() if key != "chain"}
    content = previous.encode() + b"\n" + msgspec.json.encode(plain, order="sorted")
    return hashlib.sha256(content).hexdigest()[:CHAIN_DIGITS]


def genesis(data: Mapping[str, object]) -> str:
    """What the first event is linked to: this deployment's lineage, so that no other's history fits."""
    metadata = data.get("metadata")
    lineage = metadata.get("lineage") if isinstance(metadata, Mapping) else None
    return hashlib.sha256(str(lineage).encode()).hexdigest()[:CHAIN_DIGITS]


def seal(data: dict[str, object], *, known: int, storage: Storage) -> None:
    """Make the trail of a new version ready for its commit: link new events, move old ones into segments.

    `known` is how many of the events in `data` stood in the version before. Segments are durable before this
    returns; what a crash leaves of them is a file that nobody refers to. Raises StateInvalidError, StateError.
    """
    events = _inline(data)
    if not events:
        return
    record = _history_of(data)
    sealed = record.sealed if record else None
    there = known + (sealed.count if sealed else 0)
    # Where events were dropped, the count and the link stay those of the whole trail: the gap must not close.
    count = max(there, record.count if record else 0) + len(events) - known
    start, first = _last_link(data, events, record, known, there)
    chain = _link_new(events, known, start, first)
    if len(events) > INLINE_LIMIT:
        sealed, events = _cut(events, sealed, genesis(data), storage)
        data["events"] = events
    newest = EventHistory(count=count, chain=chain, linked=events[-1].get("chain") == chain, sealed=sealed)
    if record != newest:
        _put_before_events(data, _plain(newest))


def _last_link(
    data: Mapping[str, object],
    events: Sequence[Mapping[str, object]],
    record: EventHistory | None,
    known: int,
    there: int,
) -> tuple[str, int]:
    """The newest link that we wrote, and the first event after it: others may have added some since."""
    if record is not None:
        # Where others took part, the newest link may be of an event that carries none.
        after = known - max(0, there - record.count)
        ours = (at + 1 for at in reversed(range(known)) if events[at].get("chain") == record.chain)
        return record.chain, next(ours, after)
    first = next((at + 1 for at in reversed(range(known)) if events[at].get("chain")), 0)
    return (str(events[first - 1]["chain"]) if first else genesis(data)), first


def _link_new(events: Sequence[dict[str, object]], known: int, chain: str, first: int) -> str:
    """Link the events from `known` on to `chain`, through those from `first` on; returns the newest link."""
    for at in range(max(0, first), len(events)):
        chain = link(chain, events[at])
        if at >= known:
            events[at]["chain"] = chain
    return chain


def _cut(
    events: Sequence[dict[str, object]], sealed: Segment | None, start: str, storage: Storage
) -> tuple[Segment, list[dict[str, object]]]:
    old, kept = events[:-KEEP_INLINE], list(events[-KEEP_INLINE:])
    while old:
        sealed = _write_segment(old[:SEGMENT_LIMIT], sealed, start, storage)
        old = old[SEGMENT_LIMIT:]
    assert sealed is not None  # noqa: S101 - there are more events than are kept
    return sealed, kept


def _write_segment(
    events: Sequence[dict[str, object]], previous: Segment | None, start: str, storage: Storage
) -> Segment:
    chain = previous.chain if previous else start
    for event in events:
        own = event.get("chain")
        chain = str(own) if own else link(chain, event)
    count = len(events) + (previous.count if previous else 0)
    header = SegmentHeader(
        previous=previous,
        count=len(events),
        first=str(events[0].get("timestamp")),
        last=str(events[-1].get("timestamp")),
        chain=chain,
    )
    content = b"".join([msgspec.json.encode(row) + b"\n" for row in (header, *events)])
    digest = hashlib.sha256(content).hexdigest()
    name = f"{count:09d}-{digest[:12]}.jsonl"
    storage.write_part(f"events/{name}", content)
    return Segment(file=name, sha256=digest, count=count, chain=chain)


def history(
    document: Document, storage: Storage, *, since: datetime | None = None, newest: int | None = None
) -> Iterator[Event]:
    """All events, oldest first, from the segments and the document as one.

    With `since` or `newest`, segments that only hold older events are not read; some of what comes is then still
    older than was asked for. Raises StateInvalidError where a segment is missing or was changed.
    """
    inline = msgspec.convert(_inline(document.data), list[Event])
    record = _history_of(document.data)
    more = None if newest is None else newest - len(inline)
    wanted = [] if more is not None and more <= 0 else _segments(record, storage, since, more)
    for segment in reversed(wanted):
        for line in segment_lines(segment, storage)[1]:
            yield msgspec.json.decode(line, type=Event)
    yield from inline


def segments(document: Document, storage: Storage) -> list[Segment]:
    """The sealed segments, oldest first. Raises StateInvalidError where one is missing or was changed."""
    return _segments(_history_of(document.data), storage, None, None)[::-1]


def _segments(
    record: EventHistory | None, storage: Storage, since: datetime | None, newest: int | None
) -> list[Segment]:
    """Newest first: each names the one before."""
    from k0rdent_azure.clock import parse_timestamp

    found: list[Segment] = []
    segment = record.sealed if record else None
    enough = None if newest is None or segment is None else segment.count - newest
    while segment is not None and (enough is None or segment.count > enough):
        header, _ = segment_lines(segment, storage)
        if since is not None and parse_timestamp(header.last) < since:
            break
        found.append(segment)
        segment = header.previous
    return found


def segment_lines(segment: Segment, storage: Storage) -> tuple[SegmentHeader, list[bytes]]:
    """The header and the events' lines of a segment, its digest verified. Raises StateInvalidError."""
    content = storage.read_part(f"events/{segment.file}")
    hint = "put it back from a backup; the deployment itself is not affected"
    if hashlib.sha256(content).hexdigest() != segment.sha256:
        raise StateInvalidError(f"the event segment {segment.file} is not what was sealed", hint=hint)
    first, *rest = content.splitlines()
    try:
        return msgspec.json.decode(first, type=SegmentHeader), rest
    except msgspec.DecodeError as error:
        raise StateInvalidError(
            f"the event segment {segment.file} has no header: {error}", hint=hint
        ) from None


def _history_of(data: Mapping[str, object]) -> EventHistory | None:
    record = data.get("event_history")
    if record is None:
        return None
    try:
        return msgspec.convert(record, EventHistory)
    except msgspec.ValidationError as error:
        raise StateInvalidError(f"event_history: {error}", hint=RECOVERY_HINT) from None


def _inline(data: Mapping[str, object]) -> list[dict[str, object]]:
    events = data.get("events")
    if events is None:
        return []
    if not isinstance(events, list) or not {dict}.issuperset(map(type, events)):
        raise StateInvalidError("events: expected a list of mappings", hint=RECOVERY_HINT)
    return events


def _plain(record: EventHistory) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(record)
    return {key: value for key, value in plain.items() if value is not None}


def _put_before_events(data: dict[str, object], record: dict[str, object]) -> None:
    """The trail itself stays last, where it is quick to leave unread."""
    if "event_history" in data or "events" not in data:
        data["event_history"] = record
        return
    rest = dict(data)
    data.clear()
    for key, value in rest.items():
        if key == "events":
            data["event_history"] = record
        data[key] = value
