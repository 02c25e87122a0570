"""When ARM refuses VMs for their size or for a quota: which zones and sizes would work instead.

It does so before it starts anything, or, of a nested deployment, when that one begins. Azure is asked for its sizes
only now, once, and the answer is kept for some hours.
"""

from __future__ import annotations

from k0rdent_azure.azure import alternatives, skus
from k0rdent_azure.azure.alternatives import Use
from k0rdent_azure.azure.skus import VmSize
from k0rdent_azure.config.images import image_traits
from k0rdent_azure.config.topology import hosts
from k0rdent_azure.errors import AzureError, AzureRequestError, DeploymentFailedError
from k0rdent_azure.phases.context import Context

#: Families of refusals that a list of sizes helps with.
_ABOUT_SIZES = frozenset({"size", "capacity"})


async def advise(ctx: Context, error: AzureRequestError | DeploymentFailedError) -> None:
    """Put into the hint of `error` what would work; where that cannot be told, the hint stays as it is."""
    if error.family not in _ABOUT_SIZES and error.quota is None:
        return
    try:
        sizes = await _sizes(ctx)
    except AzureError:
        # Why the deployment was refused matters more than that there is no advice.
        return
    if error.quota is not None:
        found = alternatives.for_quota(_uses(ctx), sizes, error.quota)
        wider = "; or ask for a larger quota (portal: Subscriptions, Usage + quotas)"
    else:
        found, wider = alternatives.for_refused(_uses(ctx), sizes, error.message), ""
        error.way = "either" if alternatives.all_offered(_uses(ctx), sizes) else "change"
    if found:
        error.hint = f"{'. '.join(found)}{wider}"


async def _sizes(ctx: Context) -> list[VmSize]:
    subscription = ctx.state.azure_resources.subscription_id or ""
    where = (ctx.config.azure.cloud, subscription, ctx.config.azure.location)
    cache, now = ctx.outside.sku_cache, ctx.clock.now()
    kept = cache.get(*where, now=now)
    if kept is not None:
        return kept
    found = await skus.vm_sizes(ctx.arm, subscription, ctx.config.azure.location)
    cache.put(*where, found, now=now)
    return found


def _uses(ctx: Context) -> list[Use]:
    """Each role's VMs, as the deployment would make them."""
    image = image_traits(ctx.config.azure.vm_image)
    generation = f"V{image.generation}" if image and image.generation else None
    found = []
    for role in ("controller", "worker"):
        members = [host for host in hosts(ctx.config) if host.role == role]
        if members:
            zones = frozenset(host.zone for host in members if host.zone)
            spot = ctx.config.azure.vm_priority == "Spot"
            found.append(Use(f"{role}s", members[0].size, zones, len(members), spot, generation))
    return found
