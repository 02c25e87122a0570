"""What stands in the way of a PUT: things of others that hold what ours needs. Pure.

Each is named with a command that takes it out of the way; none is moved, renumbered or deleted here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from k0rdent_azure.azure.drift_facts import ADDRESS, NETWORK, NIC, SECURITY_GROUP
from k0rdent_azure.azure.merged_lists import free_priority, rules_in_the_way
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.azure.resources import security_rules
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names

Body = Mapping[str, object]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Obstacle(NamedTuple):
    """`what` in words, and a command that ends it."""

    what: str
    hint: str


def of_rules(there: Existing, names: Names, config: Config, *, missing: bool = False) -> Iterator[Obstacle]:
    """Rules of others with the priority of one of ours, which cannot be as it should be then.

    With `missing`, only where ours is not there at all.
    """
    group = there.get(SECURITY_GROUP, names.nsg)
    found = mappings(mapping(group or {}, "properties"), "securityRules")
    named = {text(rule, "name").lower() for rule in found}
    for each in rules_in_the_way(found, security_rules(config)):
        if missing and each.ours.lower() in named:
            continue
        free = free_priority(found, each.direction, each.priority)
        rule = f"{text(group or {}, 'id')}/securityRules/{each.theirs}"
        yield Obstacle(
            f"rule {each.theirs} of {names.nsg} has the priority {each.priority} of rule {each.ours}",
            f"az network nsg rule update --ids {quote(rule)} --priority {free}",
        )


def of_subnet(there: Existing, names: Names, config: Config) -> Iterator[Obstacle]:
    """Subnets of others where ours is to be made: two cannot overlap."""
    properties = mapping(there.get(NETWORK, names.vnet) or {}, "properties")
    subnets = mappings(properties, "subnets")
    if any(text(each, "name").lower() == names.subnet.lower() for each in subnets):
        return
    ours = ipaddress.ip_network(config.network.subnet_prefix)
    used = [network for each in subnets for network in _networks(mapping(each, "properties"))]
    spaces = _networks(mapping(properties, "addressSpace"))
    for each in subnets:
        theirs = _networks(mapping(each, "properties"))
        if any(_overlap(ours, network) for network in theirs):
            free = _free_network(spaces, [*used, ours], theirs[0].prefixlen)
            yield Obstacle(
                f"subnet {text(each, 'name')} of {names.vnet} has addresses of {ours}, which {names.subnet} needs",
                f"az network vnet subnet update --address-prefixes {free} --ids {quote(text(each, 'id'))}",
            )


def of_vm(there: Existing, names: Names, config: Config, host: Host) -> Iterator[Obstacle]:
    """What uses the interface, the public or the private address of a VM of ours, and is not ours."""
    interface, address = there.get(NIC, names.nic(host.name)), there.get(ADDRESS, names.public_ip(host.name))
    holder = text(mapping(mapping(interface or {}, "properties"), "virtualMachine"), "id")
    if holder and resource_ids.name(holder).lower() != host.name.lower():
        vm = resource_ids.name(holder)
        yield Obstacle(
            f"interface {names.nic(host.name)} is attached to VM {vm}",
            f"az vm nic remove --resource-group {quote(names.resource_group)} --vm-name {quote(vm)} "
            f"--nics {quote(text(interface or {}, 'id'))}",
        )
    user = text(mapping(mapping(address or {}, "properties"), "ipConfiguration"), "id")
    if user and f"/networkinterfaces/{names.nic(host.name)}/".lower() not in user.lower():
        yield Obstacle(
            f"public address {names.public_ip(host.name)} is used by {user.partition('/providers/')[2]}",
            f"az network nic ip-config update --remove PublicIpAddress --ids {quote(user)}"
            if "/networkinterfaces/" in user.lower()
            else f"az resource show --ids {quote(user.rsplit('/', 2)[0])}",
        )
    for configuration in _holding(there, names, host):
        free = _free_address(there, config)
        yield Obstacle(
            f"private address {host.private_ip} is held by {text(configuration, 'id').partition('/providers/')[2]}",
            f"az network nic ip-config update --private-ip-address {free} --ids {quote(text(configuration, 'id'))}",
        )


def _holding(there: Existing, names: Names, host: Host) -> Iterator[Body]:
    """IP configurations in our subnet, other than ours, that have the host's private address."""
    ours = f"/networkinterfaces/{names.nic(host.name)}/ipconfigurations/primary".lower()
    subnet = f"/virtualnetworks/{names.vnet}/subnets/{names.subnet}".lower()
    for interface in there.of_type(NIC):
        for each in mappings(mapping(interface, "properties"), "ipConfigurations"):
            own = mapping(each, "properties")
            in_subnet = resource_ids.key(text(mapping(own, "subnet"), "id")).endswith(subnet)
            held = text(own, "privateIPAddress") == host.private_ip and in_subnet
            if held and not resource_ids.key(text(each, "id")).endswith(ours):
                yield each


def _free_address(there: Existing, config: Config) -> str:
    """The highest address of the subnet that no interface has: ours are given from the lowest on."""
    used = {
        text(mapping(each, "properties"), "privateIPAddress")
        for interface in there.of_type(NIC)
        for each in mappings(mapping(interface, "properties"), "ipConfigurations")
    }
    network = ipaddress.ip_network(config.network.subnet_prefix)
    last = int(network.broadcast_address)
    found = (str(ipaddress.ip_address(last - step)) for step in range(1, network.num_addresses))
    return next(each for each in found if each not in used)


def _networks(properties: Body) -> list[Network]:
    """`addressPrefix` and `addressPrefixes`; what cannot be read as a prefix is left out."""
    listed = properties.get("addressPrefixes")
    many = [str(each) for each in listed] if isinstance(listed, list) else []
    found: list[Network] = []
    for prefix in (text(properties, "addressPrefix"), *many):
        try:
            found.append(ipaddress.ip_network(prefix, strict=False))
        except ValueError:
            continue
    return found


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and (one[0] in other or other[0] in one)


def _free_network(spaces: Sequence[Network], used: Sequence[Network], length: int) -> str:
    """A prefix of that length that is in use nowhere; "PREFIX" if there is none left."""
    for space in spaces:
        if length >= space.prefixlen:
            for each in space.subnets(new_prefix=length):
                if not any(_overlap(each, other) for other in used):
                    return str(each)
    return "PREFIX"
