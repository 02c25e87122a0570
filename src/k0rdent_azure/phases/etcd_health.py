"""Asks Azure and every controller how etcd is now, and refuses what would cost it its majority.

Each controller's own etcd is asked for its members. k0s asks the etcd of the machine that it runs on, with a read that
a majority has to agree to: an answer proves that this member lives, knows the others, and that etcd has its majority.
A learner, a member that was removed, and one that lost the others do not answer.
https://etcd.io/docs/v3.5/learning/api_guarantees/ https://docs.k0sproject.io/stable/remove_controller/
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from k0rdent_azure.azure import power
from k0rdent_azure.azure.inventory import VmStatusView
from k0rdent_azure.config.topology import Host
from k0rdent_azure.errors import AzureError, HostError, HostUnreachableError, LoginRefusedError
from k0rdent_azure.hosts.command import CommandResult
from k0rdent_azure.phases import arm
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.quorum import RUNNING, Controller, Members
from k0rdent_azure.state.model import VirtualMachine

UNIT = "/etc/systemd/system/k0scontroller.service"
#: Lists etcd's members. Without a majority etcd does not answer at all, so the host itself ends it.
MEMBER_LIST = "sudo -n timeout 20 k0s etcd member-list"
#: The exit status that says that k0s was never installed.
_NEW = 44
_ASK = f"test -e {UNIT} || exit {_NEW}; {MEMBER_LIST}"
#: GNU timeout's own exit status.
_TIME_IS_UP = 124

Powers = Mapping[str, str | None]


async def ask(ctx: Context, powers: Powers | None = None) -> Members:
    """Every controller as Azure and its own etcd say now: one ARM request, in most cases.

    `powers` is what Azure just said, if it was asked already: None for a VM that it does not have.
    """
    controllers = [host for host in ctx.hosts if host.role == "controller"]
    leaving: set[str] = set()
    unasked = ""
    if powers is None:
        try:
            seen = await _conditions(ctx, controllers)
        except AzureError as error:
            seen, unasked = dict.fromkeys((host.name for host in controllers), _UNKNOWN), error.message
        powers = {name: each.power_state if each else None for name, each in seen.items()}
        leaving = {name for name, each in seen.items() if each and each.provisioning_state == power.LEAVING}
    asked = (_controller(ctx, host, powers[host.name], host.name in leaving) for host in controllers)
    return Members(tuple(await asyncio.gather(*asked)), unasked, is_new=_was_never_whole(ctx))


def _was_never_whole(ctx: Context) -> bool:
    """Whether the phase that makes a cluster of the VMs has begun, and has not ended once."""
    record = ctx.state.phases.get("cluster_setup")
    return record is not None and record.status != "completed" and record.ended_at is None


_UNKNOWN = VmStatusView("", "", "")


async def refuse_loss(ctx: Context, going: Collection[str], *, act: str, leaving: bool = False) -> None:
    """Raise QuorumError if etcd would lose its majority by `going` being `act` ("deleted"), or nobody can say.

    Workers do not count, and neither does a controller that Azure does not have or is taking away already.
    """
    controllers = {host.name for host in ctx.hosts if host.role == "controller"} & {*going}
    if not controllers:
        return
    members = await ask(ctx)
    at_risk = controllers & members.still_there
    refusal = members.refusal(at_risk, act=act, leaving=leaving) if at_risk else None
    if refusal is not None:
        raise refusal


async def _conditions(ctx: Context, controllers: Collection[Host]) -> dict[str, VmStatusView | None]:
    where = arm.target(ctx)
    names = [host.name for host in controllers]
    return await power.conditions(ctx.arm, where.subscription, ctx.names.resource_group, names)


async def _controller(ctx: Context, host: Host, has_power: str | None, is_leaving: bool) -> Controller:
    vm = ctx.state.azure_resources.virtual_machines.get(host.name)
    listed, silence, is_new = None, "", vm is None
    if vm is not None and has_power in ("", RUNNING):
        listed, silence, is_new = await _answer(ctx, host, vm)
    answered = listed is not None or is_new
    return Controller(
        name=host.name,
        address=host.private_ip,
        power=has_power,
        listed=listed,
        silence=silence,
        holds=not is_new if answered else has_power is not None and _may_hold(ctx, vm),
        is_leaving=is_leaving,
    )


def _may_hold(ctx: Context, vm: VirtualMachine | None) -> bool:
    """Whether a VM that does not answer may hold etcd's data, as far as is known of it.

    One that never answered since it was made is new. Before there was a cluster, one that was seen ready may hold one
    that this state knows nothing of.
    """
    cluster = ctx.state.k0s_cluster
    if vm is None:
        return False
    if cluster is None or cluster.status == "not_deployed":
        return vm.cloud_init == "done"
    return vm.cloud_init is not None or vm.created_at is not None


async def _answer(ctx: Context, host: Host, vm: VirtualMachine) -> tuple[tuple[str, ...] | None, str, bool]:
    """The members that its etcd lists, else why it told none, and whether k0s was never installed on it."""
    try:
        result = await _run(ctx, host, vm)
    except HostError as error:
        unreachable = isinstance(error, HostUnreachableError) and not isinstance(error, LoginRefusedError)
        return None, "no SSH" if unreachable else error.message, False
    if result.exit_status == _NEW:
        return None, "k0s was never installed on it", True
    if result.exit_status == _TIME_IS_UP:
        return None, "etcd does not answer: it has no majority", False
    if result.exit_status:
        return None, "etcd does not answer", False
    listed = addresses(result.stdout)
    return (tuple(listed), "", False) if listed else (None, "etcd's answer cannot be read", False)


async def _run(ctx: Context, host: Host, vm: VirtualMachine) -> CommandResult:
    """At its public address, else over the VPN. Raises HostError."""
    try:
        return await ctx.ssh.run(ctx.public_target(host, vm), _ASK, check=False)
    except HostUnreachableError:
        return await ctx.ssh.run(ctx.vpn_target(host, vm), _ASK, check=False)


def addresses(text: str) -> list[str]:
    """The peer address of each member that `k0s etcd member-list` tells; two members of one name count twice."""
    # Versions of k0s log to standard output, too: the list begins with the first line that is an object.
    start = re.search(r"^\s*(?=\{)", text, re.MULTILINE)
    try:
        decoder = json.JSONDecoder(object_pairs_hook=list)
        document, _ = decoder.raw_decode(text, start.end() if start else 0)
    except (ValueError, RecursionError):
        return []
    pairs = next((value for key, value in _pairs(document) if key == "members"), None)
    return [_address(str(url)) for _, url in _pairs(pairs)]


def _pairs(value: object) -> list[tuple[str, object]]:
    """A JSON object as it was read: name and value of each member."""
    if not isinstance(value, list) or not all(isinstance(each, tuple) for each in value):
        return []
    return value


def _address(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
