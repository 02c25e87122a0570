"""One document as it was read: plain data, a typed view of it, and access by path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import msgspec

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state import paths
from k0rdent_azure.state.codec import RECOVERY_HINT, parse
from k0rdent_azure.state.migrations import is_newer_major, migrate
from k0rdent_azure.state.model import Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from k0rdent_azure.state.layout import Layout

#: Dotted text, or a sequence of keys where a key may itself hold a dot.
StatePath = str | Sequence[str | int]

#: A file larger than this is looked at for a long inline trail, which is then left unread as long as possible.
LAZY_ABOVE = 2 * 1024 * 1024
#: As many of a long inline trail stand in `State.events`.
NEWEST = 200
_EVENTS = re.compile(rb"^events:[ ]*\n", re.MULTILINE)
#: After the trail's start, a line that is not its own: neither indented, nor an item, nor a comment.
_NEXT_SECTION = re.compile(rb"\n(?:[^ \-#\n]|---)")
_FIRST_ITEM = re.compile(rb"(?:[ ]*(?:#[^\n]*)?\n)*([ ]*)-[ \n]")


class Document:
    """What a file held when it was read. Nobody changes `data`; a transaction works on a copy of what it touches."""

    def __init__(
        self, data: dict[str, object], *, text: bytes, source: str, layout: Layout | None = None
    ) -> None:
        self.text = text
        self.source = source
        self.layout = layout
        self._head = data

    @property
    def head(self) -> dict[str, object]:
        """The document, where a long inline trail is not read yet without it."""
        return self._head

    @property
    def head_text(self) -> bytes:
        """The text that `head` was read from."""
        return self.text

    @cached_property
    def data(self) -> dict[str, object]:
        """All of the document as plain data."""
        return self._head

    @cached_property
    def state(self) -> State:
        """The typed view; its `events` are the newest ones. Raises StateInvalidError where the schema is broken."""
        return load_state(self._head)

    @property
    def examined(self) -> dict[str, object]:
        """What is checked when it is read."""
        return self._head

    def keep(self, state: State | None) -> None:
        """Take over the typed view that was made on the way, if it is all of it."""
        if state is not None:
            self.__dict__["state"] = state

    @property
    def serial(self) -> int:
        """How many commits made this version; 0 where another program wrote it."""
        serial = self._metadata().get("serial", 0)
        return serial if isinstance(serial, int) else 0

    @property
    def lineage(self) -> str | None:
        """Which deployment this is a version of; None where another program wrote it."""
        lineage = self._metadata().get("lineage")
        return lineage if isinstance(lineage, str) else None

    def _metadata(self) -> dict[str, object]:
        metadata = self._head.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    def get(self, path: StatePath) -> object:
        """The value at `path`. Raises StateError naming where the path leaves the document."""
        first = keys_of(path)[:1]
        return lookup(self._head if first and first[0] in self._head else self.data, path)


class LongDocument(Document):
    """A document with so long an inline trail that only what is asked of it is parsed.

    Its next commit moves the older events into segments; then it is a document like any other.
    """

    def __init__(self, head: dict[str, object], *, text: bytes, source: str, trail: int) -> None:
        super().__init__(head, text=text, source=source)
        self._trail = trail

    @property
    def examined(self) -> dict[str, object]:
        return {**self._head, "events": []}

    @property
    def head_text(self) -> bytes:
        return self.text[: self.text.rindex(b"events:", 0, self._trail)]

    @cached_property
    def data(self) -> dict[str, object]:
        whole = migrate(parse(self.text, source=self.source))
        # What is known already stays the same object: a commit tells by that what it has to write.
        return {key: self._head.get(key, value) for key, value in whole.items()}

    @cached_property
    def state(self) -> State:
        return load_state({**self._head, "events": self._newest()})

    def keep(self, state: State | None) -> None:
        """The view was made of the head alone: the trail's newest events are put in."""
        if state is not None:
            super().keep(msgspec.structs.replace(state, events=self._newest()))

    def _newest(self) -> list[Event]:
        """The trail's end, parsed alone. Where it cannot be (a text over several lines), all of it is parsed."""
        start, count = self._start_of_newest()
        try:
            found = parse(b"events:\n" + self.text[start:], source=self.source).get("events")
            newest = msgspec.convert(found, list[Event])
        except (StateInvalidError, msgspec.ValidationError):
            newest = []
        # A dash may be of a text that goes on there.
        return newest if len(newest) == count else load_state(self.data).events[-NEWEST:]

    def _start_of_newest(self) -> tuple[int, int]:
        """Where the newest events begin, and how many they are; none where the trail is not laid out as a list."""
        first = _FIRST_ITEM.match(self.text, self._trail)
        if first is None:
            return self._trail, -1
        # Deeper dashes are of lists, or of texts, within an event.
        item = re.compile(rb"^" + first[1] + rb"-[ \n]", re.MULTILINE)
        span = 64 * 1024
        while True:
            start = max(self._trail, len(self.text) - span)
            items = [found.start() for found in item.finditer(self.text, start)]
            if len(items) > NEWEST or start == self._trail:
                return items[-NEWEST:][0], len(items[-NEWEST:])
            span *= 2


