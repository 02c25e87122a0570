"""Faults to rehearse: what the cloud shall refuse, break, or change behind its user's back; in `faults.json`.

A fault is armed until it was met `times` times. The file is read at each request and written under a lock,
so it can be changed while the cloud is served, and while it is not.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import msgspec

from k0rdent_azure.rehearsal.locks import open_lock, own_folder

FILE = "faults.json"
#: What goes wrong with a request or its answer.
AnswerKind = Literal[
    "http",
    "disconnect",
    "timeout",
    "partial",
    "malformed",
    "expired-token",
    "clock-skew",
    "DeploymentActive",
    "ResourceGroupBeingDeleted",
    "refused",
]
#: What a VM that is asked for meets.
ProvisioningKind = Literal[
    "AllocationFailed",
    "ZonalAllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "QuotaExceeded",
    "vm-fails",
]
#: What somebody or something else does to what is there; each waits until its target is.
ChangeKind = Literal[
    "vm-deleted",
    "vm-stopped",
    "vm-deallocated",
    "vm-evicted",
    "vm-resized",
    "vm-clock-skew",
    "address-changed",
    "rule-added",
    "rule-opened",
    "rule-removed",
    "foreign-vm",
    "foreign-resource",
    "vm-replaced",
    "tags-removed",
    "tag-added",
    "ssh-key-replaced",
    "resource-deleted",
    "property-changed",
    "group-deleted",
]
#: What is in the cluster, or wrong with its API.
ClusterKind = Literal["child-cluster", "kubectl-error", "slow-deletion", "helm-error", "component-error"]
#: What happens to what somebody asks to be deleted, or started, and is not.
OperationKind = Literal["delete-refused", "delete-failed", "delete-stuck", "start-failed"]
Kind = (
    AnswerKind
    | ProvisioningKind
    | Literal["ssh-unreachable", "policy-tag"]
    | ChangeKind
    | ClusterKind
    | OperationKind
)
Moment = Literal["before", "after"]
EvictionPolicy = Literal["Deallocate", "Delete"]
#: In which of Azure's shapes a refusal is told.
Nesting = Literal[
    "plain",
    "preflight",
    "deployment",
    "multiple",
    "inner",
    "capitals",
    "odata",
    "policy",
    "html",
    "text",
    "empty",
]

#: The type of a group, as faults name it.
GROUP = "resourceGroups"
ANSWERS: tuple[str, ...] = get_args(AnswerKind)
CHANGES: tuple[str, ...] = get_args(ChangeKind)
ALLOCATION = (
    "AllocationFailed",
    "ZonalAllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "vm-fails",
)


class Fault(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One fault; `fault_kinds.KINDS` says which fields a kind has.

    What it can meet are requests of `method` whose path holds `path` (answers), VMs with the name `vm`, in
    `zone`, of `size` (provisioning, SSH), or the named target (changes); None means any. It passes over the first
    `at` - 1 that it could meet, and then meets `times` of them (None: all, until it is cleared). A change
    counts requests with `at`, and happens before the `at`th of them is answered.

    `when` says whether a request that gets no answer has had its effect. `seconds` are a skew (real seconds), or
    the cloud seconds for which a time-out keeps silent. `value` is JSON.
    """

    kind: Kind
    id: str = msgspec.field(default_factory=lambda: secrets.token_hex(4))
    times: int | None = 1
    at: int = 1
    method: str | None = None
    path: str | None = None
    status: int = 503
    retry_after: int | None = None
    when: Moment = "before"
    seconds: float | None = None
    vm: str | None = None
    zone: str | None = None
    size: str | None = None
    group: str | None = None
    resource: str | None = None
    type: str | None = None
    rule: str | None = None
    port: str | None = None
    protocol: str | None = None
    source: str | None = None
    priority: int | None = None
    policy: EvictionPolicy | None = None
    address: str | None = None
    key: str | None = None
    tag: str | None = None
    tags: str | None = None
    property: str | None = None
    value: object = None
    namespace: str | None = None
    template: str | None = None
    verb: str = "get"
    reason: str | None = None
    code: str | None = None
    message: str | None = None
    target: str | None = None
    nesting: Nesting = "plain"

    def hits(self, method: str, path: str) -> bool:
        return (self.method is None or self.method.upper() == method) and (
            self.path is None or self.path.lower() in path.lower()
        )

    def fits(self, *, vm: str, zone: str, size: str) -> bool:
        """Whether it is for a VM of that name, zone ("": none) and size."""
        given = ((self.vm, vm), (self.zone, zone), (self.size, size))
        return all(wanted is None or wanted.lower() == has.lower() for wanted, has in given)


def add(directory: Path, fault: Fault) -> None:
    """Arm one more fault."""
    with _changing(directory) as present:
        present.append(fault)


def clear(directory: Path) -> None:
    """Disarm all. What has changed already stays as it is."""
    with _changing(directory) as present:
        present.clear()


def list_faults(directory: Path) -> list[Fault]:
    """The faults that are still armed, in the order in which they were added."""
    path = directory / FILE
    return msgspec.json.decode(path.read_bytes(), type=list[Fault]) if path.exists() else []


