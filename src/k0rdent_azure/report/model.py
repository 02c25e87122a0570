"""What `status --json` prints: these structs are a contract with scripts.

Keys are never renamed or removed within a major version; new ones may come. Times are RFC 3339 texts in UTC
as the state has them; every `age_seconds` is in real seconds up to the moment of printing, null where the fact
was never seen; every `seconds` is a duration in the cloud's seconds (the two differ on a rehearsal only).
"""

from __future__ import annotations

import msgspec

from k0rdent_azure.state.model import ApiCalls, ChildCluster


class Progress(msgspec.Struct, kw_only=True):
    """`done` of `total` phases; `percent` also counts what the current phase has of its work, 100 only at the end."""

    done: int
    total: int
    percent: int


class PhaseRow(msgspec.Struct, kw_only=True):
    """One phase; `seconds` over all runs, null where it was not measured; `step` is what it did last."""

    name: str
    status: str
    seconds: float | None = None
    step: str | None = None
    started_at: str | None = None
    ended_at: str | None = None


class HolderRow(msgspec.Struct, kw_only=True):
    """The process that holds the run lock now."""

    command: str
    host: str
    pid: int
    user: str
    since: str
    age_seconds: float | None = None


class RunRow(msgspec.Struct, kw_only=True):
    """The newest run. `live`: it runs now (then `holder` says who); `died`: it ended without recording how.

    `last_sign_of_life` is the run's last commit; `phase`, `step` and `pending` (names of pending operations) say
    where the deployment stood then. `outcome` is null while a run lives, and stays so when it dies.
    """

    live: bool
    died: bool
    holder: HolderRow | None = None
    command: str | None = None
    user: str | None = None
    host: str | None = None
    pid: int | None = None
    started_at: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    last_sign_of_life: str
    age_seconds: float | None = None
    phase: str
    step: str | None = None
    pending: list[str] = []


class VmRow(msgspec.Struct, kw_only=True):
    """One VM, joined from all sections. A VM that is only planned has status `pending` and few facts.

    `status`, `cloud_init`, `ssh` and `k0s` have the state schema's words; `percent` is how far it is on the
    way from planned to a ready node; `age_seconds` is of its newest observation.
    """

    name: str
    role: str
    status: str
    zone: str | None = None
    size: str | None = None
    public_ip: str | None = None
    private_ip: str | None = None
    vpn_ip: str | None = None
    fqdn: str | None = None
    provisioning_state: str | None = None
    power_state: str | None = None
    cloud_init: str | None = None
    ssh: str | None = None
    k0s: str | None = None
    k0s_role: str | None = None
    last_handshake: str | None = None
    handshake_age_seconds: float | None = None
    detail: str | None = None
    created_at: str | None = None
    last_checked: str | None = None
    age_seconds: float | None = None
    percent: int = 0


class ResourceRow(msgspec.Struct, kw_only=True):
    """One Azure resource; `address_prefix` and `rules_count` where it has such."""

    name: str
    status: str
    id: str | None = None
    address_prefix: str | None = None
    rules_count: int | None = None


class NetworkRow(msgspec.Struct, kw_only=True):
    """`resource_group_owned` is false where the user named an existing group, which destroy leaves."""

    resource_group: ResourceRow | None = None
    resource_group_owned: bool | None = None
    vnet: ResourceRow | None = None
    subnet: ResourceRow | None = None
    nsg: ResourceRow | None = None
    deployment_state: str | None = None
    last_checked: str | None = None
    age_seconds: float | None = None


class PeerRow(msgspec.Struct, kw_only=True):
    """A host's end of the VPN; `up` means that a handshake with it was seen."""

    name: str
    ip: str
    up: bool
    config_status: str
    endpoint: str | None = None
    last_handshake: str | None = None
    age_seconds: float | None = None


class VpnRow(msgspec.Struct, kw_only=True):
    """`status` is the workstation's end (`unknown` where nothing is recorded); `peers` are the hosts."""

    status: str
    interface: str | None = None
    port: int
    network: str
    setup_complete: bool = False
    laptop_ip: str | None = None
    config_file: str | None = None
    peers_up: int = 0
    peers_total: int = 0
    peers: list[PeerRow] = []
    last_checked: str | None = None
    age_seconds: float | None = None


