"""The VMs as the network sees them: what the simulated hosts need to know of ARM's resources."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from k0rdent_azure.rehearsal.records import Json, Power, Resource

MachinePower = Literal["running", "stopped", "deallocated"]
_POWER: dict[Power, MachinePower] = {
    "starting": "running",
    "running": "running",
    "stopping": "stopped",
    "stopped": "stopped",
    "deallocating": "deallocated",
    "deallocated": "deallocated",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One VM at one moment. Moments are cloud seconds (`World.clock.now()`); never is `inf`.

    `vm_id` is new for each creation, also under the same name, so state kept per machine belongs under it.
    `custom_data` is the decoded text. `nsg_rules` are the security rules of its NIC's and its subnet's
    groups in ARM's form, flat, each with the `group` that it comes from. Its clock is wrong by
    `clock_skew` real seconds.
    """

    id: str
    vm_id: str
    name: str
    group: str
    location: str
    size: str
    zone: str
    image: str
    admin_username: str
    authorized_keys: list[str]
    custom_data: str = field(repr=False)
    private_ip: str
    public_ip: str | None
    fqdn: str | None
    created_at: float
    booted_at: float
    cloud_init_done_at: float
    power: MachinePower
    nsg_rules: list[dict[str, object]]
    clock_skew: float = 0.0

    def admits(self, protocol: Literal["Tcp", "Udp"], port: int, *, source: str = "0.0.0.0") -> bool:
        """Whether a packet from the internet gets in: every group on the way has to allow it.

        Without any group nothing gets in, as with every Standard public address.
        """
        groups = {str(rule["group"]) for rule in self.nsg_rules}
        return bool(groups) and all(
            _allows([rule for rule in self.nsg_rules if rule["group"] == group], protocol, port, source)
            for group in groups
        )


def _allows(rules: list[Json], protocol: str, port: int, source: str) -> bool:
    for rule in sorted(rules, key=lambda each: int(str(each.get("priority", 65000)))):
        if (
            str(rule.get("direction")).lower() == "inbound"
            and str(rule.get("protocol")).lower() in ("*", protocol.lower())
            and any(_holds_port(text, port) for text in _both(rule, "destinationPortRange"))
            and any(_holds_source(text, source) for text in _both(rule, "sourceAddressPrefix"))
        ):
            return str(rule.get("access")).lower() == "allow"
    return False


def _both(rule: Json, key: str) -> list[str]:
    """ARM's singular and plural spelling of one property."""
    plural = rule.get(key + ("s" if key.endswith("Range") else "es"))
    single = rule.get(key)
    return ([str(single)] if single else []) + (
        [str(each) for each in plural] if isinstance(plural, list) else []
    )


def _holds_port(text: str, port: int) -> bool:
    if text == "*":
        return True
    low, _, high = text.partition("-")
    return int(low) <= port <= int(high or low)


def _holds_source(text: str, source: str) -> bool:
    if text.lower() in ("*", "internet", "0.0.0.0/0"):
        return True
    try:
        return ipaddress.ip_address(source) in ipaddress.ip_network(text, strict=False)
    except ValueError:  # a service tag that is not the internet
        return False


Find = Callable[[str], Resource | None]


def machine(vm: Resource, find: Find, now: float) -> Machine | None:
    """The machine behind a VM resource; None where its network interface is missing. `find` is by id."""
    properties = _mapping(vm.body, "properties")
    nic = _first_nic(properties, find)
    if nic is None or vm.boot is None:
        return None
    address = _first(_mapping(nic.body, "properties").get("ipConfigurations"))
    configuration = _mapping(address, "properties")
    public = find(_id(configuration.get("publicIPAddress")))
    profile = _mapping(properties, "osProfile")
    image = _mapping(_mapping(properties, "storageProfile"), "imageReference")
    zones = vm.body.get("zones")
    return Machine(
        id=vm.id,
        vm_id=vm.uid,
        name=vm.name,
        group=vm.group,
        location=vm.location,
        size=str(_mapping(properties, "hardwareProfile").get("vmSize", "")),
        zone=str(zones[0]) if isinstance(zones, list) and zones else "",
        image=":".join(str(image.get(key, "")) for key in ("publisher", "offer", "sku", "version")),
        admin_username=str(profile.get("adminUsername", "")),
        authorized_keys=[vm.hidden["authorizedKeys"]]
        if "authorizedKeys" in vm.hidden
        else list(_authorized_keys(profile)),
        custom_data=base64.b64decode(vm.hidden.get("customData", "")).decode("utf-8", "replace"),
        private_ip=str(configuration.get("privateIPAddress", "")),
        public_ip=_text(_mapping(public.body, "properties").get("ipAddress")) if public else None,
        fqdn=_text(_mapping(_mapping(public.body, "properties"), "dnsSettings").get("fqdn"))
        if public
        else None,
        created_at=vm.created_at,
        booted_at=_or_never(vm.boot.booted_at),
        cloud_init_done_at=_or_never(vm.boot.cloud_init_done_at),
        power=_POWER[vm.boot.power_at(now)],
        nsg_rules=_rules(nic, configuration, find),
        clock_skew=float(vm.hidden.get("clockSkew", 0.0)),
    )


def _first_nic(properties: Json, find: Find) -> Resource | None:
    nics = _mapping(properties, "networkProfile").get("networkInterfaces")
    return find(_id(_first(nics)))


def _authorized_keys(profile: Json) -> Iterable[str]:
    keys = _mapping(_mapping(profile, "linuxConfiguration"), "ssh").get("publicKeys")
    return (
        (str(key.get("keyData", "")).strip() for key in keys if isinstance(key, dict))
        if isinstance(keys, list)
        else ()
    )


def _rules(nic: Resource, configuration: Json, find: Find) -> list[Json]:
    groups = [_id(_mapping(nic.body, "properties").get("networkSecurityGroup"))]
    subnet_id = _id(configuration.get("subnet"))
    vnet = find(subnet_id.rpartition("/subnets/")[0])
    if vnet is not None:
        subnets = _mapping(vnet.body, "properties").get("subnets")
        groups.extend(
            _id(_mapping(subnet, "properties").get("networkSecurityGroup"))
            for subnet in (subnets if isinstance(subnets, list) else ())
            if str(subnet.get("id", "")).lower() == subnet_id.lower()
        )
    found: list[Json] = []
    for group in groups:
        security_group = find(group)
        rules = _mapping(security_group.body, "properties").get("securityRules") if security_group else None
        found.extend(
            {"name": rule.get("name"), "group": group.lower(), **_mapping(rule, "properties")}
            for rule in (rules if isinstance(rules, list) else ())
        )
    return found


def _or_never(moment: float | None) -> float:
    return inf if moment is None else moment


def _mapping(value: object, key: str) -> Json:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _id(value: object) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _text(value: object) -> str | None:
    return str(value) if value else None
