"""The strict YAML parser, for whatever a person or another program wrote.

It accepts comments, any quoting and plain scalars, and refuses what no state file needs and an attacker would use:
tags, duplicate keys, aliases that multiply, endless nesting.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterator
from typing import ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from k0rdent_azure.config.lookahead import opened_ahead
from k0rdent_azure.config.surrogates import HalfError, StandIns, stand_ins
from k0rdent_azure.errors import Fault, StateInvalidError
from k0rdent_azure.state.canonical import MAX_DEPTH, key_fault, nests_deeper

#: A state file needs no aliases at all; a hand may use a few, which stand for no more than so many values.
MAX_ALIASES = 50
MAX_REPEATED = 10_000
#: Python itself refuses numbers of more than some thousand digits.
MAX_DIGITS = 1000

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: What may be half of a pair of JSON's escapes; most files have none.
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
#: What may be a number with an exponent and no dot.
_EXPONENT = re.compile(rb"[\s\[:,]-?[0-9]+[eE]")
#: What may nest deeply enough to hurt a recursive parser: many flow brackets, indicators in a row, deep indents.
_SUSPICIOUS = re.compile(rb"(?:[-?] +){40}|^ {130}", re.MULTILINE)


class _StateLoader(_Loader):  # type: ignore[misc, valid-type]
    """YAML 1.2's core scalars (no `yes`, no timestamps, no octal), no tags, no duplicate keys."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise _Refused("keys must be text", key.start_mark)
            if key.value in seen:
                raise _Refused(f"the key {key.value[:40]!r} stands twice in one mapping", key.start_mark)
            fault = key_fault(key.value)
            if fault is not None:
                raise _Refused(fault, key.start_mark)
            seen.add(key.value)
        constructed: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return constructed


class _Refused(yaml.MarkedYAMLError):
    def __init__(self, problem: str, mark: yaml.Mark | None) -> None:
        super().__init__(problem=problem, problem_mark=mark)


def _refuse_tag(_loader: yaml.SafeLoader, node: Node) -> object:
    raise _Refused(f"the tag {node.tag!r} is not allowed", node.start_mark)


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", list("tTfF")),
    ("int", r"[-+]?[0-9]+\Z", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z", list("-+.0123456789")),
):
    _StateLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
_StateLoader.add_constructor(None, _refuse_tag)
for _tag in ("binary", "timestamp", "omap", "pairs", "set", "merge"):
    _StateLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refuse_tag)


def _integer(loader: yaml.SafeLoader, node: ScalarNode) -> int:
    """PyYAML reads `010` as octal, as YAML 1.1 did; 1.2 says ten."""
    written = str(loader.construct_scalar(node))
    if len(written) > MAX_DIGITS:
        raise _Refused(f"a number has more than {MAX_DIGITS} digits", node.start_mark)
    return int(written)


def _decimal(loader: yaml.SafeLoader, node: ScalarNode) -> float:
    value = float(str(loader.construct_scalar(node)))
    if not math.isfinite(value):
        raise _Refused("a number is too large", node.start_mark)
    return value


_StateLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_StateLoader.add_constructor("tag:yaml.org,2002:float", _decimal)


