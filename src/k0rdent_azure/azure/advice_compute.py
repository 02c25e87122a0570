"""Refusals about VMs: sizes, capacity, images, booting."""

from __future__ import annotations

from k0rdent_azure.azure.advice import Advice, Rule, rule

SIZES, ZONES, IMAGE = "vm_sizing", "cluster.*.zones", "azure.vm_image"

_LATER = "wait: capacity comes and goes, and what exists is kept"
_ELSEWHERE = (SIZES, ZONES, "azure.location")
_BOOT_LOG = (
    "`az vm boot-diagnostics get-boot-log --resource-group {group} --name {vm} --subscription {subscription}`, "
    "or the portal, shows how it boots"
)

_IMAGES = (
    # An image and a size that do not go together, whatever the code.
    rule(
        Advice(
            "image",
            "the image cannot boot on this VM size",
            "choose an image and a size with the same architecture, generation and disk controller",
            "change",
            (IMAGE, SIZES),
        ),
        said=r"CPU Architecture|Hypervisor Generation|cannot boot|disk ?controller ?type"
        r"|not supported (?:for|by|on|with) (?:the |this )?(?:provided |selected |given )?(?:OS )?image",
    ),
    rule(
        Advice(
            "image",
            "this image or this VM size cannot have Trusted Launch, which Azure or a policy asks for",
            "choose an image of generation 2 and a size that can",
            "change",
            (IMAGE, SIZES),
        ),
        like=r"TrustedLaunch|SecurityType",
        said=r"trusted ?launch",
    ),
    rule(
        Advice(
            "image",
            "the image was not made for new VMs",
            "choose another image: Azure cannot set up a VM from this one, as it is not generalized",
            "change",
            (IMAGE,),
        ),
        said=r"guest OS has not been properly prepared|not (?:been )?generalized",
    ),
    rule(
        Advice(
            "image",
            "the image has a marketplace plan, which k0rdent-azure does not send",
            "choose an image without a plan, such as Debian:debian-12:12-gen2:latest",
            "change",
            (IMAGE,),
        ),
        like=r"Marketplace|^ResourcePurchase|Purchase.*(?:Failed|Cancel|Invalid)|^PlanNotFound",
        said=r"plan information|legal terms have not been accepted|marketplace purchase",
    ),
    rule(
        Advice(
            "image",
            "there is no such image in this region",
            "`az vm image list --location {location} --publisher {publisher} --offer {offer} --all --output table` "
            "lists the images",
            "change",
            (IMAGE,),
        ),
        like=r"image.*(?:NotFound|Deprecated|NotAvailable|NotSupported)|^ImageVersion",
        said=r"platform image .{0,200}(?:not available|not found|does not exist)"
        r"|\b(?:artifact|offer|publisher|sku)\b.{0,80}\bnot found\b|\bimage\b.{0,200}(?:was not found|does not exist)",
    ),
)

_ROOM = (
    rule(
        Advice(
            "capacity",
            "no hardware is free that fits size, priority and zone together",
            _LATER,
            "either",
            _ELSEWHERE,
        ),
        like=r"^Overconstrained",
    ),
    rule(
        Advice(
            "capacity",
            "Azure has no capacity for this VM size in this zone at present",
            _LATER,
            "either",
            _ELSEWHERE,
        ),
        like=r"^Zonal.*(?:Allocation|Capacity)",
    ),
    rule(
        Advice(
            "capacity",
            "Azure has no Spot capacity for this VM size at present",
            _LATER,
            "either",
            ("azure.vm_priority", *_ELSEWHERE),
        ),
        like=r"Spot.*(?:Capacity|Allocation|Evict)",
    ),
    rule(
        Advice(
            "capacity",
            "Azure has no capacity for this VM size here at present",
            _LATER,
            "either",
            _ELSEWHERE,
        ),
        like=r"Allocation.*Failed|AllocationTimed|InsufficientCapacity|CapacityNotAvailable|OutOfCapacity",
        said=r"(?:do(?:es)? not have|no) (?:sufficient|enough) capacity|insufficient capacity|allocation failed\b",
    ),
    rule(
        Advice(
            "size",
            "this VM size is not offered to the subscription in this region or zone",
            "`az vm list-skus --location {location} --size {size} --all --subscription {subscription} --output table` "
            "shows where it is offered",
            "change",
            _ELSEWHERE,
        ),
        like=r"Sku.*Not(?:Available|Supported)|VMSize.*Not|NotAvailableForSubscription|^SizeNot",
        said=r"requested (?:VM )?size.{0,120}not (?:available|supported)"
        r"|(?:VM )?size '?Standard_\S+ is not (?:available|valid)|provided for the VM size is not valid",
    ),
)

_MACHINES = (
    rule(
        Advice(
            "boot",
            "the VM did not report in time that it has booted",
            "give it time: it may still finish. " + _BOOT_LOG,
            "either",
            (IMAGE,),
        ),
        like=r"^OSProvisioningTimedOut|VMStart(?:TimedOut|Timeout)|VMAgentStatus|^ProvisioningTime[do]",
    ),
    rule(
        Advice("boot", "the VM could not set itself up", _BOOT_LOG, "replace", (IMAGE,)),
        like=r"^OSProvisioning",
    ),
    rule(
        Advice(
            "extension",
            "a VM extension failed, which k0rdent-azure does not install",
            "a policy of your organisation may have added it: fix it, or remove it with `az vm extension delete "
            "--resource-group {group} --vm-name {vm} --name {extension} --subscription {subscription}`",
        ),
        like=r"^VMExtension|Extension.*(?:Error|Failed|Timeout)",
    ),
    rule(
        Advice(
            "unchangeable",
            "the VM exists with other properties, which Azure does not let change",
            "somebody changed it, or another program made it: it has to be recreated",
            "replace",
        ),
        like=r"ChangeNotAllowed|CannotBeChanged|ResizeNotAllowed",
        said=r"changing property '?[\w.\[\]]+'? is not allowed",
    ),
    rule(
        Advice(
            "value",
            "Azure refuses the user name",
            "choose another one: admin, root and some others are reserved",
            "change",
            ("ssh.username",),
        ),
        said=r"(?:specified|supplied) (?:user ?name|'?adminUsername'?).{0,80}(?:not allowed|reserved|invalid)",
    ),
    rule(
        Advice(
            "priority",
            "Azure does not offer Spot for this VM size or subscription",
            "use Regular VMs, or a size that can be Spot",
            "change",
            ("azure.vm_priority", SIZES),
        ),
        said=r"\b(?:spot|low.?priority)\b.{0,120}not (?:supported|allowed|eligible|available)",
    ),
)

RULES: tuple[Rule, ...] = (*_IMAGES, *_ROOM, *_MACHINES)
