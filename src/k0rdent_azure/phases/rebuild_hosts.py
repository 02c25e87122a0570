"""Asks the hosts of a deployment whose state is lost: first who answers, then, where it is trusted, what it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from k0rdent_azure.clock import Clock
from k0rdent_azure.cluster import kcm, kubeconfig
from k0rdent_azure.cluster.children import children
from k0rdent_azure.cluster.kcm import CommandOutput, Readiness
from k0rdent_azure.config.topology import hosts
from k0rdent_azure.errors import ClusterError, HostError, K0rdentAzureError
from k0rdent_azure.hosts import host_facts
from k0rdent_azure.hosts.host_facts import HostFacts
from k0rdent_azure.hosts.key_files import decoded, pinned_key
from k0rdent_azure.hosts.keys import fingerprint
from k0rdent_azure.hosts.ssh import SshRunner, Target
from k0rdent_azure.phases.context import Outside
from k0rdent_azure.phases.rebuild_config import Wanted
from k0rdent_azure.state.model import ChildCluster

KNOWN_HOSTS = "./k0sctl-config/known_hosts"


@dataclass(frozen=True, slots=True)
class Shown:
    """Who answered for a host. `pinned`: that very key stands in the workspace, so it needs nobody's word."""

    name: str
    address: str
    key: str
    pinned: bool

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


@dataclass
class Told:
    """What the hosts told; `silent` says of each other one why it did not."""

    hosts: dict[str, HostFacts] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    kubeconfig: str | None = field(default=None, repr=False)
    kcm: Readiness | None = None
    kcm_version: str | None = None
    children: Sequence[ChildCluster] | None = None


def pins(workspace: Path, plan: Wanted) -> dict[str, str]:
    """Host keys by name, from the known_hosts file that was written for k0sctl: it has WireGuard addresses."""
    try:
        text = decoded((workspace / KNOWN_HOSTS).read_bytes())
    except OSError:
        return {}
    known = {host.name: pinned_key(text, host.wireguard_ip) for host in hosts(plan.config)}
    return {name: key for name, key in known.items() if key}


async def who_answers(
    ssh: SshRunner, addresses: Mapping[str, str], pinned: Mapping[str, str], told: Told
) -> list[Shown]:
    """The host key that each shows, without logging in; those that are silent, or show another key, go into `told`."""
    keys = await asyncio.gather(*(ssh.shown_host_key(address) for address in addresses.values()))
    found: list[Shown] = []
    for (name, address), key in zip(addresses.items(), keys, strict=True):
        told.silent.pop(name, None)
        if key is None:
            told.silent[name] = f"nobody answers SSH at {address}"
        elif pinned.get(name, key) != key:
            told.silent[name] = f"{address} shows another host key than {KNOWN_HOSTS} has for it"
        else:
            found.append(Shown(name, address, key, pinned=name in pinned))
    return found


async def ask(
    ssh: SshRunner, plan: Wanted, trusted: Sequence[Shown], told: Told, *, with_kubeconfig: bool
) -> None:
    """What the trusted hosts know, into `told`. Raises nothing for a host that does not tell."""
    targets = [Target(each.name, each.address, each.key, plan.config.ssh.username) for each in trusted]
    answers = await asyncio.gather(
        *(host_facts.read(ssh, target) for target in targets), return_exceptions=True
    )
    for target, answer in zip(targets, answers, strict=True):
        if isinstance(answer, HostFacts):
            told.hosts[target.name] = answer
        elif isinstance(answer, HostError):
            told.silent[target.name] = answer.message
        elif isinstance(answer, BaseException):
            raise answer
    leader = hosts(plan.config)[0].name
    target_of_leader = next((target for target in targets if target.name == leader), None)
    if target_of_leader is not None and leader in told.hosts and told.hosts[leader].k0s_role is not None:
        await _ask_leader(ssh, plan, target_of_leader, told, with_kubeconfig=with_kubeconfig)


async def _ask_leader(
    ssh: SshRunner, plan: Wanted, leader: Target, told: Told, *, with_kubeconfig: bool
) -> None:
    async def kubectl(arguments: list[str], stdin: str | None) -> CommandOutput:
        return await ssh.run(leader, kcm.kubectl_command(arguments), stdin=stdin, check=False)

    try:
        told.kcm_version = await kcm.chart_version(kubectl, release="kcm")
        told.kcm = await kcm.observe(kubectl)
        if with_kubeconfig:
            result = await ssh.run(leader, kubeconfig.COMMAND, check=False)
            told.kubeconfig = _kubeconfig(plan, result.stdout) if result.exit_status == 0 else None
        if told.kcm_version is not None:
            told.children = await children(kubectl)
    except (ClusterError, HostError) as error:
        told.silent["kcm"] = error.message


def _kubeconfig(plan: Wanted, text: str) -> str:
    name = plan.names.deployment_id
    return kubeconfig.for_workstation(
        text,
        address=f"https://{hosts(plan.config)[0].wireguard_ip}:6443",
        cluster=name,
        user=f"{name}-admin",
    )


async def wait_until_all_answer(
    clock: Clock, look: Callable[[], Awaitable[list[Shown]]], *, wanted: int, limit: float, interval: float
) -> list[Shown]:
    """Look until as many hosts answer as are `wanted`, for `limit` cloud seconds at most: VMs come one by one."""
    deadline = clock.monotonic() + limit
    while True:
        found = await look()
        if len(found) >= wanted or clock.monotonic() > deadline:
            return found
        await clock.sleep(interval)


async def live_laptop_key(outside: Outside, ssh: SshRunner, interface: str) -> tuple[str | None, bool]:
    """The private key of the workstation's interface, and whether it is up; neither is an error where it is not."""
    try:
        workstation = outside.make_workstation(ssh)
        key = await workstation.private_key(interface)
    except K0rdentAzureError:
        return None, False
    return key, key is not None
