"""Microsoft.Compute: virtual machines, their disks, and SSH public keys."""

from __future__ import annotations

import base64
import binascii
import copy
import re

import msgspec

from k0rdent_azure.rehearsal.arm import images, refused
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, PreflightError
from k0rdent_azure.rehearsal.arm.network import guid, mapping, mark, objects, reference_id, require
from k0rdent_azure.rehearsal.arm.plan import Plan, Wanted
from k0rdent_azure.rehearsal.records import Boot, Json, Resource, Transition
from k0rdent_azure.rehearsal.regions import REGIONS, SIZES, size
from k0rdent_azure.rehearsal.world import World

VIRTUAL_MACHINES = "Microsoft.Compute/virtualMachines"
DISKS = "Microsoft.Compute/disks"
SSH_KEYS = "Microsoft.Compute/sshPublicKeys"
#: ARM's limit for custom data, in base64 characters (64 KB decoded).
MAXIMUM_CUSTOM_DATA = 87380
#: Cloud seconds: ARM notes a success this long after sshd answers; cloud-init ends this long after it.
REPORTED = (5.0, 20.0)
CLOUD_INIT = (30.0, 90.0)
ALLOCATION_REFUSAL = (40.0, 90.0)
DISK_REFUSAL = (5.0, 15.0)
#: What cannot change on a VM that exists, as paths in its properties.
_FIXED = (
    "osProfile.computerName",
    "osProfile.adminUsername",
    "osProfile.linuxConfiguration.ssh.publicKeys",
    "storageProfile.imageReference",
    "storageProfile.osDisk.name",
    "priority",
)


def ssh_public_key(wanted: Wanted, body: Json) -> dict[str, str]:
    key = str(mapping(body, "properties").get("publicKey", ""))
    if not re.match(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]+", key):
        raise ArmError(
            400, "InvalidParameter", f"The SSH public key '{wanted.name}' is not valid.", target="publicKey"
        )
    return {}


def draw_public_key(world: World) -> str:
    """Somebody's Ed25519 public key, in OpenSSH's form (RFC 8709): any 32 bytes are one."""
    numbers = world.random("public key", len(world.creations()))
    kind, point = b"ssh-ed25519", numbers.randbytes(32)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, point))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} somebody"


