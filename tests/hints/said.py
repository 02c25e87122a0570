"""Every place in the product's source that says a command to a person, found by reading the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from k0rdent_azure.cli.main import COMMANDS
from tests.hints.commands import PROGRAM, foreign_commands, product_commands
from tests.test_layers import SOURCE

#: The simulated cloud says nothing to users, and the generated config is compared by tests/documentation.
_SILENT = ("rehearsal/", "config/templates.py", "cli/completion.py")
_HOLE = re.compile(r"\{[^{}]*\}")
#: A hole that begins a workspace's command lines.
_PROGRAM_HOLE = re.compile(r"\{[^{}]*\b(?:program|PROGRAM)\b[^{}]*\}")
#: A command that is named without the program: "run resume", "then destroy", "see `state check`".
_SHORT = re.compile(
    rf"`(?P<quoted>(?:{'|'.join(COMMANDS)})(?: [a-z-]+)*)`"
    rf"|\b(?:run|then|or) (?P<named>{'|'.join(COMMANDS)})(?= *(?:$|[;,.:)]| to | again\b| with\b| later\b))"
)
#: What says nothing of its own: it puts the program before words that others choose.
_TRANSPARENT = {
    "cli/workspace.py",
    "cli/status.py: {''}",
    "cli/status.py: status",
    "cli/main.py: {__version__}",
    "report/progress.py",
}


@dataclass(frozen=True, order=True)
class Said:
    """`text` is the literal with its holes as `{expression}`; `command` is what it says.

    The product's commands stand without the program, those named in passing in parentheses, holes are `{}`.
    """

    module: str
    line: int
    text: str
    command: str
    foreign: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the product prints if it says this literal: without `-C`, and anything in its holes."""
        text = _PROGRAM_HOLE.sub(PROGRAM, self.text)
        return re.compile(".*?".join(map(re.escape, _HOLE.split(text))), re.DOTALL)

    @property
    def key(self) -> str:
        """What a situation claims: it stays the same if only the words around the command change."""
        return f"{self.module}: {self.command}"


@cache
def said() -> tuple[Said, ...]:
    """All of them, in the order of the source."""
    found: list[Said] = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        if not module.startswith(_SILENT):
            found.extend(_of_module(module, path))
    return tuple(sorted({each for each in found if not _TRANSPARENT & {each.module, each.key}}))


def _of_module(module: str, path: Path) -> Iterator[Said]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    quiet = set(_not_said(tree))
    for node in ast.walk(tree):
        if id(node) in quiet:
            continue
        if isinstance(node, ast.Call) and _is_command_of_workspace(node):
            words = _text(node.args[0]) or "{" + ast.unparse(node.args[0]) + "}"
            yield Said(module, node.lineno, f"{PROGRAM} {words}", _without_holes(words), foreign=False)
        text = _text(node)
        if text is not None and isinstance(node, ast.expr):
            for command in _of_the_product(text):
                yield Said(module, node.lineno, text, command, foreign=False)
            for command in _of_others(text):
                yield Said(module, node.lineno, text, command, foreign=True)


def _of_the_product(text: str) -> Iterator[str]:
    plain = _PROGRAM_HOLE.sub(PROGRAM, text)
    for match in re.finditer(rf"{PROGRAM} (\{{[^{{}}]*\}})", plain):
        yield match[1]
    filled = _HOLE.sub("HOLE", plain)
    for command in product_commands(filled):
        yield _without_holes(command.partition(" ")[2])
    for match in _SHORT.finditer(filled):
        yield f"({match['quoted'] or match['named']})"


def _of_others(text: str) -> Iterator[str]:
    # What runs on a host, and what says that it failed, is no advice.
    if text.startswith(("kubectl ", "sudo -n ", "command -v ", "ssh ", "sudo ")):
        return
    for command in foreign_commands(_HOLE.sub("HOLE", text)):
        yield _without_holes(command)


def _without_holes(words: str) -> str:
    return words if words.startswith("{") else re.sub(r"\S*HOLE\S*|\{[^{}]*\}", "{}", words)


def _is_command_of_workspace(node: ast.Call) -> bool:
    """`workspace.command(words)`."""
    return isinstance(node.func, ast.Attribute) and node.func.attr == "command" and len(node.args) == 1


def _not_said(tree: ast.Module) -> Iterator[int]:
    """Docstrings, parts of a longer literal, and what argparse prints for `--help`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from (id(part) for part in node.values)
        elif isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id.strip("_") == "EPILOG" for name in node.targets
        ):
            yield id(node.value)
        elif isinstance(node, ast.keyword) and node.arg in ("help", "description", "epilog"):
            yield from (id(part) for part in ast.walk(node.value))


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    return None


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value).replace("{", "").replace("}", "") + "}"
    assert isinstance(node, ast.Constant)
    return str(node.value)
