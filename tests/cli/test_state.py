"""`state check`, `state get` and `state schema` through the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.store import FileStore
from tests.report.states import EXAMPLE, complete, key

PEER = "wireguard.peers.k0s-worker-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    return tmp_path


def get(folder: Path, *words: str) -> int:
    return main(["-C", str(folder), "state", "get", *words])


def test_check_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(folder), "state", "check"]) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith("is valid (1 warning); 9 events verified\n")
    assert "9 of 9 events carry no chain" in captured.err


def test_check_counts_sealed_events_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileStore(folder / "deployment-state.yaml", clock=SystemClock()).transaction() as tx:
        for index in range(600):
            tx.event("complete", "looked", f"look {index}")
    assert main(["-C", str(folder), "state", "check"]) == 0
    assert "; 609 events verified" in capsys.readouterr().out
    assert main(["-C", str(folder), "state", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 609


def test_check_finds_an_edited_event(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "deployment-state.yaml"
    with FileStore(path, clock=SystemClock()).transaction() as tx:
        tx.event("complete", "looked", "nothing to see")
        tx.event("complete", "looked", "still nothing")
    path.write_text(path.read_text().replace("nothing to see", "everything fine"))
    assert main(["-C", str(folder), "state", "check", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["events"]) == (False, None)
    assert found["faults"][0]["path"] == "events.9"
    assert "looked" in path.read_text().splitlines()[found["faults"][0]["line"] + 1]


def test_check_prints_doubts_and_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path), "state", "check", str(EXAMPLE)]) == 0
    captured = capsys.readouterr()
    assert "warnings)" in captured.out
    assert "warning: " in captured.err
    assert main(["-C", str(tmp_path), "state", "check", "--json", str(EXAMPLE)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["valid"] is True
    assert result["warnings"] == len(result["faults"]) > 0


def test_check_lists_every_fault_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "deployment-state.yaml"
    data = complete()
    data["metadata"]["deployment_status"] = "great"
    data["azure_resources"]["virtual_machines"]["k0s-worker-2"]["vm_size"] = 7
    path.write_bytes(dump(data))
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "deployment_status" in text)
    assert main(["-C", str(folder), "state", "check"]) == 4
    err = capsys.readouterr().err
    assert f"{path}:{line}: metadata.deployment_status" in err
    assert "azure_resources.virtual_machines.k0s-worker-2.vm_size" in err
    assert main(["-C", str(folder), "state", "check", "--json"]) == 4
    result = json.loads(capsys.readouterr().out)
    assert (result["valid"], result["errors"]) == (False, 2)


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "metadata: {}", "a: !!python/object:os.system x"])
def test_check_of_what_is_no_state(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert main(["-C", str(tmp_path), "state", "check", str(path)]) == 4
    assert str(path) in capsys.readouterr().err


def test_check_names_a_good_backup(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "deployment-state.yaml"
    path.with_name(path.name + ".backup").write_bytes(path.read_bytes())
    path.write_text("broken")
    assert main(["-C", str(folder), "state", "check"]) == 4
    assert f"the newest good copy is {path}.backup" in capsys.readouterr().err


def test_check_without_a_file(tmp_path: Path) -> None:
    assert main(["-C", str(tmp_path), "state", "check"]) == 4
    assert main(["-C", str(tmp_path), "state", "check", str(tmp_path)]) == 4


def test_get_scalars_one_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("metadata.deployment_phase", "metadata.serial", "wireguard.laptop_config.setup_complete")
    assert get(folder, *paths, "events.0.action") == 0
    assert capsys.readouterr().out.splitlines() == ["complete", "73", "true", "config_validated"]


def test_get_a_mapping_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(folder, "api_calls") == 0
    assert json.loads(capsys.readouterr().out) == complete()["api_calls"]
    assert get(folder, "api_calls", "metadata.serial") == 0
    section, serial = capsys.readouterr().out.splitlines()
    assert json.loads(section) == complete()["api_calls"]
    assert serial == "73"
    assert get(folder, "api_calls", "--json") == 0
    assert json.loads(capsys.readouterr().out) == complete()["api_calls"]
    assert get(folder, "api_calls.total", "metadata.serial", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api_calls.total": 4, "metadata.serial": 73}


@pytest.mark.parametrize("words", [("wireguard",), ("azure_resources",), ("wireguard", "--json")])
def test_secrets_stay_hidden_in_what_holds_them(
    folder: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert get(folder, *words) == 0
    out = capsys.readouterr().out
    assert "--reveal" in out
    assert "HOST-SECRET" not in out
    assert key("k0s-worker-1 secret") not in out


def test_a_secret_is_printed_only_when_revealed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(folder, f"{PEER}.private_key") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--reveal" in captured.err
    assert get(folder, f"{PEER}.private_key", "--reveal") == 0
    assert capsys.readouterr().out.strip() == key("k0s-worker-1 secret")
    assert get(folder, f"{PEER}.public_key") == 0


def test_get_what_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(folder, "metadata.serail") == 4
    assert "serial" in capsys.readouterr().err
    assert get(folder, "metadata.serial", "nothing.at.all") == 4
    assert capsys.readouterr().out == "", "either everything or nothing"


def test_a_default_stands_for_what_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("metadata.serial", "k0rdent.nothing", "metadata.serial.deeper")
    assert get(folder, *paths, "--default", "5 m") == 0
    assert capsys.readouterr().out.splitlines() == ["73", "5 m", "5 m"]
    assert get(folder, *paths, "--default", "[5]", "--json") == 0
    assert json.loads(capsys.readouterr().out) == dict(zip(paths, (73, [5], [5]), strict=True))
    assert get(folder, "nothing", "--default", "") == 0
    assert capsys.readouterr().out == "\n"


def test_a_default_reveals_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "deployment-state.yaml"
    before = path.read_bytes()
    assert get(folder, f"{PEER}.private_key", "--default", "none") == 2
    assert get(folder, "wireguard.peers.nobody.private_key", "--default", "none", "--reveal") == 0
    assert capsys.readouterr().out == "none\n"
    assert path.read_bytes() == before, "nothing was revealed, so no event tells of it"


def test_a_broken_file_has_no_defaults(folder: Path) -> None:
    (folder / "deployment-state.yaml").write_text("broken: [")
    assert get(folder, "metadata.serial", "--default", "1") == 4


def test_a_broken_trail_has_no_defaults(folder: Path) -> None:
    """A long trail is read only when it is asked for; what is wrong with it is no missing path."""
    path = folder / "deployment-state.yaml"
    head = dump({key: value for key, value in complete().items() if key != "events"}).decode()
    item = '  - {timestamp: "2026-03-04T10:00:00Z", phase: complete, action: looked}\n'
    path.write_text(head + "events:\n" + item * 20 + "  - [\n" + item * 40_000)
    assert get(folder, "metadata.serial", "--default", "1") == 0
    assert get(folder, "events.0.action", "--default", "1") == 4


def test_the_schema_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path), "state", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "Peer" in schema["$defs"]


def test_one_wrong_prefix_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 200 hosts, each with addresses that do not fit any more: a few lines, and all of them in JSON."""
    document = crowded(200)
    document["azure_resources"]["network"]["subnet"]["address_prefix"] = "10.240.128.0/20"
    document["wireguard"]["network"] = "10.98.0.0/20"
    path = tmp_path / "deployment-state.yaml"
    path.write_bytes(dump(document))
    path.chmod(0o600)
    main(["-C", str(tmp_path), "state", "check", "--json"])
    faults = json.loads(capsys.readouterr().out)["faults"]
    main(["-C", str(tmp_path), "state", "check"])
    lines = capsys.readouterr().err.splitlines()
    assert len(faults) > 200
    assert len(lines) < 20
    counted = [
        int(found[1].replace(",", "")) for line in lines if (found := re.search(r"and ([\d,]+) more", line))
    ]
    assert sum(counted) + len([line for line in lines if "more of this kind" not in line]) >= len(faults)


def crowded(hosts: int) -> Any:
    document = complete()
    vms, peers = document["azure_resources"]["virtual_machines"], document["wireguard"]["peers"]
    for index in range(3, hosts):
        name = f"k0s-worker-{index}"
        vms[name] = {**vms["k0s-worker-1"], "private_ip": f"10.240.1.{index % 200 + 30}"}
        peers[name] = {**peers["k0s-worker-1"], "ip": f"172.24.24.{index % 200 + 30}"}
    return document


def test_check_of_an_edited_segment_names_what_helps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command takes the file, so `recover` would refuse: the hint must not send anybody there."""
    with FileStore(folder / "deployment-state.yaml", clock=SystemClock()).transaction() as tx:
        for index in range(600):
            tx.event("complete", "looked", f"look {index}")
    (segment, *_) = sorted((folder / "deployment-state.events").iterdir())
    segment.chmod(0o600)
    segment.write_bytes(segment.read_bytes().replace(b"look", b"lock", 1))
    assert main(["-C", str(folder), "state", "check"]) == 4
    told = capsys.readouterr().err
    assert segment.name in told
    assert "recover" not in told
    assert "from a backup of the folder" in told
    assert main(["-C", str(folder), "status"]) == 0
