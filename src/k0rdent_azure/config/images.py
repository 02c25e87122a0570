"""What an image and a VM size can do, read from their names alone: processor architecture and generation.

Azure refuses a mismatch only after minutes, so it is found here first. The rules are those of the size naming
conventions (learn.microsoft.com/azure/virtual-machines/vm-naming-conventions) and of the generation table
(learn.microsoft.com/azure/virtual-machines/generation-2). What the name does not tell is None, and no fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Architecture = Literal["x86-64", "arm64"]

#: What the templates use, and what faults suggest.
DEBIAN_X64 = "Debian:debian-12:12-gen2:latest"
DEBIAN_ARM64 = "Debian:debian-12:12-arm64:latest"
#: Default (controller, worker) sizes for a snapshot that names none.
SIZES: dict[Architecture, tuple[str, str]] = {
    "x86-64": ("Standard_B2s", "Standard_B2s"),
    "arm64": ("Standard_D2pls_v6", "Standard_D8pls_v6"),
}

#: `Publisher:Offer:Sku:Version`, the version a number or `latest`.
URN = re.compile(
    r"(?P<publisher>[\w.-]+):(?P<offer>[\w.-]+):(?P<sku>[\w.-]+):(?P<version>latest|[0-9]+(\.[0-9]+)*)",
    re.ASCII,
)
#: `Standard_D8-4pls_v6`, `Standard_NC24ads_A100_v4`, `Standard_D2_v2_Promo`.
SIZE = re.compile(
    r"(?P<tier>Standard|Basic)_(?P<family>[A-Z]+)(?P<cores>[0-9]+)(-[0-9]+)?(?P<features>[a-z]*)"
    r"(?P<extra>(_[A-Z0-9]+)*?)(_v(?P<version>[0-9]+))?(?P<promo>_Promo)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Image:
    architecture: Architecture
    generation: Literal[1, 2] | None


@dataclass(frozen=True, slots=True)
class Size:
    """`generations` is None where the name does not tell; `burstable` sizes cannot be Spot."""

    architecture: Architecture | None
    generations: frozenset[int] | None
    burstable: bool


def image_traits(urn: str) -> Image | None:
    """What the image needs; None for text that is no URN."""
    match = URN.fullmatch(urn)
    if match is None:
        return None
    publisher, offer, sku = (match[name].lower() for name in ("publisher", "offer", "sku"))
    name = f"{offer}:{sku}"
    if "arm64" in name or "aarch64" in name:
        return Image("arm64", 2)
    return Image("x86-64", _generation(publisher, offer, sku))


def _generation(publisher: str, offer: str, sku: str) -> Literal[1, 2] | None:
    words = set(re.split(r"[-_:.]", f"{offer}:{sku}"))
    if words & {"gen2", "g2", "cvm"}:
        return 2
    if words & {"gen1", "g1"}:
        return 1
    if publisher == "debian" and offer.startswith("debian-"):
        return 1
    if publisher == "canonical" and (offer == "ubuntuserver" or offer.startswith("0001-com-ubuntu")):
        return 1
    # From 24.04 on Canonical's offers are `ubuntu-24_04-lts`, whose plain SKUs are generation 2.
    if publisher == "canonical" and offer.startswith("ubuntu-"):
        return 2
    return None


def size_traits(size: str) -> Size | None:
    """What the VM size can run; None for a name that does not follow the conventions."""
    match = SIZE.fullmatch(size)
    if match is None:
        return None
    family, features = match["family"].upper(), match["features"].lower()
    version = int(match["version"] or 1)
    # `p` after the cores is an Arm processor; Grace accelerators (GB200) bring their own without saying so.
    arm = "p" in features
    unsure = not arm and "GB" in match["extra"].upper()
    generations = frozenset({2}) if arm else _generations(family, features, version)
    return Size(
        architecture="arm64" if arm else None if unsure else "x86-64",
        generations=None if unsure else generations,
        burstable=family == "B",
    )


def _generations(family: str, features: str, version: int) -> frozenset[int] | None:
    premium = "s" in features or family.endswith("S")
    if version >= 6 or (family in ("DC", "EC") and version >= 2):
        return frozenset({2})
    if family == "A":
        return frozenset({1})
    if family in ("D", "E") and version in (2, 3) and not premium:
        return frozenset({1})
    if family in ("B", "D", "DS", "E") and (version >= 2 or family == "B"):
        return frozenset({1, 2})
    return None


def mismatch(urn: str, size: str) -> tuple[str, str] | None:
    """Why this image cannot run on this size, and what could; None where it can, or nobody knows."""
    image, vm = image_traits(urn), size_traits(size)
    if image is None or vm is None:
        return None
    if vm.architecture is not None and vm.architecture != image.architecture:
        fitting = DEBIAN_ARM64 if vm.architecture == "arm64" else DEBIAN_X64
        return (
            f"{size} has {vm.architecture} processors, the image {urn} is for {image.architecture}",
            f"an {image.architecture} size ({SIZES[image.architecture][1]}), or another image ({fitting})",
        )
    if image.generation is None or vm.generations is None or image.generation in vm.generations:
        return None
    only = ", ".join(str(generation) for generation in sorted(vm.generations))
    fitting = DEBIAN_X64 if 2 in vm.generations else "Debian:debian-12:12:latest"
    return (
        f"{size} runs generation {only} images only, the image {urn} is generation {image.generation}",
        f"a generation {only} image such as {fitting}, or another size",
    )
