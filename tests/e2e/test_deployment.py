"""A whole deployment, from `init` to an archived state."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Product

pytestmark = pytest.mark.e2e


def identity(document: dict[str, Any]) -> dict[str, Any]:
    """What must never change once recorded: addresses, keys, resource ids."""
    vms = document["azure_resources"]["virtual_machines"]
    return {
        "deployment_id": document["metadata"]["deployment_id"],
        "lineage": document["metadata"]["lineage"],
        "ssh_key": document["azure_resources"]["ssh_key"]["public_key"],
        "vms": {
            name: {
                key: vm.get(key)
                for key in ("id", "public_ip", "private_ip", "host_key", "host_private_key", "nic_id", "fqdn")
            }
            for name, vm in vms.items()
        },
        "peers": {
            name: (peer["private_key"], peer["public_key"], peer["ip"])
            for name, peer in document["wireguard"]["peers"].items()
        },
    }


def load(product: Product) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(product.state_text())
    return document


def secrets_of(product: Product) -> set[str]:
    """Every private key in use: WireGuard's, the hosts', the user's."""
    document = load(product)
    found = {peer["private_key"] for peer in document["wireguard"]["peers"].values()}
    texts = [vm["host_private_key"] for vm in document["azure_resources"]["virtual_machines"].values()]
    texts.append((product.workspace / document["azure_resources"]["ssh_key"]["local_path"]).read_text())
    for text in texts:
        found |= {line for line in text.splitlines() if len(line) > 40 and "PRIVATE KEY" not in line}
    return found


def test_deploy_resume_destroy(product: Product) -> None:
    product.init()
    deployed = product.run("deploy", "--yes")

    document = load(product)
    metadata = document["metadata"]
    assert (metadata["deployment_phase"], metadata["deployment_status"]) == ("complete", "completed")
    vms = document["azure_resources"]["virtual_machines"]
    assert list(vms) == [
        "k0s-controller",
        "k0s-controller-2",
        "k0s-controller-3",
        "k0s-worker-1",
        "k0s-worker-2",
    ]
    for vm in vms.values():
        assert vm["status"] == "running"
        assert vm["provisioning_state"] == "Succeeded"
        assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", vm["public_ip"])
        assert vm["id"].startswith("/subscriptions/")
    assert document["wireguard"]["laptop_config"]["setup_complete"] is True
    assert {peer["config_status"] for peer in document["wireguard"]["peers"].values()} == {"deployed"}
    assert document["k0s_cluster"]["status"] == "ready"
    nodes = document["k0s_cluster"]["controllers"] | document["k0s_cluster"]["workers"]
    assert {node["k0s_status"] for node in nodes.values()} == {"ready"}
    assert {node["ssh_status"] for node in nodes.values()} == {"verified"}
    assert document["k0rdent"]["status"] == "ready"
    components = document["k0rdent"]["components"]
    assert components
    assert not [name for name, each in components.items() if not each["success"] or "error" in each]
    assert document["pending_operations"] == {}
    assert {record["status"] for record in document["phases"].values()} == {"completed"}
    assert len(document["phases"]) == 7

    # Both ledgers tell the same number.
    assert document["api_calls"]["total"] == len(product.requests())
    assert sum(document["api_calls"]["by_phase"].values()) == document["api_calls"]["total"]
    assert document["api_calls"]["total"] <= 5

    # Files that hold secrets are ours alone.
    for relative in (
        "deployment-state.yaml",
        document["azure_resources"]["ssh_key"]["local_path"],
        document["wireguard"]["laptop_config"]["file_path"],
        document["k0s_cluster"]["kubeconfig_file"],
    ):
        assert stat.S_IMODE((product.workspace / relative).stat().st_mode) == 0o600, relative

    product.run("state", "check")
    status = product.status()
    assert status["progress"]["percent"] == 100

    # Resuming a finished deployment looks, and asks Azure only whether another copy is ahead.
    before, calls = identity(document), len(product.requests())
    product.run("resume", "--yes")
    assert identity(load(product)) == before
    assert [row["method"] for row in product.requests()[calls:]] == ["GET"]

    # No private key in anything that was printed or recorded as an event or log.
    shown = [deployed.out, deployed.err, product.run("status").out, product.run("events", "--json").out]
    shown += [product.run("config", "show").out, product.run("rehearse", "log", "--json").out]
    shown += [path.read_text() for path in product.workspace.rglob("*.log")]
    keys = secrets_of(product)
    assert keys
    assert not [key for key in keys for text in shown if key in text]

    destroyed = product.run("destroy", "--yes", "--json").json
    assert destroyed["status"] == "destroyed"
    archived = yaml.safe_load((Path(destroyed["archive"]) / "deployment-state.yaml").read_text())
    assert archived["metadata"]["deployment_status"] == "destroyed"
    left = {path.name for path in product.workspace.iterdir() if not path.name.startswith(".")}
    assert left == {"k0rdent.yaml", "archive"}


def test_second_run_on_a_destroyed_workspace_starts_anew(product: Product) -> None:
    product.deployed("single-node")
    first = load(product)["metadata"]["deployment_id"]
    product.run("destroy", "--yes")
    product.run("deploy", "--yes")
    assert load(product)["metadata"]["deployment_id"] != first


def test_changed_config_is_reported_and_the_snapshot_counts(product: Product) -> None:
    product.deployed("single-node")
    path = product.workspace / "k0rdent.yaml"
    path.write_text(path.read_text().replace("count: 0", "count: 2"))
    result = product.run("resume", "--yes")
    assert "cluster.workers.count" in result.err
    assert list(load(product)["azure_resources"]["virtual_machines"]) == ["k0s-controller"]


def test_the_calls_are_the_same_at_any_speed(product: Product, tmp_path: Path) -> None:
    def calls(speed: str) -> list[tuple[str, str]]:
        workspace = tmp_path / f"at-{speed}"
        workspace.mkdir()
        other = Product(workspace, {"K0RDENT_AZURE_REHEARSAL_SPEED": speed})
        try:
            other.init("minimal")
            other.run("deploy", "--yes")
            deployment = load(other)["metadata"]["deployment_id"]
            return [(r["method"], r["path"].replace(deployment, "ID")) for r in other.requests()]
        finally:
            other.run("rehearse", "stop", expect=None)

    assert calls("50") == calls("100")
