"""A state that is gone with its copies, put back as a document made anew, with whatever of its history remains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import StateConflictError
from k0rdent_azure.state import recovery
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.newer_events import newer_events, sealed_unread
from k0rdent_azure.state.replacement import Replacement
from k0rdent_azure.state.salvage import Salvage, salvage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from k0rdent_azure.clock import Clock
    from k0rdent_azure.state.storage import Storage

_DEPLOYMENT = re.compile(r"\bk0rdent-[a-z0-9]{8}\b")


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the history: in sealed segments, and in a damaged file.

    `lineage` is None where nothing tells it; then the link of the very first event can no longer be checked.
    `foreign` names another deployment whose events these are; they are not taken over.
    """

    events: int
    unread: int
    lineage: str | None
    foreign: str | None = None


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. `damaged` is where the damaged file is kept, None where there was none.

    Of the events `taken` over, `unproven` do not follow from the one before as their links have it.
    """

    serial: int
    damaged: str | None
    taken: int
    unproven: int
    unread: int


def remains(storage: Storage, deployment_id: str, *, take_over: bool = False) -> Remains:
    """What of the history can be taken over. Raises StateError where the state is healthy, unless with `take_over`."""
    legible, lineage = _legible(storage, deployment_id, take_over=take_over)
    found = newer_events(_base({}, None), legible, storage)
    foreign = _another(found, deployment_id)
    unread = legible.events_unread + (0 if foreign else sealed_unread(legible, storage))
    return Remains(events=0 if foreign else len(found), unread=unread, lineage=lineage, foreign=foreign)


def rebuild(
    storage: Storage,
    data: Mapping[str, object],
    expected: Remains,
    *,
    sources: str,
    clock: Clock,
    take_over: bool = False,
) -> Rebuilt:
    """Write `data` as the next version, after what remains of the history, with an event `state_rebuilt`.

    A damaged file, with `take_over` a healthy one, is kept beside it first. The caller holds the run lock. Raises
    StateError, before anything is changed, where the state is healthy, and StateConflictError where what remained is
    not what was shown.
    """
    metadata = data["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - `initial_document` makes it
    with storage.writing():
        if remains(storage, metadata["deployment_id"], take_over=take_over) != expected:
            raise StateConflictError("the history was changed meanwhile", hint="run the command again")
        legible, lineage = _legible(storage, metadata["deployment_id"], take_over=take_over)
        text = recovery.damaged_text(storage, take_over=take_over)
        ending = f".{'behind' if take_over else 'damaged'}-{recovery.stamp(clock)}"
        damaged = None if text is None else storage.set_aside(text, ending)
        document = _base(data, lineage)
        new = Replacement(storage, document, legible, clock=clock, with_events=expected.foreign is None)
        serial = new.number(recovery.highest_serial(storage, 0))
        new.tell_rebuilt(sources, damaged)
        storage.replace(new.content(), keep=False)
    # The first event is linked to the lineage: where that is lost, its link says nothing either way.
    unproven = new.unproven - (lineage is None and new.unproven > 0)
    return Rebuilt(
        serial=serial,
        damaged=damaged,
        taken=len(new.taken),
        unproven=unproven,
        unread=expected.unread,
    )


def _base(data: Mapping[str, object], lineage: str | None) -> Document:
    plain = {**data, "events": []}
    metadata = plain.get("metadata")
    # What Azure says of it counts for more than what is left of a file.
    if lineage is not None and isinstance(metadata, dict):
        plain["metadata"] = {"lineage": lineage, **metadata}
    return Document(plain, text=b"", source="the rebuilt state")


def _legible(storage: Storage, deployment_id: str, *, take_over: bool) -> tuple[Salvage, str | None]:
    """What can be read of a damaged file, and its lineage; nothing of another deployment's."""
    text = recovery.damaged_text(storage, take_over=take_over)
    legible = Salvage() if text is None else salvage(text)
    metadata = legible.sections.get("metadata")
    told = metadata if isinstance(metadata, dict) else {}
    if told.get("deployment_id", deployment_id) != deployment_id:
        return Salvage(serial=legible.serial), None
    lineage = told.get("lineage")
    return legible, lineage if isinstance(lineage, str) else None


def _another(events: Sequence[Mapping[str, object]], deployment_id: str) -> str | None:
    """Whose events these are, where they name deployments, but never this one."""
    named = {name for event in events for name in _DEPLOYMENT.findall(str(event.get("message", "")))}
    return None if not named or deployment_id in named else min(named)
