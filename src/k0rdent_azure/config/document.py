"""A YAML file as a tree that remembers lines, read so that no input can hurt: only faults come out.

The tree is built from parser events, not by PyYAML's composer: the composer recurses (deep nesting would end
the process) and resolves YAML 1.1 scalars (`1.10` would become 1.1, `no` False, `0x10` 16). Here a scalar
keeps its text; `config.reading` turns it into what its setting wants.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import yaml

from k0rdent_azure.config.lookahead import opened_ahead
from k0rdent_azure.config.nodes import Mapping, Node, Scalar, Sequence
from k0rdent_azure.config.surrogates import HalfError, StandIns, stand_ins
from k0rdent_azure.errors import ConfigError, Fault

#: A configuration is some kilobytes; whatever is larger is another file.
MAX_BYTES = 1_000_000
#: `kof` of the ancestor nests five deep.
MAX_DEPTH = 40
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
#: Nobody reads more; a file with as many is no configuration.
MAX_FAULTS = 100

#: What YAML allows in a stream (1.2 section 5.1); NUL and other control characters are the usual faults.
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_bytes(path: Path, label: str) -> bytes:
    """The file's bytes. Raises ConfigError where it is missing, no regular file, unreadable or far too big."""
    try:
        # A pipe or a device would block or never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unusable(label, "is not a file" if not path.is_dir() else "is a directory, not a file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{label}: no such file",
            faults=[Fault(path="", message="no such file", file=label)],
            hint="write one with: k0rdent-azure init",
        ) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise _unusable(label, f"cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise _unusable(label, f"is larger than {MAX_BYTES:,} bytes; that is no configuration")
    return data


def _unusable(label: str, reason: str) -> ConfigError:
    return ConfigError(f"{label} {reason}", faults=[Fault(path="", message=reason, file=label)])


def parse(data: bytes, label: str) -> tuple[Mapping | None, list[Fault]]:
    """The document's tree, None where it could not be read to its end, and everything wrong with its YAML."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [_fault(label, line, "not UTF-8 text", expected="a text file in UTF-8")]
    odd = _NOT_TEXT.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        what = "NUL" if odd.group() == "\0" else f"control character U+{ord(odd.group()):04X}"
        return None, [_fault(label, line, f"{what} in the file", expected="plain text")]
    halves = stand_ins(text)
    text = text if halves is None else halves.put_into(text)
    builder = _Builder(label, halves)
    try:
        complete = builder.build(text)
    except yaml.YAMLError as error:
        complete = False
        builder.stop(error, text)
    root = builder.root
    if complete and isinstance(root, Mapping):
        return root, builder.faults
    if not builder.faults:
        empty = root is None or (isinstance(root, Scalar) and root.is_null)
        message = "the file is empty" if empty else "the file does not hold settings"
        builder.faults.append(
            _fault(label, None, message, expected="a mapping with azure, cluster, vm_sizing")
        )
    return None, builder.faults


class _Builder:
    """Turns events into the tree, without recursion, and notes what a configuration may not hold."""

    def __init__(self, label: str, halves: StandIns | None = None) -> None:
        self.label = label
        self._halves = halves
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        #: The key that waits for its value, for each open mapping (None: a key comes next).
        self._keys: list[Scalar | None] = []
        #: Characters up to the end of the newest event.
        self._read = 0

    def build(self, text: str) -> bool:
        """False where reading on made no sense. Raises yaml.YAMLError."""
        documents = 0
        for event in _events(text):
            line = 1 if event.start_mark is None else event.start_mark.line + 1
            self._read = self._read if event.end_mark is None else event.end_mark.index
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._note(line, "a second YAML document", expected="one document in the file")
                    return False
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
                self._keys.pop()
            elif isinstance(event, yaml.NodeEvent) and not self._accept(event, line):
                return False
            if len(self.faults) >= MAX_FAULTS:
                return False
        return True

    def stop(self, error: yaml.YAMLError, text: str) -> None:
        """The parser gave up; nesting that it read ahead is ours to name."""
        fault = _syntax_fault(error, text, self.label)
        if len(self._open) + opened_ahead(text, self._read, error) > MAX_DEPTH:
            self._note(fault.line or 1, _TOO_DEEP)
        else:
            self.faults.append(fault)

    def _accept(self, event: yaml.NodeEvent, line: int) -> bool:
        """Take one node in; False where reading on makes no sense."""
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            message = f"alias {_shown(f'*{event.anchor}')}"
            self._note(line, message, expected="the value written out; aliases are not supported")
        elif tag is not None:
            self._note(line, f"tag {_shown(tag)}", expected="a plain value; tags are not supported")
        node: Node
        if isinstance(event, yaml.MappingStartEvent):
            node = Mapping(line=line)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence(line=line)
        else:
            node = self._scalar(event, line)
        if not self._attach(node, line):
            return False
        if not isinstance(node, Scalar):
            self._open.append(node)
            self._keys.append(None)
            if len(self._open) > MAX_DEPTH:
                self._note(line, _TOO_DEEP)
                return False
        return True

    def _scalar(self, event: yaml.NodeEvent, line: int) -> Scalar:
        text, style = getattr(event, "value", ""), getattr(event, "style", None)
        if self._halves is not None:
            try:
                text = self._halves.restored(text, escapes=style == '"')
            except HalfError as error:
                self._note(line, str(error), expected="both halves, or the character itself")
                # One fault is enough: what is left of the text is no value.
                return Scalar("", line)
        return Scalar(text, line, quoted=bool(style))

    def _attach(self, node: Node, line: int) -> bool:
        if not self._open:
            self.root = node
            return True
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return True
        key = self._keys[-1]
        if key is None:
            if not isinstance(node, Scalar):
                self._note(line, "a list or mapping used as a key", expected="a plain name before the colon")
                return False
            self._keys[-1] = node
            return True
        self._keys[-1] = None
        if key.text in parent.entries:
            first = parent.lines[key.text]
            self._note(key.line or line, f"key {_shown(key.text)} is given twice, first on line {first}")
        else:
            parent.entries[key.text] = node
            parent.lines[key.text] = key.line or line
        return True

    def _note(self, line: int, message: str, *, expected: str | None = None) -> None:
        self.faults.append(_fault(self.label, line, message, expected=expected))


def _events(text: str) -> Iterator[yaml.Event]:
    loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from yaml.parse(text, Loader=loader)


def _syntax_fault(error: yaml.YAMLError, text: str, label: str) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "not YAML"
    line = None if mark is None else mark.line + 1
    lines = text.splitlines()
    if line is not None and line <= len(lines) and "\t" in lines[line - 1][: _indent(lines[line - 1]) + 1]:
        problem = "a tab in the indentation"
        return _fault(label, line, problem, expected="spaces")
    return _fault(label, line, f"not YAML: {problem}")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _fault(label: str, line: int | None, message: str, *, expected: str | None = None) -> Fault:
    return Fault(path="", message=message, file=label, line=line, expected=expected)


def _shown(text: str) -> str:
    return repr(text[:60])