def disk(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    properties.setdefault("diskState", "Unattached")
    properties.setdefault("diskSizeGB", 30)
    properties["uniqueId"] = guid(wanted, "uniqueId")
    return {}


def virtual_machine(wanted: Wanted, body: Json) -> dict[str, str]:
    properties = mapping(body, "properties")
    if wanted.present is not None:
        _keep_what_is_left_out(properties, mapping(wanted.present.body, "properties"))
    _check_size(wanted, properties, body.get("zones"))
    hidden = _take_custom_data(properties)
    profile = mapping(properties, "osProfile")
    profile.pop("adminPassword", None)
    profile.setdefault("secrets", [])
    profile.setdefault("allowExtensionOperations", True)
    _check_logins(profile)
    _complete_storage(wanted, properties)
    if wanted.present is not None:
        _check_unchanged(wanted, properties, hidden, body)
    _check_interfaces(wanted, properties)
    properties["vmId"] = wanted.uid
    return hidden


def _keep_what_is_left_out(properties: Json, present: Json) -> None:
    """A PUT on a VM that exists may leave out whole profiles, and the image that it was made of."""
    for key in ("hardwareProfile", "storageProfile", "osProfile", "networkProfile"):
        properties.setdefault(key, copy.deepcopy(present.get(key)))
    for key in ("imageReference", "osDisk"):
        given = mapping(properties, "storageProfile")
        given.setdefault(key, copy.deepcopy(mapping(present, "storageProfile").get(key)))


def boot(wanted: Wanted, resource: Resource, start: float, duration: float) -> None:
    """Decide how a VM comes up, `duration` cloud seconds from `start`, or with which error it does not."""
    if resource.type != VIRTUAL_MACHINES:
        return
    taken = _disk_in_the_way(wanted, resource)
    if taken is not None:
        resource.failure = taken
        resource.ready_at = start + wanted.plan.draw(*DISK_REFUSAL, "disk", wanted.name)
        resource.boot = Boot(booted_at=None, cloud_init_done_at=None, power=[])
        return
    fault = wanted.plan.faults.allocation(**_fitting(wanted, resource.body))
    if fault is not None:
        resource.failure = refused.cause(fault, resource.id)
        resource.ready_at = start + wanted.plan.draw(*ALLOCATION_REFUSAL, "allocation", wanted.name)
        resource.boot = Boot(booted_at=None, cloud_init_done_at=None, power=[])
        return
    booted = start + duration
    resource.ready_at = booted + wanted.plan.draw(*REPORTED, "reported", wanted.name)
    resource.boot = Boot(
        booted_at=booted,
        cloud_init_done_at=booted + wanted.plan.draw(*CLOUD_INIT, "cloud-init", wanted.name),
        power=[Transition(start, "starting"), Transition(booted, "running")],
    )


def _disk_in_the_way(wanted: Wanted, vm: Resource) -> Json | None:
    """The error if a disk of the name that the OS disk shall have is there already.

    Source: https://github.com/hashicorp/terraform-provider-azurerm/issues/15513
    """
    os_disk = mapping(mapping(mapping(vm.body, "properties"), "storageProfile"), "osDisk")
    disk = wanted.plan.resource(reference_id(os_disk.get("managedDisk")))
    if disk is None or str(disk.body.get("managedBy", "")).lower() == vm.id.lower():
        return None
    return {
        "code": "ConflictingUserInput",
        "message": f"Disk {disk.name} already exists in resource group {disk.group.upper()}. Only "
        "CreateOption.Attach is supported.",
        "target": disk.id,
    }


def _fitting(wanted: Wanted, body: Json) -> dict[str, str]:
    """What a fault of provisioning asks of a VM."""
    zones = body.get("zones")
    size_ = str(mapping(mapping(body, "properties"), "hardwareProfile").get("vmSize", ""))
    return {
        "vm": wanted.name,
        "zone": str(zones[0]) if isinstance(zones, list) and zones else "",
        "size": size(size_) or size_,
    }


def attach(plan: Plan, resource: Resource, start: float) -> None:
    """What a VM brings along: its OS disk, and its name on its network interfaces."""
    if resource.type != VIRTUAL_MACHINES:
        return
    properties = mapping(resource.body, "properties")
    for reference in objects(mapping(properties, "networkProfile"), "networkInterfaces"):
        nic = plan.resource(reference_id(reference))
        if nic is not None:
            mark(plan, nic, "virtualMachine", resource.id)
    storage = mapping(properties, "storageProfile")
    os_disk = mapping(storage, "osDisk")
    disk_id = reference_id(os_disk.get("managedDisk"))
    if resource.failure is None and plan.resource(disk_id) is None:
        plan.put(_os_disk(plan, resource, os_disk, disk_id, start))
    for each in objects(storage, "dataDisks"):
        disk = plan.resource(reference_id(each.get("managedDisk")))
        if disk is not None and disk.body.get("managedBy") != resource.id:
            plan.put(_attached(disk, resource))


def _attached(disk: Resource, vm: Resource) -> Resource:
    own = {**mapping(disk.body, "properties"), "diskState": "Attached"}
    return msgspec.structs.replace(disk, body={**disk.body, "managedBy": vm.id, "properties": own})


def _os_disk(plan: Plan, vm: Resource, os_disk: Json, disk_id: str, start: float) -> Resource:
    """The disk that is made of the image. It gets the VM's tags of this moment, and no later ones."""
    uid = plan.uid(disk_id)
    body: Json = {
        "location": vm.location,
        "sku": {"name": mapping(os_disk, "managedDisk").get("storageAccountType"), "tier": "Premium"},
        "managedBy": vm.id,
        "properties": {
            "osType": "Linux",
            "hyperVGeneration": "V2",
            "creationData": {"createOption": "FromImage"},
            "diskSizeGB": os_disk.get("diskSizeGB", 30),
            "diskState": "Attached",
            "uniqueId": uid,
        },
    }
    for key in ("tags", "zones"):
        if key in vm.body:
            body[key] = vm.body[key]
    return Resource(
        id=disk_id,
        type=DISKS,
        name=str(os_disk["name"]),
        group=vm.group,
        location=vm.location,
        body=body,
        uid=uid,
        created_at=start + 2,
        ready_at=start + 8,
        maker=vm.maker,
    )


def _check_size(wanted: Wanted, properties: Json, zones: object) -> None:
    asked = str(mapping(properties, "hardwareProfile").get("vmSize", ""))
    known = size(asked)
    if known is None:
        raise PreflightError(
            400,
            "InvalidParameter",
            f"The value {asked} provided for the VM size is not valid. The valid sizes in the current region are: "
            f"{','.join(list(SIZES)[:12])},...",
            target="vmSize",
        )
    if isinstance(zones, list) and zones and not (REGIONS[wanted.location] and set(zones) <= {"1", "2", "3"}):
        raise PreflightError(
            400,
            "InvalidAvailabilityZone" if REGIONS[wanted.location] else "AvailabilityZoneNotSupported",
            f"The zone(s) '{','.join(map(str, zones))}' for resource '{wanted.type}/{wanted.name}' is not supported. "
            f"The supported zones for location '{wanted.location}' are "
            f"'{'1,2,3' if REGIONS[wanted.location] else ''}'",
            target=wanted.id,
        )
    if wanted.present is None:
        _check_capacity(wanted, known)
    _check_image(properties, known)


def _check_capacity(wanted: Wanted, known: str) -> None:
    asked = _fitting(wanted, wanted.body)
    if wanted.plan.faults.sku(**asked) is not None:
        raise PreflightError(
            409,
            "SkuNotAvailable",
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {known}' is "
            f"currently not available in location '{wanted.location}'. Please try another size or deploy to a "
            "different location or different zone. See https://aka.ms/azureskunotavailable for details.",
            target=wanted.id,
        )
    if wanted.plan.faults.quota(**asked) is not None:
        family, cores, *_ = SIZES[known]
        raise PreflightError(
            409,
            "QuotaExceeded",
            f"Operation could not be completed as it results in exceeding approved {family} Cores quota. Additional "
            f"details - Deployment Model: Resource Manager, Location: {wanted.location}, Current Limit: 0, Current "
            f"Usage: 0, Additional Required: {cores}, (Minimum) New Limit Required: {cores}. Setup Alerts when Quota "
            "reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting .",
        )


def _check_image(properties: Json, known: str) -> None:
    """An image of another architecture does not boot."""
    image = mapping(mapping(properties, "storageProfile"), "imageReference")
    given, wanted = images.architecture(image), SIZES[known][3]
    if image.get("sku") and given != wanted:
        raise PreflightError(
            400,
            "BadRequest",
            f"Cannot create a VM of size '{known}' because this VM size only supports a CPU Architecture of "
            f"'{wanted}', but an image or disk with CPU Architecture '{given}' was given. "
            "Please check that the CPU Architecture of the image or disk is compatible with that of the VM size.",
        )


def _take_custom_data(properties: Json) -> dict[str, str]:
    """Custom data leaves the body: ARM never shows it."""
    given = mapping(properties, "osProfile").pop("customData", None)
    if given is None:
        return {}
    text = str(given)
    try:
        base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        text = ""
    if not text or len(text) > MAXIMUM_CUSTOM_DATA:
        raise ArmError(
            400,
            "InvalidParameter",
            "Custom data in OSProfile must be in Base64 encoding and with a maximum length of "
            f"{MAXIMUM_CUSTOM_DATA} characters.",
            target="customData",
        )
    return {"customData": text}


def _check_logins(profile: Json) -> None:
    name = str(profile.get("adminUsername", ""))
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name) or name in (
        "root",
        "admin",
        "administrator",
        "guest",
        "test",
    ):
        raise ArmError(
            400, "InvalidParameter", "The Admin Username specified is not allowed.", target="adminUsername"
        )
    linux = mapping(profile, "linuxConfiguration")
    keys = objects(mapping(linux, "ssh"), "publicKeys")
    if linux.get("disablePasswordAuthentication") and not keys:
        raise ArmError(
            400,
            "InvalidParameter",
            "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
            target="linuxConfiguration",
        )
    for key in keys:
        if not re.match(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]+", str(key.get("keyData", ""))):
            raise ArmError(
                400,
                "InvalidParameter",
                "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.",
                target="linuxConfiguration.ssh.publicKeys.keyData",
            )
        if key.get("path") != f"/home/{name}/.ssh/authorized_keys":
            raise ArmError(
                400,
                "InvalidParameter",
                f"Destination path for SSH public keys is currently limited to its default value "
                f"/home/{name}/.ssh/authorized_keys due to a known issue in Linux provisioning agent.",
                target="linuxConfiguration.ssh.publicKeys.path",
            )


