"""The house's floors: imports go down, never up; `rehearsal` stands apart; `status` imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "k0rdent_azure"
PACKAGE = "k0rdent_azure"

#: What each room may import of the product. These are the ground floor.
GROUND = {"errors", "clock", "command_line", "descriptors", "home", "nearest"}
ALLOWED = {
    **{name: set() for name in GROUND},
    "descriptors": {"errors"},
    "config": {"config"} | GROUND,
    "state": {"state", "config"} | GROUND,
    "azure": {"azure", "state", "config", ""} | GROUND,
    "hosts": {"hosts", "state", "config"} | GROUND,
    "cluster": {"cluster", "hosts", "state", "config"} | GROUND,
    "phases": {"phases", "azure", "hosts", "cluster", "state", "config"} | GROUND,
    "report": {"report", "state", "config"} | GROUND,
    # Of `config` the table of regions alone, which is a fact of Azure's and no code of ours: see below.
    "rehearsal": {"rehearsal", "config"} | GROUND,
    "cli": {"cli", "report", "phases", "azure", "hosts", "cluster", "state", "config", "rehearsal", ""}
    | GROUND,
    "__main__": {"cli"},
    # `open_state`, the door of the Python API, which imports only when it is opened.
    "": {"state", "clock"},
}


def imports(path: Path) -> set[str]:
    """The rooms that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" if module == PACKAGE else module for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE:
                found.add("" if len(parts) > 1 and parts[1].startswith("__version") else [*parts, ""][1])
    return found


def room(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    if len(relative.parts) > 1:
        return relative.parts[0]
    return "" if relative.stem == "__init__" else relative.stem


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    forbidden = imports(path) - ALLOWED[room(path)]
    assert not forbidden, f"{path.relative_to(SOURCE)} imports {sorted(forbidden)}"


def test_the_rehearsal_shares_only_facts_about_azure() -> None:
    """A fault in code that both used would hide; a fact that stood in both would differ one day."""
    shared = {
        node.module
        for path in (SOURCE / "rehearsal").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}.config")
    }
    assert shared == {f"{PACKAGE}.config.regions"}


def test_every_room_is_listed() -> None:
    assert {room(path) for path in SOURCE.rglob("*.py")} == set(ALLOWED)


def test_the_package_itself_imports_nothing() -> None:
    """Every command pays for what stands at its top; `open_state` imports when it is called."""
    script = "import sys; import k0rdent_azure; print(*(n for n in sys.modules if n.split('.')[0] == 'k0rdent_azure'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["k0rdent_azure"]


@pytest.mark.parametrize("words", [["status", "--json"], ["state", "get", "metadata.serial"], ["--help"]])
def test_offline_commands_import_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    """asyncio, aiohttp, asyncssh, azure and rich cost tens of milliseconds each."""
    example = Path(__file__).parent / "data" / "state-example.yaml"
    (tmp_path / "deployment-state.yaml").write_bytes(example.read_bytes())
    script = (
        "import sys; from k0rdent_azure.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'asyncio', 'aiohttp', 'asyncssh', 'azure', 'rich'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "-C", str(tmp_path), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