class _JsonLoader(_StateLoader):
    """For a text that is JSON: `1e3` is a number there, in YAML 1.2 too. YAML 1.1's writers leave such a text plain."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {
        first: list(known) for first, known in _StateLoader.yaml_implicit_resolvers.items()
    }


_JsonLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]+\Z"), list("-0123456789")
)


def parse(text: bytes, *, source: str) -> object:
    """The document in `text`, of whatever kind it is. Raises StateInvalidError with the line."""
    text, halves = _readable(text)
    _refuse_dangerous(text, source)
    loader = (_JsonLoader if _is_json_with_exponents(text) else _StateLoader)(text)
    try:
        node = _composed(loader, halves)
        data: object = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _invalid(error, source) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise StateInvalidError(f"{source} is not a state file: {error}") from None
    finally:
        loader.dispose()
    if nests_deeper(data):
        raise StateInvalidError(f"{source}: nested deeper than {MAX_DEPTH}")
    return data


def compose(text: str) -> Node | None:
    """The node tree, with the place of every node, of a text that `parse` accepted."""
    written, halves = _readable(text.encode())
    loader = _StateLoader(written)
    try:
        return _composed(loader, halves)
    finally:
        loader.dispose()


def positions(text: bytes) -> dict[str, int]:
    """The line (from 1) of each dotted path in a document that parses; used to place a fault."""
    node = compose(text.decode())
    return dict(_walk(node, "")) if node is not None else {}


def _is_json_with_exponents(text: bytes) -> bool:
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" or _EXPONENT.search(text) is None:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _readable(text: bytes) -> tuple[bytes, StandIns | None]:
    """The text as libyaml reads it, and what to restore in its scalars."""
    if _HALVES.search(text) is None:
        return text, None
    written = text.decode()
    halves = stand_ins(written)
    return (text, None) if halves is None else (halves.put_into(written).encode(), halves)


def _composed(loader: yaml.SafeLoader, halves: StandIns | None) -> Node | None:
    node: Node | None = loader.get_single_node()
    if halves is not None:
        for scalar in _scalars(node, set()):
            try:
                scalar.value = halves.restored(scalar.value, escapes=scalar.style == '"')
            except HalfError as error:
                raise _Refused(str(error), scalar.start_mark) from None
    return node


def _scalars(node: Node | None, seen: set[int]) -> Iterator[ScalarNode]:
    """Each scalar once: an alias is the same node at a second place."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield node
        return
    for inner in node.value:
        for each in inner if isinstance(inner, tuple) else (inner,):
            yield from _scalars(each, seen)


def _walk(node: Node, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            yield inner, key.start_mark.line + 1
            yield from _walk(value, inner)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            inner = f"{path}.{index}"
            yield inner, value.start_mark.line + 1
            yield from _walk(value, inner)


def _refuse_dangerous(text: bytes, source: str) -> None:
    brackets = text.count(b"[") + text.count(b"{")
    if brackets <= MAX_DEPTH and b"*" not in text and not _SUSPICIOUS.search(text):
        return
    _check_shape(text, source)


def _check_shape(text: bytes, source: str) -> None:
    """Depth and aliases from the event stream, which does not recurse. Only suspicious files pay for it."""
    shape = _Shape()
    read = 0
    try:
        for event in yaml.parse(text, _StateLoader):
            shape.take(event)
            fault = shape.fault()
            if fault is not None:
                line = event.start_mark.line + 1 if event.start_mark else "?"
                raise StateInvalidError(f"{source}:{line}: {fault}")
            read = event.end_mark.index if event.end_mark else read
    except yaml.YAMLError as error:
        fault = shape.fault(ahead=opened_ahead(text, read, error))
        if fault is None:
            raise _invalid(error, source) from None
        raise StateInvalidError(f"{source}:{_line_of(error)}: {fault}") from None


class _Shape:
    """What a document would be with every alias written out."""

    def __init__(self) -> None:
        self.aliases = 0
        self.repeated = 0
        #: Of each open collection, its anchor and how many values stood before it.
        self._open: list[tuple[str | None, int]] = []
        self._values = 0
        self._sizes: dict[str, int] = {}

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self._open.pop()
            if anchor is not None:
                self._sizes[anchor] = self._values - before
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, self._values))
            self._values += 1
        elif isinstance(event, yaml.ScalarEvent):
            self._values += 1
            if event.anchor is not None:
                self._sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            size = self._sizes.get(event.anchor or "", 0)
            self.aliases += 1
            self.repeated += size
            self._values += size

    def fault(self, *, ahead: int = 0) -> str | None:
        """What is wrong so far, with `ahead` further collections open in what no event has told of."""
        # An empty collection at the very end does not count as nesting.
        if len(self._open) + ahead > MAX_DEPTH + 1:
            return f"nested deeper than {MAX_DEPTH}"
        return "too many aliases" if self.aliases > MAX_ALIASES or self.repeated > MAX_REPEATED else None


def _line_of(error: yaml.YAMLError) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else None


def _invalid(error: yaml.YAMLError, source: str) -> StateInvalidError:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    line = _line_of(error)
    where = source if line is None else f"{source}:{line}"
    fault = Fault(path="", message=str(problem), file=source, line=line)
    return StateInvalidError(f"{where}: {problem}", faults=[fault])
