"""A state document made anew from what Azure, the hosts and the workspace's files know. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from k0rdent_azure.azure import inventory
from k0rdent_azure.azure.discovery import Discovery
from k0rdent_azure.azure.incarnations import number
from k0rdent_azure.azure.reading import mapping, mappings, provisioning_state, text, zones
from k0rdent_azure.azure.resources import security_rules
from k0rdent_azure.azure.sight import NETWORK, NIC, SECURITY_GROUP
from k0rdent_azure.clock import Clock, azure_timestamp, timestamp
from k0rdent_azure.config import forms, resource_ids
from k0rdent_azure.config.topology import LAPTOP, Host, hosts, k0s_role, laptop_ip
from k0rdent_azure.hosts.host_facts import HostFacts
from k0rdent_azure.hosts.keys import KeyPair, wireguard_public_from_private
from k0rdent_azure.phases.arm import WITHOUT_POWER
from k0rdent_azure.phases.baseline import baseline
from k0rdent_azure.phases.begin import initial_document
from k0rdent_azure.phases.rebuild_config import Wanted
from k0rdent_azure.state.document import load_state
from k0rdent_azure.state.model import (
    ArmDeployment,
    ChildCluster,
    ClusterNode,
    Component,
    Durations,
    PhaseName,
    SshKey,
    VirtualMachine,
    VmStatus,
)

#: A record with one of these states is not worked on any more.
_ENDED_BADLY = ("Failed", "Canceled")


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the workspace and the hosts still had.

    `laptop` is the workstation's WireGuard pair; `has_vpn` whether its interface is up; `kcm` is None where nobody
    could be asked, else its readiness, version and components, and so are `children`, the clusters that it manages.
    """

    ssh_key_path: str
    dns_suffix: str
    has_ssh_key: bool = False
    laptop: KeyPair | None = None
    has_vpn: bool = False
    hosts: Mapping[str, HostFacts] = field(default_factory=dict)
    kubeconfig: bool = False
    kcm_ready: bool = False
    kcm_version: str | None = None
    kcm_release: str | None = None
    kcm_components: Mapping[str, Component] = field(default_factory=dict)
    children: Sequence[ChildCluster] | None = None
    config_file: str | None = None
    config_digest: str | None = None
    durations: Durations | None = None


def document(found: Discovery, plan: Wanted, place: Workplace, *, clock: Clock) -> dict[str, object]:
    """The new state, without history. What nobody knows is absent; whoever needs it says so."""
    data = initial_document(
        plan.config,
        plan.names,
        clock=clock,
        config_file=place.config_file,
        config_digest=place.config_digest,
        durations=place.durations,
    )
    data["events"] = []
    now = timestamp(clock.now())
    machines = {host.name: _vm(found, plan, place, host, now) for host in hosts(plan.config)}
    resources = _section(data, "azure_resources")
    resources["subscription_id"] = found.subscription
    record = _record(found, plan, machines, now)
    if record is not None:
        resources["deployment"] = _plain(record)
    resources["ssh_key"] = _plain(_ssh_key(found, plan, place))
    resources["virtual_machines"] = {name: _plain(vm) for name, vm in machines.items()}
    _mark_made(found, plan, resources)
    _fill_wireguard(data, plan, place, machines)
    _fill_cluster(data, plan, place, now)
    _fill_k0rdent(data, place, now)
    _fill_phases(data, found, place, machines)
    _fill_baseline(data, found, plan, now)
    metadata = _section(data, "metadata")
    metadata["created_at"] = _created(found) or now
    _fill_standing(metadata, found)
    if clock.speed != 1.0:
        metadata["clock_speed"] = clock.speed
    return data


