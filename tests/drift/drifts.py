"""Drifts, each with all that `validate` has to say of it and nothing else."""

from __future__ import annotations

from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.rehearsal.records import Resource
from tests.drift.network_drifts import NETWORK_DRIFTS
from tests.drift.steps import (
    ADDRESS,
    DISK,
    GROUP,
    KEY,
    NIC,
    NSG,
    OTHER_VM,
    SUBNET,
    VM,
    VNET,
    Case,
    Request,
    change,
    deed,
    own,
    stranger,
)

_VM = f"virtualMachines {VM}"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtherOtherOtherOtherOtherOtherOtherOther00 eve"
_GONE = [
    f"missing critical disks {DISK} - recreate",
    f"missing critical networkInterfaces {NIC} - recreate",
    f"missing critical publicIPAddresses {ADDRESS} - recreate",
    f"missing critical virtualMachines {VM} - recreate",
]
_OWN_TAGS = ("deployment", "host", "index", "owner", "role", "wireguard-ip")
_NETWORK = "/providers/Microsoft.Network"


def _fail(record: Resource) -> None:
    record.failure = {"code": "AllocationFailed", "message": "no room"}


def _keep_busy(record: Resource) -> None:
    record.revision, record.ready_at = 2, record.ready_at * 2


POWER = [
    Case("stopped", [Fault(kind="vm-stopped", vm=VM)], [f"changed critical {_VM} power_state start"]),
    Case("deallocated", [Fault(kind="vm-deallocated", vm=VM)], [f"changed critical {_VM} power_state start"]),
    Case(
        "evicted",
        [Fault(kind="vm-evicted", vm=VM, policy="Deallocate")],
        [f"changed critical {_VM} power_state start"],
    ),
    Case(
        "a controller stopped",
        [Fault(kind="vm-stopped", vm="k0s-controller")],
        ["changed critical virtualMachines k0s-controller power_state start"],
    ),
    Case(
        "two of two workers stopped",
        [Fault(kind="vm-stopped", vm=VM), Fault(kind="vm-stopped", vm=OTHER_VM)],
        [
            f"changed critical {_VM} power_state start",
            f"changed critical virtualMachines {OTHER_VM} power_state start",
        ],
    ),
]

GONE = [
    Case("VM deleted", [Fault(kind="vm-deleted", vm=VM)], _GONE),
    Case("VM evicted for good", [Fault(kind="vm-evicted", vm=VM, policy="Delete")], _GONE),
    Case(
        "VM deleted, its parts left",
        [Fault(kind="resource-deleted", resource=VM)],
        [f"changed critical disks {DISK} managed_by none", _GONE[3]],
    ),
    Case(
        "interface deleted",
        [Fault(kind="resource-deleted", resource=NIC)],
        [f"changed critical publicIPAddresses {ADDRESS} attached_to restore", _GONE[1]],
    ),
    Case("address deleted", [Fault(kind="resource-deleted", resource=ADDRESS)], [_GONE[2]]),
    Case("disk deleted", [Fault(kind="resource-deleted", resource=DISK)], [_GONE[0]]),
    Case(
        "security group deleted",
        [Fault(kind="resource-deleted", resource=NSG)],
        [f"missing critical networkSecurityGroups {NSG} - recreate"],
    ),
    Case(
        "network deleted",
        [Fault(kind="resource-deleted", resource=VNET)],
        [f"missing critical virtualNetworks {VNET} - recreate"],
    ),
    Case(
        "SSH key deleted",
        [Fault(kind="resource-deleted", resource=KEY)],
        [f"missing warning sshPublicKeys {KEY} - recreate"],
    ),
    Case(
        "subnet deleted",
        [own(VNET, "subnets.0")],
        [f"missing critical subnets {SUBNET} - recreate"],
    ),
    Case(
        "group deleted",
        [Fault(kind="group-deleted")],
        [f"missing critical resourceGroups {GROUP} - recreate"],
    ),
]

