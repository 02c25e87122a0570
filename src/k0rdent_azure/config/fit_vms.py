"""How the settings of VMs fit each other: region, zones, counts, sizes, image, Spot, versions."""

from __future__ import annotations

from collections.abc import Iterator

from k0rdent_azure.config import regions
from k0rdent_azure.config.good import Good
from k0rdent_azure.config.images import DEBIAN_X64, doubt, image_traits, mismatch, size_traits
from k0rdent_azure.config.rules import MAX_HOSTS
from k0rdent_azure.errors import Fault

#: The oldest Kubernetes that k0rdent asks for.
KUBERNETES = (1, 32)
#: Releases of k0rdent that do not become ready on Arm nodes, because a provider has no arm64 image, and the next one.
_NOT_ON_ARM = ((1, 0, 0), (1, 4, 0))
OLDEST_K0RDENT_ON_ARM = "1.4.0"


def region(good: Good) -> Iterator[Fault]:
    """The region is one of the cloud's."""
    location, cloud = good.text("azure.location"), good.cloud()
    if location is None or cloud is None or location in regions.REGIONS[cloud]:
        return
    path, value = good.at("azure.location")
    example = regions.nearest(location, cloud)
    home = regions.cloud_of(location)
    if home is not None:
        known = ", ".join(sorted(regions.REGIONS[cloud])[:6])
        yield value.fault(
            path, f"{location} is a region of {home}, not of {cloud}", expected=f"one of {known}, …"
        )
    else:
        suggestion = f"; did you mean {example}?" if example else ""
        message = f"{location} is no region of {cloud} that this version knows{suggestion}"
        yield value.fault(path, message, severity="warning")


def zones(good: Good) -> Iterator[Fault]:
    """Zones stand where the region has some, and each gets a VM."""
    location = good.text("azure.location")
    for role in good.roles():
        place, found = f"cluster.{role}s.zones", good.numbers(f"cluster.{role}s.zones")
        if not found:
            continue
        path, value = good.at(place)
        if location is not None and regions.has_zones(location) is False:
            message = f"{location} has no availability zones"
            yield value.fault(path, message, expected=f"[], or a region with zones such as {_zoned(good)}")
            continue
        count = good.number(f"cluster.{role}s.count")
        if count is not None and count < len(found):
            unused = ", ".join(str(zone) for zone in found[count:])
            message = f"{_vms(count, role)} cannot fill {len(found)} zones: zone {unused} stays without one"
            expected = f"at most {count}"
            yield value.fault(path, message, expected=expected, severity="warning")


def _vms(count: int, role: str) -> str:
    return f"one {role}" if count == 1 else f"{count} {role}s"


def _zoned(good: Good) -> str:
    known = regions.REGIONS[good.cloud() or "AzureCloud"]
    usual = ("southeastasia", "usgovvirginia", "chinanorth3")
    return next((name for name in usual if known.get(name)), "another")


def counts(good: Good) -> Iterator[Fault]:
    """Controllers are an odd number, and all hosts fit into a template."""
    controllers, workers = good.number("cluster.controllers.count"), good.number("cluster.workers.count")
    if controllers is not None and controllers % 2 == 0:
        path, value = good.at("cluster.controllers.count")
        message = f"{controllers} controllers survive no more failures than {controllers - 1}; etcd needs a majority"
        yield value.fault(path, message, expected="an odd number", severity="warning")
    if controllers is not None and workers is not None and controllers + workers > MAX_HOSTS:
        path, value = good.at("cluster.workers.count")
        message = f"{controllers + workers} hosts do not fit into one ARM template"
        yield value.fault(path, message, expected=f"at most {MAX_HOSTS} controllers and workers")


def images(good: Good) -> Iterator[Fault]:
    """The one image runs on the sizes of all roles."""
    image = good.text("azure.vm_image")
    found = False
    for role in good.roles():
        size = good.text(f"vm_sizing.{role}.size")
        if image is None or size is None:
            continue
        path, value = good.at(f"vm_sizing.{role}.size", "azure.vm_image")
        problem, doubtful = mismatch(image, size), doubt(image, size)
        if problem is not None:
            found = True
            yield value.fault(path, problem[0], expected=problem[1])
        elif doubtful is not None:
            yield value.fault(path, doubtful[0], expected=doubtful[1], severity="warning")
    if not found:
        yield from _one_image_for_both(good)


