"""Nothing that is not ours is deleted, started, overwritten or taken over, whatever name it has."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Product, Result
from tests.somebody import Json, Somebody

pytestmark = pytest.mark.e2e

VM = "k0s-worker-1"
COMPUTE, NETWORK = "Microsoft.Compute", "Microsoft.Network"
AZURE_SAYS_NO, STATE_SAYS_NO, DRIFT = 6, 4, 11
CHANGES = ("DELETE", "PUT", "PATCH", "POST")
ACTS = (
    ("replace", f"vm/{VM}", "--yes"),
    ("validate", "--repair", "--yes"),
    ("resume", "--yes"),
)


def deployed(product: Product, *words: str) -> Somebody:
    product.deployed("minimal", *words)
    return Somebody.at(product.workspace / ".rehearsal")


def changes(product: Product) -> list[str]:
    """What the product sent that changes something."""
    return [f"{row['method']} {row['path']}" for row in product.requests() if row["method"] in CHANGES]


def group_of(product: Product) -> str:
    return product.state("azure_resources.resource_group.name")


def refused(product: Product, words: tuple[str, ...]) -> Result:
    """Run a command that has to change nothing in Azure; a repair may find that nothing is left to it."""
    before = changes(product)
    result = product.run(*words, expect=None)
    assert changes(product) == before, f"{words} changed something"
    product.run("state", "check")
    return result


@pytest.mark.parametrize(
    "tags", [(), ("--tags", "copied"), ("--tags", "k0rdent-azure-deployment=k0rdent-other123")]
)
def test_a_vm_of_somebody_under_our_name_is_left_alone(product: Product, tags: tuple[str, ...]) -> None:
    deployed(product)
    serial = product.state("metadata.serial")
    product.run("rehearse", "fault", "vm-replaced", "--vm", VM, *tags)
    replaced = refused(product, ACTS[0])
    assert replaced.code == AZURE_SAYS_NO
    assert "another one took its name" in replaced.err
    assert "left alone" in replaced.err
    # Refused before anything was recorded: the state is what it was, but for the count of requests.
    assert product.state("metadata.deployment_status") == "completed"
    assert product.state(f"azure_resources.virtual_machines.{VM}.status") == "running"
    assert int(product.state("metadata.serial")) <= int(serial) + 2
    told = product.run("validate", "--json", expect=DRIFT).json["findings"]
    named = [each for each in told if each["name"] == VM and each["type"].endswith("/virtualMachines")]
    assert [(each["field"], each["repair"]) for each in named] == [("incarnation", "none")]
    for words in ACTS[1:]:
        result = refused(product, words)
        assert result.code in (AZURE_SAYS_NO, DRIFT)
    # A look that failed leaves the deployment complete: the next one only looks, too.
    assert product.state("metadata.deployment_status") == "completed"
    assert "another one took its name" in refused(product, ACTS[2]).err


def test_a_vm_that_somebody_made_while_its_replacement_was_interrupted(product: Product) -> None:
    somebody = deployed(product)
    process = product.start("replace", f"vm/{VM}", "--yes")
    product.wait_for(lambda: "vm-removal" in product.state_text(), "the intent")
    process.kill()
    process.communicate()
    product.run("rehearse", "fault", "vm-replaced", "--vm", VM)
    somebody.must("GET", f"{somebody.group(group_of(product))}/providers/{COMPUTE}/virtualMachines/{VM}")
    before = [line for line in changes(product) if line.startswith(("DELETE", "PUT"))]
    result = product.run("resume", "--yes", expect=AZURE_SAYS_NO)
    assert VM in result.err
    assert [line for line in changes(product) if line.startswith(("DELETE", "PUT"))] == before
    product.run("state", "check")


def test_a_vm_that_lost_its_tags_is_ours_by_its_recorded_id(product: Product) -> None:
    deployed(product)
    product.run("rehearse", "fault", "tags-removed", "--resource", VM)
    product.run("replace", f"vm/{VM}", "--yes")
    assert product.status()["status"] == "completed"
    product.run("validate")


@pytest.mark.parametrize(
    ("tag", "value", "why"),
    [
        ("k0rdent-azure-deployment", "k0rdent-other123", "the tag of k0rdent-other123"),
        ("k0rdent-azure-lineage", "00000000-0000-0000-0000-000000000000", "the lineage"),
    ],
)
@pytest.mark.parametrize(
    "kind", [f"{COMPUTE}/virtualMachines/{VM}", f"{NETWORK}/networkInterfaces/{VM}VMNic"]
)
def test_what_carries_another_deployments_mark_is_not_deleted(
    product: Product, tag: str, value: str, why: str, kind: str
) -> None:
    """The VM itself, or what its deletion would take along."""
    somebody = deployed(product)
    resource = f"{somebody.group(group_of(product))}/providers/{kind}"
    somebody.tag(resource, **{tag: value})
    result = refused(product, ACTS[0])
    assert result.code == AZURE_SAYS_NO
    assert why in result.err


def test_names_that_a_group_of_the_users_holds_already_are_refused_at_deploy(product: Product) -> None:
    """Two deployments in one group have equal VM names: the second one is told, before it makes anything."""
    product.deployed("minimal")
    somebody = Somebody.at(product.workspace / ".rehearsal")
    somebody.must("PUT", somebody.group("team-rg"), {"location": "westeurope"}, api="2021-04-01")
    address: Json = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    path = f"{somebody.group('team-rg')}/providers/{NETWORK}/publicIPAddresses/k0s-controllerPublicIP"
    somebody.must("PUT", path, address, api="2023-11-01")
    product.run("destroy", "--yes")
    before = somebody.must("GET", path, api="2023-11-01")
    result = product.run("deploy", "--yes", "--set", "azure.resource_group=team-rg", expect=AZURE_SAYS_NO)
    assert "k0s-controllerPublicIP" in result.err
    assert somebody.must("GET", path, api="2023-11-01") == before
    # Nothing was made: not even keys, which would be of no use.
    assert not [*product.workspace.glob("azure-resources/*-ssh-key")]
