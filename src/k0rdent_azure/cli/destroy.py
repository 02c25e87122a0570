"""`destroy`: remove everything that the deployment made, and archive its state."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import no_deployment, put_aside
from k0rdent_azure.cli.parting import add_loss_arguments, foresee, question
from k0rdent_azure.cli.run_snapshot import snapshot_before
from k0rdent_azure.cli.running import (
    add_run_arguments,
    confirm,
    next_command_hint,
    snapshot_of,
    supervise,
)
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import BehindError, K0rdentAzureError

if TYPE_CHECKING:
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.destroy import Parting

EPILOG = """\
examples:
  k0rdent-azure destroy                              look, name what goes, ask, then remove
  k0rdent-azure destroy --yes                        no question
  k0rdent-azure destroy --yes --delete-foreign       with what others put into the deployment's own group
  k0rdent-azure destroy --yes --abandon-children     although k0rdent manages clusters, which stay and are billed
  k0rdent-azure destroy --without-azure              Azure cannot be asked: only archive the state

Azure is always asked, and "gone" is its answer. In a resource group that was there before, only what is proven to be
this deployment's is deleted; the group stays. It needs neither the VPN nor the cluster, works on a half-made
deployment, and can be run again. The state moves to archive/<deployment id>/.
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
    add_loss_arguments(parser)
    parser.add_argument(
        "--without-azure",
        action="store_true",
        help="do not ask Azure and delete nothing: only archive the state; what exists goes on to run and cost",
    )


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: deployment_id, status (destroyed, or archived with --without-azure), archive, azure_asked,
    foreign[] (type, name, why: deleted with the group), children[] (namespace, name, template: left running),
    children_checked_at, may_remain[] (names in Azure, with --without-azure).
    """
    from k0rdent_azure.cli.output import show_notice

    workspace = Workspace(args.workspace)
    store = workspace.store()
    # Also the lock is a file: a folder without a deployment is left as it is.
    _refuse_none(workspace)
    with workspace.run_lock().acquire("destroy"):
        _refuse_none(workspace)
        if args.without_azure:
            from k0rdent_azure.cli.unasked import archive_unasked

            return archive_unasked(workspace, args)
        config, names = snapshot_of(workspace)
        confirmed = foresee(workspace, config, names, args)
        confirm(question(config, names, confirmed), yes=args.yes)
        snapshot_before(workspace, "destroy")

        async def work(ctx: Context) -> None:
            await _destroy(ctx, confirmed, look_again=not args.yes)

        try:
            supervise(workspace, config, names, args=args, work=work)
        except BehindError:
            raise
        except K0rdentAzureError as error:
            next_command_hint(error, workspace, _words(args))
            raise
        linked = [(path, path.readlink()) for path in store.storage.beside() if path.is_symlink()]
        archive = store.archive(workspace.archive_dir / names.deployment_id)
    for path, target in linked:
        show_notice(
            f"left where it is: {target}, which {path.name} was a symbolic link to; a copy is in the archive"
        )
    _show(names.deployment_id, str(archive), confirmed, as_json=args.json)
    return 0


def _refuse_none(workspace: Workspace) -> None:
    if not workspace.store().exists():
        raise put_aside(workspace) or no_deployment(
            workspace, f"look for one in Azure: {workspace.command('recover --from-azure --dry-run')}"
        )


def _words(args: argparse.Namespace) -> str:
    """The same command again."""
    given = [
        flag
        for flag, is_given in (
            ("--yes", args.yes),
            ("--delete-foreign", args.delete_foreign),
            ("--abandon-children", args.abandon_children),
        )
        if is_given
    ]
    return " ".join(["destroy", *given])


async def _destroy(ctx: Context, confirmed: Parting, *, look_again: bool) -> None:
    import asyncio

    from k0rdent_azure.phases.begin import end_run
    from k0rdent_azure.phases.destroy import destroy

    try:
        await destroy(ctx, confirmed, look_again=look_again)
    except K0rdentAzureError as error:
        end_run(ctx, type(error).__name__)
        raise
    except asyncio.CancelledError:
        end_run(ctx, "interrupted")
        raise
    end_run(ctx, "destroyed")


def _show(deployment_id: str, archive: str, done: Parting, *, as_json: bool) -> None:
    from k0rdent_azure.cli.output import print_json, show_notice

    if as_json:
        print_json(
            {
                "deployment_id": deployment_id,
                "status": "destroyed",
                "archive": archive,
                "azure_asked": True,
                "foreign": [
                    {"type": each.type, "name": each.name, "why": each.why} for each in done.found.foreign
                ],
                "children": list(done.children.known),
                "children_checked_at": done.children.checked_at,
                "may_remain": [],
            }
        )
        return
    for resource in done.found.left:
        show_notice(
            f"left alone: {resource.type} {resource.name} has this deployment's tags, and is not what it makes"
        )
    show_notice(f"{deployment_id} is gone from Azure; its state is kept in {archive}")
