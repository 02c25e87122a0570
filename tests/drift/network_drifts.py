"""Drifts of addresses, security rules and networks; see `drifts`."""

from __future__ import annotations

from k0rdent_azure.rehearsal.faults import Fault
from tests.drift.steps import (
    ADDRESS,
    NSG,
    SUBNET,
    VM,
    VNET,
    Case,
    another_rule,
    change,
    own,
    rule,
    subnet,
)

_IP = f"publicIPAddresses {ADDRESS}"
ADDRESSES = [
    Case(
        "another address", [Fault(kind="address-changed", vm=VM)], [f"changed critical {_IP} address adopt"]
    ),
    Case("no address", [own(ADDRESS, "ipAddress")], [f"changed critical {_IP} address adopt"]),
    Case(
        "address detached", [own(ADDRESS, "ipConfiguration")], [f"changed critical {_IP} attached_to restore"]
    ),
    Case(
        "address attached elsewhere",
        [own(ADDRESS, "ipConfiguration.id", "/x/networkInterfaces/other/ipConfigurations/primary")],
        [f"changed critical {_IP} attached_to none"],
    ),
    Case(
        "address dynamic",
        [own(ADDRESS, "publicIPAllocationMethod", "Dynamic")],
        [f"changed warning {_IP} allocation restore"],
    ),
    Case(
        "another DNS label",
        [own(ADDRESS, "dnsSettings.domainNameLabel", "other")],
        [f"changed warning {_IP} dns_label restore"],
    ),
    Case("no DNS label", [own(ADDRESS, "dnsSettings")], [f"changed warning {_IP} dns_label restore"]),
    Case("another SKU", [change(ADDRESS, "sku.name", "Basic")], [f"changed warning {_IP} sku restore"]),
    Case(
        "another IP version",
        [own(ADDRESS, "publicIPAddressVersion", "IPv6")],
        [f"changed warning {_IP} version restore"],
    ),
]

_SSH, _WG = "securityRules AllowSSH", "securityRules AllowWireGuard"
RULES = [
    Case(
        "rule added",
        [Fault(kind="rule-added", rule="AllowAll", port="*", protocol="*", source="*", priority=100)],
        ["unexpected critical securityRules AllowAll - none"],
    ),
    Case("HTTPS opened", [another_rule("web")], ["unexpected critical securityRules web - none"]),
    Case(
        "all shut",
        [another_rule("shut", access="Deny", priority=100)],
        ["unexpected critical securityRules shut - none"],
    ),
    Case(
        "way out opened",
        [another_rule("out", direction="Outbound")],
        ["unexpected info securityRules out - none"],
    ),
    Case(
        "way out shut",
        [another_rule("out", direction="Outbound", access="Deny")],
        ["unexpected critical securityRules out - none"],
    ),
    Case(
        "SSH opened to all",
        [Fault(kind="rule-opened", rule="AllowSSH", source="*")],
        [f"changed critical {_SSH} source restore"],
    ),
    Case(
        "SSH opened to the Internet",
        [rule(0, "sourceAddressPrefixes.2", "Internet")],
        [f"changed critical {_SSH} source restore"],
    ),
    Case(
        "SSH opened to one more",
        [rule(0, "sourceAddressPrefixes.2", "192.0.2.1")],
        [f"changed critical {_SSH} source restore"],
    ),
    Case("SSH narrowed", [rule(0, "sourceAddressPrefixes.0")], [f"changed critical {_SSH} source restore"]),
    Case("SSH denied", [rule(0, "access", "Deny")], [f"changed critical {_SSH} access restore"]),
    Case("SSH outwards", [rule(0, "direction", "Outbound")], [f"changed critical {_SSH} direction restore"]),
    Case("any protocol", [rule(0, "protocol", "*")], [f"changed critical {_SSH} protocol restore"]),
    Case("another priority", [rule(0, "priority", 900)], [f"changed critical {_SSH} priority restore"]),
    Case(
        "more ports",
        [rule(0, "destinationPortRanges", ["22", "6443"]), rule(0, "destinationPortRange")],
        [f"changed critical {_SSH} destination_ports restore"],
    ),
    Case(
        "all ports",
        [Fault(kind="rule-opened", rule="AllowWireGuard", port="*", source="*")],
        [f"changed critical {_WG} destination_ports restore"],
    ),
    Case(
        "source ports narrowed",
        [rule(1, "sourcePortRange", "1000-2000")],
        [f"changed critical {_WG} source_ports restore"],
    ),
    Case(
        "destination narrowed",
        [rule(1, "destinationAddressPrefix", "10.0.0.0/8")],
        [f"changed critical {_WG} destination restore"],
    ),
    Case(
        "SSH removed", [Fault(kind="rule-removed", rule="AllowSSH")], [f"missing critical {_SSH} - restore"]
    ),
    Case(
        "WireGuard removed",
        [Fault(kind="rule-removed", rule="AllowWireGuard")],
        [f"missing critical {_WG} - restore"],
    ),
    Case(
        "rule renamed",
        [own(NSG, "securityRules.1.name", "wg")],
        [f"missing critical {_WG} - none", "unexpected critical securityRules wg - none"],
    ),
    Case(
        "SSH moved, and another rule in its place",
        [rule(0, "priority", 900), another_rule("theirs", priority=1000)],
        [f"changed critical {_SSH} priority none", "unexpected critical securityRules theirs - none"],
    ),
    Case(
        "SSH removed, and another rule of the other direction",
        [
            another_rule("theirs", priority=1000, direction="Outbound"),
            Fault(kind="rule-removed", rule="AllowSSH"),
        ],
        [f"missing critical {_SSH} - restore", "unexpected info securityRules theirs - none"],
    ),
]

