"""What the state records of the VMs and is otherwise: in Azure, or by the configuration that the VMs were made from.

Drift tells how Azure differs from what was wanted. A record can be wrong while nothing drifted: it was edited by hand,
or by another program. Then what goes by the record (SSH, the VPN) goes astray. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from k0rdent_azure.azure.drift_facts import VM
from k0rdent_azure.azure.inventory import group_id
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names, hosts
from k0rdent_azure.phases.drift_sync import StateChange, changes
from k0rdent_azure.phases.validation import Comparison
from k0rdent_azure.state.finding import Finding
from k0rdent_azure.state.model import State, VirtualMachine
from k0rdent_azure.state.transaction import Transaction

RECORD = "state/record"
#: Fields of a VM's record that say how it runs: of a VM that drifted in this, the drift is the finding.
_CONDITION = frozenset({"status", "power_state", "provisioning_state"})

#: Conditions that last for moments; what is recorded of them is old by itself.
_PASSING = frozenset(
    {
        *("vm starting", "vm stopping", "vm deallocating", "vm creating", "vm migrating", "vm unknown", ""),
        *("creating", "updating", "migrating", "deleting"),
    }
)


def corrections(config: Config, names: Names, state: State, *, dns_suffix: str) -> list[StateChange]:
    """What never changes while a VM exists and is recorded wrong: its addresses in both networks, its name, its id."""
    found: list[StateChange] = []
    azure = state.azure_resources
    scope = group_id(azure.subscription_id or "", names.resource_group)
    peers = state.wireguard.peers if state.wireguard else {}
    for host in hosts(config):
        vm = azure.virtual_machines.get(host.name)
        if vm is not None:
            found += _of_vm(config, names, host, vm, scope=scope, dns_suffix=dns_suffix)
        if host.name in peers and peers[host.name].ip != host.wireguard_ip:
            write = partial(_update_peer, host.name, host.wireguard_ip)
            path = f"wireguard.peers.{host.name}.ip"
            found.append(StateChange(path, host.name, peers[host.name].ip, host.wireguard_ip, write))
    return found


def _of_vm(
    config: Config, names: Names, host: Host, vm: VirtualMachine, *, scope: str, dns_suffix: str
) -> Iterator[StateChange]:
    true: dict[str, str] = {
        "private_ip": host.private_ip,
        "fqdn": f"{names.dns_label(host.name)}.{config.azure.location}.{dns_suffix}",
        "id": f"{scope}/providers/{VM}/{host.name}",
    }
    for field, new in true.items():
        old = getattr(vm, field)
        if old is not None and old.lower() != new.lower():
            path = f"azure_resources.virtual_machines.{host.name}.{field}"
            yield StateChange(path, host.name, old, new, _writer(host.name, field, new))


def _writer(name: str, field: str, value: str) -> Callable[[Transaction], None]:
    writers: dict[str, Callable[[Transaction], None]] = {
        "private_ip": lambda tx: tx.vm(name).update(private_ip=value),
        "fqdn": lambda tx: tx.vm(name).update(fqdn=value),
        "id": lambda tx: tx.vm(name).update(id=value),
    }
    return writers[field]


def _update_peer(name: str, address: str, tx: Transaction) -> None:
    tx.peer(name).update(ip=address)


def wrong_records(
    config: Config, names: Names, state: State, compared: Comparison, *, dns_suffix: str
) -> list[Finding]:
    """A finding for each wrong value of the record that no finding of `compared` tells already.

    What a run has still to find out is not wrong: while VMs are made, the run that makes them records them.
    """
    if not _is_settled(state):
        return []
    told = {(each.name, each.field) for each in compared.findings}
    wanted = [
        *changes(names, state, compared.found),
        *corrections(config, names, state, dns_suffix=dns_suffix),
    ]
    return [
        _finding(each)
        for each in wanted
        if not (_is_told(each, names, state, told) or _is_passing(each) or _is_made(each, state))
    ]


def _is_settled(state: State) -> bool:
    made = state.phases.get("vm_creation")
    return made is not None and made.status == "completed"


def _is_made(each: StateChange, state: State) -> bool:
    """Whether it is of a VM that a run makes or deletes."""
    vm = state.azure_resources.virtual_machines.get(each.resource)
    return vm is not None and vm.status in ("pending", "creating", "deleting")


def _is_passing(each: StateChange) -> bool:
    """Whether it is a condition that was recorded while it changed, and is what it was about to be."""
    return each.path.rpartition(".")[2] in _CONDITION and (each.old or "").lower() in _PASSING


def _is_told(each: StateChange, names: Names, state: State, told: Collection[tuple[str, str | None]]) -> bool:
    if each.resource not in state.azure_resources.virtual_machines:
        return (each.resource, None) in told or any(
            name == names.resource_group and not f for name, f in told
        )
    field = each.path.rpartition(".")[2]
    of_vm = {name for (resource, name) in told if resource == each.resource}
    if None in of_vm or "incarnation" in of_vm or (names.resource_group, None) in told:
        return True
    if field == "public_ip":
        return (names.public_ip(each.resource), "address") in told
    if field == "vm_size":
        return "size" in of_vm
    return field in _CONDITION and bool(of_vm & {"power_state", "provisioning_state"})


def _finding(each: StateChange) -> Finding:
    return Finding(
        kind="changed",
        severity="info" if each.path.rpartition(".")[2] in _CONDITION else "warning",
        resource=each.path,
        type=RECORD,
        name=each.resource,
        field=each.path.rpartition(".")[2],
        expected=each.new,
        found=each.old,
        repair="none",
        action="the state records it wrong; take what is true: k0rdent-azure validate --sync",
    )
