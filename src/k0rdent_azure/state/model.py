"""The state file's schema 1.0, as types.

The required fields are those of the plan's example document; every field of our own is optional, so that the
example and files of other writers stay valid. Readers use these structs; writers change the document through
typed editors (`state.sections`), so that unknown keys survive. Times are RFC 3339 texts in UTC.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA_VERSION = "1.0"

PhaseName = Literal[
    "preparation", "azure_setup", "vm_creation", "vpn_setup", "cluster_setup", "k0rdent_install", "complete"
]
#: In the order in which a deployment goes through them.
PHASE_NAMES: tuple[PhaseName, ...] = (
    "preparation",
    "azure_setup",
    "vm_creation",
    "vpn_setup",
    "cluster_setup",
    "k0rdent_install",
    "complete",
)
DeploymentStatus = Literal[
    "pending", "in_progress", "completed", "failed", "interrupted", "destroying", "destroyed"
]
PhaseStatus = Literal["pending", "in_progress", "completed", "failed", "interrupted"]
ResourceStatus = Literal["pending", "creating", "created", "failed", "deleting", "deleted"]
VmStatus = Literal["pending", "creating", "running", "stopped", "failed", "deleting", "deleted"]
ConfigStatus = Literal["pending", "generated", "deployed", "failed"]
LaptopStatus = Literal["pending", "generated", "connected", "disconnected"]
SshStatus = Literal["pending", "verified", "failed"]
K0sStatus = Literal["not_installed", "installing", "ready", "failed"]
ClusterStatus = Literal["not_deployed", "deploying", "ready", "failed"]
K0rdentStatus = Literal["not_deployed", "installing", "ready", "failed"]
OperationKind = Literal[
    "arm_deployment",
    "vpn",
    "k0sctl_apply",
    "kcm_install",
    "destroy",
    "rollback",
    "repair",
    "rekey",
    "vm_removal",
]


class Run(msgspec.Struct, kw_only=True):
    """The newest run on this deployment. `outcome` is None while it runs, and stays so if it is killed."""

    id: str
    command: str
    host: str
    pid: int
    user: str
    started_at: str
    ended_at: str | None = None
    outcome: str | None = None
    #: When the run itself wrote last; others write beside it. Absent in files of older versions.
    last_seen: str | None = None


class LastValidation(msgspec.Struct, kw_only=True):
    """What `validate` told last, and when. Findings that a rule hides are in `ignored` alone."""

    checked_at: str
    verdict: Literal["clean", "drift", "incomplete"]
    critical: int = 0
    warning: int = 0
    info: int = 0
    ignored: int = 0
    #: How many parts could not be read.
    unread: int = 0
    #: Whether the hosts were asked, too.
    hosts: bool = False


class Failure(msgspec.Struct, kw_only=True):
    """Why `deployment_status` is `failed`: what a user can act on."""

    phase: str
    message: str
    at: str
    code: str | None = None
    resource: str | None = None
    hint: str | None = None
    #: How a run goes on once that is done; a word that this program does not know counts as `again`.
    way: str | None = None
    #: Settings of the configuration that could change.
    places: list[str] = []
    #: The VM that has to be recreated.
    about: str | None = None


class Secrets(msgspec.Struct, kw_only=True):
    """To whom private keys in this file are encrypted; an encrypted one is `age:` and an age file in base64."""

    #: age recipients (`age1…`) and SSH public keys; none: new keys stand in clear.
    recipients: list[str] = []


class Metadata(msgspec.Struct, kw_only=True):
    schema_version: str
    deployment_id: str
    created_at: str
    last_updated: str
    deployment_phase: PhaseName
    deployment_status: DeploymentStatus
    serial: int = 0
    lineage: str | None = None
    #: Raised by each run that changes something in Azure, which has it too: so a copy that is behind is known as one.
    generation: int | None = None
    #: Drawn by the run that raised it: two copies that raise it to one number differ here.
    claim: str | None = None
    #: Whether some of its resources were made before lineages stood in their tags.
    unmarked: bool | None = None
    run: Run | None = None
    failure: Failure | None = None
    #: Absent until `validate` has looked once.
    validation: LastValidation | None = None
    #: Cloud seconds per real second in the newest run; only a rehearsal has one.
    clock_speed: float | None = None
    #: Where the configuration came from, to tell when that file was changed since.
    config_file: str | None = None
    config_digest: str | None = None
    #: Absent where private keys stand in clear.
    secrets: Secrets | None = None


class PhaseRecord(msgspec.Struct, kw_only=True):
    """`seconds` is the time the phase took in cloud seconds, over all runs; `step` what it did last.

    Of a killed run, the time up to its last commit counts.
    """

    status: PhaseStatus
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    step: str | None = None


class PendingOperation(msgspec.Struct, kw_only=True):
    """A side effect outside whose intent was committed and whose outcome was not (yet)."""

    kind: OperationKind
    target: str
    started_at: str
    phase: PhaseName | None = None
    details: dict[str, object] = {}


class ApiCalls(msgspec.Struct, kw_only=True):
    """ARM requests of runs and refreshes, every attempt counted; `validate` alone writes nothing, not even this."""

    total: int = 0
    by_phase: dict[str, int] = {}
    by_command: dict[str, int] = {}


class Durations(msgspec.Struct, kw_only=True):
    """What deployments in this workspace took, in cloud seconds, oldest first: the newest 10 of each kind.

    A new deployment takes over those of the archived one before it; the moments to ask ARM follow from them.
    """

    #: From ARM's acceptance until every VM answered and ARM said that it succeeded.
    creation: list[float] = []
    #: From acceptance until ARM was seen to have failed.
    failure: list[float] = []
    #: From the DELETE until the group was seen to be gone.
    deletion: list[float] = []


class ResourceGroup(msgspec.Struct, kw_only=True):
    name: str
    status: ResourceStatus
    created_at: str | None = None
    id: str | None = None
    location: str | None = None
    #: False where the user named a group that was there before: destroy leaves it.
    owned: bool = True


class Vnet(msgspec.Struct, kw_only=True):
    name: str
    status: ResourceStatus
    address_prefix: str
    id: str | None = None
    #: Azure's `resourceGuid`, which no other network ever has.
    guid: str | None = None


class Subnet(msgspec.Struct, kw_only=True):
    name: str
    status: ResourceStatus
    address_prefix: str
    id: str | None = None


class Nsg(msgspec.Struct, kw_only=True):
    name: str
    status: ResourceStatus
    rules_count: int = 0
    id: str | None = None
    guid: str | None = None


class Network(msgspec.Struct, kw_only=True):
    vnet: Vnet
    subnet: Subnet
    nsg: Nsg


class SshKey(msgspec.Struct, kw_only=True):
    name: str
    status: ResourceStatus
    local_path: str
    id: str | None = None
    public_key: str | None = None


class ArmDeployment(msgspec.Struct, kw_only=True):
    """The template deployment: `scope` tells whether its record is the subscription's or the group's.

    `generation` counts its submissions: each has the same name, so that is what tells one from the one before.
    """

    name: str
    scope: Literal["subscription", "group"]
    id: str
    provisioning_state: str | None = None
    correlation_id: str | None = None
    last_checked: str | None = None
    generation: int = 1
    #: When ARM accepted the newest submission.
    submitted_at: str | None = None


class VirtualMachine(msgspec.Struct, kw_only=True):
    status: VmStatus
    vm_size: str
    public_ip: str | None = None
    private_ip: str | None = None
    availability_zone: str | None = None
    provisioning_state: str | None = None
    power_state: str | None = None
    created_at: str | None = None
    last_checked: str | None = None
    id: str | None = None
    #: Azure's `vmId`: a VM that somebody makes under this name has another one.
    vm_id: str | None = None
    nic_id: str | None = None
    nic_guid: str | None = None
    public_ip_id: str | None = None
    public_ip_guid: str | None = None
    #: The name of its OS disk where it is not the usual one: an earlier disk of that name was kept.
    os_disk: str | None = None
    fqdn: str | None = None
    role: Literal["controller", "worker"] | None = None
    #: OpenSSH public host key, set by our cloud-init and pinned before first contact.
    host_key: str | None = None
    #: Its private half, until cloud-init no longer needs to be re-sent byte for byte.
    host_private_key: str | None = None
    cloud_init: Literal["pending", "running", "done", "failed"] | None = None
    #: What is being done with this VM now, or why it failed.
    detail: str | None = None
    #: When its WireGuard configuration was last changed on the VM itself: what its cloud-init was given cannot be sent
    #: again since.
    rekeyed_at: str | None = None
    #: Zones in which Azure had no room for it, since it was last made.
    full_zones: list[str] = []


class BaselineDifference(msgspec.Struct, kw_only=True):
    """One value that Azure showed right after deployment in place of the wanted one, on all of `resources`.

    `value` is in the form in which it is compared, None where nothing was there. `resources` are ids below the group
    (`.` is the group itself), a type with `/*` for all of it, or `*` for everything that was deployed.
    """

    field: str
    value: str | None = None
    resources: list[str] = []


class Baseline(msgspec.Struct, kw_only=True):
    """How Azure's answer to a deployment differed from what was wanted: what drift is not."""

    recorded_at: str
    differences: list[BaselineDifference] = []


