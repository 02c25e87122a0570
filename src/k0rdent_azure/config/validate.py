"""Everything that can be wrong with a set of values: each by its own rule, then how they fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from k0rdent_azure.config import regions
from k0rdent_azure.config.forms import is_user_name
from k0rdent_azure.config.images import mismatch, size_traits
from k0rdent_azure.config.model import CloudName
from k0rdent_azure.config.reading import shown
from k0rdent_azure.config.rules import MAX_HOSTS, RULES, meant_network, tag_form_problem, tag_problem
from k0rdent_azure.config.topology import FIRST_HOST
from k0rdent_azure.config.values import Keys, Value
from k0rdent_azure.errors import Fault

#: What k0s gives pods and services unless told otherwise (docs.k0sproject.io, configuration).
CLUSTER_NETWORKS = {IPv4Network("10.244.0.0/16"): "pods", IPv4Network("10.96.0.0/12"): "services"}
#: ARM takes 50 tags on a resource; a VM with an owner carries 7 of ours.
MAX_TAGS = 43
#: What `topology.hosts` needs to be right. A snapshot is held to these and to `TEXTS`, but not to how values fit each
#: other, so that a stricter rule of a later version never locks anybody out of an existing deployment.
TOPOLOGY = (
    "network.vnet_prefix",
    "network.subnet_prefix",
    "network.wireguard_network",
    "network.wireguard_port",
    "cluster.controllers.count",
    "cluster.workers.count",
)

#: Texts that become part of a template, a path, a command or a file.
TEXTS = (
    "azure.location",
    "azure.vm_image",
    "azure.resource_group",
    "azure.subscription_id",
    "vm_sizing.controller.size",
    "vm_sizing.worker.size",
    "cluster.controllers.zones",
    "cluster.workers.zones",
    "metadata.owner",
    "network.allowed_ssh_sources",
    "ssh.key_comment",
    "software.k0s.version",
    "software.k0rdent.version",
    "software.k0rdent.registry",
    "software.k0rdent.namespace",
)

Values = Mapping[Keys, Value]


def check(values: Values) -> list[Fault]:
    """All faults, errors and warnings, of the values that are there; missing ones are the caller's."""
    faults: list[Fault] = []
    good = _check_each(values, RULES, faults)
    for rule in (_tags, _region, _counts, _networks, _hosts_fit, _images, _spot, _versions):
        faults.extend(rule(good))
    return faults


def check_snapshot(values: Values) -> list[Fault]:
    """What computing hosts and addresses depends on, and the form of every text: a snapshot is data from a file too."""
    faults: list[Fault] = []
    # A rule that somebody took away in Azure leaves no source; whoever recovers such a deployment is not locked out.
    there = {keys: value for keys, value in values.items() if value.value != ()}
    good = _check_each(there, (*TOPOLOGY, *TEXTS), faults)
    faults.extend(_hosts_fit(good))
    user = good.value("ssh.username")
    if user is not None and not is_user_name(str(user.value)):
        # Which names are reserved is no matter of a deployment that exists.
        message = f"{shown(str(user.value))} is not a Linux user name"
        faults.append(user.fault("ssh.username", message, expected="1 to 32 of a-z, 0-9, _ and -"))
    for name, value in good.below(("azure", "tags")):
        problem = tag_form_problem(name, str(value.value))
        if problem is not None:
            faults.append(value.fault("azure.tags", problem[0], expected=problem[1]))
    return faults


class _Good:
    """The values that passed their own rule, so that rules about several need no doubts."""

    def __init__(self, values: Values, given: Values) -> None:
        self._values, self._given = values, given

    def value(self, path: str) -> Value | None:
        return self._values.get(tuple(path.split(".")))

    def text(self, path: str) -> str | None:
        found = self.value(path)
        return found.value if found is not None and isinstance(found.value, str) else None

    def number(self, path: str) -> int | None:
        found = self.value(path)
        return found.value if found is not None and isinstance(found.value, int) else None

    def network(self, path: str) -> IPv4Network | None:
        given = self._given.get(tuple(path.split(".")))
        return meant_network(given.value) if given is not None and isinstance(given.value, str) else None

    def below(self, section: Keys) -> Iterator[tuple[str, Value]]:
        for keys, value in self._values.items():
            if keys[: len(section)] == section:
                yield keys[-1], value

    def at(self, *paths: str) -> tuple[str, Value]:
        """Where to report: the first of `paths` that the user gave, else the first."""
        found = [
            (path, value) for path in paths if (value := self._given.get(tuple(path.split(".")))) is not None
        ]
        return next((item for item in found if item[1].source.kind != "default"), found[0])


def _check_each(values: Values, paths: Mapping[str, object] | tuple[str, ...], faults: list[Fault]) -> _Good:
    good = dict(values)
    for path in paths:
        keys = tuple(path.split("."))
        value = values.get(keys)
        if value is None or value.value is None:
            continue
        problem = RULES[path](value.value)
        if problem is not None:
            faults.append(value.fault(path, problem[0], expected=problem[1]))
            del good[keys]
    return _Good(good, values)


def _tags(good: _Good) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    tags = list(good.below(("azure", "tags")))
    for name, value in tags:
        problem = tag_problem(name, str(value.value))
        if problem is not None:
            yield value.fault("azure.tags", problem[0], expected=problem[1])
        elif name.lower() in seen:
            message = f"tag names {shown(seen[name.lower()])} and {shown(name)} are one to Azure, which ignores case"
            yield value.fault("azure.tags", message, expected="different names")
        seen.setdefault(name.lower(), name)
    if len(tags) > MAX_TAGS:
        yield tags[-1][1].fault(
            "azure.tags", f"{len(tags)} tags are too many", expected=f"at most {MAX_TAGS}"
        )


