"""A state that is lost with all its copies, made anew from Azure, the hosts and what is left in the workspace."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_deployment import load
from tests.e2e.test_interruption import creations
from tests.somebody import Somebody

pytestmark = pytest.mark.e2e

#: What nobody can know any more, or what is another value for a reason: the paths of a finished deployment that may
#: differ from the lost state. `*` stands for any one key.
MAY_DIFFER = {
    # Numbers and times of the state itself.
    "metadata.serial",
    "metadata.last_updated",
    "metadata.created_at",
    "metadata.run",
    "events",
    "event_history",
    "api_calls",
    "durations",
    "pending_operations",
    # When, and with what, it was done.
    "phases.*.started_at",
    "phases.*.ended_at",
    "phases.*.seconds",
    "azure_resources.resource_group.created_at",
    "azure_resources.deployment.submitted_at",
    "azure_resources.virtual_machines.*.created_at",
    "azure_resources.virtual_machines.*.detail",
    "k0s_cluster.installed_by",
    "k0rdent.installed_by",
    # Seen anew now, or by the next run.
    "azure_resources.deployment.last_checked",
    "azure_resources.virtual_machines.*.last_checked",
    "wireguard.peers.*.last_handshake",
    "wireguard.laptop_config.last_checked",
    "k0s_cluster.last_checked",
    "k0s_cluster.controllers.*.last_checked",
    "k0s_cluster.workers.*.last_checked",
    "k0rdent.last_checked",
    "k0rdent.children_checked_at",
}


def lose(product: Product, *, events: bool = True) -> dict[str, Any]:
    """Delete the state with its copies, and its sealed events where `events`; returns what it said."""
    before = load(product)
    for path in product.workspace.glob("deployment-state*"):
        if path.is_dir():
            if events or path.name != "deployment-state.events":
                shutil.rmtree(path)
        else:
            path.unlink()
    return before


def differing(old: Any, new: Any, path: tuple[str, ...] = ()) -> set[str]:
    """The dotted paths whose values differ, apart from those that may."""
    if any(_matches(path, allowed.split(".")) for allowed in MAY_DIFFER):
        return set()
    if isinstance(old, dict) and isinstance(new, dict):
        keys = {*old, *new}
        return {each for key in keys for each in differing(old.get(key), new.get(key), (*path, key))}
    return set() if old == new else {".".join(path)}


def _matches(path: tuple[str, ...], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(b in ("*", a) for a, b in zip(path, pattern, strict=True))


def test_a_finished_deployment_comes_back_field_by_field(product: Product) -> None:
    product.deployed("production")
    before = lose(product)
    requests = len(product.requests())

    assert "recover --from-azure" in product.run("recover", expect=2).err
    preview = product.run("recover", "--from-azure", "--dry-run")
    assert "nothing was written" in preview.out
    assert product.state_text() == ""
    asked = product.requests()[requests:]
    assert {request["method"] for request in asked} == {"GET"}
    assert len(asked) <= 8

    done = product.run("recover", "--from-azure", "--yes", "--json").json
    assert done["requests"] <= 8
    assert done["status"] == "completed"
    assert done["written"]["damaged"] is None
    after = load(product)
    assert differing(before, after) == set()
    assert after["metadata"]["lineage"] == before["metadata"]["lineage"]
    assert [event["action"] for event in after["events"]] == ["state_rebuilt"]

    product.run("state", "check")
    assert product.status()["status"] == "completed"
    requests = len(product.requests())
    product.run("resume", "--yes")
    assert len(product.requests()) - requests <= 2
    made = creations(product)
    assert len(made) == len(set(made))
    product.run("recover", "--from-azure", "--yes", expect=4)
    product.run("destroy", "--yes")
    assert product.state_text() == ""


def test_nothing_begins_beside_a_deployment_whose_state_is_lost(product: Product) -> None:
    product.deployed("single-node")
    before = lose(product)
    requests = len(product.requests())
    name = before["metadata"]["deployment_id"]
    for words in (
        ("deploy", "--yes"),
        ("plan",),
        ("resume", "--yes"),
        ("destroy", "--yes"),
        ("status",),
        ("validate",),
        ("state", "get", "metadata"),
        ("replace", "vm/k0s-controller", "--yes"),
    ):
        refused = product.run(*words, expect=4).err
        assert f"recover --from-azure {name}" in refused, words
    assert name in product.run("doctor", expect=9).out
    assert len(product.requests()) == requests
    assert product.state_text() == ""

    product.run("recover", "--from-azure", name, "--yes")
    product.run("destroy", "--yes")
    assert "start one" in product.run("resume", "--yes", expect=4).err


def test_only_what_is_lost_is_told(product: Product) -> None:
    product.deployed("single-node")
    before = lose(product)
    shown = product.run("recover", "--from-azure", "--yes")
    for peer in before["wireguard"]["peers"].values():
        assert peer["private_key"] not in shown.out + shown.err
    (event,) = product.run("events", "--json").lines
    assert "not found: configuration.kof" in event["message"]
    assert "WireGuard" not in event["message"].partition("not found")[2]


def forget_record(product: Product) -> None:
    """Somebody deleted the deployment's record, as Azure does by itself beyond 800 of them."""
    product.run("rehearse", "stop")
    path = product.workspace / ".rehearsal" / "world.json"
    world = json.loads(path.read_text())
    world["deployments"] = {}
    path.write_text(json.dumps(world))


