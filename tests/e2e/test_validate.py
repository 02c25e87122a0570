"""`validate` through the command line, against one deployment that is there to its end."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
import yaml

from k0rdent_azure.rehearsal import endpoint as rehearsal
from tests.e2e.conftest import Product

CLEAN, DRIFT, INCOMPLETE = 0, 11, 12
VM = "k0s-worker-1"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One controller and one worker, complete."""
    workspace: Path = tmp_path_factory.mktemp("validate")
    made = Product(workspace)
    made.deployed("minimal")
    yield made
    made.run("rehearse", "stop", expect=None)


def fault(product: Product, *words: str) -> None:
    product.run("rehearse", "fault", *words)


def test_a_fresh_deployment_is_clean_and_stays_as_it_is(deployed: Product) -> None:
    before, asked = deployed.state_text(), len(deployed.requests())
    told = deployed.run("validate", "--hosts", "--json", expect=CLEAN).json
    assert (told["verdict"], told["findings"], told["unread"]) == ("clean", [], [])
    assert (told["requests"], told["hosts"]) == (8, True)
    assert told["baseline"]
    assert_only_the_result_is_new(before, deployed.state_text())
    mine = deployed.requests()[asked:]
    assert len(mine) == 8
    assert {each["method"] for each in mine} == {"GET"}


def assert_only_the_result_is_new(before: str, after: str) -> None:
    """`validate` writes what it found, for `status`, and how many requests that took."""
    was, now = (yaml.safe_load(text) for text in (before, after))
    for document in (was, now):
        for key in ("serial", "last_updated", "validation"):
            document["metadata"].pop(key, None)
        del document["api_calls"], document["event_history"]
    assert [event["action"] for event in now["events"][len(was["events"]) :]] == ["validated"]
    assert {**was, "events": []} == {**now, "events": []}


def test_status_shows_what_was_found_and_when(deployed: Product) -> None:
    deployed.run("validate", "--json", expect=CLEAN)
    told = deployed.status()
    assert told["health"] == {"verdict": "well", "problems": []}
    assert (told["validation"]["verdict"], told["validation"]["outdated"]) == ("clean", False)
    assert re.search(r"validation +✓ clean", deployed.run("status").out)
    fault(deployed, "rule-removed", "--rule", "AllowWireGuard")
    before = len(deployed.run("events", "--json").lines)
    for _ in range(2):
        deployed.run("validate", "--json", expect=DRIFT)
    news = deployed.run("events", "--json").lines[before:]
    assert [each["action"] for each in news] == ["validated"], "the same result twice is one event"
    told = deployed.status()
    assert (told["health"]["verdict"], told["validation"]["critical"]) == ("bad", 1)
    assert re.search(
        r"✗ completed +but the last validation found drift: 1 critical", deployed.run("status").out
    )
    # `validate --repair` looks again, and that is the last validation then.
    deployed.run("validate", "--repair", "--yes", expect=CLEAN)
    told = deployed.status()
    assert (told["health"]["verdict"], told["validation"]["verdict"]) == ("well", "clean")


WRONG = {
    f"azure_resources.virtual_machines.{VM}.public_ip": "203.0.113.9",
    f"azure_resources.virtual_machines.{VM}.private_ip": "10.240.1.99",
    f"azure_resources.virtual_machines.{VM}.fqdn": "elsewhere.southeastasia.cloudapp.azure.com",
    f"azure_resources.virtual_machines.{VM}.vm_size": "Standard_D2s_v5",
    f"azure_resources.virtual_machines.{VM}.power_state": "VM deallocated",
    f"wireguard.peers.{VM}.ip": "172.24.24.99",
}


def test_what_the_state_records_wrong_is_told_and_put_right(deployed: Product) -> None:
    path = deployed.workspace / "deployment-state.yaml"
    document = yaml.safe_load(path.read_text())
    right = {}
    for place, wrong in WRONG.items():
        *keys, last = place.split(".")
        section = functools.reduce(lambda found, key: found[key], keys, document)
        right[place], section[last] = section[last], wrong
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    told = deployed.run("validate", "--json", expect=DRIFT).json
    assert {each["resource"]: each["found"] for each in told["findings"]} == WRONG
    assert {each["severity"] for each in told["findings"]} == {"warning", "info"}
    synced = deployed.run("validate", "--sync", "--yes", "--json", expect=CLEAN).json
    assert {each["path"]: each["new"] for each in synced["synced"]} == right
    assert {place: deployed.state(place) for place in WRONG} == right


