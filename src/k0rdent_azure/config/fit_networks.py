"""How networks, addresses, ports and sources fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from k0rdent_azure.config.good import Good
from k0rdent_azure.config.rules import parse_network
from k0rdent_azure.config.topology import FIRST_HOST
from k0rdent_azure.errors import Fault

#: What k0s gives pods and services unless told otherwise (docs.k0sproject.io, configuration).
CLUSTER_NETWORKS = {IPv4Network("10.244.0.0/16"): "pods", IPv4Network("10.96.0.0/12"): "services"}
#: UDP ports that every VM already listens on; SSH and all ports of k0s (docs.k0sproject.io, networking) are TCP.
USED_PORTS = {4789: "Calico's VXLAN", 68: "the DHCP client"}
#: Kubernetes gives these to Services of type NodePort, TCP and UDP.
NODE_PORTS = range(30000, 32768)


def networks(good: Good) -> Iterator[Fault]:
    """The subnet is in the vnet, and the WireGuard network apart from it."""
    vnet, subnet = good.network("network.vnet_prefix"), good.network("network.subnet_prefix")
    wireguard = good.network("network.wireguard_network")
    if vnet and subnet and not subnet.subnet_of(vnet):
        path, value = good.at("network.subnet_prefix", "network.vnet_prefix")
        yield value.fault(path, f"subnet {subnet} is not inside vnet {vnet}", expected=f"a part of {vnet}")
    if vnet and wireguard and vnet.overlaps(wireguard):
        path, value = good.at("network.wireguard_network", "network.vnet_prefix")
        message = f"wireguard network {wireguard} overlaps vnet {vnet}"
        yield value.fault(path, message, expected="a network of its own, such as 172.24.24.0/24")
    elif subnet and wireguard and subnet.overlaps(wireguard):
        path, value = good.at("network.wireguard_network", "network.subnet_prefix")
        message = f"wireguard network {wireguard} overlaps subnet {subnet}"
        yield value.fault(path, message, expected="a network of its own, such as 172.24.24.0/24")
    if vnet and vnet.prefixlen > 29:
        path, value = good.at("network.vnet_prefix")
        yield value.fault(path, f"{vnet} is too small for Azure", expected="/29 or larger")
    for path, network in (("network.subnet_prefix", subnet), ("network.wireguard_network", wireguard)):
        yield from _doubtful_network(good, path, network)


def _doubtful_network(good: Good, path: str, network: IPv4Network | None) -> Iterator[Fault]:
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


def hosts_fit(good: Good) -> Iterator[Fault]:
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


def ports(good: Good) -> Iterator[Fault]:
    """WireGuard gets a UDP port that nothing else on a VM has."""
    port = good.number("network.wireguard_port")
    if port is None:
        return
    path, value = good.at("network.wireguard_port")
    if port in USED_PORTS:
        message = f"UDP port {port} is {USED_PORTS[port]} on every VM"
        yield value.fault(path, message, expected="another port, such as 51820")
    elif port in NODE_PORTS:
        message = f"UDP port {port} is one that Kubernetes may give to a Service of type NodePort"
        expected = f"a port outside {NODE_PORTS[0]} to {NODE_PORTS[-1]}, such as 51820"
        yield value.fault(path, message, expected=expected, severity="warning")


def sources(good: Good) -> Iterator[Fault]:
    """Azure refuses a rule whose sources overlap (`OverlappingSubnetsNotPermittedInSecurityRule`)."""
    texts = dict.fromkeys(good.texts("network.allowed_ssh_sources"))
    found = [each for text in texts if isinstance(each := parse_network(text), IPv4Network)]
    # By address, and the larger first: a network that overlaps any other overlaps the widest one before it.
    found.sort(key=lambda each: (each.network_address, each.prefixlen))
    widest: IPv4Network | None = None
    for each in found:
        if widest is not None and widest.overlaps(each):
            path, value = good.at("network.allowed_ssh_sources")
            message = f"{each} is inside {widest}; Azure refuses sources of one rule that overlap"
            yield value.fault(path, message, expected=f"{widest} without {each}")
            return
        widest = each


RULES = (networks, hosts_fit, ports, sources)
