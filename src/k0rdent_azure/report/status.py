"""`status` as a value: what the state file says at this moment, without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.report.health import health
from k0rdent_azure.report.model import ConfigRow, StatusReport, VmRow
from k0rdent_azure.report.next_step import PROGRAM, next_step, run_row
from k0rdent_azure.report.phase_rows import phase_rows, progress
from k0rdent_azure.report.sections import (
    age_of,
    cluster,
    event_row,
    failure,
    k0rdent,
    network,
    operations,
    validation,
    vpn,
)
from k0rdent_azure.report.vms import vms
from k0rdent_azure.state.model import State

if TYPE_CHECKING:
    from k0rdent_azure.state.lock import Holder

#: How many of the newest events a report carries; `events` has them all.
NEWEST_EVENTS = 8


def summary(
    state: State,
    *,
    now: datetime,
    live_holder: Holder | None,
    config_changed: Sequence[str] = (),
    program: str = PROGRAM,
    directory: Path = Path(),
    events: int = NEWEST_EVENTS,
) -> StatusReport:
    """Everything that `status` shows, in the shape that `status --json` prints (`report.model`).

    `now` is aware UTC; `live_holder` is who holds the run lock (None: nobody runs); `config_changed` names the
    settings in the config file that differ from the snapshot; `program` begins the next command, and
    `directory` the paths in it, where the workspace is not the current one.
    """
    rows, machines = phase_rows(state), vms(state, now)
    run = run_row(state, now, live_holder)
    report = StatusReport(
        deployment_id=state.metadata.deployment_id,
        cloud=_azure(state, "cloud") or "AzureCloud",
        location=_azure(state, "location"),
        clock_speed=state.metadata.clock_speed,
        phase=state.metadata.deployment_phase,
        status=state.metadata.deployment_status,
        created_at=state.metadata.created_at,
        last_updated=state.metadata.last_updated,
        progress=progress(state, rows, machines),
        phases=rows,
        run=run,
        vms=machines,
        network=network(state, now),
        vpn=vpn(state, now),
        cluster=cluster(state, machines, now),
        k0rdent=k0rdent(state, now),
        api_calls=state.api_calls,
        pending_operations=operations(state, now),
        failure=failure(state, now),
        config=ConfigRow(file=state.metadata.config_file, changed=list(config_changed)),
        events=[event_row(event, now) for event in state.events[-events:]] if events > 0 else [],
        next=next_step(state, run, program, directory),
        facts={},
    )
    report.facts = _facts(report, now)
    report.validation = validation(state, now)
    report.health = health(report)
    return report


def _azure(state: State, key: str) -> str | None:
    azure = state.configuration.get("azure")
    value = azure.get(key) if isinstance(azure, Mapping) else None
    return value if isinstance(value, str) else None


def _facts(report: StatusReport, now: datetime) -> dict[str, float | None]:
    """How old each part is; the VMs as old as the one that was looked at longest ago."""
    return {
        "state": age_of(report.last_updated, now),
        "network": report.network.age_seconds,
        "vms": _oldest(report.vms),
        "vpn": report.vpn.age_seconds if report.vpn else None,
        "cluster": report.cluster.age_seconds if report.cluster else None,
        "k0rdent": report.k0rdent.age_seconds if report.k0rdent else None,
    }


def _oldest(machines: Sequence[VmRow]) -> float | None:
    ages = [vm.age_seconds for vm in machines if vm.age_seconds is not None]
    return max(ages) if ages else None
