"""Rollback: an earlier version as a new one, whole or in parts, with the audit trail going on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.errors import (
    K0rdentAzureError,
    StateConflictError,
    StateError,
    StateInvalidError,
    StateReadOnlyError,
    UsageError,
)
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.compare import compare
from k0rdent_azure.state.document import Document, read_document
from k0rdent_azure.state.inspection import inspect
from k0rdent_azure.state.resources import Resource
from k0rdent_azure.state.rollback import COMPONENTS, RollbackPlan, component_names, plan, roll_back
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete, creating, key, vm_id
from tests.state.conftest import StillClock, small

Data = dict[str, Any]

WORKER = "k0s-worker-2"


def document(data: Data) -> Document:
    return read_document(dump(data), source="snapshot x")


def without(data: Data, name: str) -> Data:
    """The same deployment before a VM was made."""
    found = copy.deepcopy(data)
    del found["azure_resources"]["virtual_machines"][name]
    del found["wireguard"]["peers"][name]
    for group in ("controllers", "workers"):
        found["k0s_cluster"][group].pop(name, None)
    return found


def store_of(path: Path, data: Data) -> FileStore:
    path.write_bytes(dump(data))
    return FileStore(path, clock=StillClock())


def restore(store: FileStore, target: Data, only: Sequence[str] = ()) -> RollbackPlan:
    current = store.read()
    to = plan(current, document(target), only)
    with store.transaction(based_on=current) as tx:
        roll_back(tx, to, snapshot="000012-x", kept_as="000073-y")
    return to


def test_the_earlier_version_is_a_new_one(path: Path) -> None:
    store = store_of(path, complete())
    restore(store, creating())
    found = FileStore(path, clock=StillClock()).read()
    assert found.serial == 74
    expected = creating() | {"pending_operations": {}}
    expected["metadata"]["run"] = complete()["metadata"]["run"]
    assert compare(found.data, expected) == []
    state = found.state
    assert (state.metadata.deployment_phase, state.metadata.deployment_status) == (
        "vm_creation",
        "in_progress",
    )
    assert not [fault for fault in inspect(store.storage).faults if fault.severity == "error"]


def test_history_is_not_rolled_back(path: Path) -> None:
    now = complete()
    now["pending_operations"] = {"vpn": {"kind": "vpn", "target": "wg", "started_at": "2026-03-04T10:00:00Z"}}
    now["metadata"]["run"] |= {"id": "the newest"}
    store = store_of(path, now)
    restore(store, creating())
    found = store.read()
    assert found.state.api_calls.total == 4
    assert list(found.state.pending_operations) == ["vpn"]
    assert found.state.metadata.run is not None
    assert found.state.metadata.run.id == "the newest"
    events = found.state.events
    assert len(events) == len(now["events"]) + 1
    event = events[-1]
    assert (event.phase, event.action) == ("complete", "rolled_back")
    assert event.message == "everything restored from the snapshot 000012-x"
    assert "the version before is 000073-y" in (event.details or "")


def test_the_plan_tells_what_changes_and_changes_nothing(path: Path) -> None:
    current, target = document(complete()), document(creating())
    before = copy.deepcopy(current.data)
    to = plan(current, target)
    assert current.data == before
    changed = {change.path: (change.old, change.new) for change in to.changes}
    assert changed["metadata.deployment_phase"] == ("complete", "vm_creation")
    assert changed["k0rdent.status"] == ("ready", "not_deployed")
    assert not [
        name for name in changed if name.startswith(("events", "api_calls", "pending", "metadata.run"))
    ]


def test_nothing_to_do(path: Path) -> None:
    to = plan(document(complete()), document(complete()))
    assert (to.changes, to.unrecorded, to.missing) == ([], [], [])


# Components


@pytest.mark.parametrize(
    ("only", "paths"),
    [
        (["wireguard"], ["wireguard"]),
        (["cluster"], ["k0s_cluster"]),
        (["k0rdent"], ["k0rdent"]),
        (
            ["phases"],
            ["phases", "metadata.deployment_phase", "metadata.deployment_status"],
        ),
        (
            ["vms"],
            [
                "azure_resources.virtual_machines",
                "wireguard.peers",
                "k0s_cluster.controllers",
                "k0s_cluster.workers",
            ],
        ),
        (["k0rdent", "cluster"], ["k0rdent", "k0s_cluster"]),
    ],
)
def test_a_component_is_all_of_it_and_nothing_else(path: Path, only: list[str], paths: list[str]) -> None:
    store = store_of(path, complete())
    to = restore(store, creating(), only)
    assert to.changes
    assert {change.path for change in to.changes} == {
        change.path
        for change in compare(complete(), creating())
        # The laptop's peer is no VM's.
        if change.path.startswith(tuple(paths)) and not (only == ["vms"] and "mylaptop" in change.keys)
    }
    assert compare(store.read().data, creating()) != []
    assert store.read().state.events[-1].message == f"{', '.join(only)} restored from the snapshot 000012-x"


def test_small_components(path: Path) -> None:
    old = complete()
    azure = old["azure_resources"]
    azure["resource_group"]["location"] = "x"
    azure["network"]["nsg"]["rules_count"] = 7
    azure["ssh_key"]["name"] = "x"
    azure["deployment"]["name"] = "x"
    for name in ("resource_group", "network", "ssh_key", "deployment"):
        to = plan(document(complete()), document(old), [name])
        assert {change.keys[:2] for change in to.changes} == {("azure_resources", name)}


def test_one_vm_comes_with_its_peer_and_its_node(path: Path) -> None:
    store = store_of(path, without(complete(), WORKER))
    to = restore(store, complete(), [f"vm/{WORKER}"])
    assert compare(store.read().data, complete()) == []
    assert [change.path for change in to.changes] == [
        f"azure_resources.virtual_machines.{WORKER}",
        f"wireguard.peers.{WORKER}",
        f"k0s_cluster.workers.{WORKER}",
    ]


def test_a_vm_that_was_not_there_goes_with_all_that_refers_to_it(path: Path) -> None:
    store = store_of(path, complete())
    restore(store, without(complete(), WORKER), [f"vm/{WORKER}"])
    assert compare(store.read().data, without(complete(), WORKER)) == []


def test_vms_leave_the_laptop_alone(path: Path) -> None:
    old = complete()
    old["wireguard"]["peers"]["mylaptop"]["ip"] = "172.24.24.9"
    old["wireguard"]["peers"][WORKER]["ip"] = "172.24.24.99"
    to = plan(document(complete()), document(old), ["vms"])
    assert [change.path for change in to.changes] == [f"wireguard.peers.{WORKER}.ip"]


def test_a_section_of_ones_own_is_a_component(path: Path) -> None:
    store = store_of(path, complete() | {"notes": {"ring": 2}})
    restore(store, complete() | {"notes": {"ring": 1}}, ["notes"])
    assert store.read().get("notes.ring") == 1
    restore(store, complete(), ["notes"])
    assert "notes" not in store.read().data


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wiregaurd", "did you mean wireguard?"),
        ("vm/k0s-worker-9", "did you mean vm/k0s-worker-"),
        ("vm/", "wireguard"),
        ("events", "wireguard"),
        ("metadata", "wireguard"),
        ("configuration", "wireguard"),
        ("pending_operations", "wireguard"),
        ("", "wireguard"),
    ],
)
def test_an_unknown_component_is_refused_with_the_list(word: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan(document(complete()), document(creating()), ["wireguard", word])
    assert hint in (refused.value.hint or "")
    assert all(name in (refused.value.hint or "") for name in (*COMPONENTS, "vms"))


def test_components_are_named_for_completion() -> None:
    names = component_names(document(without(complete(), WORKER)), document(complete() | {"notes": 1}))
    assert f"vm/{WORKER}" in names
    assert names[-1] == "notes"


def test_what_would_dangle_is_refused_before_anything_happens(path: Path) -> None:
    store = store_of(path, without(complete(), WORKER))
    before = path.read_bytes()
    with pytest.raises(
        StateInvalidError, match=f"wireguard.peers.{WORKER}: is a peer without a VM"
    ) as refused:
        restore(store, complete(), ["wireguard"])
    assert "--only" in (refused.value.hint or "")
    assert path.read_bytes() == before
    restore(store, complete(), ["wireguard", f"vm/{WORKER}"])
    assert compare(store.read().data, complete()) == []


def test_a_component_of_a_state_that_has_not_come_so_far(path: Path) -> None:
    data = small()
    target = document(data | {"wireguard": complete()["wireguard"], "notes": 1})
    assert [change.path for change in plan(document(data), target, ["wireguard"]).changes] == ["wireguard"]
    with pytest.raises(StateInvalidError, match="port"):
        plan(document(data), target, ["vms"])


# What is refused


def other(**metadata: object) -> Data:
    data = complete()
    data["metadata"] |= metadata
    return data


def schema_2() -> Data:
    return other(schema_version="2.0")


def reconfigured() -> Data:
    data = complete()
    data["configuration"]["azure"]["location"] = "westus2"
    return data


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        (other(lineage="another"), StateConflictError, "another deployment's"),
        (other(lineage=None, deployment_id="k0rdent-other"), StateConflictError, "another deployment's"),
        (schema_2(), StateReadOnlyError, "newer than this program"),
        (reconfigured(), StateInvalidError, "configuration"),
    ],
)
def test_what_cannot_be_restored(target: Data, error: type[K0rdentAzureError], said: str) -> None:
    for only in ([], ["k0rdent"]):
        if said == "configuration" and only:
            continue
        with pytest.raises(error, match=said):
            plan(document(complete()), document(target), only)


def test_a_version_before_our_first_commit_has_no_lineage_yet() -> None:
    data = complete()
    data["metadata"].pop("lineage", None)
    now = other(lineage="drawn since")
    assert plan(document(now), document(data)).changes == []


# What is outside


def kinds(resources: list[Resource]) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in resources]


def test_what_exists_outside_and_not_in_the_state_is_listed() -> None:
    now = complete()
    vm = now["azure_resources"]["virtual_machines"][WORKER]
    made = vm_id(WORKER)
    network = made.replace("Compute/virtualMachines", "Network/{}")
    nic, ip = network.format("networkInterfaces") + "VMNic", network.format("publicIPAddresses") + "PublicIP"
    vm |= {"id": made, "nic_id": nic, "public_ip_id": ip}
    to = plan(document(now), document(without(now, WORKER)))
    assert to.missing == []
    assert to.unrecorded == [
        Resource(kind="vm", name=WORKER, id=made),
        Resource(kind="network interface", name=f"{WORKER}VMNic", id=nic),
        Resource(kind="public address", name=f"{WORKER}PublicIP", id=ip),
        Resource(kind="wireguard peer", name=WORKER, id=key(WORKER)),
        Resource(kind="k0s node", name=WORKER),
    ]
    back = plan(document(without(now, WORKER)), document(now))
    assert (back.unrecorded, back.missing) == ([], to.unrecorded)


def test_what_was_only_begun_or_is_gone_does_not_exist() -> None:
    old = complete()
    azure = old["azure_resources"]
    azure["resource_group"]["status"] = "pending"
    azure["network"]["vnet"]["status"] = "deleted"
    azure["network"]["subnet"]["status"] = "creating"
    azure["ssh_key"]["status"] = "deleted"
    azure["virtual_machines"][WORKER]["status"] = "pending"
    old["k0rdent"]["status"] = "not_deployed"
    del azure["deployment"]
    to = plan(document(complete()), document(old))
    assert kinds(to.unrecorded) == [
        ("resource group", "k0rdent-7k2p9xqa-resgrp"),
        ("vnet", "v"),
        ("ssh key", "k"),
        ("template deployment", "k0rdent-7k2p9xqa"),
        ("vm", WORKER),
        ("helm release", "kcm"),
    ]


def test_an_id_tells_one_from_another_of_the_same_name() -> None:
    now, old = complete(), complete()
    vms = now["azure_resources"]["virtual_machines"], old["azure_resources"]["virtual_machines"]
    one, elsewhere = vm_id("k0s-worker-1"), f"/subscriptions/{'6' * 8}-7777-8888-9999-{'0' * 12}"
    vms[0]["k0s-worker-1"]["id"], vms[1]["k0s-worker-1"]["id"] = one, one.replace("virtual", "VIRTUAL")
    vms[0]["k0s-controller"]["id"] = vm_id("k0s-controller")
    new, old_id = vm_id(WORKER), vm_id(WORKER, subscription=elsewhere)
    vms[0][WORKER]["id"], vms[1][WORKER]["id"] = new, old_id
    old["wireguard"]["peers"]["mylaptop"]["public_key"] = key("before")
    to = plan(document(now), document(old))
    assert to.unrecorded == [
        Resource(kind="vm", name=WORKER, id=new),
        Resource(kind="wireguard peer", name="mylaptop", id=key("mylaptop")),
    ]
    assert [each.id for each in to.missing] == [old_id, key("before")]


def test_other_lines_of_a_hand_edited_file_stay(path: Path) -> None:
    """What is not rolled back keeps its text, comments and all."""
    store = store_of(path, complete())
    text = path.read_text()
    path.write_text(
        text.replace("wireguard:\n", "# my VPN\nwireguard:\n").replace("k0rdent:\n", "k0rdent: # mine\n")
    )
    restore(store, creating(), ["cluster"])
    assert "# my VPN\nwireguard:\n" in path.read_text()
    assert "k0rdent: # mine\n" in path.read_text()


@pytest.mark.parametrize(
    "path",
    [
        "metadata.deployment_id",
        "azure_resources.resource_group.name",
        "wireguard.laptop_config.file_path",
        "k0s_cluster.config_file",
        "k0s_cluster.kubeconfig_file",
        "k0rdent.namespace",
        "k0rdent.helm_release",
    ],
)
def test_a_snapshot_with_another_identity_is_refused(path: str) -> None:
    """Nobody but a hand, or another deployment, can have changed these since."""
    old = complete()
    *parents, last = path.split(".")
    here = old
    for parent in parents:
        here = here[parent]
    here[last] = f"{here[last]}0"
    with pytest.raises(StateError):
        plan(document(complete()), document(old))