def read_document(text: bytes, *, source: str) -> Document:
    """Parse, migrate and check. Raises StateInvalidError with every fault and its line.

    A document of a newer major schema is not checked: it can only be read as far as it is like ours.
    """
    document = _read(text, source)
    if not is_newer_major(document.head):
        from k0rdent_azure.state.checks import examine, refuse_errors

        state, faults = examine(document.examined)
        refuse_errors(faults, text=text, source=source)
        document.keep(state)
    _ = document.state
    return document


def _read(text: bytes, source: str) -> Document:
    if len(text) > LAZY_ABOVE:
        long = _read_long(text, source)
        if long is not None:
            return long
    return Document(migrate(parse(text, source=source)), text=text, source=source)


def _read_long(text: bytes, source: str) -> Document | None:
    """The document without its trail, where that is surely the last section; None: read it like any other.

    What stands before `events:` must be a complete document by itself, so that no text or bracket reaches over
    that line; nothing after it may begin another section.
    """
    found = _EVENTS.search(text)
    if found is None or _NEXT_SECTION.search(text, found.end() - 1):
        return None
    try:
        head = migrate(parse(text[: found.start()], source=source))
    except StateInvalidError:
        return None
    # A trail that we wrote is never so long; one that tells its length is read as a whole, to be held against it.
    if "events" in head or "event_history" in head or is_newer_major(head):
        return None
    return LongDocument(head, text=text, source=source, trail=found.end())


def load_state(data: object) -> State:
    """Convert a plain document. Raises StateInvalidError with the path of the first fault."""
    try:
        return msgspec.convert(data, State)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").lstrip(".") or "the document"
        raise StateInvalidError(f"{place}: {message}", hint=RECOVERY_HINT) from None


def keys_of(path: StatePath) -> list[str | int]:
    """`a.b.0` as ["a", "b", "0"] (`state.paths`); "" is the whole document. Raises UsageError."""
    if isinstance(path, str):
        return [*paths.parsed(path)] if path else []
    return list(path)


def lookup(data: object, path: StatePath) -> object:
    """The value at `path` in plain data. Raises StateError."""
    here, keys = data, keys_of(path)
    for index, key in enumerate(keys):
        here = _step(here, key, keys[:index])
    return here


def _step(here: object, key: str | int, above: Sequence[str | int]) -> object:
    place = paths.shown(above) or "the document"
    if isinstance(here, dict):
        if str(key) in here:
            return here[str(key)]
        from k0rdent_azure.nearest import did_you_mean

        known = ", ".join(list(here)[:12]) + (", …" if len(here) > 12 else "")
        hint = did_you_mean(str(key), here, otherwise=f"known here: {known or 'nothing'}")
        raise StateError(f"there is no {key} in {place}", hint=hint)
    if isinstance(here, list):
        try:
            return here[int(key)]
        except (ValueError, IndexError):
            raise StateError(
                f"there is no item {key} in {place}", hint=f"it has {len(here)} items, from 0"
            ) from None
    raise StateError(f"{place} holds a value, not a mapping; there is no {key} in it")
