"""One change to a document, with the events that explain it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import RECOVERY_HINT
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.draft import Draft
from k0rdent_azure.state.incarnations import with_incarnations
from k0rdent_azure.state.model import PendingOperation
from k0rdent_azure.state.sections import Sections

if TYPE_CHECKING:
    from k0rdent_azure.state.model import State

#: What `restore` leaves as it is: history, and what is known of the outside since. The trail stays last.
_HISTORY = ("api_calls", "durations", "pending_operations", "event_history", "events")
_OWN_METADATA = (
    "serial",
    "lineage",
    "generation",
    "claim",
    "unmarked",
    "run",
    "validation",
    "last_updated",
    "secrets",
)


class Transaction(Sections):
    """Changes to one document. `state` and `document` stay as they were read."""

    def __init__(self, document: Document, clock: Clock) -> None:
        super().__init__(Draft(document.data))
        self.document = document
        self._clock = clock
        #: Whether `configuration` may be another one than before.
        self.reconfigured = False

    @property
    def state(self) -> State:
        """The typed view of the document as it was read, before this transaction's changes."""
        return self.document.state

    @property
    def data(self) -> dict[str, object]:
        """The next version so far; only the store and what works on whole documents look at it."""
        return self.by_path.data

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self.by_path.changed

    def restore(self, data: Mapping[str, object]) -> None:
        """Take over the document `data`, but for what is history: serial, lineage, run, events, requests, intents.

        Which incarnations exist is what the present document says, too: nothing brings an older one back.
        Raises StateInvalidError where its configuration is another one, or a name or path that never changes.
        """
        _refuse_other_configuration(self.data, data)
        _refuse_other_identity(self.data, data)
        kept = {key: self.data[key] for key in _HISTORY if key in self.data}
        metadata = _mapping_at(data, "metadata") | {
            key: value for key, value in _mapping_at(self.data, "metadata").items() if key in _OWN_METADATA
        }
        present = {key: value for key, value in data.items() if key not in _HISTORY}
        if "azure_resources" in present:
            present["azure_resources"] = with_incarnations(self.data, present)
        self.by_path.take(present | {"metadata": metadata} | kept)
        self.by_path.changed = True

    def reconfigure(self, data: Mapping[str, object]) -> None:
        """Take over the document `data`, whose configuration is another one, but for serial, lineage and history.

        Only for a deployment of which nothing exists outside; whoever calls this has made sure of it.
        """
        kept = {key: self.data[key] for key in ("api_calls", "event_history", "events") if key in self.data}
        own = {k: v for k, v in _mapping_at(self.data, "metadata").items() if k in _OWN_METADATA}
        others = {key: value for key, value in data.items() if key not in kept}
        self.by_path.take(others | {"metadata": _mapping_at(data, "metadata") | own} | kept)
        self.by_path.changed = self.reconfigured = True

    def event(
        self,
        phase: str,
        action: str,
        message: str | None = None,
        *,
        resource: str | None = None,
        details: str | None = None,
    ) -> None:
        """Add an event to the audit trail; it is committed with the changes that it explains."""
        event = {"timestamp": timestamp(self._clock.now()), "phase": phase, "action": action}
        optional = {"resource": resource, "message": message, "details": details}
        event |= {key: value for key, value in optional.items() if value is not None}
        events = self.data.get("events") or []
        if not isinstance(events, list):
            raise StateInvalidError("events: expected a list", hint=RECOVERY_HINT)
        # Not by path: that would copy every event, and what is the same object is not written again.
        self.by_path.mapping([])["events"] = [*events, event]
        self.by_path.changed = True

    @property
    def last_event(self) -> object:
        """The newest event; after the commit, with its link in the chain."""
        return self.by_path.get("events.-1")

    def begin_operation(
        self,
        name: str,
        *,
        kind: str,
        target: str,
        phase: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Record the intent of a side effect outside, before it happens. Raises StateInvalidError."""
        operation: dict[str, object] = {"kind": kind, "target": target}
        operation["started_at"] = timestamp(self._clock.now())
        if phase is not None:
            operation["phase"] = phase
        if details:
            operation["details"] = dict(details)
        self.by_path.set(("pending_operations", name), _checked(operation, name))

    def operation(self, name: str) -> PendingOperation | None:
        """A pending operation, with the changes made so far; None if there is none of that name."""
        path = ("pending_operations", name)
        return msgspec.convert(self.by_path.get(path), PendingOperation) if self.by_path.has(path) else None

    def end_operation(self, name: str) -> None:
        """Record that a side effect's outcome is known; the changes beside it say which."""
        self.by_path.delete(("pending_operations", name))

    def stamp(self, serial: int, lineage: str) -> None:
        """Number the version that is about to be committed; the store does this, once."""
        metadata = self.by_path.mapping(["metadata"])
        metadata["serial"] = serial
        metadata["last_updated"] = timestamp(self._clock.now())
        metadata.setdefault("lineage", lineage)
        # A numbered version without its trail would pass for one that was cut off.
        self.data.setdefault("events", [])


def _refuse_other_configuration(present: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    if present.get("configuration") != wanted.get("configuration"):
        raise StateInvalidError(
            "configuration: the snapshot cannot be changed after creation",
            hint="destroy and deploy again to use another configuration",
        )


def _refuse_other_identity(present: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    from k0rdent_azure.state.identity import changed_identity

    path = changed_identity(present, wanted)
    if path is not None:
        raise StateInvalidError(
            f"{path} has another value there than in the present state, and never changes while a deployment lives",
            hint="choose another one: k0rdent-azure snapshot list",
        )


def _checked(operation: dict[str, object], name: str) -> dict[str, object]:
    try:
        msgspec.convert(operation, PendingOperation)
    except msgspec.ValidationError as error:
        raise StateInvalidError(f"pending_operations.{name}: {error}", hint="nothing was changed") from None
    return operation


def _mapping_at(data: Mapping[str, object], key: str) -> dict[str, object]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise StateInvalidError(f"{key}: expected a mapping", hint=RECOVERY_HINT)
    return value
