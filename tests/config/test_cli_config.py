"""`config show` and `config validate` through the command line's own entry."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.load import load
from k0rdent_azure.config.topology import Names
from k0rdent_azure.phases.begin import initial_document
from k0rdent_azure.state.store import FileStore


@pytest.fixture
def workspace(tmp_path: Path, ancestor: str) -> Path:
    (tmp_path / "k0rdent.yaml").write_text(ancestor, encoding="utf-8")
    return tmp_path


@pytest.fixture
def deployed(workspace: Path) -> Path:
    """A workspace whose deployment was created from the file as it is."""
    loaded = load(workspace / "k0rdent.yaml", environ={})
    clock = SystemClock()
    document = initial_document(
        loaded.config,
        Names("k0rdent-abc12345"),
        clock=clock,
        config_file="k0rdent.yaml",
        config_digest=loaded.digest,
    )
    FileStore(workspace / "deployment-state.yaml", clock=clock).create(document)
    return workspace


def edit(workspace: Path, old: str, new: str) -> None:
    path = workspace / "k0rdent.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(workspace: Path, part: str) -> int:
    lines = (workspace / "k0rdent.yaml").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


def row(out: str, path: str) -> list[str]:
    return next(line for line in out.splitlines() if line.startswith(f"{path} ")).split(maxsplit=2)


def test_show_names_the_source_of_each_value(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K0RDENT_AZURE_SSH_USERNAME", "carol")
    assert main(["-C", str(workspace), "config", "show", "--set", "cluster.workers.count=7"]) == 0
    out = capsys.readouterr().out
    assert row(out, "ssh.username")[1:] == ["carol", "K0RDENT_AZURE_SSH_USERNAME"]
    assert row(out, "cluster.workers.count")[1:] == ["7", "--set cluster.workers.count"]
    assert row(out, "network.wireguard_port")[1:] == ["51820", "default"]
    assert row(out, "azure.location")[2].endswith(f"k0rdent.yaml:{line_of(workspace, 'location')}")
    assert "[2, 3]" in next(line for line in out.splitlines() if line.startswith("cluster.controllers.zones"))


def test_show_is_a_table_on_a_terminal(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    edit(workspace, '"Team cluster"', '"[red]team[/red]"')
    assert main(["-C", str(workspace), "config", "show"]) == 0
    lines = screen.getvalue().splitlines()
    assert all(heading in lines[0] for heading in ("setting", "value", "source"))
    assert any("metadata.description" in line and "[red]team[/red]" in line for line in lines)


def test_show_for_scripts(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(workspace), "config", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    settings = {item["path"]: item for item in found["settings"]}
    assert settings["cluster.controllers.zones"]["value"] == [2, 3]
    assert settings["network.wireguard_port"]["source"] == {"kind": "default", "where": None}
    assert settings["azure.location"]["source"]["kind"] == "file"
    assert (found["deployment_id"], found["changed"]) == (None, [])


def test_show_never_lets_a_files_text_reach_the_terminal_raw(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(workspace, 'description: "Team cluster"', 'description: "a\u202eb"')
    assert main(["-C", str(workspace), "config", "show"]) == 0
    assert "\u202e" not in capsys.readouterr().out


def test_once_deployed_the_snapshot_is_shown_and_the_changed_file_told(
    deployed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(deployed, "count: 3", "count: 5")
    assert main(["-C", str(deployed), "config", "show"]) == 0
    captured = capsys.readouterr()
    path, value, source = row(captured.out, "cluster.controllers.count")
    assert (path, value) == ("cluster.controllers.count", "3")
    assert "changed: 5 in" in source
    assert "k0rdent-abc12345" in captured.err
    assert "cluster.controllers.count" in captured.err
    assert main(["-C", str(deployed), "config", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    changed = next(item for item in found["settings"] if item["path"] == "cluster.controllers.count")
    assert (changed["value"], changed["wanted"], changed["source"]["kind"]) == (3, 5, "snapshot")
    assert found["changed"] == ["cluster.controllers.count"]
    assert found["deployment_id"] == "k0rdent-abc12345"


def test_an_unchanged_file_is_not_called_changed(deployed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(deployed), "config", "show"]) == 0
    captured = capsys.readouterr()
    assert "changed" not in captured.out + captured.err


def test_the_snapshot_is_shown_without_its_file_and_beside_a_broken_one(
    deployed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(deployed, "count: 3", "count: x")
    assert main(["-C", str(deployed), "config", "show"]) == 0
    assert "config validate" in capsys.readouterr().err
    (deployed / "k0rdent.yaml").unlink()
    assert main(["-C", str(deployed), "config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] is None


def test_init_beside_a_deployment_says_what_counts(
    deployed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(deployed), "init", "--force", "--yes"]) == 0
    assert "a deployment exists here" in capsys.readouterr().err


def test_validate_says_all_faults_with_lines(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(workspace, "count: 3", "count: 0")
    edit(workspace, '"southeastasia"', '"South East"')
    assert main(["-C", str(workspace), "config", "validate"]) == 3
    err = capsys.readouterr().err
    assert "hint" not in err
    assert "azure.location" in err
    assert "cluster.controllers.count" in err
    assert f"k0rdent.yaml:{line_of(workspace, 'location')}" in err


def test_validate_for_scripts(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(workspace, "count: 3", "count: 4")
    assert main(["-C", str(workspace), "config", "validate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], [fault["severity"] for fault in found["faults"]]) == (True, ["warning"])
    edit(workspace, "count: 4", "count: 0")
    assert main(["-C", str(workspace), "config", "validate", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["faults"][0]["path"]) == (False, "cluster.controllers.count")
    assert found["faults"][0]["line"] == line_of(workspace, "count: 0")


def test_validate_without_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path), "config", "validate"]) == 3
    assert f"k0rdent-azure -C {tmp_path} init" in capsys.readouterr().err


def test_an_ancestors_config_folder_is_found(tmp_path: Path, ancestor: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "k0rdent.yaml").write_text(ancestor, encoding="utf-8")
    assert main(["-C", str(tmp_path), "config", "validate"]) == 0
