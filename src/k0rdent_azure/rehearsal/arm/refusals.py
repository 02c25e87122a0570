"""Why Azure does not delete or start something, in its words: by code.

Texts as public reports quote them. https://learn.microsoft.com/azure/azure-resource-manager/management/delete-resource-group
"""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.faults import Fault

#: By code: HTTP status and text. `{own}` is the id of what was to go, `{user}` that of what is in its way.
_TEXTS: dict[str, tuple[int, str]] = {
    "ScopeLocked": (
        409,
        (
            "The scope '{own}' cannot perform delete operation because following scope(s) are locked: '{own}'. "
            "Please remove the lock and try again."
        ),
    ),
    "RequestDisallowedByPolicy": (
        403,
        (
            "Deletion of resource '{own}' was disallowed by policy. Policy identifiers: "
            '\'[{{"policyAssignment":{{"name":"Do not delete"}}}}]\'.'
        ),
    ),
    "AuthorizationFailed": (
        403,
        (
            "The client 'rehearsal' with object id '00000000-0000-0000-0000-000000000000' does not have authorization "
            "to perform action 'delete' over scope '{own}' or the scope is invalid. If access was recently granted, "
            "please refresh your credentials."
        ),
    ),
    "DenyAssignmentAuthorizationFailed": (
        403,
        (
            "The client 'rehearsal' has permission to perform action 'delete' on scope '{own}'; however, the access is "
            "denied because of the deny assignment with name 'Managed application'."
        ),
    ),
    "InUseSubnetCannotBeDeleted": (
        400,
        (
            "Subnet of {own} is in use by {user}/ipConfigurations/ipconfig1 and cannot be deleted. In order to delete "
            "the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet."
        ),
    ),
    "InUseNetworkSecurityGroupCannotBeDeleted": (
        400,
        "Network security group {own} cannot be deleted because it is in use by the following resources: {user}.",
    ),
    "NicInUse": (
        400,
        (
            "Network Interface {own} is used by existing resource {user}. In order to delete the network interface, it "
            "must be dissociated from the resource. To learn more, see aka.ms/deletenic."
        ),
    ),
    "NicReservedForAnotherVm": (
        400,
        (
            "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide another nic(s) "
            "or retry after 180 seconds. Reserved VM: {user}"
        ),
    ),
    "PublicIPAddressCannotBeDeleted": (
        400,
        (
            "Public IP address {own} can not be deleted since it is still allocated to resource "
            "{user}/ipConfigurations/ipconfig1. In order to delete the public IP, disassociate/detach the Public IP "
            "address from the resource. To learn how to do this, see aka.ms/deletepublicip."
        ),
    ),
    "DiskAttached": (409, "Disk {own} is attached to VM {user}."),
    "OperationNotAllowed": (409, "Disk {own} is attached to VM {user}."),
    "CannotDeleteResource": (
        409,
        (
            "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '{user}'. "
            "Please delete all nested resources before deleting this resource."
        ),
    ),
    "AnotherOperationInProgress": (
        429,
        (
            "Another operation on this or dependent resource is in progress. To retrieve status of the operation use "
            "uri: {user}."
        ),
    ),
    "Conflict": (409, "The request failed due to conflict with a concurrent request."),
    "AllocationFailed": (
        409,
        "Allocation failed. We do not have sufficient capacity for the requested VM size in this region.",
    ),
}


#: What a fault without a code means.
_USUAL = {"delete-refused": "ScopeLocked", "start-failed": "AllocationFailed"}


def of(fault: Fault, own: str, user: str = "") -> ArmError:
    """The error that a fault asks for."""
    error = refusal(fault.code or _USUAL.get(fault.kind, "InternalServerError"), own, user)
    if fault.message is None:
        return error
    return ArmError(error.status if error.code in _TEXTS else 409, error.code, fault.message)


def refusal(code: str, own: str, user: str = "") -> ArmError:
    """The error of that code for a resource or group; an unknown code has a text that says nothing."""
    status, text = _TEXTS.get(code, (500, "An internal error occurred while processing {own}."))
    return ArmError(status, code, text.format(own=own, user=user or "/subscriptions/0/resourceGroups/other"))


def blocked_group(group: str, name: str, cause: ArmError, blocker: str) -> ArmError:
    """How the deletion of a group ends if one of its resources does not go."""
    return ArmError(
        409,
        "ResourceGroupDeletionBlocked",
        f"Deletion of resource group '{name}' failed as resources with identifiers "
        f"'{blocker.partition('/providers/')[2]}' could not be deleted. "
        "The provisioning state of the resource group will be rolled back. The tracking Id is "
        "'00000000-0000-0000-0000-000000000000'. Please check audit logs for more details.",
        target=group,
        details=[{"code": cause.code, "target": blocker, "message": cause.message}],
    )
