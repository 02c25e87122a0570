"""What each single value may be. Rules that compare settings with each other live in `config.validate`.

A rule takes the value and returns None, or what is wrong and what is allowed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from k0rdent_azure.config.images import SIZE, URN
from k0rdent_azure.config.reading import shown

#: (what is wrong, what is allowed)
Problem = tuple[str, str]
Rule = Callable[[object], Problem | None]

#: learn.microsoft.com/azure/virtual-machines/linux/faq, "What are the username requirements"; ARM refuses them.
_AZURE_RESERVED = """
    1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root
    server sql support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5 video
"""
AZURE_RESERVED_USERS = frozenset(_AZURE_RESERVED.split())
#: Accounts that Debian has from the start; cloud-init could not create them.
_SYSTEM = """
    _apt avahi bin daemon games gnats irc list lp mail man messagebus news nobody polkitd proxy sshd sync
    systemd-network systemd-resolve systemd-timesync tcpdump uucp uuidd www-data
"""
SYSTEM_USERS = frozenset(_SYSTEM.split())
#: Ranges that no virtual network may use (learn.microsoft.com/azure/virtual-network/virtual-networks-faq).
FORBIDDEN_RANGES = {
    ipaddress.IPv4Network("224.0.0.0/4"): "multicast",
    ipaddress.IPv4Network("255.255.255.255/32"): "broadcast",
    ipaddress.IPv4Network("127.0.0.0/8"): "loopback",
    ipaddress.IPv4Network("169.254.0.0/16"): "link-local",
    ipaddress.IPv4Network("168.63.129.16/32"): "Azure's own DNS and health service",
    ipaddress.IPv4Network("0.0.0.0/8"): "this network",
}
#: An ARM template holds at most 800 resources; a VM is three (VM, NIC, address), the network a handful.
MAX_HOSTS = 260
#: etcd's advice (etcd.io/docs, FAQ): at most seven members; more only slow it down.
MAX_CONTROLLERS = 9
#: Every run looks through all of them.
MAX_SNAPSHOTS = 1000


#: What would break a line, or be obeyed by whatever reads it; and what UTF-8 cannot write.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _pattern(regex: str, expected: str, *, what: str = "not allowed") -> Rule:
    compiled = re.compile(regex, re.ASCII)
    return lambda value: (
        None if compiled.fullmatch(str(value)) else (f"{what}: {shown(str(value))}", expected)
    )


def _between(low: int, high: int, unit: str = "") -> Rule:
    def rule(value: object) -> Problem | None:
        if isinstance(value, int) and low <= value <= high:
            return None
        return f"{value} is out of range", f"{low} to {high}{unit}"

    return rule


def _one_line(longest: int, *, empty: bool = False) -> Rule:
    def rule(value: object) -> Problem | None:
        text = str(value)
        if len(text) > longest:
            return f"{len(text)} characters are too long", f"at most {longest}"
        if _CONTROL.search(text):
            return "holds a line break, a tab or another control character", "one line of text"
        return None if text or empty else ("is empty", "some text")

    return rule


def _location(value: object) -> Problem | None:
    text = str(value)
    if re.fullmatch("[a-z0-9]{1,60}", text, re.ASCII):
        return None
    squeezed = re.sub("[^a-z0-9]", "", text.lower())
    return (
        f"{shown(text)} is not how Azure writes a location",
        f"small letters and digits without spaces, such as {squeezed[:40] or 'southeastasia'}",
    )


def _image(value: object) -> Problem | None:
    if URN.fullmatch(str(value)):
        return None
    return (
        f"{shown(str(value))} is not an image URN",
        "Publisher:Offer:Sku:Version, such as Debian:debian-12:12-gen2:latest",
    )


def _size(value: object) -> Problem | None:
    if SIZE.fullmatch(str(value)):
        return None
    return f"{shown(str(value))} is not a VM size", "a name such as Standard_D2s_v5 (az vm list-sizes)"


def _username(value: object) -> Problem | None:
    name = str(value)
    if not re.fullmatch("[a-z_][a-z0-9_-]{0,31}", name, re.ASCII):
        return f"{shown(name)} is not a Linux user name", "1 to 32 of a-z, 0-9, _ and -, a letter first"
    if name in AZURE_RESERVED_USERS:
        return f"{name!r} is reserved, Azure refuses it", "another name, such as k0rdent"
    if name in SYSTEM_USERS:
        return f"{name!r} is a system account on the VMs", "another name, such as k0rdent"
    return None


def _resource_group(value: object) -> Problem | None:
    name = str(value)
    if re.fullmatch(r"[-\w.()]{1,90}", name) and not name.endswith("."):
        return None
    return (
        f"{shown(name)} is not a resource group name",
        "1 to 90 letters, digits, and _ - . ( ), not ending in a period",
    )


def parse_network(text: str) -> ipaddress.IPv4Network | Problem:
    """An IPv4 network in CIDR form, or what is wrong with the text."""
    example = "an IPv4 network such as 10.240.0.0/16"
    address, slash, length = text.partition("/")
    try:
        host = ipaddress.IPv4Address(address)
    except ValueError:
        return f"{shown(text)} is not a network", example
    if not slash:
        return f"{text} has no prefix length", f"{text}/32 for this address, or a network such as {text}/24"
    if not re.fullmatch("[0-9]{1,2}", length, re.ASCII) or int(length) > 32:
        return f"{shown('/' + length)} is not a prefix length", "/0 to /32"
    network = ipaddress.IPv4Network((host, int(length)), strict=False)
    if network.network_address != host:
        return f"{text} has host bits set", f"the network itself, {network}"
    return network


def meant_network(text: str) -> ipaddress.IPv4Network | None:
    """The network that a text stands for, also where host bits are set; None where none can be meant.

    So a slip in one place does not hide what is wrong with the network as a whole.
    """
    try:
        network = ipaddress.IPv4Network(text if "/" in text else "", strict=False)
    except ValueError:
        return None
    return None if any(network.overlaps(forbidden) for forbidden in FORBIDDEN_RANGES) else network


def _network(value: object) -> Problem | None:
    network = parse_network(str(value))
    if isinstance(network, tuple):
        return network
    for forbidden, what in FORBIDDEN_RANGES.items():
        if network.overlaps(forbidden):
            return f"{network} overlaps {forbidden} ({what})", "private address space, such as 10.240.0.0/16"
    return None


def _ssh_sources(value: object) -> Problem | None:
    if not isinstance(value, tuple) or not value:
        return (
            "lets nobody in, not even the deployment itself",
            "at least one network, such as [203.0.113.7/32]",
        )
    for text in value:
        network = parse_network(str(text))
        if isinstance(network, tuple):
            return network
    return None


def _zones(value: object) -> Problem | None:
    zones = value if isinstance(value, tuple) else ()
    expected = "different zones out of 1, 2, 3 (or [] for none)"
    if any(zone not in (1, 2, 3) for zone in zones):
        return f"{_zone_list(zones)} names a zone that does not exist", expected
    if len(set(zones)) < len(zones):
        return f"{_zone_list(zones)} names a zone twice", expected
    return None


def _zone_list(zones: tuple[object, ...]) -> str:
    return f"[{', '.join(str(zone) for zone in zones[:9])}{', …' if len(zones) > 9 else ''}]"


_NUMBER = r"(0|[1-9][0-9]*)"
_VERSION = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?"
_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_CHART = rf"oci://{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

RULES: dict[str, Rule] = {
    "azure.location": _location,
    "azure.vm_image": _image,
    "azure.resource_group": _resource_group,
    "azure.subscription_id": _pattern(f"(?i:{_UUID})", "a UUID (az account show --query id)"),
    "vm_sizing.controller.size": _size,
    "vm_sizing.worker.size": _size,
    "cluster.controllers.count": _between(1, MAX_CONTROLLERS, ", an odd number for high availability"),
    "cluster.controllers.zones": _zones,
    "cluster.workers.count": _between(0, MAX_HOSTS),
    "cluster.workers.zones": _zones,
    "metadata.version": _one_line(256, empty=True),
    "metadata.schema": _one_line(256, empty=True),
    "metadata.owner": _one_line(256),
    "network.vnet_prefix": _network,
    "network.subnet_prefix": _network,
    "network.wireguard_network": _network,
    "network.wireguard_port": _between(1, 65535),
    "network.allowed_ssh_sources": _ssh_sources,
    "ssh.username": _username,
    "ssh.key_comment": _one_line(256, empty=True),
    "software.k0s.version": _pattern(
        rf"v{_VERSION}\+k0s\.[0-9]+", "a k0s release such as v1.33.2+k0s.0", what="not a k0s version"
    ),
    "software.k0rdent.version": _pattern(
        _VERSION, "a chart version such as 1.1.1, without v", what="not a k0rdent version"
    ),
    "software.k0rdent.registry": _pattern(
        _CHART, "an OCI chart such as oci://ghcr.io/k0rdent/kcm/charts/kcm"
    ),
    "software.k0rdent.namespace": _pattern(_LABEL, "1 to 63 of a-z, 0-9 and -, such as kcm-system"),
    "timeouts.ssh_connect": _between(1, 3600, " seconds"),
    "timeouts.k0s_install_wait": _between(0, 7200, " seconds"),
    "timeouts.k0rdent_install_wait": _between(1, 14400, " seconds"),
    "timeouts.wireguard_connect_wait": _between(0, 3600, " seconds"),
    "timeouts.vm_creation_minutes": _between(1, 240, " minutes"),
    "timeouts.vm_wait_check_interval": _between(1, 3600, " seconds"),
    "timeouts.verification_retries": _between(0, 100),
    "timeouts.verification_retry_delay": _between(0, 3600, " seconds"),
    "snapshots.keep": _between(1, MAX_SNAPSHOTS),
}


def tag_problem(name: str, value: str) -> Problem | None:
    """Azure's rules for one tag (learn.microsoft.com/azure/azure-resource-manager/management/tag-resources)."""
    if name.lower().startswith(("microsoft", "azure", "windows", "k0rdent-azure")):
        return (
            f"the tag name {shown(name)} is reserved",
            "no microsoft, azure, windows or k0rdent-azure in front",
        )
    return tag_form_problem(name, value)


def tag_form_problem(name: str, value: str) -> Problem | None:
    """What a tag must be to reach Azure as it is; a tag of somebody else may have a name that is reserved."""
    if not name or len(name) > 512 or re.search(r"[<>%&\\?/]", name) or _CONTROL.search(name):
        return (
            f"{shown(name)} is not a tag name",
            r"1 to 512 characters on one line, without < > % & \ ? /",
        )
    if len(value) > 256:
        return f"the value of the tag {shown(name)} has {len(value)} characters", "at most 256"
    if _CONTROL.search(value):
        return f"the value of the tag {shown(name)} holds a line break or a control character", "one line"
    return None
