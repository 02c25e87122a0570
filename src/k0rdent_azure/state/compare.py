"""What differs between two versions of a document, by path. No private key is ever in the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Literal

import msgspec

from k0rdent_azure.state.paths import shown
from k0rdent_azure.state.secrets import is_secret

#: Stands where a private key would.
HIDDEN = "(secret)"
#: What every commit changes says nothing about what was changed.
_LEFT_OUT = frozenset({("metadata", "serial"), ("metadata", "last_updated"), ("events",), ("event_history",)})
_ABSENT = object()

Keys = tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One value that is there in one version only, or is another one; `old` or `new` is None where it is absent.

    Lists, and mappings that are there in one version only, are one value. Private keys in them are `HIDDEN`.
    """

    keys: Keys
    kind: Literal["added", "removed", "changed"]
    old: object = None
    new: object = None

    @property
    def path(self) -> str:
        """The dotted path."""
        return shown(self.keys)


def compare(old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    """Everything that differs, in the order of the documents; the audit trail and the serial left out."""
    return [_change(keys, before, after) for keys, before, after in _differences(old, new, ())]


def changed_paths(old: Mapping[str, object], new: Mapping[str, object], *, limit: int) -> list[str]:
    """The dotted paths of the first `limit` differences."""
    return [shown(keys) for keys, _, _ in islice(_differences(old, new, ()), limit)]


def event_count(data: Mapping[str, object]) -> int:
    """How many events a document has in all, sealed ones included, as far as it says so itself."""
    history, events = data.get("event_history"), data.get("events")
    count = history.get("count") if isinstance(history, Mapping) else None
    return max(count if isinstance(count, int) else 0, len(events) if isinstance(events, list) else 0)


def hide(value: object, keys: Keys = ()) -> object:
    """A copy of the part of a document that stands at `keys`, without private keys; what is null stays so."""
    if value is not None and is_secret(keys):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: hide(inner, (*keys, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [hide(inner, keys) for inner in value]
    return value


def _differences(
    old: Mapping[str, object], new: Mapping[str, object], above: Keys
) -> Iterator[tuple[Keys, object, object]]:
    for key in dict.fromkeys([*old, *new]):
        keys = (*above, key)
        before, after = old.get(key, _ABSENT), new.get(key, _ABSENT)
        if before is after or keys in _LEFT_OUT:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, keys)
        elif not _same(before, after):
            yield keys, before, after


def _same(old: object, new: object) -> bool:
    """Equal in type too: 1, 1.0, true and "1" are four values. A NaN is the same as another one."""
    if old is new or type(old) is not type(new):
        return old is new
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(inner, new[key]) for key, inner in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return old == new or (old != old and new != new)  # noqa: PLR0124


def _change(keys: Keys, old: object, new: object) -> Change:
    if old is _ABSENT:
        return Change(keys=keys, kind="added", new=hide(new, keys))
    if new is _ABSENT:
        return Change(keys=keys, kind="removed", old=hide(old, keys))
    return Change(keys=keys, kind="changed", old=hide(old, keys), new=hide(new, keys))
