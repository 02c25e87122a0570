"""One change to a document, by path, with the events that explain it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.canonical import refuse_deep
from k0rdent_azure.state.codec import RECOVERY_HINT
from k0rdent_azure.state.document import Document, StatePath, keys_of, lookup

if TYPE_CHECKING:
    from k0rdent_azure.state.model import State

#: What `restore` leaves as it is: history, and what is known of the outside since. The trail stays last.
_HISTORY = ("api_calls", "durations", "pending_operations", "event_history", "events")
_OWN_METADATA = ("serial", "lineage", "run", "last_updated", "secrets")


class Transaction:
    """Changes to one document, by path. `state` and `document` stay as they were read.

    What is not changed stays the same object as in the document, which is how the commit knows it.
    """

    def __init__(self, document: Document, clock: Clock) -> None:
        self.document = document
        self.data: dict[str, object] = dict(document.data)
        self.changed = False
        self._clock = clock
        #: Containers that are this transaction's own: only these are changed in place.
        self._own: dict[int, object] = {id(self.data): self.data}

    @property
    def state(self) -> State:
        """The typed view of the document as it was read, before this transaction's changes."""
        return self.document.state

    def get(self, path: StatePath) -> object:
        """The value at `path`, with this transaction's changes; not to be changed. Raises StateError."""
        return lookup(self.data, path)

    def has(self, path: StatePath) -> bool:
        """Whether there is a value at `path`, with this transaction's changes."""
        try:
            lookup(self.data, path)
        except StateError:
            return False
        return True

    def set(self, path: StatePath, value: object) -> None:
        """Put a value (plain data or a struct) at `path`; missing mappings on the way are made."""
        keys, plain = keys_of(path), _plain(value)
        refuse_deep(plain, above=len(keys))
        *parents, last = keys
        self._mapping(parents)[str(last)] = plain
        self.changed = True

    def merge(self, path: StatePath, values: Mapping[str, object] | msgspec.Struct) -> None:
        """Put each of `values` beside what is at `path`. A struct's unset (None) fields are left alone."""
        plain = _plain(values)
        assert isinstance(plain, dict)  # noqa: S101 - structs and mappings both become dicts
        if isinstance(values, msgspec.Struct):
            plain = {key: value for key, value in plain.items() if value is not None}
        keys = keys_of(path)
        refuse_deep(plain, above=len(keys))
        self._mapping(keys).update(plain)
        self.changed = True

    def delete(self, path: StatePath) -> None:
        """Remove what is at `path`; nothing there is fine."""
        *parents, last = keys_of(path)
        if self.has(parents) and isinstance(self.get(parents), dict) and self.has(path):
            del self._mapping(parents)[str(last)]
            self.changed = True

    def restore(self, data: Mapping[str, object]) -> None:
        """Take over the document `data`, but for what is history: serial, lineage, run, events, requests, intents.

        Raises StateInvalidError where its configuration is another one.
        """
        _refuse_other_configuration(self.data, data)
        kept = {key: self.data[key] for key in _HISTORY if key in self.data}
        metadata = _mapping_at(data, "metadata") | {
            key: value for key, value in _mapping_at(self.data, "metadata").items() if key in _OWN_METADATA
        }
        self.data = {key: value for key, value in data.items() if key not in _HISTORY} | kept
        self.data["metadata"] = metadata
        self._own = {id(self.data): self.data}
        self.changed = True

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
        self.data["events"] = [*events, event]
        self.changed = True

    def begin_operation(
        self,
        name: str,
        *,
        kind: str,
        target: str,
        phase: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Record the intent of a side effect outside, before it happens."""
        operation: dict[str, object] = {"kind": kind, "target": target}
        operation["started_at"] = timestamp(self._clock.now())
        if phase is not None:
            operation["phase"] = phase
        if details:
            operation["details"] = dict(details)
        self.set(("pending_operations", name), operation)

    def end_operation(self, name: str) -> None:
        """Record that a side effect's outcome is known; the changes beside it say which."""
        self.delete(("pending_operations", name))

    def stamp(self, serial: int, lineage: str) -> None:
        """Number the version that is about to be committed; the store does this, once."""
        metadata = self._mapping(["metadata"])
        metadata["serial"] = serial
        metadata["last_updated"] = timestamp(self._clock.now())
        metadata.setdefault("lineage", lineage)
        # A numbered version without its trail would pass for one that was cut off.
        self.data.setdefault("events", [])

    def _mapping(self, keys: list[str | int]) -> dict[str, object]:
        """The mapping at `keys`, ours to change: it and every container on the way are copied, once."""
        here: dict[str, object] | list[object] = self.data
        for key in keys:
            inner = lookup(here, [key]) if isinstance(here, list) else here.get(str(key))
            if inner is None:
                inner = {}
            if not isinstance(inner, dict | list):
                raise StateError(f"{'.'.join(map(str, keys))}: {key} holds a value, not a mapping")
            if id(inner) not in self._own:
                inner = inner.copy()
                self._own[id(inner)] = inner
                if isinstance(here, list):
                    here[int(key)] = inner
                else:
                    here[str(key)] = inner
            here = inner
        if not isinstance(here, dict):
            raise StateError(f"{'.'.join(map(str, keys))} is a list, not a mapping")
        return here


def _refuse_other_configuration(present: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    if present.get("configuration") != wanted.get("configuration"):
        raise StateInvalidError(
            "configuration: the snapshot cannot be changed after creation",
            hint="destroy and deploy again to use another configuration",
        )


def _mapping_at(data: Mapping[str, object], key: str) -> dict[str, object]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise StateInvalidError(f"{key}: expected a mapping", hint=RECOVERY_HINT)
    return value


def _plain(value: object) -> object:
    return msgspec.to_builtins(value, str_keys=True)