def _vm(found: Discovery, plan: Wanted, place: Workplace, host: Host, now: str) -> VirtualMachine:
    body = found.vms.get(host.name)
    facts = place.hosts.get(host.name)
    address = found.addresses.get(plan.names.public_ip(host.name), {})
    properties = mapping(body or {}, "properties")
    nics = mappings(mapping(properties, "networkProfile"), "networkInterfaces")
    vm = VirtualMachine(
        status=_status(found, body, facts),
        vm_size=text(mapping(properties, "hardwareProfile"), "vmSize") or host.size,
        private_ip=host.private_ip,
        availability_zone="".join(zones(body or {})[:1]) or host.zone or None,
        role=host.role,
        fqdn=_formed(text(mapping(mapping(address, "properties"), "dnsSettings"), "fqdn"), forms.is_fqdn)
        or _fqdn(plan, host, place),
    )
    if facts is not None:
        vm.cloud_init = facts.cloud_init
    if facts is not None and facts.host_key is not None:
        vm.host_key, vm.host_private_key = facts.host_key.public, facts.host_key.private
    if body is None:
        return vm
    vm.id = text(body, "id")
    vm.vm_id = _formed(text(properties, "vmId"), forms.is_uuid)
    vm.public_ip_guid = _formed(text(mapping(address, "properties"), "resourceGuid"), forms.is_uuid)
    vm.public_ip = _formed(text(mapping(address, "properties"), "ipAddress"), forms.is_address)
    vm.public_ip_id = text(address, "id") or None
    disk = text(mapping(mapping(properties, "storageProfile"), "osDisk"), "name")
    if disk.lower() != plan.names.os_disk(host.name).lower():
        vm.os_disk = _formed(disk, forms.is_resource)
    # A destroy deletes by these ids, and an interface of another name is another's.
    nic = f"/{plan.names.nic(host.name)}".lower()
    vm.nic_id = next((id_ for each in nics if (id_ := text(each, "id")).lower().endswith(nic)), None)
    if vm.nic_id is not None:
        vm.nic_guid = _told_guid(found, NIC, plan.names.nic(host.name))
    vm.provisioning_state = provisioning_state(properties) or None
    vm.power_state = found.power.get(resource_ids.key(vm.id)) or None
    vm.created_at = azure_timestamp(text(properties, "timeCreated"))
    vm.last_checked = now
    return vm


def _told_guid(found: Discovery, type_: str, name: str) -> str | None:
    """The id of a resource's incarnation as the record's outputs tell it."""
    told = found.record.guids if found.record else {}
    return _formed(told.get(f"{type_}/{name}".lower(), ""), forms.is_uuid)


def _formed(value: str, is_good: Callable[[str], bool]) -> str | None:
    """What Azure or a host said, where it has its form."""
    return value if is_good(value) else None


def _fqdn(plan: Wanted, host: Host, place: Workplace) -> str:
    return f"{plan.names.dns_label(host.name)}.{plan.config.azure.location}.{place.dns_suffix}"


def _status(found: Discovery, body: Mapping[str, object] | None, facts: HostFacts | None) -> VmStatus:
    """What Azure says, and what `resume` has to do about it."""
    ended_badly = found.record is not None and found.record.provisioning_state in _ENDED_BADLY
    if body is None:
        # A deployment that still runs makes it; else the next run does, with keys of its own.
        return "creating" if found.record is not None and not found.record.ended else "pending"
    if facts is not None:
        return "running"
    power = found.power.get(resource_ids.key(text(body, "id")), "")
    if power in WITHOUT_POWER:
        return "stopped"
    if provisioning_state(body) == "Failed":
        # Nothing was ever on one that could not be made: it goes, and comes anew with keys that are known.
        return "deleting" if ended_badly and power != "VM running" else "failed"
    return "running" if power == "VM running" else "creating"


def _record(
    found: Discovery, plan: Wanted, machines: Mapping[str, VirtualMachine], now: str
) -> ArmDeployment | None:
    """The deployment record; of one that is gone, what its VMs show: nobody works on them."""
    group = inventory.group_id(found.subscription, found.candidate.group)
    base = f"/subscriptions/{found.subscription}" if found.candidate.owned else group
    if found.record is None and not any(vm.id for vm in machines.values()):
        return None
    record = found.record
    return ArmDeployment(
        name=plan.names.deployment,
        scope="subscription" if found.candidate.owned else "group",
        id=record.id
        if record
        else f"{base}/providers/Microsoft.Resources/deployments/{plan.names.deployment}",
        provisioning_state=record.provisioning_state if record else "Succeeded",
        correlation_id=record.correlation_id if record else None,
        last_checked=now,
        generation=plan.generation,
    )


