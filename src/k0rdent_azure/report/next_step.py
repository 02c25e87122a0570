"""How the newest run stands (alive, ended, dead) and the one command to type now."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from k0rdent_azure.command_line import shell_folder
from k0rdent_azure.errors import Way
from k0rdent_azure.report.model import HolderRow, Next, RunRow
from k0rdent_azure.report.sections import age_of
from k0rdent_azure.report.ways import onward
from k0rdent_azure.state.model import State

if TYPE_CHECKING:
    from k0rdent_azure.state.lock import Holder

PROGRAM = "k0rdent-azure"
#: VMs that a reason names; the table shows all.
MOST_NAMED = 3


def run_row(state: State, now: datetime, holder: Holder | None) -> RunRow:
    """The newest run. Dead is a run whose state says that it works while no process holds the run lock."""
    metadata = state.metadata
    run, record = metadata.run, state.phases.get(metadata.deployment_phase)
    working = metadata.deployment_status in ("in_progress", "destroying")
    # An end that is recorded is no death: a refused destroy, say, leaves `destroying` with its outcome.
    ended = run is not None and run.ended_at is not None
    seen = (run.last_seen if run else None) or metadata.last_updated
    return RunRow(
        live=holder is not None,
        died=working and not ended and holder is None,
        holder=_holder_row(holder, now) if holder else None,
        command=run.command if run else None,
        user=run.user if run else None,
        host=run.host if run else None,
        pid=run.pid if run else None,
        started_at=run.started_at if run else None,
        ended_at=run.ended_at if run else None,
        outcome=run.outcome if run else None,
        last_sign_of_life=seen,
        age_seconds=age_of(seen, now),
        phase=metadata.deployment_phase,
        step=record.step if record else None,
        pending=list(state.pending_operations),
    )


def _holder_row(holder: Holder, now: datetime) -> HolderRow:
    return HolderRow(
        command=holder.command,
        host=holder.host,
        pid=holder.pid,
        user=holder.user,
        since=holder.since,
        age_seconds=age_of(holder.since, now),
    )


def next_step(state: State, run: RunRow, program: str = PROGRAM, directory: Path = Path()) -> Next:
    """What to type. `program` begins this workspace's commands (`k0rdent-azure -C DIR`), `directory` its paths."""
    status, phase = state.metadata.deployment_status, state.metadata.deployment_phase
    if run.live:
        who = run.holder.command if run.holder else "a run"
        return Next(
            command=None, reason=f"{who} is running; wait for it, or stop it with Ctrl-C where it runs"
        )
    if status == "completed":
        return _when_complete(state, program, directory)
    if status == "failed":
        return _after_failure(state, program, phase)
    command, reason = {
        "destroying": ("destroy", "finish removing what is left; it can be repeated"),
        "destroyed": ("destroy", "nothing is left of this deployment; archive its state"),
        "pending": ("deploy", "the state is prepared and no phase has begun"),
        "interrupted": ("resume", f"go on from {phase}, where it stopped at a safe point"),
        "in_progress": ("resume", f"look at what exists, then go on from {phase}; nothing is created twice"),
    }[status]
    return Next(command=f"{program} {command}", reason=reason)


def _after_failure(state: State, program: str, phase: str) -> Next:
    """The command that helps, which is not always the same again."""
    failure = state.metadata.failure
    way = failure.way if failure is not None else None
    if failure is None or way not in get_args(Way) or way == "again":
        return Next(
            command=f"{program} resume", reason=f"fix the cause, then try {phase} again from where it failed"
        )
    found = onward(
        cast(Way, way),
        state,
        lambda words: f"{program} {words}",
        places=failure.places,
        about=failure.about,
    )
    then = found.then.removeprefix(", ").removeprefix("then: ")
    fix = "fix the cause" if way == "either" else ""
    reason = "; ".join(each for each in (fix, found.before, then and f"then {then}", found.instead) if each)
    return Next(command=found.command, reason=reason or "fix the cause first")


def _when_complete(state: State, program: str, directory: Path) -> Next:
    down = _down(state)
    if down:
        return Next(command=f"{program} resume", reason=f"bring back what was down: {down}")
    return Next(command=None, reason=_use(state, directory))


def _down(state: State) -> str:
    """The VMs that were seen to be down after all was done, each with how it was, and when that was seen."""
    vms = state.azure_resources.virtual_machines.items()
    down = [(name, vm) for name, vm in vms if vm.status in ("stopped", "deleted", "failed")]
    if not down:
        return ""
    seen = min((vm.last_checked for _, vm in down if vm.last_checked), default="unknown when")
    more = f" and {len(down) - MOST_NAMED} more" if len(down) > MOST_NAMED else ""
    return f"{', '.join(f'{name} is {vm.status}' for name, vm in down[:MOST_NAMED])}{more} (seen: {seen})"


def _use(state: State, directory: Path) -> str:
    """What a finished deployment is good for."""
    if state.k0s_cluster is None:
        return "nothing to do: the deployment is complete"
    kubeconfig = shell_folder(directory / state.k0s_cluster.kubeconfig_file)
    return f"nothing to do; use it: kubectl --kubeconfig {kubeconfig} get management kcm"


def next_without_state(*, has_config: bool, holder: Holder | None, program: str = PROGRAM) -> Next:
    """What to type in a workspace without a state file."""
    if holder is not None:
        return Next(command=None, reason=f"{holder.command} is about to create it (pid {holder.pid})")
    if has_config:
        return Next(command=f"{program} deploy", reason="the configuration is there; create the deployment")
    return Next(command=f"{program} init", reason="write a configuration first")
