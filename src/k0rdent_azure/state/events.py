"""The audit trail: the newest events stand in the document, older ones in sealed segments beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.files import replace_durably
from k0rdent_azure.state.model import Event

#: A commit that would leave more events than this in the document seals the older ones.
INLINE_LIMIT = 500
#: How many stay in the document then.
KEEP_INLINE = 200


def segment_folder(state_path: Path) -> Path:
    """`deployment-state.events/` beside `deployment-state.yaml`."""
    return state_path.with_suffix(".events")


def seal_old_events(data: dict[str, object], state_path: Path) -> None:
    """Move older events of `data` into a new segment, written before the document that refers to it."""
    events = data.get("events")
    if not isinstance(events, list) or len(events) <= INLINE_LIMIT:
        return
    segments = data.setdefault("event_segments", [])
    if not isinstance(segments, list):
        raise StateInvalidError("event_segments: expected a list", hint="see `k0rdent-azure state check`")
    old, kept = events[:-KEEP_INLINE], events[-KEEP_INLINE:]
    content = b"".join(msgspec.json.encode(event) + b"\n" for event in old)
    digest = hashlib.sha256(content).hexdigest()
    # The digest in the name: a crash before the commit leaves a file that nobody refers to, never a wrong one.
    name = f"{len(segments) + 1:06d}-{digest[:12]}.jsonl"
    folder = segment_folder(state_path)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make {folder}: {error.strerror}") from error
    replace_durably(folder / name, content, keep=None)
    segments.append({"file": name, "sha256": digest, "count": len(old)})
    data["events"] = kept


def history(document: Document) -> Iterator[Event]:
    """All events, oldest first, from the sealed segments and the document as one.

    Raises StateInvalidError where a segment is missing or was changed.
    """
    for segment in document.state.event_segments:
        yield from _read_segment(segment_folder(document.path) / segment.file, segment.sha256)
    yield from document.state.events


def _read_segment(path: Path, digest: str) -> Iterator[Event]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StateInvalidError(
            f"the event segment {path} cannot be read: {error.strerror}",
            hint="put it back from a backup; the deployment itself is not affected",
        ) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise StateInvalidError(
            f"the event segment {path} is not what was sealed",
            hint="put it back from a backup; the deployment itself is not affected",
        )
    decoder = msgspec.json.Decoder(Event)
    for line in content.splitlines():
        yield decoder.decode(line)