def _region(good: _Good) -> Iterator[Fault]:
    location, cloud = good.text("azure.location"), _cloud(good)
    if location is None or cloud is None or location in regions.REGIONS[cloud]:
        return
    path, value = good.at("azure.location")
    example = regions.nearest(location, cloud)
    home = regions.cloud_of(location)
    if home is not None:
        known = ", ".join(sorted(regions.REGIONS[cloud])[:6])
        yield value.fault(
            path, f"{location} is a region of {home}, not of {cloud}", expected=f"one of {known}, …"
        )
    else:
        suggestion = f"; did you mean {example}?" if example else ""
        message = f"{location} is no region of {cloud} that this version knows{suggestion}"
        yield value.fault(path, message, severity="warning")


def _cloud(good: _Good) -> CloudName | None:
    name = good.text("azure.cloud")
    return next((cloud for cloud in regions.REGIONS if cloud == name), None)


def _counts(good: _Good) -> Iterator[Fault]:
    controllers, workers = good.number("cluster.controllers.count"), good.number("cluster.workers.count")
    if controllers is not None and controllers % 2 == 0:
        path, value = good.at("cluster.controllers.count")
        message = f"{controllers} controllers survive no more failures than {controllers - 1}; etcd needs a majority"
        yield value.fault(path, message, expected="an odd number", severity="warning")
    if controllers is not None and workers is not None and controllers + workers > MAX_HOSTS:
        path, value = good.at("cluster.workers.count")
        message = f"{controllers + workers} hosts do not fit into one ARM template"
        yield value.fault(path, message, expected=f"at most {MAX_HOSTS} controllers and workers")


def _networks(good: _Good) -> Iterator[Fault]:
    vnet, subnet = good.network("network.vnet_prefix"), good.network("network.subnet_prefix")
    wireguard = good.network("network.wireguard_network")
    if vnet and subnet and not subnet.subnet_of(vnet):
        path, value = good.at("network.subnet_prefix", "network.vnet_prefix")
        yield value.fault(path, f"subnet {subnet} is not inside vnet {vnet}", expected=f"a part of {vnet}")
    if vnet and wireguard and vnet.overlaps(wireguard):
        path, value = good.at("network.wireguard_network", "network.vnet_prefix")
        message = f"wireguard network {wireguard} overlaps vnet {vnet}"
        yield value.fault(path, message, expected="a network of its own, such as 172.24.24.0/24")
    if vnet and vnet.prefixlen > 29:
        path, value = good.at("network.vnet_prefix")
        yield value.fault(path, f"{vnet} is too small for Azure", expected="/29 or larger")
    for path, network in (("network.subnet_prefix", subnet), ("network.wireguard_network", wireguard)):
        yield from _doubtful_network(good, path, network)


def _doubtful_network(good: _Good, path: str, network: IPv4Network | None) -> Iterator[Fault]:
    if network is None:
        return
    _, value = good.at(path)
    for other, what in CLUSTER_NETWORKS.items():
        if network.overlaps(other):
            message = f"{network} overlaps {other}, which k0s gives to {what}"
            yield value.fault(path, message, expected="another network", severity="warning")
    if not network.is_private:
        message = f"{network} is public address space: its true owners become unreachable from the VMs"
        yield value.fault(path, message, expected="private address space", severity="warning")


def _hosts_fit(good: _Good) -> Iterator[Fault]:
    """Hosts have the addresses from `.11` on, and the last address of a network is its broadcast."""
    controllers, workers = good.number("cluster.controllers.count"), good.number("cluster.workers.count")
    if controllers is None or workers is None:
        return
    hosts = controllers + workers
    needed = FIRST_HOST + hosts + 1
    for path in ("network.subnet_prefix", "network.wireguard_network"):
        network = good.network(path)
        if network is None or network.num_addresses >= needed:
            continue
        prefix = 32 - (needed - 1).bit_length()
        place, value = good.at(path, "cluster.workers.count")
        last = FIRST_HOST + hosts - 1
        message = f"{network} is too small for {hosts} hosts: they have its addresses number 11 to {last}"
        yield value.fault(place, message, expected=f"/{prefix} or larger")


def _images(good: _Good) -> Iterator[Fault]:
    image = good.text("azure.vm_image")
    for role in _roles(good):
        size = good.text(f"vm_sizing.{role}.size")
        problem = mismatch(image, size) if image is not None and size is not None else None
        if problem is not None:
            path, value = good.at(f"vm_sizing.{role}.size", "azure.vm_image")
            yield value.fault(path, problem[0], expected=problem[1])


def _spot(good: _Good) -> Iterator[Fault]:
    if good.text("azure.vm_priority") != "Spot":
        return
    for role in _roles(good):
        size = good.text(f"vm_sizing.{role}.size")
        traits = size_traits(size) if size is not None else None
        if traits is not None and traits.burstable:
            path, value = good.at(f"vm_sizing.{role}.size")
            message = f"{size} is burstable (B series), Azure offers those not as Spot"
            yield value.fault(path, message, expected="another series, such as D", severity="warning")


def _roles(good: _Good) -> tuple[str, ...]:
    """Roles that have VMs: nobody minds the size of workers that are not wanted."""
    return ("controller",) if good.number("cluster.workers.count") == 0 else ("controller", "worker")


def _versions(good: _Good) -> Iterator[Fault]:
    version = good.text("software.k0s.version")
    if version is None:
        return
    major, minor = (int(part) for part in version.removeprefix("v").split(".")[:2])
    if (major, minor) < (1, 32):
        path, value = good.at("software.k0s.version")
        message = f"Kubernetes {major}.{minor} is older than k0rdent asks for"
        yield value.fault(path, message, expected="1.32 or newer", severity="warning")
