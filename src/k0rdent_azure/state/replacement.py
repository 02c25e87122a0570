"""The next version of a state whose present one cannot be read: an older copy, and the newer events that could be."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from k0rdent_azure.state.checks import check, refuse_errors
from k0rdent_azure.state.events import seal
from k0rdent_azure.state.lock import user_name
from k0rdent_azure.state.newer_events import newer_events, unproven
from k0rdent_azure.state.rewriting import rewritten
from k0rdent_azure.state.secrets import seal_secrets
from k0rdent_azure.state.transaction import Transaction

if TYPE_CHECKING:
    from k0rdent_azure.clock import Clock
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.salvage import Salvage
    from k0rdent_azure.state.storage import Storage


class Replacement:
    """Made of `document`, the copy, and of what is `legible` of the damaged text. Only inside `storage.writing()`."""

    def __init__(
        self,
        storage: Storage,
        document: Document,
        legible: Salvage,
        *,
        clock: Clock,
        with_events: bool = True,
    ) -> None:
        self._storage = storage
        self._legible = legible
        self._transaction = Transaction(document, clock)
        found = newer_events(document, legible, storage) if with_events else []
        self.unproven = unproven(document, found)
        # They are linked anew, to the copy's last event; without a gap that gives the same links.
        self.taken = [{key: value for key, value in event.items() if key != "chain"} for event in found]
        present = document.data.get("events")
        inline = present if isinstance(present, list) else []
        self._known = len(inline)
        self._transaction.data["events"] = [*inline, *self.taken]

    def number(self, highest: int) -> int:
        """Give it the next serial after `highest` and after that of the damaged text; returns it.

        Where that cannot be read, one number is left to it, so that no two versions ever have the same.
        """
        lost = highest + 1 if self._legible.serial is None else self._legible.serial
        serial = max(highest, lost) + 1
        self._transaction.stamp(serial, str(uuid.uuid4()))
        return serial

    def tell(self, source: str, damaged: str | None) -> None:
        """Add the event `recovered`."""
        self._tell("recovered", f"restored from {source}", damaged)

    def tell_rebuilt(self, sources: str, damaged: str | None) -> None:
        """Add the event `state_rebuilt`: there was no copy, so this says what the document was made of."""
        self._tell("state_rebuilt", f"made anew from {sources}", damaged)

    def _tell(self, action: str, message: str, damaged: str | None) -> None:
        facts = [f"by {user_name()}"]
        facts.append("there was no state file" if damaged is None else f"the file before is {damaged}")
        if self.taken:
            facts.append(f"{len(self.taken)} newer events taken over")
        if self._legible.events_unread:
            facts.append(f"{self._legible.events_unread} more could not be read")
        phase = self._transaction.state.metadata.deployment_phase
        self._transaction.event(phase, action, message, details="; ".join(facts))

    def content(self) -> bytes:
        """The new version's text; its older events are in segments then. Raises StateInvalidError."""
        seal_secrets(self._transaction)
        data = self._transaction.data
        refuse_errors(check(data), text=b"", source="the restored state (not written)")
        seal(data, known=self._known, storage=self._storage)
        return rewritten(self._transaction.document, data)[1]
