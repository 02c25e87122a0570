"""Which VM sizes Azure offers to a subscription in a region, and in which zones: one list of several megabytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.reading import mapping, mappings, option, text, zones
from k0rdent_azure.config.regions import squeezed

_VMS = "virtualmachines"


class VmSize(msgspec.Struct, frozen=True, kw_only=True):
    """One size as one subscription may use it in one region.

    `zones` are those that it may be used in ("" is no zone); `offered` is false where it may not be used at all.
    `memory` is in GB (GiB), `architecture` is ARM's word (`x64`, `Arm64`).
    """

    name: str
    family: str
    vcpus: int
    memory: float
    architecture: str
    generations: tuple[str, ...]
    zones: tuple[str, ...]
    offered: bool
    spot: bool

    def fits(self, zones: frozenset[str]) -> bool:
        """Whether it may be used in all these zones (none: without a zone)."""
        return self.offered and zones <= frozenset(self.zones)


async def vm_sizes(client: ArmClient, subscription: str, location: str) -> list[VmSize]:
    """All VM sizes that the region knows, with what this subscription may not use marked so. One list.

    https://learn.microsoft.com/rest/api/compute/resource-skus/list
    """
    found = await client.list(
        f"/subscriptions/{subscription}/providers/Microsoft.Compute/skus",
        api_version=versions.SKUS,
        query={"$filter": f"location eq '{location}'"},
    )
    return [size for item in found if (size := _size(item, location)) is not None]


def _size(item: Mapping[str, object], location: str) -> VmSize | None:
    """None for a disk, a snapshot, or what has not the fields of a VM size."""
    told = {
        text(each, "name").lower(): text(each, "value").strip() for each in mappings(item, "capabilities")
    }
    vcpus, memory = _number(told.get("vcpusavailable") or told.get("vcpus")), _number(told.get("memorygb"))
    if text(item, "resourceType").lower() != _VMS or not text(item, "name") or not vcpus or not memory:
        return None
    refused = frozenset(_restricted_zones(item, location))
    return VmSize(
        name=text(item, "name"),
        family=text(item, "family"),
        vcpus=int(vcpus),
        memory=memory,
        architecture=option({"value": told.get("cpuarchitecturetype")}, "value"),
        generations=tuple(each.strip().upper() for each in told.get("hypervgenerations", "").split(",")),
        zones=tuple(sorted(zone for zone in _zones(item, location) if zone not in refused)),
        offered=not _is_restricted(item, location),
        spot=told.get("lowprioritycapable", "").lower() == "true",
    )


def _zones(item: Mapping[str, object], location: str) -> Iterator[str]:
    for info in mappings(item, "locationInfo"):
        if squeezed(text(info, "location")) == squeezed(location):
            yield from zones(info)


def _is_restricted(item: Mapping[str, object], location: str) -> bool:
    """Whether the whole region is closed to this subscription."""
    return any(
        text(each, "type").lower() == "location" and _names(each, location)
        for each in mappings(item, "restrictions")
    )


def _restricted_zones(item: Mapping[str, object], location: str) -> Iterator[str]:
    for each in mappings(item, "restrictions"):
        if text(each, "type").lower() == "zone" and _names(each, location):
            yield from zones(mapping(each, "restrictionInfo"))


def _names(restriction: Mapping[str, object], location: str) -> bool:
    """Whether it is about this region; `values` holds the regions in both kinds of restriction."""
    info = mapping(restriction, "restrictionInfo")
    places = [*_texts(info.get("locations")), *_texts(restriction.get("values"))]
    return not places or squeezed(location) in [squeezed(place) for place in places]


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
