"""What differs between two versions of a document, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

#: What every commit changes says nothing about what was changed.
_ALWAYS = frozenset({"metadata.serial", "metadata.last_updated", "events", "event_history"})


def changed_paths(old: Mapping[str, object], new: Mapping[str, object], *, limit: int) -> list[str]:
    """The dotted paths of the first `limit` values that differ; history and the serial left out."""
    return list(islice(_differences(old, new, ""), limit))


def _differences(old: Mapping[str, object], new: Mapping[str, object], prefix: str) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        path = f"{prefix}{key}"
        before, after = old.get(key), new.get(key)
        if before is after or path in _ALWAYS:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{path}.")
        elif before != after or (key in old) != (key in new):
            yield path
