"""`event add` through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.state.codec import dump, parse
from tests.report.states import complete, creating


def write(folder: Path, data: Any) -> Path:
    path = folder / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(data))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, complete())


def add(path: Path, *words: str) -> int:
    return main(["-C", str(path.parent), "event", "add", *words])


def last(path: Path) -> Any:
    return parse(path.read_bytes(), source=str(path))["events"][-1]  # type: ignore[index]


def test_what_was_added_is_printed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["node_drained", "for the new kernel", "--resource", "k0s-worker-1", "--details", "took 12 s"]
    assert add(path, *words, "--json") == 0
    event = json.loads(capsys.readouterr().out)
    assert event == last(path)
    assert len(event.pop("chain")) == 32
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "phase": "complete",
        "action": "node_drained",
        "message": "for the new kernel",
        "resource": "k0s-worker-1",
        "details": "took 12 s",
    }
    assert add(path, *words) == 0
    assert "k0s-worker-1: for the new kernel (took 12 s)" in capsys.readouterr().out
    assert main(["-C", str(path.parent), "state", "get", "metadata.serial"]) == 0
    assert capsys.readouterr().out == "75\n"


def test_the_phase_is_the_deployments_unless_given(tmp_path: Path) -> None:
    path = write(tmp_path, creating())
    assert add(path, "noted", "x") == 0
    assert last(path)["phase"] == "vm_creation"
    assert add(path, "noted", "x", "--phase", "preparation") == 0
    assert last(path)["phase"] == "preparation"
    with pytest.raises(SystemExit):
        add(path, "noted", "x", "--phase", "later")


@pytest.mark.parametrize("action", ["", "Drained", "a b", "a-b", "é", "a\n", "../x"])
def test_an_action_is_a_slug(path: Path, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert add(path, action, "x") == 2
    assert "small letters" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("words", [[" "], ["\udcff"], ["x", "--details", ""], ["x", "--resource", "\udc80"]])
def test_texts_that_say_nothing_or_are_none(path: Path, words: list[str]) -> None:
    assert add(path, "noted", *words) == 2


def test_what_could_harm_a_terminal_is_printed_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = "\x1b[2J\u202egone\nand a second line"
    assert add(path, "noted", message) == 0
    assert capsys.readouterr().out.endswith("gone and a second line\n")
    assert last(path)["message"] == message


def test_without_a_state_nothing_is_made(tmp_path: Path) -> None:
    assert add(tmp_path / "deployment-state.yaml", "noted", "x") == 4
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_are_all_kept_in_one_chain(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [sys.executable, "-m", "k0rdent_azure", "-C", str(path.parent), "event", "add", "noted"]
    started = [subprocess.Popen([*argv, f"number {i}"], stdout=subprocess.DEVNULL) for i in range(6)]
    assert [process.wait() for process in started] == [0] * 6
    assert main(["-C", str(path.parent), "events", "--action", "noted", "--json"]) == 0
    said = {json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()}
    assert said == {f"number {i}" for i in range(6)}
    assert main(["-C", str(path.parent), "state", "check"]) == 0
