"""Writes by path check no types: `state set` makes them, and what works on documents as such, and nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction

SOURCE = Path(__file__).parent.parent.parent / "src" / "k0rdent_azure"
#: What may change a document by path, each for a reason of its own.
MAY = {
    "cli/state_change.py": "what a person names on the command line, with guards of its own",
    "state/draft.py": "is the way by path",
    "state/editor.py": "checks what it writes",
    "state/sections.py": "hands the draft to the editors",
    "state/transaction.py": "events, intents, and the version's number",
    "state/store.py": "a new document gets a lineage of its own",
    "state/rollback.py": "takes over components of another version, whatever they hold",
    "state/secrets.py": "private keys, wherever they stand",
    "state/secrets_at_rest.py": "private keys, wherever they stand, and to whom they are encrypted",
}
WRITES = {"set", "merge", "delete", "put", "setdefault", "update"}


def by_path(tree: ast.AST) -> Iterator[str]:
    """What in a module reaches a document by path, or passes a path of the state as text to something that writes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("by_path", "_draft"):
            yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Constant) and node.value in ("by_path", "_draft"):
            yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("k0rdent_azure.state"):
            names = {alias.name for alias in node.names} & {"Draft", "draft", "Sections", "sections"}
            yield from (f"line {node.lineno}: import of {name}" for name in sorted(names))
        elif isinstance(node, ast.Call) and node.args and _is_path(node.args[0]):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in WRITES:
                yield f"line {node.lineno}: {name} with a path"


def _is_path(argument: ast.expr) -> bool:
    """Whether an argument is the beginning of a path of the state: dotted text, or a tuple or list of keys."""
    if isinstance(argument, ast.JoinedStr):
        return bool(argument.values) and _is_path(argument.values[0])
    if isinstance(argument, ast.Tuple | ast.List):
        return len(argument.elts) > 1 and _is_section(argument.elts[0])
    return isinstance(argument, ast.Constant) and "." in str(argument.value) and _is_section(argument)


def _is_section(value: ast.expr) -> bool:
    first = str(value.value).partition(".")[0] if isinstance(value, ast.Constant) else ""
    return first in State.__struct_fields__


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_else_writes_by_path(path: Path) -> None:
    relative = path.relative_to(SOURCE).as_posix()
    found = list(by_path(ast.parse(path.read_text(encoding="utf-8"))))
    if relative in MAY:
        assert relative == "state/draft.py" or found, f"{relative} does not: remove it from the list"
    else:
        assert not found, f"{relative}: {found}; use an editor (state/sections.py)"


@pytest.mark.parametrize(
    "code",
    [
        'tx.by_path.set(("metadata", "serial"), 1)',
        'getattr(tx, "by_path").delete("events")',
        'tx.vm("x")._draft.merge(["x"], {})',
        "from k0rdent_azure.state.draft import Draft",
        "from k0rdent_azure.state import draft as other",
        'tx.set("azure_resources.virtual_machines.x.status", "running")',
        'tx.set(f"phases.{name}.step", "x")',
        'writer.merge(("wireguard", "peers", name), {})',
        'writer.put(["k0rdent", "components"], {})',
    ],
)
def test_it_would_be_found(code: str) -> None:
    assert list(by_path(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        'tx.vm(name).update(status="running")',
        "asked.set()",
        'known.update({"metadata": 1})',
        'x.set("a.b", 1)',
    ],
)
def test_other_code_is_left_alone(code: str) -> None:
    assert not list(by_path(ast.parse(code)))


def test_a_transaction_has_no_way_by_path_but_that_one() -> None:
    assert not {"set", "merge", "delete", "get", "has", "put"} & set(dir(Transaction))
