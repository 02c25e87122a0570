"""Whether a deployment is well, as far as its state knows: everything that speaks against it, in words."""

from __future__ import annotations

from collections.abc import Iterator

from k0rdent_azure.report.model import HealthRow, Problem, StatusReport, VmRow
from k0rdent_azure.report.text import plural

#: Words of the state for what works, by part; anything else is named.
_WORKING = {"running", "starting"}


def health(report: StatusReport) -> HealthRow:
    """`well` is said of a complete deployment of which nothing bad is known; one under way has no verdict yet."""
    problems = list(_problems(report))
    if any(each.severity == "critical" for each in problems):
        return HealthRow(verdict="bad", problems=problems)
    if problems:
        return HealthRow(verdict="doubtful", problems=problems)
    return HealthRow(verdict="well" if report.status == "completed" else "unfinished")


def _problems(report: StatusReport) -> Iterator[Problem]:
    if report.failure is not None:
        yield Problem(severity="critical", what=f"{report.failure.phase} failed: {report.failure.message}")
    if report.run.died:
        yield Problem(severity="warning", what=f"the {report.run.command or 'last run'} died")
    yield from _validation(report)
    if report.status == "completed":
        for vm in report.vms:
            yield from _vm(vm)
        yield from _parts(report)


def _vm(vm: VmRow) -> Iterator[Problem]:
    """A VM of a complete deployment that is not as a complete deployment has it."""
    gone = {"deleted": "is gone", "pending": "was never created", "creating": "is not created yet"}
    power = (vm.power_state or "").removeprefix("VM ").strip().lower()
    if vm.status != "running":
        yield Problem(severity="critical", what=f"{vm.name} {gone.get(vm.status, f'is {vm.status}')}")
    elif power and power not in _WORKING:
        yield Problem(severity="critical", what=f"{vm.name} is {power}")
    elif (vm.provisioning_state or "").lower() == "failed":
        yield Problem(severity="warning", what=f"the last change of {vm.name} failed")
    elif vm.k0s == "failed":
        yield Problem(severity="critical", what=f"k0s failed on {vm.name}")
    elif vm.ssh == "failed":
        yield Problem(severity="warning", what=f"{vm.name} could not be reached over SSH")


def _parts(report: StatusReport) -> Iterator[Problem]:
    unfinished = [phase.name for phase in report.phases if phase.status != "completed"]
    if unfinished:
        yield Problem(severity="warning", what=f"not completed: {', '.join(unfinished)}")
    network = report.network
    for part in (network.resource_group, network.vnet, network.subnet, network.nsg):
        if part is not None and part.status in ("failed", "deleted"):
            yield Problem(severity="critical", what=f"{part.name} is {part.status}")
    if report.vpn and report.vpn.status == "disconnected":
        yield Problem(severity="warning", what="the VPN is disconnected on this machine")
    if report.cluster and report.cluster.status != "ready":
        yield Problem(severity="critical", what=f"the cluster is {_words(report.cluster.status)}")
    if report.k0rdent and report.k0rdent.status != "ready":
        yield Problem(severity="critical", what=f"k0rdent is {_words(report.k0rdent.status)}")
    elif report.k0rdent and report.k0rdent.components_ready < report.k0rdent.components_total:
        missing = report.k0rdent.components_total - report.k0rdent.components_ready
        yield Problem(severity="warning", what=f"{plural(missing, 'component')} of k0rdent not ready")
    if report.pending_operations and not report.run.live:
        names = ", ".join(each.name for each in report.pending_operations)
        yield Problem(severity="warning", what=f"outcome unknown: {names}")


def _validation(report: StatusReport) -> Iterator[Problem]:
    """What the last validation found counts until a later run may have changed it."""
    told = report.validation
    if told is None or told.outdated or told.verdict == "clean":
        return
    counts = [
        f"{count} {name}" for name, count in (("critical", told.critical), ("warning", told.warning)) if count
    ]
    if counts:
        what = f"the last validation found drift: {', '.join(counts)}"
        yield Problem(severity="critical" if told.critical else "warning", what=what)


def _words(status: str) -> str:
    return status.replace("_", " ")
