"""The layout of a file that a person or another program wrote: the place of each value, from the YAML parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from k0rdent_azure.state.layout import Entry, Items, Layout, Section
from k0rdent_azure.state.strict_yaml import compose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Line breaks that YAML knows and Python's `split("\n")` does not.
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_COMMENT = re.compile(r"[ \t]*(?:[ \t]#.*)?\Z")


class _OtherStyleError(Exception):
    """Not laid out line by line; its owner is kept whole, or written anew when it changes."""


def read_layout(text: str, data: Mapping[str, object]) -> Layout | None:
    """The layout of `text`, which `data` was read from; None where it has to be written anew as a whole."""
    if _OTHER_BREAKS.search(text) or text.startswith("\ufeff"):
        return None
    node = compose(text)
    if not isinstance(node, MappingNode) or _has_aliases(node, set()):
        return None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    try:
        root, end = _section(node, data, lines, after=-1)
    except _OtherStyleError:
        return None
    trail = _join(lines[end + 1 :])
    return Layout(root, header=_take_header(root), trail=trail, is_canonical=False)


def _take_header(root: Section) -> str:
    """What is the file's, and not its first key's: directives, `---`, and comments above a blank line."""
    first = next(iter(root.entries.values()))
    lines = first.lead.splitlines(keepends=True)
    own = (at for at, line in enumerate(lines, 1) if not line.strip() or line.startswith(("%", "---")))
    header = "".join(lines[: max(own, default=0)])
    first.lead = first.lead.removeprefix(header)
    first.text = first.text.removeprefix(header)
    return header


def _has_aliases(node: Node, seen: set[int]) -> bool:
    """An alias is the same node at a second place; changing one place would change the other."""
    if id(node) in seen:
        return True
    seen.add(id(node))
    if isinstance(node, MappingNode):
        return any(_has_aliases(key, seen) or _has_aliases(value, seen) for key, value in node.value)
    return isinstance(node, SequenceNode) and any(_has_aliases(value, seen) for value in node.value)


def _section(
    node: MappingNode, data: Mapping[str, object], lines: Sequence[str], *, after: int
) -> tuple[Section, int]:
    """The section of a block mapping whose text begins after line `after`, and its last line."""
    if node.flow_style or not node.value:
        raise _OtherStyleError
    indent = node.value[0][0].start_mark.column
    entries: dict[str, Entry] = {}
    for key, value in node.value:
        line = key.start_mark.line
        if (
            key.value not in data
            or key.start_mark.column != indent
            or lines[line][:indent].strip(" ")
            or line <= after
        ):
            raise _OtherStyleError
        entry = _entry(key, value, data[key.value], lines)
        end = max(_last_line(value), key.end_mark.line)
        entry.lead = _join(lines[after + 1 : line])
        entry.text = entry.lead + _join(lines[line : end + 1])
        entries[key.value] = entry
        after = end
    return Section(data, indent, entries), after


def _entry(key: Node, value: Node, data: object, lines: Sequence[str]) -> Entry:
    """The entry without its text: what may be kept of it when its value changes."""
    entry = Entry(data, "")
    line = lines[key.start_mark.line]
    behind = line[key.end_mark.column :]
    if key.start_mark.line != key.end_mark.line or not behind.lstrip().startswith(":"):
        return entry
    colon = key.end_mark.column + behind.index(":") + 1
    entry.head = line[:colon]
    if not isinstance(value, CollectionNode) or value.flow_style:
        is_block = isinstance(value, ScalarNode) and value.style in ("|", ">")
        if not is_block and value.end_mark.line == key.start_mark.line:
            entry.comment = _comment(line[max(value.end_mark.column, colon) :])
        return entry
    if value.start_mark.line == key.start_mark.line or not _COMMENT.match(line[colon:]):
        return entry
    entry.comment = _comment(line[colon:])
    try:
        if isinstance(value, MappingNode) and isinstance(data, dict):
            entry.section, _ = _section(value, data, lines, after=key.start_mark.line)
        elif isinstance(value, SequenceNode) and isinstance(data, list):
            entry.items = _items(value, data, lines, after=key.start_mark.line)
    except _OtherStyleError:
        pass
    return entry


def _items(node: SequenceNode, data: Sequence[object], lines: Sequence[str], *, after: int) -> Items:
    """The items of a block list."""
    if node.flow_style or not node.value:
        raise _OtherStyleError
    indent = node.start_mark.column
    is_dash = re.compile(f" {{{indent}}}-(?: |$)").match
    texts: list[str] = []
    for item in node.value:
        # The item itself may begin below its dash.
        own = (line for line in lines[after + 1 : item.start_mark.line + 1] if not _COMMENT.match(f" {line}"))
        if not is_dash(next(own, "")):
            raise _OtherStyleError
        end = _last_line(item)
        texts.append(_join(lines[after + 1 : end + 1]))
        after = end
    return Items(data, texts, indent)


def _last_line(node: Node) -> int:
    """The last line of a value; a block collection's own end mark is where the next token begins."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(node, MappingNode):
            return max(int(last[0].end_mark.line), _last_line(last[1]))
        return _last_line(last)
    end: int = node.end_mark.line
    if isinstance(node, ScalarNode) and node.style in ("|", ">") and node.end_mark.column == 0:
        end -= 1
    return max(end, node.start_mark.line)


def _comment(rest: str) -> str:
    """What stands behind a value, if it is a comment and nothing else."""
    return rest.rstrip() if _COMMENT.match(rest) else ""


def _join(lines: Sequence[str]) -> str:
    return "".join([f"{line}\n" for line in lines])
