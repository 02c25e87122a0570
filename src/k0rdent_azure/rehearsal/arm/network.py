"""Microsoft.Network: virtual networks, security groups, public addresses and network interfaces."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Iterable

import msgspec

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.records import Json, Resource
from k0rdent_azure.rehearsal.world import World

NETWORKS = "Microsoft.Network/virtualNetworks"
SECURITY_GROUPS = "Microsoft.Network/networkSecurityGroups"
PUBLIC_ADDRESSES = "Microsoft.Network/publicIPAddresses"
INTERFACES = "Microsoft.Network/networkInterfaces"
DNS_SUFFIX = "cloudapp.azure.com"
_DEFAULT_RULES = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def virtual_network(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    spaces = [
        _network(each, "addressPrefixes")
        for each in _texts(mapping(properties, "addressSpace"), "addressPrefixes")
    ]
    if not spaces:
        raise ArmError(400, "InvalidRequestFormat", f"Virtual network '{wanted.name}' has no address space.")
    for subnet in objects(properties, "subnets"):
        own = mapping(subnet, "properties")
        prefix = _network(
            own.get("addressPrefix") or (_texts(own, "addressPrefixes") or [""])[0], "addressPrefix"
        )
        if not any(_holds(space, prefix) for space in spaces):
            raise ArmError(
                400,
                "NetcfgSubnetRangeOutsideVnet",
                f"Subnet '{subnet.get('name')}' is not valid because its IP address range is outside the IP address "
                f"range of virtual network '{wanted.name}'.",
            )
        require(wanted, own.get("networkSecurityGroup"))
        _identify(subnet, wanted.id, "subnets", "Microsoft.Network/virtualNetworks/subnets")
    for key in ("subnets", "virtualNetworkPeerings"):
        properties.setdefault(key, [])
    properties.setdefault("enableDdosProtection", False)
    properties["resourceGuid"] = guid(wanted)
    return {}


def security_group(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    properties.setdefault("securityRules", [])
    seen: dict[tuple[str, object], object] = {}
    for rule in objects(properties, "securityRules"):
        own = mapping(rule, "properties")
        place = (str(own.get("direction")).lower(), own.get("priority"))
        if place in seen:
            raise ArmError(
                400,
                "SecurityRuleConflict",
                f"Security rule {rule.get('name')} conflicts with rule {seen[place]}. Rules cannot have the same "
                "Priority and Direction.",
            )
        seen[place] = rule.get("name")
        _check_sources(rule, wanted.id)
        identify_rule(rule, wanted.id)
    properties["defaultSecurityRules"] = [_default_rule(wanted.id, each) for each in _DEFAULT_RULES]
    properties["resourceGuid"] = guid(wanted)
    return {}


def public_address(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    present = mapping(wanted.present.body, "properties") if wanted.present else {}
    properties.setdefault("publicIPAddressVersion", "IPv4")
    properties.setdefault("publicIPAllocationMethod", "Dynamic")
    properties.setdefault("idleTimeoutInMinutes", 4)
    properties["ipAddress"] = present.get("ipAddress") or draw_address(
        wanted.plan.world,
        wanted.plan.resources(wanted.type),
        wanted.name,
        wanted.plan.world.earlier_creations(wanted.id),
    )
    properties["resourceGuid"] = guid(wanted)
    _keep(properties, present, "ipConfiguration")
    dns = properties.get("dnsSettings")
    label = str(dns.get("domainNameLabel", "")).lower() if isinstance(dns, dict) else ""
    if label and isinstance(dns, dict):
        dns["fqdn"] = f"{label}.{wanted.location}.{DNS_SUFFIX}"
        _check_label_is_free(wanted, label, str(dns["fqdn"]))
    return {}


def interface(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    present = mapping(wanted.present.body, "properties") if wanted.present else {}
    configurations = objects(properties, "ipConfigurations")
    if not configurations:
        raise ArmError(
            400, "InvalidRequestFormat", f"Network interface '{wanted.name}' has no IP configuration."
        )
    require(wanted, properties.get("networkSecurityGroup"))
    for configuration in configurations:
        own = mapping(configuration, "properties")
        require(wanted, own.get("publicIPAddress"))
        _check_address_is_unattached(wanted, own.get("publicIPAddress"))
        own["privateIPAddress"] = _private_address(wanted, own)
        own.setdefault("privateIPAllocationMethod", "Dynamic")
        own.setdefault("primary", True)
        own.setdefault("privateIPAddressVersion", "IPv4")
        _identify(
            configuration,
            wanted.id,
            "ipConfigurations",
            "Microsoft.Network/networkInterfaces/ipConfigurations",
        )
    properties["resourceGuid"] = guid(wanted)
    number = wanted.plan.world.random("mac", wanted.id).getrandbits(24)
    properties["macAddress"] = f"00-0D-3A-{number:06X}"[:11] + "-".join(
        ("", f"{number:06X}"[2:4], f"{number:06X}"[4:])
    )
    properties.setdefault("enableIPForwarding", False)
    properties.setdefault("enableAcceleratedNetworking", False)
    _keep(properties, present, "virtualMachine")
    return {}


def attach(plan: Plan, resource: Resource) -> None:
    """What a network interface leaves on the public addresses that it takes."""
    if resource.type != "Microsoft.Network/networkInterfaces":
        return
    for configuration in objects(mapping(resource.body, "properties"), "ipConfigurations"):
        address = plan.resource(reference_id(mapping(configuration, "properties").get("publicIPAddress")))
        if address is not None:
            mark(plan, address, "ipConfiguration", str(configuration["id"]))


def mark(plan: Plan, resource: Resource, key: str, owner_id: str) -> None:
    """Give a resource a back reference to its owner."""
    body = copy.deepcopy(resource.body)
    mapping(body, "properties")[key] = {"id": owner_id}
    if body != resource.body:
        plan.put(msgspec.structs.replace(resource, body=body))


def require(wanted: Wanted, reference: object) -> Resource | None:
    """The resource (or a subnet's network) that a body refers to. Raises ArmError (InvalidResourceReference)."""
    target = reference_id(reference)
    if not target:
        return None
    found = wanted.plan.resource(target.rpartition("/subnets/")[0] if "/subnets/" in target else target)
    if found is None or found.created_at > wanted.start:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {target} referenced by resource {wanted.id} was not found. Please make sure that the "
            "referenced resource exists, and that both resources are in the same region.",
        )
    if found.ready_at > wanted.start:
        raise ArmError(
            409,
            "ReferencedResourceNotProvisioned",
            f"Cannot proceed with operation because resource {target} used by resource {wanted.id} is not in "
            "Succeeded state. Resource is in Updating state and the last operation that updated/is updating the "
            "resource is Put.",
        )
    return found


