"""Good copies of a state that cannot be read: which there are, and how old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.document import read_document

if TYPE_CHECKING:
    from k0rdent_azure.state.storage import Storage


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A version that can be read. `age_seconds` is the time since it was written."""

    name: str
    serial: int
    age_seconds: float

    @property
    def hint(self) -> str:
        """What to tell somebody whose state is damaged."""
        minutes = self.age_seconds / 60
        return f"the newest good copy is {self.name} ({minutes:.0f} min old, serial {self.serial})"


def newest_good_copy(storage: Storage) -> Copy | None:
    """The backup, if it can be read."""
    previous = storage.read_previous()
    if previous is None:
        return None
    text, age = previous
    name = f"{storage.where}.backup"
    try:
        document = read_document(text, source=name)
    except StateError:
        return None
    return Copy(name=name, serial=document.serial, age_seconds=age)