def test_tags_and_hosts_are_enough(product: Product) -> None:
    product.deployed("minimal")
    before = lose(product)
    forget_record(product)
    config = product.workspace / "k0rdent.yaml"
    kept = config.read_text()
    config.unlink()
    # Not even the file that deploy was given: what only stood there cannot be known.
    done = product.run("recover", "--from-azure", "--yes", "--json").json
    assert done["requests"] <= 8
    assert done["record"] is None
    only_in_the_file = {
        "configuration.metadata.description",
        "metadata.config_file",
        "metadata.config_digest",
    }
    only_in_the_record = {
        "azure_resources.deployment.correlation_id",
        "azure_resources.baseline",
        *(
            f"azure_resources.virtual_machines.{name}.nic_guid"
            for name in before["azure_resources"]["virtual_machines"]
        ),
    }
    assert differing(before, load(product)) == only_in_the_file | only_in_the_record
    requests = len(product.requests())
    product.run("resume", "--yes")
    assert len(product.requests()) - requests <= 2

    lose(product)
    config.write_text(kept)
    product.run("recover", "--from-azure", "--yes")
    assert differing(before, load(product)) == only_in_the_record


@pytest.mark.parametrize(
    ("change", "is_ours"),
    [
        (("tags-removed", "--resource"), True),
        (("vm-replaced", "--vm"), False),
    ],
)
def test_what_the_record_tells_proves_whose_a_vm_without_tags_is(
    product: Product, change: tuple[str, ...], is_ours: bool
) -> None:
    product.deployed("minimal")
    before = lose(product)
    product.run("rehearse", "fault", *change, "k0s-worker-1")
    shown = product.run("recover", "--from-azure", "--trust-hosts", "--dry-run").out
    told = product.run("recover", "--from-azure", "--trust-hosts", "--yes", "--json").json["unproven"]
    vms = [state["azure_resources"]["virtual_machines"]["k0s-worker-1"] for state in (before, load(product))]
    assert (vms[1].get("vm_id") == vms[0]["vm_id"]) is is_ours
    if is_ours:
        assert (told, "not proven" in shown) == ([], False)
        product.run("destroy", "--yes")
    else:
        (vm,) = told
        assert (vm["name"], vm["why"], vm["taken"]) == ("k0s-worker-1", "it carries no tag of ours", False)
        assert "virtualMachines k0s-worker-1: it carries no tag of ours; left out" in shown
        assert re.search(
            rf"az tag update --operation merge --resource-id {re.escape(vm['id'])} --tags \S", shown
        )
        assert "not this deployment's" in product.run("destroy", "--yes", expect=6).err


def test_a_vm_of_somebodys_with_our_tags_is_not_taken_into_a_state(product: Product) -> None:
    product.deployed("minimal")
    name = lose(product)["metadata"]["deployment_id"]
    product.run("rehearse", "fault", "vm-replaced", "--tags", "copied", "--vm", "k0s-worker-1")
    refused = product.run("recover", "--from-azure", "--trust-hosts", "--yes", expect=6).err
    assert "k0s-worker-1 carries the tags of" in refused
    assert product.state_text() == ""
    # As the hint says.
    assert "az tag update --operation delete --resource-id /subscriptions/" in refused
    tag = f"k0rdent-azure-deployment={name}"
    assert f"--tags {tag}; then run this again" in refused
    for part in ("k0s-worker-1", "k0s-worker-1VMNic"):
        product.run(
            "rehearse", "fault", "tags-removed", "--resource", part, "--tag", "k0rdent-azure-deployment"
        )
    product.run("recover", "--from-azure", "--trust-hosts", "--yes")
    assert "not this deployment's" in product.run("destroy", "--yes", expect=6).err