def _private_address(wanted: Wanted, own: Json) -> str:
    subnet = _subnet(wanted, own)
    taken = {
        address
        for nic in wanted.plan.resources(wanted.type)
        if nic.id != wanted.id
        for address in _addresses(nic, own)
    }
    asked = str(own.get("privateIPAddress") or "")
    if asked:
        if ipaddress.ip_address(asked) not in subnet:
            raise ArmError(
                400,
                "PrivateIPAddressNotInSubnet",
                f"Private static IP address {asked} does not belong to the range of subnet prefix {subnet}.",
            )
        if asked in taken:
            raise ArmError(
                400,
                "PrivateIPAddressIsAllocated",
                f"IP configuration of {wanted.id} is using the private IP address "
                f"{asked} which is already allocated to another resource.",
            )
        return asked
    # Azure keeps the first three addresses of a subnet for itself.
    return next(str(each) for each in list(subnet.hosts())[3:] if str(each) not in taken)


def _subnet(wanted: Wanted, own: Json) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    subnet_id = reference_id(own.get("subnet"))
    network = require(wanted, own.get("subnet"))
    for subnet in objects(mapping(network.body, "properties"), "subnets") if network else ():
        if str(subnet.get("id")).lower() == subnet_id.lower():
            return _network(mapping(subnet, "properties").get("addressPrefix"), "addressPrefix")
    raise ArmError(
        400,
        "InvalidResourceReference",
        f"Resource {subnet_id} referenced by resource {wanted.id} was not found.",
    )


def _addresses(nic: Resource, own: Json) -> list[str]:
    """The addresses that an interface holds in the subnet of `own`."""
    wanted = reference_id(own.get("subnet")).lower()
    found = (
        mapping(each, "properties") for each in objects(mapping(nic.body, "properties"), "ipConfigurations")
    )
    return [
        str(each.get("privateIPAddress"))
        for each in found
        if reference_id(each.get("subnet")).lower() == wanted
    ]