def _one_image_for_both(good: Good) -> Iterator[Fault]:
    """Sizes that no image can serve together are wrong, whatever the image is."""
    sizes = [good.text(f"vm_sizing.{role}.size") for role in ("controller", "worker")]
    if len(good.roles()) < len(sizes) or None in sizes:
        return
    controller, worker = (size_traits(size or "") for size in sizes)
    if controller is None or worker is None:
        return
    path, value = good.at("vm_sizing.worker.size", "vm_sizing.controller.size")
    if controller.architecture and worker.architecture and controller.architecture != worker.architecture:
        message = (
            f"{sizes[0]} has {controller.architecture} processors and {sizes[1]} {worker.architecture}: "
            "no image is for both"
        )
        yield value.fault(
            path, message, expected="sizes with the same processors for controllers and workers"
        )
    elif controller.generations and worker.generations and not controller.generations & worker.generations:
        message = (
            f"no image boots on both {sizes[0]} and {sizes[1]}: they run images of different generations"
        )
        yield value.fault(path, message, expected=f"sizes for the same images, such as {DEBIAN_X64}")


def spot(good: Good) -> Iterator[Fault]:
    """Spot exists in the cloud and for the size; its eviction policy is for Spot only."""
    if good.text("azure.vm_priority") != "Spot":
        if good.is_given("azure.eviction_policy") and good.text("azure.eviction_policy") == "Delete":
            path, value = good.at("azure.eviction_policy")
            message = "an eviction policy has no effect on Regular VMs: Azure evicts Spot VMs only"
            yield value.fault(path, message, expected="vm_priority: Spot beside it", severity="warning")
        return
    if good.cloud() == "AzureChinaCloud":
        path, value = good.at("azure.vm_priority", "azure.cloud")
        yield value.fault(path, "Azure China does not offer Spot VMs", expected="Regular")
        return
    for role in good.roles():
        size = good.text(f"vm_sizing.{role}.size")
        traits = size_traits(size) if size is not None else None
        if traits is None or not (traits.burstable or traits.promo):
            continue
        path, value = good.at(f"vm_sizing.{role}.size")
        kind = "burstable (B series)" if traits.burstable else "a promotional size"
        message = f"{size} is {kind}, Azure offers those not as Spot"
        yield value.fault(path, message, expected="another series, such as D", severity="warning")


def versions(good: Good) -> Iterator[Fault]:
    """Kubernetes is new enough for k0rdent, and k0rdent for the processors."""
    version = good.text("software.k0s.version")
    if version is not None:
        major, minor = (int(part) for part in version.removeprefix("v").split(".")[:2])
        if (major, minor) < KUBERNETES:
            path, value = good.at("software.k0s.version")
            message = f"Kubernetes {major}.{minor} is older than k0rdent asks for"
            yield value.fault(path, message, expected="1.32 or newer", severity="warning")
    yield from _k0rdent_on_arm(good)


def _k0rdent_on_arm(good: Good) -> Iterator[Fault]:
    version, image = good.text("software.k0rdent.version"), image_traits(good.text("azure.vm_image") or "")
    if version is None or image is None or image.architecture != "arm64":
        return
    release = tuple(int(part) for part in version.partition("-")[0].split("."))
    if _NOT_ON_ARM[0] <= release < _NOT_ON_ARM[1]:
        path, value = good.at("software.k0rdent.version", "azure.vm_image")
        message = (
            f"k0rdent {version} does not become ready on arm64 nodes: one of its providers has no arm64 image"
        )
        expected = f"{OLDEST_K0RDENT_ON_ARM} or newer, or x86-64 VMs"
        yield value.fault(path, message, expected=expected, severity="warning")


def waits(good: Good) -> Iterator[Fault]:
    """Within the time that VMs get, somebody looks at them."""
    interval, minutes = (
        good.number("timeouts.vm_wait_check_interval"),
        good.number("timeouts.vm_creation_minutes"),
    )
    if interval is not None and minutes is not None and interval > 60 * minutes:
        path, value = good.at("timeouts.vm_wait_check_interval", "timeouts.vm_creation_minutes")
        message = f"an interval of {interval} seconds is longer than the {minutes} minutes that VMs get"
        yield value.fault(path, message, expected=f"less than {60 * minutes}", severity="warning")


RULES = (region, zones, counts, images, spot, versions, waits)
