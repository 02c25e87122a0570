"""A YAML tree that keeps each scalar as it was written, and its line; and plain data from it and into it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """`text` as written, escapes resolved; `quoted` scalars are never null, numbers or booleans."""

    text: str
    line: int | None = None
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    items: list[Node] = field(default_factory=list)
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the order of the file; of a repeated key only the first is kept (it is a fault anyway)."""

    entries: dict[str, Node] = field(default_factory=dict)
    line: int | None = None
    lines: dict[str, int] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The node as plain data, scalars read as YAML 1.2's core schema would (and huge numbers left as text)."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.text if node.quoted else _resolved(node)


def _resolved(scalar: Scalar) -> object:
    text = scalar.text
    if scalar.is_null:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text):
        return text
    number = float(text)
    # A number that Python would write otherwise could not be found again in a snapshot.
    return number if _DECIMAL.fullmatch(repr(number)) else text


def tree(value: object) -> Node:
    """The reverse of `plain`: text is quoted, so that it stays text."""
    if isinstance(value, dict):
        return Mapping({str(key): tree(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Sequence([tree(item) for item in value])
    if isinstance(value, str):
        return Scalar(value, quoted=True)
    if value is None:
        return Scalar("")
    return Scalar(str(value).lower() if isinstance(value, bool) else str(value))
