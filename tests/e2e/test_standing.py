"""A copy of a workspace that is behind changes nothing; deployments from before there were generations get one."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.e2e.conftest import Product
from tests.somebody import Somebody

pytestmark = pytest.mark.e2e

VM = "k0s-worker-1"
STATE_SAYS_NO = 4
MARKS = ("generation", "claim", "change", "lineage")
CHANGING = (
    ("deploy", "--yes"),
    ("resume", "--yes"),
    ("replace", f"vm/{VM}", "--yes"),
    ("validate", "--repair", "--yes"),
    ("validate", "--sync", "--yes"),
    ("recover", "--rekey", "--yes"),
    ("destroy", "--yes"),
)


def copied(product: Product) -> Product:
    """The folder as somebody else has it, in the same cloud."""
    folder = product.workspace.with_name("copy")
    shutil.copytree(product.workspace, folder, ignore=shutil.ignore_patterns(".rehearsal"))
    return Product(folder, {"K0RDENT_AZURE_REHEARSAL_DIR": str(product.workspace / ".rehearsal")})


def changes(product: Product) -> int:
    return sum(row["method"] != "GET" for row in product.requests())


def test_who_is_behind_changes_nothing_and_can_take_over_on_purpose(product: Product) -> None:
    product.deployed("minimal")
    copy = copied(product)
    snapshot = copy.run("snapshot", "create", "--json").json["name"]
    product.run("replace", f"vm/{VM}", "--yes", "--quiet")

    behind, sent = copy.state("metadata.generation"), changes(product)
    for words in (*CHANGING, ("rollback", snapshot, "--apply", "--yes")):
        refused = copy.run(*words, expect=None)
        if words[0] == "rollback" and refused.code == 0:
            # There is nothing to restore, so nothing is begun.
            continue
        assert refused.code == STATE_SAYS_NO, words
        assert "this workspace is behind: Azure has generation 2" in refused.err, words
        assert "replace by " in refused.err
        assert "recover --from-azure --take-over" in refused.err
    assert changes(product) == sent
    assert copy.state("metadata.generation") == behind
    assert copy.state("metadata.deployment_status") == "completed"
    # A look is no change; it says so all the same.
    assert "this workspace is behind" in copy.run("validate", expect=None).err
    assert copy.status()["status"] == "completed"

    # The VM that the other one recreated shows a host key that this one never had.
    copy.run("recover", "--from-azure", "--take-over", "--trust-hosts", "--yes")
    assert [*copy.workspace.glob("deployment-state.yaml.behind-*")]
    copy.run("resume", "--yes")
    copy.run("validate")
    assert "this workspace is behind" in product.run("resume", "--yes", expect=STATE_SAYS_NO).err
    copy.run("destroy", "--yes")


def test_a_deployment_from_before_there_were_generations(product: Product) -> None:
    product.deployed("minimal")
    somebody = Somebody.at(product.workspace / ".rehearsal")
    group = somebody.group(product.state("azure_resources.resource_group.name"))
    listed = somebody.must("GET", f"{group}/resources", api="2022-09-01")["value"]
    assert isinstance(listed, list)
    for each in listed:
        names = [f"k0rdent-azure-{mark}" for mark in MARKS]
        gone = {name: value for name, value in (each.get("tags") or {}).items() if name in names}
        if gone:
            somebody.tag(each["id"], "Delete", **gone)
    path = product.workspace / "deployment-state.yaml"
    path.write_text(
        re.sub(r"(?m)^ *(generation|claim|vm_id|nic_guid|public_ip_guid|guid): .*\n", "", path.read_text())
    )

    product.run("validate")
    product.run("replace", f"vm/{VM}", "--yes")
    assert product.state("metadata.generation") == "2"
    vnet = somebody.must("GET", product.state("azure_resources.network.vnet.id"), api="2023-11-01")
    tags = vnet["tags"]
    assert isinstance(tags, dict)
    assert (tags["k0rdent-azure-lineage"], tags["k0rdent-azure-generation"]) == (
        product.state("metadata.lineage"),
        "2",
    )
    product.run("validate")
    # What was not made again has no lineage; its recorded id still counts.
    product.run("destroy", "--yes")


def test_a_rollback_of_the_state_alone_does_not_make_our_own_vm_a_strangers(product: Product) -> None:
    product.deployed("minimal")
    snapshot = product.run("snapshot", "create", "--json").json["name"]
    product.run("replace", f"vm/{VM}", "--yes", "--quiet")
    product.run("rollback", snapshot, "--yes")
    product.run("resume", "--yes")
    product.run("destroy", "--yes")


def test_a_look_at_a_complete_deployment_changes_nothing_before_it_is_confirmed(product: Product) -> None:
    product.deployed("minimal")
    requests = len(product.requests())
    product.run("resume", "--yes")
    assert len(product.requests()) - requests <= 2
    product.run("rehearse", "fault", "vm-deleted", "--vm", VM)
    sent = changes(product)
    refused = product.run("resume", expect=10)
    assert f"would recreate VM {VM}" in refused.err
    assert changes(product) == sent
    assert product.state("metadata.deployment_status") == "completed"
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    product.run("validate")
