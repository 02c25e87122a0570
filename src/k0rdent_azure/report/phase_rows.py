"""The seven phases: which are done, which one is on, and how much of the whole that is."""

from __future__ import annotations

from collections.abc import Sequence

from k0rdent_azure.report.model import PhaseRow, Progress, VmRow
from k0rdent_azure.state.model import PHASE_NAMES, State


def phase_rows(state: State) -> list[PhaseRow]:
    """One row per phase; where a state has no records (the plan's example), they follow from the phase."""
    return [_row(state, name) for name in PHASE_NAMES]


def _row(state: State, name: str) -> PhaseRow:
    for phase, record in state.phases.items():
        if phase == name:
            return PhaseRow(
                name=name,
                status=record.status,
                seconds=record.seconds,
                step=record.step,
                started_at=record.started_at,
                ended_at=record.ended_at,
            )
    return PhaseRow(name=name, status=_implied(state, name))


def _implied(state: State, name: str) -> str:
    """The status of a phase that has no record: by its place before, at, or after the current one."""
    metadata = state.metadata
    if metadata.deployment_phase == "complete" and metadata.deployment_status == "completed":
        return "completed"
    order: Sequence[str] = PHASE_NAMES
    here, there = order.index(metadata.deployment_phase), order.index(name)
    if state.phases:
        return "pending"
    if there < here:
        return "completed"
    current = metadata.deployment_status in ("in_progress", "failed", "interrupted")
    return metadata.deployment_status if there == here and current else "pending"


def progress(state: State, rows: Sequence[PhaseRow], vms: Sequence[VmRow]) -> Progress:
    """Each phase counts the same; the first unfinished one by the share of its work that is recorded."""
    done = sum(1 for row in rows if row.status == "completed")
    if done == len(rows):
        return Progress(done=done, total=len(rows), percent=100)
    current = next(row.name for row in rows if row.status != "completed")
    percent = int(100 * (done + _share(state, current, vms)) / len(rows))
    return Progress(done=done, total=len(rows), percent=min(percent, 99))


def _share(state: State, phase: str, vms: Sequence[VmRow]) -> float:
    """How much of an unfinished phase is done, 0 to 1."""
    if phase == "vm_creation":
        return _mean([0.6 * (vm.status == "running") + 0.4 * (vm.cloud_init == "done") for vm in vms])
    if phase == "vpn_setup":
        return _mean([float(vm.last_handshake is not None) for vm in vms])
    if phase == "cluster_setup":
        steps = {"installing": 0.5, "ready": 1.0}
        return _mean([steps.get(vm.k0s or "", 0.2 * (vm.ssh == "verified")) for vm in vms])
    if phase == "k0rdent_install" and state.k0rdent is not None:
        return _mean([float(component.success) for component in state.k0rdent.components.values()])
    return 0.0


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0
