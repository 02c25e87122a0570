"""`rollback --apply`: reality follows the restored state, and a kill in the middle changes nothing about that."""

from __future__ import annotations

import json
import signal

import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_interruption import creations
from tests.e2e.test_room import made_again, messages, vm_of

pytestmark = pytest.mark.e2e


def in_azure(product: Product) -> set[str]:
    """The names of all that the cloud holds now."""
    world = json.loads((product.workspace / ".rehearsal" / "world.json").read_text())
    now = [each for each in world["resources"].values() if not each.get("deleted_at")]
    return {each["name"] for each in now} | set(world["groups"])


def snapshot_at(product: Product, phase: str) -> str:
    """Deploy as far as `phase`, keep a snapshot of that, and go on to the end; returns its name."""
    process = product.start("deploy", "--yes")
    product.wait_for_phase(phase)
    end(process, signal.SIGINT)
    name = product.run("snapshot", "create", "--json").json["name"]
    product.run("resume", "--yes")
    assert isinstance(name, str)
    return name


def steps(product: Product, *words: str) -> list[tuple[str, str, str]]:
    planned = product.run("rollback", *words, "--apply", "--dry-run", "--json").json
    return [(step["what"], step["kind"], step["name"]) for step in planned["steps"]]


def test_back_to_before_azure_was_asked(product: Product) -> None:
    product.init("minimal")
    product.run("plan")
    name = snapshot_at(product, "preparation")
    assert ("remove", "resource group", product.state("azure_resources.resource_group.name")) in steps(
        product, name
    )
    shown = product.run("rollback", name, "--apply", "--yes")
    assert "- resource group" in shown.out
    assert product.run("state", "get", "pending_operations", "--json").json == {}
    # As it was when the snapshot was taken; nobody is at work on it.
    assert product.status()["status"] in ("pending", "interrupted")
    assert in_azure(product) == set()

    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    product.run("state", "check")
    # A state that went back alone says nothing of Azure any more; what is there goes all the same.
    product.run("rollback", name, "--yes")
    product.run("destroy", "--yes")
    assert in_azure(product) == set()


def test_back_to_before_the_cluster(product: Product) -> None:
    """The VMs stay, k0s and kcm go; then everything is made again on the same VMs."""
    product.init("minimal")
    name = snapshot_at(product, "cluster_setup")
    planned = steps(product, name)
    assert ("remove", "helm release", "kcm") in planned
    assert ("remove", "k0s node", "k0s-worker-1") in planned
    assert not [step for step in planned if step[1] in ("vm", "resource group")]
    made = creations(product)

    process = product.start("rollback", name, "--apply", "--yes")
    product.wait_for(lambda: 'kind: "rollback"' in product.state_text(), "the rollback")
    end(process, signal.SIGKILL)
    assert product.status()["run"]["died"] is True
    # Whoever comes next finishes the rollback, and goes no further.
    product.run("resume", "--yes")
    assert product.status()["status"] == "interrupted"
    assert len(messages(product, "rollback_applied")) == 1

    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert creations(product) == made
    assert len(messages(product, "k0sctl_started")) == 2
    assert len(messages(product, "kcm_install_started")) == 2


def test_forward_again_makes_what_was_removed(product: Product) -> None:
    product.init("minimal")
    first = snapshot_at(product, "preparation")
    last = product.run("snapshot", "create", "--json").json["name"]
    before = vm_of(product, "k0s-worker-1")
    product.run("rollback", first, "--apply", "--yes")
    assert in_azure(product) == set()

    assert ("make", "vm", "k0s-worker-1") in steps(product, last)
    product.run("rollback", last, "--apply", "--yes")
    assert product.status()["status"] == "completed"
    after = vm_of(product, "k0s-worker-1")
    assert after["host_key"] == before["host_key"]
    assert after["id"] == before["id"]
    product.run("state", "check")
    resumed = product.run("resume", "--yes")
    assert resumed.code == 0


def test_the_facts_of_a_vm_that_stays_are_not_rolled_back(product: Product) -> None:
    product.deployed("production")
    name = product.run("snapshot", "create", "--json").json["name"]
    product.run("replace", "vm/k0s-worker-1", "--zone", "3", "--yes")
    moved = vm_of(product, "k0s-worker-1")
    product.run("state", "set", "k0rdent.note", "later", "--reason", "to be rolled back")
    made = made_again(product)
    product.run("rollback", name, "--apply", "--yes")
    kept = vm_of(product, "k0s-worker-1")
    facts = ("public_ip", "availability_zone", "id")
    assert {key: kept[key] for key in facts} == {key: moved[key] for key in facts}
    endpoint = product.state("wireguard.peers.k0s-worker-1.endpoint")
    assert endpoint.rpartition(":")[0] == moved["public_ip"]
    assert made_again(product) == made
    product.run("validate")

    # Without --apply the state alone goes back; the next run finds the VM where it is.
    product.run("rollback", name, "--yes")
    assert vm_of(product, "k0s-worker-1")["public_ip"] != moved["public_ip"]
    product.run("resume", "--yes")
    assert vm_of(product, "k0s-worker-1")["public_ip"] == moved["public_ip"]
    assert len(messages(product, "vm_address_changed")) == 1
    assert made_again(product) == made
    assert product.status()["status"] == "completed"
