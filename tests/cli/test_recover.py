"""`recover` through the command line: what every other command points to when the state cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.state.codec import dump
from tests.report.states import complete, key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Serial 75, torn in the middle; the backup is serial 74, a snapshot serial 73."""
    state = tmp_path / "deployment-state.yaml"
    state.touch(mode=0o600)
    state.write_bytes(dump(complete()))
    assert main(["-C", str(tmp_path), "snapshot", "create", "--reason", "good"]) == 0
    for port in (51998, 51999):
        with Workspace(tmp_path).store().transaction() as tx:
            tx.by_path.set("wireguard.port", port)
            tx.by_path.set("wireguard.peers.mylaptop.private_key", key(f"SECRET-{port}"))
            tx.event("complete", "noted", f"port {port}")
    text = state.read_bytes()
    state.write_bytes(text.replace(b"k0rdent:\n  status:", b"k0rdent:\n  status"))
    return state


def run(path: Path, *words: str, expect: int = 0) -> None:
    assert main(["-C", str(path.parent), "recover", *words]) == expect


def data(path: Path) -> Any:
    return Workspace(path.parent).store().read().data


def test_every_command_points_here(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["status"],
        ["resume", "--yes"],
        ["deploy", "--yes"],
        ["destroy", "--yes"],
        ["events"],
        ["state", "get", "metadata.serial"],
        ["state", "set", "a", "1", "--reason", "x"],
        ["snapshot", "create"],
        ["rollback", "latest", "--yes"],
    ):
        capsys.readouterr()
        assert main(["-C", str(path.parent), *words]) == 4, words
        said = capsys.readouterr().err
        assert f"the newest good copy is {path}.backup" in said, words
        assert f"serial 74): k0rdent-azure -C {path.parent} recover --from-backup" in said, words


def test_it_restores_and_tells_what_is_older(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    run(path, "--from-backup", "--yes")
    said = capsys.readouterr().out
    assert said.startswith(f"restored the backup {path}.backup of serial 74, written ")
    assert "as serial 76\n" in said
    assert "older than in the damaged file: 2 values\n  ~ wireguard.port: 51999 -> 51998\n" in said
    assert "private_key: (secret) changed\n" in said
    assert f"the damaged file is kept as {path}.damaged-" in said
    assert "so not compared: k0rdent\n" in said
    assert "1 newer event taken over from the damaged file\n" in said
    assert said.endswith("resume, which looks at what exists\n")
    assert key("SECRET-51999") not in said
    assert key("mylaptop secret") not in said
    assert main(["-C", str(path.parent), "state", "check"]) == 0
    found = data(path)
    assert (found["metadata"]["serial"], found["wireguard"]["port"]) == (76, 51998)
    assert [event["message"] for event in found["events"][-3:-1]] == ["port 51998", "port 51999"]
    assert found["events"][-1]["action"] == "recovered"


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    run(path, "--from-snapshot", "latest", "--yes", "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["source"]["kind"], said["source"]["serial"], said["serial"]) == ("snapshot", 73, 76)
    assert {"path": "wireguard.port", "restored": 51820, "damaged": 51999} in said["older"]
    assert said["unread"] == ["k0rdent"]
    assert said["events"] == {"taken": 2, "unproven": 0, "unread": 0}
    assert Path(said["damaged"]).read_bytes().count(b"k0rdent:\n  status ") == 1
    assert not {key("SECRET-51998"), key("SECRET-51999")} & {*json.dumps(said).split('"')}


def test_without_a_source_it_says_which_there_are(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    capsys.readouterr()
    run(path, expect=2)
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith(f"the backup {path}.backup of serial 74, written ")
    assert lines[1] == f"  k0rdent-azure -C {path.parent} recover --from-backup"
    assert lines[2].startswith("the snapshot 000073-")
    assert lines[3].startswith(f"  k0rdent-azure -C {path.parent} recover --from-snapshot 000073-")
    assert said.err == f"{path} is damaged; choose a copy to restore\n"
    assert path.read_bytes() == before


def test_without_a_source_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.with_name(f"{path.name}.backup").write_bytes(b"\0")
    path.unlink()
    capsys.readouterr()
    run(path, "--json", expect=2)
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "missing"
    assert [(copy["kind"], copy["serial"], copy["command"] is None) for copy in said["copies"]] == [
        ("snapshot", 73, False),
        ("backup", None, True),
    ]
    assert "NUL" in said["copies"][1]["fault"]


def test_nothing_to_restore_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deployment-state.yaml"
    path.write_text("broken: [")
    run(path, expect=2)
    said = capsys.readouterr()
    assert (said.out, "no copy can be used" in said.err) == ("", True)
    run(path, "--from-backup", "--yes", expect=4)
    run(path, "--from-snapshot", "latest", "--yes", expect=4)
    assert path.read_text() == "broken: ["


def test_a_healthy_state_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(path, "--from-backup", "--yes")
    before = path.read_bytes()
    for words in ([], ["--from-backup"], ["--from-backup", "--yes"], ["--from-snapshot", "latest", "--yes"]):
        capsys.readouterr()
        run(path, *words, expect=4)
        said = capsys.readouterr().err
        assert "is healthy" in said
        assert "rollback" in said
    assert path.read_bytes() == before


def test_not_while_a_run_holds_it_and_not_without_an_answer(path: Path) -> None:
    before = path.read_bytes()
    with Workspace(path.parent).run_lock().acquire("deploy"):
        run(path, "--from-backup", "--yes", expect=5)
    run(path, "--from-backup", expect=10)
    assert path.read_bytes() == before
    with pytest.raises(SystemExit) as refused:
        run(path, "--from-backup", "--from-snapshot", "latest")
    assert refused.value.code == 2


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    for name in (path.name, f"{path.name}.backup", "deployment-state.snapshots"):
        path.with_name(name).rename(real / name)
    path.symlink_to(real / path.name)
    run(path, "--from-backup", "--yes")
    assert path.is_symlink()
    assert data(path)["metadata"]["serial"] == 76
    assert list(real.glob("*.damaged-*"))


@pytest.mark.parametrize("text", ["k0rdent-x' or tagValue ne '", "../x", "k0rdent-", "-x y"])
def test_an_id_that_is_none_is_refused_before_anything_is_asked(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(tmp_path), "recover", f"--from-azure={text}"]) == 2
    assert "no deployment id" in capsys.readouterr().err
