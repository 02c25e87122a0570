"""Findings that say the same of many places, told once: the first of them, and how many more there are. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from k0rdent_azure.errors import Fault

Item = TypeVar("Item")

#: So many of a group are shown; one more is shown too, in place of a line that only counts it.
SHOWN = 3
#: What differs between places of one kind: names of VMs, indices, addresses, numbers, and what is quoted.
_NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|[\w./:-]*\d[\w./:-]*")


@dataclass(frozen=True)
class Group(Generic[Item]):
    """`shown` are its first items, in order; `more` is how many others say the same."""

    shown: Sequence[Item]
    more: int


def grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> Iterator[Group[Item]]:
    """Items of one key together, each group at the place of its first item."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    for found in groups.values():
        shown = found if len(found) <= SHOWN + 1 else found[:SHOWN]
        yield Group(shown, len(found) - len(shown))


def fault_kind(fault: Fault) -> tuple[str, ...]:
    """What faults of one cause have in common: all but the names, indices and values in them."""
    said = (_NAMES.sub("*", part) for part in (fault.message, fault.expected or ""))
    return (fault.severity, fault.file or "", kind_of_place(fault), *said)


def kind_of_place(fault: Fault) -> str:
    """The path of a fault with `*` for the names and positions in it."""
    return ".".join("*" if _NAMES.fullmatch(part) else part for part in fault.path.split("."))
