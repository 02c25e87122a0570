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
    r"(?P<tier>Standard|Basic)_(?P<family>[A-Z]+)(?P<cores>[0-9]+)(?P<constrained>-[0-9]+)?(?P<features>[a-z]*)"
    r"(?P<extra>(_[A-Z0-9]+)*?)(_v(?P<version>[0-9]+))?(?P<promo>_Promo)?",
    re.ASCII | re.IGNORECASE,
)


#: Words in the name of an image that say that it is for x86-64; confidential VMs (`cvm`) are that only.
_X64_WORDS = frozenset({"x64", "amd64", "x86", "cvm"})
#: Publishers who write `arm64` into the name of each such image of theirs, so that its absence says x86-64.
_TELLING = ("debian", "canonical", "redhat")


@dataclass(frozen=True, slots=True)
class Image:
    """`architecture` is None if the name does not tell: a name without `arm64` proves nothing."""

    architecture: Architecture | None
    generation: Literal[1, 2] | None


@dataclass(frozen=True, slots=True)
class Size:
    """`generations` is None if the name does not tell. Azure offers neither `burstable` nor `promo` sizes as Spot.

    `premium` sizes take premium disks.
    """

    architecture: Architecture | None
    generations: frozenset[int] | None
    burstable: bool
    promo: bool
    premium: bool
    version: int


def image_name(urn: str) -> str:
    """The URN with `latest` as the template wants it; publisher, offer and SKU are Azure's to compare."""
    publisher, colon, version = urn.strip().rpartition(":")
    return f"{publisher}{colon}{version.lower() if version.lower() == 'latest' else version}"


def size_name(size: str) -> str:
    """Azure's own spelling of a size: `standard_d2S_V5` is `Standard_D2s_v5`."""
    match = SIZE.fullmatch(size.strip())
    if match is None:
        return size.strip()
    version = f"_v{match['version']}" if match["version"] else ""
    return (
        f"{match['tier'].capitalize()}_{match['family'].upper()}{match['cores']}{match['constrained'] or ''}"
        f"{match['features'].lower()}{match['extra'].upper()}{version}{'_Promo' if match['promo'] else ''}"
    )


def image_traits(urn: str) -> Image | None:
    """What the image needs; None for text that is no URN."""
    match = URN.fullmatch(urn)
    if match is None:
        return None
    publisher, offer, sku = (match[name].lower() for name in ("publisher", "offer", "sku"))
    name = f"{offer}:{sku}"
    words = frozenset(re.split(r"[-_:.]", name))
    if "arm64" in name or "aarch64" in name or "arm" in words:
        return Image("arm64", 2)
    generation = _generation(publisher, offer, words)
    # There is no Arm VM of generation 1.
    x64 = bool(words & _X64_WORDS) or generation == 1 or publisher in _TELLING
    return Image("x86-64" if x64 else None, generation)


def _generation(publisher: str, offer: str, words: frozenset[str]) -> Literal[1, 2] | None:
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
        promo=match["promo"] is not None,
        premium=_premium(family, features),
        version=version,
    )


def _premium(family: str, features: str) -> bool:
    return "s" in features or family.endswith("S")


def _generations(family: str, features: str, version: int) -> frozenset[int] | None:
    premium = _premium(family, features)
    if version >= 6 or (family in ("DC", "EC") and version >= 2):
        return frozenset({2})
    if family == "A":
        return frozenset({1})
    if family in ("D", "E") and version in (2, 3) and not premium:
        return frozenset({1})
    if family in ("B", "D", "DS", "E") and (version >= 2 or family == "B"):
        return frozenset({1, 2})
    return None


def doubt(urn: str, size: str) -> tuple[str, str] | None:
    """Why nobody can tell from names whether this image runs on this Arm size; most images are for x86-64."""
    image, vm = image_traits(urn), size_traits(size)
    if image is None or vm is None or image.architecture is not None or vm.architecture != "arm64":
        return None
    return (
        f"{size} has arm64 processors; the name of the image {urn} does not tell whether it is for them",
        f"an image for arm64 ({DEBIAN_ARM64} is one); az vm image show --urn {urn} tells its architecture",
    )


def mismatch(urn: str, size: str) -> tuple[str, str] | None:
    """Why this image cannot run on this size, and what could; None if it can, or names do not tell."""
    image, vm = image_traits(urn), size_traits(size)
    if image is None or vm is None:
        return None
    if vm.architecture and image.architecture and vm.architecture != image.architecture:
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
