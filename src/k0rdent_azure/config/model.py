"""What a configuration says. The keys are those of the bash ancestor's `config/k0rdent.yaml`.

These structs hold values that were already checked (`config.load` finds the faults with their lines), and
the same structs read the immutable snapshot in the state's `configuration` section (`config.snapshot`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

CloudName = Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud", "rehearsal"]
Priority = Literal["Regular", "Spot"]
EvictionPolicy = Literal["Deallocate", "Delete"]


class AzureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`azure:`. `resource_group` names an existing group to deploy into; None makes one of our own."""

    location: str
    vm_image: str
    cloud: CloudName = "AzureCloud"
    vm_priority: Priority = "Regular"
    eviction_policy: EvictionPolicy = "Deallocate"
    resource_group: str | None = None
    subscription_id: str | None = None
    tags: dict[str, str] = {}


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`network:`. CIDRs as text; `wireguard_port` is the UDP port that every VM listens on.

    `allowed_ssh_sources` are the CIDRs that the network security group lets in on port 22.
    """

    vnet_prefix: str = "10.240.0.0/16"
    subnet_prefix: str = "10.240.1.0/24"
    wireguard_network: str = "172.24.24.0/24"
    wireguard_port: int = 51820
    allowed_ssh_sources: tuple[str, ...] = ("0.0.0.0/0",)


class VmSize(msgspec.Struct, frozen=True, kw_only=True):
    size: str


class VmSizing(msgspec.Struct, frozen=True, kw_only=True):
    """`vm_sizing:`: one Azure VM size for each role."""

    controller: VmSize
    worker: VmSize


class NodePool(msgspec.Struct, frozen=True, kw_only=True):
    """How many VMs of a role, and the availability zones that they cycle through (none: no zone)."""

    count: int
    zones: tuple[int, ...] = ()


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True):
    controllers: NodePool
    workers: NodePool


class SshSettings(msgspec.Struct, frozen=True, kw_only=True):
    username: str = "k0rdent"
    key_comment: str = "k0rdent-azure-key"


class K0sSettings(msgspec.Struct, frozen=True, kw_only=True):
    version: str = "v1.33.2+k0s.0"


class K0rdentSettings(msgspec.Struct, frozen=True, kw_only=True):
    version: str = "1.1.1"
    registry: str = "oci://ghcr.io/k0rdent/kcm/charts/kcm"
    namespace: str = "kcm-system"


class Software(msgspec.Struct, frozen=True, kw_only=True):
    k0s: K0sSettings = K0sSettings()
    k0rdent: K0rdentSettings = K0rdentSettings()


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """`timeouts:`, all in seconds of the cloud's clock but `vm_creation_minutes`."""

    ssh_connect: int = 30
    k0s_install_wait: int = 60
    k0rdent_install_wait: int = 1500
    wireguard_connect_wait: int = 5
    vm_creation_minutes: int = 15
    vm_wait_check_interval: int = 30
    verification_retries: int = 3
    verification_retry_delay: int = 10


class Snapshots(msgspec.Struct, frozen=True, kw_only=True):
    """`snapshots:`. A rule for the workspace: followed as it stands now, and not copied into the state.

    `keep` is how many of the snapshots that runs take by themselves stay.
    """

    keep: int = 20


class IgnoreRule(msgspec.Struct, frozen=True, kw_only=True):
    """Drift that somebody accepted. `resource` and `field` are patterns (`*` and `?`), without regard to case.

    `resource` is held against a finding's id, its name, and its type and name (`virtualMachines/k0s-worker-*`).
    `until` is the last day on which the rule holds, as 2027-01-31; None: for ever.
    """

    reason: str
    resource: str = "*"
    field: str = "*"
    until: str | None = None

    def __str__(self) -> str:
        return f"{self.resource} {self.field}"


class DriftSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`drift:`. A rule for the workspace: followed as it stands now, and not copied into the state."""

    ignore: tuple[IgnoreRule, ...] = ()


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """`metadata:`. `owner` becomes the tag `k0rdent-azure-owner` on every resource."""

    version: str = "1.0"
    schema: str = "k0rdent-config"
    description: str = ""
    owner: str | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration. `kof` is kept as it was written: nothing here reads it yet."""

    azure: AzureSettings
    vm_sizing: VmSizing
    cluster: ClusterSettings
    metadata: Metadata = Metadata()
    network: NetworkSettings = NetworkSettings()
    ssh: SshSettings = SshSettings()
    software: Software = Software()
    timeouts: Timeouts = Timeouts()
    snapshots: Snapshots = Snapshots()
    drift: DriftSettings = DriftSettings()
    kof: dict[str, object] = {}
