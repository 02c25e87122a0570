"""Azure's regions by cloud, as of late 2025: to catch a wrong cloud or a slip of the pen without a request.

New regions appear, so an unlisted name is a doubt (a warning); a region of another cloud is a certain fault.
Source: `az account list-locations` names, learn.microsoft.com/azure/reliability/regions-list.
"""

from __future__ import annotations

from k0rdent_azure.config.model import CloudName
from k0rdent_azure.nearest import nearest as nearest_name

_PUBLIC_NAMES = """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
    brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral denmarkeast eastasia eastus
    eastus2 francecentral francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth
    japaneast japanwest jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral
    newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral
    southafricanorth southafricawest southcentralus southeastasia southindia spaincentral swedencentral
    swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest westcentralus westeurope
    westindia westus westus2 westus3
"""
_PUBLIC = frozenset(_PUBLIC_NAMES.split())
REGIONS: dict[CloudName, frozenset[str]] = {
    "AzureCloud": _PUBLIC,
    "AzureUSGovernment": frozenset(
        {"usgovvirginia", "usgovtexas", "usgovarizona", "usdodcentral", "usdodeast"}
    ),
    "AzureChinaCloud": frozenset(
        {"chinaeast", "chinaeast2", "chinaeast3", "chinanorth", "chinanorth2", "chinanorth3"}
    ),
    # The rehearsal cloud plays any region of the public one.
    "rehearsal": _PUBLIC,
}


def cloud_of(location: str) -> CloudName | None:
    """The cloud that has this region; the public one speaks for the rehearsal too."""
    return next((cloud for cloud, regions in REGIONS.items() if location in regions), None)


def nearest(location: str, cloud: CloudName) -> str | None:
    """The region of `cloud` whose name is closest to `location`."""
    return nearest_name(location, sorted(REGIONS[cloud]))