def _complete_storage(wanted: Wanted, properties: Json) -> None:
    storage = mapping(properties, "storageProfile")
    image, os_disk = mapping(storage, "imageReference"), mapping(storage, "osDisk")
    if not image or not os_disk:
        raise ArmError(
            400,
            "InvalidParameter",
            "Required parameter 'storageProfile' is missing (null).",
            target="storageProfile",
        )
    if str(os_disk.get("createOption")).lower() == "attach" and wanted.present is None:
        raise ArmError(
            400,
            "InvalidParameter",
            "Cannot attach an existing OS disk if the VM is created from a platform, user or a shared gallery image.",
            target="osDisk",
        )
    version = str(image.get("version", "latest"))
    image["exactVersion"] = images.LATEST if version == "latest" else version
    suffix = wanted.plan.world.uuid("disk", wanted.uid).replace("-", "")
    os_disk.setdefault("name", _disk_name(wanted) or f"{wanted.name}_OsDisk_1_{suffix}")
    os_disk["osType"] = "Linux"
    if "diskSizeGb" in os_disk:  # names of properties have no case; this is how `az vm create` writes it
        os_disk["diskSizeGB"] = os_disk.pop("diskSizeGb")
    os_disk.setdefault("caching", "ReadWrite")
    os_disk.setdefault("diskSizeGB", 30)
    os_disk.setdefault("deleteOption", "Detach")
    managed = os_disk.setdefault("managedDisk", {})
    if isinstance(managed, dict):
        managed.setdefault("storageAccountType", "Premium_LRS")
        managed["id"] = f"{wanted.id.rpartition('/providers/')[0]}/providers/{DISKS}/{os_disk['name']}"
    storage.setdefault("dataDisks", [])


