"""The ARM template language: `[concat('a', parameters('b').c[0])]`, parsed to a tree and evaluated.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, invalid_template
from k0rdent_azure.rehearsal.arm.functions import FUNCTIONS, LAZY

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[().,\[\]]))"
)


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """`base.name` and `base[index]`: one operation in ARM, with names in any case."""

    base: Node
    key: Node


Node: TypeAlias = Literal | Call | Access
#: Functions that know the template at hand: `parameters`, `reference`, `copyIndex`, …
Resolve: TypeAlias = Callable[[str, list[object]], object]


def evaluate(value: object, resolve: Resolve) -> object:
    """`value` with every expression in it, at any depth, replaced by its result.

    `resolve` gets the functions that are not pure, by lower-case name. Raises ArmError (InvalidTemplate).
    """
    if isinstance(value, str):
        return _evaluate_text(value, resolve)
    if isinstance(value, list):
        return [evaluate(each, resolve) for each in value]
    if isinstance(value, dict):
        return {str(evaluate(key, resolve)): evaluate(each, resolve) for key, each in value.items()}
    return value


def _evaluate_text(text: str, resolve: Resolve) -> object:
    if not (text.startswith("[") and text.endswith("]")):
        # Where no bracket ends it, none that begins it is taken away either: `[[x` stays.
        return text
    if text.startswith("[["):
        return text[1:]
    try:
        return _run(parse(text[1:-1]), resolve)
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        raise invalid_template(
            f"The template language expression '{_short(text)}' cannot be evaluated: {error}"
        ) from error


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of one expression, without its brackets. Raises ArmError (InvalidTemplate)."""
    return _Parser(text).whole()


def _run(node: Node, resolve: Resolve) -> object:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Access):
        return access(_run(node.base, resolve), _run(node.key, resolve))
    name = node.name.lower()
    if name in LAZY:
        return LAZY[name]([_later(each, resolve) for each in node.arguments])
    arguments = [_run(each, resolve) for each in node.arguments]
    if name in FUNCTIONS:
        return FUNCTIONS[name](*arguments)
    return resolve(name, arguments)


def _later(node: Node, resolve: Resolve) -> Callable[[], object]:
    return lambda: _run(node, resolve)


def access(base: object, key: object) -> object:
    """A property (in any case) or an element. Raises ArmError where there is none."""
    if isinstance(base, dict):
        wanted = str(key).lower()
        for name, value in base.items():
            if str(name).lower() == wanted:
                return value
        known = ", ".join(f"'{name}'" for name in list(base)[:20])
        raise invalid_template(
            f"The language expression property '{key}' doesn't exist, available properties are {known}"
        )
    if isinstance(base, list | str) and isinstance(key, int) and 0 <= key < len(base):
        return base[key]
    raise invalid_template(f"The language expression property '{key}' can't be evaluated")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    def whole(self) -> Node:
        node = self._chain()
        if self._next != len(self._tokens):
            raise self._bad()
        return node

    def _chain(self) -> Node:
        node = self._primary()
        while self._peek() in (".", "["):
            if self._take() == ".":
                node = Access(node, Literal(self._take()))
            else:
                node = Access(node, self._chain())
                self._expect("]")
        return node

    def _primary(self) -> Node:
        token = self._take()
        if token.startswith("'"):
            return Literal(token[1:-1].replace("''", "'"))
        if token.lstrip("-").isdigit():
            return Literal(int(token))
        if self._peek() != "(" or not token[0].isalpha():
            raise self._bad()
        self._take()
        return Call(token, tuple(self._arguments()))

    def _arguments(self) -> Iterator[Node]:
        if self._peek() != ")":
            yield self._chain()
            while self._peek() == ",":
                self._take()
                yield self._chain()
        self._expect(")")

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise self._bad()
        self._next += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._take() != mark:
            raise self._bad()

    def _bad(self) -> ArmError:
        return invalid_template(f"Unable to parse language expression '{_short(self._text)}'")


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            raise invalid_template(f"Unable to parse language expression '{_short(text)}'")
        position = found.end()
        yield found.group(0).strip()


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