def _ssh_key(found: Discovery, plan: Wanted, place: Workplace) -> SshKey:
    group = inventory.group_id(found.subscription, found.candidate.group)
    made = bool(found.vms)
    return SshKey(
        name=plan.names.ssh_key,
        status="created" if made else "pending",
        local_path=place.ssh_key_path,
        public_key=plan.public_key or None,
        id=f"{group}/providers/Microsoft.Compute/sshPublicKeys/{plan.names.ssh_key}" if made else None,
    )


def _mark_made(found: Discovery, plan: Wanted, resources: dict[str, object]) -> None:
    """The group and the network: there, where something is in them."""
    group = inventory.group_id(found.subscription, found.candidate.group)
    made = bool(found.vms or found.addresses or found.vnet)
    status = "created" if made else "creating"
    _section(resources, "resource_group").update(status=status, id=group)
    network = _section(resources, "network")
    base, names = f"{group}/providers/Microsoft.Network", plan.names
    for part, path in (
        ("vnet", f"virtualNetworks/{names.vnet}"),
        ("subnet", f"virtualNetworks/{names.vnet}/subnets/{names.subnet}"),
        ("nsg", f"networkSecurityGroups/{names.nsg}"),
    ):
        _section(network, part).update(status=status, **({"id": f"{base}/{path}"} if made else {}))
    if made:
        _section(network, "nsg")["rules_count"] = len(security_rules(plan.config))
    for part, guid in (
        ("vnet", number(NETWORK, found.vnet or {})),
        ("nsg", number(SECURITY_GROUP, found.nsg or {}) or _told_guid(found, SECURITY_GROUP, names.nsg)),
    ):
        if guid and made:
            _section(network, part)["guid"] = guid


def _fill_standing(metadata: dict[str, object], found: Discovery) -> None:
    """The lineage and the newest change, which Azure has too: with them this state is no copy that is behind."""
    if found.mark is not None:
        metadata["generation"] = found.mark.generation
        if found.mark.claim:
            metadata["claim"] = found.mark.claim
    if found.lineage:
        metadata["lineage"] = found.lineage
    elif found.exists:
        metadata["unmarked"] = True


def _fill_wireguard(
    data: dict[str, object], plan: Wanted, place: Workplace, machines: Mapping[str, VirtualMachine]
) -> None:
    wireguard, port = _section(data, "wireguard"), plan.config.network.wireguard_port
    peers: dict[str, dict[str, object]] = {}
    public = place.laptop.public if place.laptop else told_laptop_key(place.hosts, laptop_ip(plan.config))
    if public is not None:
        known = {"private_key": place.laptop.private} if place.laptop else {}
        status = "deployed" if place.has_vpn else "generated"
        peers[LAPTOP] = {"ip": laptop_ip(plan.config), **known, "public_key": public, "config_status": status}
    for host in hosts(plan.config):
        facts = place.hosts.get(host.name)
        if facts is None or facts.wireguard is None:
            continue
        peers[host.name] = {
            "ip": host.wireguard_ip,
            "private_key": facts.wireguard.private_key,
            "public_key": wireguard_public_from_private(facts.wireguard.private_key),
            "config_status": "deployed" if place.has_vpn else "generated",
        }
        if machines[host.name].public_ip:
            peers[host.name] = {**peers[host.name], "endpoint": f"{machines[host.name].public_ip}:{port}"}
    wireguard["peers"] = peers
    if place.has_vpn:
        laptop = {"status": "connected", "setup_complete": True}
        _section(wireguard, "laptop_config").update(laptop)


def told_laptop_key(told: Mapping[str, HostFacts], ip: str) -> str | None:
    """The workstation's public key as the hosts have it: that of the peer with its address."""
    for facts in told.values():
        for key, allowed in facts.wireguard.peers if facts.wireguard else ():
            if f"{ip}/32" in allowed:
                return key
    return None


