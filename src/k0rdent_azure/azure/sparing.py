"""Leaves accepted drift as it is: where an ignore rule hides a difference, what is there is what is wanted. Pure.

A repair sends whole resources. What it was not asked to put right must not change along with what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.config import resource_ids

Body = Mapping[str, object]
Json = dict[str, object]
#: Fields of accepted findings, by resource id in lower case; "" where the resource as a whole is not there.
Spared = Mapping[str, Collection[str]]

_TAG = "tags."
#: Where the fields that can be put right stand (`azure.drift_properties`).
_PATHS: Mapping[str, str] = {
    "size": "properties.hardwareProfile.vmSize",
    "os_disk_delete_option": "properties.storageProfile.osDisk.deleteOption",
    "boot_diagnostics": "properties.diagnosticsProfile.bootDiagnostics.enabled",
    "public_key": "properties.publicKey",
    "allocation": "properties.publicIPAllocationMethod",
    "version": "properties.publicIPAddressVersion",
    "dns_label": "properties.dnsSettings.domainNameLabel",
    "sku": "sku.name",
    "address_prefixes": "properties.addressSpace.addressPrefixes",
    "network_security_group": "properties.networkSecurityGroup",
}


def spared(found: Body, wanted: Body, accepted: Spared) -> Json:
    """`wanted` with what `found` has where a difference was accepted, in the resource and in its rules or subnets."""
    own_id = resource_ids.key(text(found, "id"))
    result = _fields(found, wanted, accepted.get(own_id, ()))
    for kind in ("securityRules", "subnets"):
        if kind in mapping(result, "properties"):
            theirs, ours = (mappings(mapping(each, "properties"), kind) for each in (found, result))
            children = list(_children(theirs, ours, accepted, f"{own_id}/{kind}".lower()))
            result = _replaced(result, f"properties.{kind}", children)
    if "nic_delete_option" in accepted.get(own_id, ()):
        result = _replaced(result, "properties.networkProfile.networkInterfaces", [])
    return result


def _children(found: Iterable[Json], wanted: Iterable[Json], accepted: Spared, parent: str) -> Iterator[Json]:
    there = {text(each, "name").lower(): each for each in found}
    for each in wanted:
        name = text(each, "name").lower()
        fields = accepted.get(f"{parent}/{name}", ())
        # A rule is one thing: with half of ours it would be one that nobody accepted.
        is_whole = name not in there or "priority" in mapping(each, "properties")
        if not (fields and is_whole):
            yield each if is_whole else _fields(there[name], each, fields)


def _fields(found: Body, wanted: Body, accepted: Collection[str]) -> Json:
    result = dict(wanted)
    for field in accepted:
        if field.startswith(_TAG):
            result["tags"] = _tags(mapping(found, "tags"), mapping(result, "tags"), field.removeprefix(_TAG))
        elif field in _PATHS:
            result = _replaced(result, _PATHS[field], _at(found, _PATHS[field]))
    return result


def _tags(found: Body, wanted: Body, name: str) -> Json:
    return {key: value for key, value in wanted.items() if key.lower() != name.lower()} | {
        key: value for key, value in found.items() if key.lower() == name.lower()
    }


def _replaced(body: Body, path: str, value: object) -> Json:
    """A copy of `body` with `value` at `path`, or without anything there for None."""
    first, _, rest = path.partition(".")
    if rest:
        return {**body, first: _replaced(mapping(body, first), rest, value)}
    without = {key: each for key, each in body.items() if key != first}
    return without if value is None else {**without, first: value}


def _at(body: Body, path: str) -> object:
    first, _, rest = path.partition(".")
    return _at(mapping(body, first), rest) if rest else body.get(first)
