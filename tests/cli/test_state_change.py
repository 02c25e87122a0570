"""`state set` and `state unset` through the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.paths import parsed, shown
from tests.report.states import complete, key

WORKER = "azure_resources.virtual_machines.k0s-worker-1"
PEER = "wireguard.peers.k0s-worker-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.touch(mode=0o600)
    path.write_bytes(dump(complete()))
    return tmp_path


def change(folder: Path, *words: str, reason: str = "because") -> int:
    return main(["-C", str(folder), "state", *words, "--reason", reason])


def data(folder: Path) -> Any:
    path = folder / "deployment-state.yaml"
    return parse(path.read_bytes(), source=str(path))


def at(folder: Path, path: str) -> Any:
    here = data(folder)
    for part in path.split("."):
        here = here[part]
    return here


def last_event(folder: Path) -> Any:
    return data(folder)["events"][-1]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"7"', "7"),
        ("seven", "seven"),
        ("", ""),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("True", "True"),
        ("a: b", "a: b"),
        ("[1, [2]]", [1, [2]]),
        ('{"a": {"b": [null]}}', {"a": {"b": [None]}}),
        ("{not json}", "{not json}"),
        ("ünï ☃ \u202e \x1b[31m", "ünï ☃ \u202e \x1b[31m"),
        ("two\nlines\n", "two\nlines\n"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_values_are_json_or_else_text(folder: Path, word: str, value: object) -> None:
    assert change(folder, "set", "notes.it", word) == 0
    found = at(folder, "notes.it")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("word", ["7", "true", "null", "[1]", '"x"'])
def test_text_takes_every_value_as_it_stands(folder: Path, word: str) -> None:
    assert change(folder, "set", "notes.it", word, "--text") == 0
    assert at(folder, "notes.it") == word


def test_one_commit_and_one_event_for_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"{WORKER}.detail", "drained", "wireguard.port", "51821"]
    assert change(folder, "set", *words, reason=" for the new kernel ") == 0
    assert data(folder)["metadata"]["serial"] == 74
    assert (at(folder, f"{WORKER}.detail"), at(folder, "wireguard.port")) == ("drained", 51821)
    event = last_event(folder)
    assert len(data(folder)["events"]) == 10
    assert (event["phase"], event["action"], event["message"]) == (
        "complete",
        "state_set",
        "for the new kernel",
    )
    assert event["resource"] == f"{WORKER}.detail, wireguard.port"
    assert event["details"] == f'{WORKER}.detail: nothing → "drained"; wireguard.port: 51820 → 51821'
    assert capsys.readouterr().out.splitlines() == [
        f'{WORKER}.detail: null -> "drained"',
        "wireguard.port: 51820 -> 51821",
        "serial 74",
    ]


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "wireguard.port", "51821", "--json") == 0
    told = {"path": "wireguard.port", "old": 51820, "new": 51821}
    assert json.loads(capsys.readouterr().out) == {"serial": 74, "changed": [told]}
    assert last_event(folder)["details"] == "51820 → 51821"


def test_what_is_so_already_is_not_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    assert change(folder, "set", "wireguard.port", "51820") == 0
    assert capsys.readouterr().out == "nothing to change; serial 73\n"
    assert (folder / "deployment-state.yaml").read_bytes() == before
    assert change(folder, "set", "notes.it", "1") == 0
    assert change(folder, "set", "notes.it", "1.0") == 0
    assert type(at(folder, "notes.it")) is float, "equal, but not the same"


def test_long_values_are_short_in_the_event(folder: Path) -> None:
    assert change(folder, "set", "notes.it", "x" * 5000) == 0
    assert len(last_event(folder)["details"]) < 100
    assert len(at(folder, "notes.it")) == 5000


def test_an_invalid_result_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    assert change(folder, "set", "notes.it", "1", f"{PEER}.ip", "10.0.0.1") == 4
    assert "lies outside its network" in capsys.readouterr().err
    assert change(folder, "set", "k0rdent.version", "1.0") == 4
    assert "--text" in capsys.readouterr().err
    assert (folder / "deployment-state.yaml").read_bytes() == before
    assert change(folder, "set", "k0rdent.version", "1.0", "--text") == 0
    assert at(folder, "k0rdent.version") == "1.0"


OWNED = (
    "metadata.serial",
    "metadata.lineage",
    "metadata.schema_version",
    "metadata.last_updated",
    "metadata.secrets",
    "events",
    "event_history",
    "configuration",
    "api_calls",
)


@pytest.mark.parametrize(
    "owned", [*OWNED, "metadata", "events.0.message", "configuration.azure.location", "api_calls.total"]
)
def test_the_engines_own_is_refused(folder: Path, owned: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    for words in (["set", owned, "{}"], ["unset", owned]):
        assert change(folder, *words) == 2
        assert "belongs to the engine" in capsys.readouterr().err
    assert (folder / "deployment-state.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "a.b"], "come in pairs"),
        (["set", "a.b", "1", "c"], "come in pairs"),
        (["set", "a..b", "1"], "is no path"),
        (["set", "", "1"], "is no path"),
        (["set", 'a."b', "1"], "is no path"),
        (["set", 'a."b"c', "1"], "is no path"),
        (["set", "a[b]", "1"], "is no path"),
        (["set", "a[0]b", "1"], "is no path"),
        (["set", "a", "-", "b", "-"], "only one VALUE"),
        (["set", "a", "[" * 5000 + "]" * 5000], "nested too deeply"),
        (["set", "a", "\udcff"], "not UTF-8"),
        (["set", "\udcff", "1"], "not UTF-8"),
    ],
)
def test_wrong_words(folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, *words) == 2
    assert said in capsys.readouterr().err


def test_too_deep_for_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "notes.it", "[" * 70 + "]" * 70) == 4
    assert "nested deeper" in capsys.readouterr().err
    assert "notes" not in data(folder)


def test_a_reason_is_needed(folder: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["-C", str(folder), "state", "set", "a", "1"])
    assert refused.value.code == 2
    assert change(folder, "set", "a", "1", reason="  ") == 2
    assert change(folder, "set", "a", "1", reason="\udcff") == 2


@pytest.mark.parametrize(
    ("words", "path", "near"),
    [
        (["wireguard.prot", "1"], "wireguard.prot", "port"),
        ([f"{WORKER}.Statsu", "x"], f"{WORKER}.Statsu", "status"),
        (
            ["wireguard.peers.new", '{"ip": "172.24.24.9", "pubic_key": "x"}'],
            "wireguard.peers.new.pubic_key",
            "public_key",
        ),
        (["wiregard.port", "1"], "wiregard", "wireguard"),
        (["metadata.failure", '{"pahse": "complete"}'], "metadata.failure.pahse", "phase"),
    ],
)
def test_a_slip_is_refused_unless_new(
    folder: Path, words: list[str], path: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    assert change(folder, "set", *words) == 2
    err = capsys.readouterr().err
    assert f"{path} is not in the schema; did you mean {near}?" in err
    assert "--new" in err
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_new_keys_are_accepted_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "wireguard.prot", "1", "--new") == 0
    assert "wireguard.prot is not in the schema" in capsys.readouterr().err
    assert change(folder, "set", "wireguard.prot", "2") == 0, "it is there now, so it is no slip"
    assert capsys.readouterr().err == ""
    assert change(folder, "set", "notes.owner.name", "ann", f"{WORKER}.detail", "x") == 0
    assert (
        capsys.readouterr().err == "note: notes is not in the schema; it is kept, but nothing here uses it\n"
    )
    assert at(folder, "notes.owner") == {"name": "ann"}


def test_names_of_things_are_free(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "k0rdent.components.velreo.success", "true") == 0
    assert capsys.readouterr().err == ""


def test_unset(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "unset", f"{WORKER}.fqdn", f"{WORKER}.power_state") == 0
    assert "fqdn" not in at(folder, WORKER)
    event = last_event(folder)
    assert event["action"] == "state_unset"
    assert event["details"].endswith(f'{WORKER}.power_state: "VM running" → nothing')
    capsys.readouterr()
    assert change(folder, "unset", f"{WORKER}.power_sate") == 4
    assert change(folder, "unset", "wireguard.port") == 4
    assert "required" in capsys.readouterr().err
    assert data(folder)["metadata"]["serial"] == 74


def test_items_of_a_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "notes.list", '[1, {"a": 2}]') == 0
    assert change(folder, "set", "notes.list.0", "5", "notes.list[1].a", "6") == 0
    assert change(folder, "set", "notes.list[-]", "7", "notes.list.3", "8") == 0
    assert data(folder)["notes"]["list"] == [5, {"a": 6}, 7, 8]
    assert change(folder, "unset", "notes.list[2]") == 0
    assert data(folder)["notes"]["list"] == [5, {"a": 6}, 8]
    capsys.readouterr()
    for wrong in ("notes.list.9", "notes.list.first", "notes.list[4]"):
        assert change(folder, "set", wrong, "5") == 4
        assert "it has 3 items, from 0" in capsys.readouterr().err
    assert change(folder, "unset", "notes.list.3") == 4


@pytest.mark.parametrize(
    "written", ['notes."cost.center"', 'notes["cost.center"]', '"notes".["cost.center"]']
)
def test_a_key_that_holds_a_dot(folder: Path, written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", written, "4711") == 0
    assert data(folder)["notes"] == {"cost.center": 4711}
    out = capsys.readouterr().out
    assert out.startswith('notes."cost.center": ')
    # What is shown can be given again.
    assert main(["-C", str(folder), "state", "get", out.partition(": ")[0]]) == 0
    assert capsys.readouterr().out == "4711\n"
    assert data(folder)["events"][-1]["resource"] == 'notes."cost.center"'
    assert change(folder, "unset", written) == 0
    assert data(folder)["notes"] == {}


@pytest.mark.parametrize(
    "path",
    [
        '"metadata"."serial"',
        '["metadata"].serial',
        'metadata["\\u0073erial"]',
        "events[0].action",
        "events.-1.action",
    ],
)
def test_no_spelling_of_a_path_reaches_what_the_engine_keeps(folder: Path, path: str) -> None:
    before = data(folder)
    assert change(folder, "set", path, "1") == 2
    assert data(folder) == before


@given(st.lists(st.text(min_size=1) | st.integers(0, 99).map(str), min_size=1))
def test_every_path_that_is_shown_can_be_read_again(keys: list[str]) -> None:
    assert parsed(shown(keys)) == keys


def test_if_serial(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change(folder, "set", "wireguard.port", "1", "--if-serial", "73") == 0
    assert change(folder, "set", "wireguard.port", "2", "--if-serial", "73", "--json") == 4
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "StateConflictError"
    assert "serial 74 now, not 73" in error["message"]
    assert at(folder, "wireguard.port") == 1
    assert change(folder, "unset", f"{WORKER}.fqdn", "--if-serial", "73") == 4


@pytest.fixture
def live(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of another process that holds the deployment."""
    script = (
        "import sys; from pathlib import Path; from k0rdent_azure.state.lock import RunLock\n"
        "with RunLock(Path(sys.argv[1])).acquire('deploy'): print('held', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", script, str(Workspace(folder).run_lock().path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate()


def test_a_live_run_is_not_disturbed(
    folder: Path, live: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["set", "wireguard.port", "1"], ["unset", f"{WORKER}.fqdn"]):
        assert change(folder, *words) == 5
        err = capsys.readouterr().err
        assert f"process {live.pid}" in err
        assert "--during-run" in err
    assert data(folder)["metadata"]["serial"] == 73
    assert change(folder, "set", "wireguard.port", "1", "--during-run") == 0
    assert at(folder, "wireguard.port") == 1
    live.communicate()
    assert change(folder, "set", "wireguard.port", "2") == 0
    assert Workspace(folder).run_lock().status().condition == "free"


def test_private_keys_are_hidden_everywhere(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = key("another secret")
    for words in (["notes.private_key", new], ["notes", json.dumps({"private_key": new})]):
        assert change(folder, "set", *words) == 2
        captured = capsys.readouterr()
        assert "stdin" in captured.err
        assert new not in captured.out + captured.err

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{new}\n".encode())))
    assert change(folder, "set", "notes.private_key", "-", "--json") == 0
    captured = capsys.readouterr()
    assert at(folder, "notes.private_key") == new
    assert new not in captured.out + captured.err + str(data(folder)["events"])
    assert last_event(folder)["details"] == "nothing → (secret)"

    assert change(folder, "unset", "notes.private_key") == 0
    captured = capsys.readouterr()
    assert new not in captured.out + captured.err + str(data(folder)["events"])


def test_the_deployments_own_keys_are_not_set(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = key("k0s-worker-1 secret"), key("another secret")
    before = (folder / "deployment-state.yaml").read_bytes()
    for words in ([f"{PEER}.private_key", new], [PEER, json.dumps({"private_key": new})]):
        assert change(folder, "set", *words) == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{new}\n".encode())))
    assert change(folder, "set", f"{PEER}.private_key", "-", "--json") == 2
    assert change(folder, "unset", f"{PEER}.private_key") == 2
    captured = capsys.readouterr()
    assert "recover --rekey" in captured.err
    assert old not in captured.out + captured.err
    assert new not in captured.out + captured.err
    assert (folder / "deployment-state.yaml").read_bytes() == before


#: Each kind of identity, below and above the field itself.
IDENTITY = (
    "metadata.deployment_id",
    "metadata.config_digest",
    "metadata.run.id",
    "azure_resources",
    "azure_resources.subscription_id",
    "metadata.generation",
    "metadata.claim",
    "metadata.unmarked",
    "azure_resources.resource_group",
    "azure_resources.resource_group.name",
    "azure_resources.resource_group.owned",
    "azure_resources.resource_group.id",
    "azure_resources.resource_group.location",
    "azure_resources.network.vnet.name",
    "azure_resources.network.nsg",
    "azure_resources.ssh_key.local_path",
    "azure_resources.ssh_key.public_key",
    "azure_resources.deployment.name",
    "azure_resources.deployment.scope",
    "azure_resources.deployment.generation",
    "azure_resources.baseline",
    "azure_resources.virtual_machines",
    "azure_resources.virtual_machines.k0s-worker-9",
    WORKER,
    f"{WORKER}.id",
    f"{WORKER}.nic_id",
    f"{WORKER}.public_ip_id",
    f"{WORKER}.role",
    f"{WORKER}.os_disk",
    f"{WORKER}.vm_id",
    f"{WORKER}.nic_guid",
    "azure_resources.network.vnet.guid",
    f"{WORKER}.host_key",
    f"{WORKER}.host_private_key",
    "wireguard",
    "wireguard.peers",
    PEER,
    f"{PEER}.public_key",
    "wireguard.laptop_config",
    "wireguard.laptop_config.file_path",
    "wireguard.laptop_config.interface",
    "k0s_cluster",
    "k0s_cluster.config_file",
    "k0s_cluster.kubeconfig_file",
    "k0s_cluster.workers",
    "k0s_cluster.controllers.stranger",
    "k0s_cluster.controllers.k0s-controller.role",
    "k0rdent",
    "k0rdent.namespace",
    "k0rdent.helm_release",
    "pending_operations",
    "pending_operations.destroy",
    "pending_operations.rekey.details.new",
)


@pytest.mark.parametrize("path", IDENTITY)
def test_identity_is_not_set(folder: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    for words in (["set", path, "x", "--text"], ["set", path, "{}"], ["unset", path]):
        assert change(folder, *words) == 2, words
        err = capsys.readouterr().err
        assert "cannot be set or unset by hand" in err or "belongs to the engine" in err
    assert (folder / "deployment-state.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.deployment_status", "interrupted"),
        ("metadata.failure", '{"phase": "complete", "message": "m", "at": "2026-01-01T00:00:00Z"}'),
        (f"{WORKER}.status", "stopped"),
        (f"{WORKER}.public_ip", "20.1.2.3"),
        (f"{WORKER}.fqdn", "a.example.org"),
        (f"{WORKER}.vm_size", "Standard_D4pls_v6"),
        (f"{WORKER}.availability_zone", '"1"'),
        (f"{WORKER}.detail", "[looked at]"),
        (f"{PEER}.endpoint", "20.1.2.3:51820"),
        (f"{PEER}.config_status", "failed"),
        ("k0s_cluster.workers.k0s-worker-1.k0s_status", "failed"),
        ("k0s_cluster.version", "v1.33.3+k0s.0"),
        ("k0rdent.status", "failed"),
        ("phases.complete.status", "failed"),
        ("notes.deployment_id", "mine"),
        ("notes.id", "mine"),
    ],
)
def test_how_things_are_can_be_set(folder: Path, path: str, value: str) -> None:
    assert change(folder, "set", path, value) == 0


def test_stdin_that_is_not_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    assert change(folder, "set", "notes.it", "-") == 2


def test_without_a_state_nothing_is_made(tmp_path: Path) -> None:
    assert change(tmp_path, "set", "a", "1") == 4
    assert list(tmp_path.iterdir()) == []


def test_scripts_at_the_same_time_lose_nothing(folder: Path) -> None:
    """Each counts up with `--if-serial`, again when another was quicker: no update is lost, nobody taken for a run."""
    script = """
        for turn in 1 2 3; do
            while :; do
                { read -r serial; read -r count; } <<END
$(ka state get metadata.serial notes.count --default 0)
END
                ka state set notes.count $((count + 1)) --if-serial "$serial" --reason count 2> err.$$ && break
                code=$?
                [ $code = 4 ] || { cat err.$$ >&2; exit $code; }
            done
        done
    """
    prelude = f'ka() {{ "{sys.executable}" -m k0rdent_azure "$@"; }}\n'
    started = [
        subprocess.Popen(
            ["bash", "-c", prelude + script], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert at(folder, "notes.count") == 9
    assert data(folder)["metadata"]["serial"] == 73 + 9
