"""`destroy` on the command line: what it refuses, what it says, and the way back from a state that was put aside."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.e2e.conftest import Product


@pytest.mark.harm_allowed("theirdata")
def test_children_strangers_and_a_cloud_that_cannot_be_asked(product: Product) -> None:
    product.deployed("single-node")
    product.run("rehearse", "fault", "child-cluster", "--resource", "eu-1")
    product.run("rehearse", "fault", "child-cluster", "--resource", "us-1", "--namespace", "kube-system")

    # Read is the list, and kept; each kind of harm has its own flag, and the hint names what is needed.
    refused = product.run("destroy", "--yes", expect=8)
    assert "manages 2 clusters" in refused.err
    assert "kcm-system/eu-1" in refused.err
    assert "kube-system/us-1" in refused.err
    assert "delete clusterdeployments.k0rdent.mirantis.com -n" in refused.err
    kept = product.status()["k0rdent"]
    assert [child["name"] for child in kept["children"]] == ["eu-1", "us-1"]
    assert kept["children_checked_at"]
    assert "manages 2 clusters" in product.run("status").out

    product.run("rehearse", "fault", "foreign-resource", "--resource", "theirdata")
    both = product.run("destroy", "--yes", expect=6)
    assert "theirdata" in both.err
    assert "destroy --delete-foreign --abandon-children" in both.err

    # A cluster that answers with no list may manage some; one that does not answer is warned of, with the last list.
    product.run("rehearse", "fault", "kubectl-error", "--resource", "clusterdeployments")
    assert "cannot be read" in product.run("destroy", "--yes", "--delete-foreign", expect=8).err

    # Nobody can be asked: nothing is called gone, and both ways to go on are named.
    product.run("rehearse", "fault", "http", "--status", "403", "--always")
    failed = product.run("destroy", "--yes", "--delete-foreign", "--abandon-children", expect=6)
    assert "could not be asked" in failed.err
    assert "destroy --without-azure" in failed.err
    assert product.state_text()
    group = yaml.safe_load(product.state_text())["azure_resources"]["resource_group"]["name"]
    asked = len(product.requests())
    archived = product.run("destroy", "--yes", "--without-azure", "--json").json
    assert len(product.requests()) == asked
    assert (archived["status"], archived["azure_asked"]) == ("archived", False)
    assert any(group in name for name in archived["may_remain"])
    assert product.state_text() == ""
    hint = product.run("destroy", "--yes", expect=4)
    assert "without asking Azure" in hint.err

    # The way back is what the hint says, and the deployment is still there to be destroyed.
    back = hint.err.partition("hint: ")[2].partition(": ")[2].partition(" && ")[0]
    subprocess.run(["sh", "-c", back], check=True)
    product.run("rehearse", "fault", "clear")
    product.run("rehearse", "fault", "ssh-unreachable", "--always")
    ended = product.run("destroy", "--yes", "--delete-foreign")
    assert "could not be asked" in ended.err
    assert "kcm-system/eu-1" in ended.err
    assert "is gone from Azure" in ended.err
    assert "look for one in Azure" in product.run("destroy", "--yes", expect=4).err
