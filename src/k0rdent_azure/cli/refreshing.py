"""What `status --refresh` and `vm show` share: asking Azure for the VMs, and saying what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from k0rdent_azure.cli.cloud import A_LOOK, outside
from k0rdent_azure.cli.running import snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import AzureError
from k0rdent_azure.phases.freshness import reason_not_to_ask
from k0rdent_azure.report.model import ChangeRow, RefreshRow

if TYPE_CHECKING:
    from k0rdent_azure.phases.refresh import Refreshed


def refresh(
    workspace: Workspace, *, command: str, is_due: bool = True
) -> tuple[RefreshRow, AzureError | None]:
    """Bring the VMs in the state up to date; an error is returned, because what is known is worth showing all the same.

    Without a reason to ask, nothing heavy is loaded and no cloud is started.
    """
    why_not = reason_not_to_ask(workspace.store().read().state, workspace.run_lock())
    if why_not is not None or not is_due:
        return RefreshRow(asked=False, why_not=why_not or "recent enough"), None
    try:
        found = _ask(workspace, command)
    except AzureError as error:
        return RefreshRow(asked=True, error=error.message), error
    changes = [ChangeRow(vm=each.vm, field=each.field, old=each.old, new=each.new) for each in found.changes]
    asked = found.why_not is None
    return RefreshRow(asked=asked, requests=found.requests, changes=changes, why_not=found.why_not), None


def _ask(workspace: Workspace, command: str) -> Refreshed:
    import asyncio

    from k0rdent_azure.phases.refresh import refresh as refresh_vms

    config, _ = snapshot_of(workspace)

    async def ask() -> Refreshed:
        beyond = outside(config, workspace, retries=A_LOOK)
        try:
            return await refresh_vms(workspace.store(), beyond, workspace.run_lock(), command=command)
        finally:
            await beyond.arm.close()

    return asyncio.run(ask())


def tell(row: RefreshRow, error: AzureError | None, *, checked: str, as_json: bool) -> int:
    """Say on stderr what came of it; returns the exit code. `checked` is the age of what is shown, in words."""
    from k0rdent_azure.cli.output import show_error, show_notice

    if error is not None:
        if not as_json:
            show_notice(f"Azure could not be asked: this is the last known state, VMs checked {checked}")
        show_error(error, as_json=as_json)
        return error.exit_code
    if not as_json:
        show_notice(_said(row))
    return 0


def _said(row: RefreshRow) -> str:
    if row.why_not is not None:
        return f"Azure was not asked: {row.why_not}"
    changed = "; ".join(
        f"{each.vm}: {each.field} {each.old or 'unknown'} -> {each.new}" for each in row.changes
    )
    return f"asked Azure in {row.requests} requests: {changed or 'nothing changed'}"
