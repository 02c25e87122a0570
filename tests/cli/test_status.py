"""`status` through the command line, and the errors of all commands."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.deploy import report_changed_config
from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.output import json_text
from k0rdent_azure.cli.status import show_result
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.state.codec import dump
from tests.cli.holders import deploying
from tests.report.states import EXAMPLE, Data, complete, creating

CONFIG = """\
azure:
  cloud: rehearsal
  location: southeastasia
  vm_image: Debian:debian-12:12-arm64:latest
vm_sizing:
  controller:
    size: Standard_D2pls_v6
  worker:
    size: Standard_D8pls_v6
cluster:
  controllers:
    count: 3
  workers:
    count: 4
"""


def write(folder: Path, data: Data) -> Path:
    path = folder / "deployment-state.yaml"
    path.write_bytes(dump(data))
    return path


def status(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert main(["-C", str(folder), "status", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, complete())
    made = status(tmp_path, capsys)
    assert (made["deployment_id"], made["status"], made["phase"]) == (
        "k0rdent-7k2p9xqa",
        "completed",
        "complete",
    )
    assert made["progress"] == {"done": 7, "total": 7, "percent": 100}
    assert made["run"]["live"] is False
    assert made["run"]["holder"] is None


def test_the_screen_fits_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, complete())
    assert main(["-C", str(tmp_path), "status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("k0s-worker-2" in line for line in lines)
    assert not [line for line in lines if line != line.rstrip()]
    assert not [line for line in lines if "\x1b" in line]


def test_color_is_forced_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, complete())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["-C", str(tmp_path), "status"]) == 0
    assert "\x1b[32m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["-C", str(tmp_path), "status"]) == 0
    assert "\x1b[32m" not in capsys.readouterr().out


def test_the_plans_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deployment-state.yaml").write_bytes(EXAMPLE.read_bytes())
    assert main(["-C", str(tmp_path), "status"]) == 0
    out = capsys.readouterr().out
    assert "k0rdent-abc123" in out
    assert f"k0rdent-azure -C {tmp_path} resume" in out


def test_a_run_is_alive_while_its_process_holds_the_lock_and_dead_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, creating())
    with deploying(tmp_path):
        made = status(tmp_path, capsys)
        assert (made["run"]["live"], made["run"]["died"]) == (True, False)
        assert made["run"]["holder"]["command"] == "deploy"
        assert made["next"]["command"] is None
    made = status(tmp_path, capsys)
    assert (made["run"]["live"], made["run"]["died"]) == (False, True)
    assert made["next"]["command"] == f"k0rdent-azure -C {tmp_path} resume"


def test_without_a_state_it_says_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path), "status"]) == 4
    assert f"k0rdent-azure -C {tmp_path} init" in capsys.readouterr().err
    (tmp_path / "k0rdent.yaml").write_text(CONFIG)
    assert main(["-C", str(tmp_path), "status", "--json"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    error = json.loads(captured.err)["error"]
    assert (error["type"], error["exit_code"]) == ("StateNotFoundError", 4)
    assert error["hint"].endswith("deploy")


def test_an_invalid_state_lists_its_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = complete()
    data["azure_resources"]["virtual_machines"]["k0s-worker-1"]["status"] = "happy"
    data["metadata"]["deployment_status"] = "great"
    path = write(tmp_path, data)
    assert main(["-C", str(tmp_path), "status", "--json"]) == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert {fault["path"] for fault in error["faults"]} >= {
        "metadata.deployment_status",
        "azure_resources.virtual_machines.k0s-worker-1.status",
    }
    assert main(["-C", str(tmp_path), "status"]) == 4
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert f"{path}:" in err


def test_a_changed_configuration_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = complete()
    path = tmp_path / "k0rdent.yaml"
    path.write_text(CONFIG)
    data["metadata"]["config_digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write(tmp_path, data)
    assert status(tmp_path, capsys)["config"]["changed"] == []
    path.write_text(CONFIG + "# a word\n")
    assert status(tmp_path, capsys)["config"]["changed"] == ["cluster.workers.count"]
    path.write_text("azure: [")
    assert "no longer valid" in status(tmp_path, capsys)["config"]["changed"][0]


def test_svg(tmp_path: Path) -> None:
    write(tmp_path, complete())
    picture = tmp_path / "status.svg"
    assert main(["-C", str(tmp_path), "status", "--svg", str(picture)]) == 0
    assert picture.read_text().startswith("<svg")


def test_svg_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, complete())
    assert main(["-C", str(tmp_path), "status", "--svg", str(tmp_path / "no" / "x.svg")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_watch_needs_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, complete())
    assert main(["-C", str(tmp_path), "status", "--watch"]) == 2
    assert "terminal" in capsys.readouterr().err


def test_the_result_of_a_run_names_what_can_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = complete()
    write(tmp_path, data)
    show_result(Workspace(tmp_path), as_json=False)
    out = capsys.readouterr().out
    assert "k0rdent-7k2p9xqa is complete" in out
    assert str(tmp_path / "k0sctl-config" / "k0rdent-7k2p9xqa-kubeconfig") in out
    assert "https://172.24.24.11:6443" in out
    show_result(Workspace(tmp_path), as_json=True)
    assert json.loads(capsys.readouterr().out)["progress"]["percent"] == 100


def test_json_never_carries_what_acts_on_a_terminal() -> None:
    text = json_text({"a": "\x1b[2J\x9b31m\u202e東京"})
    assert not set(text) & {"\x1b", "\x9b", "\u202e"}
    assert json.loads(text) == {"a": "\x1b[2J\x9b31m\u202e東京"}
    assert json_text("\x7f") == '"\\u007f"'


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_of_another_encoding_gets_what_it_can_show(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, complete())
    script = "from k0rdent_azure.cli.main import entry; entry()"
    done = subprocess.run(
        [sys.executable, "-c", script, "-C", str(tmp_path), "status"],
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"+ completed" in done.stdout


def test_a_flag_or_a_variable_is_no_change_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one given now, which is not taken, nor one that was given when the deployment was made."""
    data = complete()
    path = tmp_path / "k0rdent.yaml"
    path.write_text(CONFIG)
    data["metadata"]["config_digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write(tmp_path, data)
    workspace = Workspace(tmp_path)
    report_changed_config(workspace, [])
    assert capsys.readouterr().err == ""
    report_changed_config(workspace, ["cluster.workers.count=7"])
    assert capsys.readouterr().err == (
        "not taken, because the deployment exists already: --set cluster.workers.count\n"
    )
    monkeypatch.setenv("K0RDENT_AZURE_CLUSTER_WORKERS_COUNT", "7")
    report_changed_config(workspace, [])
    told = capsys.readouterr().err
    assert "K0RDENT_AZURE_CLUSTER_WORKERS_COUNT" in told
    assert "was changed" not in told
    assert status(tmp_path, capsys)["config"]["changed"] == []
    assert main(["-C", str(tmp_path), "config", "show"]) == 0
    captured = capsys.readouterr()
    assert "was changed since" not in captured.out + captured.err
