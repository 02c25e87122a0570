"""Every kind of fault, in the order of `rehearse fault --help`: what it does, and which options it takes.

Options are fields of `Fault`; every kind also takes `times` and `at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from k0rdent_azure.rehearsal.faults import Kind


@dataclass(frozen=True, slots=True)
class FaultKind:
    """`options` may be given, `required` must be; `defaults` are this kind's own."""

    kind: Kind
    family: str
    summary: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)


_REQUEST = ("method", "path")
_VM = ("vm", "group")
_NEW_VM = ("vm", "zone", "size")
_REFUSAL = ("code", "message", "target", "nesting")
_RESOURCE = ("resource", "type", "group")
_DEPLOYMENT = {"method": "PUT", "path": "/deployments/"}
_ANYBODY = {"port": "*", "protocol": "*", "source": "*", "priority": "100"}

ANSWER, PROVISIONING, CHANGE = "answers and connections", "provisioning", "changes behind your back"
CLUSTER = "in the cluster"
OPERATION = "deletions and starts"


def _answer(kind: Kind, summary: str, *options: str, **defaults: str) -> FaultKind:
    return FaultKind(kind, ANSWER, summary, (*_REQUEST, *options), defaults=defaults)


def _provisioning(kind: Kind, summary: str, options: tuple[str, ...] = _NEW_VM) -> FaultKind:
    return FaultKind(kind, PROVISIONING, summary, options)


def _change(kind: Kind, summary: str, options: tuple[str, ...], *required: str, **defaults: str) -> FaultKind:
    return FaultKind(kind, CHANGE, summary, options, required, defaults)


def _operation(kind: Kind, summary: str, **defaults: str) -> FaultKind:
    words = ("message",) if defaults else ()
    return FaultKind(kind, OPERATION, summary, (*_RESOURCE, *defaults, *words), defaults=defaults)