def _disk_name(wanted: Wanted) -> str:
    """The name of the OS disk of a VM that exists: a PUT may leave it out."""
    body = wanted.present.body if wanted.present else {}
    return str(mapping(mapping(mapping(body, "properties"), "storageProfile"), "osDisk").get("name", ""))


def _check_unchanged(wanted: Wanted, properties: Json, hidden: dict[str, str], body: Json) -> None:
    present = wanted.present
    assert present is not None  # noqa: S101  the caller looked
    changed = [
        path.rpartition(".")[2]
        for path in _FIXED
        if _at(properties, path) != _at(mapping(present.body, "properties"), path)
    ]
    if "customData" in hidden and hidden["customData"] != present.hidden.get("customData"):
        changed.insert(0, "customData")
    if body.get("zones", []) != present.body.get("zones", []):
        changed.append("zones")
    if changed:
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            f"Changing property '{changed[0]}' is not allowed.",
            target=changed[0],
        )


def _check_interfaces(wanted: Wanted, properties: Json) -> None:
    references = objects(mapping(properties, "networkProfile"), "networkInterfaces")
    if not references:
        raise ArmError(
            400,
            "InvalidParameter",
            "Virtual Machine must have at least one network interface.",
            target="networkProfile",
        )
    for reference in references:
        nic = require(wanted, reference)
        owner = reference_id(mapping(nic.body, "properties").get("virtualMachine")) if nic else ""
        if nic is not None and owner and owner.lower() != wanted.id.lower() and wanted.plan.resource(owner):
            raise ArmError(
                400, "NicInUse", f"Network Interface {nic.id} is used by existing resource {owner}."
            )


def _at(value: object, path: str) -> object:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