def test_what_cannot_be_read_makes_it_incomplete(deployed: Product) -> None:
    fault(deployed, "http", "--status", "403", "--path", "/networkSecurityGroups")
    shown = deployed.run("validate", expect=INCOMPLETE)
    assert "networkSecurityGroups" in shown.out
    fault(deployed, "http", "--status", "403", "--path", "/networkSecurityGroups")
    told = deployed.run("validate", "--json", expect=INCOMPLETE).json
    assert (told["verdict"], len(told["unread"])) == ("incomplete", 1)


def test_drift_is_shown_to_people_and_to_scripts(deployed: Product) -> None:
    fault(deployed, "tag-added", "--resource", VM, "--tag", "night=\x1b[31moff")
    shown = deployed.run("validate", expect=DRIFT)
    assert "tags.night" in shown.out
    assert "\x1b" not in shown.out
    told = deployed.run("validate", "--json", expect=DRIFT).json
    (found,) = told["findings"]
    assert (found["kind"], found["severity"], found["name"]) == ("changed", "info", VM)
    assert (found["field"], found["expected"], found["repair"]) == ("tags.night", None, "none")
    assert told["counts"] == {"critical": 0, "warning": 0, "info": 1, "ignored": 0}


def test_accepted_drift_is_counted_and_shown_on_demand(deployed: Product) -> None:
    fault(deployed, "tag-added", "--resource", VM, "--tag", "night=off")
    rules = deployed.workspace / "accepted.yaml"
    rules.write_text("drift:\n  ignore:\n    - {resource: k0s-*, field: tags.night, reason: saves money}\n")
    words = ("validate", "--ignore-file", str(rules))
    assert "1 ignored" in deployed.run(*words, expect=CLEAN).out
    assert "saves money" in deployed.run(*words, "--show-ignored", expect=CLEAN).out
    (hidden,) = deployed.run(*words, "--json", expect=CLEAN).json["ignored"]
    assert hidden["ignored"] == {"reason": "saves money", "until": None}
    rules.write_text("drift:\n  ignore:\n    - {field: tags.night, reason: saves money, until: 2020-01-01}\n")
    late = deployed.run(*words, expect=DRIFT)
    assert "2020-01-01" in late.err
    rules.write_text("drift:\n  ignore:\n    - {field: tags.night}\n")
    assert "reason" in deployed.run(*words, expect=3).err


def test_hosts_that_differ_are_told(deployed: Product) -> None:
    port = deployed.state("wireguard.port")
    deployed.run("state", "set", "wireguard.port", "40000", "--reason", "a test")
    told = deployed.run("validate", "--hosts", "--json", expect=DRIFT).json
    ports = [each for each in told["findings"] if each["field"] == "listen_port"]
    assert {each["name"] for each in ports} == {"k0s-controller", VM}
    assert {each["severity"] for each in ports} == {"critical"}
    assert {each["found"] for each in ports} == {port}
    deployed.run("state", "set", "wireguard.port", port, "--reason", "the test is over")


def on_host(product: Product, name: str, command: str) -> None:
    """What somebody does on a host by hand."""
    endpoint = rehearsal.read(product.workspace / ".rehearsal")
    assert endpoint is not None
    address = product.state(f"azure_resources.virtual_machines.{name}.public_ip")
    key = next((product.workspace / "azure-resources").glob("*-ssh-key"))

    async def run() -> None:
        jump = endpoint.ssh
        trusted = asyncssh.import_known_hosts(f"[{jump.host}]:{jump.port} {jump.host_key}\n")
        async with (
            asyncssh.connect(
                jump.host,
                jump.port,
                username=jump.username,
                client_keys=[str(jump.key_path)],
                known_hosts=trusted,
                config=None,
            ) as gateway,
            gateway.connect_ssh(
                address, username="k0rdent", client_keys=[str(key)], known_hosts=None, config=None
            ) as host,
        ):
            await host.run(command, check=True)

    asyncio.run(run())


