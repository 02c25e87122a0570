"""Tells a new key that the schema does not know from a slip of the keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from k0rdent_azure.nearest import nearest
from k0rdent_azure.state.identity import fields_of, item_of
from k0rdent_azure.state.model import State
from k0rdent_azure.state.paths import shown

#: How alike a key must be to one of the schema's to be taken for a slip; 1 is the same.
LIKENESS = 0.75


class UnknownKey:
    """A path whose last key the schema does not know; `near` is the key that may be meant."""

    __slots__ = ("near", "path")

    def __init__(self, path: str, near: str | None) -> None:
        self.path = path
        self.near = near


def unknown_keys(path: Sequence[str], value: object) -> Iterator[UnknownKey]:
    """What the schema does not know on the way to `path`, or in the `value` that is to stand there.

    Names in a mapping of names (VMs, peers, phases) are free. What is below an unknown key is as free as itself.
    """
    kind: object = State
    for index, key in enumerate(path):
        fields = fields_of(kind)
        if fields is not None and key not in fields:
            yield _unknown(path[: index + 1], fields)
            return
        kind = fields[key] if fields is not None else item_of(kind)
    yield from _inside(kind, value, list(path))


def _inside(kind: object, value: object, path: list[str]) -> Iterator[UnknownKey]:
    fields = fields_of(kind)
    if isinstance(value, dict):
        for key, inner in value.items():
            if fields is not None and key not in fields:
                yield _unknown([*path, key], fields)
            else:
                yield from _inside(fields[key] if fields is not None else item_of(kind), inner, [*path, key])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _inside(item_of(kind), inner, [*path, str(index)])


def _unknown(path: Sequence[str], fields: Mapping[str, object]) -> UnknownKey:
    return UnknownKey(shown(path), nearest(path[-1], fields, likeness=LIKENESS))
