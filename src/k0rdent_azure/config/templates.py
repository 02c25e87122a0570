"""The starting points that `init` writes: whole configurations with comments that teach.

Sizes, zones and the production layout are the ancestor's. Sovereign clouds have other regions, and no Arm
sizes in all of them, so there the x86-64 counterparts stand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from k0rdent_azure.config import normal, regions
from k0rdent_azure.config.fit_vms import OLDEST_K0RDENT_ON_ARM
from k0rdent_azure.config.images import DEBIAN_ARM64, DEBIAN_X64
from k0rdent_azure.config.model import (
    CloudName,
    K0rdentSettings,
    K0sSettings,
    NetworkSettings,
    Snapshots,
    SshSettings,
    Timeouts,
)
from k0rdent_azure.errors import UsageError


@dataclass(frozen=True, slots=True)
class Template:
    """`zoned` templates spread VMs over availability zones and so need a region that has them."""

    summary: str
    controllers: int
    workers: int
    sizes: tuple[str, str]
    zoned: bool = False
    arm: bool = False
    spot: bool = False
    vm_creation_minutes: int = 15


_SMALL = ("Standard_B2s", "Standard_B2s")
_ARM = ("Standard_D2pls_v6", "Standard_D8pls_v6")

TEMPLATES: dict[str, Template] = {
    "minimal": Template("one controller and one worker, to try things out", 1, 1, _SMALL),
    "small": Template(
        "one controller and two workers, for a development team", 1, 2, ("Standard_D2s_v5", "Standard_D4s_v5")
    ),
    "single-node": Template(
        "everything on one VM, controller and workload", 1, 0, ("Standard_D4s_v5", "Standard_D4s_v5")
    ),
    "production": Template(
        "three controllers and two workers over several zones", 3, 2, _ARM, zoned=True, arm=True
    ),
    "production-spot": Template(
        "production on Spot VMs: cheap, and Azure may take them back",
        3,
        2,
        _ARM,
        zoned=True,
        arm=True,
        spot=True,
    ),
    "large": Template(
        "three controllers and twenty workers over several zones",
        3,
        20,
        ("Standard_D4pls_v6", "Standard_D8pls_v6"),
        zoned=True,
        arm=True,
        vm_creation_minutes=30,
    ),
}

#: (region, its zones) for each cloud; the ancestor found room for these sizes in zones 2 and 3 of Southeast Asia.
_PLACES: dict[CloudName, tuple[str, tuple[int, ...]]] = {
    "AzureCloud": ("southeastasia", (2, 3)),
    "rehearsal": ("southeastasia", (2, 3)),
    "AzureUSGovernment": ("usgovvirginia", (1, 2, 3)),
    "AzureChinaCloud": ("chinanorth3", (1, 2, 3)),
}
CLOUDS: tuple[str, ...] = tuple(_PLACES)
_X64_COUNTERPARTS = {
    "Standard_D2pls_v6": "Standard_D2s_v5",
    "Standard_D4pls_v6": "Standard_D4s_v5",
    "Standard_D8pls_v6": "Standard_D8s_v5",
}


def cloud_name(text: str) -> CloudName:
    """The cloud of that name, in any case. Raises UsageError."""
    for name in _PLACES:
        if name.lower() == text.lower():
            return name
    raise UsageError(f"no cloud is called {text[:60]!r}", hint=f"one of {', '.join(_PLACES)}")


def render(template: str, *, cloud: str, location: str | None = None) -> str:
    """The commented YAML of a template for a cloud, in its usual region or in `location`. Raises UsageError."""
    if template not in TEMPLATES:
        raise UsageError(f"no template is called {template[:60]!r}", hint=f"one of {', '.join(TEMPLATES)}")
    chosen, name = TEMPLATES[template], cloud_name(cloud)
    usual, known_zones = _PLACES[name]
    region = normal.location(location) if location else usual
    if chosen.spot and name == "AzureChinaCloud":
        raise UsageError(
            "Azure China does not offer Spot VMs",
            hint=f"k0rdent-azure init --template {template.removesuffix('-spot')} --cloud {name}",
        )
    zones = list(known_zones) if chosen.zoned and regions.has_zones(region) is not False else []
    sovereign = name in ("AzureUSGovernment", "AzureChinaCloud")
    arm = chosen.arm and not sovereign
    sizes = [_X64_COUNTERPARTS.get(size, size) if sovereign else size for size in chosen.sizes]
    return _TEXT.format(
        template=template,
        summary=chosen.summary,
        cloud=name,
        location=json.dumps(region),
        image=DEBIAN_ARM64 if arm else DEBIAN_X64,
        priority="Spot" if chosen.spot else "Regular",
        controller_size=sizes[0],
        worker_size=sizes[1],
        controllers=chosen.controllers,
        workers=chosen.workers,
        controller_zones=zones[: chosen.controllers],
        worker_zones=zones[: chosen.workers],
        network=NetworkSettings(),
        ssh=SshSettings(),
        k0s=K0sSettings(),
        k0rdent=K0rdentSettings(version=OLDEST_K0RDENT_ON_ARM) if arm else K0rdentSettings(),
        timeouts=Timeouts(vm_creation_minutes=chosen.vm_creation_minutes),
        snapshots=Snapshots(),
    )


_TEXT = """\
# k0rdent.yaml: what `k0rdent-azure deploy` creates.
# Template {template}: {summary}.
#
# Each setting can also come from a variable (K0RDENT_AZURE_CLUSTER_WORKERS_COUNT=3) or a flag
# (--set cluster.workers.count=3); flags win over variables, variables over this file.
#   k0rdent-azure config show       every value and where it comes from
#   k0rdent-azure config validate   every fault, with its line
# `deploy` records these values in the state. Changes made here later do not touch a running deployment.

