"""YAML in and out. Strings are always quoted, so that YAML 1.1 and 1.2 parsers read the same values.

Parsing accepts what a person may write (comments, any quoting, plain scalars) and refuses what no state file
needs and an attacker would use: tags, duplicate keys, aliases that multiply, endless nesting.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from k0rdent_azure.errors import Fault, StateInvalidError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
#: A state file needs no aliases at all; a hand may use a few.
MAX_ALIASES = 50

HEADER = b"# Written by k0rdent-azure, which rewrites this file; `k0rdent-azure state check` verifies it.\n"

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

#: What may nest deeply enough to hurt a recursive parser: many flow brackets, indicators in a row, deep indents.
_SUSPICIOUS = re.compile(rb"(?:[-?] +){40}|^ {130}", re.MULTILINE)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_AMBIGUOUS_KEYS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class _StateLoader(_Loader):  # type: ignore[misc, valid-type]
    """YAML 1.2's core scalars (no `yes`, no timestamps, no octal), no tags, no duplicate keys."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise _Refused("keys must be text", key.start_mark)
            if key.value in seen:
                raise _Refused(f"the key {key.value!r} stands twice in one mapping", key.start_mark)
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
# PyYAML reads `010` as octal, as YAML 1.1 did; 1.2 says ten.
_StateLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


class _StateDumper(_Dumper):  # type: ignore[misc, valid-type]
    """Every text in double quotes, keys plain where no parser can misread them, no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True

    def represent_mapping(
        self,
        tag: str,
        mapping: object,
        flow_style: bool | None = None,  # noqa: ARG002
    ) -> MappingNode:
        assert isinstance(mapping, Mapping)  # noqa: S101 - PyYAML registers it for dicts only
        pairs = [(_key_node(str(key)), self.represent_data(value)) for key, value in mapping.items()]
        return MappingNode(tag, pairs, flow_style=not pairs)


def _represent_text(_dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", text, style='"')


def _key_node(key: str) -> ScalarNode:
    plain = _PLAIN_KEY.match(key) and key.lower() not in _AMBIGUOUS_KEYS
    return ScalarNode("tag:yaml.org,2002:str", key, style=None if plain else '"')


_StateDumper.add_representer(str, _represent_text)


def parse(text: bytes, *, source: str) -> dict[str, object]:
    """The document in `text`. Raises StateInvalidError with the line; `source` names the file in it."""
    _precheck(text, source)
    try:
        document = yaml.load(text, _StateLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        raise _invalid(error, source) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise StateInvalidError(f"{source} is not a state file: {error}", hint=RECOVERY_HINT) from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else f"a {type(document).__name__}"
        raise StateInvalidError(
            f"{source} is not a state file: expected a mapping, found {found}", hint=RECOVERY_HINT
        )
    return document


def dump(document: Mapping[str, object]) -> bytes:
    """The document as bytes, the same for equal documents."""
    body: bytes = yaml.dump(
        document,
        Dumper=_StateDumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
        encoding="utf-8",
    )
    return HEADER + body


def positions(text: bytes) -> dict[str, int]:
    """The line (from 1) of each dotted path in a document that parses; used to place a fault."""
    node = yaml.compose(text, _StateLoader)
    return dict(_walk(node, "")) if node is not None else {}


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


RECOVERY_HINT = "see `k0rdent-azure state check`; the last good version is beside it as .backup"


def _precheck(text: bytes, source: str) -> None:
    if len(text) > MAX_BYTES:
        raise StateInvalidError(
            f"{source} has {len(text)} bytes; expected at most {MAX_BYTES}", hint=RECOVERY_HINT
        )
    if b"\0" in text:
        line = text[: text.index(b"\0")].count(b"\n") + 1
        raise StateInvalidError(f"{source}:{line}: a NUL byte; the file is damaged", hint=RECOVERY_HINT)
    brackets = text.count(b"[") + text.count(b"{")
    if brackets <= MAX_DEPTH and b"*" not in text and not _SUSPICIOUS.search(text):
        return
    _check_shape(text, source)


def _check_shape(text: bytes, source: str) -> None:
    """Depth and aliases from the event stream, which does not recurse. Only suspicious files pay for it."""
    depth = aliases = 0
    try:
        for event in yaml.parse(text, _StateLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                what = f"nested deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else "too many aliases"
                line = event.start_mark.line + 1 if event.start_mark else "?"
                raise StateInvalidError(f"{source}:{line}: {what}", hint=RECOVERY_HINT)
    except yaml.YAMLError as error:
        raise _invalid(error, source) from None


def _invalid(error: yaml.YAMLError, source: str) -> StateInvalidError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    line = mark.line + 1 if mark is not None else None
    where = source if line is None else f"{source}:{line}"
    fault = Fault(path="", message=str(problem), file=source, line=line)
    return StateInvalidError(f"{where}: {problem}", faults=[fault], hint=RECOVERY_HINT)
