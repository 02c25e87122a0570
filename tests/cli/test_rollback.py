"""`rollback` through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.compare import compare
from k0rdent_azure.state.inspection import inspect
from k0rdent_azure.state.snapshots import list_snapshots, load
from k0rdent_azure.state.storage import FileStorage
from tests.report.states import complete, key, vm_id

WORKER = "azure_resources.virtual_machines.k0s-worker-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A snapshot of serial 73; since then the port, a key and a VM are other ones, at serial 74."""
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    assert main(["-C", str(tmp_path), "snapshot", "create", "--reason", "good"]) == 0
    with Workspace(tmp_path).store().transaction() as tx:
        tx.by_path.set("wireguard.port", 51999)
        tx.by_path.set("wireguard.peers.mylaptop.private_key", key("NEW-SECRET"))
        tx.by_path.set(f"{WORKER}.id", vm_id("k0s-worker-1"))
        tx.by_path.set(f"{WORKER}.status", "failed")
        tx.event("complete", "noted", "changed")
    return tmp_path


def run(folder: Path, *words: str, expect: int = 0) -> None:
    assert main(["-C", str(folder), "rollback", *words]) == expect


def data(folder: Path) -> Any:
    return Workspace(folder).store().read().data


def test_it_shows_asks_keeps_restores_and_says_what_it_did_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = data(folder)
    capsys.readouterr()
    run(folder, "73", "--yes")
    said = capsys.readouterr().out
    assert "~ wireguard.port: 51999 -> 51820\n" in said
    assert "~ wireguard.peers.mylaptop.private_key: (secret) changed\n" in said
    assert "SECRET" not in said
    assert key("mylaptop secret") not in said
    store = Workspace(folder).store()
    kept = list_snapshots(store.storage)[-1]
    assert f"serial 75; the version before is {kept.name}\n" in said
    assert said.endswith("nothing in Azure or on a VM was touched\n")
    assert load(store.storage, "latest").data == before
    assert (kept.serial, kept.reason, kept.automatic) == (74, "before rollback", False)
    now = data(folder)
    assert compare(now, complete()) == []
    assert now["metadata"]["serial"] == 75
    assert [event["action"] for event in now["events"][-2:]] == ["noted", "rolled_back"]
    assert not inspect(store.storage).errors


def test_latest_undoes_it(folder: Path) -> None:
    before = data(folder)
    run(folder, "73", "--yes")
    run(folder, "latest", "--yes")
    assert compare(before, data(folder)) == []
    assert data(folder)["metadata"]["serial"] == 76


def test_without_an_answer_nothing_happens(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    run(folder, "73", expect=10)
    assert "--yes" in capsys.readouterr().err
    assert (folder / "deployment-state.yaml").read_bytes() == before
    assert len(list_snapshots(Workspace(folder).store().storage)) == 1


def test_a_dry_run_changes_nothing_and_waits_for_nobody(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    capsys.readouterr()
    with Workspace(folder).run_lock().acquire("resume"):
        run(folder, "73", "--dry-run")
        assert capsys.readouterr().out.endswith("would change; nothing was done\n")
        run(folder, "73", "--dry-run", "--json")
        run(folder, "73", "--yes", expect=5)
    said = json.loads(capsys.readouterr().out)
    assert (said["dry_run"], said["serial"], said["kept_as"]) == (True, 74, None)
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    run(folder, "73", "--only", "vm/k0s-worker-1", "--only", "wireguard", "--yes", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["components"] == ["vm/k0s-worker-1", "wireguard"]
    assert (said["dry_run"], said["serial"]) == (False, 75)
    assert said["kept_as"].endswith("-before-rollback")
    assert said["snapshot"].endswith("-good")
    assert {"path": f"{WORKER}.status", "kind": "changed", "old": "failed", "new": "running"} in said[
        "changes"
    ]
    assert (said["unrecorded"], said["missing"]) == ([], [])
    assert "SECRET" not in json.dumps(said)


def test_only_one_component(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "73", "--only", "wireguard", "--yes")
    now = data(folder)
    assert now["wireguard"]["port"] == 51820
    assert now["azure_resources"]["virtual_machines"]["k0s-worker-1"]["status"] == "failed"
    assert now["events"][-1]["message"].startswith("wireguard restored from the snapshot 000073-")


def test_what_is_outside_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Workspace(folder).store().transaction() as tx:
        worker = dict(complete()["azure_resources"]["virtual_machines"]["k0s-worker-1"])
        tx.by_path.set(
            "azure_resources.virtual_machines.k0s-worker-3", worker | {"id": vm_id("k0s-worker-3")}
        )
        tx.by_path.set("k0rdent.status", "not_deployed")
    capsys.readouterr()
    run(folder, "73", "--dry-run")
    said = capsys.readouterr().out
    assert "the restored state does not know of it:\n  vm k0s-worker-3 (/subscriptions/" in said
    assert "does not exist now as far as the present one knows:\n  helm release kcm\n" in said
    assert "\x1b" not in said


def test_nothing_to_restore(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "73", "--yes")
    capsys.readouterr()
    run(folder, "73", "--yes")
    assert capsys.readouterr().out == "nothing to restore; serial 75\n"
    assert data(folder)["metadata"]["serial"] == 75


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nosuch"], 4, "there is no snapshot"),
        (["73", "--only", "wiregaurd"], 2, "did you mean wireguard?"),
        (["73", "--only", "events"], 2, "there is no component"),
    ],
)
def test_what_is_refused(
    folder: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    run(folder, *words, "--yes", expect=code)
    assert said in capsys.readouterr().err
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_without_a_state_there_is_nothing_to_roll_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deployment-state.yaml").write_text("broken: [")
    run(folder, "73", "--yes", expect=4)
    assert "recover --from-" in capsys.readouterr().err


def test_without_room_for_its_own_snapshot_nothing_is_restored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_storage: FileStorage, name: str, _content: bytes) -> None:
        raise StateError(f"cannot write {name}: No space left on device")

    before = (folder / "deployment-state.yaml").read_bytes()
    monkeypatch.setattr(FileStorage, "write_part", full)
    run(folder, "73", "--yes", expect=4)
    assert (folder / "deployment-state.yaml").read_bytes() == before
