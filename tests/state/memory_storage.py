"""A storage in memory: a stand-in for the one on object storage to come.

There a write lock would be a compare-and-swap: `writing` would remember the document's entity tag, and `replace`
would put the new one with `If-Match`. Here one process plays all sides, so that an ordinary lock is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from k0rdent_azure.errors import StateInvalidError, StateNotFoundError


class MemoryStorage:
    """The contract of `state.storage.Storage`, kept in dictionaries. `now` is the age of nothing: always 0."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.previous: bytes | None = None
        self.aside: dict[str, bytes] = {}
        self.kept: dict[str, bytes] = {}
        self.is_writing = False
        self._lock = threading.Lock()

    @property
    def where(self) -> str:
        return "memory:deployment-state.yaml"

    def exists(self) -> bool:
        return self.content is not None

    def read(self) -> bytes:
        if self.content is None:
            raise StateNotFoundError(f"there is no state in {self.where}")
        return self.content

    def exposed(self) -> str | None:
        return None

    def read_previous(self) -> tuple[bytes, float] | None:
        return None if self.previous is None else (self.previous, 0.0)

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            self.is_writing = True
            try:
                yield
            finally:
                self.is_writing = False

    def replace(self, content: bytes, *, keep: bool) -> None:
        assert self.is_writing, "replace outside of writing"
        if keep:
            self.previous = self.content
        self.content = content

    def forget_previous(self) -> None:
        assert self.is_writing, "forget_previous outside of writing"
        self.previous = self.read()

    def set_aside(self, content: bytes, suffix: str) -> str:
        self.aside[suffix] = content
        return f"{self.where}{suffix}"

    def parts(self, folder: str) -> list[str]:
        return sorted(name for name in self.kept if name.startswith(f"{folder}/"))

    def read_part(self, name: str) -> bytes:
        try:
            return self.kept[name]
        except KeyError:
            raise StateInvalidError(f"cannot read {name}: there is no such part") from None

    def write_part(self, name: str, content: bytes) -> None:
        self.kept[name] = content

    def remove_part(self, name: str) -> None:
        self.kept.pop(name, None)
