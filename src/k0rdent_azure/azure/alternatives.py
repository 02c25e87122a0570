"""What would work in place of a VM size that Azure refuses: other zones, sizes like it, fewer cores. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from k0rdent_azure.azure.skus import VmSize
from k0rdent_azure.config.images import SIZE
from k0rdent_azure.errors import Quota

#: How many sizes are named; more is a catalogue, not advice.
MOST_NAMED = 3
#: A quota for all families of the region together, as ARM calls it.
_REGIONAL = "regional"


@dataclass(frozen=True, slots=True)
class Use:
    """What the configuration asks for: `count` VMs of `size` for `role` in `zones` (none: without a zone)."""

    role: str
    size: str
    zones: frozenset[str]
    count: int
    spot: bool
    generation: str | None = None


def for_refused(uses: Sequence[Use], sizes: Sequence[VmSize], told: str) -> list[str]:
    """For each size that cannot be had: the zones where it can, and the sizes most like it in the zones wanted.

    `told` is ARM's text. Where Azure lists a size as offered and ARM refuses it by name, its room is used up.
    """
    by_name = {size.name.lower(): size for size in sizes}
    closed = [use for use in uses if not _is_offered(use, by_name)]
    refused = closed or [use for use in uses if use.size.lower() in told.lower()] or list(uses)
    return [_instead(use, by_name.get(use.size.lower()), sizes) for use in refused]


def all_offered(uses: Sequence[Use], sizes: Sequence[VmSize]) -> bool:
    """Whether Azure offers all that is asked for: if it refuses it, its room is used up, which may change."""
    by_name = {size.name.lower(): size for size in sizes}
    return all(_is_offered(use, by_name) for use in uses)


def _is_offered(use: Use, by_name: dict[str, VmSize]) -> bool:
    size = by_name.get(use.size.lower())
    return size is not None and size.fits(use.zones)


def _instead(use: Use, size: VmSize | None, sizes: Sequence[VmSize]) -> str:
    lead = f"{use.role}: {use.size} {_where(use, size)}"
    like = [each.name for each in nearest(use, size, sizes)] if size else []
    if not like:
        return lead
    return f"{lead}; most like it{_in_zones(use.zones)}: {', '.join(like)}"


def _where(use: Use, size: VmSize | None) -> str:
    if size is None:
        return "does not exist in this region"
    if not size.offered:
        return "is not offered to this subscription in this region"
    if use.zones <= frozenset(size.zones):
        return "is offered, but Azure has no room for it just now"
    if not size.zones:
        return "is offered in this region only without zones"
    return f"is offered to this subscription in {_plural('zone', size.zones)} only"


def nearest(use: Use, size: VmSize, sizes: Iterable[VmSize]) -> list[VmSize]:
    """The sizes most like `size` that would do for `use`: nearest in vCPUs, of the same series, in memory, in age."""
    series, version = _series(size.name)

    def distance(each: VmSize) -> tuple[float, bool, float, bool, int, str]:
        its_series, its_version = _series(each.name)
        return (
            abs(each.vcpus - size.vcpus),
            its_series != series,
            abs(each.memory - size.memory),
            each.family != size.family,
            abs(its_version - version),
            each.name,
        )

    return sorted((each for each in sizes if _would_do(each, use, size)), key=distance)[:MOST_NAMED]


def _series(name: str) -> tuple[str, int]:
    """`Standard_D4ds_v5` is of series D, version 5; a name that tells neither is of its own."""
    match = SIZE.fullmatch(name)
    return (match["family"].upper(), int(match["version"] or 1)) if match else (name, 1)


def _would_do(each: VmSize, use: Use, size: VmSize) -> bool:
    return (
        each.name != size.name
        and each.fits(use.zones)
        and each.architecture == size.architecture
        and each.memory >= size.memory / 2
        and (each.spot or not use.spot)
        and (use.generation is None or use.generation in each.generations)
    )


def for_quota(uses: Sequence[Use], sizes: Sequence[VmSize], quota: Quota) -> list[str]:
    """What fits into the rest of a quota for cores: fewer VMs, smaller sizes, or families with quotas of their own."""
    by_name = {size.name.lower(): size for size in sizes}
    known = [(use, size) for use in uses if (size := by_name.get(use.size.lower())) is not None]
    regional = _REGIONAL in quota.name.lower() or "lowpriority" in quota.name.lower()
    counted = [(use, size) for use, size in known if regional or size.family.lower() in quota.name.lower()]
    return [_within(quota, counted, use, size, sizes, regional=regional) for use, size in counted]


def _within(
    quota: Quota,
    counted: Sequence[tuple[Use, VmSize]],
    use: Use,
    size: VmSize,
    sizes: Sequence[VmSize],
    *,
    regional: bool,
) -> str:
    """Advice for one role, what the other roles take of the same quota left to them."""
    others = sum(other.count * of.vcpus for other, of in counted if other is not use)
    left = max(0, quota.limit - quota.in_use - others)
    ways = []
    if left >= size.vcpus:
        ways.append(f"{left // size.vcpus} of {use.size} fit")
    smaller = [each for each in sizes if each.vcpus * use.count <= left and each.vcpus < size.vcpus]
    within = [each.name for each in nearest(use, size, smaller) if regional or each.family == size.family]
    if within:
        ways.append(f"{use.count} of {' or '.join(within)} fit")
    if not regional:
        apart = [each.name for each in nearest(use, size, (s for s in sizes if s.family != size.family))]
        if apart:
            ways.append(f"{', '.join(apart)} count against other quotas")
    return (
        f"{use.role}: {use.count} of {use.size} need {use.count * size.vcpus} cores, {left} are left"
        + "".join(f"; {way}" for way in ways)
    )


def _in_zones(zones: frozenset[str]) -> str:
    return f" in {_plural('zone', sorted(zones))}" if zones else ""


def _plural(noun: str, names: Sequence[str]) -> str:
    return f"{noun if len(names) == 1 else noun + 's'} {', '.join(names)}"
