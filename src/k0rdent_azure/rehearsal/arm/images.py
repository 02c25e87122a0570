"""Platform images: their versions, and what each is.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machine-images
"""

from __future__ import annotations

import re

from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.records import Json

#: What `latest` means, for every image.
LATEST = "0.20250601.2128"
_VERSIONS = ("0.20250428.2096", "0.20250519.2114", LATEST)


def architecture(image: Json) -> str:
    """`Arm64` or `x64`: the names of images tell theirs."""
    names = f"{image.get('offer', '')}:{image.get('sku', '')}".lower()
    arm = "arm64" in names or "aarch64" in names or "arm" in re.split("[-_.:]", names)
    return "Arm64" if arm else "x64"


def versions(call: Call) -> Answer:
    """An array, oldest first unless `$orderby` says otherwise."""
    found = sorted(_VERSIONS, reverse="desc" in call.query.get("$orderby", "").lower())
    top = call.query.get("$top", "")
    chosen = found[: int(top)] if top.isdigit() else found
    return Answer(200, [_image(call, each) for each in chosen])


def get(call: Call) -> Answer:
    found = _image(call, call.part["version"])
    found["properties"] = {
        "hyperVGeneration": "V2",
        "architecture": architecture({"offer": call.part["offer"], "sku": call.part["sku"]}),
        "disallowed": {"vmDiskType": "None"},
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
        "imageDeprecationStatus": {"imageState": "Active"},
        "features": [{"name": "IsAcceleratedNetworkSupported", "value": "True"}],
        "osDiskImage": {"operatingSystem": "Linux"},
        "dataDiskImages": [],
    }
    return Answer(200, found)


def _image(call: Call, version: str) -> Json:
    base = call.path.partition("/versions")[0]
    return {"location": call.part["location"].lower(), "name": version, "id": f"{base}/Versions/{version}"}
