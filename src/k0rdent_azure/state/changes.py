"""What can be changed of each section of the state, and what can be cleared, as types.

`...Changes` has the fields of the struct in `state.model`, with the same types but for None: what has no value is
cleared. What has an editor of its own (`state.editors`) is not among them, nor is what the store itself keeps. A test
compares the two: a field that is added there is added here.
"""

from typing import Literal, TypedDict

from k0rdent_azure.state.model import (
    ChildCluster,
    ClusterStatus,
    ConfigStatus,
    DeploymentStatus,
    K0rdentStatus,
    K0sStatus,
    LaptopStatus,
    PhaseName,
    PhaseStatus,
    ResourceStatus,
    SshStatus,
    VmStatus,
)


class MetadataChanges(TypedDict, total=False):
    deployment_phase: PhaseName
    deployment_status: DeploymentStatus
    generation: int
    claim: str
    unmarked: bool
    clock_speed: float
    config_file: str
    config_digest: str


MetadataOptional = Literal["generation", "claim", "unmarked", "clock_speed", "config_file", "config_digest"]


class RunChanges(TypedDict, total=False):
    id: str
    command: str
    host: str
    pid: int
    user: str
    started_at: str
    ended_at: str
    outcome: str
    last_seen: str


RunOptional = Literal["ended_at", "outcome", "last_seen"]


class PhaseChanges(TypedDict, total=False):
    status: PhaseStatus
    started_at: str
    ended_at: str
    seconds: float
    step: str


PhaseOptional = Literal["started_at", "ended_at", "seconds", "step"]


class ApiCallsChanges(TypedDict, total=False):
    total: int
    by_phase: dict[str, int]
    by_command: dict[str, int]


ApiCallsOptional = Literal["total", "by_phase", "by_command"]


class DurationsChanges(TypedDict, total=False):
    creation: list[float]
    failure: list[float]
    deletion: list[float]


DurationsOptional = Literal["creation", "failure", "deletion"]


class AzureChanges(TypedDict, total=False):
    subscription_id: str


AzureOptional = Literal["subscription_id"]


class ResourceGroupChanges(TypedDict, total=False):
    name: str
    status: ResourceStatus
    created_at: str
    id: str
    location: str
    owned: bool


ResourceGroupOptional = Literal["created_at", "id", "location", "owned"]


class VnetChanges(TypedDict, total=False):
    name: str
    status: ResourceStatus
    address_prefix: str
    id: str
    guid: str


VnetOptional = Literal["id", "guid"]


class SubnetChanges(TypedDict, total=False):
    name: str
    status: ResourceStatus
    address_prefix: str
    id: str


SubnetOptional = Literal["id"]


class NsgChanges(TypedDict, total=False):
    name: str
    status: ResourceStatus
    rules_count: int
    id: str
    guid: str


NsgOptional = Literal["rules_count", "id", "guid"]


class SshKeyChanges(TypedDict, total=False):
    name: str
    status: ResourceStatus
    local_path: str
    id: str
    public_key: str


SshKeyOptional = Literal["id", "public_key"]


class ArmDeploymentChanges(TypedDict, total=False):
    name: str
    scope: Literal["subscription", "group"]
    id: str
    provisioning_state: str
    correlation_id: str
    last_checked: str
    generation: int
    submitted_at: str


ArmDeploymentOptional = Literal[
    "provisioning_state", "correlation_id", "last_checked", "generation", "submitted_at"
]


class VmChanges(TypedDict, total=False):
    status: VmStatus
    vm_size: str
    public_ip: str
    private_ip: str
    availability_zone: str
    provisioning_state: str
    power_state: str
    created_at: str
    last_checked: str
    id: str
    vm_id: str
    nic_id: str
    nic_guid: str
    public_ip_id: str
    public_ip_guid: str
    os_disk: str
    fqdn: str
    role: Literal["controller", "worker"]
    host_key: str
    host_private_key: str
    cloud_init: Literal["pending", "running", "done", "failed"]
    detail: str
    rekeyed_at: str
    full_zones: list[str]


VmOptional = Literal[
    "public_ip",
    "private_ip",
    "availability_zone",
    "provisioning_state",
    "power_state",
    "created_at",
    "last_checked",
    "id",
    "vm_id",
    "nic_id",
    "nic_guid",
    "public_ip_id",
    "public_ip_guid",
    "os_disk",
    "fqdn",
    "role",
    "host_key",
    "host_private_key",
    "cloud_init",
    "detail",
    "rekeyed_at",
    "full_zones",
]


class PeerChanges(TypedDict, total=False):
    ip: str
    public_key: str
    private_key: str
    config_status: ConfigStatus
    endpoint: str
    last_handshake: str


PeerOptional = Literal["private_key", "config_status", "endpoint", "last_handshake"]


class LaptopConfigChanges(TypedDict, total=False):
    file_path: str
    status: LaptopStatus
    setup_complete: bool
    interface: str
    last_checked: str


LaptopConfigOptional = Literal["setup_complete", "interface", "last_checked"]


class NodeChanges(TypedDict, total=False):
    role: str
    ssh_status: SshStatus
    k0s_status: K0sStatus
    last_checked: str


NodeOptional = Literal["ssh_status", "k0s_status", "last_checked"]


class ClusterChanges(TypedDict, total=False):
    status: ClusterStatus
    config_file: str
    kubeconfig_file: str
    version: str
    api_endpoint: str
    installed_by: str
    last_checked: str


ClusterOptional = Literal["version", "api_endpoint", "installed_by", "last_checked"]


class ComponentChanges(TypedDict, total=False):
    success: bool
    error: str


ComponentOptional = Literal["success", "error"]


class K0rdentChanges(TypedDict, total=False):
    status: K0rdentStatus
    version: str
    registry: str
    namespace: str
    helm_release: str
    release: str
    last_checked: str
    installed_by: str
    children: list[ChildCluster]
    children_checked_at: str


K0rdentOptional = Literal["release", "last_checked", "installed_by", "children", "children_checked_at"]
