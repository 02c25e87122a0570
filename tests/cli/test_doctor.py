"""`doctor`: what is missing, per cloud, and how to get it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli import prerequisites
from k0rdent_azure.cli.main import main
from k0rdent_azure.state.codec import dump
from tests.cli.test_status import CONFIG
from tests.report.states import complete


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH, home and variables hold nothing; returns the folder on its PATH."""
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("AZURE_CONFIG_DIR", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(prerequisites, "_AZURE_VM_TAG", "no machine has this tag")
    return tools


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return workspace


def tool(folder: Path, name: str, says: str = "", code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


def doctor(
    folder: Path, capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0
) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["-C", str(folder), "doctor", "--json", *words]) == expect
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is (expect == 0)
    return {check["name"]: check for check in result["checks"]}


def test_a_rehearsal_needs_only_a_configuration(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = doctor(folder, capsys, "--cloud", "rehearsal", expect=9)
    assert [name for name, check in checks.items() if check["status"] == "missing"] == ["configuration"]
    assert checks["configuration"]["how"] == f"k0rdent-azure -C {folder} init"
    (folder / "k0rdent.yaml").write_text(CONFIG)
    checks = doctor(folder, capsys)
    assert checks["k0sctl"]["status"] == "unneeded"
    assert checks["configuration"]["status"] in ("ok", "doubt")


def test_azure_needs_tools_rights_and_a_login(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (folder / "k0rdent.yaml").write_text(CONFIG.replace("rehearsal", "AzureCloud"))
    checks = doctor(folder, capsys, expect=9)
    missing = [name for name, check in checks.items() if check["required"] and check["status"] == "missing"]
    assert missing == ["k0sctl", "wireguard", "root", "azure login"]
    assert all(checks[name]["how"] for name in missing)
    assert checks["ssh client"]["status"] == "doubt"

    tool(machine, "k0sctl", "version: v0.32.2")
    tool(machine, "wg", "wireguard-tools v1.0")
    tool(machine, "wg-quick")
    tool(machine, "sudo")
    monkeypatch.setenv("AZURE_TENANT_ID", "t")
    monkeypatch.setenv("AZURE_CLIENT_ID", "c")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "very-secret")
    checks = doctor(folder, capsys)
    assert checks["k0sctl"]["found"].startswith("v0.32.2 (")
    assert "very-secret" not in json.dumps(checks)


def test_sudo_that_would_ask_is_missing(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    tool(machine, "sudo", code=1)
    checks = doctor(folder, capsys, "--cloud", "AzureCloud", expect=9)
    assert checks["root"]["status"] == "missing"
    assert "sudo -v" in checks["root"]["how"]


@pytest.mark.parametrize(
    ("profile", "status"),
    [
        ('\ufeff{"subscriptions": [{"isDefault": true, "user": {"name": "ann@example.com"}}]}', "ok"),
        ('{"subscriptions": []}', "missing"),
        ("{broken", "missing"),
        ("[]", "missing"),
    ],
)
def test_az_login_is_read_from_its_profile(
    machine: Path, folder: Path, profile: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tool(machine, "az")
    home = machine.parent / "home" / ".azure"
    home.mkdir(parents=True)
    (home / "azureProfile.json").write_text(profile, encoding="utf-8")
    checks = doctor(folder, capsys, "--cloud", "AzureCloud", expect=9)
    assert checks["azure login"]["status"] == status


def test_the_state_decides_the_cloud_and_frees_from_the_configuration(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deployment-state.yaml").write_bytes(dump(complete()))
    checks = doctor(folder, capsys)
    assert checks["wireguard"]["status"] == "unneeded"
    assert checks["configuration"]["required"] is False
    assert checks["state"]["status"] == "doubt"  # made by hand: no chain, mode 0644


def test_an_invalid_state_or_configuration(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "k0rdent.yaml").write_text("azure: {cloud: rehearsal, locatoin: x}")
    (folder / "deployment-state.yaml").write_text("broken")
    checks = doctor(folder, capsys, "--cloud", "rehearsal", expect=9)
    assert checks["state"]["status"] == "missing"
    assert checks["state"]["how"].endswith("state check")
    assert checks["configuration"]["status"] == "doubt"


def test_a_clock_behind_the_state_is_wrong(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = complete()
    data["metadata"]["last_updated"] = "2999-01-01T00:00:00Z"
    (folder / "deployment-state.yaml").write_bytes(dump(data))
    assert doctor(folder, capsys, expect=9)["clock"]["status"] == "missing"


def test_text_says_how_to_get_what_is_missing(
    machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(folder), "doctor", "--cloud", "AzureCloud"]) == 9
    out = capsys.readouterr().out
    assert "go install github.com/k0sproject/k0sctl@latest" in out
    assert "missing for a deployment on AzureCloud" in out


def test_it_leaves_nothing_behind(machine: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doctor(folder, capsys, "--cloud", "rehearsal", expect=9)
    assert list(folder.iterdir()) == []
