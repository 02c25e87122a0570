"""k0sctl's configuration. Pure. https://github.com/k0sproject/k0sctl#configuration-file"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from k0rdent_azure.config import forms
from k0rdent_azure.errors import HostError
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
    """The YAML that `k0sctl apply` takes; k0sctl parses it strictly, so nothing more may stand in it.

    Dollar signs are doubled, because k0sctl replaces `$NAME` in the file by environment variables.
    Raises HostError where a value does not have its strict form: k0sctl builds commands of them.
    """
    _refuse_forms(name, nodes, username, k0s_version, api_sans)
    # k0s refuses to start a single node that is to balance load among controllers.
    balanced = all(node.role != "single" for node in nodes)
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
                            # It uses VXLAN; k0s' default provider uses IP-in-IP, which Azure drops.
                            "provider": "calico",
                            # Several controllers without a load balancer: each node balances by itself.
                            "nodeLocalLoadBalancing": {"enabled": balanced, "type": "EnvoyProxy"},
                        },
                        "telemetry": {"enabled": False},
                    },
                },
            },
        },
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=1000)
    return text.replace("$", "$$")


def _refuse_forms(
    name: str, nodes: Sequence[Node], username: str, k0s_version: str, api_sans: Sequence[str]
) -> None:
    asked = [
        ("cluster name", name, forms.is_host_name),
        ("user name", username, forms.is_user_name),
        ("k0s version", k0s_version, forms.is_word),
        *(("name of the API server", each, forms.is_host) for each in api_sans),
    ]
    for node in nodes:
        asked += [
            ("host name", node.name, forms.is_word),
            ("role", node.role, forms.is_role),
            ("SSH address", node.ssh_address, forms.is_host),
            ("private address", node.private_address, forms.is_address),
        ]
    for what, value, is_good in asked:
        if not is_good(value):
            raise _unusable(f"a {what} cannot stand in k0sctl's configuration: {value[:60]!r}")


def _unusable(message: str) -> HostError:
    return HostError(f"{message}; none was written", hint="see what is wrong: k0rdent-azure state check")


def _host(node: Node, username: str, key_path: Path, gateway: Gateway | None) -> dict[str, object]:
    ssh = _login(node.ssh_address, 22, username, key_path)
    if gateway is not None:
        ssh["bastion"] = _login(gateway.host, gateway.port, gateway.username, gateway.key_path)
    host: dict[str, object] = {
        "role": node.role,
        "hostname": node.name,
        "privateAddress": node.private_address,
        "ssh": ssh,
    }
    if node.role == "controller+worker":
        # There are no workers then: without this nothing could be scheduled anywhere.
        host["noTaints"] = True
    return host


def _login(address: str, port: int, username: str, key_path: Path) -> dict[str, object]:
    return {"address": address, "user": username, "port": port, "keyPath": str(key_path)}


def known_hosts(entries: Iterable[tuple[str, int, str]]) -> str:
    """A known_hosts file of (address, port, public key): unknown hosts would be trusted, a mismatch aborts.

    Raises HostError where a key is missing, or no key: a line without one would leave that host unpinned.
    """
    lines = []
    for address, port, key in entries:
        if not forms.is_ssh_public_key(key):
            raise HostError(
                f"no usable host key is recorded for {address[:60]}",
                hint="check host_key of the virtual machines in deployment-state.yaml",
            )
        if not forms.is_host(address) or not forms.is_port(port):
            raise _unusable(f"{address[:60]!r} cannot stand in known_hosts")
        kind, blob = key.split()[:2]
        where = address if port == 22 else f"[{address}]:{port}"
        lines.append(f"{where} {kind} {blob}\n")
    return "".join(lines)
