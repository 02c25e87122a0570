"""The last words of a run that reached its end: what there is now, and how to use it."""

from __future__ import annotations

from pathlib import Path

from k0rdent_azure.report.model import StatusReport
from k0rdent_azure.report.text import clean, duration, plural


def result_lines(report: StatusReport, workspace: Path) -> list[str]:
    """Plain lines. `workspace` makes the kubeconfig's path one that works from anywhere."""
    spent = sum(phase.seconds or 0.0 for phase in report.phases)
    made = f"{clean(report.deployment_id)} is {clean(report.phase)}: {plural(len(report.vms), 'VM')}"
    cost = f"{duration(spent)}, {plural(report.api_calls.total, 'ARM request')}"
    lines = [f"{made}, {cost}"]
    if report.cluster is not None and report.cluster.status == "ready":
        lines.append(f"  API         {clean(report.cluster.api_endpoint or '')}".rstrip())
        lines.append(f"  kubeconfig  {workspace / clean(report.cluster.kubeconfig_file)}")
    if report.k0rdent is not None and report.k0rdent.status == "ready":
        lines.append(
            f"  k0rdent     kcm {clean(report.k0rdent.version)}, "
            f"{plural(report.k0rdent.components_ready, 'component')} ready"
        )
    if report.next.command:
        lines.append(f"  next        {clean(report.next.command)}")
    return lines
