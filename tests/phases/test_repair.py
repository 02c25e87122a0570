"""Which finding is repaired how, and what is left alone."""

from __future__ import annotations

import msgspec
import pytest

from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.phases.repair import RepairPlan, mark, plan
from k0rdent_azure.state.finding import Finding, FindingKind, Ignored, Repair
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction
from tests.azure.conftest import make_config
from tests.report.states import complete, document
from tests.state.conftest import StillClock

VM, KEY = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/sshPublicKeys"
NIC, ADDRESS = "Microsoft.Network/networkInterfaces", "Microsoft.Network/publicIPAddresses"
NSG = "Microsoft.Network/networkSecurityGroups"
RULE = f"{NSG}/securityRules"
GROUP = "Microsoft.Resources/resourceGroups"
WORKER = "k0s-worker-1"
NAMES = Names("k0rdent-7k2p9xqa")


def finding(
    kind: FindingKind,
    repair: Repair,
    type_: str,
    name: str,
    field: str | None = None,
    *,
    ignored: Ignored | None = None,
) -> Finding:
    return Finding(
        kind=kind, severity="critical", resource=f"/x/{type_}/{name}", type=type_, name=name, field=field,
        repair=repair, ignored=ignored,
    )  # fmt: skip


def planned(*findings: Finding, controllers: int = 3) -> RepairPlan:
    config = make_config(controllers=controllers, workers=2)
    assert len(hosts(config)) == controllers + 2
    return plan(findings, config, NAMES, state())


def state() -> State:
    return document(complete()).state


GONE = finding("missing", "recreate", VM, "k0s-worker-1")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (GONE, {"gone": [WORKER]}),
        (finding("missing", "recreate", NIC, "k0s-worker-1VMNic"), {"again": [WORKER]}),
        (finding("missing", "recreate", ADDRESS, "k0s-worker-1PUBLICIP"), {"again": [WORKER]}),
        (finding("missing", "recreate", NSG, NAMES.nsg), {"shared": True}),
        (finding("missing", "restore", RULE, "AllowSSH"), {"shared": True}),
        (finding("changed", "restore", KEY, NAMES.ssh_key, "public_key"), {"shared": True}),
        (finding("changed", "start", VM, WORKER, "power_state"), {"start": [WORKER]}),
        (finding("changed", "resize", VM, WORKER, "size"), {"again": [WORKER]}),
        (finding("changed", "restore", VM, WORKER, "tags.x"), {"again": [WORKER]}),
        (finding("changed", "recreate", VM, "k0s-controller", "ssh_public_keys"), {"anew": ["k0s-controller"]}),
        (finding("changed", "restore", VM, "k0s-controller", "tags.x"), {"again": ["k0s-controller"]}),
        (
            finding("changed", "resize", VM, "k0s-controller", "size"),
            {"again": ["k0s-controller"], "restarting": ["k0s-controller"]},
        ),
        (finding("missing", "recreate", GROUP, NAMES.resource_group), {"everything": True}),
    ],
)  # fmt: skip
def test_each_finding_has_its_repair(found: Finding, expected: dict[str, object]) -> None:
    wanted = planned(found)
    nothing = {
        "anew": [],
        "gone": [],
        "start": [],
        "again": [],
        "shared": False,
        "everything": False,
        "left": [],
        "restarting": [],
        "later": [],
        "accepted": {},
    }
    assert msgspec.structs.asdict(wanted) == nothing | expected
    assert not wanted.is_empty
    assert len(wanted.steps) == 1


@pytest.mark.parametrize(
    "found",
    [
        finding("unexpected", "none", VM, "somebody-elses"),
        finding("unexpected", "none", RULE, "Open"),
        finding("changed", "adopt", ADDRESS, "k0s-worker-1PublicIP", "address"),
        finding("changed", "none", VM, "k0s-worker-1", "location"),
    ],
)
def test_what_no_program_should_decide_is_left(found: Finding) -> None:
    wanted = planned(found)
    assert wanted.is_empty
    assert wanted.left == [found]


