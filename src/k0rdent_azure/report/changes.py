"""Differences between two versions of the state, as lines and as rows for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.report.text import clean, shorten

if TYPE_CHECKING:
    from k0rdent_azure.state.compare import Change
    from k0rdent_azure.state.resources import Resource

#: As many characters of a value are shown on a line.
_SHOWN = 72
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def change_lines(changes: Iterable[Change], *, hidden: str) -> Iterator[str]:
    """`+ path: new`, `- path: old`, `~ path: old -> new`; of a value that is `hidden` only that it changed."""
    for change in changes:
        old, new = (_short(side) for side in (change.old, change.new))
        said = {"added": new, "removed": old, "changed": f"{old} -> {new}"}[change.kind]
        if change.kind == "changed" and change.old == change.new == hidden:
            said = "(secret) changed"
        yield f"{_SIGNS[change.kind]} {clean(change.path)}: {said}"


def change_rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    """Keys: path, kind, old, new."""
    return [
        {"path": change.path, "kind": change.kind, "old": change.old, "new": change.new} for change in changes
    ]


def resource_lines(resources: Iterable[Resource]) -> Iterator[str]:
    """`vm k0s-worker-3 (/subscriptions/…)`."""
    for each in resources:
        where = f" ({clean(each.id)})" if each.id else ""
        yield f"  {each.kind} {clean(each.name)}{where}"


def _short(value: object) -> str:
    return shorten(clean(msgspec.json.encode(value, enc_hook=str).decode()), _SHOWN)