_NET, _SUB = f"virtualNetworks {VNET}", f"subnets {SUBNET}"
NETWORKS = [
    Case(
        "more of a network",
        [own(VNET, "addressSpace.addressPrefixes.1", "10.9.0.0/16")],
        [f"changed warning {_NET} address_prefixes none"],
    ),
    Case(
        "another network in place of ours",
        [own(VNET, "addressSpace.addressPrefixes", ["10.9.0.0/16"])],
        [f"changed warning {_NET} address_prefixes restore"],
    ),
    Case(
        "other DNS servers",
        [own(VNET, "dhcpOptions.dnsServers", ["10.0.0.4"])],
        [f"changed warning {_NET} dns_servers none"],
    ),
    Case(
        "peered",
        [own(VNET, "virtualNetworkPeerings", [{"name": "hub"}])],
        [f"changed warning {_NET} peerings none"],
    ),
    Case(
        "subnet larger",
        [subnet("addressPrefix", "10.240.0.0/20")],
        [f"changed critical {_SUB} address_prefixes none"],
    ),
    Case(
        "subnet without group",
        [subnet("networkSecurityGroup")],
        [f"changed critical {_SUB} network_security_group restore"],
    ),
    Case(
        "subnet with another group",
        [subnet("networkSecurityGroup.id", "/x/nsg2")],
        [f"changed critical {_SUB} network_security_group restore"],
    ),
    Case(
        "subnet with routes",
        [subnet("routeTable", {"id": "/x/routes"})],
        [f"changed critical {_SUB} route_table none"],
    ),
    Case(
        "subnet with NAT",
        [subnet("natGateway", {"id": "/x/nat"})],
        [f"changed warning {_SUB} nat_gateway none"],
    ),
    Case(
        "one more subnet",
        [own(VNET, "subnets.1", {"name": "theirs", "properties": {"addressPrefix": "10.240.2.0/24"}})],
        ["unexpected info subnets theirs - none"],
    ),
]

NETWORK_DRIFTS = [*ADDRESSES, *RULES, *NETWORKS]
