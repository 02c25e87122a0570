"""What a region says that it has left: sizes with their restrictions, and quotas with their use.

Source: https://learn.microsoft.com/rest/api/compute/resource-skus/list and
https://learn.microsoft.com/rest/api/compute/usage/list
"""

from __future__ import annotations

from collections import Counter

from k0rdent_azure.rehearsal.arm import filters
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.compute import VIRTUAL_MACHINES
from k0rdent_azure.rehearsal.arm.network import mapping
from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.rehearsal.records import Json
from k0rdent_azure.rehearsal.regions import REGIONS, SIZES, size, sku

#: vCPUs that a subscription may use in a region, in all and of one family.
LIMIT = 1000


def skus(call: Call) -> Answer:
    """Every size, where it is; a rehearsed `SkuNotAvailable` that names no VM is a restriction."""
    wanted = filters.parse(call.query.get("$filter", ""))
    places = [place for place in REGIONS if wanted.get("location", place).lower() == place]
    armed = [fault for fault in call.faults.armed("SkuNotAvailable") if fault.vm is None]
    found = [(sku(name, place), name, place) for place in places for name in SIZES]
    for entry, name, place in found:
        entry["restrictions"] = [_restriction(each, place) for each in armed if _is_for(each, name)]
    return Answer(200, {"value": [entry for entry, _, _ in found]})


def _is_for(fault: Fault, name: str) -> bool:
    return fault.size is None or fault.size.lower() == name.lower()


def _restriction(fault: Fault, place: str) -> Json:
    where: Json = {"locations": [place]}
    if fault.zone is not None:
        where["zones"] = [fault.zone]
    return {
        "type": "Location" if fault.zone is None else "Zone",
        "values": [place],
        "restrictionInfo": where,
        "reasonCode": "NotAvailableForSubscription",
    }


def vm_sizes(_call: Call) -> Answer:
    """The older, flat list of a region's sizes. https://learn.microsoft.com/rest/api/compute/virtual-machine-sizes"""
    return Answer(
        200,
        {
            "value": [
                {
                    "name": name,
                    "numberOfCores": cores,
                    "memoryInMB": int(memory * 1024),
                    "osDiskSizeInMB": 1047552,
                    "resourceDiskSizeInMB": 0,
                    "maxDataDiskCount": 4 * cores,
                }
                for name, (_, cores, memory, *_) in SIZES.items()
            ]
        },
    )


def usages(call: Call) -> Answer:
    """The vCPUs in use in a region; a rehearsed `QuotaExceeded` leaves none."""
    place = call.part["location"].lower()
    used: Counter[str] = Counter()
    for vm in call.world.resources(type_=VIRTUAL_MACHINES):
        asked = str(mapping(mapping(vm.body, "properties"), "hardwareProfile").get("vmSize", ""))
        known = size(asked)
        if vm.location == place and known is not None:
            family, cores, *_ = SIZES[known]
            used.update({family: cores})
    exceeded = {family for fault in call.faults.armed("QuotaExceeded") for family in _families(fault)}
    found = [_usage("cores", "Total Regional vCPUs", used.total(), LIMIT)]
    for family in dict.fromkeys(family for family, *_ in SIZES.values()):
        limit = used[family] if family in exceeded else LIMIT
        found.append(_usage(family, f"{family} vCPUs", used[family], limit))
    return Answer(200, {"value": found})


def _families(fault: Fault) -> set[str]:
    known = size(fault.size) if fault.size else None
    return {SIZES[known][0]} if known else {family for family, *_ in SIZES.values()}


def _usage(name: str, shown: str, used: int, limit: int) -> Json:
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": shown},
    }
