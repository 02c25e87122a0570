"""Tells a new key that the schema does not know from a slip of the keyboard."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Union, get_args, get_origin

import msgspec

from k0rdent_azure.state.model import State

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
        fields = _fields(kind)
        if fields is not None and key not in fields:
            yield _unknown(path[: index + 1], fields)
            return
        kind = fields[key] if fields is not None else _item(kind)
    yield from _inside(kind, value, list(path))


def _inside(kind: object, value: object, path: list[str]) -> Iterator[UnknownKey]:
    fields = _fields(kind)
    if isinstance(value, dict):
        for key, inner in value.items():
            if fields is not None and key not in fields:
                yield _unknown([*path, key], fields)
            else:
                yield from _inside(fields[key] if fields is not None else _item(kind), inner, [*path, key])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _inside(_item(kind), inner, [*path, str(index)])


def _unknown(path: Sequence[str], fields: Mapping[str, object]) -> UnknownKey:
    near = difflib.get_close_matches(path[-1].lower()[:100], list(fields), n=1, cutoff=LIKENESS)
    return UnknownKey(".".join(path), near[0] if near else None)


def _fields(kind: object) -> Mapping[str, object] | None:
    """The keys of a struct with their types; None for what is none."""
    for choice in _choices(kind):
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return {field.encode_name: field.type for field in msgspec.structs.fields(choice)}
    return None


def _item(kind: object) -> object:
    """The type of the values in a mapping or a list; None where nothing is known of them."""
    for choice in _choices(kind):
        if get_origin(choice) in (dict, list):
            return get_args(choice)[-1]
    return None


def _choices(kind: object) -> tuple[object, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