VMS = [
    Case(
        "resized",
        [Fault(kind="vm-resized", vm=VM, size="Standard_D4pls_v6")],
        [f"changed warning {_VM} size resize"],
    ),
    Case(
        "resized and stopped",
        [Fault(kind="vm-resized", vm=VM, size="Standard_D4pls_v6"), Fault(kind="vm-stopped", vm=VM)],
        [f"changed critical {_VM} power_state start", f"changed warning {_VM} size resize"],
    ),
    Case("provisioning failed", [deed(VM, _fail)], [f"changed critical {_VM} provisioning_state restore"]),
    Case("being changed", [deed(VM, _keep_busy)], [f"changed info {_VM} provisioning_state none"]),
    Case("in another zone", [change(VM, "zones.0", "1")], [f"changed warning {_VM} zone recreate"]),
    Case("in no zone", [change(VM, "zones")], [f"changed warning {_VM} zone recreate"]),
    Case(
        "in another region", [change(VM, "location", "westeurope")], [f"changed critical {_VM} location none"]
    ),
    Case(
        "another image",
        [own(VM, "storageProfile.imageReference.sku", "13-arm64")],
        [f"changed warning {_VM} image recreate"],
    ),
    Case(
        "Regular became Spot",
        [own(VM, "priority", "Spot")],
        [f"changed warning {_VM} eviction_policy none", f"changed warning {_VM} priority recreate"],
    ),
    Case(
        "key replaced",
        [own(VM, "osProfile.linuxConfiguration.ssh.publicKeys.0.keyData", _KEY)],
        [f"changed critical {_VM} ssh_public_keys recreate"],
    ),
    Case(
        "one more key",
        [own(VM, "osProfile.linuxConfiguration.ssh.publicKeys.1", {"path": "/", "keyData": _KEY})],
        [f"changed critical {_VM} ssh_public_keys recreate"],
    ),
    Case(
        "password login",
        [own(VM, "osProfile.linuxConfiguration.disablePasswordAuthentication", False)],
        [f"changed critical {_VM} password_login recreate"],
    ),
    Case(
        "another user",
        [own(VM, "osProfile.adminUsername", "eve")],
        [f"changed warning {_VM} admin_username recreate"],
    ),
    Case(
        "another host name",
        [own(VM, "osProfile.computerName", "other")],
        [f"changed warning {_VM} computer_name recreate"],
    ),
    Case(
        "disk stays behind",
        [own(VM, "storageProfile.osDisk.deleteOption", "Detach")],
        [f"changed warning {_VM} os_disk_delete_option restore"],
    ),
    Case(
        "interface stays behind",
        [own(VM, "networkProfile.networkInterfaces.0.properties.deleteOption")],
        [f"changed warning {_VM} nic_delete_option restore"],
    ),
    Case(
        "data disk attached",
        [own(VM, "storageProfile.dataDisks.0", {"name": "more", "lun": 0})],
        [f"changed info {_VM} data_disks none"],
    ),
    Case(
        "OS disk swapped",
        [own(VM, "storageProfile.osDisk.name", "rescue")],
        [f"changed critical {_VM} os_disk none"],
    ),
    Case(
        "second interface",
        [
            own(
                VM,
                "networkProfile.networkInterfaces.1",
                {"id": f"{GROUP}/x/nic2", "properties": {"deleteOption": "Delete"}},
            )
        ],
        [f"changed critical {_VM} network_interfaces none"],
    ),
    Case(
        "boot diagnostics off",
        [own(VM, "diagnosticsProfile.bootDiagnostics.enabled", False)],
        [f"changed info {_VM} boot_diagnostics restore"],
    ),
    Case("disk detached", [change(DISK, "managedBy")], [f"changed critical disks {DISK} managed_by none"]),
]

