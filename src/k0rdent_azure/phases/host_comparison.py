"""Compares WireGuard and k0s on each host, and nodes and kcm, with what the state says of them. Reads only, over SSH.

Only what the state says to be there is asked for; a host that nobody can reach is not known, which is no verdict.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from shlex import quote

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.children import children
from k0rdent_azure.cluster.kcm import CommandOutput, Kubectl
from k0rdent_azure.cluster.nodes import nodes
from k0rdent_azure.config.topology import LAPTOP, Host, k0s_role
from k0rdent_azure.errors import (
    ClusterError,
    HostError,
    HostKeyMismatchError,
    HostUnreachableError,
    LockedError,
    StateError,
)
from k0rdent_azure.hosts import wireguard_status
from k0rdent_azure.hosts.ssh import Target
from k0rdent_azure.phases.children import note
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.finding import Finding, Unread
from k0rdent_azure.state.model import State

HOST, WIREGUARD, K0S, NODE, KCM = "host", "host/wireguard", "host/k0s", "cluster/node", "cluster/kcm"
_K0S = "sudo -n k0s status -o json"


@dataclass
class HostComparison:
    """What the hosts said, against the state."""

    findings: list[Finding] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


async def compare_hosts(ctx: Context, *, down: Collection[str] = ()) -> HostComparison:
    """All hosts at once. `down` are those that Azure says are gone or do not run: nobody has to ask them."""
    found = HostComparison()
    there = [host for host in ctx.hosts if host.name not in down and _exists(ctx.state, host)]
    asked = [host for host in there if _is_made(ctx.state, host)]
    found.unread += [
        Unread(
            what=f"host {host.name}",
            reason="not seen to be ready yet: resume, or recover --from-hosts",
        )
        for host in there
        if host not in asked
    ]
    targets = dict(
        zip(
            [host.name for host in asked],
            await asyncio.gather(*(_way(ctx, host) for host in asked)),
            strict=True,
        )
    )
    for host in asked:
        outcome = targets[host.name]
        if isinstance(outcome, Finding):
            found.findings.append(outcome)
        elif isinstance(outcome, Unread):
            found.unread.append(outcome)
    reached = [(host, way) for host in asked if isinstance(way := targets[host.name], Target)]
    for part in await asyncio.gather(*(_host(ctx, host, way) for host, way in reached)):
        found.findings += part.findings
        found.unread += part.unread
    await _cluster(ctx, [way for host, way in reached if host.role == "controller"], found, down)
    return found


def _exists(state: State, host: Host) -> bool:
    vm = state.azure_resources.virtual_machines.get(host.name)
    return vm is not None and vm.id is not None


def _is_made(state: State, host: Host) -> bool:
    vm = state.azure_resources.virtual_machines.get(host.name)
    return vm is not None and vm.cloud_init == "done"


async def _way(ctx: Context, host: Host) -> Target | Finding | Unread:
    """How the host is reached: at its public address, else over the VPN."""
    vm = ctx.state.azure_resources.virtual_machines[host.name]
    try:
        for target in (ctx.public_target(host, vm), ctx.vpn_target(host, vm)):
            if await ctx.ssh.probe(target):
                return target
    except HostKeyMismatchError as error:
        return _finding(
            host.name, HOST, "host_key", ("the pinned one", "another one"), error.hint or error.message
        )
    except HostError as error:
        return Unread(what=f"host {host.name}", reason=error.message)
    why = ctx.ssh.why_not(ctx.public_target(host, vm))
    return Unread(
        what=f"host {host.name}",
        reason="no SSH, neither at its public address nor over the VPN" + (f": {why}" if why else ""),
    )


async def _host(ctx: Context, host: Host, way: Target) -> HostComparison:
    found = HostComparison()
    for ask in (_wireguard, _k0s):
        try:
            found.findings += await ask(ctx, host, way)
        except HostError as error:
            found.unread.append(Unread(what=f"host {host.name}", reason=error.message))
            break
    return found


async def _wireguard(ctx: Context, host: Host, way: Target) -> list[Finding]:
    recorded = ctx.state.wireguard
    if recorded is None or host.name not in recorded.peers:
        return []
    result = await ctx.ssh.run(way, wireguard_status.COMMAND, check=False)
    status = wireguard_status.parse(result.stdout) if result.exit_status == 0 else None
    mend = f"on {host.name}: sudo systemctl restart wg-quick@wg0"
    if status is None:
        return [_finding(host.name, WIREGUARD, "interface", ("up", "down"), mend)]
    laptop = recorded.peers[LAPTOP].public_key if LAPTOP in recorded.peers else ""
    compared = {
        "public_key": (recorded.peers[host.name].public_key, status.public_key),
        "listen_port": (str(recorded.port), status.port),
        "peers": (laptop, ", ".join(sorted(status.peers))),
    }
    return list(_differences(host.name, WIREGUARD, compared, mend))


async def _k0s(ctx: Context, host: Host, way: Target) -> list[Finding]:
    cluster = ctx.state.k0s_cluster
    node = (cluster.controllers | cluster.workers).get(host.name) if cluster else None
    if cluster is None or node is None or node.k0s_status != "ready":
        return []
    result = await ctx.ssh.run(way, _K0S, check=False)
    status = _object(result.stdout) if result.exit_status == 0 else {}
    service = "k0sworker" if host.role == "worker" else "k0scontroller"
    if not status.get("Role"):
        return [
            _finding(
                host.name,
                K0S,
                "status",
                ("running", "not running"),
                f"on {host.name}: sudo systemctl restart {service}",
            )
        ]
    role = {"single": "controller", "controller+worker": "controller"}.get(
        wanted := k0s_role(ctx.config, host), wanted
    )
    runs = str(status.get("Version"))
    anew = f"make it anew: k0rdent-azure replace vm/{host.name}"
    record = f"k0rdent-azure state set k0s_cluster.version {quote(runs[:60])} --text --reason upgraded"
    roles = {"role": (role, str(status.get("Role")))}
    versions = {"version": (cluster.version or ctx.config.software.k0s.version, runs)}
    return [
        *_differences(host.name, K0S, roles, anew),
        *_differences(host.name, K0S, versions, f"if that was meant, record it: {record}; if not, {anew}"),
    ]


async def _cluster(
    ctx: Context, controllers: list[Target], found: HostComparison, down: Collection[str]
) -> None:
    """What the API knows, through one controller."""

    async def kubectl(arguments: list[str], stdin: str | None) -> CommandOutput:
        if not controllers:
            raise HostUnreachableError("no controller can be reached")
        return await ctx.ssh.run(controllers[0], kcm.kubectl_command(arguments), stdin=stdin, check=False)

    for what, ask in (("nodes", _nodes), ("kcm", _kcm), ("clusters that k0rdent manages", _managed)):
        try:
            found.findings += await ask(ctx, kubectl, down)
        except (HostError, ClusterError) as error:
            found.unread.append(Unread(what=what, reason=error.message))


async def _nodes(ctx: Context, kubectl: Kubectl, down: Collection[str]) -> list[Finding]:
    """Hosts with a kubelet are nodes that are ready, and there are no others."""
    cluster = ctx.state.k0s_cluster
    if cluster is None or cluster.status != "ready":
        return []
    there = await nodes(kubectl)
    wanted = {host.name for host in ctx.hosts if k0s_role(ctx.config, host) != "controller"}
    found = []
    for name in sorted(wanted - {*down}):
        if not there.get(name):
            values = ("ready", "not ready" if name in there else "no node")
            mend = f"see why: kubectl describe node {name}; make it anew: k0rdent-azure replace vm/{name}"
            found.append(_finding(name, NODE, "status", values, mend))
    strangers = sorted(there.keys() - wanted)
    return found + [
        _finding(name, NODE, "status", ("no node", "a node"), f"remove it: kubectl delete node {quote(name)}")
        for name in strangers
    ]


async def _kcm(ctx: Context, kubectl: Kubectl, _down: Collection[str]) -> list[Finding]:
    recorded = ctx.state.k0rdent
    if recorded is None or recorded.status != "ready":
        return []
    readiness = await kcm.observe(kubectl, release=recorded.helm_release)
    if readiness.ready:
        return []
    mend = "see what it waits for: kubectl get managements.k0rdent.mirantis.com kcm -o yaml"
    return [_finding("kcm", KCM, "ready", ("yes", f"no: {readiness.message}"), mend)]


async def _managed(ctx: Context, kubectl: Kubectl, _down: Collection[str]) -> list[Finding]:
    """No drift: a list that is another one is kept, for the day when nobody can ask, if the state can be written."""
    recorded = ctx.state.k0rdent
    if recorded is None or recorded.status != "ready":
        return []
    found = await children(kubectl)
    if found == recorded.children and recorded.children_checked_at is not None:
        return []
    with suppress(StateError, LockedError, OSError), ctx.store.transaction() as tx:
        note(tx, found, now=ctx.now)
    return []


def _differences(name: str, type_: str, compared: dict[str, tuple[str, str]], mend: str) -> Iterator[Finding]:
    for field_name, values in compared.items():
        if values[0] != values[1]:
            yield _finding(name, type_, field_name, values, mend)


def _finding(name: str, type_: str, field_name: str, values: tuple[str, str], action: str) -> Finding:
    expected, found = values
    return Finding(
        kind="changed",
        severity="warning" if field_name == "version" else "critical",
        resource=name,
        type=type_,
        name=name,
        field=field_name,
        expected=expected,
        found=found[:200],
        action=action,
    )


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
