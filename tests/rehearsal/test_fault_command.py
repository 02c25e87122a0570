"""`rehearse fault`: what a user arms, sees and clears, with a cloud that runs and with one that does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.fault_kinds import KINDS
from k0rdent_azure.rehearsal.faults import ANSWERS, CHANGES, Fault
from k0rdent_azure.rehearsal.world import World

#: What a kind cannot do without.
REQUIRED = {
    "vm": "vm-1",
    "size": "Standard_B2s",
    "rule": "ssh",
    "tag": "a=b",
    "resource": "nsg",
    "property": "tags.a",
    "code": "ScopeLocked",
}


def rehearse(workspace: Path, *words: str) -> int:
    return main(["-C", str(workspace), "rehearse", "fault", *words])


def armed(workspace: Path) -> list[Fault]:
    return faults.list_faults(workspace / ".rehearsal")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_armed_before_the_cloud_ever_ran(tmp_path: Path, kind: str) -> None:
    words = [word for name in KINDS[kind].required for word in (f"--{name}", REQUIRED[name])]
    assert rehearse(tmp_path, kind, *words, "--times", "2", "--at", "3") == 0
    (fault,) = armed(tmp_path)
    assert (fault.kind, fault.times, fault.at) == (kind, 2, 3)


def test_the_kinds_are_all_that_there_are() -> None:
    assert {*ANSWERS, *CHANGES} < set(KINDS)
    assert all(hasattr(Fault(kind="http"), name) for kind in KINDS.values() for name in kind.options)


def test_options_become_the_fault(tmp_path: Path) -> None:
    rehearse(tmp_path, "http", "--status", "429", "--retry-after", "30", "--method", "PUT", "--always")
    rehearse(tmp_path, "property-changed", "--resource", "vm-1", "--property", "zones", "--value", '["3"]')
    first, second = armed(tmp_path)
    assert (first.status, first.retry_after, first.method, first.times) == (429, 30, "PUT", None)
    assert second.value == ["3"]


def test_what_is_armed_is_listed_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(tmp_path, "vm-resized", "--vm", "vm-1", "--size", "Standard_B2s")
    rehearse(tmp_path, "disconnect", "--when", "after", "--always")
    capsys.readouterr()
    assert rehearse(tmp_path, "list") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("vm-resized --vm vm-1 --size Standard_B2s")
    assert shown[1].endswith("disconnect --when after --always")
    rehearse(tmp_path, "list", "--json")
    assert [each["kind"] for each in json.loads(capsys.readouterr().out)] == ["vm-resized", "disconnect"]
    assert rehearse(tmp_path, "clear") == 0
    assert armed(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["vm-deleted"],
        ["http", "--status", "many"],
        ["http", "--times", "0"],
        ["vm-evicted", "--vm", "a", "--policy", "Maybe"],
        ["property-changed", "--resource", "a", "--property", "b", "--value", "{"],
    ],
)
def test_what_no_fault_can_be_is_refused(tmp_path: Path, words: list[str]) -> None:
    try:
        code = rehearse(tmp_path, *words)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert armed(tmp_path) == []


def test_help_shows_kinds_by_family(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rehearse", "fault", "--help"])
    shown = capsys.readouterr().out
    assert all(f"  {kind}" in shown for kind in KINDS)
    assert "changes behind your back:" in shown


def test_arming_touches_nothing_but_the_faults(tmp_path: Path) -> None:
    directory = tmp_path / ".rehearsal"
    World(directory)
    before = (directory / "world.json").read_bytes()
    rehearse(tmp_path, "group-deleted")
    assert (directory / "world.json").read_bytes() == before
