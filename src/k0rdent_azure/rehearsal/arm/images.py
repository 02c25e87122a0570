"""Platform images: their versions, and what each is.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machine-images
"""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.records import Json

#: What `latest` means, for every image.
LATEST = "0.20250601.2128"
_VERSIONS = ("0.20250428.2096", "0.20250519.2114", LATEST)


def architecture(image: Json) -> str:
    """`Arm64` or `x64`: the names of images tell theirs."""
    names = f"{image.get('offer', '')}:{image.get('sku', '')}".lower()
    return "Arm64" if "arm64" in names or "aarch64" in names else "x64"


def versions(call: Call) -> Answer:
    """An array, oldest first unless `$orderby` says otherwise."""
    found = sorted(_VERSIONS, reverse="desc" in call.query.get("$orderby", "").lower())
    top = call.query.get("$top", "")
    chosen = found[: int(top)] if top.isdigit() else found
    is_expanded = "properties" in call.query.get("$expand", "").lower()
    return Answer(200, [_image(call, each, is_expanded=is_expanded) for each in chosen])


def get(call: Call) -> Answer:
    return Answer(200, _image(call, call.part["version"], is_expanded=True))


def _image(call: Call, version: str, *, is_expanded: bool) -> Json:
    base = call.path.partition("/versions")[0]
    shown: Json = {
        "location": call.part["location"].lower(),
        "name": version,
        "id": f"{base}/Versions/{version}",
    }
    if is_expanded:
        shown["properties"] = {
            "hyperVGeneration": "V2",
            "architecture": architecture({"offer": call.part["offer"], "sku": call.part["sku"]}),
            "replicaType": "Managed",
            "disallowed": {"vmDiskType": "None"},
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
            "imageDeprecationStatus": {"imageState": "Active"},
            "features": [{"name": "IsAcceleratedNetworkSupported", "value": "True"}],
            "osDiskImage": {"operatingSystem": "Linux", "sizeInGb": 31},
            "dataDiskImages": [],
        }
    return shown
