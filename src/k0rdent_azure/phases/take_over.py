"""Takes over into the state what hosts told of their own keys, where the state was rebuilt without them."""

from __future__ import annotations

from k0rdent_azure.config.topology import LAPTOP, Host, k0s_role, laptop_ip
from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.host_facts import HostFacts
from k0rdent_azure.hosts.keys import wireguard_public_from_private
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.rebuild import told_laptop_key
from k0rdent_azure.phases.rebuild_hosts import Told
from k0rdent_azure.state.transaction import Transaction


def take_over(ctx: Context, told: Told, *, laptop_private: str | None) -> None:
    """Commit the keys of every host that told them, and the workstation's. Raises HostError where nobody did."""
    known = {host.name: host for host in ctx.hosts}
    read = {name: facts for name, facts in told.hosts.items() if facts.host_key and name in known}
    if not read:
        reasons = "; ".join(f"{name}: {why}" for name, why in told.silent.items())
        raise HostError(f"no host told its keys ({reasons or 'none was asked'})", hint="see --trust-hosts")
    with ctx.commit() as tx:
        for name, facts in read.items():
            _host(ctx, tx, known[name], facts)
        _laptop(ctx, tx, read, laptop_private)
        ctx.event(tx, "keys_taken_over", f"keys read from {', '.join(read)}")


def _host(ctx: Context, tx: Transaction, host: Host, facts: HostFacts) -> None:
    if facts.host_key is not None:
        tx.vm(host.name).update(
            host_key=facts.host_key.public,
            host_private_key=facts.host_key.private,
            status="running",
            cloud_init=facts.cloud_init,
            last_checked=ctx.now,
        )
    if facts.wireguard is not None:
        private = facts.wireguard.private_key
        tx.peer(host.name).update(
            ip=host.wireguard_ip,
            private_key=private,
            public_key=wireguard_public_from_private(private),
            config_status="generated",
        )
        address = tx.state.azure_resources.virtual_machines[host.name].public_ip
        if address:
            tx.peer(host.name).update(endpoint=f"{address}:{ctx.config.network.wireguard_port}")
    node = tx.node(host.role, host.name)
    if not node.exists:
        node.update(role=k0s_role(ctx.config, host))


def _laptop(ctx: Context, tx: Transaction, read: dict[str, HostFacts], private: str | None) -> None:
    expected = told_laptop_key(read, laptop_ip(ctx.config))
    laptop = tx.peer(LAPTOP)
    known = laptop.now
    if expected is None or (known is not None and known.private_key):
        return
    laptop.update(ip=laptop_ip(ctx.config), public_key=expected, config_status="generated")
    if private is not None and wireguard_public_from_private(private) == expected:
        laptop.update(private_key=private)