def test_without_the_ssh_key_what_is_known_stands_and_destroy_works(product: Product) -> None:
    product.deployed("single-node")
    lose(product)
    for path in (product.workspace / "azure-resources").iterdir():
        path.unlink()
    done = product.run("recover", "--from-azure", "--yes", "--json").json
    lost = {loss["what"] for loss in done["lost"]}
    assert {"the keys of k0s-controller"} <= lost
    assert any(what.startswith("the SSH private key ./azure-resources/") for what in lost)
    assert [vm["keys"] for vm in done["virtual_machines"]] == [False]
    product.run("state", "check")
    assert product.status()["status"] == "interrupted"
    unasked = product.run("validate", "--hosts", "--json", expect=12).json["unread"]
    assert [each["what"] for each in unasked] == ["host k0s-controller"]
    refused = product.run("resume", "--yes", expect=7)
    assert "SSH key" in refused.err
    assert "host_private_key" not in product.state_text()
    product.run("destroy", "--yes")


def test_host_keys_are_trusted_only_on_somebodys_word(product: Product) -> None:
    product.deployed("single-node")
    before = lose(product)
    (product.workspace / "k0sctl-config" / "known_hosts").unlink()
    shown = product.run("recover", "--from-azure", "--yes")
    assert "SHA256:" in shown.err
    assert "not trusted" in shown.out
    assert "host_private_key" not in product.state_text()
    refused = product.run("resume", "--yes", expect=7)
    assert "recover --from-hosts" in refused.err
    product.run("recover", "--from-hosts", expect=7)
    product.run("recover", "--from-hosts", "--trust-hosts")
    product.run("resume", "--yes")
    after = load(product)
    for key in ("host_key", "host_private_key"):
        vms = [
            document["azure_resources"]["virtual_machines"]["k0s-controller"] for document in (before, after)
        ]
        assert vms[0][key] == vms[1][key]
    assert differing(before["wireguard"], after["wireguard"], ("wireguard",)) == set()
    assert product.status()["status"] == "completed"


def test_somebody_else_at_a_pinned_address_is_not_asked(product: Product) -> None:
    product.deployed("single-node")
    lose(product)
    known = product.workspace / "k0sctl-config" / "known_hosts"
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().split()[1]
    known.write_text(
        "".join(f"{line.split()[0]} ssh-ed25519 {other}\n" for line in known.read_text().splitlines())
    )
    done = product.run("recover", "--from-azure", "--yes", "--trust-hosts", "--json").json
    assert [vm["keys"] for vm in done["virtual_machines"]] == [False]
    assert any("shows another host key" in loss["means"] for loss in done["lost"])


@pytest.mark.parametrize(
    "path", ["resourcegroups?", "Microsoft.Compute", "publicIPAddresses", "deployments/k0rdent"]
)
def test_what_may_not_be_read_is_told_and_the_rest_is_used(product: Product, path: str) -> None:
    product.deployed("single-node")
    before = lose(product)
    product.run("rehearse", "fault", "http", "--status", "403", "--method", "GET", "--path", path, "--always")
    done = product.run("recover", "--from-azure", "--yes", "--json").json
    assert any("what it would have told is left out" in loss["means"] for loss in done["lost"])
    product.run("rehearse", "fault", "clear")
    after = load(product)
    old, new = (d["azure_resources"]["virtual_machines"]["k0s-controller"] for d in (before, after))
    for key in ("id", "public_ip", "host_private_key", "fqdn", "nic_id", "public_ip_id"):
        assert old[key] == new[key], key
    product.run("resume", "--yes")
    made = creations(product)
    assert len(made) == len(set(made))


def test_where_nobody_can_say_which_vms_exist_nothing_is_written(product: Product) -> None:
    product.deployed("single-node")
    lose(product)
    forget_record(product)
    path = "Microsoft.Compute/virtualMachines"
    product.run("rehearse", "fault", "http", "--status", "403", "--method", "GET", "--path", path, "--always")
    refused = product.run("recover", "--from-azure", "--yes", expect=6)
    assert "which VMs of k0rdent-" in refused.err
    assert product.state_text() == ""


def move_files(source: Path, target: Path) -> Path:
    """What tells of a deployment in a workspace without a state; returns where it is now."""
    for folder in ("azure-resources", "k0sctl-config"):
        if (source / folder).exists():
            shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)
            shutil.rmtree(source / folder)
    return target


