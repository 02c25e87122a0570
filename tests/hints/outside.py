"""Situations that need somebody else: in Azure, on a host, or beside the deployment."""

from __future__ import annotations

import functools

import yaml

from tests.e2e.conftest import Product
from tests.e2e.test_validate import on_host
from tests.hints.deployed import YES, fault, lose_the_state
from tests.hints.place import Place
from tests.hints.situations import CONFIG, DEPLOYED, EMPTY, situation
from tests.somebody import Somebody

deployed = functools.partial(situation, start=DEPLOYED)
WORKER = "k0s-worker-1"


def three_controllers(place: Place) -> Product:
    made = Product(place.workspace)
    made.deployed("production")
    return made


def somebody(place: Place) -> Somebody:
    _serve(place)
    return Somebody.at(place.workspace / ".rehearsal")


def _serve(place: Place) -> None:
    """A copy's cloud is served once a command asks it for something."""
    place.run("status", "--refresh")


def begun_and_not_looked(place: Place) -> str:
    """A deployment of which nothing was sent; returns its id."""
    fault(place, "http", "--status", "500", "--method", "GET", "--always")
    assert place.run("deploy", "--yes", "-q").code == 6
    fault(place, "clear")
    return str(yaml.safe_load(place.state.read_bytes())["metadata"]["deployment_id"])


@deployed("phases/undeleted.py: {ends}")
def a_lock_keeps_the_group(place: Place) -> None:
    fault(place, "delete-refused", "--always")
    place.tell("destroy", "--yes", expect=6)
    fault(place, "clear")
    place.follow("destroy", more=YES)
    assert "no deployment" in place.run("status").err


@deployed("azure/drift_actions.py: replace {}")
def a_vm_of_another_make(place: Place) -> None:
    words = ("--property", "properties.osProfile.adminUsername", "--value", '"bob"')
    fault(place, "property-changed", "--resource", WORKER, *words)
    place.tell("validate", expect=11)
    place.follow(f"replace vm/{WORKER}", more=YES)
    place.cured("bob")


@situation("phases/quorum.py: validate --repair", start=EMPTY)
def another_controller_is_off(place: Place) -> None:
    three_controllers(place)
    fault(place, "vm-deallocated", "--vm", "k0s-controller-3")
    place.tell("replace", "vm/k0s-controller", "--yes", expect=8)
    place.follow("validate --repair", more=YES)
    assert (
        "up: k0s-controller, k0s-controller-2, k0s-controller-3"
        in place.run("replace", "vm/k0s-controller", "--dry-run").out
    )


@situation("phases/quorum.py: validate --hosts", start=EMPTY)
def controllers_do_not_answer(place: Place) -> None:
    made = three_controllers(place)
    for name in ("k0s-controller-2", "k0s-controller-3"):
        on_host(made, name, "sudo -n systemctl stop k0scontroller")
    place.tell("replace", "vm/k0s-controller", "--yes", expect=8)
    said = place.follow("validate --hosts", expect=11)
    assert "k0s-controller-2" in said
    assert "sudo systemctl restart k0scontroller" in said


@situation("phases/standing.py: recover --from-azure {} --take-over", start=CONFIG)
def a_group_of_that_name_is_there(place: Place) -> None:
    name = begun_and_not_looked(place)
    other = somebody(place)
    other.must("PUT", other.group(f"{name}-resgrp"), {"location": "southeastasia"}, api="2021-04-01")
    place.tell("resume", "--yes", expect=6)
    place.accepts("recover --from-azure")


@deployed("phases/preparation.py: (resume)", "phases/preparation.py: destroy")
def the_ssh_key_is_gone(place: Place) -> None:
    key = next((place.workspace / "azure-resources").glob("*-ssh-key"))
    text = key.read_bytes()
    key.unlink()
    place.tell("resume", "--yes", expect=7)
    key.touch(mode=0o600)
    key.write_bytes(text)
    place.short("resume", more=YES)
    key.unlink()
    place.tell("resume", "--yes", expect=7)
    place.follow("destroy", more=YES)


