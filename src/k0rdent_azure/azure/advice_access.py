"""Refusals of logins, rights, policies and locks, and of the subscription itself."""

from __future__ import annotations

from k0rdent_azure.azure.advice import Advice, Rule, rule
from k0rdent_azure.azure.advice_compute import IMAGE, SIZES

_LOGIN = "log in again with `az login`, or renew the service principal's secret"
_REGISTER = "`az provider register --namespace {namespace} --subscription {subscription} --wait`"
_ASK = (
    "ask an Owner for a role that allows {action}: `az role assignment create --assignee {principal} "
    "--role Contributor --scope {scope}`; after that, log in again with `az login`"
)

_LOGINS = (
    rule(
        Advice(
            "login",
            "the login belongs to another tenant than the subscription",
            "log in to that tenant: `az login --tenant {tenant}`",
        ),
        like=r"^InvalidAuthenticationTokenTenant|WrongIssuer",
    ),
    rule(
        Advice(
            "login",
            "the login is for another cloud",
            "log in to the right one: `az cloud set --name {cloud}`, then `az login`",
            "either",
            ("azure.cloud",),
        ),
        like=r"^InvalidAuthenticationTokenAudience",
    ),
    rule(
        Advice("login", "the login has expired", "check this machine's clock, and " + _LOGIN),
        like=r"Expired.*Token|Token.*Expired|CredentialsExpired|Expired.*Credential",
    ),
    rule(
        Advice("login", "Azure does not accept the login", _LOGIN),
        like=r"AuthenticationToken|Authentication(?:Failed|Required)|^Unauthorized$|^InvalidToken|^HTTP401$"
        r"|^invalid_(?:client|grant|token)",
        said=r"\bAADSTS\d+",
    ),
)

_POLICIES = (
    rule(
        Advice(
            "region policy",
            "Azure does not let this subscription use this region",
            "choose a region that it may use: `az policy assignment list --subscription {subscription} --query "
            '"[].parameters.listOfAllowedLocations.value"` may list them',
            "change",
            ("azure.location",),
        ),
        "RequestDisallowedByAzure",
        said=r"best available regions|restricted in this region|not accepting (?:creation|new)"
        r"|region\b.{0,60}not accepting",
    ),
    rule(
        Advice(
            "policy",
            "a policy of your organisation forbids this",
            "ask the owner of the policy for an exemption, or meet it",
            "either",
            ("azure.tags", "azure.location", SIZES, IMAGE),
        ),
        like=r"DisallowedByPolicy|^PolicyViolation|DeniedByPolicy",
        said=r"disallowed by (?:one or more )?polic(?:y|ies)",
    ),
    rule(
        Advice(
            "lock",
            "a lock forbids this",
            "remove it: `az lock list --subscription {subscription} --output table` shows it, "
            "`az lock delete --ids ID` removes it",
            fix_in_group="remove it, or ask an Owner to: `az lock list --resource-group {group} --subscription "
            "{subscription} --output table` shows it, `az lock delete --ids ID` removes it",
        ),
        like=r"^(?:Scope|Resource|ResourceGroup)Locked$",
        said=r"scope(?:\(s\)|s)? (?:is|are) locked|remove the lock and try|management lock|"
        r"\b(?:CanNotDelete|ReadOnly)\b.{0,20}\block\b",
    ),
)

_SUBSCRIPTIONS = (
    rule(
        Advice(
            "registration",
            "the subscription has not registered a resource provider",
            "register it: " + _REGISTER,
            fix_in_group="registering is a right on the subscription, not on one group: run "
            + _REGISTER
            + ", or ask an Owner or Contributor of the subscription to",
        ),
        "MissingRegistrationForType",
        like=r"SubscriptionNotRegistered|MissingSubscriptionRegistration|NamespaceNotRegistered",
        said=r"subscription (?:is )?not registered to use namespace|not registered for the resource provider",
    ),
    rule(
        Advice(
            "subscription",
            "the subscription is disabled or read-only",
            "enable it in the portal (spending limit, payment)",
            "either",
            ("azure.subscription_id",),
        ),
        like=r"DisabledSubscription|SubscriptionDisabled|SpendingLimit|SubscriptionNotActive|ReadOnly.*Subscription",
    ),
    rule(
        Advice(
            "subscription",
            "this kind of subscription may not do this",
            "use another subscription",
            "change",
            ("azure.subscription_id",),
        ),
        "DisallowedOperation",
        "DisallowedProvider",
        like=r"SubscriptionNotEligible|OfferTypeNot|NotAllowedForSubscription",
    ),
    rule(
        Advice(
            "subscription",
            "this login sees no such subscription",
            "`az account list --output table` lists those that it sees; another `az login` may see more",
            "either",
            ("azure.subscription_id",),
        ),
        "SubscriptionNotFound",
        "MissingSubscription",
        "InvalidSubscriptionId",
    ),
)

_RIGHTS = (
    rule(
        Advice(
            "rights",
            "a deny assignment forbids this, whatever roles the login has",
            "ask the owner of the managed application, deployment stack or blueprint that made it to let this login be",
            "either",
            ("azure.resource_group", "azure.subscription_id"),
        ),
        like=r"^DenyAssignment",
        said=r"because of (?:the|a) deny assignment",
    ),
    rule(
        Advice("rights", "this login lacks the right on another resource, which this one uses", _ASK),
        like=r"^Linked.*(?:Authorization|Access|Scope)",
    ),
    rule(
        Advice(
            "rights",
            "this login lacks the right",
            _ASK + ". With rights on one group only, deploy into that one",
            "either",
            ("azure.resource_group",),
            fix_in_group=_ASK,
        ),
        like=r"^AuthorizationFailed|^Forbidden$|AuthorizationPermission|^AccessDenied|InsufficientPriv|^HTTP403$",
        said=r"does not have (?:authorization|permission) to perform action|authorization failed for template resource",
    ),
)

RULES: tuple[Rule, ...] = (*_LOGINS, *_POLICIES, *_SUBSCRIPTIONS, *_RIGHTS)
