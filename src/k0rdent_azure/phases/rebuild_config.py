"""The configuration of a deployment whose state is lost: from its record in Azure, else from its resources. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from k0rdent_azure.azure.discovery import Body, Discovery
from k0rdent_azure.azure.reading import mapping, mappings, one_or_many, option, text, texts, zones
from k0rdent_azure.azure.tags import (
    TAG_DEPLOYMENT,
    TAG_HOST,
    TAG_OWNER,
    TAG_ROLE,
    TAG_WIREGUARD_IP,
    own_spelling,
)
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.public_keys import one_line
from k0rdent_azure.config.rules import parse_network
from k0rdent_azure.config.snapshot import from_snapshot, to_snapshot
from k0rdent_azure.config.topology import Names, host_name, hosts
from k0rdent_azure.errors import AzureError, ConfigError, StateError

_OWN_TAG = "k0rdent-azure-"
#: Sources of a rule that let every address in.
_ANYWHERE = frozenset({"*", "any", "internet"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was to be made. `public_key` is the admin's SSH key, "" where Azure does not tell it."""

    config: Config
    names: Names
    source: Literal["record", "tags"]
    public_key: str
    generation: int = 1


def wanted(found: Discovery, file: Config | None, *, cloud: str) -> Wanted:
    """From the deployment's record, which holds all of it but `kof`, else from resources, `file` and defaults.

    `file` is the workspace's configuration as it is now, None where there is none. Raises StateError where neither
    the record nor the resources say enough, AzureError where too much of that may not be read.
    """
    plan = _from_record(found, file) or _from_resources(found, file, cloud)
    _refuse_guesses(found, plan)
    return plan


def _refuse_guesses(found: Discovery, plan: Wanted) -> None:
    """A VM that only may not be seen would pass for one that is to be made, and be made again, with other keys."""
    names = [host.name for host in hosts(plan.config)]
    unseen = [name for name in names if name not in found.vms]
    nowhere = [name for name in found.vms if plan.names.public_ip(name) not in found.addresses]
    if (found.vms_unread and unseen) or (found.addresses_unread and nowhere):
        raise AzureError(
            f"nobody can say which VMs of {plan.names.deployment_id} exist, and where: {'; '.join(found.unread)}",
            hint="log in with an identity that may read the group (the role Reader), then run the command again",
        )


def with_seen_versions(plan: Wanted, k0s: str | None, kcm: str | None) -> Wanted:
    """Where there is no record, what runs on the hosts tells the versions better than a file or a default does."""
    if plan.source == "record":
        return plan
    software = plan.config.software
    software = msgspec.structs.replace(
        software,
        k0s=msgspec.structs.replace(software.k0s, version=k0s or software.k0s.version),
        k0rdent=msgspec.structs.replace(software.k0rdent, version=kcm or software.k0rdent.version),
    )
    return dataclasses.replace(plan, config=msgspec.structs.replace(plan.config, software=software))


def _names(found: Discovery) -> Names:
    candidate = found.candidate
    return Names(candidate.deployment_id, None if candidate.owned else candidate.group)


def _from_record(found: Discovery, file: Config | None) -> Wanted | None:
    told = mapping(found.record.parameters, "deployment") if found.record else {}
    try:
        config = msgspec.convert(told.get("configuration"), Config)
        # Values of another version, or of another hand: these decide names and addresses.
        from_snapshot(to_snapshot(config, resource_group=found.candidate.group))
    except (msgspec.ValidationError, ConfigError):
        return None
    return Wanted(
        config=msgspec.structs.replace(config, kof=file.kof if file else {}),
        names=_names(found),
        source="record",
        public_key=text(told, "sshPublicKey"),
        generation=found.record.mark.generation if found.record else 1,
    )


def _from_resources(found: Discovery, file: Config | None, cloud: str) -> Wanted:
    group = found.candidate.group
    base = to_snapshot(file, resource_group=group) if file else {}
    observed = _observed(found, file)
    mapping(observed, "azure")["cloud"] = cloud
    if not found.candidate.owned:
        mapping(observed, "azure")["existing_group"] = True
    try:
        config = from_snapshot(_merged(base, observed))
    except ConfigError as error:
        raise StateError(
            f"Azure does not tell enough of {found.candidate.deployment_id} to rebuild its configuration: "
            f"{error.message}",
            faults=error.faults,
            hint="put its k0rdent.yaml into the workspace, then run the command again",
        ) from error
    profile = mapping(_properties(next(iter(found.vms.values()), {})), "osProfile")
    keys = mappings(mapping(mapping(profile, "linuxConfiguration"), "ssh"), "publicKeys")
    return Wanted(config, _names(found), "tags", one_line(text(keys[0], "keyData")) if keys else "")


