"""Refusals about groups, regions, deployment records and templates, and errors that time heals."""

from __future__ import annotations

from k0rdent_azure.azure.advice import Advice, Rule, rule

#: For a place that only Azure's words name.
NAMED_BY_AZURE = ("the setting that Azure names",)

_GROUPS = (
    rule(
        Advice("busy", "the resource group is being deleted", "wait until it is gone (a few minutes)"),
        like=r"^ResourceGroupBeingDeleted",
    ),
    rule(
        Advice(
            "group",
            "there is no such resource group",
            "it was deleted, or the subscription is another one: `az group list --subscription {subscription} "
            "--output table` lists the groups",
            "destroy",
            ("azure.resource_group",),
            fix_in_group="create it: `az group create --name {group} --location {location} "
            "--subscription {subscription}`",
            way_in_group="either",
        ),
        "ResourceGroupNotFound",
    ),
    rule(
        Advice(
            "group",
            "a resource group of this name exists in another region",
            "delete that group if nobody needs it, or use its region",
            "either",
            ("azure.location",),
        ),
        "InvalidResourceGroupLocation",
    ),
    rule(
        Advice(
            "records",
            "a deployment record of this name exists in another region",
            "delete it: `{delete_this}`",
        ),
        "InvalidDeploymentLocation",
    ),
    rule(
        Advice(
            "value",
            "Azure lets nobody use a word in this name",
            "choose another name",
            "change",
            ("azure.resource_group",),
        ),
        "ReservedResourceName",
        said=r"trademarked or reserved word",
    ),
    rule(
        Advice("active", "this deployment runs already", "the next run takes over the running one"),
        "DeploymentActive",
        said=r"previous deployment from .{1,80} is still active",
    ),
    rule(
        Advice("canceled", "somebody cancelled the deployment", "find out who, in the group's activity log"),
        "DeploymentCanceled",
        "DeploymentCancelled",
    ),
    rule(
        Advice(
            "region",
            "there is no such region, or it does not offer this",
            '`az account list-locations --query "[].name" --output tsv` lists the regions',
            "change",
            ("azure.location",),
        ),
        like=r"^LocationNot|^InvalidLocation|^LocationRequired|^NoRegisteredProvider|NotAvailableInLocation|RegionNot",
        said=r"not available for resource type|no registered resource provider found",
    ),
)

_TIME = (
    rule(
        Advice("throttled", "Azure throttles this subscription", "wait a minute"),
        like=r"TooManyRequests|Throttl|RateLimit|^HTTP429$",
    ),
    rule(
        Advice("busy", "Azure works on this resource at present", "wait a few minutes"),
        like=r"OperationInProgress|NotProvisioned|Superseded|Preempted|Concurrent|ResourceBusy|ETagMismatch"
        r"|PreconditionFailed",
        said=r"another operation .{0,60}(?:in progress|running)|is not in '?succeeded'? state"
        r"|operation was (?:preempted|canceled and superseded)",
    ),
    rule(
        Advice(
            "internal", "an error inside Azure", "wait a few minutes: the same request usually works later"
        ),
        like=r"Internal.*(?:Error|Fail)|^RetryableError|Unavailable|ServerBusy|ServerTimeout|GatewayTimeout"
        r"|^(?:Operation|Request|Service)Time|^HTTP(?:408|5\d\d)$",
    ),
)

_VALUES = (
    rule(
        Advice(
            "program",
            "Azure refuses the request itself",
            "this is a fault of k0rdent-azure: please report it, with Azure's words",
            "report",
        ),
        like=r"^InvalidTemplate$|^InvalidRequest|^InvalidApiVersion|^InvalidResourceType|^MissingApiVersion"
        r"|^InvalidDeployment$|^InvalidContent",
    ),
    rule(
        Advice(
            "value",
            "Azure refuses a value",
            "see from Azure's words which setting it is",
            "change",
            NAMED_BY_AZURE,
        ),
        like=r"^Invalid(?:Parameter|Value|Property|Setting|Tag|Resource(?:Name|Location)|Domain)|^Unsupported"
        r"|ParameterValue",
    ),
)

_UNTOLD = rule(
    Advice(
        "untold",
        "Azure does not say why",
        "`az monitor activity-log list --resource-group {group} --subscription {subscription} --status Failed` may",
    ),
    said=r"terminal provisioning state|at least one resource deployment operation failed",
)

RULES: tuple[Rule, ...] = (*_GROUPS, *_TIME, *_VALUES, _UNTOLD)
