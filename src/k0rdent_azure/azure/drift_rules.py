"""How much each kind of drift matters, and what would end it. One table; the first row that fits decides.

critical: the deployment does not work, or is open to somebody. warning: it works, but a later command, an eviction or a
bill will tell. info: worth knowing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from k0rdent_azure.azure.drift_facts import (
    ADDRESS,
    DISK,
    NETWORK,
    RULE,
    SECURITY_GROUP,
    SSH_KEY,
    SUBNET,
    VM,
    ResourceFacts,
)
from k0rdent_azure.azure.drift_values import NOTHING, Fact
from k0rdent_azure.azure.merged_lists import prefixes
from k0rdent_azure.state.finding import FindingKind, Repair, Severity

#: States of a resource that something is being done with; it will have another one soon.
PASSING = frozenset({"creating", "updating", "deleting", "accepted", "running", "migrating"})
#: Power states on the way to, or at, a VM that runs.
_COMING_UP = frozenset({"starting", "running"})
_EXTENSION = "*/extensions"


class Rule(NamedTuple):
    """`type` and `field` are patterns, in lower case; `field` is "" for a whole resource."""

    kind: FindingKind
    type: str
    field: str
    severity: Severity
    repair: Repair


_TABLE: tuple[Rule, ...] = (
    Rule("missing", SSH_KEY, "", "warning", "recreate"),
    Rule("missing", RULE, "", "critical", "restore"),
    Rule("missing", "*", "", "critical", "recreate"),
    Rule("unexpected", VM, "", "warning", "none"),
    Rule("unexpected", _EXTENSION, "", "info", "none"),
    Rule("unexpected", SUBNET, "", "info", "none"),
    Rule("unexpected", SECURITY_GROUP, "", "warning", "none"),
    Rule("unexpected", ADDRESS, "", "warning", "none"),
    Rule("unexpected", "*", "", "info", "none"),
    Rule("changed", VM, "power_state", "critical", "start"),
    Rule("changed", "*", "provisioning_state", "critical", "recreate"),
    Rule("changed", "*", "incarnation", "critical", "none"),
    Rule("changed", VM, "size", "warning", "resize"),
    Rule("changed", VM, "ssh_public_keys", "critical", "recreate"),
    Rule("changed", VM, "password_login", "critical", "recreate"),
    Rule("changed", VM, "network_interfaces", "critical", "none"),
    Rule("changed", VM, "os_disk", "critical", "none"),
    Rule("changed", VM, "*_delete_option", "warning", "restore"),
    Rule("changed", VM, "boot_diagnostics", "info", "restore"),
    Rule("changed", VM, "data_disks", "info", "none"),
    Rule("changed", VM, "eviction_policy", "warning", "none"),
    Rule("changed", DISK, "managed_by", "critical", "none"),
    Rule("changed", SSH_KEY, "public_key", "warning", "restore"),
    Rule("changed", ADDRESS, "address", "critical", "adopt"),
    Rule("changed", ADDRESS, "attached_to", "critical", "restore"),
    Rule("changed", ADDRESS, "dns_label", "warning", "restore"),
    Rule("changed", ADDRESS, "allocation", "warning", "restore"),
    Rule("changed", RULE, "*", "critical", "restore"),
    Rule("changed", SUBNET, "network_security_group", "critical", "restore"),
    Rule("changed", SUBNET, "route_table", "critical", "restore"),
    Rule("changed", SUBNET, "nat_gateway", "warning", "restore"),
    Rule("changed", SUBNET, "*", "critical", "none"),
    Rule("changed", NETWORK, "dns_servers", "warning", "restore"),
    Rule("changed", NETWORK, "peerings", "warning", "none"),
    Rule("changed", NETWORK, "address_prefixes", "warning", "restore"),
    Rule("changed", "*", "tags.k0rdent-azure-*", "warning", "restore"),
    Rule("changed", "*", "tags.*", "info", "restore"),
    # What cannot change on a resource that lives: somebody made another one under the same name.
    Rule("changed", "*", "location", "critical", "none"),
    Rule("changed", VM, "*", "warning", "recreate"),
    Rule("changed", "*", "*", "warning", "restore"),
)


class Verdict(NamedTuple):
    """How much a difference matters, and what would end it."""

    severity: Severity
    repair: Repair


def judge(
    kind: FindingKind, type_: str, field: str = "", wanted: Fact | None = None, found: Fact | None = None
) -> Verdict:
    """The verdict on one difference; `field` "" stands for the whole resource."""
    if field == "provisioning_state" and found is not None and found.key in PASSING:
        return Verdict("info", "none")
    if field == "power_state" and found is not None and found.key in _COMING_UP:
        return Verdict("info", "none")
    if field.startswith("tags.") and wanted is None:
        # Somebody's own tag hurts nobody, and is not ours to take away.
        return Verdict("info", "none")
    row = next(
        row
        for row in _TABLE
        if row.kind == kind
        and fnmatchcase(type_.lower(), row.type.lower())
        and fnmatchcase(field.lower(), row.field.lower())
    )
    return Verdict(row.severity, "none" if _is_theirs(field, wanted, found) else row.repair)


def _is_theirs(field: str, wanted: Fact | None, found: Fact | None) -> bool:
    """Whether a difference is only something that others added, or use: nothing of ours is there to be put back."""
    if wanted is None or found is None:
        return False
    if field == "address_prefixes":
        there = found.key.split(",")
        return set(prefixes(there, wanted.key.split(","))) == set(there)
    # An address that was taken elsewhere is in use there.
    return not wanted.key or (field == "attached_to" and bool(found.key))


def judge_unexpected(resource: ResourceFacts) -> Verdict:
    """A rule that nobody wanted opens a door (or shuts the one that we use). It is somebody's own, as all else is."""
    if resource.type != RULE:
        return judge("unexpected", resource.type)
    inbound = resource.fields.get("direction", NOTHING).key == "inbound"
    denies = resource.fields.get("access", NOTHING).key == "deny"
    return Verdict("critical" if inbound or denies else "info", "none")