def on_hosts(product: Product) -> list[tuple[str, str, str]]:
    """What `--hosts` finds on hosts and in the cluster, as (name, field, found)."""
    told = product.run("validate", "--hosts", "--json", expect=None).json
    assert told["unread"] == []
    mine = [each for each in told["findings"] if each["type"].startswith(("host", "cluster"))]
    assert {each["severity"] for each in mine} <= {"critical"}
    return [(each["name"], each["field"], each["found"]) for each in mine]


def test_what_does_not_run_on_a_host_is_told(deployed: Product) -> None:
    on_host(deployed, VM, "sudo -n systemctl stop wg-quick@wg0")
    assert on_hosts(deployed) == [(VM, "interface", "down")]
    on_host(deployed, VM, "sudo -n systemctl start wg-quick@wg0")

    on_host(deployed, VM, "sudo -n systemctl stop k0sworker")
    deployed.wait_for(lambda: (VM, "status", "not ready") in on_hosts(deployed), "a heartbeat to be missed")
    assert (VM, "status", "not running") in on_hosts(deployed)
    on_host(deployed, VM, "sudo -n systemctl start k0sworker")
    deployed.wait_for(lambda: on_hosts(deployed) == [], "the node to be ready again")


def test_a_node_that_is_gone_is_told(deployed: Product) -> None:
    on_host(deployed, "k0s-controller", f"sudo -n k0s kubectl delete node {VM}")
    assert (VM, "status", "no node") in on_hosts(deployed)
    on_host(deployed, VM, "sudo -n systemctl restart k0sworker")
    deployed.wait_for(lambda: on_hosts(deployed) == [], "the node to come back")


def test_a_host_that_nobody_reaches_is_not_known(deployed: Product) -> None:
    fault(deployed, "ssh-unreachable", "--vm", VM, "--always")
    told = deployed.run("validate", "--hosts", "--json", expect=None).json
    fault(deployed, "clear")
    assert [each["what"] for each in told["unread"]] == [f"host {VM}"]


def test_reality_goes_into_the_state_as_one_change(deployed: Product) -> None:
    fault(deployed, "vm-stopped", "--vm", VM)
    fault(deployed, "address-changed", "--vm", VM)
    refused = deployed.run("validate", "--sync", expect=10)
    assert "VM running -> VM stopped" in refused.err
    assert deployed.state(f"azure_resources.virtual_machines.{VM}.status") == "running"
    serial = int(deployed.state("metadata.serial"))
    told = deployed.run("validate", "--sync", "--yes", "--json", expect=DRIFT).json
    assert {each["path"].rpartition(".")[2] for each in told["synced"]} == {
        "power_state",
        "status",
        "public_ip",
    }
    assert deployed.state(f"azure_resources.virtual_machines.{VM}.status") == "stopped"
    # One for what there is, and one for the result of the look.
    assert int(deployed.state("metadata.serial")) == serial + 2
    events = [each["action"] for each in deployed.run("events", "--json").lines]
    assert events[-2:] == ["drift_synced", "validated"]
    again = deployed.run("validate", "--sync", "--yes", "--json", expect=DRIFT).json
    assert again["synced"] == []


def test_a_kcm_that_is_not_ready_is_told(deployed: Product) -> None:
    """Nobody makes it anew: the tests from here on do without."""
    on_host(
        deployed,
        "k0s-controller",
        "sudo -n k0s kubectl delete managements.k0rdent.mirantis.com kcm --wait=false",
    )
    ((name, field, found),) = on_hosts(deployed)
    assert (name, field) == ("kcm", "ready")
    assert found.startswith("no: ")


def test_words_that_do_not_go_together(deployed: Product) -> None:
    assert "--repair" in deployed.run("validate", "--dry-run", expect=2).err
    assert "--repair" in deployed.run("validate", "--sync", "--repair", expect=2).err


def test_a_run_that_is_under_way_is_named_and_not_disturbed(deployed: Product) -> None:
    fault(deployed, "clear")
    run = deployed.start("destroy", "--yes", "--quiet")
    deployed.wait_for(lambda: 'deployment_status: "destroying"' in deployed.state_text(), "the destroy")
    refused = deployed.run("validate", "--sync", "--yes", expect=None)
    assert refused.code in (4, 5)
    run.communicate(timeout=180)
    assert run.returncode == 0
    assert "no deployment" in deployed.run("validate", expect=4).err
