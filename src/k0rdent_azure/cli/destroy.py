"""`destroy`: remove everything that the deployment made, and archive its state."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import no_deployment
from k0rdent_azure.cli.run_snapshot import snapshot_before
from k0rdent_azure.cli.running import (
    add_run_arguments,
    confirm,
    next_command_hint,
    snapshot_of,
    supervise,
)
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import K0rdentAzureError

if TYPE_CHECKING:
    from k0rdent_azure.phases.context import Context

EPILOG = """\
examples:
  k0rdent-azure destroy          ask, then remove
  k0rdent-azure destroy --yes    no question

It needs neither the VPN nor the cluster, works on a half-made deployment, and can be run again.
The state moves to archive/<deployment id>/. A resource group that was there before stays.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "destroy",
        help="remove everything and archive the state",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    workspace = Workspace(args.workspace)
    with workspace.run_lock().acquire("destroy"):
        store = workspace.store()
        if not store.exists():
            raise no_deployment(workspace, "nothing is left to destroy")
        config, names = snapshot_of(workspace)
        confirm(f"Destroy {names.deployment_id} ({names.resource_group}) for good?", yes=args.yes)
        snapshot_before(workspace, "destroy")
        try:
            supervise(workspace, config, names, args=args, work=_destroy)
        except K0rdentAzureError as error:
            next_command_hint(error, workspace, "destroy --yes" if args.yes else "destroy")
            raise
        from k0rdent_azure.cli.output import show_notice

        linked = [(path, path.readlink()) for path in store.storage.beside() if path.is_symlink()]
        archive = store.archive(workspace.archive_dir / names.deployment_id)
    for path, target in linked:
        show_notice(
            f"left where it is: {target}, which {path.name} was a symbolic link to; a copy is in the archive"
        )
    _show(names.deployment_id, str(archive), as_json=args.json)
    return 0


async def _destroy(ctx: Context) -> None:
    import asyncio

    from k0rdent_azure.phases.begin import begin_run, end_run
    from k0rdent_azure.phases.destroy import destroy

    begin_run(ctx, status="destroying", action="destroy_requested", message=f"{ctx.command} was asked for")
    try:
        await destroy(ctx)
    except K0rdentAzureError as error:
        end_run(ctx, type(error).__name__)
        raise
    except asyncio.CancelledError:
        end_run(ctx, "interrupted")
        raise
    end_run(ctx, "destroyed")


def _show(deployment_id: str, archive: str, *, as_json: bool) -> None:
    from k0rdent_azure.cli.output import print_json, show_notice

    if as_json:
        print_json({"deployment_id": deployment_id, "status": "destroyed", "archive": archive})
    else:
        show_notice(f"{deployment_id} is gone; its state is kept in {archive}")