def test_one_of_two_deployments(product: Product) -> None:
    product.deployed("single-node")
    ids = [lose(product)["metadata"]["deployment_id"]]
    aside = move_files(product.workspace, product.workspace / "aside")
    # The second one's VPN has the address of the first one's: it gets that far.
    assert "sudo wg-quick down" in product.run("deploy", "--yes", expect=7).err
    ids.append(lose(product)["metadata"]["deployment_id"])
    move_files(aside, product.workspace)
    several = product.run("recover", "--from-azure", "--yes", expect=2)
    assert all(name in several.err for name in ids)
    product.run("recover", "--from-azure", ids[1], "--yes")
    assert load(product)["metadata"]["deployment_id"] == ids[1]
    assert ids[0] not in product.state_text()
    product.run("destroy", "--yes")
    # The other one is as it was, and is not taken for one whose files lie here.
    move_files(product.workspace, aside)
    (product.workspace / "azure-resources").mkdir()
    strange = product.workspace / "azure-resources" / "k0rdent-strange1-ssh-key"
    strange.touch()
    refused = product.run("recover", "--from-azure", "--yes", expect=2).err
    assert ids[0] in refused
    assert "k0rdent-strange1" in refused
    strange.unlink()
    move_files(aside, product.workspace)
    product.run("recover", "--from-azure", "--yes")
    assert load(product)["metadata"]["deployment_id"] == ids[0]


def kill_in(product: Product, phase: str) -> dict[str, Any]:
    process = product.start("deploy", "--yes")
    product.wait_for_phase(phase)
    end(process, signal.SIGKILL)
    return lose(product)


def test_killed_while_vms_are_made(product: Product) -> None:
    product.init("minimal")
    before = kill_in(product, "vm_creation")
    done = product.run("recover", "--from-azure", "--trust-hosts", "--yes", "--json").json
    # Until the VPN is set up, the workstation's key is in the state alone.
    assert "the WireGuard private key of the workstation" in {loss["what"] for loss in done["lost"]}
    assert "recover --rekey" in product.run("resume", "--yes", expect=7).err
    product.run("recover", "--rekey", "--yes")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    after = load(product)
    for name, vm in before["azure_resources"]["virtual_machines"].items():
        assert (
            after["azure_resources"]["virtual_machines"][name]["host_private_key"] == vm["host_private_key"]
        )
    made = creations(product)
    assert len(made) == len(set(made))


def test_killed_while_the_cluster_is_made(product: Product) -> None:
    product.init("minimal")
    before = kill_in(product, "cluster_setup")
    product.run("recover", "--from-azure", "--yes", "--trust-hosts")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert differing(before["wireguard"], load(product)["wireguard"], ("wireguard",)) == set()


def test_a_vm_that_could_not_be_made_is_made_by_resume(product: Product) -> None:
    product.init("minimal")
    product.run("rehearse", "fault", "AllocationFailed", "--vm", "k0s-worker-1")
    product.run("deploy", "--yes", expect=6)
    lose(product)
    done = product.run("recover", "--from-azure", "--trust-hosts", "--yes", "--json").json
    assert {vm["name"]: vm["keys"] for vm in done["virtual_machines"]} == {
        "k0s-controller": True,
        "k0s-worker-1": False,
    }
    product.run("recover", "--rekey", "--yes")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"


def test_history_that_remains_is_taken_over(product: Product) -> None:
    product.deployed("single-node")
    text = product.state_text()
    before = load(product)
    lose(product)
    # A file that is torn in its cluster section: its events can still be read.
    (product.workspace / "deployment-state.yaml").write_text(
        text.replace("k0rdent:\n  status:", "k0rdent:\n  status")
    )
    done = product.run("recover", "--from-azure", "--yes", "--json").json
    assert done["written"]["taken"] == len(before["events"])
    assert done["written"]["unproven"] == 0
    assert done["written"]["damaged"]
    after = load(product)
    assert after["metadata"]["lineage"] == before["metadata"]["lineage"]
    assert after["metadata"]["serial"] == before["metadata"]["serial"] + 1
    assert [event["action"] for event in after["events"]][-1] == "state_rebuilt"
    assert after["events"][0]["chain"] == before["events"][0]["chain"]
    product.run("state", "check")


def test_what_carries_only_part_of_our_tags_is_named(product: Product) -> None:
    """Without a record only tags tell: a VM without the lineage is used and named, one without our id is left out."""
    product.deployed("minimal")
    state = lose(product)
    somebody = Somebody.at(product.workspace / ".rehearsal")
    somebody.must("DELETE", state["azure_resources"]["deployment"]["id"], api="2021-04-01")
    for vm, tag in (
        ("k0s-worker-1", "k0rdent-azure-lineage"),
        ("k0s-controller", "k0rdent-azure-deployment"),
    ):
        product.run("rehearse", "fault", "tags-removed", "--resource", vm, "--tag", tag)
    told = product.run("recover", "--from-azure", "--trust-hosts", "--dry-run", "--json").json["unproven"]
    assert {each["name"]: (each["why"], each["taken"]) for each in told} == {
        "k0s-worker-1": ("it carries no tag k0rdent-azure-lineage", True),
        "k0s-controller": ("it carries a lineage, but no tag k0rdent-azure-deployment", False),
    }
