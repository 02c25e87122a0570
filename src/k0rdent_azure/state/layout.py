"""How a document stands in its file: which text belongs to which value.

A commit writes only what it changed: the text of everything else is taken over byte for byte. That keeps a
commit as cheap as its change, and it keeps what a person wrote: comments, order, quoting. The rule for these:

- A key that is not changed keeps its lines, and the comment lines above it, as they are.
- A value that is changed is written in our form; the comment lines above it and the comment behind it stay.
- What is removed goes with its comments. New keys come after the old ones. What stands at the top of the file above a
  blank line is nobody's, and stays.
- A list's items that stay keep their lines. A collection on one line (`{a: 1}`) that is changed is written anew.
- A file with aliases, a byte order mark, or line breaks other than LF, and one that is not laid out key by key (JSON,
  `? key`), is written anew as a whole, without its comments.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from k0rdent_azure.state import canonical
from k0rdent_azure.state.codec import HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Entry:
    """One key with its value, as whole lines: `text` is `lead`, the key's line, and what is below it."""

    __slots__ = ("comment", "head", "items", "lead", "section", "text", "value")

    def __init__(self, value: object, text: str) -> None:
        self.value = value
        self.text = text
        #: The lines between the entry above and this one: comments and blanks.
        self.lead = ""
        #: The key with its indent and colon; "" where it is in our form.
        self.head = ""
        #: What stands behind the value (or behind the key of a collection), with its spaces.
        self.comment = ""
        #: The inside of a mapping, where it is known.
        self.section: Section | None = None
        #: The items of a list, where they are known.
        self.items: Items | None = None


class Items:
    """A list in block style: its values, the lines of each, and how deep their dashes stand."""

    __slots__ = ("indent", "texts", "values")

    def __init__(self, values: Sequence[object], texts: list[str], indent: int) -> None:
        self.values = values
        self.texts = texts
        self.indent = indent


class Section:
    """A mapping in block style: its entries in order."""

    __slots__ = ("entries", "indent", "value")

    def __init__(self, value: Mapping[str, object], indent: int, entries: dict[str, Entry]) -> None:
        self.value = value
        self.indent = indent
        self.entries = entries

    def text(self) -> str:
        return "".join([entry.text for entry in self.entries.values()])


class Layout:
    """A whole file: the comment at its top, its sections, and what follows the last of them."""

    __slots__ = ("header", "is_canonical", "root", "trail")

    def __init__(
        self, root: Section, *, header: str = HEADER, trail: str = "", is_canonical: bool = True
    ) -> None:
        self.root = root
        self.header = header
        self.trail = trail
        #: Whether a person's hand is nowhere in it.
        self.is_canonical = is_canonical

    def text(self) -> bytes:
        return (self.header + self.root.text() + self.trail).encode()


def fresh(data: Mapping[str, object]) -> Layout:
    """The layout of a document in our own form. Raises StateInvalidError for what has none."""
    canonical.refuse_deep(dict(data))
    return Layout(_section(data, None, 0))


def changed(old: Layout, data: Mapping[str, object]) -> Layout:
    """The layout of `data`, which takes over from `old` the text of whatever is the same."""
    root = _section(data, old.root, 0)
    return Layout(root, header=old.header, trail=old.trail, is_canonical=old.is_canonical)


def _section(value: Mapping[str, object], old: Section | None, indent: int) -> Section:
    if old is not None:
        if old.value is value:
            return old
        indent = old.indent
    known = {} if old is None else old.entries
    entries: dict[str, Entry] = {}
    for key, inner in value.items():
        entry = known.get(key)
        if entry is None or not _same(entry.value, inner):
            entry = _entry(key, inner, entry, indent)
        entries[key] = entry
    return Section(value, indent, entries)


def _same(old: object, new: object) -> bool:
    """Whether two values have the same text: `1 == True == 1.0`, but they are three, and order counts."""
    if old is new:
        return True
    if type(old) is not type(new) or old != new:
        return False
    if isinstance(old, dict) and isinstance(new, dict):
        return list(old) == list(new) and all(map(_same, old.values(), new.values()))
    if isinstance(old, list) and isinstance(new, list):
        return all(map(_same, old, new))
    # 0.0 == -0.0
    return not isinstance(old, float) or repr(old) == repr(new)


def _entry(key: str, value: object, old: Entry | None, indent: int) -> Entry:
    new = Entry(value, "")
    if old is not None:
        new.lead, new.head, new.comment = old.lead, old.head, old.comment
    head = new.head or f"{' ' * indent}{canonical.key_text(key)}:"
    if isinstance(value, dict) and value:
        new.section = _section(value, old.section if old else None, indent + 2)
        new.text = f"{new.lead}{head}{new.comment}\n{new.section.text()}"
    elif isinstance(value, list) and value:
        new.items = _items(value, old.items if old else None, indent)
        new.text = f"{new.lead}{head}{new.comment}\n{''.join(new.items.texts)}"
    else:
        new.text = f"{new.lead}{head} {canonical.scalar(value)}{new.comment}\n"
    return new


def _items(values: Sequence[object], old: Items | None, indent: int) -> Items:
    if old is None:
        return Items(values, [canonical.item(value, indent) for value in values], indent)
    same = len(old.values)
    if len(values) >= same and all(map(operator.is_, old.values, values)):
        # Most lists only grow at their end, as the audit trail does.
        texts = old.texts + [canonical.item(value, old.indent) for value in values[same:]]
        return Items(values, texts, old.indent)
    # Those at either end stay where they are, whatever happens between; between them, those that were moved.
    most = min(same, len(values))
    first = next((at for at in range(most) if not _same(old.values[at], values[at])), most)
    most -= first
    last = next((at for at in range(most) if not _same(old.values[-1 - at], values[-1 - at])), most)
    known = {
        id(value): text
        for value, text in zip(old.values, old.texts, strict=True)
        if isinstance(value, dict | list)
    }
    between = [
        known.get(id(value)) or canonical.item(value, old.indent)
        for value in values[first : len(values) - last]
    ]
    return Items(values, [*old.texts[:first], *between, *old.texts[same - last :]], old.indent)
