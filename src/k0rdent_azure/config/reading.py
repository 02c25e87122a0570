"""How a node of the YAML tree, or the text of a variable or flag, becomes the value that its setting wants."""

from __future__ import annotations

import re
from collections.abc import Callable

from k0rdent_azure.config.model import IgnoreRule
from k0rdent_azure.config.nodes import Mapping, Node, Scalar, Sequence
from k0rdent_azure.config.settings import Kind, Setting

_WHOLE = re.compile(r"[-+]?[0-9]{1,9}")
#: Also lone surrogates, which stand for bytes that were not UTF-8 in a variable or an argument.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Unfit(Exception):  # noqa: N818 - not an error of the tree: it becomes a Fault one call further up
    """A node is not what the setting wants; `line` is where, if the tree came from a file."""

    def __init__(
        self, message: str, *, expected: str | None, line: int | None, found: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.expected, self.line, self.found = message, expected, line, found


def shown(text: str) -> str:
    """A foreign value in a message: short, quoted, control characters escaped."""
    return repr(text if len(text) <= 60 else text[:60] + "…")


def describe(node: Node) -> str:
    """What stands there, in words."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.is_null else shown(node.text)


def read(setting: Setting, node: Node) -> object:
    """The node as the setting's type. Raises Unfit."""
    if setting.optional and isinstance(node, Scalar) and (node.is_null or not node.text):
        return None
    if isinstance(node, Scalar) and node.is_null:
        if setting.kind == "text map":
            return {}
        raise Unfit("has no value", expected=setting.expected, line=node.line)
    return _READERS[setting.kind](setting, node)


def node_from_text(setting: Setting, text: str) -> Node:
    """A variable's or flag's text as a node: lists as `a,b` or `[a, b]`, maps as `name=value,name=value`."""
    if setting.kind not in ("numbers", "texts", "text map"):
        return Scalar(text, quoted=setting.kind == "text" and not setting.optional)
    inner = text.strip()
    if inner[:1] + inner[-1:] in ("[]", "{}"):
        inner = inner[1:-1]
    parts = [part.strip().strip("'\"") for part in inner.split(",") if part.strip()]
    if setting.kind != "text map":
        return Sequence([Scalar(part, quoted=True) for part in parts])
    pairs = [part.partition("=") for part in parts]
    for name, equals, _ in pairs:
        if not equals:
            raise Unfit(f"{shown(name)} has no value", expected="name=value,name=value", line=None)
    return Mapping({name.strip(): Scalar(value.strip(), quoted=True) for name, _, value in pairs})


def check_text(text: str, line: int | None = None) -> str:
    """The text itself. Raises Unfit where it holds control characters, which no setting may."""
    if _CONTROL.search(text):
        raise Unfit("holds control characters", expected="plain text", line=line, found=shown(text))
    return text


def _text_map(setting: Setting, node: Node) -> dict[str, str]:
    if not isinstance(node, Mapping):
        raise _unfit(setting.expected, node)
    return {check_text(key): _text("text", item) for key, item in node.entries.items()}


def _rules(setting: Setting, node: Node) -> tuple[IgnoreRule, ...]:
    return tuple(_rule(setting, item) for item in _items(setting, node))


def _rule(setting: Setting, node: Node) -> IgnoreRule:
    if not isinstance(node, Mapping):
        raise _unfit(setting.expected, node)
    given = {name: _text("text", item) for name, item in node.entries.items()}
    for name in given:
        if name not in IgnoreRule.__struct_fields__:
            known = ", ".join(sorted(IgnoreRule.__struct_fields__))
            line = node.lines.get(name)
            raise Unfit("a rule has no such key", expected=f"one of {known}", line=line, found=shown(name))
    if not given.get("reason", "").strip():
        raise Unfit("a rule says why, in `reason`", expected="a text", line=node.line)
    if "until" in given:
        _check_day(given["until"], node.entries["until"].line)
    return IgnoreRule(**given)


def _check_day(text: str, line: int | None) -> None:
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError:
        raise Unfit("not a day", expected="a day such as 2027-01-31", line=line, found=shown(text)) from None


def _text(expected: str, node: Node) -> str:
    if not isinstance(node, Scalar) or node.is_null:
        raise _unfit(expected, node)
    return check_text(node.text, node.line)


def _number(expected: str, node: Node) -> int:
    if not isinstance(node, Scalar) or not _WHOLE.fullmatch(node.text.strip()):
        raise _unfit(expected, node)
    return int(node.text)


def _choice(setting: Setting, node: Node) -> str:
    text = _text(setting.expected, node)
    for choice in setting.choices:
        if choice.lower() == text.lower():
            return choice
    raise Unfit("not allowed", expected=setting.expected, line=node.line, found=describe(node))


def _items(setting: Setting, node: Node) -> list[Node]:
    if not isinstance(node, Sequence):
        raise _unfit(setting.expected, node)
    return node.items


def _unfit(expected: str, node: Node) -> Unfit:
    return Unfit("wrong type", expected=expected, line=node.line, found=describe(node))


_READERS: dict[Kind, Callable[[Setting, Node], object]] = {
    "text": lambda setting, node: _text(setting.expected, node),
    "number": lambda setting, node: _number(setting.expected, node),
    "choice": _choice,
    "numbers": lambda setting, node: tuple(_number("a whole number", item) for item in _items(setting, node)),
    "texts": lambda setting, node: tuple(_text("text", item) for item in _items(setting, node)),
    "text map": _text_map,
    "rules": _rules,
}
