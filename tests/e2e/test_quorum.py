"""Controllers go only if etcd keeps its majority: asked right before the act, whatever the state file remembers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.snapshot import from_snapshot
from k0rdent_azure.phases import following, replace
from k0rdent_azure.state.rollback import plan as rollback_plan
from k0rdent_azure.state.snapshots import load
from k0rdent_azure.state.store import FileStore
from tests.e2e.conftest import Product
from tests.e2e.test_interruption import creations
from tests.e2e.test_rollback_apply import in_azure, snapshot_at
from tests.e2e.test_room import messages, vm_of
from tests.e2e.test_validate import on_host

pytestmark = pytest.mark.e2e

FIRST, SECOND, THIRD = "k0s-controller", "k0s-controller-2", "k0s-controller-3"
REFUSED, DRIFT = 8, 11


@pytest.fixture
def deployed(product: Product) -> Iterator[Product]:
    """Three controllers and workers, complete."""
    product.deployed("production")
    yield product
    product.run("state", "check")


def fault(product: Product, *words: str) -> None:
    product.run("rehearse", "fault", *words)


def marked(product: Product, *names: str) -> None:
    """As a run leaves it that is killed between its mark and its deletion."""
    store = FileStore(Path(product.workspace) / "deployment-state.yaml", clock=SystemClock())
    config = from_snapshot(store.read().state.configuration)
    plans = [replace.plan(config, store.read().state, name, zone="3") for name in names]
    with store.transaction() as tx:
        for each in plans:
            replace.mark(tx, each)


def test_no_second_controller_goes_while_one_is_down(deployed: Product) -> None:
    """The state file goes on saying that all three run; Azure and etcd know better."""
    fault(deployed, "vm-deallocated", "--vm", THIRD)
    assert vm_of(deployed, THIRD)["status"] == "running"
    refused = ""
    serial, made = deployed.state("metadata.serial"), creations(deployed)
    for words in (["--yes"], ["--dry-run"], ["--zone", "3", "--yes"]):
        refused = deployed.run("replace", f"vm/{FIRST}", *words, expect=REFUSED).err
        assert f"up: {FIRST}, {SECOND}; down: {THIRD} (VM deallocated)" in refused
        assert "of etcd's 3 members 1 would be up, and it needs 2" in refused
    assert (deployed.state("metadata.serial"), creations(deployed)) == (serial, made)

    # What the hint names ends it, and then the controller may go.
    assert "validate --repair" in refused
    deployed.run("validate", "--repair", "--yes")
    shown = deployed.run("replace", f"vm/{FIRST}", "--dry-run")
    assert f"etcd has 3 members: up: {FIRST}, {SECOND}, {THIRD}; down: none" in shown.out
    deployed.run("replace", f"vm/{FIRST}", "--yes")
    assert deployed.status()["status"] == "completed"


def test_the_controller_that_is_down_itself_may_go(deployed: Product) -> None:
    fault(deployed, "vm-stopped", "--vm", SECOND)
    deployed.run("replace", f"vm/{SECOND}", "--yes")
    fault(deployed, "vm-deleted", "--vm", SECOND)
    deployed.run("replace", f"vm/{FIRST}", "--yes", expect=REFUSED)
    deployed.run("validate", "--repair", "--yes")
    made = [line.rpartition("/")[2] for line in creations(deployed)]
    assert (made.count(FIRST), made.count(SECOND)) == (1, 3)
    deployed.run("validate")


def test_a_member_whose_service_is_down_does_not_count(deployed: Product) -> None:
    """Its VM runs, and so Azure says."""
    on_host(deployed, SECOND, "sudo -n systemctl stop k0scontroller")
    refused = deployed.run("replace", f"vm/{FIRST}", "--yes", expect=REFUSED).err
    assert f"down: {SECOND} (etcd does not answer)" in refused
    # With two of three down etcd answers nobody, and nobody can be spared.
    on_host(deployed, THIRD, "sudo -n systemctl stop k0scontroller")
    refused = deployed.run("replace", f"vm/{SECOND}", "--yes", expect=REFUSED).err
    assert "no controller's etcd could be asked" in refused
    assert f"{FIRST}: etcd does not answer: it has no majority" in refused
    told = deployed.run("replace", f"vm/{SECOND}", "--dry-run").out
    assert "not checked: " in told


def test_where_nobody_can_be_asked_nothing_goes(deployed: Product) -> None:
    for name in (FIRST, SECOND, THIRD):
        fault(deployed, "ssh-unreachable", "--vm", name, "--always")
    serial, made = deployed.state("metadata.serial"), creations(deployed)
    shown = deployed.run("replace", f"vm/{FIRST}", "--dry-run")
    assert f"not checked: {FIRST}: no SSH" in shown.out
    assert "running)" not in shown.out
    refused = deployed.run("replace", f"vm/{FIRST}", "--yes", expect=REFUSED).err
    assert "no controller's etcd could be asked" in refused
    assert "validate --hosts" in refused
    assert (deployed.state("metadata.serial"), creations(deployed)) == (serial, made)
    deployed.run("rehearse", "fault", "clear")

    # A login that may not read power states of the subscription asks for each controller's.
    fault(deployed, "http", "--status", "403", "--path", "statusOnly", "--always")
    assert "etcd has 3 members" in deployed.run("replace", f"vm/{FIRST}", "--dry-run").out
    fault(deployed, "http", "--status", "403", "--path", "instanceView", "--always")
    assert (
        "its power state is not known" in deployed.run("replace", f"vm/{FIRST}", "--yes", expect=REFUSED).err
    )
    assert (
        "its power state is not known"
        in deployed.run("replace", f"vm/{FIRST}", "--dry-run", expect=REFUSED).err
    )


def test_a_run_that_goes_on_asks_again(deployed: Product) -> None:
    """Another controller died after the mark: the mark is withdrawn, and nothing hangs on it."""
    before = vm_of(deployed, FIRST)
    marked(deployed, FIRST)
    fault(deployed, "vm-deallocated", "--vm", SECOND)
    made = creations(deployed)
    refused = deployed.run("resume", "--yes", expect=REFUSED).err
    assert f"{FIRST} must not be deleted" in refused
    kept = vm_of(deployed, FIRST)
    assert {key: kept[key] for key in ("status", "id", "availability_zone")} == {
        key: before[key] for key in ("status", "id", "availability_zone")
    }
    assert len(messages(deployed, "vm_kept")) == 1
    deployed.run("validate", "--repair", "--yes")
    assert creations(deployed) == made
    assert deployed.status()["status"] == "completed"


def test_of_two_that_are_marked_one_goes(deployed: Product) -> None:
    """As two replacements leave it that were killed one after the other."""
    made = creations(deployed)
    marked(deployed, FIRST, SECOND)
    deployed.run("resume", "--yes")
    new = [line.rpartition("/")[2] for line in creations(deployed)[len(made) :]]
    assert FIRST in new
    assert SECOND not in new
    assert len(messages(deployed, "vm_kept")) == 1
    assert vm_of(deployed, SECOND)["status"] == "running"
    deployed.run("validate")
    marked(deployed, THIRD)
    assert "controllers go one at a time" in deployed.run("replace", f"vm/{FIRST}", "--yes", expect=2).err
    deployed.run("replace", "vm/k0s-worker-1", "--dry-run")
    deployed.run("resume", "--yes")


def test_a_repair_takes_one_controller_at_a_time(deployed: Product) -> None:
    for name in (FIRST, SECOND, THIRD):
        fault(deployed, "vm-resized", "--vm", name, "--size", "Standard_D8pls_v6")
    names = [FIRST, SECOND, THIRD]
    for done in range(3):
        planned = deployed.run("validate", "--repair", "--dry-run", "--json", expect=DRIFT).json["repair"]
        (step,) = planned["steps"]
        assert names[done] in step.split()
        assert planned.get("later", []) == names[done + 1 :]
        assert planned["etcd"] == [f"etcd has 3 members: up: {FIRST}, {SECOND}, {THIRD}; down: none"]
        shown = deployed.run("validate", "--repair", "--yes", expect=None)
        assert ("run this again for" in shown.out) == (done < 2)
    deployed.run("validate")


def test_a_repair_spares_a_controller_while_another_is_silent(deployed: Product) -> None:
    fault(deployed, "vm-resized", "--vm", FIRST, "--size", "Standard_D8pls_v6")
    fault(deployed, "tags-removed", "--resource", SECOND)
    on_host(deployed, THIRD, "sudo -n systemctl stop k0scontroller")
    planned = deployed.run("validate", "--repair", "--dry-run", "--json", expect=DRIFT).json
    assert planned["requests"] <= 8
    (step,) = planned["repair"]["steps"]
    assert SECOND in step.split()
    assert planned["repair"]["later"] == [FIRST]
    assert any(f"down: {THIRD} (etcd does not answer)" in line for line in planned["repair"]["etcd"])
    assert any(line.startswith("not now: ") for line in planned["repair"]["etcd"])


def test_a_rollback_takes_no_controller_that_etcd_needs(product: Product) -> None:
    """To before the VMs were made, but only for one of them."""
    product.init("production")
    first = snapshot_at(product, "preparation")
    words = ("rollback", first, "--only", f"vm/{SECOND}", "--apply", "--yes")
    fault(product, "vm-stopped", "--vm", THIRD)
    serial, made = product.state("metadata.serial"), creations(product)
    assert f"{SECOND} must not be removed" in product.run(*words, expect=REFUSED).err
    assert product.state("metadata.serial") == serial

    # A third one died after the intent: it is withdrawn, and nothing hangs on it.
    store = FileStore(Path(product.workspace) / "deployment-state.yaml", clock=SystemClock())
    to = rollback_plan(store.read(), load(store.storage, first), [f"vm/{SECOND}"])
    with store.transaction() as tx:
        following.begin(tx, to, snapshot=first, kept_as=first)
    assert f"{SECOND} must not be removed" in product.run("resume", "--yes", expect=REFUSED).err
    assert len(messages(product, "rollback_withdrawn")) == 1
    product.run("validate", "--repair", "--yes")
    assert product.status()["status"] == "completed"
    assert creations(product) == made
    product.run("validate", "--hosts")

    # With all three up it leaves etcd in order, and goes.
    product.run(*words)
    assert SECOND not in in_azure(product)
    refused = product.run("replace", f"vm/{FIRST}", "--dry-run", expect=REFUSED).err
    assert "of etcd's 2 members 1 would be up, and it needs 2" in refused


def test_a_cluster_that_is_gone_as_a_whole_is_made_again(deployed: Product) -> None:
    for name in (FIRST, SECOND, THIRD):
        fault(deployed, "vm-deleted", "--vm", name)
    assert "no controller holds data of etcd" in deployed.run("replace", f"vm/{FIRST}", "--dry-run").out
    deployed.run("validate", "--repair", "--yes")
    assert deployed.status()["status"] == "completed"
    deployed.run("validate", "--hosts")


def test_the_only_controller_is_replaced_where_it_is_gone(product: Product) -> None:
    product.deployed("minimal")
    assert "etcd loses its majority" in product.run("replace", f"vm/{FIRST}", "--yes", expect=2).err
    fault(product, "vm-stopped", "--vm", FIRST)
    assert "etcd loses its majority" in product.run("replace", f"vm/{FIRST}", "--yes", expect=2).err
    fault(product, "vm-deleted", "--vm", FIRST)
    product.run("replace", f"vm/{FIRST}", "--yes")
    product.run("validate", "--hosts")
