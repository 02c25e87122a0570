"""What a run needs of this machine, looked at before it writes anything: the required checks of `doctor`, and a token.

Nothing is written here, and Azure Resource Manager is asked nothing. A refusal leaves the workspace as it was.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from k0rdent_azure.errors import AuthenticationError, AzureUnreachableError, PrerequisiteError

if TYPE_CHECKING:
    from k0rdent_azure.cli.prerequisites import Check
    from k0rdent_azure.cli.workspace import Workspace
    from k0rdent_azure.config.model import Config

#: Checks of the tools that only work on the hosts and the cluster needs.
CLUSTER_TOOLS = frozenset({"k0sctl", "wireguard", "root"})


def require(workspace: Workspace, config: Config, *, without: Collection[str] = ()) -> None:
    """Raise PrerequisiteError if a required check of `doctor` fails; `without` names checks that do not matter now.

    A doubt (a version that cannot be read, say) is printed as a warning and refuses nothing.
    """
    from k0rdent_azure.cli.doctor import essentials
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.cli.prerequisites import machine_checks

    cloud = config.azure.cloud
    checks = [*machine_checks(cloud=cloud, environ=os.environ), *essentials(workspace)]
    counted = [check for check in checks if check.required and check.name not in without]
    for check in counted:
        if check.status == "doubt":
            show_notice(f"warning: {_told(check)}" + (f"; {check.how}" if check.how else ""))
    missing = [check for check in counted if check.status == "missing"]
    if missing:
        raise _refusal(workspace, missing)


def _refusal(workspace: Workspace, missing: Collection[Check]) -> PrerequisiteError:
    named = "; ".join(_told(check) for check in missing)
    how = "; ".join(f"{check.name}: {check.how}" for check in missing if check.how)
    return PrerequisiteError(
        f"this machine lacks what the run needs, so nothing was written: {named}",
        hint=f"{how}; then check with: {workspace.command('doctor')}",
    )


def _told(check: Check) -> str:
    return f"{check.name}: {check.found}"


def log_in(workspace: Workspace, config: Config) -> None:
    """Get a token as the run would, and drop it. Raises AuthenticationError and AzureUnreachableError.

    One request to the identity service, or one `az`; none to Azure Resource Manager.
    """
    import asyncio

    from k0rdent_azure.cli.cloud import A_LOOK, outside

    async def get_token() -> None:
        reached = outside(config, workspace, retries=A_LOOK, read_only=True)
        try:
            await reached.arm.log_in()
        finally:
            await reached.arm.close()

    asyncio.run(get_token())


def require_login(workspace: Workspace, config: Config) -> None:
    """As `log_in`, before there is anything that could go on. Raises PrerequisiteError."""
    try:
        log_in(workspace, config)
    except (AuthenticationError, AzureUnreachableError) as error:
        refusal = PrerequisiteError(f"nothing was written: {error.message}", hint=error.hint)
        refusal.reason = error.reason
        raise refusal from error


def be_ready(workspace: Workspace, config: Config, *, without: Collection[str] = ()) -> None:
    """Both: what `require` and `log_in` raise."""
    require(workspace, config, without=without)
    log_in(workspace, config)
