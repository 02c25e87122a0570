"""The one way in which an expression gets into an ARM template.

Our functions build templates of plain values and of `Expression`s; `rendered` turns the whole into JSON, once. A plain
text is a value, whatever it looks like: nobody's tag, name or key can become an expression, and no text inside an
expression can end its quotes.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions#escape-characters
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_RESOURCE_ID = re.compile(r"\[resourceId\((?P<parts>'(?:[^']|'')*'(?:, '(?:[^']|'')*')+)\)\]")
_PART = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of ours; `text` is what stands between its brackets."""

    text: str

    def item(self, key: str) -> Expression:
        """`base['key']`."""
        return Expression(f"{self.text}[{_quoted(key)}]")

    def property(self, path: str) -> Expression:
        """`base.path`, where `path` is one of ours: names with dots between them."""
        return Expression(f"{self.text}.{path}")


def call(function: str, *arguments: str | Expression) -> Expression:
    """A function's call: texts are quoted, expressions stand as they are."""
    words = (each.text if isinstance(each, Expression) else _quoted(each) for each in arguments)
    return Expression(f"{function}({', '.join(words)})")


def rendered(value: object) -> object:
    """`value` as a template has it: expressions in brackets, every other text (and key) a literal.

    It is applied once to a whole template, nested ones included: with the inner evaluation scope, ARM evaluates what is
    nested once, as it does with the rest. Parameters are no part of a template, and are sent as they are.
    """
    if isinstance(value, Expression):
        return f"[{value.text}]"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, dict):
        return {literal(str(key)): rendered(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rendered(each) for each in value]
    return value


def literal(text: str) -> str:
    """`text` so that ARM reads it as that text.

    ARM takes for an expression what begins with `[` and ends with `]`, in values and in keys. What does not end with
    `]` must not be escaped: there, a second bracket would stay.
    """
    return f"[{text}" if text.startswith("[") and text.endswith("]") else text


def evaluated(value: object, resource_id: Callable[[str, list[str]], str]) -> object:
    """The reverse of `rendered`, for what is compared: literals as text, `resourceId(type, name…)` as an id.

    Other expressions stay as they stand.
    """
    if isinstance(value, dict):
        return {str(evaluated(key, resource_id)): evaluated(each, resource_id) for key, each in value.items()}
    if isinstance(value, list):
        return [evaluated(each, resource_id) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("[[") and value.endswith("]"):
        return value[1:]
    found = _RESOURCE_ID.fullmatch(value)
    if found is None:
        return value
    kind, *names = (part.replace("''", "'") for part in _PART.findall(found["parts"]))
    return resource_id(kind, names)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
