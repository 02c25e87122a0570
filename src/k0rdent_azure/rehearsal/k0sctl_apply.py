"""The stand-in's phases: the commands that k0sctl runs on hosts, in their short form and its order.

Leader first, then the other controllers, then the workers; nodes that run are left alone. Source of the
order, the titles and the commands: k0sctl v0.32 `action/apply.go` and `phase/`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import shlex
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

import yaml

from k0rdent_azure.errors import ClusterError, CommandFailedError
from k0rdent_azure.rehearsal.k0sctl_config import ClusterConfig, Node
from k0rdent_azure.rehearsal.k0sctl_remote import Bastions, Remote, connect, retry

BINARY = "/usr/local/bin/k0s"
CONFIG = "/etc/k0s/k0s.yaml"
TOKEN_FILE = "/etc/k0s/k0stoken"  # noqa: S105  (a path)
DATA = "/var/lib/k0s"
Log = Callable[[str], None]


@dataclass
class Member:
    """A node, its connection and what was found on it."""

    node: Node
    remote: Remote
    binary: str | None = None
    running: str | None = None
    ready: bool = False
    installed: bool = False

    @property
    def service(self) -> str:
        return "k0scontroller" if self.node.controller else "k0sworker"


class Operation:
    """One run of `apply`, `reset` or `kubeconfig` over the hosts of a configuration."""

    def __init__(self, config: ClusterConfig, log: Log) -> None:
        self.config = config
        self.log = log
        self.members: list[Member] = []
        self._bastions: Bastions = {}

    def phase(self, title: str) -> None:
        self.log(f"==> Running phase: {title}")

    def say(self, member: Member, text: str) -> None:
        self.log(f"{member.node.name}: {text}")

    @property
    def controllers(self) -> list[Member]:
        return [member for member in self.members if member.node.controller]

    @property
    def leader(self) -> Member:
        """A running controller if there is one, else the first."""
        return next((member for member in self.controllers if member.running), self.controllers[0])

    async def each(self, members: Iterable[Member], work: Callable[[Member], Awaitable[None]]) -> None:
        """All at once; the first error counts when all have ended."""
        results = await asyncio.gather(*(work(member) for member in members), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def connect(self, nodes: Iterable[Node]) -> None:
        self.phase("Connect to hosts")

        async def one(node: Node) -> Member:
            member = Member(node, await connect(node, self._bastions))
            self.say(member, "connected")
            return member

        self.members = list(await asyncio.gather(*(one(node) for node in nodes)))

    async def disconnect(self) -> None:
        for member in self.members:
            member.remote.close()
        for task in self._bastions.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().close()

    async def gather_facts(self) -> None:
        self.phase("Detect host operating systems")
        await self.each(self.members, self._detect)
        self.phase("Validate hosts")
        await self.each(self.members, self._validate)
        self.phase("Gather k0s facts")
        await self.each(self.members, self._investigate)

    async def _detect(self, member: Member) -> None:
        release = (await member.remote.run("cat /etc/os-release"))[1]
        names = [line for line in release.splitlines() if line.startswith("PRETTY_NAME=")]
        self.say(member, f"is running {names[0].partition('=')[2].strip(chr(34)) if names else 'Linux'}")

    async def _validate(self, member: Member) -> None:
        await member.remote.must("true")
        clock = (await member.remote.run("date -u +%s"))[1].strip()
        if not clock.isdigit() or abs(int(clock) - time.time()) > 30:
            raise ClusterError(f"{member.node.name}: clock skew exceeds the maximum of 30 seconds")

    async def _investigate(self, member: Member) -> None:
        status, stdout, _ = await member.remote.root(f"{BINARY} version")
        if status != 0:
            return
        member.binary = stdout.strip()
        unit = (
            await member.remote.must(f"systemctl show -p FragmentPath {member.service}.service")
        ).partition("=")[2]
        status, stdout, _ = await member.remote.root(f"{BINARY} status -o json")
        if status == 0:
            member.running = str(json.loads(stdout)["Version"])
            self.say(member, f"is running k0s {member.node.role} version {member.running}")
            member.ready = member.node.controller or await self._node_ready(member)
        elif unit.strip():
            raise ClusterError(
                f"{member.node.name}: k0s doesn't appear to be running but has been installed as a service at "
                f"{unit.strip()} - please remove it or start the service"
            )

    async def apply(self) -> None:
        await self.connect(self.config.nodes)
        await self.gather_facts()
        new = [member for member in self.members if member.running is None]
        if new:
            self.phase("Install k0s binaries on hosts")
            await self.each(new, self._stage)
            self.phase("Configure k0s")
            await self.each([member for member in new if member.node.controller], self._configure)
        if self.leader.running is None:
            self.phase("Initialize the k0s cluster")
            await self._install(self.leader)
        others = [m for m in self.controllers if m.running is None and m is not self.leader]
        if others:
            self.phase("Install controllers")
            await self._join(others, "controller")
        workers = [m for m in self.members if not m.node.controller and not m.ready]
        if workers:
            self.phase("Install workers")
            await self._join(workers, "worker")
        await self._manifests()
        self.phase("Disconnect from hosts")
        await self.disconnect()

    async def _stage(self, member: Member) -> None:
        if member.binary == self.config.version:
            return
        machine = (await member.remote.run("uname -m"))[1].strip()
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[machine]
        version = quote(self.config.version, safe="")
        url = f"https://github.com/k0sproject/k0s/releases/download/{version}/k0s-{version}-{architecture}"
        self.say(member, f"downloading k0s {self.config.version}")
        await member.remote.must(
            f"curl -sSLf -o {BINARY}.tmp -- {shlex.quote(url)} && chmod 0755 {BINARY}.tmp"
        )
        await member.remote.must(f"mv -f {BINARY}.tmp {BINARY}")
        member.binary = (await member.remote.must(f"{BINARY} version")).strip()

    async def _configure(self, member: Member) -> None:
        document = copy.deepcopy(self.config.k0s)
        document.setdefault("apiVersion", "k0s.k0sproject.io/v1beta1")
        document.setdefault("kind", "ClusterConfig")
        spec = _section(document, "spec")
        addresses = [
            address for m in self.controllers for address in (m.node.ssh.address, m.node.private_address)
        ]
        api = _section(spec, "api")
        given = api.get("sans")
        sans = [*(given if isinstance(given, list) else []), *(address for address in addresses if address)]
        api["sans"] = list(dict.fromkeys(sans))
        if member.node.private_address:
            _section(_section(spec, "storage"), "etcd")["peerAddress"] = member.node.private_address
        self.say(member, "installing new configuration")
        await member.remote.write(CONFIG, f"# generated-by-k0sctl\n{yaml.safe_dump(document)}")
        await member.remote.must(f'{BINARY} config validate --config="{CONFIG}"')

    async def _join(self, members: list[Member], role: str) -> None:
        for member in members:
            self.say(self.leader, f"generate join token for {member.node.name}")
            tokens: list[str] = []

            async def create(found: list[str] = tokens) -> bool:
                status, stdout, _ = await self.leader.remote.root(
                    f"{BINARY} token create --role {role} --expiry 30m0s --data-dir={DATA}"
                )
                found.append(stdout.strip())
                return status == 0

            await retry(create, f"{self.leader.node.name}: failed to create a join token")
            self.say(member, f"writing join token to {TOKEN_FILE}")
            await member.remote.write(TOKEN_FILE, tokens[-1])
        await self.each(members, self._install)
        for member in members:
            await member.remote.write(TOKEN_FILE, "# overwritten by k0sctl after join\n")

    def _flags(self, member: Member) -> list[str]:
        node = member.node
        flags = [*node.install_flags, f"--data-dir={DATA}"]
        flags += {"controller+worker": ["--enable-worker=true"], "single": ["--single=true"]}.get(
            node.role, []
        )
        flags += [] if member is self.leader else [f"--token-file={TOKEN_FILE}"]
        flags += [f"--config={CONFIG}"] if node.controller else []
        if node.role.endswith("worker"):
            extra = [f"--node-ip={node.private_address}"] if node.private_address else []
            extra += [f"--hostname-override={node.hostname}"] if node.hostname else []
            flags += [f"--kubelet-extra-args={' '.join(extra)}"] if extra else []
        return flags

    async def _install(self, member: Member) -> None:
        role = "controller" if member.node.controller else "worker"
        self.say(member, f"installing k0s {role}")
        if not await member.remote.good(f"systemctl is-active {member.service}"):
            flags = " ".join(shlex.quote(flag) for flag in self._flags(member))
            await member.remote.must(f"{BINARY} install {role} {flags}")
            member.installed = True
            self.say(member, "starting service")
            await member.remote.must(f"systemctl start {member.service}")
        self.say(
            member,
            "waiting for node to become ready"
            if role == "worker"
            else "wait for kubernetes to reach ready state",
        )
        await retry(lambda: self._serves(member), f"{member.node.name}: did not reach ready state")
        member.running, member.ready = self.config.version, True

    async def _serves(self, member: Member) -> bool:
        if not await member.remote.good(f"systemctl is-active {member.service}"):
            raise CommandFailedError(
                f"{member.node.name}: service {member.service} is not running", exit_status=3
            )
        if not member.node.controller:
            return await self._node_ready(member)
        return await member.remote.good(
            f'env "KUBECONFIG={DATA}/pki/admin.conf" {BINARY} kubectl get --raw=/readyz'
        )

    async def _node_ready(self, member: Member) -> bool:
        name = (member.node.hostname or (await member.remote.run("hostname"))[1].strip()).lower()
        path = """jsonpath={.status.conditions[?(@.type=="Ready")].status}"""
        status, stdout, _ = await member.remote.root(
            f'env "KUBECONFIG={DATA}/kubelet.conf" {BINARY} kubectl get node {shlex.quote(name)} -o {shlex.quote(path)}'
        )
        return status == 0 and stdout == "True"

    async def _manifests(self) -> None:
        if not self.config.manifests:
            return
        self.phase("Apply additional manifests")
        for manifest in self.config.manifests:
            text = await self.leader.remote.must(
                f"{BINARY} kubectl apply -f -", stdin=yaml.safe_dump(manifest)
            )
            self.say(self.leader, f"kubectl apply: {text.strip()}")

    async def clean_up(self) -> None:
        """After a failed apply, as k0sctl does: nodes that this run installed and that are not ready are reset."""
        for member in self.members:
            if member.installed and not member.ready:
                self.say(member, "cleaning up")
                if not await member.remote.good(f"{BINARY} reset --data-dir={DATA}"):
                    self.say(member, "k0s reset failed")
        await self.disconnect()

    async def kubeconfig(self, *, address: str | None, user: str | None, cluster: str | None) -> str:
        """The admin kubeconfig under the names that k0sctl gives it."""
        controllers = [node for node in self.config.nodes if node.controller]
        await self.connect(controllers[:1])
        raw = yaml.safe_load(
            await self.members[0].remote.must(f"{BINARY} kubeconfig admin --data-dir={DATA}")
        )
        await self.disconnect()
        name, user = cluster or self.config.name, user or "admin"
        raw["clusters"][0]["name"] = raw["contexts"][0]["name"] = raw["current-context"] = name
        raw["clusters"][0]["cluster"]["server"] = address or f"https://{controllers[0].ssh.address}:6443"
        raw["users"][0]["name"] = user
        raw["contexts"][0]["context"] = {"cluster": name, "user": user}
        return yaml.safe_dump(raw)

    async def reset(self) -> None:
        await self.connect(self.config.nodes)
        workers = [member for member in self.members if not member.node.controller]
        for title, members in (("Reset workers", workers), ("Reset controllers", self.controllers)):
            if members:
                self.phase(title)
                await self.each(members, self._reset)
        self.phase("Disconnect from hosts")
        await self.disconnect()

    async def _reset(self, member: Member) -> None:
        if await member.remote.good(f"test -f {BINARY}"):
            if await member.remote.good(f"systemctl is-active {member.service}"):
                await member.remote.must(f"systemctl stop {member.service}")
            await member.remote.must(f"{BINARY} reset --data-dir={DATA}")
        await member.remote.must(f"rm -f {CONFIG} {BINARY}")
        self.say(member, "reset")


def _section(document: dict[str, object], key: str) -> dict[str, object]:
    found = document.get(key)
    if not isinstance(found, dict):
        found = document[key] = {}
    return found
