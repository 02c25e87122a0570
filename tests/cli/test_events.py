"""`events` through the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k0rdent_azure.cli.events import parse_moment
from k0rdent_azure.cli.main import main
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import UsageError
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.store import FileStore
from tests.report.states import NOW, complete


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deployment-state.yaml").write_bytes(dump(complete()))
    return tmp_path


def test_json_is_one_object_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(folder), "events", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(events) == 9
    assert set(events[0]) == {"timestamp", "phase", "action", "message", "resource", "details", "chain"}
    assert events[3]["resource"] == "k0s-worker-1"


@pytest.mark.parametrize(
    ("words", "actions"),
    [
        (["--action", "vm_created"], ["vm_created"]),
        (["--phase", "vm_creation", "--limit", "1"], ["deployment_succeeded"]),
        (["--resource", "k0s-worker"], ["vm_created"]),
        (["--since", "2026-03-04T10:41:00Z"], ["k0rdent_ready", "deployment_completed"]),
        (["--until", "2026-03-04T10:00:06Z"], ["config_validated", "deployment_started"]),
        (["--since", "2026-03-04T10:06:00Z", "--until", "2026-03-04T10:06:00Z"], ["vm_created"]),
        (["--text", "ANSWERS over"], ["vm_created"]),
        (["--text", "zone 2"], ["vm_created"]),
        (["--text", "worker-1"], ["vm_created"]),
        (["--text", "worker-1", "--limit", "0"], []),
        (["--text", "nowhere"], []),
        (["--limit", "0"], []),
    ],
)
def test_filters(
    folder: Path, words: list[str], actions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(folder), "events", "--json", *words]) == 0
    assert [json.loads(line)["action"] for line in capsys.readouterr().out.splitlines()] == actions


def test_plain_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(folder), "events"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[3].startswith("2026-03-04 10:06:00Z  vm_creation      vm_created ")


def test_the_chain_stands_in_json_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileStore(folder / "deployment-state.yaml", clock=SystemClock()).transaction() as tx:
        tx.event("complete", "looked")
    assert main(["-C", str(folder), "events", "--json", "--limit", "1"]) == 0
    chain = json.loads(capsys.readouterr().out)["chain"]
    assert len(chain) == 32
    assert main(["-C", str(folder), "events", "--limit", "1"]) == 0
    assert chain not in capsys.readouterr().out


def test_sealed_events_are_joined(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = FileStore(folder / "deployment-state.yaml", clock=SystemClock())
    with store.transaction() as tx:
        for index in range(600):
            tx.event("complete", "looked", f"look {index}")
    assert (folder / "deployment-state.events").is_dir()
    assert main(["-C", str(folder), "events", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(events) == 609
    assert events[-1]["message"] == "look 599"
    assert events[0]["action"] == "config_validated"


@pytest.mark.parametrize(
    "words", [["--text", "ANSWERS"], ["--action", "vm_created"], ["--until", "2026-03-04T10:06:00Z"]]
)
def test_filters_reach_sealed_events(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with FileStore(folder / "deployment-state.yaml", clock=SystemClock()).transaction() as tx:
        for index in range(600):
            tx.event("complete", "looked", f"look {index}")
    assert main(["-C", str(folder), "events", "--json", "--limit", "1", *words]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "vm_created"


def test_bad_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(folder), "events", "--since", "yesterday"]) == 2
    assert "2025-01-07T15:30:00Z" in capsys.readouterr().err
    assert main(["-C", str(folder), "events", "--limit", "-1"]) == 2
    assert main(["-C", str(folder), "events", "--follow", "--until", "1h"]) == 2
    with pytest.raises(SystemExit) as exit_info:
        main(["-C", str(folder), "events", "--phase", "vm"])
    assert exit_info.value.code == 2


def test_no_state(tmp_path: Path) -> None:
    assert main(["-C", str(tmp_path), "events"]) == 4


def test_parse_moment() -> None:
    assert parse_moment("90s", option="--since", now=NOW) == datetime(2026, 3, 4, 10, 40, tzinfo=UTC)
    assert parse_moment("999999999w", option="--since", now=NOW) <= datetime(1000, 1, 1, tzinfo=UTC)
    assert parse_moment("2026-03-04T12:00:00+02:00", option="--until", now=NOW) == datetime(
        2026, 3, 4, 10, tzinfo=UTC
    )
    with pytest.raises(UsageError, match="--until 'soon'"):
        parse_moment("soon", option="--until", now=NOW)