def test_what_is_ignored_is_not_repaired() -> None:
    ignored = Ignored(reason="a test")
    wanted = planned(msgspec.structs.replace(GONE, ignored=ignored))
    assert wanted.is_empty
    assert wanted.left == []


def test_no_controller_is_deleted_without_which_etcd_would_lose_its_majority() -> None:
    changed = finding("changed", "recreate", VM, "k0s-controller", "zone")
    assert planned(changed, controllers=2).left == [changed]
    assert planned(changed, controllers=3).anew == ["k0s-controller"]


def test_of_two_controllers_that_failed_one_is_made_anew() -> None:
    failed = [
        finding("changed", "recreate", VM, name, "provisioning_state")
        for name in ("k0s-controller", "k0s-controller-2")
    ]
    wanted = planned(*failed, controllers=3)
    assert (wanted.anew, wanted.later, wanted.left) == (["k0s-controller"], ["k0s-controller-2"], [])
    gone = finding("missing", "recreate", VM, "k0s-controller-3")
    assert planned(failed[0], gone, controllers=3).later == ["k0s-controller"]
    off = finding("changed", "start", VM, "k0s-controller-3", "power_state")
    waiting = planned(failed[0], off, controllers=3)
    assert (waiting.anew, waiting.start, waiting.later) == ([], ["k0s-controller-3"], ["k0s-controller"])


def test_a_controller_that_is_resized_takes_its_turn_too() -> None:
    """A new size restarts a VM: two at once, or one beside one that is deleted, would be two members less."""
    sizes = [
        finding("changed", "resize", VM, name, "size") for name in ("k0s-controller", "k0s-controller-2")
    ]
    failed = finding("changed", "recreate", VM, "k0s-controller-3", "provisioning_state")
    tags = finding("changed", "restore", VM, "k0s-controller-3", "tags.x")
    wanted = planned(*sizes, tags)
    assert (wanted.again, wanted.later) == (["k0s-controller-3", "k0s-controller"], ["k0s-controller-2"])
    wanted = planned(*sizes, failed)
    assert (wanted.anew, wanted.again) == (["k0s-controller-3"], [])
    assert wanted.later == ["k0s-controller", "k0s-controller-2"]
    spared = wanted.without_disturbance({"k0s-controller-3"})
    assert spared.is_empty
    assert spared.later == ["k0s-controller-3", "k0s-controller", "k0s-controller-2"]


def test_a_vm_that_is_made_anew_is_not_started_or_sent_as_well() -> None:
    wanted = planned(
        GONE,
        finding("missing", "recreate", NIC, "k0s-worker-1VMNic"),
        finding("changed", "start", VM, "k0s-worker-1", "power_state"),
        finding("changed", "start", VM, "k0s-worker-2", "power_state"),
        finding("changed", "start", VM, "k0s-worker-2", "power_state"),
    )
    assert (wanted.gone, wanted.again, wanted.start) == (["k0s-worker-1"], [], ["k0s-worker-2"])


def test_the_mark_tells_each_step_and_what_to_send() -> None:
    before = document(complete())
    tx = Transaction(before, StillClock())
    # What an earlier repair did not come to is not tried for ever.
    tx.begin_operation("repair", kind="repair", target="drift", details={"start": ["k0s-worker-1"]})
    mark(
        tx,
        RepairPlan(
            anew=[],
            gone=["k0s-worker-1"],
            start=["k0s-worker-2"],
            again=[],
            shared=True,
            everything=False,
            left=[],
        ),
    )
    assert tx.by_path.get("azure_resources.virtual_machines.k0s-worker-1.status") == "pending"
    assert not tx.by_path.has("azure_resources.virtual_machines.k0s-worker-1.id")
    assert tx.by_path.get("pending_operations.repair.details") == {
        "start": ["k0s-worker-2"],
        "again": [],
        "shared": True,
        "accepted": {},
    }
    told = tx.by_path.get("events")
    assert isinstance(told, list)
    assert [event["message"] for event in told[-3:]] == [
        "make VM k0s-worker-1 anew",
        "start VM k0s-worker-2",
        "put network, rules, SSH key and group right; what others added to them stays",
    ]
