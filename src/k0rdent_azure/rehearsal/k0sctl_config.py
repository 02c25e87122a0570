"""The k0sctl configuration as the stand-in reads it: as strict as k0sctl, in the part that it knows.

Format: github.com/k0sproject/k0sctl README, "Configuration file". Further YAML documents are manifests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from k0rdent_azure.errors import ConfigError

ROLES = ("controller", "controller+worker", "single", "worker")
_HOST_KEYS = {
    "ssh", "role", "privateAddress", "privateInterface", "hostname", "installFlags", "noTaints", "dataDir",
    "uploadBinary", "k0sBinaryPath", "environment", "files", "hooks", "os", "reset", "useExistingK0s",
}  # fmt: skip
_SSH_KEYS = {"address", "user", "port", "keyPath", "bastion", "options"}


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to log in; `bastion` stands before it."""

    address: str
    user: str
    port: int
    key_path: Path
    bastion: Endpoint | None = None


@dataclass(frozen=True)
class Node:
    ssh: Endpoint
    role: str
    private_address: str | None
    hostname: str | None
    install_flags: tuple[str, ...]

    @property
    def controller(self) -> bool:
        return self.role != "worker"

    @property
    def name(self) -> str:
        """How k0sctl names a host in its log."""
        return f"{self.ssh.address}:{self.ssh.port}"


@dataclass(frozen=True)
class ClusterConfig:
    name: str
    nodes: tuple[Node, ...]
    version: str
    k0s: dict[str, object]
    manifests: tuple[dict[str, object], ...] = field(default=())


def read(path: Path) -> ClusterConfig:
    """Raises ConfigError for a file that k0sctl would refuse."""
    try:
        # k0sctl replaces environment variables first; of that, only the escaped dollar sign is known here.
        text = path.read_bytes().replace(b"$$", b"$")
        documents = [item for item in yaml.safe_load_all(text) if item is not None]
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"can't read the k0sctl configuration {path}: {error}") from None
    clusters = [item for item in documents if isinstance(item, dict) and item.get("kind") == "Cluster"]
    if len(clusters) != 1 or clusters[0].get("apiVersion") != "k0sctl.k0sproject.io/v1beta1":
        raise ConfigError(f"{path} holds no single k0sctl.k0sproject.io/v1beta1 Cluster")
    spec = _mapping(clusters[0], "spec", {"hosts", "k0s", "options"})
    k0s = _mapping(spec, "k0s", {"version", "versionChannel", "dynamicConfig", "config"})
    hosts = spec.get("hosts")
    if not isinstance(hosts, list) or not hosts:
        raise ConfigError(f"{path}: spec.hosts must list at least one host")
    nodes = tuple(_node(host) for host in hosts)
    if not any(node.controller for node in nodes):
        raise ConfigError(f"{path}: no hosts with a controller role defined")
    version = str(k0s.get("version", ""))
    if not version.removeprefix("v")[:1].isdigit():
        raise ConfigError(f"{path}: spec.k0s.version must name a version, as the stand-in looks none up")
    return ClusterConfig(
        name=str(_mapping(clusters[0], "metadata", None).get("name", "k0s-cluster")),
        nodes=nodes,
        version=f"v{version.removeprefix('v')}",
        k0s=_mapping(k0s, "config", None),
        manifests=tuple(item for item in documents if isinstance(item, dict) and item is not clusters[0]),
    )


def _mapping(document: dict[str, object], key: str, known: set[str] | None) -> dict[str, object]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise ConfigError(f"k0sctl configuration: {key} must be a mapping")
    unknown = sorted(set(value) - known) if known is not None else []
    if unknown:
        raise ConfigError(f"k0sctl configuration: field {unknown[0]} not found in {key}")
    return value


def _node(host: object) -> Node:
    if not isinstance(host, dict):
        raise ConfigError("k0sctl configuration: each of spec.hosts must be a mapping")
    unknown = sorted(str(key) for key in set(host) - _HOST_KEYS)
    if unknown:
        raise ConfigError(f"k0sctl configuration: field {unknown[0]} not found in spec.hosts")
    role = str(host.get("role", ""))
    if role not in ROLES:
        raise ConfigError(f"k0sctl configuration: unknown role {role}")
    flags = host.get("installFlags") or []
    return Node(
        ssh=_endpoint(_mapping(host, "ssh", _SSH_KEYS)),
        role=role,
        private_address=str(host["privateAddress"]) if host.get("privateAddress") else None,
        hostname=str(host["hostname"]) if host.get("hostname") else None,
        install_flags=tuple(str(flag) for flag in flags) if isinstance(flags, list) else (),
    )


def _endpoint(ssh: dict[str, object]) -> Endpoint:
    if not ssh.get("address") or not ssh.get("keyPath"):
        raise ConfigError("k0sctl configuration: ssh needs an address and, for the stand-in, a keyPath")
    return Endpoint(
        address=str(ssh["address"]),
        user=str(ssh.get("user", "root")),
        port=int(str(ssh.get("port", 22))),
        key_path=Path(str(ssh["keyPath"])).expanduser(),
        bastion=_endpoint(_mapping(ssh, "bastion", _SSH_KEYS)) if ssh.get("bastion") else None,
    )