class AzureResources(msgspec.Struct, kw_only=True):
    resource_group: ResourceGroup | None = None
    network: Network | None = None
    ssh_key: SshKey | None = None
    virtual_machines: dict[str, VirtualMachine] = {}
    deployment: ArmDeployment | None = None
    subscription_id: str | None = None
    #: What Azure showed right after deployment and nobody had asked for, which is no drift; absent before that.
    baseline: Baseline | None = None


class Peer(msgspec.Struct, kw_only=True):
    ip: str
    public_key: str
    private_key: str | None = None
    config_status: ConfigStatus = "pending"
    endpoint: str | None = None
    last_handshake: str | None = None


class LaptopConfig(msgspec.Struct, kw_only=True):
    file_path: str
    status: LaptopStatus
    setup_complete: bool = False
    interface: str | None = None
    last_checked: str | None = None


class WireGuard(msgspec.Struct, kw_only=True):
    port: int
    network: str
    peers: dict[str, Peer] = {}
    laptop_config: LaptopConfig | None = None


class ClusterNode(msgspec.Struct, kw_only=True):
    role: str
    ssh_status: SshStatus = "pending"
    k0s_status: K0sStatus = "not_installed"
    last_checked: str | None = None


class K0sCluster(msgspec.Struct, kw_only=True):
    status: ClusterStatus
    config_file: str
    kubeconfig_file: str
    controllers: dict[str, ClusterNode] = {}
    workers: dict[str, ClusterNode] = {}
    version: str | None = None
    api_endpoint: str | None = None
    #: Which tool installed the cluster: the real k0sctl with its version, or the rehearsal stand-in.
    installed_by: str | None = None
    last_checked: str | None = None


