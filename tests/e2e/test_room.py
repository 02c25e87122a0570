"""Where Azure has no room for one VM, or takes one away: that VM alone is made elsewhere, or again."""

from __future__ import annotations

import pytest

from k0rdent_azure.azure import inventory, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.rehearsal import faults
from tests.e2e.conftest import Product
from tests.e2e.test_failures import arm as ask_beside
from tests.e2e.test_failures import arm_fault
from tests.e2e.test_interruption import creations

pytestmark = pytest.mark.e2e


def messages(product: Product, action: str) -> list[str]:
    return [line["message"] for line in product.run("events", "--json", "--action", action).lines]


def vm_of(product: Product, name: str) -> dict[str, object]:
    found = product.run("state", "get", f"azure_resources.virtual_machines.{name}", "--json").json
    assert isinstance(found, dict)
    return found


def made_again(product: Product) -> set[str]:
    """What the cloud made more than once."""
    made = creations(product)
    return {name.rpartition("/")[2] for name in made if made.count(name) > 1}


def test_a_full_zone_is_left_for_another_one(product: Product) -> None:
    product.init("production")
    arm_fault(product, faults.Fault(kind="ZonalAllocationFailed", vm="k0s-worker-1"))
    product.run("deploy", "--yes")
    assert product.status()["status"] == "completed"

    vm = vm_of(product, "k0s-worker-1")
    assert (vm["full_zones"], vm["availability_zone"]) == (["2"], "3")
    assert messages(product, "vm_moved") == [
        "no room in zone 2 (ZonalAllocationFailed); trying zone 3, attempt 2"
    ]
    # Nothing but that VM, and what goes with it, was made a second time.
    assert {"k0s-worker-1vmnic"} <= made_again(product) <= PARTS
    assert sum(each["method"] == "PUT" for each in product.requests()) == 2


PARTS = {"k0s-worker-1", "k0s-worker-1vmnic", "k0s-worker-1publicip", "k0s-worker-1osdisk"}


def test_where_every_zone_is_full_the_run_ends_and_the_next_one_begins_anew(product: Product) -> None:
    product.init("production")
    arm_fault(product, faults.Fault(kind="ZonalAllocationFailed", vm="k0s-worker-1", times=2))
    failed = product.run("deploy", "--yes", expect=6)
    assert "no capacity for this VM size in this zone" in failed.err
    assert len(messages(product, "vm_moved")) == 1
    assert len(messages(product, "vm_failed")) == 1
    assert vm_of(product, "k0s-worker-1")["full_zones"] == []
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert made_again(product) <= PARTS


@pytest.mark.parametrize("name", ["k0s-worker-1", "k0s-controller-2", "k0s-controller"])
def test_a_vm_that_azure_took_away_is_brought_back(product: Product, name: str) -> None:
    """A deallocated one (an evicted Spot VM) is started; a deleted one is made anew, with its keys, and joins again."""
    product.deployed("production")
    before = vm_of(product, name)
    act(product, "POST", name, "/deallocate")
    product.run("resume", "--yes")
    assert messages(product, "vm_without_power") == ["VM deallocated; it is started"]
    assert made_again(product) == set()

    act(product, "DELETE", name)
    product.run("resume", "--yes")
    after = vm_of(product, name)
    assert after["host_key"] == before["host_key"]
    assert len(messages(product, "vm_gone")) == 1
    assert made_again(product) <= {part.replace("k0s-worker-1", name) for part in PARTS}
    status = product.status()
    assert status["status"] == "completed"
    nodes = product.run("state", "get", "k0s_cluster.controllers", "--json").json
    assert {node["k0s_status"] for node in nodes.values()} == {"ready"}
    assert len(messages(product, "etcd_member_removed")) == (name != "k0s-worker-1")


def test_a_cluster_whose_controllers_are_all_gone_is_made_anew(product: Product) -> None:
    """etcd went with them: the worker's k0s and the kubeconfig belong to a cluster that is no more."""
    product.deployed("minimal")
    kubeconfig = product.workspace / product.state("k0s_cluster.kubeconfig_file")
    before = kubeconfig.read_text()
    act(product, "DELETE", "k0s-controller")
    # A refresh learns it at once; without one, the silent host would be asked for after two minutes.
    product.run("status", "--refresh")
    assert vm_of(product, "k0s-controller")["status"] == "deleted"
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert messages(product, "vm_deleted") == ["gone, and to be recreated"]
    assert messages(product, "workers_reset") == [
        "no controller of their cluster is left; k0s goes from k0s-worker-1"
    ]
    assert kubeconfig.read_text() != before
    assert made_again(product) <= {part.replace("k0s-worker-1", "k0s-controller") for part in PARTS}


def act(product: Product, method: str, name: str, action: str = "") -> None:
    """Do something to a VM behind the product's back, and wait until Azure is done."""

    async def request(arm: ArmClient, subscription: str) -> None:
        group = inventory.group_id(subscription, product.state("azure_resources.resource_group.name"))
        path = f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"
        await arm.request(method, f"{path}{action}", api_version=versions.COMPUTE)
        for _ in range(100):
            found = {
                vm.name: vm
                for vm in await inventory.virtual_machines(arm, subscription, group.rpartition("/")[2])
            }
            if name not in found or found[name].power_state == "VM deallocated":
                return
            await arm.clock.sleep(10)

    ask_beside(product, request)
