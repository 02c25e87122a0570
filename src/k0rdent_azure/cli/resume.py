"""`resume`: go on where an interrupted, failed or killed deployment stopped."""

from __future__ import annotations

import argparse

from k0rdent_azure.cli.deploy import continue_deployment
from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import no_deployment
from k0rdent_azure.cli.running import add_run_arguments
from k0rdent_azure.cli.workspace import Workspace

EPILOG = """\
examples:
  k0rdent-azure resume          look at what exists, then do what is missing
  k0rdent-azure resume --yes    the same in a script

Nothing is created twice and no key is generated again. On a finished deployment it only looks.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "resume",
        help="go on after an interruption or a failure",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    workspace = Workspace(args.workspace)
    # Also the lock is a file: a folder without a deployment is left as it is.
    _refuse_none(workspace)
    with workspace.run_lock().acquire("resume"):
        _refuse_none(workspace)
        return continue_deployment(workspace, args)


def _refuse_none(workspace: Workspace) -> None:
    if not workspace.store().exists():
        raise no_deployment(workspace, f"start one: {workspace.command('deploy')}")
