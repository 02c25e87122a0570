"""Phase 4: the WireGuard network between the workstation and every VM."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from k0rdent_azure.clock import timestamp
from k0rdent_azure.config.topology import LAPTOP, Host
from k0rdent_azure.errors import CommandFailedError, HostError
from k0rdent_azure.hosts.wireguard import (
    HOST_DUMP,
    LaptopPeer,
    PeerStatus,
    dumped_public_key,
    laptop_config,
    parse_dump,
)
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.files import write_private_if_changed
from k0rdent_azure.state.model import PhaseName, WireGuard

#: Cloud seconds to wait for first handshakes: keepalives go out every 25 s, retries every 5 s.
HANDSHAKE_WAIT = 120.0
#: WireGuard renews a session at the latest after 180 s, so an older handshake tells nothing of now.
HANDSHAKE_FRESH = 180


class VpnSetup:
    """Observes the interface and its handshakes; brings it up only where it is not."""

    name: PhaseName = "vpn_setup"

    async def run(self, ctx: Context) -> None:
        wireguard = await self.align(ctx)
        await self._wait_for_handshakes(ctx, wireguard, ctx.names.wireguard_interface)

    async def align(self, ctx: Context) -> WireGuard:
        """Bring the interface up as the state has it, without waiting for anybody; returns what the state has."""
        wireguard = ctx.state.wireguard
        assert wireguard is not None, "preparation fills the wireguard section"  # noqa: S101
        changed = self._write_config(ctx, wireguard)
        interface = ctx.names.wireguard_interface
        seen = await ctx.workstation.peers(interface)
        if seen is not None and (changed or not _same_peers(ctx, wireguard, seen)):
            ctx.step(f"replacing the configuration of {interface}")
            await ctx.workstation.down(interface)
            seen = None
        if seen is None:
            await self._bring_up(ctx, interface)
        return wireguard

    def _write_config(self, ctx: Context, wireguard: WireGuard) -> bool:
        laptop = wireguard.peers[LAPTOP]
        assert wireguard.laptop_config is not None and laptop.private_key is not None  # noqa: S101, PT018
        text = laptop_config(
            private_key=ctx.secret(laptop.private_key),
            address=laptop.ip,
            peers=[
                LaptopPeer(
                    name=host.name,
                    public_key=wireguard.peers[host.name].public_key,
                    ip=host.wireguard_ip,
                    endpoint=_endpoint(ctx, host),
                )
                for host in ctx.hosts
            ],
        )
        changed = write_private_if_changed(
            ctx.path(wireguard.laptop_config.file_path), text, root=ctx.workspace
        )
        # A run may have died between the file and the state.
        recorded = all(wireguard.peers[host.name].endpoint == _endpoint(ctx, host) for host in ctx.hosts)
        if changed or not recorded:
            with ctx.commit() as tx:
                tx.laptop_config.update(status="generated")
                tx.peer(LAPTOP).update(config_status="generated")
                for host in ctx.hosts:
                    tx.peer(host.name).update(endpoint=_endpoint(ctx, host))
                ctx.event(tx, "laptop_config_generated", "WireGuard configuration of the workstation written")
        return changed

    async def _bring_up(self, ctx: Context, interface: str) -> None:
        ctx.interrupt.checkpoint()
        wireguard = ctx.state.wireguard
        assert wireguard is not None and wireguard.laptop_config is not None  # noqa: S101, PT018
        with ctx.commit() as tx:
            tx.phase(self.name).update(step=f"bringing {interface} up")
            tx.begin_operation("vpn", kind="vpn", target=interface, phase=self.name)
        try:
            await ctx.workstation.up(ctx.path(wireguard.laptop_config.file_path), interface)
        except CommandFailedError as error:
            if "File exists" in error.stderr:
                network = ctx.config.network.wireguard_network
                error.hint = (
                    f"another interface leads to {network}: find it with `ip route show root {network}`, "
                    "take it down with `sudo wg-quick down NAME`"
                )
            raise
        with ctx.commit() as tx:
            tx.end_operation("vpn")
            ctx.event(tx, "vpn_up", f"WireGuard interface {interface} is up", resource=interface)

    async def _wait_for_handshakes(self, ctx: Context, wireguard: WireGuard, interface: str) -> None:
        """ "cloud-init finished" does not mean that WireGuard is up: each peer's handshake is what counts."""
        keys = {wireguard.peers[host.name].public_key: host.name for host in ctx.hosts}
        recorded: set[str] = set()
        ctx.step(f"waiting for WireGuard handshakes with {len(keys)} hosts")
        started, looks = ctx.clock.monotonic(), 0
        while True:
            peers = await ctx.workstation.peers(interface) or {}
            alive = {
                name: peers[key].latest_handshake
                for key, name in keys.items()
                if key in peers and _is_fresh(ctx, peers[key])
            }
            if set(alive) - recorded:
                self._record(ctx, alive)
                recorded |= set(alive)
            for name in keys.values():
                ctx.observer.activity(name, "" if name in alive else "waiting for WireGuard handshake")
            if len(alive) == len(keys):
                break
            looks += 1
            if ctx.clock.monotonic() - started > HANDSHAKE_WAIT and looks >= LOOKS_BEFORE_GIVING_UP:
                await self._give_up(ctx, wireguard, sorted(set(keys.values()) - set(alive)))
            await ctx.sleep(ctx.config.timeouts.wireguard_connect_wait)
        self._record_connected(ctx)

    def _record(self, ctx: Context, alive: dict[str, int]) -> None:
        with ctx.commit() as tx:
            for name, moment in alive.items():
                seen = timestamp(datetime.fromtimestamp(moment, UTC))
                tx.peer(name).update(config_status="deployed", last_handshake=seen)

    def _record_connected(self, ctx: Context) -> None:
        before = ctx.state.wireguard
        already = (
            before is not None and before.laptop_config is not None and before.laptop_config.setup_complete
        )
        with ctx.commit() as tx:
            tx.end_operation("vpn")
            tx.laptop_config.update(status="connected", setup_complete=True, last_checked=ctx.now)
            tx.peer(LAPTOP).update(config_status="deployed")
            if not already:
                ctx.event(tx, "vpn_connected", f"WireGuard handshakes with all {len(ctx.hosts)} hosts")

    async def _give_up(self, ctx: Context, wireguard: WireGuard, silent: list[str]) -> None:
        with ctx.commit() as tx:
            tx.laptop_config.update(status="disconnected", last_checked=ctx.now)
        names = ", ".join(silent)
        ours = wireguard.peers[LAPTOP].public_key
        told = await _keys_on_hosts(ctx, silent)
        closed = [
            name
            for name, (own, accepted) in told.items()
            if ours not in accepted or own != wireguard.peers[name].public_key
        ]
        why = f"; the WireGuard keys of {', '.join(closed)} are not those of the state" if closed else ""
        port = ctx.config.network.wireguard_port
        raise HostError(
            f"no WireGuard handshake with {names} within {HANDSHAKE_WAIT:.0f} s{why}",
            hint="give this workstation a new key: k0rdent-azure recover --rekey"
            if closed
            else f"check that UDP port {port} may leave this network",
            way="again" if closed else "either",
            places=() if closed else ("network.wireguard_port",),
        )


