"""How a process starts: the offline commands import little, and what `entry` sets is undone where it must be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from k0rdent_azure.state.codec import dump
from tests.report.states import complete

#: Each of these takes longer than reading a small state file; `inspect` comes with `dataclasses` and with
#: `typing_extensions`, which msgspec would import.
COSTLY = {
    "inspect",
    "dataclasses",
    "yaml",
    "hashlib",
    "secrets",
    "random",
    "shutil",
    "tempfile",
    "asyncio",
    "rich",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deployment-state.yaml").write_bytes(dump(complete()))
    return tmp_path


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("words", [["status", "--json"], ["state", "get", "metadata.serial"]])
def test_what_an_offline_command_does_not_import(words: list[str], folder: Path) -> None:
    told = python("-X", "importtime", "-m", "k0rdent_azure", "-C", str(folder), *words).stderr
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "k0rdent_azure.state.store" in imported
    assert not imported & COSTLY


def test_typing_extensions_is_there_for_whoever_wants_it_later() -> None:
    script = (
        "import sys; from k0rdent_azure.cli.main import entry\n"
        "sys.argv[1:] = ['--version']\n"
        "try: entry()\n"
        "except SystemExit: pass\n"
        "print('msgspec' in sys.modules, 'typing_extensions' in sys.modules)\n"
        "import typing_extensions"
    )
    assert python("-c", script).stdout.splitlines()[-1] == "True False"


def test_a_typing_extensions_that_is_in_use_stays() -> None:
    script = (
        "import sys, typing_extensions as kept; from k0rdent_azure.cli.main import entry\n"
        "sys.argv[1:] = ['--version']\n"
        "try: entry()\n"
        "except SystemExit: pass\n"
        "print(sys.modules['typing_extensions'] is kept)"
    )
    assert python("-c", script).stdout.splitlines()[-1] == "True"
