"""New WireGuard keys on hosts that live, put there over their public SSH: the VPN that changes is not needed for it.

The intent is committed first, with the new keys and the old ones. Each host is given its new configuration whole, so
that a run that goes on after a kill does the same again. A laptop's old key stays on every host as a peer until
handshakes prove the new one; where they do not come, the old keys are put back. SSH host keys stay: a VM gets another
one only when it is replaced (`replace --new-keys`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from k0rdent_azure.config.topology import LAPTOP, Host, laptop_ip
from k0rdent_azure.errors import HostError, HostUnreachableError, StateError
from k0rdent_azure.hosts.host_facts import WIREGUARD_CONFIG
from k0rdent_azure.hosts.keys import wireguard_keypair, wireguard_public_from_private
from k0rdent_azure.hosts.ssh import Target
from k0rdent_azure.hosts.wireguard import HOST_DUMP, additional_peer, host_config, parse_dump
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.preparation import WITHOUT_KEYS
from k0rdent_azure.phases.vpn_setup import VpnSetup
from k0rdent_azure.state.intents import REKEY, Keys, RekeyDetails
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction

Scope = Literal["laptop", "hosts"]
#: Replaces the file as a whole: a connection that breaks in between leaves the old one.
INSTALL = (
    f"sudo -n sh -c 'install -m 0600 /dev/stdin {WIREGUARD_CONFIG}.new"
    f" && mv -f {WIREGUARD_CONFIG}.new {WIREGUARD_CONFIG} && systemctl restart wg-quick@wg0'"
)

PrivateKeys = Mapping[str, str]


def is_pending(state: State) -> bool:
    """Whether a rekey was begun and not ended."""
    return REKEY.is_pending(state)


def hosts_there(ctx: Context) -> list[Host]:
    """The hosts that exist: only these hold keys."""
    vms = ctx.state.azure_resources.virtual_machines
    return [host for host in ctx.hosts if host.name in vms and vms[host.name].status not in WITHOUT_KEYS]


async def rekey(ctx: Context, scope: Scope) -> None:
    """Replace the keys of `scope`, or end what an earlier run began.

    Raises HostUnreachableError if a host does not answer, HostError if the new keys do not work: then the old ones are
    in force again, as far as they are known, and nothing is pending that would keep others from helping that host.
    """
    ctx.phase = "vpn_setup"
    there = hosts_there(ctx)
    _refuse_keyless(ctx, there)
    silent = await _silent(ctx, there)
    if silent and is_pending(ctx.state):
        answering = [host for host in there if host.name not in silent]
        await _put_back(
            ctx, answering, _keys(ctx, _details(ctx).old), why=f"{', '.join(silent)} did not answer"
        )
    if silent or not there:
        raise _unreachable(ctx, silent)
    if not is_pending(ctx.state):
        _begin(ctx, scope, there)
    details = _details(ctx)
    new, old = _keys(ctx, details.new), _keys(ctx, details.old)
    await _install(ctx, there, new, also=details.old_laptop_public_key)
    _commit_keys(
        ctx, new, "keys_switched", "the hosts have the new keys; the old one still stands beside them"
    )
    try:
        await _confirm(ctx, there)
    except HostError:
        await _put_back(ctx, there, old, why="the new keys did not work")
        raise
    await _install(ctx, there, new, also=None)
    _end(ctx, there, details)


def _refuse_keyless(ctx: Context, there: Sequence[Host]) -> None:
    vms = ctx.state.azure_resources.virtual_machines
    keyless = [host.name for host in there if not vms[host.name].host_key]
    if keyless:
        raise StateError(
            f"the state has no keys of {', '.join(keyless)}",
            hint="read them first: k0rdent-azure recover --from-hosts",
        )


async def _silent(ctx: Context, there: Sequence[Host]) -> list[str]:
    answers = await asyncio.gather(*(ctx.ssh.probe(_target(ctx, host)) for host in there))
    return [host.name for host, answer in zip(there, answers, strict=True) if not answer]


def _unreachable(ctx: Context, silent: Sequence[str]) -> HostUnreachableError:
    recreate = f", or recreate them: k0rdent-azure replace vm/{silent[0]}" if silent else ""
    why = ctx.ssh.why_not(*(_target(ctx, host) for host in ctx.hosts if host.name in silent))
    return HostUnreachableError(
        f"no SSH to {', '.join(silent) or 'any host'}; no key was changed" + (f": {why}" if why else ""),
        hint=f"all hosts get the new key, or none: start them{recreate}; then run this again",
    )


def _begin(ctx: Context, scope: Scope, there: Sequence[Host]) -> None:
    names = [LAPTOP] if scope == "laptop" else [host.name for host in there]
    state = ctx.state
    peers = state.wireguard.peers if state.wireguard else {}
    old = {name: key for name in names if name in peers and (key := peers[name].private_key)}
    details = RekeyDetails(
        scope=scope,
        new=Keys(private_key={name: wireguard_keypair().private for name in names}),
        old=Keys(private_key=old),
        old_laptop_public_key=peers[LAPTOP].public_key if scope == "laptop" and LAPTOP in peers else None,
    )
    with ctx.commit() as tx:
        REKEY.begin(tx, ctx.names.wireguard_interface, details)
        ctx.event(tx, "rekey_started", f"new WireGuard keys for {', '.join(names)}")


async def _install(ctx: Context, there: Sequence[Host], keys: PrivateKeys, *, also: str | None) -> None:
    """Give every host its configuration; `also` is a laptop's public key that stays, without addresses of its own."""
    ctx.interrupt.checkpoint()
    await asyncio.gather(*(_install_one(ctx, host, keys, also) for host in there))


