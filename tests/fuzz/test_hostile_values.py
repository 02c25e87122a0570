"""A hostile text at every leaf of a valid state: it is refused on load, or reaches no path, command or file.

What is written is collected from the pure functions that write it: WireGuard, cloud-init, k0sctl, kcm, the template,
the ARM paths and the files of the workspace.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k0rdent_azure.azure.inventory import group_id
from k0rdent_azure.azure.template import build
from k0rdent_azure.cluster.k0sctl import Node, cluster_config, known_hosts
from k0rdent_azure.cluster.kcm import chart_manifest, chart_name, kubectl_command
from k0rdent_azure.config.snapshot import from_snapshot
from k0rdent_azure.config.topology import LAPTOP, Names, hosts, k0s_role
from k0rdent_azure.errors import K0rdentAzureError
from k0rdent_azure.hosts.cloud_init import user_data
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair
from k0rdent_azure.hosts.wireguard import LaptopPeer, host_config, laptop_config
from k0rdent_azure.state.checks import check
from k0rdent_azure.state.model import State
from tests.report.states import SUBSCRIPTION, complete, vm_id

MARK = "h0stile"
HOSTILE = (
    f"x\nPostUp = {MARK}",
    f"x\r\nPostUp = {MARK}",
    f"$({MARK})",
    f"'; {MARK}; '",
    f'"; {MARK}; "',
    f"../../{MARK}",
    f"./azure-resources/../{MARK}",
    f"/{MARK}",
    f"-oProxyCommand={MARK}",
    f"a\0{MARK}",
    f"[{MARK}()]",
    f"x' , {MARK}('",
    f"x?{MARK}=1",
    f"{MARK}\u2028x",
    f"{MARK} x",
)
KEY = ssh_keypair("k0s")


def whole() -> dict[str, Any]:
    """The finished deployment with every field that an Azure deployment has."""
    data = complete()
    group = f"{SUBSCRIPTION}/resourceGroups/k0rdent-7k2p9xqa-resgrp"
    azure = data["azure_resources"]
    azure["subscription_id"] = SUBSCRIPTION.rpartition("/")[2]
    network = f"{group}/providers/Microsoft.Network"
    azure["network"]["vnet"]["id"] = f"{network}/virtualNetworks/k0rdent-7k2p9xqa-vnet"
    azure["network"]["subnet"]["id"] = (
        f"{network}/virtualNetworks/k0rdent-7k2p9xqa-vnet/subnets/k0rdent-7k2p9xqa-subnet"
    )
    azure["network"]["nsg"]["id"] = f"{network}/networkSecurityGroups/k0rdent-7k2p9xqa-nsg"
    azure["ssh_key"] |= {
        "id": f"{group}/providers/Microsoft.Compute/sshPublicKeys/k0rdent-7k2p9xqa-admin",
        "public_key": KEY.public,
    }
    for name, vm in azure["virtual_machines"].items():
        vm |= {
            "id": vm_id(name),
            "nic_id": f"{network}/networkInterfaces/{name}VMNic",
            "public_ip_id": f"{network}/publicIPAddresses/{name}PublicIP",
            "host_key": KEY.public,
            "host_private_key": KEY.private,
            "full_zones": ["1"],
        }
    data["configuration"] |= {
        "network": {
            "vnet_prefix": "10.240.0.0/16",
            "subnet_prefix": "10.240.1.0/24",
            "wireguard_network": "172.24.24.0/24",
            "allowed_ssh_sources": ["0.0.0.0/0"],
        },
        "metadata": {"owner": "ann"},
        "ssh": {"username": "k0rdent", "key_comment": "k"},
        "vm_sizing": {"controller": {"size": "Standard_D2pls_v6"}, "worker": {"size": "Standard_D8pls_v6"}},
        "software": {
            "k0s": {"version": "v1.33.2+k0s.0"},
            "k0rdent": {
                "version": "1.1.1",
                "registry": "oci://ghcr.io/k0rdent/kcm/charts/kcm",
                "namespace": "kcm-system",
            },
        },
    }
    data["configuration"]["azure"]["tags"] = {"cost": "42"}
    data["configuration"]["cluster"] = {"controller_count": 1, "worker_count": 1}
    for group in (
        azure["virtual_machines"],
        data["wireguard"]["peers"],
        data["k0s_cluster"]["controllers"],
        data["k0s_cluster"]["workers"],
    ):
        for name in [*group]:
            if name not in ("mylaptop", "k0s-controller", "k0s-worker-1"):
                del group[name]
    data["wireguard"]["peers"]["k0s-worker-1"]["ip"] = "172.24.24.12"
    azure["virtual_machines"]["k0s-worker-1"]["private_ip"] = "10.240.1.12"
    return data


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every text, and (with a trailing "") every key of a mapping of names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif isinstance(value, str):
        yield path


def changed(data: dict[str, Any], path: tuple[str | int, ...], text: str) -> dict[str, Any]:
    made = copy.deepcopy(data)
    here: Any = made
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = text
    return made


def outputs(data: dict[str, Any]) -> Iterator[object]:
    """Everything that would be written or asked for; a writer that refuses writes nothing."""
    state = msgspec.convert(data, State)
    config = from_snapshot(data["configuration"])
    names = Names(state.metadata.deployment_id, None)
    azure, wireguard = state.azure_resources, state.wireguard
    assert wireguard is not None
    assert wireguard.laptop_config is not None
    assert azure.resource_group is not None
    assert azure.ssh_key is not None
    laptop = wireguard.peers[LAPTOP]
    yield group_id(azure.subscription_id or "", azure.resource_group.name)
    yield [azure.resource_group.id, azure.ssh_key.id]
    yield [(vm.id, vm.nic_id, vm.public_ip_id) for vm in azure.virtual_machines.values()]
    yield [azure.ssh_key.local_path, wireguard.laptop_config.file_path, wireguard.laptop_config.interface]
    yield [names.ssh_key_file, names.wireguard_interface, names.resource_group]
    cluster, kcm = state.k0s_cluster, state.k0rdent
    assert cluster is not None
    assert kcm is not None
    yield [cluster.config_file, cluster.kubeconfig_file, cluster.api_endpoint]
    yield kubectl_command(["delete", "namespace", kcm.namespace, chart_name(kcm.helm_release)])
    yield chart_manifest(
        version=config.software.k0rdent.version,
        registry=config.software.k0rdent.registry,
        namespace=config.software.k0rdent.namespace,
        release=kcm.helm_release,
    )
    found = hosts(config)
    for host in found:
        vm, peer = azure.virtual_machines[host.name], wireguard.peers[host.name]
        yield [vm.fqdn, vm.public_ip, peer.endpoint]
        text = host_config(
            private_key=peer.private_key or "",
            address=peer.ip,
            port=wireguard.port,
            laptop_public_key=laptop.public_key,
            laptop_ip=laptop.ip,
        )
        pair = KeyPair(vm.host_private_key or "", vm.host_key or "")
        yield user_data(hostname=host.name, host_key=pair, wireguard_config=text)
    yield laptop_config(
        private_key=laptop.private_key or "",
        address=laptop.ip,
        peers=[
            LaptopPeer(name, peer.public_key, peer.ip, f"{azure.virtual_machines[name].public_ip}:51820")
            for name, peer in wireguard.peers.items()
            if name != LAPTOP
        ],
    )
    yield cluster_config(
        name=names.deployment_id,
        nodes=[Node(host.name, k0s_role(config, host), host.wireguard_ip, host.private_ip) for host in found],
        username=config.ssh.username,
        key_path=Path("/w") / azure.ssh_key.local_path,
        k0s_version=config.software.k0s.version,
        gateway=None,
        api_sans=[host.wireguard_ip for host in found],
    )
    vms = azure.virtual_machines
    yield known_hosts([(host.wireguard_ip, 22, vms[host.name].host_key or "") for host in found])
    template = build(
        config,
        names,
        [
            msgspec.structs.replace(
                host, zone=vms[host.name].availability_zone or "", size=vms[host.name].vm_size
            )
            for host in found
        ],
        ssh_public_key=azure.ssh_key.public_key or "",
        admin_username=config.ssh.username,
    )
    yield [text for text in texts(template.template) if text.startswith("[") and not text.startswith("[[")]


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


def written(data: dict[str, Any]) -> str:
    found: list[str] = []
    try:
        for each in outputs(data):
            found += texts(each)
    except (K0rdentAzureError, ValueError):
        pass
    return "\n".join(found)


def is_refused(data: dict[str, Any]) -> bool:
    return any(fault.severity == "error" for fault in check(data))


def test_the_state_that_is_changed_is_valid_and_everything_is_written_from_it() -> None:
    assert [str(fault) for fault in check(whole()) if fault.severity == "error"] == []
    assert len(list(outputs(whole()))) > 15


@cache
def accepted() -> list[tuple[tuple[str | int, ...], str]]:
    """Every leaf with each hostile text that is not refused there."""
    data = whole()
    return [
        (path, text)
        for path in leaves(data)
        for text in HOSTILE
        if path[0] != "events" and not is_refused(changed(data, path, text))
    ]


def test_a_hostile_text_at_every_leaf() -> None:
    data = whole()
    assert len(list(leaves(data))) > 150
    assert [each for each in accepted() if MARK in written(changed(data, *each))] == []


@pytest.mark.parametrize(
    "path",
    [
        ("azure_resources", "virtual_machines"),
        ("wireguard", "peers"),
        ("k0s_cluster", "controllers"),
        ("k0s_cluster", "workers"),
    ],
)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name(path: tuple[str, str], text: str) -> None:
    data = whole()
    group = data[path[0]][path[1]]
    group[text] = copy.deepcopy(next(iter(group.values())))
    assert is_refused(data)


#: Fields that go nowhere but to the screen, where they are cleaned, and into comparisons.
SHOWN = frozenset(
    {
        *("command", "host", "user", "outcome", "message", "resource", "details", "phase", "action", "chain"),
        *("provisioning_state", "power_state", "detail", "correlation_id", "installed_by", "error", "step"),
        *("code", "hint", "config_file", "lineage", "description", "schema", "owner", "key_comment"),
    }
)


def test_every_other_text_has_a_form() -> None:
    """What is neither shown only nor a time or an enumeration is refused with every hostile text."""
    open_ = {".".join(map(str, path)) for path, _ in accepted() if path[-1] not in SHOWN}
    assert open_ <= {
        "metadata.schema_version",
        "metadata.run.id",
        "configuration.azure.cloud",
        "configuration.azure.tags.cost",
        # Azure's display names have blanks.
        "azure_resources.resource_group.location",
    }
