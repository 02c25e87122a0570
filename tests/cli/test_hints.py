"""Commands in hints run when they are pasted into a shell, wherever the workspace is and whatever it is called."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.command_line import program, shell_folder, shell_word
from k0rdent_azure.report.text import clean
from k0rdent_azure.state.codec import dump
from tests.report.states import complete

NAMES = [
    "plain", "a b", " ends with a blank ", "it's", 'say "so"', "`id`", "$HOME", "$(id)", "back\\slash", "semi;colon",
    "new\nline", "ends with a line\n", "tab\t", "100%s", "~tilde", "-dash", "*", "a&b|c>d", "#x", "!x", "ünï ✓ 🚀",
    "\x1b[31mred", "zero\u200bwidth", "right\u202eleft", "bytes\udcff", "{a,b}", "[x]", "k0rdent-azure status",
]  # fmt: skip
SHELLS = [
    shell
    for shell in ("sh", "bash", "dash")
    if any(map(os.path.exists, (f"/bin/{shell}", f"/usr/bin/{shell}")))
]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_each_name_as_it_is(shell: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in NAMES]
    for folder in folders:
        folder.mkdir()
    words = [shell_folder(folder) for folder in folders]
    assert [clean(word) for word in words] == words, "a terminal shows something else"
    script = "".join(f"cd {word} && pwd -P | od -An -v -tx1 | tr -d ' \\n'; echo\n" for word in words)
    done = subprocess.run([shell], input=script, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    shown = [bytes.fromhex(line) for line in done.stdout.split()]
    assert shown == [os.fsencode(folder) + b"\n" for folder in folders]


@pytest.mark.parametrize("name", ["-x", "-n", "--help"])
def test_a_relative_folder_never_begins_an_option(name: str) -> None:
    assert shlex.split(shell_folder(Path(name))) == [f"./{name}"]
    assert shell_word("k0s-worker-1") == "k0s-worker-1"


@pytest.mark.parametrize("name", NAMES)
def test_every_hint_names_the_workspace_as_the_shell_wants_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors of every floor: also those that know nothing of the workspace."""
    folder = tmp_path / name
    folder.mkdir()
    wanted = program(folder.resolve())
    assert main(["-C", str(folder), "deploy", "--yes"]) != 0
    assert f"{wanted} init" in _hint(capsys)
    assert main(["-C", str(folder), "state", "get", "a"]) == 4
    assert f"{wanted} init" in _hint(capsys)
    assert main(["-C", str(folder), "init", "--template", "minimal", "--cloud", "rehearsal", "--yes"]) == 0
    assert f"then: {wanted} deploy" in capsys.readouterr().out
    (folder / "deployment-state.yaml").write_bytes(b"{")
    assert main(["-C", str(folder), "status"]) == 4
    assert f"{wanted} recover" in _hint(capsys)
    (folder / "deployment-state.yaml").write_bytes(dump(complete()))
    assert main(["-C", str(folder), "unlock", "3f9c0a7be412"]) == 4
    assert f"{wanted} lock show" in _hint(capsys)
    assert main(["-C", str(folder), "snapshot", "show", "x"]) != 0
    assert f"{wanted} snapshot create" in _hint(capsys)
    assert main(["-C", str(folder), "status"]) == 0
    assert f"--kubeconfig {shell_folder(folder.resolve() / 'k0sctl-config')}"[:-20] in _unwrapped(capsys)


def _hint(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.partition("hint: ")[2]


def _unwrapped(capsys: pytest.CaptureFixture[str]) -> str:
    return re.sub(r"[│\s]+", " ", capsys.readouterr().out)


def test_the_hint_of_a_recorded_failure_is_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was recorded by a run that may have had another workspace, or none in mind."""
    document = yaml.safe_load(dump(complete()))
    document["metadata"]["deployment_status"] = "failed"
    document["metadata"]["failure"] = {
        "phase": "vm_creation",
        "message": "no",
        "at": "2025-01-07T15:30:00Z",
        "hint": "see: k0rdent-azure doctor",
    }
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "deployment-state.yaml").write_bytes(dump(document))
    assert main(["-C", str(folder), "status", "--json"]) == 0
    assert f"see: k0rdent-azure -C '{folder}' doctor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hint", "placed"),
    [
        ("see: k0rdent-azure status", "see: k0rdent-azure -C '/a b' status"),
        ("run `k0rdent-azure secrets status`", "run `k0rdent-azure -C '/a b' secrets status`"),
        ("k0rdent-azure -C '/a b' resume", "k0rdent-azure -C '/a b' resume"),
        ("k0rdent-azure deploy; or k0rdent-azure destroy --without-azure", None),
        ("the k0rdent-azure project", "the k0rdent-azure project"),
        ("cd /src/k0rdent-azure status", "cd /src/k0rdent-azure status"),
        ("go on with: k0rdent-azure resume --yes", "go on with: k0rdent-azure -C '/a b' resume --yes"),
    ],
)
def test_commands_in_a_hint_get_the_workspace(
    hint: str, placed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = placed or hint.replace("k0rdent-azure ", "k0rdent-azure -C '/a b' ")
    assert Workspace(Path("/a b")).placed(hint) == wanted
    monkeypatch.chdir("/")
    assert Workspace(Path("/")).placed(hint) == hint


@pytest.mark.parametrize(
    "kind", ["empty", "missing", "file", "fifo", "circle", "below a file", "too long", "deleted"]
)
def test_a_workspace_that_is_none_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "circle").symlink_to("circle")
    words = {"empty": "", "below a file": "file/x", "too long": "x" * 5000, "deleted": "."}.get(kind, kind)
    if kind == "deleted":
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
    try:
        code = main(["-C", words, "status"])
    except SystemExit as end:
        code = int(str(end.code))
    told = capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert code == 2, told
    assert "internal error" not in told
    if kind == "missing":
        assert "hint: mkdir -p missing" in told
    elif kind != "empty":
        assert "mkdir" not in told or kind == "below a file"


def test_from_a_deleted_folder_another_workspace_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deployment-state.yaml").write_bytes(dump(complete()))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["-C", str(tmp_path), "status"]) == 0
    assert main(["-C", str(tmp_path), "config", "show"]) in (0, 3)
    assert "internal error" not in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