def _observed(found: Discovery, file: Config | None) -> dict[str, object]:
    """The snapshot's keys that resources tell."""
    tagged = _tagged_hosts(found)
    any_vm = next(iter(found.vms.values()), {})
    properties = _properties(any_vm)
    tags = own_spelling(texts(any_vm, "tags"))
    location = text(any_vm, "location") or found.candidate.location or text(found.vnet or {}, "location")
    azure = {
        "location": location,
        "resource_group": found.candidate.group,
        "vm_image": _image(properties),
        "vm_priority": option(properties, "priority"),
        "eviction_policy": option(properties, "evictionPolicy"),
    }
    foreign = {name: value for name, value in tags.items() if not name.lower().startswith(_OWN_TAG)}
    owner = tags.get(TAG_OWNER, "")
    sections: dict[str, object] = {
        "azure": {key: value for key, value in azure.items() if value} | ({"tags": foreign} if tags else {}),
        "cluster": _cluster(found, tagged, file),
        "network": _network(found, tagged, file),
        "vm_sizing": _sizes(found, tagged),
        "metadata": {"owner": owner} if owner else {},
    }
    username = text(mapping(properties, "osProfile"), "adminUsername")
    return sections | ({"ssh": {"username": username}} if username else {})


def _tagged_hosts(found: Discovery) -> dict[str, Mapping[str, str]]:
    """The tags of each host, by name, from its VM or the address that was made before it."""
    tagged = [own_spelling(texts(item, "tags")) for item in [*found.addresses.values(), *found.vms.values()]]
    return {tags[TAG_HOST]: tags for tags in tagged if TAG_HOST in tags and TAG_DEPLOYMENT in tags}


def _cluster(
    found: Discovery, tagged: Mapping[str, Mapping[str, str]], file: Config | None
) -> dict[str, object]:
    """Counts and zones by role; VMs that were never made show nowhere, so the file may know of more."""
    cluster: dict[str, object] = {}
    for role, pool in (
        ("controller", file.cluster.controllers if file else None),
        ("worker", file.cluster.workers if file else None),
    ):
        count = sum(tags.get(TAG_ROLE) == role for tags in tagged.values())
        cluster[f"{role}_count"] = max(count, pool.count if pool else 0)
        told = _zones(found, [host_name(role, index) for index in range(count)])  # type: ignore[arg-type]
        if told is not None and (pool is None or not pool.zones):
            cluster[f"{role}_zones"] = told
    return cluster


def _zones(found: Discovery, names: Sequence[str]) -> list[int] | None:
    """The shortest list whose repetition gives the zones of these VMs; None where none of them has one."""
    rows = [zones(found.vms.get(name, {})) for name in names]
    told = [int(row[0]) for row in rows if row and row[0].isdecimal()]
    for length in range(1, len(told) + 1):
        if all(zone == told[at % length] for at, zone in enumerate(told)):
            return told[:length]
    return None


def _network(
    found: Discovery, tagged: Mapping[str, Mapping[str, str]], file: Config | None
) -> dict[str, object]:
    network: dict[str, object] = {}
    properties = _properties(found.vnet or {})
    prefixes = mapping(properties, "addressSpace").get("addressPrefixes")
    if isinstance(prefixes, list) and prefixes:
        network["vnet_prefix"] = str(prefixes[0])
    for subnet in mappings(properties, "subnets")[:1]:
        told = one_or_many(_properties(subnet), "addressPrefix", "addressPrefixes")
        network["subnet_prefix"] = told[0] if told else ""
    rules = {text(rule, "name").lower(): _properties(rule) for rule in mappings(_nsg(found), "securityRules")}
    port = one_or_many(rules.get("allowwireguard", {}), "destinationPortRange", "destinationPortRanges")
    if len(port) == 1 and port[0].strip().isdecimal():
        network["wireguard_port"] = int(port[0])
    if rules:
        network["allowed_ssh_sources"] = _sources(rules.get("allowssh", {}))
    addresses = [tags[TAG_WIREGUARD_IP] for tags in tagged.values() if TAG_WIREGUARD_IP in tags]
    if addresses and file is None:
        # The tag has no prefix length; every template uses 24.
        network["wireguard_network"] = str(ipaddress.ip_network(f"{addresses[0]}/24", strict=False))
    return network


def _nsg(found: Discovery) -> Mapping[str, object]:
    return _properties(found.nsg or {})


def _sources(rule: Mapping[str, object]) -> list[str]:
    found = one_or_many(rule, "sourceAddressPrefix", "sourceAddressPrefixes")
    plain = ["0.0.0.0/0" if each.lower() in _ANYWHERE else each for each in found]
    # A service tag that somebody put there is no network, and none that the configuration could hold.
    return [each for each in plain if isinstance(parse_network(each), ipaddress.IPv4Network)]


def _sizes(found: Discovery, tagged: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    sizes: dict[str, object] = {}
    for name, tags in tagged.items():
        size = text(mapping(_properties(found.vms.get(name, {})), "hardwareProfile"), "vmSize")
        if size:
            sizes.setdefault(tags.get(TAG_ROLE, ""), {"size": size})
    return {role: size for role, size in sizes.items() if role in ("controller", "worker")}


def _image(properties: Mapping[str, object]) -> str:
    reference = mapping(mapping(properties, "storageProfile"), "imageReference")
    parts = [text(reference, key) for key in ("publisher", "offer", "sku", "version")]
    return ":".join(parts) if all(parts) else ""


def _properties(body: Body) -> dict[str, object]:
    return mapping(body, "properties")


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        below = base.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
