"""What can still be read of a damaged state file: each top-level section by itself, and each event by itself.

Nothing of it is trusted but for a comparison and for events that are whole. A text that is damaged in one place (a
torn write, zeros at its end, a slip of an editor) is sound in most others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.model import Event, EventHistory

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = re.compile(rb"""^(["']?)([A-Za-z_][\w.-]*)\1[ \t]*:(?=[ \t\r\n]|$)""", re.MULTILINE)
_ITEM = re.compile(rb"^[ ]*- ", re.MULTILINE)
#: Only a whole line counts: of `serial: 1234` a torn one may have left `serial: 12`.
_SERIAL = re.compile(rb"^[ ]+[\"']?serial[\"']?:[ ]*[\"']?(\d{1,15})[\"']?[ ]*\r?\n", re.MULTILINE)
_WHOSE = {
    key: re.compile(rb"^[ ]+[\"']?%s[\"']?:[ ]*[\"']?([\w.-]{6,80})[\"']?[ ]*\r?\n" % key, re.MULTILINE)
    for key in (b"lineage", b"deployment_id")
}


class Salvage(msgspec.Struct, kw_only=True):
    """`sections` are those that parse, `unread` the names of those that do not, `last` the one that the text ends in.

    `events` are the whole ones, in order; `events_unread` is how many more there seem to be.
    """

    sections: dict[str, object] = {}
    unread: list[str] = []
    last: str | None = None
    serial: int | None = None
    events: list[dict[str, object]] = []
    events_unread: int = 0


def salvage(text: bytes) -> Salvage:
    """Read what can be read. Never raises."""
    found = Salvage(serial=_serial(text))
    whole = _parsed(text)
    pieces = [(name, text) for name in whole] if whole is not None else list(_pieces(text))
    for name, piece in pieces:
        section = (whole if whole is not None else _parsed(piece)) or {}
        if name == "events":
            _add_events(found, section.get(name), piece)
        elif name in section and name not in found.sections:
            found.sections[name] = section[name]
        elif name not in section:
            found.unread.append(name)
    if whole is None:
        found.last = pieces[-1][0] if pieces else None
        _drop_torn(found)
    _parsed_serial(found)
    return found


def is_surely_another(text: bytes, *, lineage: str | None, deployment_id: object) -> bool:
    """Whether a text is another deployment's: both marks can still be read, and neither agrees."""
    marks = [match[1].decode() for pattern in _WHOSE.values() if (match := pattern.search(text))]
    return len(marks) == len(_WHOSE) and lineage is not None and not {lineage, deployment_id} & set(marks)


def _serial(text: bytes) -> int | None:
    match = _SERIAL.search(text)
    return int(match[1]) if match else None


def _parsed_serial(found: Salvage) -> None:
    metadata = found.sections.get("metadata")
    if not isinstance(metadata, dict):
        return
    serial = metadata.get("serial")
    found.serial = serial if isinstance(serial, int) and not isinstance(serial, bool) else found.serial


def _pieces(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The text from each top-level key to the next."""
    keys = list(_KEY.finditer(text))
    for match, piece in zip(keys, _cut(text, [key.start() for key in keys]), strict=True):
        yield match[2].decode(), piece


def _cut(text: bytes, starts: list[int]) -> list[bytes]:
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def _parsed(text: bytes) -> Mapping[str, object] | None:
    try:
        return parse(text, source="the damaged file")
    except StateInvalidError:
        return None


def _add_events(found: Salvage, parsed: object, piece: bytes) -> None:
    items = parsed if isinstance(parsed, list) else None
    if items is None:
        items = list(_items(_cut(piece, [match.start() for match in _ITEM.finditer(piece)])))
    whole = [item for item in items if isinstance(item, dict) and is_event(item)]
    found.events += whole
    found.events_unread += len(items) - len(whole)


def _drop_torn(found: Salvage) -> None:
    """The last event of a torn text may be half of one, yet parse: then the link at its end is missing.

    One that another hand added has none either; it stands beyond those that the history counts.
    """
    events = found.events
    if not events or "chain" in events[-1] or not any("chain" in event for event in events):
        return
    try:
        record = msgspec.convert(found.sections.get("event_history"), EventHistory)
        counted = record.count - (record.sealed.count if record.sealed else 0)
    except msgspec.ValidationError:
        counted = len(events)
    if len(events) + found.events_unread <= counted:
        events.pop()
        found.events_unread += 1


def _items(blocks: Sequence[bytes]) -> Iterator[object]:
    """Each item, None for one that does not parse; halves of a sound list are sound, so that a long one is quick."""
    if not blocks:
        return
    parsed = _parsed(b"events:\n" + b"".join(blocks))
    events = parsed.get("events") if parsed is not None else None
    if isinstance(events, list) and len(events) == len(blocks):
        yield from events
    elif len(blocks) == 1:
        yield None
    else:
        middle = len(blocks) // 2
        yield from _items(blocks[:middle])
        yield from _items(blocks[middle:])


def is_event(item: object) -> bool:
    """Whether it has what every event has."""
    try:
        parse_timestamp(msgspec.convert(item, Event).timestamp)
    except (msgspec.ValidationError, ValueError):
        return False
    return True
