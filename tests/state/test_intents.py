"""The table of pending operations: what has to wait, for what, and the command that ends it."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.intents import (
    DESTROY,
    REKEY,
    REMOVAL,
    REPAIR,
    ROLLBACK,
    TABLE,
    Act,
    Keys,
    RekeyDetails,
    Removal,
    RemovalDetails,
    RepairDetails,
    RollbackDetails,
    needed_snapshots,
    refuse,
    without_vms,
)
from k0rdent_azure.state.model import OperationKind
from k0rdent_azure.state.transaction import Transaction
from tests.report.states import complete, document

ACTS: tuple[Act, ...] = get_args(Act)


def state_with(name: str, details: dict[str, Any] | None = None) -> Any:
    data = complete()
    data["pending_operations"] = {
        name: {
            "kind": TABLE[name].kind,
            "target": "something",
            "started_at": "2025-01-07T15:30:00Z",
            "details": details or {},
        }
    }
    return document(data).state


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("seen", ["Accepted", "Running", "Canceling"])
def test_a_submission_that_azure_still_works_on_is_pending(seen: str, act: Act) -> None:
    """It was accepted, so its operation has ended; its VMs have no addresses yet that keys could be sent to."""
    data = complete()
    data["azure_resources"]["deployment"]["provisioning_state"] = seen
    if act in TABLE["arm-deployment"].excludes:
        with pytest.raises(StateError, match="outcome is unknown") as caught:
            refuse(document(data).state, act)
        assert (caught.value.hint or "").endswith("resume")
    else:
        refuse(document(data).state, act)


def locked_out() -> dict[str, Any]:
    data = complete()
    del data["wireguard"]["peers"]["mylaptop"]["private_key"]
    for vm in data["azure_resources"]["virtual_machines"].values():
        vm |= {"host_key": "ssh-ed25519 AAAA", "id": "/subscriptions/x/vm"}
    return data


@pytest.mark.parametrize("name", TABLE)
def test_a_new_key_for_one_that_is_lost_waits_for_nothing_that_waits_for_it(name: str) -> None:
    data = locked_out()
    data["pending_operations"] = {
        name: {"kind": TABLE[name].kind, "target": "x", "started_at": "2025-01-07T15:30:00Z", "details": {}}
    }
    if name in ("repair", "rollback", "destroy"):
        # The first two do not begin without the key.
        with pytest.raises(StateError, match="pending"):
            refuse(document(data).state, "rekey")
    else:
        refuse(document(data).state, "rekey")


@pytest.mark.parametrize("act", ACTS)
def test_what_needs_the_lost_key_of_the_workstation_does_not_begin(act: Act) -> None:
    """It would be pending for good: new keys are excluded by what is pending, and it cannot end without them."""
    data = locked_out()
    if act in ("repair", "rollback"):
        with pytest.raises(StateError, match="is lost") as caught:
            refuse(document(data).state, act)
        assert (caught.value.hint or "").endswith("k0rdent-azure recover --rekey")
    else:
        refuse(document(data).state, act)


def edited(state_data: dict[str, Any]) -> Transaction:
    return Transaction(Document(state_data, text=b"", source="test"), SystemClock())


@pytest.mark.parametrize(("name", "act"), list(product(TABLE, ACTS)))
def test_each_act_is_refused_by_what_excludes_it_and_by_nothing_else(name: str, act: Act) -> None:
    if act in TABLE[name].excludes:
        with pytest.raises(StateError, match="pending") as caught:
            refuse(state_with(name), act)
        assert (caught.value.hint or "").endswith(TABLE[name].finish)
    else:
        refuse(state_with(name), act)


@pytest.mark.parametrize("act", ACTS)
def test_nothing_pending_refuses_nothing(act: Act) -> None:
    refuse(document(complete()).state, act)


def test_every_kind_of_operation_is_in_the_table() -> None:
    assert {each.kind for each in TABLE.values()} == set(get_args(OperationKind))


def test_what_finishes_an_operation_is_not_excluded_by_it() -> None:
    finishes: dict[str, Act] = {"resume": "resume", "destroy": "destroy"}
    for each in TABLE.values():
        if each.finish in finishes:
            assert finishes[each.finish] not in each.excludes
        assert "destroy" not in each.excludes


def test_a_replacement_that_a_pending_rollback_would_swallow_is_refused() -> None:
    with pytest.raises(StateError, match="a rollback is pending") as caught:
        refuse(state_with("rollback"), "replace", program="k0rdent-azure -C there")
    assert caught.value.hint == "finish that first: k0rdent-azure -C there resume"


def test_a_vm_that_is_to_go_refuses_a_rollback_in_older_states_too() -> None:
    data = complete()
    data["azure_resources"]["virtual_machines"]["k0s-worker-1"]["status"] = "deleting"
    with pytest.raises(StateError, match="k0s-worker-1"):
        refuse(document(data).state, "rollback")


@pytest.mark.parametrize("status", ["destroying", "destroyed"])
@pytest.mark.parametrize("act", [act for act in ACTS if act != "destroy"])
def test_what_is_being_destroyed_takes_nothing_else(status: str, act: Act) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = status
    with pytest.raises(StateError, match=status) as caught:
        refuse(document(data).state, act)
    assert "destroy" in (caught.value.hint or "")


def test_details_come_back_as_they_were_written() -> None:
    tx = edited(complete())
    removal = RemovalDetails(vms={"k0s-worker-1": Removal(why="to be replaced", vm_id="1234")})
    rekey = RekeyDetails(scope="laptop", new=Keys(private_key={"mylaptop": "new"}))
    REMOVAL.begin(tx, "VMs", removal)
    REKEY.begin(tx, "wgk0abc123", rekey)
    DESTROY.begin(tx, "group")
    state = document(tx.data).state
    assert REMOVAL.pending(state) == removal
    assert REKEY.pending(state) == rekey
    assert DESTROY.is_pending(state)
    assert REPAIR.pending(state) is None


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("rekey", {"scope": "everything", "new": {}}),
        ("rollback", {"remove": "all"}),
        ("vm-removal", {"vms": ["k0s-worker-1"]}),
        ("repair", {"start": {"k0s-worker-1": True}}),
    ],
)
def test_details_that_are_no_such_are_refused_with_their_path(name: str, details: dict[str, Any]) -> None:
    with pytest.raises(StateInvalidError, match=rf"pending_operations\.{name}\.details"):
        TABLE[name].pending(state_with(name, details))


def test_the_snapshots_of_a_pending_rollback_are_needed() -> None:
    tx = edited(complete())
    ROLLBACK.begin(tx, "12-before", RollbackDetails(kept_as="14-now", remove=[]))
    assert needed_snapshots(document(tx.data).state) == {"12-before", "14-now"}
    assert needed_snapshots(document(complete()).state) == frozenset()


def test_a_vm_that_is_replaced_leaves_a_pending_repair() -> None:
    tx = edited(complete())
    REPAIR.begin(tx, "drift", RepairDetails(start=["k0s-worker-1"], again=["k0s-controller"]))
    again = edited(tx.data)
    without_vms(again, ["k0s-worker-1"])
    assert REPAIR.pending(document(again.data).state) == RepairDetails(again=["k0s-controller"])
    last = edited(again.data)
    without_vms(last, ["k0s-controller"])
    assert not REPAIR.is_pending(document(last.data).state)
