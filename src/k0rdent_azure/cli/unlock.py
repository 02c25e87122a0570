"""`unlock`: remove the record of a run that is gone, by the id that `lock show` tells."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError

if TYPE_CHECKING:
    from k0rdent_azure.state.lock import Holder

EPILOG = """\
examples:
  k0rdent-azure lock show              tells the id
  k0rdent-azure unlock 3f9c0a7be412

Needed only for a run on another machine that did not say that it ended; on this machine a run's end frees the lock.
A live holder is refused (exit code 5), another id too (4). The audit trail says whose lock was removed.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "unlock",
        help="remove the lock of a run that is gone",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="the id that `lock show` tells")
    parser.add_argument("--json", action="store_true", help="print the removed holder as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: id, command, host, pid, user, since, boot."""
    workspace = Workspace(args.workspace)
    holder = workspace.run_lock().unlock(args.id)
    _record(workspace, holder)
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(holder)
        return 0
    from k0rdent_azure.cli.lock import named
    from k0rdent_azure.report.text import clean

    sys.stdout.write(f"{clean(f'removed the lock of {named(holder)}')}\n")
    return 0


def _record(workspace: Workspace, holder: Holder) -> None:
    """Say in the audit trail whose lock was removed and by whom, if there is one."""
    from k0rdent_azure.cli.lock import named
    from k0rdent_azure.state.lock import user_name

    store = workspace.store()
    try:
        if not store.exists():
            return
        with store.transaction() as tx:
            phase = tx.state.metadata.deployment_phase
            tx.event(
                phase,
                "unlocked",
                f"{user_name()} removed the lock of {named(holder)}",
                details=f"id {holder.id}",
            )
    except StateError as error:
        raise StateError(
            f"the lock is removed, but the audit trail does not say so: {error.message}", hint=error.hint
        ) from error
