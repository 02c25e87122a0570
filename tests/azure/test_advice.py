# ruff: noqa: E501 - what Azure says is kept as it says it
"""What Azure's refusals mean, in the shapes that users of other tools have reported: family, way on, and words."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from k0rdent_azure.azure import deployments
from k0rdent_azure.azure.failures import Answer, deployment_failed, request_failed
from k0rdent_azure.azure.where import Where
from k0rdent_azure.errors import AzureRequestError

SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
GROUP = f"{SUBSCRIPTION}/resourceGroups/team"
RECORD = "/providers/Microsoft.Resources/deployments/k0rdent-x"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/k0s-worker-1"
OWN = Where(
    cloud="AzureCloud",
    location="westeurope",
    image="Debian:debian-12:12-gen2:latest",
    group="k0rdent-x-resgrp",
)
SHARED = Where(cloud="AzureCloud", location="westeurope", image=OWN.image, group="team", in_group=True)
QUOTA = (
    "Operation could not be completed as it results in exceeding approved {} quota. Additional details - Deployment "
    "Model: Resource Manager, Location: westeurope, Current Limit: 10, Current Usage: 8, Additional Required: 4, "
    "(Minimum) New Limit Required: 12."
)


def answered(
    body: object, *, status: int = 400, shared: bool = False, headers: dict[str, str] | None = None
) -> AzureRequestError:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return request_failed(
        "PUT",
        (GROUP if shared else SUBSCRIPTION) + RECORD,
        Answer(status, body if isinstance(body, dict) else None, raw, headers or {}),
        SHARED if shared else OWN,
    )


def error(code: str, message: str = "", **more: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, **more}}


def preflight(*details: object) -> dict[str, object]:
    return error(
        "InvalidTemplateDeployment",
        "The template deployment 'k0rdent-x' is not valid according to the validation procedure. The tracking id is "
        "'6a'. See inner errors for details.",
        details=list(details),
    )


def failed(message: object) -> dict[str, object]:
    """As a deployment's own record tells it: JSON in a text, in a list."""
    return error(
        "DeploymentFailed",
        "At least one resource deployment operation failed. Please list deployment operations for details.",
        details=[{"code": "Conflict", "message": json.dumps(message, indent=2)}],
    )


def terminal(*details: object) -> dict[str, object]:
    return {
        "status": "Failed",
        "error": {
            "code": "ResourceDeploymentFailure",
            "message": "The resource operation completed with terminal provisioning state 'Failed'.",
            "details": list(details),
        },
    }


@dataclass(frozen=True)
class Case:
    body: dict[str, object]
    family: str
    way: str
    #: In the message, and in the hint.
    told: str = ""
    hint: str = ""
    code: str = ""
    status: int = 400
    places: tuple[str, ...] | None = None