class ClusterRow(msgspec.Struct, kw_only=True):
    """The k0s cluster; counts are of nodes whose k0s is ready."""

    status: str
    version: str | None = None
    api_endpoint: str | None = None
    config_file: str
    kubeconfig_file: str
    installed_by: str | None = None
    controllers_ready: int = 0
    controllers_total: int = 0
    workers_ready: int = 0
    workers_total: int = 0
    last_checked: str | None = None
    age_seconds: float | None = None


class ComponentRow(msgspec.Struct, kw_only=True):
    name: str
    success: bool
    error: str | None = None


class K0rdentRow(msgspec.Struct, kw_only=True):
    """kcm and its components, as the Management object names them."""

    status: str
    version: str
    release: str | None = None
    registry: str
    namespace: str
    helm_release: str
    installed_by: str | None = None
    components_ready: int = 0
    components_total: int = 0
    components: list[ComponentRow] = []
    last_checked: str | None = None
    age_seconds: float | None = None
    #: Clusters that k0rdent managed when the list was last read; null where it never was.
    children: list[ChildCluster] | None = None
    children_checked_at: str | None = None
    children_age_seconds: float | None = None


class OperationRow(msgspec.Struct, kw_only=True):
    """A side effect outside whose outcome is not recorded (yet)."""

    name: str
    kind: str
    target: str
    phase: str | None = None
    started_at: str
    age_seconds: float | None = None


class FailureRow(msgspec.Struct, kw_only=True):
    """Why the status is `failed`; `code` and `resource` are ARM's where it was ARM that said no."""

    phase: str
    message: str
    at: str
    code: str | None = None
    resource: str | None = None
    hint: str | None = None
    age_seconds: float | None = None


class EventRow(msgspec.Struct, kw_only=True):
    """One event of the audit trail."""

    timestamp: str
    phase: str
    action: str
    message: str | None = None
    resource: str | None = None
    details: str | None = None
    age_seconds: float | None = None


class ConfigRow(msgspec.Struct, kw_only=True):
    """`changed` lists the settings in `file` that are no longer what the deployment was created with."""

    file: str | None = None
    changed: list[str] = []


class Next(msgspec.Struct, kw_only=True):
    """The command to type now, null where there is nothing to do or only to wait."""

    command: str | None
    reason: str


class ChangeRow(msgspec.Struct, kw_only=True):
    """One field of one VM that turned out to be another than the state said."""

    vm: str
    field: str
    old: str | None
    new: str | None


class RefreshRow(msgspec.Struct, kw_only=True):
    """What became of `--refresh`: whether Azure was `asked`, `why_not` where it was not, `error` where it was in vain.

    With an `error` everything else in the report is the last known state.
    """

    asked: bool
    requests: int = 0
    changes: list[ChangeRow] = []
    why_not: str | None = None
    error: str | None = None


class ValidationRow(msgspec.Struct, kw_only=True):
    """What `validate` found last. `outdated`: a run has begun since, which may have changed it."""

    checked_at: str
    age_seconds: float | None = None
    outdated: bool
    verdict: str
    critical: int = 0
    warning: int = 0
    info: int = 0
    ignored: int = 0
    unread: int = 0
    hosts: bool = False


class Problem(msgspec.Struct, kw_only=True):
    """One thing that speaks against a deployment's health, in words; `severity` is `critical` or `warning`."""

    severity: str
    what: str


class HealthRow(msgspec.Struct, kw_only=True):
    """`verdict`: `well`, `doubtful` (only warnings), `bad`, or `unfinished` (nothing bad known, and not complete)."""

    verdict: str
    problems: list[Problem] = []


class StatusReport(msgspec.Struct, kw_only=True):
    """Everything that `status` shows. `facts` maps each part to its age in seconds (null: never observed)."""

    deployment_id: str
    cloud: str
    location: str | None = None
    clock_speed: float | None = None
    phase: str
    status: str
    created_at: str
    last_updated: str
    progress: Progress
    phases: list[PhaseRow]
    run: RunRow
    vms: list[VmRow]
    network: NetworkRow
    vpn: VpnRow | None
    cluster: ClusterRow | None
    k0rdent: K0rdentRow | None
    api_calls: ApiCalls
    pending_operations: list[OperationRow]
    failure: FailureRow | None
    config: ConfigRow
    events: list[EventRow]
    next: Next
    facts: dict[str, float | None]
    #: Null where no refresh was asked for.
    refresh: RefreshRow | None = None
    #: Null until `validate` has looked once.
    validation: ValidationRow | None = None
    health: HealthRow | None = None

    @property
    def vms_ready(self) -> int:
        """How many VMs went all the way."""
        return sum(1 for vm in self.vms if vm.percent == 100)