TAGS = [
    Case(
        "all tags of a VM removed",
        [Fault(kind="tags-removed", resource=VM)],
        [
            *(f"changed warning {_VM} tags.k0rdent-azure-{name} restore" for name in _OWN_TAGS),
            f"changed info {_VM} tags.costcentre restore",
            f"changed info {_VM} tags.team restore",
        ],
    ),
    Case(
        "one tag removed",
        [Fault(kind="tags-removed", resource=VM, tag="team")],
        [f"changed info {_VM} tags.team restore"],
    ),
    Case(
        "the tag that recovery needs removed",
        [Fault(kind="tags-removed", resource=NSG, tag="k0rdent-azure-deployment")],
        [f"changed warning networkSecurityGroups {NSG} tags.k0rdent-azure-deployment restore"],
    ),
    Case(
        "interface's tag removed",
        [Fault(kind="tags-removed", resource=NIC, tag="team")],
        [f"changed info networkInterfaces {NIC} tags.team restore"],
    ),
    Case(
        "group's tag removed",
        [Fault(kind="tags-removed", resource=GROUP, tag="team")],
        [f"changed info resourceGroups {GROUP} tags.team restore"],
    ),
    Case("tag changed", [change(VM, "tags.team", "core")], [f"changed info {_VM} tags.team restore"]),
    Case("tag in capitals", [change(VM, "tags.team", "EDGE")], [f"changed info {_VM} tags.team restore"]),
    Case(
        "role changed",
        [change(VM, "tags.k0rdent-azure-role", "controller")],
        [f"changed warning {_VM} tags.k0rdent-azure-role restore"],
    ),
    Case(
        "tag added later",
        [Fault(kind="tag-added", resource=VM, tag="night=off")],
        [f"changed info {_VM} tags.night none"],
    ),
]

OTHERS = [
    Case(
        "SSH key replaced",
        [Fault(kind="ssh-key-replaced")],
        [f"changed warning sshPublicKeys {KEY} public_key restore"],
    ),
    Case(
        "somebody's VM",
        [Fault(kind="foreign-vm", vm="theirs"), Request("GET", "", api_version="2022-09-01")],
        [
            "unexpected info disks theirs_OsDisk - none",
            "unexpected info networkInterfaces theirs-nic - none",
            "unexpected warning virtualMachines theirs - none",
        ],
    ),
    Case(
        "somebody's address",
        [Request("PUT", f"{_NETWORK}/publicIPAddresses/theirs", {"location": "southeastasia"}, "2023-11-01")],
        ["unexpected warning publicIPAddresses theirs - none"],
    ),
    Case(
        "somebody's security group",
        [
            Request(
                "PUT", f"{_NETWORK}/networkSecurityGroups/theirs", {"location": "southeastasia"}, "2023-11-01"
            )
        ],
        ["unexpected warning networkSecurityGroups theirs - none"],
    ),
    Case(
        "an extension",
        [stranger("Microsoft.Compute/virtualMachines/extensions", f"{VM}/agent")],
        [f"unexpected info extensions {VM}/agent - none"],
    ),
    Case(
        "a resource of another kind",
        [stranger("Microsoft.Storage/storageAccounts", "theirs")],
        ["unexpected info storageAccounts theirs - none"],
    ),
    Case(
        "VM switched off by a colleague",
        [Request("POST", f"/providers/Microsoft.Compute/virtualMachines/{VM}/deallocate")],
        [f"changed critical {_VM} power_state start"],
    ),
    Case(
        "rule put by a colleague",
        [
            Request(
                "PUT",
                f"{_NETWORK}/networkSecurityGroups/{NSG}/securityRules/db",
                {
                    "properties": {
                        "priority": 400,
                        "direction": "Inbound",
                        "access": "Allow",
                        "protocol": "Tcp",
                        "sourceAddressPrefix": "*",
                        "sourcePortRange": "*",
                        "destinationAddressPrefix": "*",
                        "destinationPortRange": "5432",
                    }
                },
                "2023-11-01",
            )
        ],
        ["unexpected critical securityRules db - none"],
    ),
]

DRIFTS = [*POWER, *GONE, *VMS, *NETWORK_DRIFTS, *TAGS, *OTHERS]