class Faults:
    """The faults as one request meets them: what it meets is used up, and what it passes counted, only once
    this is `commit`ted."""

    def __init__(self, directory: Path, armed: list[Fault] | None = None) -> None:
        self._directory = directory
        self._armed = list_faults(directory) if armed is None else armed
        self._used: list[str] = []
        self._passed: list[str] = []

    @classmethod
    def none(cls, directory: Path) -> Faults:
        """For what nothing goes wrong with."""
        return cls(directory, [])

    def transport(self, method: str, path: str) -> Fault | None:
        """The fault of this request or its answer; also counts the request for every fault that waits for one."""
        self._meet(lambda each: each.kind in CHANGES and each.at > 1 and each.hits(method, path))
        return self._meet(lambda each: each.kind in ANSWERS and each.hits(method, path))

    def allocation(self, *, vm: str, zone: str, size: str) -> Fault | None:
        return self._meet(lambda each: each.kind in ALLOCATION and each.fits(vm=vm, zone=zone, size=size))

    def sku(self, *, vm: str, zone: str, size: str) -> Fault | None:
        return self._meet(
            lambda each: each.kind == "SkuNotAvailable" and each.fits(vm=vm, zone=zone, size=size)
        )

    def quota(self, *, vm: str, zone: str, size: str) -> Fault | None:
        return self._meet(
            lambda each: each.kind == "QuotaExceeded" and each.fits(vm=vm, zone=zone, size=size)
        )

    def policy_tags(self) -> dict[str, str]:
        """What policies write on all that is put; a policy is not used up."""
        pairs = (each.tag.partition("=") for each in self.armed("policy-tag") if each.tag)
        return {name: value for name, _, value in pairs}

    def delete(self, *, name: str, type_: str, group: str) -> Fault | None:
        """The fault of a DELETE of a resource, or of a group with type "resourceGroups"."""
        return self._meet(lambda each: each.kind.startswith("delete-") and _names(each, name, type_, group))

    def start(self, vm: str) -> Fault | None:
        """The fault of an accepted start of a VM."""
        return self._meet(lambda each: each.kind == "start-failed" and each.vm in (None, vm))

    def ssh(self, vm: str) -> Fault | None:
        return self._meet(lambda each: each.kind == "ssh-unreachable" and each.vm in (None, vm))

    def kubectl(self, resource: str, verb: str = "get") -> Fault | None:
        """The fault of a `kubectl VERB` of these (plural and group)."""
        return self._meet(
            lambda each: (
                each.kind == "kubectl-error"
                and each.verb == verb
                and (each.resource or "").lower() in resource.lower()
            )
        )

    def deletion(self, resource: str) -> Fault | None:
        """The fault that makes the deletion of one of these (plural and group) take long."""
        return self._meet(
            lambda each: each.kind == "slow-deletion" and (each.resource or "").lower() in resource.lower()
        )

    def said(self, kind: Kind, resource: str = "") -> str | None:
        """The reason of a fault of the chart, or of the component `resource`."""
        found = self._meet(lambda each: each.kind == kind and each.resource in (None, resource))
        return found.reason if found is not None else None

    def armed(self, kind: Kind) -> list[Fault]:
        """Those of a kind, for who only looks."""
        return [each for each in self._armed if each.kind == kind and each.times != 0]

    def changes(self) -> list[Fault]:
        """The changes whose moment has come; `use` those whose target was there."""
        return [each for each in self._armed if each.kind in CHANGES and each.at <= 1 and each.times != 0]

    def use(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            self._used.append(fault.id)

    def _meet(self, matches: Callable[[Fault], bool]) -> Fault | None:
        """The first that matches and is due. All that match and are not due are one nearer to it."""
        found = None
        for each in self._armed:
            if each.times == 0 or not matches(each):
                continue
            if each.at > 1:
                each.at -= 1
                self._passed.append(each.id)
            elif found is None:
                found = each
        if found is not None:
            self.use(found)
        return found

    def commit(self) -> None:
        """Write down what was used and counted; also for a request that was refused because of a fault."""
        if not self._used and not self._passed:
            return
        with _changing(self._directory) as present:
            for fault in present:
                fault.at -= self._passed.count(fault.id)
                if fault.times is not None:
                    fault.times -= self._used.count(fault.id)
            present[:] = [fault for fault in present if fault.times is None or fault.times > 0]
        self._used, self._passed = [], []


def _names(fault: Fault, name: str, type_: str, group: str) -> bool:
    """A group is named by itself, or by what keeps it from going: `--type` is that resource's then."""
    if fault.group is not None and fault.group.lower() != group.lower():
        return False
    if type_ == GROUP:
        return fault.kind == "delete-failed" or (
            fault.type in (None, GROUP) and fault.resource in (None, name)
        )
    given = ((fault.resource, name), (fault.type, type_))
    return all(wanted is None or wanted.lower() == has.lower() for wanted, has in given)


@contextmanager
def _changing(directory: Path) -> Iterator[list[Fault]]:
    """The faults, to be changed in place; written when the block ends without an exception."""
    own_folder(directory)
    path = directory / FILE
    with open_lock(directory / "faults.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = list_faults(directory)
        yield present
        temporary = path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(present))
        temporary.replace(path)
