"""Situations that need somebody else: in Azure, on a host, or beside the deployment."""

from __future__ import annotations

import functools

import yaml

from tests.e2e.conftest import Product
from tests.e2e.test_validate import on_host
from tests.hints.deployed import YES, fault
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
    assert place.run("rehearse", "log").code == 0
    return Somebody.at(place.workspace / ".rehearsal")


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