async def _install_one(ctx: Context, host: Host, keys: PrivateKeys, also: str | None) -> None:
    wireguard = ctx.state.wireguard
    assert wireguard is not None  # noqa: S101 - every state of ours has the section
    laptop = wireguard.peers.get(LAPTOP)
    public = (
        wireguard_public_from_private(keys[LAPTOP]) if LAPTOP in keys else laptop.public_key if laptop else ""
    )
    own = keys.get(host.name) or ctx.secret(wireguard.peers[host.name].private_key)
    text = host_config(
        private_key=own,
        address=host.wireguard_ip,
        port=wireguard.port,
        laptop_public_key=public,
        laptop_ip=laptop_ip(ctx.config),
    )
    if also is not None and also != public:
        text += additional_peer(also)
    await ctx.ssh.run(_target(ctx, host), INSTALL, stdin=text)


def _commit_keys(ctx: Context, keys: PrivateKeys, action: str, message: str) -> None:
    with ctx.commit() as tx:
        for name, private in keys.items():
            _set_key(ctx, tx, name, private)
        # The VPN's phase is run again, and a record of it needs a status.
        if not tx.phase("vpn_setup").exists:
            tx.phase("vpn_setup").update(status="in_progress")
        ctx.event(tx, action, message)


def _set_key(ctx: Context, tx: Transaction, name: str, private: str) -> None:
    public = wireguard_public_from_private(private)
    if name == LAPTOP:
        tx.peer(name).update(ip=laptop_ip(ctx.config), private_key=private, public_key=public)
        return
    tx.peer(name).update(private_key=private, public_key=public)
    tx.peer(name).clear("last_handshake")


async def _confirm(ctx: Context, there: Sequence[Host]) -> None:
    """A handshake with every host; where some are still to be made there is no VPN yet, and their own word counts."""
    if len(there) == len(ctx.hosts):
        # An interface that is up may hold the old key, whatever its file says: a kill can fall between the two.
        await ctx.workstation.down(ctx.names.wireguard_interface)
        await VpnSetup().run(ctx)
        return
    public = ctx.state.wireguard.peers[LAPTOP].public_key if ctx.state.wireguard else ""
    for host in there:
        dump = (await ctx.ssh.run(_target(ctx, host), HOST_DUMP)).stdout
        if public not in parse_dump(dump):
            raise HostError(f"{host.name} does not have the new key", hint="run the command again")


async def _put_back(ctx: Context, there: Sequence[Host], old: PrivateKeys, *, why: str) -> None:
    """The old keys, everywhere; where they are lost the operation stays pending, for another try."""
    if set(old) != set(_details(ctx).new.private_key):
        return
    await _install(ctx, there, old, also=None)
    _commit_keys(ctx, old, "rekey_undone", f"{why}; the old keys are in force again")
    await ctx.workstation.down(ctx.names.wireguard_interface)
    if len(there) == len(ctx.hosts):
        await VpnSetup().align(ctx)
    with ctx.commit() as tx:
        REKEY.end(tx)


def _end(ctx: Context, there: Sequence[Host], details: RekeyDetails) -> None:
    with ctx.commit() as tx:
        REKEY.end(tx)
        tx.phase("vpn_setup").clear("step")
        if len(there) == len(ctx.hosts):
            tx.phase("vpn_setup").update(status="completed")
        for host in there:
            tx.vm(host.name).update(rekeyed_at=ctx.now)
        what = "the workstation" if details.scope == "laptop" else "the hosts"
        ctx.event(tx, "rekeyed", f"new WireGuard keys of {what} are in force on {len(there)} hosts")


def _details(ctx: Context) -> RekeyDetails:
    details = REKEY.pending(ctx.state)
    assert details is not None, "whoever asks has begun it, or has seen that it is pending"  # noqa: S101
    return details


def _keys(ctx: Context, keys: Keys) -> dict[str, str]:
    """As plain text."""
    return {name: ctx.secret(value) for name, value in keys.private_key.items()}


def _target(ctx: Context, host: Host) -> Target:
    return ctx.public_target(host, ctx.state.azure_resources.virtual_machines[host.name])