def _fill_cluster(data: dict[str, object], plan: Wanted, place: Workplace, now: str) -> None:
    cluster, ready, known = _section(data, "k0s_cluster"), 0, hosts(plan.config)
    for host in known:
        facts = place.hosts.get(host.name)
        if facts is None and not _is_recorded(data, host):
            continue
        node = ClusterNode(role=k0s_role(plan.config, host))
        if facts is not None:
            node.ssh_status, node.last_checked = "verified", now
        if facts is not None and facts.k0s_role is not None:
            node.k0s_status, ready = "ready", ready + 1
        group = "controllers" if host.role == "controller" else "workers"
        _section(cluster, group)[host.name] = _plain(node)
    if ready == len(known):
        leader = known[0]
        version = place.hosts[leader.name].k0s_version
        cluster.update(status="ready", version=version or plan.config.software.k0s.version, last_checked=now)
        if place.kubeconfig:
            cluster["api_endpoint"] = f"https://{leader.wireguard_ip}:6443"
    elif ready:
        cluster["status"] = "deploying"


def _is_recorded(data: dict[str, object], host: Host) -> bool:
    vms = mapping(_section(data, "azure_resources"), "virtual_machines")
    return bool(mapping(vms, host.name).get("id"))


def _fill_k0rdent(data: dict[str, object], place: Workplace, now: str) -> None:
    section = _section(data, "k0rdent")
    if place.kcm_version is not None:
        section.update(status="installing", version=place.kcm_version, last_checked=now)
    if place.kcm_ready:
        section["status"] = "ready"
    if place.kcm_release is not None:
        section["release"] = place.kcm_release
    if place.children is not None:
        children = [_plain(each) for each in place.children]
        section.update(children=children, children_checked_at=now)
    if place.kcm_components:
        section["components"] = {name: _plain(each) for name, each in place.kcm_components.items()}


def _fill_phases(
    data: dict[str, object], found: Discovery, place: Workplace, machines: Mapping[str, VirtualMachine]
) -> None:
    """Done is what was seen to be done; everything else `resume` looks at."""
    wireguard = mapping(_section(data, "wireguard"), "peers")
    keys = all(vm.host_key for vm in machines.values()) and {LAPTOP, *machines} <= set(wireguard)
    submitted = found.record is None or found.record.provisioning_state not in _ENDED_BADLY
    seen: dict[PhaseName, bool] = {
        "preparation": keys and place.laptop is not None and place.has_ssh_key,
        "azure_setup": submitted
        and all(vm.status not in ("pending", "deleting") for vm in machines.values()),
        "vm_creation": all(vm.status == "running" and vm.cloud_init == "done" for vm in machines.values()),
        "vpn_setup": place.has_vpn,
        "cluster_setup": _section(data, "k0s_cluster")["status"] == "ready" and place.kubeconfig,
        "k0rdent_install": place.kcm_ready,
        "complete": True,
    }
    metadata, phases = _section(data, "metadata"), _section(data, "phases")
    for name, done in seen.items():
        metadata["deployment_phase"] = name
        if not done:
            break
        phases[name] = {"status": "completed"}
    metadata["deployment_status"] = "completed" if all(seen.values()) else "interrupted"


def _fill_baseline(data: dict[str, object], found: Discovery, plan: Wanted, now: str) -> None:
    """The record's outputs still hold what Azure showed right after it had made everything."""
    if found.record is None or found.record.provisioning_state != "Succeeded":
        return
    taken = baseline(plan.config, plan.names, load_state(data), found.record, now=now)
    if taken is not None:
        _section(data, "azure_resources")["baseline"] = _plain(taken)


def _created(found: Discovery) -> str | None:
    """The first sign of it: its oldest VM, else its record."""
    times = [azure_timestamp(text(mapping(body, "properties"), "timeCreated")) for body in found.vms.values()]
    record = azure_timestamp(found.record.timestamp or "") if found.record else None
    return min((time for time in times if time), default=record)


def _section(data: dict[str, object], key: str) -> dict[str, object]:
    section = data.setdefault(key, {})
    assert isinstance(section, dict)  # noqa: S101 - `initial_document` makes mappings of them
    return section


def _plain(value: msgspec.Struct | None) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(value) if value is not None else {}
    return {key: item for key, item in plain.items() if item is not None}
