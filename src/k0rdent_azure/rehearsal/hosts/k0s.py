"""The `k0s` command of one simulated machine: install, start, join, status, tokens, reset.

Commands, outputs and refusals follow k0s 1.32 (`cmd/` in its source). A node needs 40 to 90 cloud seconds
from its start until it is ready; a restart needs 15.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import yaml

from k0rdent_azure.rehearsal.hosts import credentials
from k0rdent_azure.rehearsal.hosts.host import UNIT_FOLDER, Host, Node
from k0rdent_azure.rehearsal.hosts.kubernetes import Cluster, Member, new_cluster, serving
from k0rdent_azure.rehearsal.hosts.shell import Process

if TYPE_CHECKING:
    from k0rdent_azure.rehearsal.hosts.site import Site

UNITS = ("k0scontroller", "k0sworker")
DATA = "/var/lib/k0s"
_MAGIC = b"\x7fELF rehearsal k0s "
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
RESTART = 15.0


def binary_version(content: bytes) -> tuple[str, str] | None:
    """(version, architecture) of a downloaded k0s; None for any other file."""
    if not content.startswith(_MAGIC):
        return None
    version, _, architecture = content[len(_MAGIC) :].decode().strip().partition(" ")
    return version, architecture


def flag(words: list[str], name: str, default: str = "") -> str:
    """`--name=value` or `--name value`."""
    for index, word in enumerate(words):
        if word.startswith(f"{name}="):
            return word[len(name) + 1 :]
        if word == name and index + 1 < len(words):
            return words[index + 1]
    return default


class K0s:
    """k0s on `host`; what it shares with other hosts is in the site's clusters."""

    def __init__(self, host: Host, site: Site) -> None:
        self.host = host
        self.site = site

    @property
    def node(self) -> Node | None:
        return self.host.state.node

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that this node has joined."""
        return self.site.clusters.get(self.node.cluster or "") if self.node else None

    def serving(self) -> bool:
        """Whether this controller's API server answers."""
        cluster = self.cluster
        return cluster is not None and self.host in serving(cluster, self.site.hosts(), self.site.now())

    def _runs_etcd(self) -> bool:
        """One that was removed from the cluster stops by itself."""
        cluster = self.cluster
        return (
            cluster is not None
            and self.host.hostname in cluster.members
            and self.host.node_ready(self.site.now())
        )

    def download(self, process: Process, url: str, target: str | None) -> int:
        """The binary that a release URL would give; its version and architecture come from the name."""
        match = re.search(r"/k0s-(v\d[^/]*)-(amd64|arm64)(?:\.exe)?$", unquote(url))
        if match is None or target is None:
            return process.fail("curl: (22) The requested URL returned error: 404", 22)
        content = _MAGIC + f"{match[1]} {match[2]}\n".encode()
        self.host.files.write(target, content, user=process.user)
        return 0

    def http_status(self, url: str) -> int:
        """What an unauthenticated request to a controller's API answers; 0 for no connection."""
        parts = urlsplit(url)
        local = parts.hostname in {"localhost", "127.0.0.1"}
        host = self.host if local else self.site.at_private(parts.hostname or "")
        if host is None or not K0s(host, self.site).serving():
            return 0
        return {6443: 401, 9443: 404}.get(parts.port or 443, 0)

    async def command(self, process: Process) -> int:
        path = process.argv[0] if "/" in process.argv[0] else f"/usr/local/bin/{process.argv[0]}"
        entry = self.host.files.get(path)
        version, architecture = (binary_version((entry.content or b"") if entry else b"")) or ("", "")
        if entry is None or not entry.mode & 0o111:
            return process.fail(f"sh: 1: {path}: Permission denied", 126)
        if _ARCHITECTURES.get(architecture) != self.host.architecture:
            return process.fail(f"sh: 1: {path}: cannot execute binary file: Exec format error", 126)
        words = process.argv[1:] or ["help"]
        if words[0] == "version":
            return process.out(f"{version}\n")
        if process.user != "root":
            return process.fail("Error: this command must be run as root!")
        if words[0] in {"kubectl", "kc"}:
            from k0rdent_azure.rehearsal.hosts.kubectl import kubectl  # it needs this class in turn

            return await kubectl(process, words[1:], self)
        return await self._administration(process, words, path, version)

    async def _administration(self, process: Process, words: list[str], path: str, version: str) -> int:
        if words[0] == "install" and words[1:2] in (["controller"], ["worker"]):
            return self._install(process, [path, *words[1:]], version)
        if words[0] == "etcd":
            return await self._etcd(process, words)
        commands = {
            "start": self._service, "stop": self._service, "status": self._status, "reset": self._reset,
            "token": self._token, "config": self._config, "validate": self._config,
            "kubeconfig": self._kubeconfig,
        }  # fmt: skip
        if words[0] not in commands:
            return process.fail(f'Error: unknown command "{" ".join(words[:2])}" for "k0s"')
        return commands[words[0]](process, words)

    def _kubeconfig(self, process: Process, words: list[str]) -> int:
        cluster = self.cluster
        if words[1:2] != ["admin"] or cluster is None or not self.node or not self.node.controller:
            return process.fail(f"Error: stat {DATA}/pki/ca.crt: no such file or directory")
        return process.out(cluster.kubeconfig(self._api_address()))

    def _install(self, process: Process, arguments: list[str], version: str) -> int:
        role, flags = arguments[1], [word for word in arguments[2:] if not word.startswith("--force")]
        service = f"k0s{role}"
        unit = f"{UNIT_FOLDER}/{service}.service"
        if self.host.files.get(unit) is not None and len(flags) == len(arguments) - 2:
            return process.fail(f"Error: failed to install k0s service: Init already exists: {unit}")
        config = flag(flags, "--config")
        if config and self.host.files.get(config) is None:
            return process.fail(f"Error: open {config}: no such file or directory")
        joined = self.node.cluster if self.node else None
        self.host.state.node = Node(service, [*arguments[:2], *flags], version, joined)
        command = " ".join([*arguments[:2], *flags])
        text = f"[Unit]\nDescription=k0s - Zero Friction Kubernetes\n\n[Service]\nExecStart={command}\n"
        self.host.files.write(unit, text.encode(), user="root")
        return 0

    def _service(self, process: Process, words: list[str]) -> int:
        if self.node is None:
            return process.fail("Error: k0s has not been installed as a service")
        if words[0] == "start":
            self.start()
        else:
            self.stop()
        self.host.files.changed = True
        return 0

    def start(self) -> None:
        """What `systemctl start` sets going; a node whose token nobody accepts does not stay up."""
        node, now = self.node, self.site.now()
        if node is None or node.started_at is not None:
            return
        node.started_at, cluster = now, self.cluster
        if cluster is not None:
            node.ready_at = now + RESTART
            if node.schedulable and self._node_name(node) not in cluster.nodes:
                # Somebody deleted it; a kubelet that starts makes it anew.
                cluster.register(self._node_name(node), self.host.identity, node.ready_at - 5)
                cluster.save()
            return
        cluster = self._form() if node.controller and not node.flag("token-file") else self._join(node)
        if cluster is None or (node.controller and self._is_member(cluster)):
            node.started_at = None
            return
        node.cluster = cluster.identifier
        node.ready_at = now + self.site.draw(self.host.name, "k0s", 40, 90)
        self._enlist(node, cluster, node.ready_at)

    def stop(self) -> None:
        if self.node is not None:
            self.node.started_at = None

    def _form(self) -> Cluster:
        cluster = new_cluster(self.site.directory / "clusters", self._api_address())
        self.site.clusters[cluster.identifier] = cluster
        return cluster

    def _join(self, node: Node) -> Cluster | None:
        entry = self.host.files.get(node.flag("token-file") or "")
        token = (
            credentials.read_join_token((entry.content or b"").decode("utf-8", "replace")) if entry else None
        )
        role = "controller" if node.controller else "worker"
        clusters = self.site.clusters.values()
        return next((cluster for cluster in clusters if token and cluster.accepts(token, role)), None)

    def _enlist(self, node: Node, cluster: Cluster, ready_at: float) -> None:
        if node.controller:
            cluster.members[self.host.hostname] = Member(self._peer_address(), ready_at)
            self.host.files.make_directory(f"{DATA}/pki", user="root")
            content = cluster.kubeconfig(self._api_address()).encode()
            self.host.files.write(f"{DATA}/pki/admin.conf", content, user="root", mode=0o600)
        if node.schedulable:
            cluster.register(self._node_name(node), self.host.identity, ready_at - 5)
            self.host.files.make_directory(DATA, user="root")
            self.host.files.write(f"{DATA}/kubelet.conf", b"# kubelet\n", user="root", mode=0o600)
        cluster.save()

    def _node_name(self, node: Node) -> str:
        extra = node.flag("kubelet-extra-args") or ""
        return flag(extra.split(), "--hostname-override", self.host.hostname)

    def _api_address(self) -> str:
        """Where this controller's own configuration says that the API is; others' may say another address."""
        api = self._configuration().get("api")
        given = api if isinstance(api, dict) else {}
        return str(given.get("externalAddress") or given.get("address") or self.host.machine.private_ip)

    def _is_member(self, cluster: Cluster) -> bool:
        """etcd adds no member at an address that one has already ("Peer URLs already exists"), even a dead one."""
        return any(member.peer == self._peer_address() for member in cluster.members.values())

    def _peer_address(self) -> str:
        storage = self._configuration().get("storage")
        etcd = storage.get("etcd") if isinstance(storage, dict) else None
        address = etcd.get("peerAddress") if isinstance(etcd, dict) else None
        return str(address or self.host.machine.private_ip)

    def _configuration(self) -> dict[str, object]:
        """`spec` of the node's k0s.yaml, empty without one."""
        entry = self.host.files.get((self.node.flag("config") if self.node else None) or "/etc/k0s/k0s.yaml")
        try:
            document = yaml.safe_load(entry.content or b"") if entry else None
        except yaml.YAMLError:
            document = None
        spec = document.get("spec") if isinstance(document, dict) else None
        return spec if isinstance(spec, dict) else {}

    def _status(self, process: Process, words: list[str]) -> int:
        node = self.node
        if node is None or not self.host.node_running(self.site.now()):
            return process.fail(
                'Error: status: can\'t get "status" via "/run/k0s/status.sock": no such file or directory'
            )
        facts: dict[str, object] = {
            "Version": node.version,
            "Pid": 1187,
            "Role": "controller" if node.controller else "worker",
            "SysInit": "linux-systemd",
            "StubFile": f"{UNIT_FOLDER}/{node.service}.service",
            "Workloads": node.schedulable,
            "SingleNode": bool({"--single", "--single=true"} & set(node.arguments)),
            "Args": node.arguments,
            "WorkerToAPIConnectionStatus": {"Message": "", "Success": self.host.node_ready(self.site.now())},
            "ClusterConfig": {"spec": self._configuration()} if node.controller else None,
            "K0sVars": {"DataDir": DATA, "AdminKubeConfigPath": f"{DATA}/pki/admin.conf"},
        }
        if flag(words, "-o", flag(words, "--out")) == "json":
            return process.out(json.dumps(facts, indent=3) + "\n")
        shown = {"Version": "Version", "Process ID": "Pid", "Role": "Role", "Workloads": "Workloads"}
        return process.out("".join(f"{title}: {facts[key]}\n" for title, key in shown.items()))

    def _reset(self, process: Process, _words: list[str]) -> int:
        if self.host.node_running(self.site.now()):
            return process.fail("Error: k0s seems to be running! please stop k0s before reset.")
        cluster, files = self.cluster, self.host.files
        self.host.state.node = None
        for path in (*(f"{UNIT_FOLDER}/{unit}.service" for unit in UNITS), DATA):
            if files.get(path) is not None:
                files.remove(path, user="root", recursive=True)
        if cluster is not None:
            self._leave(cluster)
        self.host.files.changed = True
        return process.fail("k0s cleanup operations done.", 0)

    def _leave(self, cluster: Cluster) -> None:
        """Gone without telling etcd; the cluster itself ends with its last controller."""
        nodes = [host.state.node for host in self.site.hosts()]
        if any(node and node.controller and node.cluster == cluster.identifier for node in nodes):
            cluster.save()
            return
        self.site.clusters.pop(cluster.identifier, None)
        cluster.remove()

    def _token(self, process: Process, words: list[str]) -> int:
        verb, words = words[1:2], words[2:]
        cluster = self.cluster
        if cluster is None or not self.serving():
            return process.fail(
                f"Error: dial tcp {self.host.machine.private_ip}:6443: connect: connection refused"
            )
        if verb == ["create"]:
            return process.out(
                cluster.new_token(
                    flag(words, "--role", "worker"), _seconds(flag(words, "--expiry")), self._api_address()
                )
                + "\n"
            )
        if verb == ["invalidate"]:
            for identifier in [word for word in words if not word.startswith("-")]:
                if cluster.tokens.pop(identifier, None) is not None:
                    process.out(f"token {identifier} deleted successfully\n")
            cluster.save()
            return 0
        rows = [f"{identifier:<10} {token.role}\n" for identifier, token in cluster.tokens.items()]
        return process.out("ID         ROLE\n" + "".join(rows))

    def _config(self, process: Process, words: list[str]) -> int:
        if words[1:2] == ["create"]:
            address = self.host.machine.private_ip
            return process.out(
                yaml.safe_dump(
                    {
                        "apiVersion": "k0s.k0sproject.io/v1beta1",
                        "kind": "ClusterConfig",
                        "metadata": {"name": "k0s", "namespace": "kube-system"},
                        "spec": {"api": {"address": address, "sans": [address]}, "storage": {"type": "etcd"}},
                    }
                )
            )
        path = flag(words, "--config", flag(words, "-c", "/etc/k0s/k0s.yaml"))
        try:
            document = yaml.safe_load(self.host.files.read(path, user=process.user))
        except yaml.YAMLError as error:
            return process.fail(f"Error: error converting YAML to JSON: {str(error).splitlines()[0]}")
        if not isinstance(document, dict) or document.get("kind") != "ClusterConfig":
            return process.fail("Error: no kind ClusterConfig in the document")
        return 0

    async def _etcd(self, process: Process, words: list[str]) -> int:
        """Asks the etcd of this very machine, with a read that needs the majority: without one it waits for ever."""
        cluster = self.cluster
        if cluster is None or not self.node or not self.node.controller or not self._runs_etcd():
            return process.fail(
                "Error: can't list etcd cluster members: rpc error: code = Unavailable desc = connection error: "
                'desc = "transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"'
            )
        await self.site.until(lambda: self.serving() or not self._runs_etcd())
        if not self.serving():
            return process.fail("Error: can't list etcd cluster members: context canceled")
        if words[1:2] == ["leave"]:
            peer = flag(words, "--peer-address", self._peer_address())
            cluster.members = {
                name: member for name, member in cluster.members.items() if member.peer != peer
            }
            cluster.save()
            return 0
        now = self.site.now()
        members = {
            name: f"https://{member.peer}:2380"
            for name, member in cluster.members.items()
            if member.since <= now
        }
        return process.out(json.dumps({"members": members}) + "\n")


def _seconds(expiry: str) -> float:
    """A Go duration such as `30m0s`; empty or `0` is for ever."""
    units = {"h": 3600, "m": 60, "s": 1}
    total = sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", expiry))
    return total or 10 * 365 * 86400.0
