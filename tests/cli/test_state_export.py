"""`state export`: shells read back exactly what is in the state, and no private key leaves it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.state_export import shell_lines, variable
from k0rdent_azure.errors import StateError
from k0rdent_azure.state.codec import dump
from tests.report.states import complete, key

SHELLS = ["bash", "dash", "sh"]
PREFIX = "K0RDENT_AZURE_STATE_"
WORKER = ("azure_resources", "virtual_machines", "k0s-worker-1")
#: Texts that a careless quoting breaks, or runs.
NASTY = {
    "quote": "it's",
    "quotes": "'\"'\"'",
    "dollar": "$HOME ${HOME} $(touch pwned) `touch pwned`",
    "backslash": "\\ \\n \\\\ \\'",
    "lines": "one\ntwo\n\n",
    "blanks": "  a\tb  ",
    "glob": "* ? [a-z] ~ {a,b}",
    "signs": "; & | < > ( ) # !x %s",
    "return": "a\rb",
    "escape": "\x1b[31m\x07\x01\x7f",
    "unicode": "ünï ☃ 漢字 \u202e \x81\x88",
    "empty": "",
    "dash": "-n",
    "assignment": "A=b",
}


def write(folder: Path, data: Any) -> None:
    path = folder / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(data))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, complete())
    return tmp_path


def export(folder: Path, *words: str) -> int:
    return main(["-C", str(folder), "state", "export", *words])


def in_shell(shell: str, folder: Path, script: str) -> str:
    """What `script` prints after `eval "$(k0rdent-azure state export --shell)"` in that shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell} (Debian: {shell})")
    command = f'eval "$("{sys.executable}" -m k0rdent_azure state export --shell)"\n{script}'
    done = subprocess.run([shell, "-uc", command], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_read_every_value_back(shell: str, tmp_path: Path) -> None:
    data = complete()
    data["notes"] = NASTY
    write(tmp_path, data)
    names = [variable(("notes", name), PREFIX) for name in NASTY]
    # A sign at the end keeps the newlines that `$(…)` and the like would drop; NUL parts the values.
    printed = in_shell(shell, tmp_path, "".join(f'printf "%s.\\0" "${name}"\n' for name in names))
    assert printed.removesuffix("\0").split("\0") == [f"{text}." for text in NASTY.values()]
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_get_every_kind_of_value(shell: str, folder: Path) -> None:
    wanted = {
        ("metadata", "serial"): "73",
        ("metadata", "clock_speed"): "60.0",
        ("metadata", "deployment_phase"): "complete",
        ("wireguard", "laptop_config", "setup_complete"): "true",
        (*WORKER, "public_ip"): complete()["azure_resources"]["virtual_machines"]["k0s-worker-1"][
            "public_ip"
        ],
    }
    script = "".join(f'echo "${variable(path, PREFIX)}"\n' for path in wanted)
    assert in_shell(shell, folder, script).splitlines() == list(wanted.values())


def test_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(folder, "--shell", "--prefix", "K0S_") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "K0S_AZURE_RESOURCES_VIRTUAL_MACHINES_K0S_WORKER_1_STATUS=running" in lines
    assert all(line.startswith(("K0S_", "# left out: ")) for line in lines)
    for prefix in ("", "1A_", "A-", "A B", "A=1;B"):
        assert export(folder, "--shell", "--prefix", prefix) == 2


@pytest.mark.parametrize(("prefix", "warned"), [(PREFIX, False), ("K0RDENT_", True)])
def test_exported_variables_are_taken_for_no_settings(folder: Path, prefix: str, warned: bool) -> None:
    """After `set -a` they reach our own commands, which warn of variables that look like settings and are none."""
    assert main(["-C", str(folder), "init", "--template", "minimal", "--cloud", "rehearsal", "--yes"]) == 0
    script = (
        f'set -a; eval "$("{sys.executable}" -m k0rdent_azure state export --shell --prefix {prefix})"\n'
        f'"{sys.executable}" -m k0rdent_azure config validate --json'
    )
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert bool(json.loads(done.stdout)["faults"]) is warned


def test_private_keys_and_lists_are_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(folder, "--shell") == 0
    out = capsys.readouterr().out
    assert "PRIVATE_KEY" not in out
    assert "HOST-SECRET" not in out
    assert key("k0s-worker-1 secret") not in out
    assert "EVENTS" not in out
    secrets = len(complete()["azure_resources"]["virtual_machines"]) + len(complete()["wireguard"]["peers"])
    assert out.splitlines()[-1].startswith(f"# left out: {secrets} private key(s), ")


def test_one_name_for_two_paths_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = complete()
    data["notes"] = {"a-b": 1, "a_b": 2}
    write(folder, data)
    assert export(folder, "--shell") == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "notes.a-b and notes.a_b would both be K0RDENT_AZURE_STATE_NOTES_A_B" in captured.err
    assert export(folder, "--json") == 0
    with pytest.raises(StateError):
        shell_lines({"a": {"b": 1}, "A.B": 2}, "X_")


def test_null_and_what_no_shell_can_hold() -> None:
    lines = shell_lines({"a": None, "b": {"c": "x\0y", "d": []}, "é": {}}, "X_")
    assert lines == ["X_A=''", "# left out: 1 text(s) with a NUL, 1 list(s)"]


def test_json_is_the_document_without_private_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(folder, "--json") == 0
    out = capsys.readouterr().out
    assert "HOST-SECRET" not in out
    assert key("k0s-worker-1 secret") not in out
    found, data = json.loads(out), complete()
    assert list(found) == list(data)
    assert found["events"] == data["events"]
    assert found["wireguard"]["peers"]["k0s-worker-1"]["private_key"].startswith("(secret")
    del found["wireguard"], data["wireguard"], found["azure_resources"], data["azure_resources"]
    assert found == data


def test_one_form_must_be_chosen(folder: Path) -> None:
    for words in ([], ["--shell", "--json"]):
        with pytest.raises(SystemExit):
            export(folder, *words)
    assert export(folder / "..", "--shell") == 4