def draw_address(world: World, present: Iterable[Resource], *names: object) -> str:
    """A public address of the kind that Azure gives out, unlike all of those that are `present`."""
    used = {str(mapping(each.body, "properties").get("ipAddress")) for each in present}
    numbers = world.random("address", *names)
    while True:
        address = f"20.{numbers.randint(33, 250)}.{numbers.randint(0, 255)}.{numbers.randint(1, 254)}"
        if address not in used:
            return address


def _check_label_is_free(wanted: Wanted, label: str, fqdn: str) -> None:
    for other in wanted.plan.resources(wanted.type):
        used = mapping(mapping(other.body, "properties"), "dnsSettings").get("fqdn")
        if used == fqdn and other.id.lower() != wanted.id.lower():
            raise ArmError(
                400,
                "DnsRecordInUse",
                f"DNS record {fqdn} is already used by another public IP (label {label}).",
            )


def _check_address_is_unattached(wanted: Wanted, reference: object) -> None:
    address = wanted.plan.resource(reference_id(reference))
    owner = reference_id(mapping(address.body, "properties").get("ipConfiguration")) if address else ""
    if owner and not owner.lower().startswith(wanted.id.lower() + "/"):
        raise ArmError(
            400,
            "PublicIPAddressInUse",
            f"Resource {wanted.id} is referencing public IP address {reference_id(reference)} that is already "
            f"allocated to resource {owner}.",
        )


def _default_rule(group_id: str, rule: tuple[str, int, str, str, str, str]) -> Json:
    name, priority, direction, access, source, destination = rule
    return {
        "name": name,
        "id": f"{group_id}/defaultSecurityRules/{name}",
        "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
        "properties": {
            "provisioningState": "Succeeded",
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": direction,
        },
    }


def _check_sources(rule: Json, group_id: str) -> None:
    """The prefixes of one rule are apart from each other; service tags stand alone."""
    given = _texts(mapping(rule, "properties"), "sourceAddressPrefixes")
    found = [_network(each, "sourceAddressPrefixes") for each in given]
    for index, each in enumerate(found):
        for other in found[:index]:
            if _holds(each, other) or _holds(other, each):
                raise ArmError(
                    400,
                    "OverlappingSubnetsNotPermittedInSecurityRule",
                    f"Security rule {group_id}/securityRules/{rule.get('name')} has overlapping subnets {other} and "
                    f"{each}. Overlapping subnets are not permitted in a security rule.",
                )


def identify_rule(rule: Json, group_id: str) -> None:
    """Give a security rule what ARM shows of it beside its own properties."""
    _identify(rule, group_id, "securityRules", f"{SECURITY_GROUPS}/securityRules")


def _identify(child: Json, parent_id: str, segment: str, type_: str) -> None:
    child["id"] = f"{parent_id}/{segment}/{child.get('name')}"
    child["type"] = type_
    mapping(child, "properties")["provisioningState"] = "Succeeded"


def _network(text: object, what: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(str(text))
    except ValueError as error:
        raise ArmError(
            400, "InvalidAddressPrefixFormat", f"Address prefix '{text}' of {what}: {error}."
        ) from error


def _holds(
    space: ipaddress.IPv4Network | ipaddress.IPv6Network, part: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return space.version == part.version and part[0] in space and part[-1] in space


def guid(wanted: Wanted, key: str = "resourceGuid") -> str:
    """Another one for each creation, also under a name that was used before; it lives as long as the resource."""
    present = mapping(wanted.present.body, "properties").get(key) if wanted.present else None
    return str(present or wanted.plan.world.uuid("guid", wanted.uid))


def _keep(properties: Json, present: Json, key: str) -> None:
    """What others wrote on a resource stays, whatever is put."""
    if key in present:
        properties[key] = present[key]


def mapping(value: object, key: str) -> Json:
    """A member that is an object; an empty one, not in the body, where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def objects(value: Json, key: str) -> list[Json]:
    found = value.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _texts(value: Json, key: str) -> list[str]:
    found = value.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []


def reference_id(value: object) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""
