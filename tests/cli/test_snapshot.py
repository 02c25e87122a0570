"""`snapshot` through the command line, and the snapshots that runs take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli import run_snapshot
from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.config.load import LoadedConfig, load_bytes
from k0rdent_azure.config.retention import snapshots_to_keep
from k0rdent_azure.config.rules import MAX_SNAPSHOTS
from k0rdent_azure.config.snapshot import differs, to_snapshot
from k0rdent_azure.config.templates import render
from k0rdent_azure.errors import StateError
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.snapshots import names
from k0rdent_azure.state.storage import FileStorage
from tests.report.states import complete, key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    return tmp_path


def run(folder: Path, *words: str, expect: int = 0) -> None:
    assert main(["-C", str(folder), "snapshot", *words]) == expect


def there(folder: Path) -> list[str]:
    return names(Workspace(folder).store().storage)


def change(folder: Path, value: int) -> None:
    with Workspace(folder).store().transaction() as tx:
        tx.by_path.set("wireguard.port", value)
        tx.event("complete", "noted", "x")


def read_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_create_and_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create", "--reason", "  before\nI try ")
    (name,) = there(folder)
    assert capsys.readouterr().out == f"{name}\n"
    assert name.startswith("000073-2")
    assert name.endswith("Z-before-i-try")
    run(folder, "create", "--json")
    made = read_json(capsys)
    assert (made["serial"], made["reason"], made["automatic"], made["fault"]) == (
        73,
        "on demand",
        False,
        None,
    )
    run(folder, "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == there(folder)
    assert "on demand" in lines[0]
    assert "before I try" in lines[0]
    run(folder, "list", "--json")
    listed = read_json(capsys)["snapshots"]
    assert listed[1] | {"age_seconds": 0} == made | {"age_seconds": 0}
    assert set(made) == {
        "name",
        "serial",
        "lineage",
        "taken_at",
        "age_seconds",
        "reason",
        "automatic",
        "size",
        "fault",
    }


def test_nothing_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "list")
    said = capsys.readouterr()
    assert (said.out, "no snapshots" in said.err) == ("", True)
    run(tmp_path, "create", expect=4)
    assert not (tmp_path / "deployment-state.snapshots").exists()


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 201, "\udcff"])
def test_reasons_that_are_none(folder: Path, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create", "--reason", reason, expect=2)
    assert "--reason" in capsys.readouterr().err
    assert there(folder) == []


def test_a_broken_one_is_listed_as_broken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create")
    (folder / "deployment-state.snapshots" / f"{there(folder)[0]}.yaml.gz").write_bytes(b"\x1b[31m")
    capsys.readouterr()
    run(folder, "list")
    assert "broken: the snapshot 000073-" in capsys.readouterr().out
    run(folder, "show", "latest", expect=4)
    assert "is damaged" in capsys.readouterr().err


def test_a_damaged_state_is_not_kept_as_if_it_were_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deployment-state.yaml").write_text("broken: [")
    run(folder, "create", expect=4)
    assert there(folder) == []


def test_show(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create", "--reason", "why not")
    change(folder, 51821)
    capsys.readouterr()
    run(folder, "show", "73")
    out = capsys.readouterr().out
    assert "on demand: why not" in out
    assert "stood at  complete, completed" in out
    assert "5 VMs, 6 peers, 9 events" in out
    run(folder, "show", "latest", "--json")
    shown = read_json(capsys)
    assert shown["name"] == there(folder)[0]
    assert shown["state"]["wireguard"]["port"] == 51820
    assert shown["state"]["wireguard"]["peers"]["mylaptop"]["private_key"] == "(secret)"
    assert key("mylaptop secret") not in json.dumps(shown)


def test_diff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create")
    change(folder, 51821)
    run(folder, "create")
    with Workspace(folder).store().transaction() as tx:
        tx.by_path.set("wireguard.peers.mylaptop.private_key", key("NEW-SECRET"))
        tx.by_path.set("notes", {"ring": 1})
        tx.by_path.delete("azure_resources.deployment")
    capsys.readouterr()
    run(folder, "diff", "73")
    said = capsys.readouterr().out
    assert "~ wireguard.port: 51820 -> 51821\n" in said
    assert "~ wireguard.peers.mylaptop.private_key: (secret) changed\n" in said
    assert '+ notes: {"ring":1}\n' in said
    assert "- azure_resources.deployment: {" in said
    assert said.endswith("differences, serial 73 -> 75, 1 event more\n")
    assert "SECRET" not in said
    run(folder, "diff", "73", "74", "--json")
    found = read_json(capsys)
    assert (found["from"], found["to"]) == tuple(there(folder))
    assert (found["serials"], found["events"]) == ([73, 74], 1)
    assert {"path": "wireguard.port", "kind": "changed", "old": 51820, "new": 51821} in found["changes"]
    run(folder, "diff", "latest", "latest", "--json")
    assert read_json(capsys)["changes"] == []


def test_diff_with_a_damaged_present_state(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "create")
    (folder / "deployment-state.yaml").write_text("broken: [")
    run(folder, "diff", "latest", expect=4)
    run(folder, "diff", "latest", "latest")


def test_what_is_printed_cannot_act_on_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Workspace(folder).store().transaction() as tx:
        tx.by_path.set("notes", {})
    run(folder, "create")
    with Workspace(folder).store().transaction() as tx:
        tx.by_path.set(("notes", "a\x1b[2J"), "b\x1b]0;x\x07\u202e")
    capsys.readouterr()
    run(folder, "diff", "latest")
    out = capsys.readouterr().out
    assert not [sign for sign in "\x1b\x07\u202e" if sign in out]


def test_prune(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for value in range(3):
        run(folder, "create", "--reason", str(value))
        change(folder, value)
    capsys.readouterr()
    run(folder, "prune", "--keep", "1", expect=10)
    assert len(there(folder)) == 3
    assert "add --yes" in capsys.readouterr().err
    run(folder, "prune", "--older-than", "1d", "--yes")
    assert capsys.readouterr().out == "removed 0 snapshots\n"
    run(folder, "prune", "--keep", "1", "--yes", "--json")
    assert [each["reason"] for each in read_json(capsys)["snapshots"]] == ["0", "1"]
    assert len(there(folder)) == 1
    run(folder, "prune", "--keep", "0", "--yes")
    assert capsys.readouterr().out.endswith("removed 1 snapshot\n")
    run(folder, "prune", "--keep", "0")


@pytest.mark.parametrize(
    "words",
    [[], ["--keep", "-1"], ["--older-than", "soon"], ["--older-than", "999999999w"]],
)
def test_prune_needs_to_know_which(folder: Path, words: list[str]) -> None:
    run(folder, "prune", "--yes", *words, expect=2)


# Before each run


def test_a_run_keeps_the_state_first(folder: Path) -> None:
    workspace = Workspace(folder)
    run_snapshot.snapshot_before(workspace, "resume")
    run_snapshot.snapshot_before(workspace, "destroy")
    (name,) = there(folder)
    assert name.endswith("-before-resume")


def test_as_many_stay_as_the_file_says_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = folder / "k0rdent.yaml"
    config.write_text(render("minimal", cloud="rehearsal").replace("keep: 20", "keep: 2"))
    for value in range(4):
        change(folder, value)
        run_snapshot.snapshot_before(Workspace(folder), "resume")
    assert [name[:6] for name in there(folder)] == ["000076", "000077"]
    monkeypatch.setenv("K0RDENT_AZURE_SNAPSHOTS_KEEP", "1")
    change(folder, 9)
    run_snapshot.snapshot_before(Workspace(folder), "resume")
    assert [name[:6] for name in there(folder)] == ["000078"]
    change(folder, 10)
    run_snapshot.snapshot_before(Workspace(folder), "deploy", overrides=["snapshots.keep=3"])
    assert len(there(folder)) == 2


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        (None, {}, 20),
        ("snapshots: {keep: 7}\n", {}, 7),
        ("snapshots: {keep: 7}\n", {"K0RDENT_AZURE_SNAPSHOTS_KEEP": "8"}, 8),
        ("azure: {locatoin: x}\nnonsense: 1\nsnapshots: {keep: 7}\n", {}, 7),
        ("", {}, MAX_SNAPSHOTS),
        ("snapshots: {keep: seven}\n", {}, MAX_SNAPSHOTS),
        ("snapshots: 7\n", {}, MAX_SNAPSHOTS),
        ("snapshots: {keep: 0}\n", {}, MAX_SNAPSHOTS),
        ("snapshots: {keep: 99999}\n", {}, MAX_SNAPSHOTS),
        ("snapshots: {keep: 7\n", {}, MAX_SNAPSHOTS),
        ("snapshots: {keep: 7}\n", {"K0RDENT_AZURE_SNAPSHOTS_KEEP": "x"}, MAX_SNAPSHOTS),
    ],
)
def test_a_slip_in_the_file_removes_nothing(
    tmp_path: Path, text: str | None, environ: dict[str, str], expected: int
) -> None:
    path = tmp_path / "k0rdent.yaml"
    if text is not None:
        path.write_text(text)
    assert snapshots_to_keep(path, environ=environ) == expected


def test_a_state_that_cannot_be_kept_is_not_worked_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_storage: FileStorage, name: str, _content: bytes) -> None:
        raise StateError(f"cannot write {name}: No space left on device", hint="free the disk")

    before = (folder / "deployment-state.yaml").read_bytes()
    monkeypatch.setattr(FileStorage, "write_part", full)
    for words in (["resume"], ["deploy"]):
        assert main(["-C", str(folder), *words, "--yes"]) == 4
        said = capsys.readouterr().err
        assert f"{words[0]} was not started: the state could not be kept as it is now" in said
        assert "No space left" in said
        assert "snapshot prune" in said
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_deploy_does_not_begin_anew_beside_copies_of_a_lost_state(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "k0rdent.yaml").write_text(render("minimal", cloud="rehearsal"))
    run(folder, "create")
    (folder / "deployment-state.yaml").unlink()
    assert main(["-C", str(folder), "deploy", "--yes"]) == 4
    said = capsys.readouterr().err
    assert "its deployment may still exist" in said
    assert "recover --from-snapshot 000073-" in said
    assert not (folder / "deployment-state.yaml").exists()


def test_config_show_tells_what_is_in_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The snapshots' rule follows the file, unlike what the deployment was made with."""
    text = render("minimal", cloud="rehearsal").replace("keep: 20", "keep: 5").replace("count: 1", "count: 3")
    (folder / "k0rdent.yaml").write_text(text)
    assert main(["-C", str(folder), "config", "show", "--json"]) == 0
    shown = read_json(capsys)
    settings = {row["path"]: row for row in shown["settings"]}
    assert (settings["snapshots.keep"]["value"], settings["snapshots.keep"]["source"]["kind"]) == (5, "file")
    assert settings["cluster.workers.count"]["value"] == 2
    assert "snapshots.keep" not in shown["changed"]
    assert "cluster.workers.count" in shown["changed"]


def test_the_rule_is_not_the_deployments(folder: Path) -> None:
    def loaded(keep: int) -> LoadedConfig:
        text = render("minimal", cloud="rehearsal").replace("keep: 20", f"keep: {keep}")
        return load_bytes(text.encode(), environ={})

    taken = to_snapshot(loaded(5).config, resource_group="x")
    assert "snapshots" not in taken
    assert differs(loaded(6), taken) == []
