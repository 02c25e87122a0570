"""ARM error codes, what each means to someone who deploys VMs, and what that person can do."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """`meaning` completes "VM x: …"; `hint` is what to do now."""

    meaning: str
    hint: str


_CAPACITY_HINT = (
    "run resume to try again later (what exists is kept); for another size, zone or region: destroy, change "
    "vm_sizing, cluster.*.zones or azure.location in k0rdent.yaml, deploy"
)
_LOGIN_HINT = (
    "run `az login` again (or renew the service principal's secret), then run the same command again"
)
_WAIT_HINT = "wait for it to end (a few minutes), then run the same command again"
_ANEW = "destroy, mend k0rdent.yaml, deploy"

TABLE: dict[str, Advice] = {
    # Capacity: Azure has no such machine free just now.
    "AllocationFailed": Advice("Azure has no capacity for this VM size here just now", _CAPACITY_HINT),
    "ZonalAllocationFailed": Advice(
        "Azure has no capacity for this VM size in this zone just now", _CAPACITY_HINT
    ),
    "OverconstrainedAllocationRequest": Advice(
        "no hardware free that fits size, priority and zone together", _CAPACITY_HINT
    ),
    "OverconstrainedZonalAllocationRequest": Advice(
        "no hardware free in this zone that fits size and priority together", _CAPACITY_HINT
    ),
    "SkuNotAvailable": Advice(
        "this VM size is not offered to the subscription in this region or zone",
        "see `az vm list-skus --location LOCATION --size SIZE --all -o table` for where it is; " + _ANEW,
    ),
    "SpotCapacityNotAvailable": Advice("no Spot capacity for this VM size just now", _CAPACITY_HINT),
    # Quotas.
    "QuotaExceeded": Advice(
        "the subscription's quota does not allow this",
        "ask for more (portal: Subscriptions, Usage + quotas; often minutes), then run resume; or fewer or "
        "smaller VMs: destroy, change k0rdent.yaml, deploy",
    ),
    "PublicIPCountLimitReached": Advice(
        "the region's quota of public addresses is used up",
        "ask for more (portal: Subscriptions, Usage + quotas) or delete unused addresses, then run resume",
    ),
    "ResourceQuotaExceeded": Advice(
        "a quota of the subscription is used up",
        "ask for more in the portal under Usage + quotas, then run resume",
    ),
    "DeploymentQuotaExceeded": Advice(
        "there are 800 deployment records already",
        "delete old ones (`az deployment sub delete`), then run resume",
    ),
    "OperationNotAllowed": Advice(
        "Azure does not allow this", "see Azure's reason, mend it, then run resume"
    ),
    # Rights and policies.
    "AuthorizationFailed": Advice(
        "this identity lacks the right",
        "ask for Contributor on the subscription; with rights on one group only, name that one in "
        "azure.resource_group",
    ),
    "LinkedAuthorizationFailed": Advice(
        "this identity lacks the right on a linked resource",
        "ask for Contributor on the group, then run resume",
    ),
    "RequestDisallowedByPolicy": Advice(
        "a policy of your organisation forbids this",
        "Azure's reason names the policy: ask its owner, or meet it (azure.tags, azure.location, sizes)",
    ),
    "ScopeLocked": Advice(
        "a lock forbids this", "remove it (`az lock list`, `az lock delete`), then run the same command again"
    ),
    "ReadOnlyDisabledSubscription": Advice(
        "the subscription is disabled", "enable it in the portal (spending limit, payment), then run resume"
    ),
    "MissingSubscriptionRegistration": Advice(
        "the subscription has not registered this resource provider",
        "run `az provider register --namespace Microsoft.Compute` (and Microsoft.Network), then resume",
    ),
    "MarketplacePurchaseEligibilityFailed": Advice(
        "the subscription may not buy this marketplace image",
        "accept its terms (`az vm image terms accept --urn URN`), or choose an image without a plan such as "
        "Debian:debian-12:12-gen2:latest",
    ),
    # Logging in.
    "InvalidAuthenticationToken": Advice("Azure does not accept the login", _LOGIN_HINT),
    "ExpiredAuthenticationToken": Advice(
        "the login has expired", "check this machine's clock; " + _LOGIN_HINT
    ),
    "AuthenticationFailed": Advice("Azure does not accept the login", _LOGIN_HINT),
    "InvalidAuthenticationTokenTenant": Advice(
        "the login belongs to another tenant than the subscription",
        "run `az login --tenant TENANT`, then again",
    ),
    "InvalidAuthenticationTokenAudience": Advice(
        "the login is for another cloud",
        "run `az cloud set --name CLOUD` and `az login`, or change azure.cloud",
    ),
    # Subscriptions, groups, deployments.
    "SubscriptionNotFound": Advice(
        "this identity sees no such subscription",
        "see `az account list -o table`; set azure.subscription_id or AZURE_SUBSCRIPTION_ID",
    ),
    "InvalidSubscriptionId": Advice(
        "that is no subscription id", "set azure.subscription_id to an id from `az account list -o table`"
    ),
    "ResourceGroupNotFound": Advice(
        "there is no such resource group",
        "it was deleted, or azure.resource_group or the subscription is another one; create it with "
        "`az group create`, or run destroy",
    ),
    "ResourceGroupBeingDeleted": Advice("the resource group is being deleted", _WAIT_HINT),
    "InvalidResourceGroupLocation": Advice(
        "the resource group exists in another region", "run destroy for the older deployment first"
    ),
    "InvalidDeploymentLocation": Advice(
        "a deployment record of this name exists in another region",
        "delete it with `az deployment sub delete --name NAME`, then run resume",
    ),
    "DeploymentActive": Advice("this deployment runs already", "run resume: it goes on with the running one"),
    "AnotherOperationInProgress": Advice("Azure works on this resource just now", _WAIT_HINT),
    "OperationPreempted": Advice("a later operation overtook this one", "run resume"),
    "TooManyRequests": Advice(
        "Azure throttles this subscription", "wait a minute, then run the same command again"
    ),
    "LocationNotAvailableForResourceType": Advice(
        "the region does not exist or does not offer this",
        "see `az account list-locations -o table`; " + _ANEW,
    ),
    "DeploymentJobSizeExceededException": Advice(
        "the deployment is too large for one template", "deploy fewer VMs at once: " + _ANEW
    ),
    "InvalidTemplate": Advice(
        "Azure refuses the template", "this is a fault of k0rdent-azure: please report it"
    ),
    "LocationNotAvailableForResourceGroup": Advice(
        "there is no such region", "see `az account list-locations -o table`; " + _ANEW
    ),
    "InvalidAvailabilityZone": Advice("the region has no such zone", "change cluster.*.zones: " + _ANEW),
    "AvailabilityZoneNotSupported": Advice(
        "the region has no such zone", "change cluster.*.zones (or leave it empty): " + _ANEW
    ),
    # Network and names.
    "DnsRecordInUse": Advice(
        "its DNS name is taken in this region",
        "an older deployment may still hold it: wait until its group is gone, then run resume",
    ),
    "PrivateIPAddressInUse": Advice(
        "its private address is taken", "another VM of the group uses it: " + _ANEW
    ),
    "NetcfgSubnetRangesOverlap": Advice(
        "the subnet overlaps another one in the network", "change network.subnet_prefix: " + _ANEW
    ),
    "NetcfgSubnetRangeOutsideVnet": Advice(
        "the subnet lies outside its network", "change network.subnet_prefix: " + _ANEW
    ),
    "NicInUse": Advice("its NIC belongs to another VM", "look at that VM; " + _ANEW),
    "NicReservedForAnotherVm": Advice("Azure keeps the NIC for a failed VM for three minutes", _WAIT_HINT),
    # The VM itself.
    "PlatformImageNotFound": Advice(
        "there is no such image in this region",
        "see `az vm image list --publisher PUBLISHER --offer OFFER --all -o table`; " + _ANEW,
    ),
    "ImageNotFound": Advice("there is no such image", "see azure.vm_image; " + _ANEW),
    "InvalidParameter": Advice("Azure refuses a value", "see Azure's reason; " + _ANEW),
    "PropertyChangeNotAllowed": Advice(
        "the VM exists with other properties, which cannot change",
        "it was made by another deployment or changed by hand: delete that VM, then run resume",
    ),
    "OSProvisioningTimedOut": Advice(
        "the VM did not report that it has booted in time",
        "look at its boot diagnostics in the portal; delete that VM, then run resume",
    ),
    "OSProvisioningInternalError": Advice(
        "the VM could not set itself up",
        "delete that VM, then run resume: it is made again with the same keys",
    ),
    "InternalExecutionError": Advice(
        "an error inside Azure", "run resume; the same request usually works later"
    ),
    "InternalServerError": Advice(
        "an error inside Azure", "run resume; the same request usually works later"
    ),
    "InternalOperationError": Advice(
        "an error inside Azure", "run resume; the same request usually works later"
    ),
    "NetworkingInternalOperationError": Advice(
        "an error inside Azure's network", "run resume; the same request usually works later"
    ),
    "RetryableError": Advice("an error inside Azure", "run resume; the same request usually works later"),
    "ServiceUnavailable": Advice("Azure is not available just now", "wait, then run the same command again"),
}
TABLE["LocationNotAvailableForDeployment"] = TABLE["LocationNotAvailableForResourceGroup"]
TABLE["JobSizeExceededException"] = TABLE["DeploymentJobSizeExceededException"]
TABLE["SubscriptionNotRegistered"] = TABLE["MissingSubscriptionRegistration"]
TABLE["MissingRegistrationForType"] = TABLE["MissingSubscriptionRegistration"]
TABLE["InvalidTemplateDeployment"] = Advice(
    "Azure's check before the start found a fault", "see Azure's reason, mend it, then run resume"
)

#: Texts that say more than the code they come with.
BY_TEXT: tuple[tuple[re.Pattern[str], Advice], ...] = (
    (re.compile(r"exceeding approved .+ quota", re.IGNORECASE), TABLE["QuotaExceeded"]),
    (
        re.compile(r"CPU Architecture|Hypervisor Generation", re.IGNORECASE),
        Advice(
            "the image cannot run on this VM size", "choose another azure.vm_image or vm_sizing: " + _ANEW
        ),
    ),
)
