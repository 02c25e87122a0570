"""What becomes part of a path, a command or a file that root reads has its strict form, and is of this deployment."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from k0rdent_azure.errors import Fault, StateInvalidError
from k0rdent_azure.state.checks import check
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.store import FileStore
from tests.fuzz.test_hostile_values import whole
from tests.report.states import SUBSCRIPTION, key, vm_id
from tests.state.conftest import EXAMPLE, StillClock

VM = "azure_resources.virtual_machines.k0s-worker-1"
PEER = "wireguard.peers.k0s-worker-1"
GROUP = f"{SUBSCRIPTION}/resourceGroups/k0rdent-7k2p9xqa-resgrp"
OTHER = "/subscriptions/66666666-7777-8888-9999-000000000000"


def changed(path: str, value: object) -> dict[str, Any]:
    made = copy.deepcopy(whole())
    *parents, last = path.split(".")
    here: Any = made
    for parent in parents:
        here = here[parent]
    here[last] = value
    return made


def errors(data: dict[str, Any]) -> list[Fault]:
    return [fault for fault in check(data) if fault.severity == "error"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.deployment_id", "k0rdent-x; id"),
        ("metadata.deployment_id", "../k0rdent-x"),
        ("metadata.deployment_id", ""),
        ("azure_resources.subscription_id", "mine"),
        ("azure_resources.resource_group.name", "a/b"),
        ("azure_resources.resource_group.name", "ends."),
        ("azure_resources.network.vnet.name", "v?x"),
        ("azure_resources.ssh_key.local_path", "/etc/shadow"),
        ("azure_resources.ssh_key.local_path", "./azure-resources/../deployment-state.yaml"),
        ("azure_resources.ssh_key.local_path", "./deployment-state.yaml"),
        ("azure_resources.ssh_key.local_path", "./azure-resources/a\nb"),
        ("azure_resources.ssh_key.local_path", "./azure-resources/-x"),
        ("azure_resources.ssh_key.local_path", ""),
        ("azure_resources.ssh_key.public_key", "ssh-ed25519 AAAA\nssh-ed25519 AAAA"),
        ("azure_resources.ssh_key.public_key", 'command="id" ssh-ed25519 AAAA'),
        (f"{VM}.host_key", "ssh-ed25519"),
        (f"{VM}.host_private_key", "-----BEGIN x\nruncmd: [id]"),
        (f"{VM}.fqdn", "-oProxyCommand=id"),
        (f"{VM}.fqdn", "a b"),
        (f"{VM}.vm_size", "Standard'"),
        (f"{VM}.availability_zone", "1]"),
        (f"{PEER}.public_key", "YWJj"),
        (f"{PEER}.public_key", f"{key('x')}\nPostUp = id"),
        (f"{PEER}.private_key", "not-a-key"),
        (f"{PEER}.endpoint", "20.1.2.3:51820\nPostUp = id"),
        (f"{PEER}.endpoint", "None:51820"),
        ("wireguard.port", 70000),
        ("wireguard.laptop_config.file_path", "./wireguard/../../x.conf"),
        ("wireguard.laptop_config.file_path", "/etc/wireguard/wg0.conf"),
        ("wireguard.laptop_config.interface", "wg0; id"),
        ("wireguard.laptop_config.interface", "eth0"),
        ("k0s_cluster.config_file", "~/x"),
        ("k0s_cluster.kubeconfig_file", "./k0sctl-config/k0rdent-7k2p9xqa-k0sctl.yaml"),
        ("k0s_cluster.version", "v1; id"),
        ("k0s_cluster.api_endpoint", "https://172.24.24.11:6443/?x"),
        ("k0s_cluster.workers.k0s-worker-1.role", "worker --x"),
        ("k0rdent.registry", "oci://x/y --set z"),
        ("k0rdent.namespace", "-A"),
        ("k0rdent.helm_release", "kcm;id"),
        ("configuration.ssh.username", "root;id"),
        ("configuration.azure.location", "a\nb"),
        ("configuration.software.k0s.version", "$(id)"),
        (
            "event_history",
            {"count": 1, "chain": "x", "sealed": {"file": "../x", "sha256": "", "count": 1, "chain": ""}},
        ),
    ],
)
def test_what_has_no_strict_form(path: str, value: object) -> None:
    found = errors(changed(path, value))
    assert any(fault.path.startswith(path) for fault in found), found
    assert "not-a-key" not in " ".join(map(str, found))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{VM}.id", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/k0s-worker-2"),
        (f"{VM}.id", vm_id("k0s-worker-1", subscription=OTHER)),
        (f"{VM}.id", vm_id("k0s-worker-1").replace("k0rdent-7k2p9xqa-resgrp", "production")),
        (f"{VM}.id", f"{GROUP}/providers/Microsoft.Compute/disks/k0s-worker-1"),
        (f"{VM}.id", "k0s-worker-1"),
        (f"{VM}.nic_id", f"{GROUP}/providers/Microsoft.Network/networkInterfaces/database"),
        (f"{VM}.public_ip_id", f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/k0s-worker-2PublicIP"),
        ("azure_resources.resource_group.id", f"{SUBSCRIPTION}/resourceGroups/production"),
        ("azure_resources.resource_group.name", "production"),
        ("azure_resources.network.vnet.id", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/hub"),
        ("azure_resources.ssh_key.id", f"{GROUP}/providers/Microsoft.Compute/sshPublicKeys/theirs"),
        (
            "azure_resources.deployment.id",
            f"{OTHER}/providers/Microsoft.Resources/deployments/k0rdent-7k2p9xqa",
        ),
    ],
)
def test_an_id_of_something_else(path: str, value: str) -> None:
    assert path in [fault.path for fault in errors(changed(path, value))]


def test_ids_have_no_case() -> None:
    data = changed(f"{VM}.id", vm_id("K0S-WORKER-1").upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert errors(data) == []


def test_a_group_of_the_users_is_that_of_the_configuration() -> None:
    data = whole()
    azure = data["azure_resources"]
    text = dump(data).replace(b"k0rdent-7k2p9xqa-resgrp", b"Team(one)")
    data = yaml.safe_load(text)
    data["azure_resources"]["resource_group"]["owned"] = False
    data["configuration"]["azure"]["existing_group"] = True
    assert azure["resource_group"]["name"] != "Team(one)"
    assert errors(data) == []
    data["configuration"]["azure"]["resource_group"] = "another"
    assert [fault.path for fault in errors(data)] == ["azure_resources.resource_group.name"]


def test_a_key_that_an_operation_puts_in_force_is_a_key() -> None:
    data = whole()
    details = {"scope": "laptop", "new": {"private_key": {"mylaptop": f"{key('x')}\nPostUp = id"}}}
    data["pending_operations"] = {
        "rekey": {"kind": "rekey", "target": "x", "started_at": "2026-01-01T00:00:00Z", "details": details}
    }
    assert any("private_key" in fault.path for fault in errors(data))


def test_it_is_told_with_its_line_and_nothing_is_loaded() -> None:
    text = dump(changed("wireguard.laptop_config.file_path", "../../etc/x.conf"))
    with pytest.raises(StateInvalidError) as refused:
        read_document(text, source="s.yaml")
    fault = refused.value.faults[0]
    assert fault.path == "wireguard.laptop_config.file_path"
    assert b"../../etc/x.conf" in text.splitlines()[(fault.line or 0) - 1]


def test_a_commit_that_would_bring_one_in_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deployment-state.yaml"
    path.write_bytes(dump(whole()))
    store = FileStore(path, clock=StillClock())
    for where, value in (
        (f"{VM}.fqdn", "-x y"),
        (f"{VM}.id", vm_id("k0s-worker-2")),
        (f"{PEER}.public_key", "x"),
    ):
        with pytest.raises(StateInvalidError), store.transaction() as tx:
            tx.by_path.set(where, value)
    assert path.read_bytes() == dump(whole())


def test_the_plans_placeholders_warn() -> None:
    data = yaml.safe_load(EXAMPLE.read_text())
    found = check(data)
    assert errors(data) == []
    assert sum("placeholder" in fault.message for fault in found) == 8
