"""k0sctl's configuration. Pure. https://github.com/k0sproject/k0sctl#configuration-file"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from k0rdent_azure.hosts.ssh import Gateway


@dataclass(frozen=True, slots=True)
class Node:
    """One host: k0sctl logs in at `ssh_address`; the nodes talk to each other at `private_address`."""

    name: str
    role: str
    ssh_address: str
    private_address: str


def cluster_config(
    *,
    name: str,
    nodes: Sequence[Node],
    username: str,
    key_path: Path,
    k0s_version: str,
    gateway: Gateway | None,
    api_sans: Sequence[str],
) -> str:
    """The YAML that `k0sctl apply` takes; k0sctl parses it strictly, so nothing more may stand in it."""
    document = {
        "apiVersion": "k0sctl.k0sproject.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {
            "hosts": [_host(node, username, key_path, gateway) for node in nodes],
            "k0s": {
                "version": k0s_version,
                "dynamicConfig": False,
                "config": {
                    "apiVersion": "k0s.k0sproject.io/v1beta1",
                    "kind": "ClusterConfig",
                    "metadata": {"name": name},
                    "spec": {
                        "api": {"sans": list(api_sans)},
                        "network": {
                            "provider": "calico",
                            # Several controllers without a load balancer: each node balances by itself.
                            "nodeLocalLoadBalancing": {"enabled": True, "type": "EnvoyProxy"},
                        },
                        "telemetry": {"enabled": False},
                    },
                },
            },
        },
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=1000)
    return text


def _host(node: Node, username: str, key_path: Path, gateway: Gateway | None) -> dict[str, object]:
    ssh: dict[str, object] = {
        "address": node.ssh_address,
        "user": username,
        "port": 22,
        "keyPath": str(key_path),
    }
    if gateway is not None:
        ssh["bastion"] = {
            "address": gateway.host,
            "user": gateway.username,
            "port": gateway.port,
            "keyPath": str(gateway.key_path),
        }
    return {
        "role": node.role,
        "hostname": node.name,
        "privateAddress": node.private_address,
        "ssh": ssh,
    }


def known_hosts(entries: Iterable[tuple[str, int, str]]) -> str:
    """A known_hosts file of (address, port, public key): unknown hosts would be trusted, a mismatch aborts."""
    lines = []
    for address, port, key in entries:
        where = address if port == 22 else f"[{address}]:{port}"
        lines.append(f"{where} {' '.join(key.split()[:2])}\n")
    return "".join(lines)
