"""Refusals for want of quota: cores, public addresses, deployment records, and what else Azure counts."""

from __future__ import annotations

from k0rdent_azure.azure.advice import Advice, Rule, rule
from k0rdent_azure.azure.advice_compute import SIZES

_COUNTS = "cluster.*.count"
_MORE = "ask for more in the portal (Subscriptions, Usage + quotas; often granted within minutes)"
_CORES = (
    _MORE
    + "; `az vm list-usage --location {location} --subscription {subscription} --output table` shows what is used"
)

RULES: tuple[Rule, ...] = (
    # Cores, whatever the code: OperationNotAllowed and QuotaExceeded mean other things as well.
    rule(
        Advice(
            "cores",
            "the quota of Spot cores does not allow this",
            _CORES,
            "either",
            (_COUNTS, SIZES, "azure.vm_priority"),
        ),
        said=r"exceeding (?:approved|quota limits of) .{0,40}(?:low.?priority|spot)",
    ),
    rule(
        Advice("cores", "the quota of cores does not allow this", _CORES, "either", (_COUNTS, SIZES)),
        said=r"exceeding (?:approved .{1,80} quota|quota limits? of)|\bcores? quota\b|quota of .{0,30}\bcores?\b",
    ),
    # Deployment records: one code, two meanings.
    rule(
        Advice(
            "records",
            "deployment records of this scope are in too many regions already (Azure allows 10)",
            "delete all records of one of these regions (`{list_records}`, `{delete_record}`)",
            "either",
            ("azure.location",),
        ),
        said=r"deployment location quota|at most '?\d+'? locations",
    ),
    rule(
        Advice(
            "records",
            "this scope has no room for another deployment record (Azure allows 800)",
            "delete old ones (`{list_records}`, `{delete_record}`)",
        ),
        "DeploymentQuotaExceeded",
    ),
    rule(
        Advice(
            "addresses",
            "the quota of public addresses in this region is used up",
            _MORE + ", or delete addresses that nobody uses; "
            "`az network list-usages --location {location} --subscription {subscription} --output table` counts them",
            "either",
            (_COUNTS, "azure.location"),
        ),
        like=r"Public.?IP.*(?:Limit|Quota)",
        said=r"cannot create more than \d+ .{0,40}public ip address",
    ),
    rule(
        Advice(
            "template size",
            "the deployment is too large for Azure",
            "deploy fewer VMs at once",
            "change",
            (_COUNTS,),
        ),
        like=r"JobSizeExceeded|RequestContentTooLarge|RequestEntityTooLarge|CountExceedsLimit|^HTTP413$",
    ),
    rule(
        Advice(
            "quota",
            "the subscription has as many resource groups as it may have, and no request raises that",
            "delete groups that nobody needs, which `az group list --subscription {subscription} --output table` lists",
            "either",
            ("azure.resource_group", "azure.subscription_id"),
        ),
        like=r"^ResourceGroupQuota",
    ),
    rule(
        Advice("quota", "a quota does not allow this", _MORE, "either", (_COUNTS, "azure.location")),
        like=r"Quota|LimitReached|LimitExceeded|ExceedsLimit|CountLimit",
    ),
)