metadata:
  version: "1.0"
  schema: "k0rdent-config"
  description: "{summary}"
  # Becomes the tag `k0rdent-azure-owner` on every resource.
  # owner: "alice@example.com"

azure:
  # AzureCloud, AzureUSGovernment, AzureChinaCloud, or rehearsal (a simulated Azure on this machine: no account).
  cloud: "{cloud}"
  # `az account list-locations --query "[].name"` lists them.
  location: {location}
  # Publisher:Offer:Sku:Version. Arm sizes (a `p` as in D2pls_v6) need an arm64 image, all others an x86-64 one.
  vm_image: "{image}"
  # Regular, or Spot: up to 90 % cheaper, but Azure may take the VMs back at any time.
  vm_priority: "{priority}"
  # What becomes of a Spot VM that is taken back: Deallocate (kept, stopped) or Delete.
  eviction_policy: "Deallocate"
  # The subscription; without it AZURE_SUBSCRIPTION_ID, then the one that `az login` chose.
  # subscription_id: "00000000-0000-0000-0000-000000000000"
  # An existing resource group to deploy into, if you may not create one. `destroy` leaves it standing.
  # resource_group: "my-group"
  # Tags for every resource.
  # tags:
  #   team: "platform"

# VM sizes by role.
vm_sizing:
  controller:
    size: "{controller_size}"
  worker:
    size: "{worker_size}"

cluster:
  controllers:
    # 1, or an odd number for high availability: etcd needs a majority, so 4 survive no more failures than 3.
    count: {controllers}
    # Availability zones that the VMs cycle through; [] for none (not every region has zones).
    zones: {controller_zones}
  workers:
    # 0 lets the controllers carry the workload.
    count: {workers}
    zones: {worker_zones}

network:
  # The subnet is a part of the vnet. No two of vnet, WireGuard network and the cluster's own networks
  # (pods 10.244.0.0/16, services 10.96.0.0/12) may overlap. VMs have the addresses from .11 on.
  vnet_prefix: "{network.vnet_prefix}"
  subnet_prefix: "{network.subnet_prefix}"
  # The VPN between this machine (.1) and the VMs (.11 and up).
  wireguard_network: "{network.wireguard_network}"
  # The UDP port that WireGuard listens on, on every VM.
  wireguard_port: {network.wireguard_port}
  # Who may reach SSH on the VMs. Narrow it to your own address, such as ["203.0.113.7/32"], if that is fixed.
  allowed_ssh_sources: ["0.0.0.0/0"]

ssh:
  # The VMs' administrator; Azure refuses names such as admin, root or test.
  username: "{ssh.username}"
  key_comment: "{ssh.key_comment}"

software:
  k0s:
    # k0rdent asks for Kubernetes 1.32 or newer.
    version: "{k0s.version}"
  k0rdent:
    version: "{k0rdent.version}"
    registry: "{k0rdent.registry}"
    namespace: "{k0rdent.namespace}"

# In seconds, unless the name says minutes.
timeouts:
  ssh_connect: {timeouts.ssh_connect}
  k0s_install_wait: {timeouts.k0s_install_wait}
  k0rdent_install_wait: {timeouts.k0rdent_install_wait}
  wireguard_connect_wait: {timeouts.wireguard_connect_wait}
  vm_creation_minutes: {timeouts.vm_creation_minutes}
  vm_wait_check_interval: {timeouts.vm_wait_check_interval}
  verification_retries: {timeouts.verification_retries}
  verification_retry_delay: {timeouts.verification_retry_delay}

# Before each run the state is kept as it is; so many of these snapshots stay. This one may change at any time.
snapshots:
  keep: {snapshots.keep}

# Drift that `validate` is to accept. This may change at any time.
drift:
  # - resource: "virtualMachines/k0s-worker-*"   # an id, a name, or type and name; * and ? stand for anything
  #   field: "tags.*"                            # without it, everything about that resource
  #   reason: "tagged by the finance scripts"
  #   until: 2027-01-31                          # the last day; without it, for ever
  ignore: []
"""
