"""Looks a whole state file over: syntax, schema, values, references, and the audit trail to its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import Fault, StateInvalidError
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.checks import check, place
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.migrations import migrate

if TYPE_CHECKING:
    from k0rdent_azure.state.storage import Storage


class Inspection(msgspec.Struct, frozen=True):
    """Every fault and doubt, with its line where it stands in the file; `events` is how many were verified."""

    faults: Sequence[Fault]
    events: int = 0

    @property
    def errors(self) -> int:
        """How many of the faults refuse the file."""
        return sum(fault.severity == "error" for fault in self.faults)


def inspect(storage: Storage) -> Inspection:
    """Look at everything. Raises StateNotFoundError."""
    source = storage.where
    try:
        text = storage.read()
        data = migrate(parse(text, source=source))
        found, events = check(data), 0
        if not any(fault.severity == "error" for fault in found):
            history, events = verify_history(Document(data, text=text, source=source), storage)
            found += history
        found += _exposure(storage)
        return Inspection(place(found, text=text, source=source), events)
    except StateInvalidError as error:
        return Inspection(error.faults or [Fault(path="", message=error.message, file=source)])


def _exposure(storage: Storage) -> list[Fault]:
    exposed = storage.exposed()
    if exposed is None:
        return []
    what = "others can read the private keys in this file; the next commit narrows it"
    return [Fault(path="", message=what, expected="mode 0600", found=exposed, severity="warning")]
