"""Refusals about zones, networks, addresses and names, and what uses what."""

from __future__ import annotations

from k0rdent_azure.azure.advice import Advice, Rule, rule
from k0rdent_azure.azure.advice_compute import ZONES

_SUBNET, _NETWORK = "network.subnet_prefix", "network.vnet_prefix"

RULES: tuple[Rule, ...] = (
    rule(
        Advice(
            "zones",
            "the region has no such availability zone",
            "name zones that the region has, or none at all (`[]`)",
            "change",
            (ZONES, "azure.location"),
        ),
        like=r"AvailabilityZone|Zones?Not(?:Supported|Available|Allowed)|^InvalidZone|NotSupportZones",
        said=r"does not support availability zones|zone\(s\) .{1,200} (?:is|are) not supported",
    ),
    rule(
        Advice(
            "name",
            "its DNS name is taken in this region",
            "an older deployment may still hold it: wait until its group is gone",
        ),
        like=r"^DnsRecord(?:InUse|AlreadyExists|IsReserved)|DomainNameLabel",
    ),
    rule(
        Advice(
            "address",
            "its private address is taken",
            "`az network nic list --subscription {subscription} --output table` shows who has it: give that one "
            "another address",
            "either",
            (_SUBNET,),
        ),
        like=r"^PrivateIPAddress(?:InUse|IsAllocated|IsBeingCleanedUp)|^IPAddressInUse",
    ),
    rule(
        Advice(
            "network",
            "the prefixes of the network and its subnet do not fit",
            "use a subnet inside the network that no other subnet overlaps",
            "change",
            (_SUBNET, _NETWORK),
        ),
        like=r"^Netcfg|^PrivateIPAddressNotIn|^PrivateIPAddressInReserved|AddressSpace|AddressPrefix|SubnetRange",
    ),
    rule(
        Advice(
            "rules",
            "Azure refuses the sources of a security rule",
            "name each source once, as a CIDR that overlaps no other one of the list",
            "change",
            ("network.allowed_ssh_sources",),
        ),
        like=r"^OverlappingSubnets|^SecurityRule(?:Invalid|Parameter)|SourceAddressPrefix",
    ),
    rule(
        Advice(
            "rules",
            "another security rule has the same priority",
            "`az network nsg list --resource-group {group} --subscription {subscription} --output table` names the "
            "security groups: give the other rule another priority",
        ),
        like=r"^SecurityRuleConflict",
    ),
    rule(
        Advice("busy", "Azure keeps the NIC of a failed VM for three minutes", "wait three minutes"),
        like=r"^NicReserved",
    ),
    rule(
        Advice(
            "in use",
            "another resource still uses it",
            "`az resource show --ids {user}` shows that one: delete it, or take it out of use",
        ),
        like=r"InUse|CannotBeDeleted|AttachedTo|^PublicIPAddressCannot|DeletionBlocked|HasDependent",
        said=r"\b(?:is|are) (?:still |currently )?(?:in use|being used|used) by\b.{0,400}\bcannot be (?:delet|remov)ed"
        r"|cannot be deleted (?:since|because) it is (?:still )?(?:in use|allocated|attached|used)",
    ),
    rule(
        Advice(
            "missing part",
            "a resource that it needs is not there",
            "`az resource list --resource-group {group} --subscription {subscription} --output table` shows what is "
            "there: it was deleted, or is in another region",
        ),
        like=r"^ResourceNotFound|^InvalidResourceReference|^ReferencedResourceNotFound|^ParentResourceNotFound|^LinkedResource",
    ),
)
