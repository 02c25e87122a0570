"""A document's next version while it is being made: changed by path, copying only what is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.canonical import refuse_deep
from k0rdent_azure.state.document import StatePath, keys_of, lookup
from k0rdent_azure.state.paths import shown


class Draft:
    """Access by path, which checks no types: for `state set`, and for what works on documents as such.

    What is not changed stays the same object as in the document, which is how the commit knows it.
    """

    def __init__(self, data: Mapping[str, object]) -> None:
        self.changed = False
        self.take(data)

    def take(self, data: Mapping[str, object]) -> None:
        """Go on from `data` instead."""
        self.data: dict[str, object] = dict(data)
        #: Containers that are this draft's own: only these are changed in place.
        self._own: dict[int, object] = {id(self.data): self.data}

    def get(self, path: StatePath) -> object:
        """The value at `path`, with the changes made so far; not to be changed. Raises StateError."""
        return lookup(self.data, path)

    def has(self, path: StatePath) -> bool:
        """Whether there is a value at `path`, with the changes made so far."""
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
        there = self.get(parents) if parents and self.has(parents) else None
        if isinstance(there, list):
            self._set_item(parents, str(last), plain)
        else:
            self.mapping(parents)[str(last)] = plain
        self.changed = True

    def _set_item(self, keys: Sequence[str | int], position: str, plain: object) -> None:
        """Put an item into a list; `-`, or one more than there are, adds one at the end."""
        items = self._container(keys)
        assert isinstance(items, list)  # noqa: S101 - the caller looked
        if position in ("-", str(len(items))):
            items.append(plain)
            return
        lookup(items, [position])
        items[int(position)] = plain

    def merge(self, path: StatePath, values: Mapping[str, object] | msgspec.Struct) -> None:
        """Put each of `values` beside what is at `path`. A struct's unset (None) fields are left alone."""
        plain = _plain(values)
        assert isinstance(plain, dict)  # noqa: S101 - structs and mappings both become dicts
        if isinstance(values, msgspec.Struct):
            plain = {key: value for key, value in plain.items() if value is not None}
        self.put(keys_of(path), plain)

    def put(self, keys: Sequence[str | int], plain: Mapping[str, object]) -> None:
        """Put plain data beside what is at `keys`."""
        refuse_deep(plain, above=len(keys))
        self.mapping(keys).update(plain)
        self.changed = True

    def delete(self, path: StatePath) -> None:
        """Remove what is at `path`; nothing there is fine."""
        *parents, last = keys_of(path)
        if not (self.has(parents) and self.has(path)):
            return
        here = self._container(parents)
        if isinstance(here, list):
            del here[int(last)]
        else:
            del here[str(last)]
        self.changed = True

    def mapping(self, keys: Sequence[str | int]) -> dict[str, object]:
        """The mapping at `keys`, ours to change: it and every container on the way are copied, once."""
        here = self._container(keys)
        if not isinstance(here, dict):
            raise StateError(f"{shown(keys)} is a list, not a mapping")
        return here

    def _container(self, keys: Sequence[str | int]) -> dict[str, object] | list[object]:
        here: dict[str, object] | list[object] = self.data
        for key in keys:
            inner = lookup(here, [key]) if isinstance(here, list) else here.get(str(key))
            if inner is None:
                inner = {}
            if not isinstance(inner, dict | list):
                raise StateError(f"{shown(keys)}: {key} holds a value, not a mapping")
            if id(inner) not in self._own:
                inner = inner.copy()
                self._own[id(inner)] = inner
                if isinstance(here, list):
                    here[int(key)] = inner
                else:
                    here[str(key)] = inner
            here = inner
        return here


def _plain(value: object) -> object:
    return msgspec.to_builtins(value, str_keys=True)
