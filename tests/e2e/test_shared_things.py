"""Somebody works on the same network and VMs through `az`: a repair puts ours right, and theirs stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from k0rdent_azure.rehearsal.world import World
from tests.e2e.conftest import Product
from tests.e2e.test_repair import fault

pytestmark = pytest.mark.e2e

WORKER = "k0s-worker-1"


def put(product: Product, resource: str, path: str, value: object) -> None:
    """A property of a resource becomes `value`, as somebody set it a while ago."""
    words = ("--resource", resource, "--property", path, "--value", json.dumps(value))
    fault(product, "property-changed", *words)


def bodies(product: Product) -> dict[str, Any]:
    """What the cloud has, but for the marks of runs and what a request writes beside what a fault wrote."""
    found: dict[str, Any] = {}
    for each in World(product.workspace / ".rehearsal").resources():
        body = json.loads(json.dumps(each.body))
        for mark in ("generation", "claim", "change"):
            body.get("tags", {}).pop(f"k0rdent-azure-{mark}", None)
        for kind in ("securityRules", "subnets"):
            for child in body.get("properties", {}).get(kind, ()):
                child.pop("id", None)
                child.pop("type", None)
                child["properties"].pop("provisioningState", None)
        found[each.name] = body
    return found


def test_a_repair_changes_nothing_but_ours(product: Product) -> None:
    product.deployed("minimal")
    deployment = product.state("metadata.deployment_id")
    nsg, vnet = f"{deployment}-nsg", f"{deployment}-vnet"
    fault(product, "rule-added", "--rule", "Theirs", "--priority", "3000")
    fault(product, "tag-added", "--resource", WORKER, "--tag", "backup=[daily]")
    put(product, vnet, "properties.subnets.0.properties.routeTable", {"id": "/x/routes"})
    put(
        product,
        vnet,
        "properties.subnets.1",
        {"name": "theirs", "properties": {"addressPrefix": "10.240.9.0/24"}},
    )
    disk = {"name": "data", "lun": 0, "createOption": "Attach", "deleteOption": "Detach"}
    put(product, WORKER, "properties.storageProfile.dataDisks.0", disk)
    theirs = product.run("validate", "--json", expect=11).json["findings"]
    assert {each["repair"] for each in theirs} == {"none"}
    before = bodies(product)

    fault(product, "rule-opened", "--rule", "AllowWireGuard", "--port", "*")
    fault(product, "tags-removed", "--resource", nsg, "--tag", "k0rdent-azure-owner")
    fault(product, "vm-resized", "--vm", WORKER, "--size", "Standard_D8pls_v6")
    dry = product.run("validate", "--repair", "--dry-run", expect=11).out
    assert f"put VM {WORKER} right; what others added to it stays" in dry
    product.run("validate", "--repair", "--yes", expect=11)
    assert bodies(product) == before
    assert product.run("validate", "--json", expect=11).json["findings"] == theirs

    preview = product.run("replace", f"vm/{WORKER}", "--dry-run").out
    assert "= data disk data, which is detached, stays" in preview


def test_a_disk_that_outlived_its_vm_is_kept_and_named(product: Product) -> None:
    product.deployed("minimal")
    fault(product, "resource-deleted", "--resource", WORKER)
    assert (
        f"of VM {WORKER} stays disk {WORKER}OsDisk"
        in product.run("validate", "--repair", "--dry-run", expect=11).out
    )
    before = bodies(product)[f"{WORKER}OsDisk"]
    done = product.run("validate", "--repair", "--yes", expect=11)
    assert f"disk {WORKER}OsDisk outlived its VM" in done.err + done.out
    assert bodies(product)[f"{WORKER}OsDisk"] == before
    assert product.state(f"azure_resources.virtual_machines.{WORKER}.os_disk") == f"{WORKER}OsDisk-2"
    assert product.status()["status"] == "completed"
    (left,) = product.run("validate", "--json", expect=11).json["findings"]
    assert (left["kind"], left["name"]) == ("unexpected", f"{WORKER}OsDisk")
