"""What Azure is asked, and what is shown, through the command line: both ledgers count each request."""

from __future__ import annotations

import json
import os

import pytest

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.rehearsal import faults
from tests.e2e.conftest import Product
from tests.e2e.test_failures import arm, arm_fault

pytestmark = pytest.mark.e2e


def counted(product: Product) -> int:
    """How many requests there were; both sides must agree."""
    ours = int(product.run("state", "get", "api_calls.total").out)
    assert ours == len(product.requests())
    return ours


@pytest.fixture
def finished(product: Product) -> Product:
    product.deployed("minimal")
    return product


def test_each_command_asks_as_often_as_it_says(finished: Product) -> None:
    product = finished
    assert counted(product) <= 5

    def asks(*words: str, expect: int = 0) -> int:
        before = counted(product)
        product.run(*words, expect=expect)
        return counted(product) - before

    assert asks("status") == 0
    assert asks("status", "--refresh") == 2
    assert asks("status", "--refresh=auto") == 0
    assert asks("vm", "show", "k0s-worker-1", "--max-age", "1d") == 0
    assert asks("vm", "show", "k0s-worker-1", "--refresh") == 2
    assert asks("vm", "show", "nobody", expect=2) == 0
    assert asks("vm", "show", "k0s-worker-1", "--max-age", "soon", expect=2) == 0
    assert asks("resume", "--yes") <= 2

    report = product.run("status", "--refresh", "--json").json
    assert report["refresh"] == {"asked": True, "requests": 2, "changes": [], "why_not": None, "error": None}
    assert all(vm["last_checked"] and vm["age_seconds"] < 60 for vm in report["vms"])
    assert product.status()["refresh"] is None
    shown = product.run("vm", "show", "k0s-worker-1", "--max-age", "1d", "--json").json
    assert (shown["name"], shown["power_state"], shown["refresh"]["asked"]) == (
        "k0s-worker-1",
        "VM running",
        False,
    )
    assert "VM running" in product.run("vm", "show", "k0s-worker-1", "--max-age", "1d").out

    # What cannot be asked is shown as it was last known.
    arm_fault(product, faults.Fault(kind="http", status=503, times=None))
    failed = product.run("status", "--refresh", expect=6)
    assert "k0s-worker-1" in failed.out
    assert "last known state, VMs checked" in failed.err
    as_json = product.run("status", "--refresh", "--json", expect=6)
    assert as_json.json["refresh"]["error"]
    assert json.loads(as_json.err)["error"]["exit_code"] == 6
    assert (
        product.run("vm", "show", "k0s-worker-1", "--refresh", "--json", expect=6).json["status"] == "running"
    )
    faults.clear(product.workspace / ".rehearsal")

    before = len(product.requests())
    product.run("destroy", "--yes")
    assert len(product.requests()) - before <= 5

    # The next deployment knows what this one took.
    planned = product.run("plan", "--json").json
    assert planned["arm_schedule"]["learned_from"] == 1
    assert planned["arm_schedule"]["late"] < 900
    assert "learned from 1 deployment" in product.run("plan").out
    (archived,) = product.workspace.glob("archive/*/deployment-state.yaml")
    archived.write_bytes(os.urandom(64))
    assert product.run("plan", "--json").json["arm_schedule"]["learned_from"] == 0


def test_during_a_run_its_own_facts_are_shown(product: Product) -> None:
    product.init("single-node")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    before = len(product.requests())
    looked = product.run("status", "--refresh", "--json").json
    assert looked["refresh"]["asked"] is False
    assert "run is live" in looked["refresh"]["why_not"]
    queries = [line["path"] for line in product.requests()[before:]]
    assert not [path for path in queries if "virtualMachines" in path]
    process.communicate(timeout=180)
    assert process.returncode == 0


def test_what_a_colleague_stopped_is_seen_and_brought_back(finished: Product) -> None:
    product = finished

    async def deallocate(client: ArmClient, subscription: str) -> None:
        group = product.state("azure_resources.resource_group.name")
        vm = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines"
        await client.request("POST", f"{vm}/k0s-worker-1/deallocate", api_version="2023-09-01")

    assert product.status()["next"]["command"] is None
    arm(product, deallocate)
    product.wait_for(
        lambda: bool(product.run("status", "--refresh", "--json").json["refresh"]["changes"]), "the change"
    )
    seen = product.status()
    assert {vm["name"]: vm["status"] for vm in seen["vms"]}["k0s-worker-1"] == "stopped"
    assert "k0s-worker-1 is stopped" in seen["next"]["reason"]
    (event,) = product.run("events", "--action", "vm_changed", "--json").lines
    assert event["resource"] == "k0s-worker-1"

    product.run("resume", "--yes")
    assert product.run("status", "--refresh", "--json").json["next"]["command"] is None
    assert product.status()["vms"][-1]["power_state"] == "VM running"
