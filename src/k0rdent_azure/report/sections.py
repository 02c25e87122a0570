"""The parts of a status report that each stand in one section of the state, with the age of their facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.report.model import (
    ClusterRow,
    ComponentRow,
    EventRow,
    FailureRow,
    K0rdentRow,
    NetworkRow,
    OperationRow,
    PeerRow,
    ResourceRow,
    ValidationRow,
    VmRow,
    VpnRow,
)
from k0rdent_azure.state.model import Event, Nsg, ResourceGroup, State, Subnet, Vnet


def age_of(moment: str | None, now: datetime) -> float | None:
    """Real seconds since `moment`, at least 0; None where there is none (or no legible one)."""
    if moment is None:
        return None
    try:
        return max(0.0, round((now - parse_timestamp(moment)).total_seconds(), 1))
    except (ValueError, OverflowError):
        return None


def network(state: State, now: datetime) -> NetworkRow:
    """Group, network and the template deployment that made them."""
    resources = state.azure_resources
    group, parts, deployment = resources.resource_group, resources.network, resources.deployment
    checked = deployment.last_checked if deployment else None
    seen = checked or (group.created_at if group else None)
    return NetworkRow(
        resource_group=_resource(group) if group else None,
        resource_group_owned=group.owned if group else None,
        vnet=_resource(parts.vnet) if parts else None,
        subnet=_resource(parts.subnet) if parts else None,
        nsg=_resource(parts.nsg) if parts else None,
        deployment_state=deployment.provisioning_state if deployment else None,
        last_checked=seen,
        age_seconds=age_of(seen, now),
    )


def _resource(resource: ResourceGroup | Vnet | Subnet | Nsg) -> ResourceRow:
    return ResourceRow(
        name=resource.name,
        status=resource.status,
        id=resource.id,
        address_prefix=resource.address_prefix if isinstance(resource, Vnet | Subnet) else None,
        rules_count=resource.rules_count if isinstance(resource, Nsg) else None,
    )


def vpn(state: State, now: datetime) -> VpnRow | None:
    """The WireGuard network as the workstation last saw it."""
    wireguard = state.wireguard
    if wireguard is None:
        return None
    laptop, own = wireguard.laptop_config, wireguard.peers.get(LAPTOP)
    peers = [
        PeerRow(
            name=name,
            ip=peer.ip,
            up=peer.last_handshake is not None,
            config_status=peer.config_status,
            endpoint=peer.endpoint,
            last_handshake=peer.last_handshake,
            age_seconds=age_of(peer.last_handshake, now),
        )
        for name, peer in wireguard.peers.items()
        if name != LAPTOP
    ]
    return VpnRow(
        status=laptop.status if laptop else "unknown",
        interface=_interface(laptop.interface, laptop.file_path) if laptop else None,
        port=wireguard.port,
        network=wireguard.network,
        setup_complete=laptop.setup_complete if laptop else False,
        laptop_ip=own.ip if own else None,
        config_file=laptop.file_path if laptop else None,
        peers_up=sum(1 for peer in peers if peer.up),
        peers_total=len(peers),
        peers=peers,
        last_checked=laptop.last_checked if laptop else None,
        age_seconds=age_of(laptop.last_checked, now) if laptop else None,
    )


def _interface(recorded: str | None, config_file: str) -> str:
    """wg-quick names an interface after its configuration file, so the file name serves for older states."""
    return recorded or config_file.rsplit("/", 1)[-1].removesuffix(".conf")


def cluster(state: State, vms: Sequence[VmRow], now: datetime) -> ClusterRow | None:
    """The k0s cluster and how many of its nodes, planned ones included, are ready."""
    found = state.k0s_cluster
    if found is None:
        return None
    return ClusterRow(
        status=found.status,
        version=found.version,
        api_endpoint=found.api_endpoint,
        config_file=found.config_file,
        kubeconfig_file=found.kubeconfig_file,
        installed_by=found.installed_by,
        controllers_ready=sum(1 for node in found.controllers.values() if node.k0s_status == "ready"),
        controllers_total=sum(1 for vm in vms if vm.role == "controller"),
        workers_ready=sum(1 for node in found.workers.values() if node.k0s_status == "ready"),
        workers_total=sum(1 for vm in vms if vm.role == "worker"),
        last_checked=found.last_checked,
        age_seconds=age_of(found.last_checked, now),
    )


def k0rdent(state: State, now: datetime) -> K0rdentRow | None:
    """kcm and its components."""
    found = state.k0rdent
    if found is None:
        return None
    components = [
        ComponentRow(name=name, success=component.success, error=component.error)
        for name, component in found.components.items()
    ]
    return K0rdentRow(
        status=found.status,
        version=found.version,
        release=found.release,
        registry=found.registry,
        namespace=found.namespace,
        helm_release=found.helm_release,
        installed_by=found.installed_by,
        components_ready=sum(1 for component in components if component.success),
        components_total=len(components),
        components=components,
        last_checked=found.last_checked,
        age_seconds=age_of(found.last_checked, now),
        children=found.children if found.children_checked_at else None,
        children_checked_at=found.children_checked_at,
        children_age_seconds=age_of(found.children_checked_at, now),
    )


def operations(state: State, now: datetime) -> list[OperationRow]:
    """What was begun outside and is not known to have ended."""
    return [
        OperationRow(
            name=name,
            kind=operation.kind,
            target=operation.target,
            phase=operation.phase,
            started_at=operation.started_at,
            age_seconds=age_of(operation.started_at, now),
        )
        for name, operation in state.pending_operations.items()
    ]


def failure(state: State, now: datetime) -> FailureRow | None:
    """The cause, only while the status still says that it failed."""
    found = state.metadata.failure
    if found is None or state.metadata.deployment_status not in ("failed", "destroying"):
        return None
    return FailureRow(
        phase=found.phase,
        message=found.message,
        at=found.at,
        code=found.code,
        resource=found.resource,
        hint=found.hint,
        age_seconds=age_of(found.at, now),
    )


def validation(state: State, now: datetime) -> ValidationRow | None:
    """What `validate` found last; a run that began since may have changed it."""
    found, run = state.metadata.validation, state.metadata.run
    if found is None:
        return None
    return ValidationRow(
        **msgspec.structs.asdict(found),
        age_seconds=age_of(found.checked_at, now),
        outdated=run is not None and run.started_at > found.checked_at,
    )


def event_row(event: Event, now: datetime) -> EventRow:
    """An event with its age."""
    return EventRow(
        timestamp=event.timestamp,
        phase=event.phase,
        action=event.action,
        message=event.message,
        resource=event.resource,
        details=event.details,
        age_seconds=age_of(event.timestamp, now),
    )
