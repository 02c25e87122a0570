"""The regions and VM sizes that this cloud offers: a plausible excerpt of Azure's."""

from __future__ import annotations

from k0rdent_azure.config.regions import REGIONS as KNOWN
from k0rdent_azure.rehearsal.records import Json

#: Regions, and whether they have availability zones: what `config` knows of the public cloud.
REGIONS: dict[str, bool] = {name: bool(zoned) for name, zoned in KNOWN["rehearsal"].items()}

#: Size -> (family, vCPUs, memory in GB, architecture, VM generations).
SIZES: dict[str, tuple[str, int, float, str, str]] = {
    "Standard_B1s": ("standardBSFamily", 1, 1, "x64", "V1,V2"),
    "Standard_B2s": ("standardBSFamily", 2, 4, "x64", "V1,V2"),
    "Standard_B2ms": ("standardBSFamily", 2, 8, "x64", "V1,V2"),
    "Standard_B4ms": ("standardBSFamily", 4, 16, "x64", "V1,V2"),
    "Standard_B2pls_v2": ("standardBpsv2Family", 2, 4, "Arm64", "V2"),
    "Standard_B2ps_v2": ("standardBpsv2Family", 2, 8, "Arm64", "V2"),
    "Standard_B4ps_v2": ("standardBpsv2Family", 4, 16, "Arm64", "V2"),
    "Standard_DS1_v2": ("standardDSv2Family", 1, 3.5, "x64", "V1,V2"),
    "Standard_DS2_v2": ("standardDSv2Family", 2, 7, "x64", "V1,V2"),
    "Standard_DS3_v2": ("standardDSv2Family", 4, 14, "x64", "V1,V2"),
    **{
        f"Standard_D{cores}{letters}": (family, cores, cores * memory, architecture, generations)
        for cores in (2, 4, 8, 16, 32, 48, 64)
        for letters, family, memory, architecture, generations in (
            ("s_v3", "standardDSv3Family", 4, "x64", "V1,V2"),
            ("s_v4", "standardDSv4Family", 4, "x64", "V1,V2"),
            ("as_v4", "standardDASv4Family", 4, "x64", "V1,V2"),
            ("s_v5", "standardDSv5Family", 4, "x64", "V1,V2"),
            ("as_v5", "standardDASv5Family", 4, "x64", "V1,V2"),
            ("ds_v5", "standardDDSv5Family", 4, "x64", "V1,V2"),
            ("ps_v5", "standardDPSv5Family", 4, "Arm64", "V2"),
            ("pls_v5", "standardDPLSv5Family", 2, "Arm64", "V2"),
            ("s_v6", "StandardDsv6Family", 4, "x64", "V2"),
            ("as_v6", "StandardDav6Family", 4, "x64", "V2"),
            ("ls_v6", "StandardDlsv6Family", 2, "x64", "V2"),
            ("ps_v6", "StandardDpsv6Family", 4, "Arm64", "V2"),
            ("pls_v6", "StandardDplsv6Family", 2, "Arm64", "V2"),
            ("pds_v6", "StandardDpdsv6Family", 4, "Arm64", "V2"),
        )
    },
    **{
        f"Standard_{series}{cores}s_v5": (f"standard{series}Sv5Family", cores, cores * memory, "x64", "V1,V2")
        for series, memory in (("E", 8), ("F", 2))
        for cores in (2, 4, 8, 16, 32)
    },
}
_BY_LOWER_CASE = {name.lower(): name for name in SIZES}


def region(name: object) -> str:
    """A region's own spelling of what someone wrote: `Southeast Asia` is `southeastasia`."""
    return "".join(str(name or "").lower().split())


def size(name: str) -> str | None:
    """The size's own spelling, or None where there is none of that name."""
    return _BY_LOWER_CASE.get(name.lower())


def sku(name: str, location: str) -> Json:
    """One entry of `Microsoft.Compute/skus`."""
    family, cores, memory, architecture, generations = SIZES[name]
    zones = ["1", "2", "3"] if REGIONS[location] else []
    capabilities = {
        "vCPUs": str(cores),
        "MemoryGB": f"{memory:g}",
        "CpuArchitectureType": architecture,
        "HyperVGenerations": generations,
        "PremiumIO": "True",
        "LowPriorityCapable": "True",
        "AcceleratedNetworkingEnabled": "True",
        "EncryptionAtHostSupported": "True",
    }
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "tier": "Standard",
        "size": name.removeprefix("Standard_"),
        "family": family,
        "locations": [location],
        "locationInfo": [{"location": location, "zones": zones, "zoneDetails": []}],
        "capabilities": [{"name": key, "value": value} for key, value in capabilities.items()],
        "restrictions": [],
    }
