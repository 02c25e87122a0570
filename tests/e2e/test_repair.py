"""`validate --repair`: what there is becomes what was deployed, and nothing that is not ours is touched."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_room import messages, vm_of

pytestmark = pytest.mark.e2e


def fault(product: Product, *words: str) -> None:
    product.run("rehearse", "fault", *words)


def findings(product: Product, *, expect: int) -> list[tuple[str, str, str | None]]:
    told = product.run("validate", "--json", expect=expect).json
    return [(each["kind"], each["name"], each["field"]) for each in told["findings"]]


def test_many_drifts_are_repaired_at_once(product: Product) -> None:
    product.deployed("production")
    assert findings(product, expect=0) == []
    fault(product, "vm-deleted", "--vm", "k0s-worker-1")
    fault(product, "vm-deallocated", "--vm", "k0s-worker-2")
    fault(product, "rule-opened", "--rule", "AllowSSH")
    fault(product, "rule-added")
    fault(product, "ssh-key-replaced")
    fault(product, "tags-removed", "--resource", "k0s-controller-2")
    fault(product, "foreign-vm")
    found = findings(product, expect=11)
    assert len(found) >= 7

    planned = product.run("validate", "--repair", "--dry-run", "--json", expect=11).json["repair"]
    assert planned == {
        "done": False,
        "steps": [
            "make VM k0s-worker-1 anew",
            "start VM k0s-worker-2",
            "put VM k0s-controller-2 right; what others added to it stays",
            "put network, rules, SSH key and group right; what others added to them stays",
        ],
    }
    assert findings(product, expect=11) == found
    assert "not confirmed" in product.run("validate", "--repair", expect=10).err

    # The foreign VM, with its parts, stays.
    repaired = product.run("validate", "--repair", "--yes", expect=11)
    assert "would make VM k0s-worker-1 anew" in repaired.out
    assert {kind for kind, _, _ in findings(product, expect=11)} == {"unexpected"}
    status = product.status()
    assert status["status"] == "completed"
    assert vm_of(product, "k0s-worker-1")["status"] == "running"
    assert len(messages(product, "repair_started")) == 4
    product.run("state", "check")


def test_a_group_that_is_gone_is_made_anew(product: Product) -> None:
    product.deployed("minimal")
    keys = {name: vm_of(product, name)["host_key"] for name in ("k0s-controller", "k0s-worker-1")}
    fault(product, "group-deleted")
    assert findings(product, expect=11) == [
        ("missing", product.state("azure_resources.resource_group.name"), None)
    ]
    process = product.start("validate", "--repair", "--yes")
    product.wait_for(lambda: product.state_text().count("deployment_submitted") == 2, "the submission")
    end(process, signal.SIGKILL)
    assert product.status()["run"]["died"] is True
    product.run("resume", "--yes")
    assert findings(product, expect=0) == []
    assert product.status()["status"] == "completed"
    assert {name: vm_of(product, name)["host_key"] for name in keys} == keys


def test_a_vm_whose_keys_were_replaced_is_repaired_without_its_custom_data(product: Product) -> None:
    """Azure refuses other bytes than those it was made with, and these held the old keys."""
    product.deployed("minimal")
    product.run("recover", "--rekey", "--yes")
    assert vm_of(product, "k0s-worker-1")["rekeyed_at"]
    fault(product, "vm-resized", "--vm", "k0s-worker-1", "--size", "Standard_D8pls_v6")
    assert ("changed", "k0s-worker-1", "size") in findings(product, expect=11)
    product.run("validate", "--repair", "--yes")
    assert findings(product, expect=0) == []
