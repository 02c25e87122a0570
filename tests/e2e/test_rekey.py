"""New WireGuard keys on live hosts: the workstation's, or every host's, and killed in the middle."""

from __future__ import annotations

import base64
import json
import signal
from typing import Any

import pytest

from k0rdent_azure.hosts.keys import wireguard_keypair
from tests.e2e.conftest import Product, end
from tests.e2e.test_deployment import load

pytestmark = pytest.mark.e2e


def peers_on_host(product: Product, name: str) -> str:
    """The configuration that the simulated host has."""
    (path,) = (product.workspace / ".rehearsal" / "hosts").rglob(f"{name}.json")
    content: str = json.loads(path.read_text())["files"]["/etc/wireguard/wg0.conf"]["content"]
    return base64.b64decode(content).decode()


def keys(product: Product) -> dict[str, tuple[str, str]]:
    peers = load(product)["wireguard"]["peers"]
    return {name: (peer["private_key"], peer["public_key"]) for name, peer in peers.items()}


@pytest.mark.parametrize("scope", ["laptop", "hosts"])
def test_the_new_keys_work_and_only_they_are_left(product: Product, scope: str) -> None:
    product.deployed("minimal")
    before, calls = keys(product), len(product.requests())
    product.run("recover", "--rekey", scope, expect=10)
    shown = product.run("recover", "--rekey", scope, "--yes")
    after = keys(product)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == ({"mylaptop"} if scope == "laptop" else {"k0s-controller", "k0s-worker-1"})
    for name in ("k0s-controller", "k0s-worker-1"):
        config = peers_on_host(product, name)
        assert after[name][0] in config
        assert after["mylaptop"][1] in config
        assert config.count("[Peer]") == 1
    # One look whether another copy is ahead, and the generation that tells others of this change.
    assert [row["method"] for row in product.requests()[calls:]] == ["GET", "PATCH"]
    state = load(product)
    assert state["pending_operations"] == {}
    assert all(vm["rekeyed_at"] for vm in state["azure_resources"]["virtual_machines"].values())
    assert not [key for key, _ in after.values() if key in shown.out + shown.err]
    product.run("state", "check")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert keys(product) == after


def killed(product: Product, sign: str) -> dict[str, Any]:
    """A rekey that is killed once the state holds `sign`; False where it was quicker."""
    process = product.start("recover", "--rekey", "--yes")
    product.wait_for(lambda: sign in product.state_text() or process.poll() is not None, sign)
    end(process, signal.SIGKILL)
    return load(product)


@pytest.mark.parametrize("sign", ["rekey_started", "keys_switched", 'vpn_up"'])
def test_killed_in_the_middle(product: Product, sign: str) -> None:
    product.deployed("minimal")
    left = killed(product, sign)
    pending = left["pending_operations"].get("rekey")
    if pending is not None:
        new = pending["details"]["new"]["private_key"]["mylaptop"]
        refused = product.run("resume", "--yes", expect=4)
        assert "recover --rekey" in refused.err
        assert new not in product.run("state", "get", "pending_operations").out
        product.run("recover", "--rekey", "--yes")
        # The same key as before the kill, not another one.
        assert keys(product)["mylaptop"][0] == new
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert peers_on_host(product, "k0s-worker-1").count("[Peer]") == 1


def test_no_key_is_changed_where_a_host_is_silent(product: Product) -> None:
    product.deployed("minimal")
    before, config = keys(product), peers_on_host(product, "k0s-controller")
    product.run("rehearse", "fault", "vm-stopped", "--vm", "k0s-worker-1")
    product.run("status", "--refresh")
    refused = product.run("recover", "--rekey", "--yes", expect=7)
    assert "no SSH to k0s-worker-1; no key was changed" in refused.err
    assert keys(product) == before
    assert peers_on_host(product, "k0s-controller") == config
    assert load(product)["pending_operations"] == {}


def test_keys_that_do_not_work_are_taken_back(product: Product) -> None:
    product.deployed("minimal")
    before = keys(product)
    # UDP is shut: no handshake comes, whatever the keys are.
    product.run("rehearse", "fault", "rule-removed", "--rule", "AllowWireGuard")
    product.run("status", "--refresh")
    refused = product.run("recover", "--rekey", "--yes", expect=7)
    assert "no WireGuard handshake" in refused.err
    assert keys(product) == before
    assert before["mylaptop"][1] in peers_on_host(product, "k0s-worker-1")
    state = load(product)
    assert state["pending_operations"] == {}
    assert "rekey_undone" in [event["action"] for event in state["events"]]
    laptop = product.workspace / state["wireguard"]["laptop_config"]["file_path"]
    assert before["mylaptop"][0] in laptop.read_text()


def test_a_host_that_is_silent_for_good_does_not_keep_a_new_key_from_the_others(product: Product) -> None:
    """Each command names the next one, and the last one reaches the end."""
    product.deployed("minimal")
    path, lost = product.workspace / "deployment-state.yaml", keys(product)["mylaptop"][0]
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if lost not in line))
    product.run("rehearse", "fault", "vm-stopped", "--vm", "k0s-worker-1")
    product.run("status", "--refresh")
    assert "recover --rekey" in product.run("resume", "--yes", expect=7).err
    assert "replace vm/k0s-worker-1" in product.run("recover", "--rekey", "--yes", expect=7).err
    assert "recover --rekey" in product.run("replace", "vm/k0s-worker-1", "--yes", expect=7).err
    product.run("recover", "--rekey", "--yes")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert load(product)["pending_operations"] == {}
    assert keys(product)["mylaptop"][1] in peers_on_host(product, "k0s-worker-1")
    product.run("validate")


def test_who_was_given_another_key_elsewhere_is_told_so(product: Product) -> None:
    """As by another copy of the workspace: the hosts know a key that this state does not have."""
    product.deployed("minimal")
    new = wireguard_keypair()
    path, (private, public) = product.workspace / "deployment-state.yaml", keys(product)["mylaptop"]
    path.write_text(path.read_text().replace(private, new.private).replace(public, new.public))
    refused = product.run("replace", "vm/k0s-worker-1", "--yes", expect=7).err
    # The new one was made with the key that the state has.
    assert "no WireGuard handshake with k0s-controller within" in refused
    assert "the WireGuard keys of k0s-controller are not those of the state" in refused
    assert "recover --rekey" in refused
    assert new.private not in refused
    product.run("recover", "--rekey", "--yes")
    product.run("resume", "--yes")
    product.run("validate")