KINDS: dict[str, FaultKind] = {
    each.kind: each
    for each in (
        _answer("http", "an HTTP --status such as 429, 500 or 503", "status", "retry_after"),
        _answer("disconnect", "the connection is reset before or after the effect", "when"),
        _answer("timeout", "silence, then the connection ends", "when", "seconds", seconds="240"),
        _answer("partial", "half of the answer, then the connection ends"),
        _answer("malformed", "an answer that is not JSON"),
        _answer("expired-token", "401 ExpiredAuthenticationToken"),
        _answer("clock-skew", "the Date header is wrong by --seconds", "seconds", seconds="3600"),
        _answer("DeploymentActive", "409 to the PUT of a deployment", **_DEPLOYMENT),
        _answer("ResourceGroupBeingDeleted", "409 to the PUT of a deployment", **_DEPLOYMENT),
        FaultKind(
            "refused",
            ANSWER,
            "a refusal with any --code and --message, in one of Azure's shapes (--nesting)",
            (*_REQUEST, "status", *_REFUSAL),
            ("code",),
            {**_DEPLOYMENT, "status": "400"},
        ),
        _provisioning("SkuNotAvailable", "refused at preflight; the list of SKUs says so, too"),
        _provisioning("QuotaExceeded", "refused at preflight; the list of usages says so, too"),
        _provisioning("AllocationFailed", "the VM ends Failed, for want of capacity in the region"),
        _provisioning("ZonalAllocationFailed", "the VM ends Failed, for want of capacity in its zone"),
        _provisioning(
            "OverconstrainedZonalAllocationRequest", "the VM ends Failed, its zone without its size"
        ),
        FaultKind(
            "vm-fails",
            PROVISIONING,
            "the VM ends Failed, with any --code and --message",
            (*_NEW_VM, *_REFUSAL),
            ("code",),
        ),
        _provisioning("ssh-unreachable", "an SSH connection to the VM fails", ("vm",)),
        FaultKind(
            "policy-tag", PROVISIONING, "a policy's --tag NAME=VALUE on all that is put", ("tag",), ("tag",)
        ),
        _change("vm-deleted", "deleted, with what its deleteOptions name", _VM, "vm"),
        _change("vm-stopped", "powered off", _VM, "vm"),
        _change("vm-deallocated", "powered off and deallocated", _VM, "vm"),
        _change("vm-evicted", "a Spot eviction; --policy instead of the VM's own", (*_VM, "policy"), "vm"),
        _change("vm-resized", "another --size", (*_VM, "size"), "vm", "size"),
        _change("vm-clock-skew", "its clock is wrong by --seconds", (*_VM, "seconds"), "vm", seconds="3600"),
        _change("address-changed", "another public address", (*_VM, "address"), "vm"),
        _change(
            "rule-added",
            "another rule in the security group",
            (*_RESOURCE, "rule", *_ANYBODY),
            rule="AllowAll",
            **_ANYBODY,
        ),
        _change(
            "rule-opened", "a rule lets more in", (*_RESOURCE, "rule", "port", "source"), "rule", source="*"
        ),
        _change("rule-removed", "a rule is gone", (*_RESOURCE, "rule"), "rule"),
        _change(
            "foreign-vm",
            "somebody's VM in the group, with its NIC and disk",
            (*_VM, "tags"),
            vm="somebodys-vm",
        ),
        _change(
            "foreign-resource",
            "somebody's resource of any --type (a storage account)",
            (*_RESOURCE, "tags"),
            resource="somebodys",
        ),
        _change("vm-replaced", "deleted, and somebody's other VM has its name", (*_VM, "tags"), "vm"),
        _change("tags-removed", "one --tag or all, of one --resource or of all", (*_RESOURCE, "tag")),
        _change(
            "tag-added", "a policy's --tag NAME=VALUE on one --resource or on all", (*_RESOURCE, "tag"), "tag"
        ),
        _change("ssh-key-replaced", "the sshPublicKeys resource's key, or that in a --vm", (*_VM, "key")),
        _change("resource-deleted", "any resource, in use or not", _RESOURCE, "resource"),
        _change(
            "property-changed",
            "a --property (properties.a.0.b) becomes --value, or goes without one",
            (*_RESOURCE, "property", "value"),
            "resource",
            "property",
        ),
        _change("group-deleted", "the group is gone, with all that was in it", ("group",)),
        _operation(
            "delete-refused",
            "the DELETE is refused with --code, in Azure's words or --message",
            code="ScopeLocked",
        ),
        _operation(
            "delete-failed",
            "the DELETE is accepted, and fails later; --resource keeps its group, too",
            code="InternalServerError",
        ),
        _operation("delete-stuck", "the DELETE is accepted, and never ends"),
        FaultKind(
            "start-failed",
            OPERATION,
            "the start of a VM is accepted, and fails later with --code",
            ("vm", "code"),
            defaults={"code": "AllocationFailed"},
        ),
        FaultKind(
            "child-cluster",
            CLUSTER,
            "k0rdent manages one more cluster, in a cloud of its own",
            ("resource", "namespace", "template"),
            defaults={"resource": "child", "namespace": "kcm-system", "template": "aws-standalone-cp-1-0-0"},
        ),
        FaultKind(
            "kubectl-error",
            CLUSTER,
            "kubectl --verb of what --resource names fails, for a --reason",
            ("resource", "verb", "reason"),
            defaults={"verb": "get", "reason": "internal"},
        ),
        FaultKind(
            "slow-deletion",
            CLUSTER,
            "what --resource names is gone only --seconds after it was deleted",
            ("resource", "seconds"),
            defaults={"seconds": "600"},
        ),
        FaultKind(
            "helm-error",
            CLUSTER,
            "helm cannot install kcm's chart, for a --reason",
            ("reason",),
            defaults={"reason": "version-not-found"},
        ),
        FaultKind(
            "component-error",
            CLUSTER,
            "the component --resource of kcm has an error, for a --reason",
            ("resource", "reason"),
            defaults={"reason": "retries-exhausted"},
        ),
    )
}
