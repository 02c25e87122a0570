"""docs/api.md and the recipes of docs/scripting.md: their code runs, their names exist."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.generate import DOCS

import k0rdent_azure
from k0rdent_azure import open_state
from k0rdent_azure.cli.main import COMMANDS
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.storage import Storage
from k0rdent_azure.state.store import FileStore
from k0rdent_azure.state.transaction import Transaction
from tests.report.states import complete

API = (DOCS / "api.md").read_text(encoding="utf-8")
SCRIPTING = (DOCS / "scripting.md").read_text(encoding="utf-8")
CLASSES = {kind.__name__: kind for kind in (FileStore, Document, Transaction, Storage)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table() -> list[tuple[str, str, str]]:
    """The rows of the plan's functions."""
    section = API.partition("## The plan's functions")[2].partition('"Not yet" belongs')[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(plan.strip(), here.strip(), (command or [""])[0].strip()) for plan, here, *command in rows[2:]]


def names() -> list[str]:
    """What stands in code in the second column, without its arguments."""
    return sorted(
        {re.split(r"[(\[]", name)[0] for _, here, _ in table() for name in re.findall(r"`([^`]+)`", here)}
    )


def test_every_python_block_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", API, re.DOTALL)
    assert len(blocks) >= 7
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), scope)  # noqa: S102 - our own page
    out = capsys.readouterr().out
    assert "73 complete" in out
    assert "k0s-worker-1 20.205.113" in out
    assert open_state(folder).read().serial > 73


def test_the_plans_functions_are_all_there() -> None:
    told = "".join(plan for plan, _, _ in table())
    for function in (
        "init_deployment_state",
        "update_deployment_state",
        "get_deployment_state",
        "add_deployment_event",
        "refresh_vm_state",
        "refresh_vm_state_if_stale",
        "get_vm_info",
        "vm_data_is_stale",
        "sync_deployment_state",
        "validate_deployment_state",
        "recover_deployment_state",
    ):
        assert function in told


@pytest.mark.parametrize("name", names())
def test_every_python_name_exists(name: str) -> None:
    first, *rest = name.split(".")
    if first == "wireguard" or name.startswith((".", "snapshots/")) or name in ("last_checked", "resume"):
        return
    if first in CLASSES:
        assert hasattr(CLASSES[first], rest[0]) if rest else True
        return
    if not rest:
        assert hasattr(k0rdent_azure, name) or name in CLASSES
        return
    assert hasattr(importlib.import_module(f"k0rdent_azure.{'.'.join([first, *rest[:-1]])}"), rest[-1])


@pytest.mark.parametrize("command", sorted({c for *_, row in table() for c in re.findall(r"`([a-z]+)", row)}))
def test_every_command_exists(command: str) -> None:
    assert command in COMMANDS


def test_open_state(folder: Path) -> None:
    file = folder / "deployment-state.yaml"
    for path in (file, str(file), folder, "deployment-state.yaml", "."):
        assert open_state(path).path.resolve() == file.resolve()
    assert open_state().read().serial == 73
    assert not open_state(folder / "other.yaml").exists()


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_the_recipes_for_scripts_run(folder: Path, shell: str) -> None:
    section = SCRIPTING.partition("### Sharing the state with scripts")[2]
    recipes = re.findall(r"```(?:sh|console)\n(.*?)```", section, re.DOTALL)[:3]
    ours = f'k0rdent-azure() {{ "{sys.executable}" -m k0rdent_azure "$@"; }}\n'
    if shell == "dash":
        # Its functions take no dash in their names.
        ours, recipes = (
            ours.replace("k0rdent-azure", "ours"),
            [r.replace("k0rdent-azure ", "ours ") for r in recipes],
        )
    script = ours + "set -eu\n" + "\n".join(recipes)
    done = subprocess.run([shell, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.splitlines()[-1]
        == complete()["azure_resources"]["virtual_machines"]["k0s-controller"]["public_ip"]
    )
    document = open_state(folder).read()
    assert document.get("notes.slot") == 1
    assert document.get("events.-1.action") == "slot_taken"
