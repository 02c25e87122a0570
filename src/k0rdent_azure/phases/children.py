"""The clusters that k0rdent manages, before the management cluster goes: nobody else would delete them.

They are listed through any controller that can be reached within a short time, over its public address or the VPN;
neither is needed. What was listed is kept in the state, for the day when nobody answers any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.children import NoServerError, children
from k0rdent_azure.cluster.kcm import CLUSTERS, CommandOutput, Kubectl
from k0rdent_azure.command_line import shell_word
from k0rdent_azure.config.topology import Host
from k0rdent_azure.errors import ClusterError, CommandFailedError, HostError
from k0rdent_azure.hosts.ssh import Target
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.model import ChildCluster
from k0rdent_azure.state.transaction import Transaction

#: Real seconds for all controllers together.
LIMIT = 20.0
#: … and for one command on one of them.
COMMAND_LIMIT = 15.0
#: How many names a message has room for.
SHOWN = 8
ABANDON = "--abandon-children"


@dataclass(frozen=True)
class Children:
    """`answer` says whether the list was read, could not be although the cluster answers, or nobody answers.

    `known` is the list, or the last one that was read at `checked_at` (None: it never was). `why` is an error's text.
    """

    answer: Literal["read", "unreadable", "unreached"]
    known: Sequence[ChildCluster] = ()
    checked_at: str | None = None
    why: str = ""
    #: Whether the state tells of k0rdent, so that there may be some.
    likely: bool = False


async def look(ctx: Context, *, among: Collection[str] | None = None) -> Children:
    """List them, and record the list; never raises. `among` are names of the VMs that exist, None if unknown."""
    last = _last_known(ctx)
    asked = [
        host
        for host in ctx.hosts
        if host.role == "controller" and (among is None or host.name.lower() in {n.lower() for n in among})
    ]
    key = ctx.state.azure_resources.ssh_key
    if not asked or key is None or not ctx.path(key.local_path).is_file():
        return last
    reached: list[str] = []
    try:
        async with asyncio.timeout(LIMIT):
            found = await _first_list(ctx, asked, reached)
    except NoServerError:
        return last
    except (ClusterError, TimeoutError) as error:
        if not reached:
            return last
        why = error.message if isinstance(error, ClusterError) else f"no answer within {LIMIT:.0f} s"
        return Children("unreadable", last.known, last.checked_at, why, last.likely)
    if found is None:
        return last
    with ctx.commit() as tx:
        note(tx, found, now=ctx.now)
    return Children("read", found, ctx.now, likely=True)


def note(tx: Transaction, found: Sequence[ChildCluster], *, now: str) -> None:
    """Record the list that was just read."""
    if tx.state.k0rdent is not None:
        tx.k0rdent.update(children=list(found), children_checked_at=now)


def _last_known(ctx: Context) -> Children:
    recorded = ctx.state.k0rdent
    if recorded is None:
        return Children("unreached")
    likely = recorded.status != "not_deployed"
    return Children("unreached", recorded.children, recorded.children_checked_at, likely=likely)


async def _first_list(
    ctx: Context, controllers: Sequence[Host], reached: list[str]
) -> list[ChildCluster] | None:
    """What the first controller that can tell tells; None if none is reached. Adds to `reached` who is.

    Raises ClusterError if one of them answers, and none can tell.
    """
    failed: ClusterError | None = None
    tasks = [asyncio.ensure_future(_ask(ctx, host, reached)) for host in controllers]
    try:
        for each in asyncio.as_completed(tasks):
            try:
                found = await each
            except ClusterError as error:
                if failed is None or isinstance(failed, NoServerError):
                    failed = error
                continue
            if found is not None:
                return found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failed is not None:
        raise failed
    return None


async def _ask(ctx: Context, host: Host, reached: list[str]) -> list[ChildCluster] | None:
    """The list as one controller gives it; None if it is not reached."""
    vm = ctx.state.azure_resources.virtual_machines.get(host.name)
    if vm is None:
        return None
    for target in (ctx.public_target(host, vm), ctx.vpn_target(host, vm)):
        try:
            if target.address and await ctx.ssh.probe(target):
                reached.append(host.name)
                return await children(_kubectl(ctx, target))
        except CommandFailedError as error:
            raise ClusterError(f"on {host.name}: {error.message}") from error
        except HostError:
            # Somebody else answers at that address, or the connection broke.
            continue
    return None


def _kubectl(ctx: Context, target: Target) -> Kubectl:
    async def run(arguments: list[str], stdin: str | None) -> CommandOutput:
        return await ctx.ssh.run(
            target, kcm.kubectl_command(arguments), stdin=stdin, check=False, timeout=COMMAND_LIMIT
        )

    return run


def is_refused(found: Children, *, abandon: bool) -> bool:
    """Whether clusters would be left running, or may be, and nobody has said that they may."""
    return not abandon and (found.answer == "unreadable" or (found.answer == "read" and bool(found.known)))


def permit(
    found: Children,
    *,
    abandon: bool,
    what: str,
    kubeconfig: str,
    rerun: str = f"k0rdent-azure destroy {ABANDON}",
) -> None:
    """Raise ClusterError if that is refused. `what` begins the message, `kubeconfig` is the file that kubectl takes,
    `rerun` the command that permits it.
    """
    if not is_refused(found, abandon=abandon):
        return
    if found.answer == "unreadable":
        raise ClusterError(
            f"{what}: the cluster answers, and the list of clusters that k0rdent manages cannot be read: {found.why}",
            hint=f"see what it says: {command('get', kubeconfig)} -A; or leave what it manages running: "
            f"{rerun}",
        )
    raise ClusterError(
        f"{what}: k0rdent manages {counted(found.known)}, which would be left running and billed: "
        f"{names(found.known)}",
        hint=f"delete them first: {command('delete', kubeconfig, found.known[0])}; or leave them running: "
        f"{rerun}",
    )


def counted(found: Sequence[ChildCluster]) -> str:
    """`1 cluster`, `5 clusters`."""
    return f"{len(found)} cluster{'' if len(found) == 1 else 's'}"


def command(verb: str, kubeconfig: str, child: ChildCluster | None = None) -> str:
    """The kubectl command to type."""
    which = f" -n {shell_word(child.namespace)} {shell_word(child.name)}" if child else ""
    return f"kubectl --kubeconfig {shell_word(kubeconfig)} {verb} {CLUSTERS}{which}"


def names(found: Sequence[ChildCluster]) -> str:
    """The first few, and how many more there are."""
    said = [
        f"{each.namespace}/{each.name}" + (f" ({each.template})" if each.template else "")
        for each in found[:SHOWN]
    ]
    more = len(found) - len(said)
    return ", ".join(said) + (f", and {more} more" if more else "")
