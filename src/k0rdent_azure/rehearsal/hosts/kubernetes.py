"""The shared state of one simulated Kubernetes cluster: members, join tokens, nodes and objects.

All controllers of a cluster see the same state; it is stored in `clusters/ID.json`.
"""

from __future__ import annotations

import copy
import json
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from k0rdent_azure.rehearsal.hosts import credentials
from k0rdent_azure.rehearsal.hosts.host import Host, write_private

Object = dict[str, object]


@dataclass
class Token:
    secret: str = field(repr=False)
    role: str
    expires: float  # Unix seconds


@dataclass
class Member:
    """An etcd member; it votes from the cloud second at which it has caught up."""

    peer: str
    since: float


@dataclass
class Registered:
    """A Node object: which machine it is, and since when it is there (cloud seconds)."""

    machine: str
    visible_at: float
    created: str


@dataclass
class Install:
    """A chart's installation, in cloud seconds; it starts when a node can run its pods."""

    applied_at: float
    started_at: float | None = None


@dataclass
class Cluster:
    """`members` are controllers by name; `objects` and `installs` are keyed `Kind/namespace/name`."""

    identifier: str
    address: str
    ca: str = field(repr=False)
    admin_certificate: str = field(repr=False)
    admin_key: str = field(repr=False)
    path: str
    revision: int = 100
    tokens: dict[str, Token] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    nodes: dict[str, Registered] = field(default_factory=dict)
    objects: dict[str, Object] = field(default_factory=dict)
    installs: dict[str, Install] = field(default_factory=dict)
    #: Objects that are deleted, and the cloud second at which their finalizers are done.
    leaving: dict[str, float] = field(default_factory=dict)

    def save(self) -> None:
        write_private(Path(self.path), json.dumps(asdict(self)))

    def remove(self) -> None:
        Path(self.path).unlink(missing_ok=True)

    def new_token(self, role: str, seconds: float, address: str) -> str:
        """A join token for `role` that is valid for real `seconds`; it leads to the controller at `address`."""
        identifier, secret = credentials.new_token()
        self.tokens[identifier] = Token(secret, role, time.time() + seconds)
        self.save()
        return credentials.join_token(address, self.ca, role, identifier, secret)

    def accepts(self, token: tuple[str, str], role: str | None = None) -> bool:
        known = self.tokens.get(token[0])
        if known is None or known.secret != token[1] or known.expires < time.time():
            return False
        return role is None or known.role == role

    def kubeconfig(self, address: str) -> str:
        """The administrator's, for the API server at `address`."""
        server = f"https://{address}:6443"
        return credentials.admin_kubeconfig(server, self.ca, self.admin_certificate, self.admin_key)

    def register(self, name: str, machine: str, visible_at: float) -> None:
        """The kubelet's node; it keeps its age when the kubelet comes back."""
        known = self.nodes.get(name)
        created = known.created if known else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.nodes[name] = Registered(machine, visible_at, created)

    def put(self, key: str, document: Object) -> str:
        """Stores an applied object; returns kubectl's word: `created`, `configured` or `unchanged`."""
        old = self.objects.get(key)
        new = copy.deepcopy(document)
        metadata = new.setdefault("metadata", {})
        assert isinstance(metadata, dict)  # noqa: S101  (the caller checked it)
        if old is not None:
            known = old["metadata"]
            assert isinstance(known, dict)  # noqa: S101
            if old.get("spec") == new.get("spec") and old.get("data") == new.get("data"):
                return "unchanged"
            generation = int(known["generation"]) + 1
            metadata.update(
                uid=known["uid"], creationTimestamp=known["creationTimestamp"], generation=generation
            )
        else:
            created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata.update(uid=str(uuid.uuid4()), creationTimestamp=created, generation=1)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        self.objects[key] = new
        return "configured" if old is not None else "created"


def new_cluster(folder: Path, address: str) -> Cluster:
    identifier = str(uuid.uuid4())
    ca, certificate, key = credentials.certificates()
    cluster = Cluster(identifier, address, ca, certificate, key, str(folder / f"{identifier}.json"))
    for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
        cluster.put(
            f"Namespace//{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    namespace = cluster.objects["Namespace//kube-system"]["metadata"]
    assert isinstance(namespace, dict)  # noqa: S101
    namespace["uid"] = identifier
    cluster.save()
    return cluster


def load_clusters(folder: Path) -> dict[str, Cluster]:
    """Every stored cluster by its identifier."""
    clusters: dict[str, Cluster] = {}
    for path in sorted(folder.glob("*.json")):
        values = json.loads(path.read_text())
        values["tokens"] = {name: Token(**token) for name, token in values["tokens"].items()}
        values["members"] = {name: Member(**member) for name, member in values["members"].items()}
        values["nodes"] = {name: Registered(**node) for name, node in values["nodes"].items()}
        values["installs"] = {name: Install(**install) for name, install in values["installs"].items()}
        values["path"] = str(path)
        cluster = Cluster(**values)
        clusters[cluster.identifier] = cluster
    return clusters


def serving(cluster: Cluster, hosts: list[Host], now: float) -> list[Host]:
    """The controllers whose API server answers: ready members, while they are a majority of etcd's members.

    One that is off, or gone, stays a member until it leaves; one that left serves nobody, however well it runs.
    """
    ready = [
        host
        for host in hosts
        if host.state.node is not None
        and host.state.node.controller
        and host.state.node.cluster == cluster.identifier
        and host.node_ready(now)
    ]
    members = {name for name, member in cluster.members.items() if member.since <= now}
    voters = [host for host in ready if host.hostname in members]
    return voters if len(voters) * 2 > len(members) else []


def node_objects(cluster: Cluster, hosts: list[Host], now: float) -> list[Object]:
    """`kubectl get nodes`, by name."""
    by_machine = {host.identity: host for host in hosts}
    return [
        _node(name, registered, by_machine.get(registered.machine), cluster, now)
        for name, registered in sorted(cluster.nodes.items())
        if now >= registered.visible_at
    ]


def _node(name: str, registered: Registered, host: Host | None, cluster: Cluster, now: float) -> Object:
    node = host.state.node if host else None
    joined = node is not None and node.cluster == cluster.identifier
    ready = host is not None and joined and host.node_ready(now)
    running = host is not None and joined and host.node_running(now)
    status = "True" if ready else "False" if running else "Unknown"
    reason = {"True": "KubeletReady", "False": "KubeletNotReady", "Unknown": "NodeStatusUnknown"}[status]
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    if node is not None and node.controller:
        labels |= {
            "node-role.kubernetes.io/control-plane": "true",
            "node.k0sproject.io/role": "control-plane",
        }
    arm = host is not None and host.architecture == "aarch64"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{cluster.identifier}/{name}")),
            "creationTimestamp": registered.created,
            "labels": {**labels, "kubernetes.io/arch": "arm64" if arm else "amd64"},
        },
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": host.machine.private_ip if host else ""},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [
                {
                    "type": "Ready",
                    "status": status,
                    "reason": reason,
                    "lastHeartbeatTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "lastTransitionTime": registered.created,
                    "message": "kubelet is posting ready status" if ready else "",
                }
            ],
            "nodeInfo": {
                "architecture": "arm64" if arm else "amd64",
                "kubeletVersion": (node.version if node else "").partition("+")[0] + "+k0s",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "operatingSystem": "linux",
                "containerRuntimeVersion": "containerd://1.7.27",
                "kernelVersion": "6.1.0-37-cloud-arm64" if arm else "6.1.0-37-cloud-amd64",
            },
        },
    }
