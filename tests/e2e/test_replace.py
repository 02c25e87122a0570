"""`replace vm/NAME`: that VM alone goes, comes anew and joins the cluster; killed in the middle, `resume` finishes."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_interruption import creations
from tests.e2e.test_room import made_again, messages, vm_of

pytestmark = pytest.mark.e2e

GROUP = "azure_resources.resource_group.name"


def parts(name: str) -> set[str]:
    return {name, f"{name}vmnic", f"{name}publicip", f"{name}osdisk"}


@pytest.mark.parametrize("name", ["k0s-worker-2", "k0s-controller"])
def test_one_vm_is_replaced_and_no_other_is_touched(product: Product, name: str) -> None:
    product.deployed("production")
    before, made = vm_of(product, name), len(creations(product))
    dry = product.run("replace", f"vm/{name}", "--dry-run", "--json").json
    assert (dry["vm"], dry["zone"]) == (name, before["availability_zone"])

    # What others put into what all VMs share is theirs, and stays.
    product.run("rehearse", "fault", "rule-added", "--rule", "Theirs", "--priority", "3000")
    product.run("rehearse", "fault", "tag-added", "--resource", f"{product.state(GROUP)}", "--tag", "cost=42")
    theirs = product.run("validate", "--json", expect=11).json["findings"]
    assert len(theirs) == 2

    product.run("replace", f"vm/{name}", "--zone", "3", "--yes")
    assert product.run("validate", "--json", expect=11).json["findings"] == theirs
    after = vm_of(product, name)
    kept = ("host_key", "private_ip", "fqdn", "vm_size", "nic_id")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert (after["status"], after["availability_zone"]) == ("running", "3")
    assert after["created_at"] != before["created_at"]
    assert {line.rpartition("/")[2] for line in creations(product)[made:]} <= parts(name)
    status = product.status()
    assert status["status"] == "completed"
    product.run("state", "check")
    assert product.run("resume", "--yes").code == 0
    assert product.run("destroy", "--yes").code == 0


def test_a_replacement_that_is_killed_is_finished_by_resume(product: Product) -> None:
    product.deployed("production")
    for seen in ('status: "deleting"', "deployment_submitted", "etcd_member_removed"):
        kill_when(product, seen)
        status = product.status()
        assert (status["run"]["died"], status["next"]["command"].split()[-1]) == (True, "resume"), seen
        product.run("resume", "--yes")
        assert product.status()["status"] == "completed"
    made = [line.rpartition("/")[2] for line in creations(product)]
    assert made_again(product) <= parts("k0s-controller-2")
    assert made.count("k0s-controller-2") == 4
    assert len(messages(product, "etcd_member_removed")) == 3


def kill_when(product: Product, seen: str) -> None:
    """Begin a replacement, and kill it once the state says `seen` once more."""
    known = product.state_text().count(seen)
    process = product.start("replace", "vm/k0s-controller-2", "--yes")
    product.wait_for(lambda: product.state_text().count(seen) > known, seen)
    end(process, signal.SIGKILL)


def test_what_cannot_be_replaced_is_refused(product: Product) -> None:
    product.deployed("minimal")
    serial = product.state("metadata.serial")
    for words, why in (
        (["vm/k0s-controller"], "etcd loses its majority"),
        (["vm/nobody"], "there is no VM 'nobody'"),
        (["nsg/x"], "nothing that can be replaced"),
        (["vm/k0s-worker-1", "--zone", "9"], "zone '9' is none of this deployment's"),
    ):
        assert why in product.run("replace", *words, "--yes", expect=2).err
    assert "not confirmed" in product.run("replace", "vm/k0s-worker-1", expect=10).err
    # What cannot end is not begun: nothing would disarm it.
    key = product.workspace / "azure-resources" / f"{product.state('metadata.deployment_id')}-ssh-key"
    away = key.rename(key.with_name("elsewhere"))
    assert "SSH key" in product.run("replace", "vm/k0s-worker-1", "--yes", expect=7).err
    away.rename(key)
    assert product.state("metadata.serial") == serial
