"""Azure's regions by cloud, as of late 2025, and whether each has availability zones.

The one table: `config validate` finds a wrong cloud or zone without a request, and the rehearsal cloud offers these.
New regions appear, so an unlisted name is a doubt (a warning); a region of another cloud, or a zone in a region that
has none, is a certain fault.
Source: `az account list-locations` names, learn.microsoft.com/azure/reliability/regions-list.
"""

from __future__ import annotations

from k0rdent_azure.config.model import CloudName
from k0rdent_azure.nearest import nearest as nearest_name

_ZONED = """
    australiaeast austriaeast belgiumcentral brazilsouth canadacentral centralindia centralus chilecentral
    denmarkeast eastasia eastus eastus2 francecentral germanywestcentral indonesiacentral israelcentral italynorth
    japaneast japanwest koreacentral malaysiawest mexicocentral newzealandnorth northeurope norwayeast
    polandcentral qatarcentral southafricanorth southcentralus southeastasia spaincentral swedencentral
    switzerlandnorth uaenorth uksouth westeurope westus2 westus3
"""
_UNZONED = """
    australiacentral australiacentral2 australiasoutheast brazilsoutheast canadaeast francesouth germanynorth
    jioindiacentral jioindiawest koreasouth northcentralus norwaywest southafricawest southindia swedensouth
    switzerlandwest uaecentral ukwest westcentralus westindia westus
"""
_PUBLIC = {**dict.fromkeys(_ZONED.split(), True), **dict.fromkeys(_UNZONED.split(), False)}
#: Whether each region of a cloud has zones; None: not known here.
REGIONS: dict[CloudName, dict[str, bool | None]] = {
    "AzureCloud": {**_PUBLIC},
    "AzureUSGovernment": {
        "usgovvirginia": True,
        "usgovtexas": False,
        "usgovarizona": None,
        "usdodcentral": False,
        "usdodeast": False,
    },
    "AzureChinaCloud": {
        "chinaeast": False,
        "chinaeast2": False,
        "chinaeast3": None,
        "chinanorth": False,
        "chinanorth2": False,
        "chinanorth3": True,
    },
    # The rehearsal cloud plays any region of the public one.
    "rehearsal": {**_PUBLIC},
}
#: A region with zones has three of them.
ZONES = ("1", "2", "3")


def squeezed(name: str) -> str:
    """A region's name as Azure compares it: `Southeast Asia` is `southeastasia`."""
    return "".join(name.split()).lower()


def has_zones(location: str) -> bool | None:
    """Whether a region has availability zones; None if that is not known here."""
    return next((regions[location] for regions in REGIONS.values() if location in regions), None)


def cloud_of(location: str) -> CloudName | None:
    """The cloud that has this region; the public one speaks for the rehearsal too."""
    return next((cloud for cloud, regions in REGIONS.items() if location in regions), None)


def nearest(location: str, cloud: CloudName) -> str | None:
    """The region of `cloud` whose name is closest to `location`."""
    return nearest_name(location, sorted(REGIONS[cloud]))