async def _keys_on_hosts(ctx: Context, names: Iterable[str]) -> dict[str, tuple[str, Collection[str]]]:
    """The host's own public key, and those that it accepts, of each host that tells over its public address."""
    vms = ctx.state.azure_resources.virtual_machines
    asked = [host for host in ctx.hosts if host.name in names and host.name in vms]
    answers = await asyncio.gather(
        *(ctx.ssh.run(ctx.public_target(host, vms[host.name]), HOST_DUMP) for host in asked),
        return_exceptions=True,
    )
    told: dict[str, tuple[str, Collection[str]]] = {}
    for host, answer in zip(asked, answers, strict=True):
        if isinstance(answer, BaseException):
            # Why it is silent cannot be found out then; that it is, is told.
            if not isinstance(answer, HostError):
                raise answer
        elif own := dumped_public_key(answer.stdout):
            told[host.name] = own, parse_dump(answer.stdout)
    return told


def _endpoint(ctx: Context, host: Host) -> str:
    vm = ctx.state.azure_resources.virtual_machines[host.name]
    return f"{vm.public_ip}:{ctx.config.network.wireguard_port}"


def _same_peers(ctx: Context, wireguard: WireGuard, seen: dict[str, PeerStatus]) -> bool:
    """Whether the running interface has our peers at our endpoints (it may be another deployment's)."""
    wanted = {wireguard.peers[host.name].public_key: _endpoint(ctx, host) for host in ctx.hosts}
    return wanted == {key: peer.endpoint for key, peer in seen.items()}


def _is_fresh(ctx: Context, peer: PeerStatus) -> bool:
    if not peer.latest_handshake:
        return False
    age = ctx.clock.now().timestamp() - peer.latest_handshake
    return age <= HANDSHAKE_FRESH
