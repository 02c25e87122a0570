"""`lock show` and `unlock` through the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import LockedError
from k0rdent_azure.state.codec import dump, parse
from tests.cli.holders import deploying
from tests.report.states import complete


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    return tmp_path


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with deploying(folder) as process:
        yield process


def elsewhere(folder: Path, **changes: object) -> str:
    """A record that another machine left; returns its id."""
    record = {
        "id": "3f9c0a7be412",
        "command": "deploy",
        "host": "build-7.example",
        "pid": 4711,
        "user": "ann",
        "since": "2026-03-04T10:00:00Z",
        "boot": "another boot",
    }
    Workspace(folder).run_lock().path.write_text(json.dumps(record | changes))
    return str(record["id"])


def run(folder: Path, *words: str) -> int:
    return main(["-C", str(folder), *words])


def show(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert run(folder, "lock", "show", "--json") == 0
    return json.loads(capsys.readouterr().out)


def last_event(folder: Path) -> Any:
    path = folder / "deployment-state.yaml"
    return parse(path.read_bytes(), source=str(path))["events"][-1]  # type: ignore[index]


def test_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path, capsys) == {"condition": "free", "holder": None}
    assert run(tmp_path, "lock", "show") == 0
    assert capsys.readouterr().out.startswith("free")
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_live_then_stale(
    folder: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = show(folder, capsys)
    assert found["condition"] == "live"
    assert (found["holder"]["pid"], found["holder"]["command"]) == (holder.pid, "deploy")
    identity = found["holder"]["id"]
    assert run(folder, "lock", "show") == 0
    out = capsys.readouterr().out
    assert out.startswith("live: `deploy` of ")
    assert f"process {holder.pid}" in out
    assert f"id: {identity}" in out

    assert run(folder, "unlock", identity) == 5
    assert f"process {holder.pid}" in capsys.readouterr().err
    assert show(folder, capsys) == found, "a live holder keeps its lock"

    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert show(folder, capsys) == found | {"condition": "stale"}
    assert run(folder, "unlock", identity) == 0
    assert show(folder, capsys)["condition"] == "free"


def test_elsewhere_names_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = elsewhere(folder)
    assert show(folder, capsys)["condition"] == "elsewhere"
    assert run(folder, "lock", "show") == 0
    out = capsys.readouterr().out
    assert "ann@build-7.example, process 4711, since 2026-03-04T10:00:00Z" in out
    assert f"unlock {identity}" in out
    assert run(folder, "state", "set", "wireguard.port", "1", "--reason", "x") == 5


def test_unlock_takes_only_the_id_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = elsewhere(folder)
    assert run(folder, "unlock", "another") == 4
    assert identity in capsys.readouterr().err
    assert show(folder, capsys)["condition"] == "elsewhere"
    before = last_event(folder)
    assert run(folder, "unlock", identity, "--json") == 0
    assert json.loads(capsys.readouterr().out)["host"] == "build-7.example"
    assert show(folder, capsys)["condition"] == "free"
    event = last_event(folder)
    assert before["action"] != "unlocked"
    assert (event["phase"], event["action"]) == ("complete", "unlocked")
    assert "ann@build-7.example, process 4711" in event["message"]
    assert event["details"] == f"id {identity}"
    assert run(folder, "unlock", identity) == 4, "there is nothing to unlock any more"


def test_unlock_without_a_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = elsewhere(tmp_path)
    assert run(tmp_path, "unlock", identity) == 0
    assert "removed the lock of `deploy`" in capsys.readouterr().out
    assert not (tmp_path / "deployment-state.yaml").exists()


def test_an_event_that_cannot_be_written_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = elsewhere(folder)
    (folder / "deployment-state.yaml").write_text("broken: [")
    assert run(folder, "unlock", identity) == 4
    assert "the lock is removed, but the audit trail does not say so" in capsys.readouterr().err
    assert show(folder, capsys)["condition"] == "free"


def test_a_record_cannot_harm_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere(folder, user="\x1b[2Jann", command="deploy\u202e")
    assert run(folder, "lock", "show") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_lock_that_cannot_be_read(folder: Path) -> None:
    path = Workspace(folder).run_lock().path
    path.mkdir()
    assert run(folder, "lock", "show") in (0, 4)
    assert run(folder, "unlock", "x") == 4
    assert os.listdir(path) == []  # noqa: PTH208


def test_workspaces_that_link_to_one_state_share_its_lock(tmp_path: Path) -> None:
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    for workspace in (here, there):
        workspace.directory.mkdir()
    there.state_path.symlink_to(here.state_path)
    with here.run_lock().acquire("deploy"), pytest.raises(LockedError, match="deploy"):
        there.run_lock().acquire("resume")