LOCKED = (
    f"The scope '{GROUP}' cannot perform write operation because following scope(s) are locked: '{GROUP}'. Please "
    "remove the lock and try again."
)
NO_RIGHT = (
    "The client 'me@example.com' with object id '77-88' does not have authorization to perform action "
    "'Microsoft.Resources/deployments/write' over scope '{}' or the scope is invalid. If access was recently granted, "
    "please refresh your credentials."
)
BOOT = (
    "The VM size 'Standard_D8s_v6' cannot boot with OS image or disk. Please check that disk controller types supported "
    "by the OS image or disk is one of the supported disk controller types for the VM size 'Standard_D8s_v6'."
)
TIMED_OUT = "OS Provisioning for VM 'k0s-worker-1' did not finish in the allotted time."
NOT_PREPARED = (
    f"{TIMED_OUT} However, the VM guest agent was detected running. This suggests the guest OS has not been properly "
    "prepared to be used as a VM image."
)
POLICY = {
    "type": "PolicyViolation",
    "info": {
        "policyAssignmentDisplayName": "Require a cost tag",
        "policyDefinitionName": "96670d01",
        "evaluationDetails": {
            "evaluatedExpressions": [
                {"result": "False", "expressionKind": "Field", "path": "type", "operator": "Equals"},
                {
                    "result": "True",
                    "expressionKind": "Field",
                    "path": "tags[cost]",
                    "operator": "Exists",
                    "targetValue": "false",
                },
            ]
        },
    },
}
SHAPES = {
    # One code with two meanings says what Azure said.
    "800 records": Case(
        error("DeploymentQuotaExceeded", "Creating the deployment 'x' would exceed the quota of '800'."),
        "records", "again", "no room for another", "az deployment sub list --subscription 11111111",
        status=409,
    ),
    "records in 10 regions": Case(
        error(
            "DeploymentQuotaExceeded",
            "Creating the deployment 'x' would exceed the deployment location quota. The current scope allows deployments "
            "to be created in at most '10' locations. The following locations are used: 'WESTUS,NORTHEUROPE'.",
        ),
        "records", "either", "too many regions", "one of these regions", places=("azure.location",), status=409,
    ),
    "not allowed: cores of a family": Case(
        preflight({"code": "QuotaExceeded", "message": QUOTA.format("standardDSv5Family Cores")}),
        "cores", "either", "limit 10, in use 8, needed 12", "az vm list-usage --location westeurope --subscription 11111111",
    ),
    "not allowed: all cores, older words": Case(
        error(
            "OperationNotAllowed",
            "Operation results in exceeding quota limits of Core. Maximum allowed: 20, Current in use: 20, Additional "
            "requested: 2.",
        ),
        "cores", "either", "Core: limit 20, in use 20, needed 22", "Usage + quotas", status=409,
    ),
    "not allowed: Spot cores": Case(
        error("OperationNotAllowed", QUOTA.format("LowPriorityCores")),
        "cores", "either", "Spot", "Usage + quotas", status=409,
        places=("cluster.*.count", "vm_sizing", "azure.vm_priority"),
    ),
    "not allowed: something else": Case(
        error("OperationNotAllowed", "The VM 'x' is not allowed to be resized while a disk is attached."),
        "unknown", "either", "while a disk is attached", "fix what Azure names", status=409,
    ),
    "conflict: busy": Case(
        error("Conflict", "Another operation on this or dependent resource is in progress."),
        "busy", "again", "Another operation", "wait", code="Conflict", status=409,
    ),
    "conflict: unknown": Case(
        error("Conflict", "Something is the matter."), "unknown", "either", "Something is the matter.", code="Conflict"
    ),
    "bad request: a size": Case(
        error("BadRequest", "The requested VM size 'Standard_Z9' is not available in the current region."),
        "size", "change", "Standard_Z9", "--size Standard_Z9",
    ),
    "bad request: an image of another architecture": Case(
        error("BadRequest", "The selected VM size 'S' cannot boot Hypervisor Generation '1'."), "image", "change"
    ),
    "invalid parameter: disk controller": Case(
        error("InvalidParameter", BOOT, target="vmSize"), "image", "change", places=("azure.vm_image", "vm_sizing")
    ),
    "bad request: trusted launch": Case(
        error("BadRequest", "Use of TrustedLaunch setting is not supported for the provided image."), "image", "change"
    ),
    "invalid parameter: user name": Case(
        error("InvalidParameter", "The Admin Username specified is not allowed.", target="adminUsername"),
        "value", "change", places=("ssh.username",),
    ),
    "invalid parameter: image": Case(
        error("InvalidParameter", "The platform image 'Debian:debian-99:x:latest' is not available.", target="imageReference"),
        "image", "change", "debian-99", "az vm image list --location westeurope --publisher Debian --offer debian-12",
    ),
    "invalid parameter: unknown": Case(
        error("InvalidParameter", "The value of parameter linuxConfiguration.foo is invalid.", target="foo"),
        "value", "change", "linuxConfiguration.foo", places=("the setting that Azure names",),
    ),
    # Nesting.
    "JSON in a text, twice": Case(
        error(
            "DeploymentFailed", "At least one resource deployment operation failed.",
            details=[{"code": "Conflict", "message": json.dumps(terminal({"code": "DeploymentFailed", "message": "At least one…", "details": [{"code": "Conflict", "message": json.dumps(terminal({"code": "VMMarketplaceInvalidInput", "message": "Creating a virtual machine from Marketplace image requires Plan information in the request."}))}]}))}],
        ),
        "image", "change", "marketplace plan", "without a plan", code="VMMarketplaceInvalidInput",
    ),
    "cause only in the text": Case(
        error("MultipleErrorsOccurred", "Multiple error occurred: BadRequest,SkuNotAvailable. Please see details."),
        "size", "change", "SkuNotAvailable", "--location westeurope",
    ),
    "cause only in words": Case(
        error("MultipleErrorsOccurred", "Multiple error occurred: BadRequest. The requested VM size Standard_X is not available."),
        "size", "change",
    ),
    "outer code, inner words": Case(
        error(
            "MarketplacePurchaseEligibilityFailed", "Marketplace purchase eligibilty check returned errors. See inner errors for details.",
            details=[{"code": "BadRequest", "message": 'Offer with PublisherId: p cannot be purchased. [{"Legal terms have not been accepted for this item":"StoreApi"}]'}],
        ),
        "image", "change", "Legal terms have not been accepted", code="MarketplacePurchaseEligibilityFailed",
    ),
    "a number for a code": Case(
        failed(preflight({"code": "2005", "message": "Tenant 72 with 100 accounts has surpassed its resource quota for southeastasia location."})),
        "unknown", "either", "surpassed its resource quota", code="2005",
    ),
    "a wrapper that says to try again": Case(
        error("RetryableError", "A retryable error occured.", details=[{"code": "ReferencedResourceNotProvisioned", "message": "Cannot proceed with operation because resource /subscriptions/1/a used by resource /subscriptions/1/b is not in Succeeded state."}]),
        "busy", "again", "Succeeded state", "wait", status=429,
    ),
    "capitalised keys": Case(
        {"Code": "Conflict", "Message": "There was a conflict. X cannot be set.", "Target": None, "Details": [{"Message": "There was a conflict. X cannot be set."}, {"Code": "Conflict"}, {"ErrorEntity": {"ExtendedCode": "01020", "Code": "Conflict", "Message": "There was a conflict. X cannot be set."}}], "Innererror": None},
        "unknown", "either", "X cannot be set", code="Conflict", status=409,
    ),
    "OData": Case(
        {"odata.error": {"code": "Request_ResourceNotFound", "message": {"lang": "en", "value": "Resource 'x' does not exist."}}},
        "unknown", "either", "Resource 'x' does not exist.", code="Request_ResourceNotFound",
    ),
    "OAuth": Case(
        {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."},
        "login", "again", "AADSTS7000215", "az login", code="invalid_client", status=401,
    ),
    "words of another tool": Case(
        error("BadRequest", "Failure sending request: Code=\"NetcfgSubnetRangesOverlap\" Message=\"Subnet 'a' is not valid because its IP address range overlaps.\""),
        "network", "change", "overlaps", code="NetcfgSubnetRangesOverlap",
    ),
    "inner error": Case(
        error("Failed", "It failed.", innererror={"code": "ZonalAllocationFailed", "message": "no room in the zone"}),
        "capacity", "either", "no room in the zone", code="ZonalAllocationFailed",
    ),
    "an operation's own answer": Case(
        {"properties": {"statusCode": "Conflict", "statusMessage": json.dumps(error("DnsRecordInUse", "DNS record x is already used by another public IP."))}},
        "name", "again", "DNS name", code="DnsRecordInUse",
    ),
    # Rights, policies, subscriptions.
    "no right": Case(
        error("AuthorizationFailed", NO_RIGHT.format(SUBSCRIPTION + RECORD)),
        "rights", "either", "deployments/write",
        f"--assignee 77-88 --role Contributor --scope {SUBSCRIPTION}`", status=403,
    ),
    "no right, without the code": Case(
        error("Forbidden", NO_RIGHT.format(GROUP)), "rights", "either", hint=f"--scope {GROUP}`", status=403
    ),
    "no right on a linked resource": Case(
        error("LinkedAuthorizationFailed", f"The client has permission to perform action 'a/b' on scope '{VM}', however it does not have permission to perform action(s) 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s'."),
        "rights", "again", "linked scope", f"--scope {GROUP}`", status=403,
    ),
    "a policy and what it wants": Case(
        preflight({"code": "RequestDisallowedByPolicy", "target": "k0s-worker-1", "message": "Resource 'k0s-worker-1' was disallowed by policy.", "additionalInfo": [POLICY]}),
        "policy", "either", "Policy: Require a cost tag (tags[cost] Exists false)", "exemption", places=("azure.tags",),
    ),
    "Azure's own region policy": Case(
        error("RequestDisallowedByAzure", "Resource 'k0s-worker-1' was disallowed by Azure: This policy maintains a set of best available regions where your subscription can deploy resources.", target="k0s-worker-1"),
        "region policy", "change", "best available regions", "listOfAllowedLocations", places=("azure.location",), status=403,
    ),
    "region closed": Case(
        terminal({"code": "ProvisioningDisabled", "message": "Provisioning is restricted in this region. Please choose a different region."}),
        "region policy", "change", "restricted in this region",
    ),
    "not registered": Case(
        error("MissingSubscriptionRegistration", "The subscription is not registered to use namespace 'Microsoft.Network'. See https://aka.ms/rps-not-found for how to register subscriptions."),
        "registration", "again", "Microsoft.Network", "az provider register --namespace Microsoft.Network --subscription 11111111", status=409,
    ),
    "not registered, another code": Case(
        error("SubscriptionNotRegistered", "The subscription is not registered."), "registration", "again", hint="az provider register", status=409
    ),
    "disabled": Case(
        error("ReadOnlyDisabledSubscription", "The subscription is disabled and therefore marked as read only."),
        "subscription", "either", hint="enable it in the portal", status=409,
    ),
    "kind of subscription": Case(
        error("DisallowedOperation", "The current subscription type is not permitted to perform operations on any provider namespace."),
        "subscription", "change", places=("azure.subscription_id",), status=403,
    ),
    "another tenant": Case(
        error("InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer 'https://sts.windows.net/aaa/'. It must match the tenant 'https://sts.windows.net/bbb-1/' associated with this subscription."),
        "login", "again", "wrong issuer", "az login --tenant bbb-1", status=401,
    ),
    "deny assignment": Case(
        error("DenyAssignmentAuthorizationFailed", "The client 'x' with object id 'y' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope '/subscriptions/1'; however, the access is denied because of the deny assignment with name 'stack' and Id 'z' at scope '/subscriptions/1'."),
        "rights", "either", "whatever roles", "deployment stack", status=403,
    ),
    "locked, without the code": Case(
        error("Conflict", "The scope '/subscriptions/x' cannot perform write operation because following scope(s) are locked: '/subscriptions/x'. Please remove the lock and try again."),
        "lock", "again", "are locked", "az lock list", code="Conflict", status=409,
    ),
    "reserved word": Case(
        error("ReservedResourceName", "The resource name 'login-rg' or a part of the name is a trademarked or reserved word."),
        "value", "change", "reserved word", places=("azure.resource_group",),
    ),
    "too many groups": Case(
        error("ResourceGroupQuotaExceeded", "Creating the resource group 'x' would exceed the quota of '980'. The current resource group count is '980', please delete some resource groups before creating a new one."),
        "quota", "either", "980", "az group list --subscription 11111111", places=("azure.resource_group", "azure.subscription_id"), status=409,
    ),
    "trusted launch": Case(
        preflight(error("TrustedLaunchSecurityTypeNotSupported", "The selected VM image is not supported for VMs with Trusted Launch.")),
        "image", "change", "Trusted Launch", places=("azure.vm_image", "vm_sizing"),
    ),
    "active, without the code": Case(
        error("Conflict", "Unable to edit or replace deployment 'x': previous deployment from '12/1/2026 10:00:00 AM' is still active (expiration time is '12/8/2026')."),
        "active", "again", "still active", "takes over", code="Conflict", status=409,
    ),
    "locked": Case(error("ScopeLocked", LOCKED), "lock", "again", "cannot perform write", "az lock list", status=409),
    # Names and numbers of other things.
    "addresses, static": Case(
        failed(error("StaticPublicIPCountLimitReached", "Cannot create more than 20 public IP addresses with static allocation method for this subscription in this region.")),
        "addresses", "either", "public addresses", "az network list-usages --location westeurope",
    ),
    "addresses, standard": Case(
        error("IPv4StandardSkuPublicIpCountLimitReached", "Cannot create more than 10 IPv4 Standard SKU public IP addresses for this subscription in this region."),
        "addresses", "either",
    ),
    "addresses, newest code": Case(
        error("PublicIPCountLimitReached", "Cannot create more than 20 public IP addresses for this subscription in this region."), "addresses", "either"
    ),
    "another limit": Case(
        error("NetworkSecurityGroupCountLimitReached", "Cannot create more than 100 network security groups."), "quota", "either"
    ),
    "too large": Case(error("RequestEntityTooLarge", "too large"), "template size", "change", status=413),
    # Zones and regions.
    "a region without zones": Case(
        error("LocationNotSupportAvailabilityZones", "The resource 'Microsoft.Network/publicIPAddresses/p' does not support availability zones at location 'ukwest'."),
        "zones", "change", "ukwest", places=("cluster.*.zones", "azure.location"),
    ),
    "a type without zones": Case(
        error("ResourceTypeNotSupportAvailabilityZones", "The resource type 'publicIPAddresses' does not support availability zones at location 'eastus2'."), "zones", "change"
    ),
    "a zone that is not there": Case(
        error("InvalidAvailabilityZone", "The zone(s) '7' for resource 'Microsoft.Network/publicIPAddresses/p' is not supported. The supported zones for location 'westeurope' are '1,2,3'"),
        "zones", "change", "'1,2,3'",
    ),
    "a region that is not there": Case(
        error("NoRegisteredProviderFound", "No registered resource provider found for location 'nowhere' and API version '2024-03-01' for type 'virtualMachines'."),
        "region", "change", places=("azure.location",),
    ),
    # VMs.
    "no room, overconstrained": Case(
        error("OverconstrainedAllocationRequest", "Create or resize of the VM failed due to allocation constraints."), "capacity", "either"
    ),
    "does not boot in time": Case(
        failed(terminal({"code": "OSProvisioningTimedOut", "message": TIMED_OUT})),
        "boot", "either", "allotted time", "--name k0s-worker-1", places=("azure.vm_image",),
    ),
    "does not boot, ever": Case(
        failed(terminal({"code": "OSProvisioningTimedOut", "message": NOT_PREPARED})), "image", "change", places=("azure.vm_image",)
    ),
    "an extension": Case(
        failed(terminal({"code": "VMExtensionProvisioningError", "message": "VM has reported a failure when processing extension 'AzureMonitorLinuxAgent'."})),
        "extension", "again", "does not install", "--name AzureMonitorLinuxAgent",
    ),
    "unchangeable": Case(
        error("PropertyChangeNotAllowed", "Changing property 'customData' is not allowed.", target="customData"), "unchangeable", "replace", status=409
    ),
    "image gone": Case(error("PlatformImageNotFound", "The platform image 'A:b:c:d' is not available."), "image", "change"),
    "image of a gallery gone": Case(error("GalleryImageNotFound", "x"), "image", "change"),
    # Networks.
    "subnet in use": Case(
        error("InUseSubnetCannotBeDeleted", f"Subnet s is in use by {GROUP}/providers/Microsoft.Network/networkInterfaces/nic1/ipConfigurations/ip and cannot be deleted."),
        "in use", "again", "still uses it", f"az resource show --ids {GROUP}/providers/Microsoft.Network/networkInterfaces/nic1`",
    ),
    "address taken": Case(
        error("PrivateIPAddressInUse", "IP configuration a is using the private IP address 10.240.1.4 which is already allocated."), "address", "either"
    ),
    "a part is missing": Case(
        error("InvalidResourceReference", f"Resource {GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s referenced by resource x was not found."),
        "missing part", "again", "is not there",
    ),
    "overlapping sources": Case(
        error("OverlappingSubnetsNotPermittedInSecurityRule", "10.0.0.0/8 10.1.0.0/16"), "rules", "change", places=("network.allowed_ssh_sources",)
    ),
    # Groups, records, requests.
    "group goes": Case(error("ResourceGroupBeingDeleted", "deprovisioning"), "busy", "again", hint="wait", status=409),
    "record elsewhere": Case(
        error("InvalidDeploymentLocation", "Invalid deployment location 'westeurope'. The deployment 'k0rdent-x' already exists in location 'eastus'."),
        "records", "again", hint="az deployment sub delete --subscription 11111111-2222-3333-4444-555555555555 --name k0rdent-x", status=409,
    ),
    "our own fault": Case(error("InvalidTemplate", "Deployment template validation failed: 'x'."), "program", "report"),
    "inside Azure": Case(error("InternalExecutionError", "An internal execution error occurred."), "internal", "again", status=409),
    "throttled": Case(error("SubscriptionRequestsThrottled", "Number of requests exceeded the limit."), "throttled", "again", status=429),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_refusal_is_understood_by_family_text_and_nesting(name: str) -> None:
    case = SHAPES[name]
    found = answered(case.body, status=case.status)
    assert (found.family, found.way) == (case.family, case.way), found.message
    assert case.told in found.message
    assert case.hint in (found.hint or "")
    assert case.places is None or found.places == case.places
    assert case.code in ("", found.code)
    assert (found.way in ("change", "either")) == bool(found.places) or found.way == "replace"
    assert "resume" not in (found.hint or "")


@pytest.mark.parametrize("name", SHAPES)
def test_a_failed_operation_is_understood_in_the_same_way(name: str) -> None:
    """`statusMessage` holds the same bodies, as an object or as a text."""
    case = SHAPES[name]
    for message in (case.body, json.dumps(case.body)):
        (reason,) = deployments._operation_errors({"statusCode": "Conflict", "statusMessage": message})[:1]
        found = deployment_failed(
            "k0rdent-x", "Failed", [(reason, VM)], where=OWN, path=SUBSCRIPTION + RECORD
        )
        assert (found.family, found.way) == (case.family, case.way), found.message
        assert found.message.startswith("VM k0s-worker-1: ")
        assert found.about == "k0s-worker-1"


def test_commands_fit_a_deployment_into_a_group() -> None:
    full = error("DeploymentQuotaExceeded", "would exceed the quota of '800'")
    assert "az deployment group list --resource-group team --subscription" in (
        answered(full, shared=True).hint or ""
    )
    unregistered = SHAPES["not registered"].body
    hint = answered(unregistered, shared=True).hint or ""
    assert "a right on the subscription, not on one group" in hint
    assert "ask an Owner or Contributor of the subscription" in hint
    lacking = error("AuthorizationFailed", NO_RIGHT.format(GROUP + RECORD))
    assert answered(lacking, status=403, shared=True).hint.endswith("log in again with `az login`")  # type: ignore[union-attr]
    gone = answered(
        error("ResourceGroupNotFound", "Resource group 'team' could not be found."), status=404, shared=True
    )
    assert "az group create --name team --location westeurope" in (gone.hint or "")
    assert (gone.way, gone.places) == ("either", ("azure.resource_group",))
    locked = answered(error("ScopeLocked", LOCKED), status=409, shared=True)
    assert "az lock list --resource-group team" in (locked.hint or "")


def test_an_unknown_refusal_says_what_azure_said_and_how_its_support_finds_it() -> None:
    found = answered(error("BrandNew", "because of that"), headers={"X-Ms-Correlation-Request-Id": "c-1"})
    assert found.message == "because of that (BrandNew)"
    assert found.hint == "fix what Azure names; Azure's support finds it by correlation id c-1"
    assert found.way == "either"
    later = deployment_failed("k0rdent-x", "Failed", [], correlation="c-2")
    assert "correlation id c-2" in (later.hint or "")


@pytest.mark.parametrize(
    ("body", "status", "told", "hint", "family"),
    [
        ("<html><title>Blocked &amp; logged</title></html>", 403, "an HTML page in place of ARM's JSON (Blocked & logged)", "HTTPS_PROXY", "proxy"),
        ("<?xml version='1.0'?><Error><Code>X</Code><Message>no</Message></Error>", 400, "an XML answer in place of ARM's JSON (no)", "HTTPS_PROXY", "proxy"),
        ("", 407, "an empty body", "HTTPS_PROXY", "proxy"),
        ("", 401, "an empty body", "az login", "login"),
        ("", 503, "an empty body", "wait a minute", "internal"),
        ("", 429, "an empty body", "wait a minute", "throttled"),
        ("upstream connect error", 502, "no error in ARM's form: upstream connect error", "wait a minute", "internal"),
        ("[1, 2]", 400, "no error in ARM's form: [1, 2]", "wait a minute", "unknown"),
        ('"(Code: ResourceNotFound)"', 404, "no error in ARM's form", "wait a minute", "unknown"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_arms_is_told_as_such(
    body: str, status: int, told: str, hint: str, family: str
) -> None:
    found = answered(body, status=status)
    assert told in found.message
    assert hint in (found.hint or "")
    assert (found.code, found.family, found.way) == (f"HTTP{status}", family, "again")


def test_what_is_inside_a_404_never_passes_for_the_absence_of_a_thing() -> None:
    inside = error("SubscriptionNotFound", "no such subscription", details=[{"code": "ResourceNotFound"}])
    assert answered(inside, status=404).code == "SubscriptionNotFound"
    words = error("Conflict", "Some text (Code: ResourceNotFound)")
    assert answered(words, status=404).code == "Conflict"


def test_what_azure_says_cannot_become_a_command() -> None:
    """Its words are somebody else's: what goes into a command is quoted, and no more than a name."""
    hostile = error("MissingSubscriptionRegistration", "not registered to use namespace 'x; rm -rf ~'")
    assert "--namespace x --sub" in (answered(hostile).hint or "")
    user = error(
        "InUseSubnetCannotBeDeleted",
        "in use by /subscriptions/1/providers/a.b/c/$(reboot) and cannot be deleted",
    )
    assert "$(reboot)'`" in (answered(user).hint or "")


@pytest.mark.parametrize(
    ("code", "family"),
    [
        ("NetworkInterfaceCountLimitReached", "quota"),
        ("ResourceGroupQuotaExceeded", "quota"),
        ("IPv6StandardSkuPublicIpCountLimitReached", "addresses"),
        ("InUseNetworkSecurityGroupCannotBeDeleted", "in use"),
        ("PublicIPAddressInUse", "in use"),
        ("NicReservedForAnotherVm", "busy"),
        ("CanceledAndSupersededDueToAnotherOperation", "busy"),
        ("OperationPreempted", "busy"),
        ("NetworkingInternalOperationError", "internal"),
        ("ServiceUnavailable", "internal"),
        ("OperationTimedOut", "internal"),
        ("VMStartTimedOut", "boot"),
        ("OSProvisioningClientError", "boot"),
        ("VMExtensionHandlerNonTransientError", "extension"),
        ("NetcfgSubnetRangeOutsideVnet", "network"),
        ("AvailabilityZoneNotSupported", "zones"),
        ("SpotCapacityNotAvailable", "capacity"),
        ("OverconstrainedZonalAllocationRequest", "capacity"),
        ("GatewayAuthenticationFailed", "login"),
        ("ExpiredAuthenticationToken", "login"),
        ("MissingSubscription", "subscription"),
        ("ImageVersionDeprecated", "image"),
        ("ResourcePurchaseValidationFailed", "image"),
        ("LocationNotAvailableForResourceType", "region"),
        ("DeploymentJobSizeExceededException", "template size"),
        ("InvalidApiVersionParameter", "program"),
    ],
)
def test_a_code_alone_tells_its_family(code: str, family: str) -> None:
    found = answered(error(code))
    assert found.family == family
    assert "Azure" in found.message or code in found.message
    assert found.hint


@pytest.mark.parametrize("code", ["QuotaExceeded", "OperationNotAllowed", "quotaexceeded"])
def test_codes_are_compared_without_case(code: str) -> None:
    assert answered(error(code, QUOTA.format("Total Regional Cores"))).quota is not None
    assert answered(error("ZONALALLOCATIONFAILED")).family == "capacity"
