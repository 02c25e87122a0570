"""One difference between what a state wants and what there is: the value that drift is told and repaired by.

It stands on the state's floor because those who find drift (in Azure, on hosts), who show it and who repair it know
nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

FindingKind = Literal["missing", "unexpected", "changed"]
#: Worst first: what stops or opens the deployment, what will hurt later, what is only worth knowing.
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
#: What would end a finding: make the resource again, start a VM, put the wanted value back, change a VM's size,
#: take the new address over, or nothing that a program should decide.
Repair = Literal["recreate", "start", "restore", "resize", "adopt", "none"]


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """The ignore rule that hides a finding; `until` is the last day on which it holds (None: for ever)."""

    reason: str
    until: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`resource` is an ARM id, or a host's name; `field` None stands for the whole resource.

    `expected` and `found` are texts as people read them, lists joined with `, `; None where there is no value.
    `action` is one sentence or command: what to do now.
    """

    kind: FindingKind
    severity: Severity
    resource: str
    type: str
    name: str
    field: str | None = None
    expected: str | None = None
    found: str | None = None
    repair: Repair = "none"
    action: str = ""
    ignored: Ignored | None = None


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read, so that nothing is known of it, and why. `code` is ARM's, where there is one."""

    what: str
    reason: str
    code: str | None = None


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """By severity, then by resource, so that what belongs together stands together."""
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(
        found,
        key=lambda each: (order[each.severity], each.type.lower(), each.resource.lower(), each.field or ""),
    )