class Component(msgspec.Struct, kw_only=True):
    success: bool = False
    error: str | None = None


class ChildCluster(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A `ClusterDeployment`: a cluster that k0rdent made, and that nobody else would delete."""

    namespace: str
    name: str
    template: str | None = None


class K0rdent(msgspec.Struct, kw_only=True):
    status: K0rdentStatus
    version: str
    registry: str
    namespace: str
    helm_release: str
    release: str | None = None
    components: dict[str, Component] = {}
    last_checked: str | None = None
    #: How it was installed.
    installed_by: str | None = None
    #: The clusters that it managed when the list was last read, which is `children_checked_at`.
    children: list[ChildCluster] = []
    children_checked_at: str | None = None


class Event(msgspec.Struct, kw_only=True):
    timestamp: str
    phase: str
    action: str
    message: str | None = None
    resource: str | None = None
    details: str | None = None
    #: Links it to the event before it, so that an edit shows; absent where another hand wrote it.
    chain: str | None = None


class Segment(msgspec.Struct, kw_only=True):
    """Older events, sealed in `deployment-state.events/<file>`; each segment names the one before it.

    `count` is how many events it and all segments before it hold, `chain` the link of its last event.
    """

    file: str
    sha256: str
    count: int
    chain: str


class EventHistory(msgspec.Struct, kw_only=True):
    """How many events there are in all, the link of the newest, and the newest sealed segment."""

    count: int
    chain: str
    #: Whether the newest event carries that link itself; another writer's does not.
    linked: bool = False
    sealed: Segment | None = None


class State(msgspec.Struct, kw_only=True):
    """The whole document. `configuration` is the immutable snapshot that `config.snapshot` wrote."""

    metadata: Metadata
    configuration: dict[str, object]
    azure_resources: AzureResources = msgspec.field(default_factory=AzureResources)
    wireguard: WireGuard | None = None
    k0s_cluster: K0sCluster | None = None
    k0rdent: K0rdent | None = None
    phases: dict[str, PhaseRecord] = {}
    pending_operations: dict[str, PendingOperation] = {}
    api_calls: ApiCalls = msgspec.field(default_factory=ApiCalls)
    durations: Durations | None = None
    event_history: EventHistory | None = None
    #: The audit trail, oldest first; the newest 100 to 300 stand here, older ones in segments. Of a longer
    #: inline trail only the newest are here until the next commit.
    events: list[Event] = []
