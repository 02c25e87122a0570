"""The VMs, each joined from the three sections that know something about it, and how far each one is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from k0rdent_azure.config.topology import Role, host_name
from k0rdent_azure.report.model import VmRow
from k0rdent_azure.report.sections import age_of
from k0rdent_azure.state.model import ClusterNode, Peer, State, VirtualMachine

#: Beyond this a count in a snapshot is no plan but a mistake; nobody is shown a million planned VMs.
MOST_PLANNED = 1000


def vms(state: State, now: datetime) -> list[VmRow]:
    """All VMs, planned ones included: controllers, then workers, in the order of the state."""
    machines = state.azure_resources.virtual_machines
    rows = [_row(state, name, _role(state, name, vm), vm, now) for name, vm in machines.items()]
    rows += [_planned(state, name, role, now) for name, role in _expected(state) if name not in machines]
    return sorted(rows, key=lambda row: row.role != "controller")


def _role(state: State, name: str, vm: VirtualMachine) -> Role:
    if vm.role is not None:
        return vm.role
    if state.k0s_cluster is not None and name in state.k0s_cluster.controllers:
        return "controller"
    if state.k0s_cluster is not None and name in state.k0s_cluster.workers:
        return "worker"
    return "controller" if "controller" in name else "worker"


def _expected(state: State) -> Iterator[tuple[str, Role]]:
    """Name and role of every VM that the snapshot asks for."""
    cluster = state.configuration.get("cluster")
    roles: tuple[Role, ...] = ("controller", "worker")
    for role in roles:
        count = cluster.get(f"{role}_count") if isinstance(cluster, Mapping) else None
        for index in range(min(count, MOST_PLANNED) if isinstance(count, int) else 0):
            yield host_name(role, index), role


def _row(state: State, name: str, role: Role, vm: VirtualMachine, now: datetime) -> VmRow:
    peer, node = _peer(state, name), _node(state, name)
    handshake = peer.last_handshake if peer else None
    checked = max(
        (moment for moment in (vm.last_checked, node and node.last_checked) if moment), default=None
    )
    return VmRow(
        name=name,
        role=role,
        status=vm.status,
        zone=vm.availability_zone,
        size=vm.vm_size,
        public_ip=vm.public_ip,
        private_ip=vm.private_ip,
        vpn_ip=peer.ip if peer else None,
        fqdn=vm.fqdn,
        provisioning_state=vm.provisioning_state,
        power_state=vm.power_state,
        cloud_init=vm.cloud_init,
        ssh=node.ssh_status if node else None,
        k0s=node.k0s_status if node else None,
        k0s_role=node.role if node else None,
        last_handshake=handshake,
        handshake_age_seconds=age_of(handshake, now),
        detail=vm.detail or None,
        created_at=vm.created_at,
        last_checked=checked,
        age_seconds=age_of(checked, now),
        percent=_percent(vm, peer, node),
    )


def _planned(state: State, name: str, role: Role, now: datetime) -> VmRow:
    planned = VirtualMachine(status="pending", vm_size="", role=role)
    row = _row(state, name, role, planned, now)
    row.size = None
    return row


def _peer(state: State, name: str) -> Peer | None:
    return state.wireguard.peers.get(name) if state.wireguard else None


def _node(state: State, name: str) -> ClusterNode | None:
    found = state.k0s_cluster
    return (found.controllers.get(name) or found.workers.get(name)) if found else None


def _percent(vm: VirtualMachine, peer: Peer | None, node: ClusterNode | None) -> int:
    """The share of five milestones: it answers, cloud-init is done, handshake, SSH over the VPN, k0s ready.

    A later milestone proves the earlier ones, which a state of another writer may not record.
    """
    reached = (
        vm.status == "running",
        vm.cloud_init == "done",
        peer is not None and peer.last_handshake is not None,
        node is not None and node.ssh_status == "verified",
        node is not None and node.k0s_status == "ready",
    )
    if vm.status != "running":
        return 0
    return 20 * max((index + 1 for index, there in enumerate(reached) if there), default=0)