@deployed("phases/ownership.py: validate", "phases/ownership.py: (deploy)", harm=(WORKER,))
def somebodys_vm_has_our_name(place: Place) -> None:
    fault(place, "vm-replaced", "--vm", WORKER)
    place.tell("replace", f"vm/{WORKER}", "--yes", expect=6)
    assert WORKER in place.follow("validate", expect=11)
    place.short("deploy", more=["--help"])


def _in_a_group(place: Place) -> None:
    path = place.workspace / "k0rdent.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("azure:\n", "azure:\n  resource_group: team\n", 1), encoding="utf-8")


def _delete(other: Somebody, path: str) -> None:
    """And wait until it is gone."""
    other.must("DELETE", path)
    while other.call("GET", path)[0] != 404:
        pass


@situation("phases/removal_check.py: (destroy)", start=CONFIG)
def somebody_uses_our_subnet(place: Place) -> None:
    _in_a_group(place)
    begun_and_not_looked(place)
    other = somebody(place)
    for group in ("team", "theirs"):
        other.must("PUT", other.group(group), {"location": "southeastasia"}, api="2021-04-01")
    assert place.run("deploy", "--yes", "-q").code == 0
    subnet = yaml.safe_load(place.state.read_bytes())["azure_resources"]["network"]["subnet"]["id"]
    nic = f"{other.group('theirs')}/providers/Microsoft.Network/networkInterfaces/theirs"
    configuration = {"name": "one", "properties": {"subnet": {"id": subnet}}}
    properties = {"ipConfigurations": [configuration]}
    other.must("PUT", nic, {"location": "southeastasia", "properties": properties})
    place.tell("destroy", "--yes", expect=6)
    _delete(other, nic)
    place.short("destroy", more=YES)


@situation(
    "phases/submission.py: (resume)",
    "phases/submission.py: (deploy)",
    "phases/submission.py: destroy",
    start=CONFIG,
)
def somebodys_group_of_rules_has_our_name(place: Place) -> None:
    _in_a_group(place)
    name = begun_and_not_looked(place)
    other = somebody(place)
    other.must("PUT", other.group("team"), {"location": "southeastasia"}, api="2021-04-01")
    rules = f"{other.group('team')}/providers/Microsoft.Network/networkSecurityGroups/{name}-nsg"
    other.must("PUT", rules, {"location": "southeastasia", "properties": {}})
    place.tell("resume", "--yes", expect=6)
    place.short("deploy", more=["--help"])
    place.accepts("destroy")
    _delete(other, rules)
    place.short("resume", more=YES)


@deployed("phases/rebuild_losses.py: state get configuration")
def the_record_is_lost(place: Place) -> None:
    data = yaml.safe_load(place.state.read_bytes())
    other = somebody(place)
    other.must("DELETE", data["azure_resources"]["deployment"]["id"], api="2022-09-01")
    lose_the_state(place)
    place.tell("recover", "--from-azure", "--yes", expect=0)
    assert "Standard_B2s" in place.follow("state get configuration")


@deployed("phases/host_comparison.py: replace {}")
def a_node_that_is_not_ready(place: Place) -> None:
    _serve(place)
    on_host(Product(place.workspace), WORKER, "sudo -n systemctl stop k0sworker")
    place.tell("validate", "--hosts", expect=11)
    place.follow(f"replace vm/{WORKER}", more=YES)
    place.cured("not ready")


@deployed("cli/recover_search.py: recover --from-azure {}")
def two_deployments_of_which_neither_is_said(place: Place) -> None:
    other = somebody(place)
    tags = {"k0rdent-azure-deployment": "k0rdent-zzzz1111"}
    body = {"location": "southeastasia", "tags": tags}
    other.must("PUT", other.group("k0rdent-zzzz1111-resgrp"), body, api="2021-04-01")
    lose_the_state(place, "azure-resources", "k0sctl-config", "wireguard", "k0rdent.yaml")
    place.tell("recover", "--from-azure", "--dry-run", "--cloud", "rehearsal", expect=2)
    place.accepts("recover --from-azure")
