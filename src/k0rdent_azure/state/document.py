"""One document as it was read: plain data, a typed view of it, and access by path."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.model import State

#: Dotted text, or a sequence of keys where a key may itself hold a dot.
StatePath = str | Sequence[str | int]


class Document:
    """What a file held when it was read. Nobody changes `data`; a transaction works on its own copy."""

    def __init__(self, data: dict[str, object], *, path: Path, text: bytes) -> None:
        self.data = data
        self.path = path
        self.text = text

    @cached_property
    def state(self) -> State:
        """The typed view. Raises StateInvalidError where the schema is broken."""
        return load_state(self.data)

    @property
    def serial(self) -> int:
        return self.state.metadata.serial

    @property
    def lineage(self) -> str | None:
        return self.state.metadata.lineage

    def get(self, path: StatePath) -> object:
        """The value at `path`. Raises StateError naming where the path leaves the document."""
        return lookup(self.data, path)


def load_state(data: object) -> State:
    """Convert a plain document. Raises StateInvalidError with the path of the first fault."""
    try:
        return msgspec.convert(data, State)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").lstrip(".") or "the document"
        raise StateInvalidError(f"{place}: {message}") from None


def keys_of(path: StatePath) -> list[str | int]:
    """`a.b.0` as ["a", "b", "0"]; list positions stay text until they meet a list."""
    if isinstance(path, str):
        return [part for part in path.split(".") if part]
    return list(path)


def lookup(data: object, path: StatePath) -> object:
    """The value at `path` in plain data. Raises StateError."""
    here, walked = data, ""
    for key in keys_of(path):
        here = _step(here, key, walked)
        walked = f"{walked}.{key}" if walked else str(key)
    return here


def _step(here: object, key: str | int, walked: str) -> object:
    place = walked or "the document"
    if isinstance(here, dict):
        if str(key) in here:
            return here[str(key)]
        near = difflib.get_close_matches(str(key), list(here), n=1)
        known = ", ".join(list(here)[:12]) + (", …" if len(here) > 12 else "")
        hint = f"did you mean {near[0]}?" if near else f"known here: {known or 'nothing'}"
        raise StateError(f"there is no {key} in {place}", hint=hint)
    if isinstance(here, list):
        try:
            return here[int(key)]
        except (ValueError, IndexError):
            raise StateError(
                f"there is no item {key} in {place}", hint=f"it has {len(here)} items, from 0"
            ) from None
    raise StateError(f"{place} holds a value, not a mapping; there is no {key} in it")
