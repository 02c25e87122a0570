"""A state that is lost with all its copies, made anew from Azure, the hosts and what is left in the workspace."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.e2e.conftest import Product
from tests.e2e.test_deployment import load
from tests.e2e.test_interruption import creations

pytestmark = pytest.mark.e2e

#: What nobody can know any more, or what is another value for a reason: the paths of a finished deployment that may
#: differ from the lost state. `*` stands for any one key.
MAY_DIFFER = {
    # Numbers and times of the state itself.
    "metadata.serial",
    "metadata.lineage",
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
    product.init()
    product.run("deploy", "--yes")
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
    assert after["metadata"]["lineage"] != before["metadata"]["lineage"]
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


def test_only_what_is_lost_is_told(product: Product) -> None:
    product.init("single-node")
    product.run("deploy", "--yes")
    before = lose(product)
    shown = product.run("recover", "--from-azure", "--yes")
    for peer in before["wireguard"]["peers"].values():
        assert peer["private_key"] not in shown.out + shown.err
    (event,) = product.run("events", "--json").lines
    assert "not found: configuration.kof" in event["message"]
    assert "WireGuard" not in event["message"].partition("not found")[2]
