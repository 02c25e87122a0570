"""What a rebuilt state takes over from the state that it replaces: what neither Azure nor a silent host tells. Pure.

Only of VMs that are the same incarnation still: another one has other keys.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.state.model import State, VirtualMachine

#: Of a VM, if the rebuilt state does not have it.
_OF_A_VM = ("nic_guid", "public_ip_guid", "host_key", "host_private_key", "cloud_init", "rekeyed_at")


def carry_over(data: dict[str, object], before: State) -> None:
    """Fill what is missing in `data`, a state that was just rebuilt, from `before`, of the same deployment."""
    secrets = before.metadata.secrets
    if secrets is not None:
        # Keys that are encrypted stay so, to the same recipients.
        _section(data, "metadata").setdefault("secrets", msgspec.to_builtins(secrets))
    machines = _section(data, "azure_resources", "virtual_machines")
    same = [
        name for name, old in before.azure_resources.virtual_machines.items() if _is_same(machines, name, old)
    ]
    for name in same:
        _fill(machines[name], msgspec.to_builtins(before.azure_resources.virtual_machines[name]), _OF_A_VM)
    _carry_peers(data, before, [LAPTOP, *same])
    network = before.azure_resources.network
    if network is not None:
        parts = _section(data, "azure_resources", "network")
        for name, old in (("vnet", network.vnet), ("nsg", network.nsg)):
            _fill(parts.get(name), msgspec.to_builtins(old), ("guid",))


def _is_same(machines: Mapping[str, object], name: str, old: VirtualMachine) -> bool:
    found = machines.get(name)
    return isinstance(found, dict) and bool(old.vm_id) and found.get("vm_id") == old.vm_id


def _carry_peers(data: dict[str, object], before: State, names: list[str]) -> None:
    peers, known = _section(data, "wireguard", "peers"), before.wireguard.peers if before.wireguard else {}
    for name in names:
        if name in known and name not in peers:
            peers[name] = {
                key: value for key, value in msgspec.to_builtins(known[name]).items() if value is not None
            }


def _fill(section: object, old: Mapping[str, object], fields: tuple[str, ...]) -> None:
    if isinstance(section, dict):
        for field in fields:
            if section.get(field) is None and old.get(field) is not None:
                section[field] = old[field]


def _section(data: dict[str, object], *keys: str) -> dict[str, object]:
    here = data
    for key in keys:
        inner = here.setdefault(key, {})
        assert isinstance(inner, dict)  # noqa: S101 - `rebuild.document` makes mappings of them
        here = inner
    return here
