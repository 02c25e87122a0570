"""`lock`: which run holds this deployment, if any."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace

if TYPE_CHECKING:
    from k0rdent_azure.state.lock import Holder, LockStatus

EPILOG = """\
examples:
  k0rdent-azure lock show          who runs here, since when
  k0rdent-azure lock show --json   condition: free, live, stale or elsewhere

live       a process holds the lock; only its end frees it
stale      its holder ended here without saying so; the next run takes over by itself
elsewhere  another machine's record: whether that run lives cannot be told from here, see `unlock`
Looking changes nothing and makes nobody wait. The exit code is 0 in each condition.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "lock",
        help="who runs on this deployment",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    show = actions.add_parser("show", help="who holds the lock, or left it")
    show.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """`--json` has condition and holder (null, or id, command, host, pid, user, since, boot)."""
    workspace = Workspace(args.workspace)
    status = workspace.run_lock().status()
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(status)
        return 0
    from k0rdent_azure.report.text import clean

    sys.stdout.writelines(f"{clean(line)}\n" for line in _lines(status, workspace))
    return 0


def _lines(status: LockStatus, workspace: Workspace) -> list[str]:
    holder = status.holder
    if holder is None:
        return [
            "free: nobody runs here" if status.condition == "free" else "live: a run that is just beginning"
        ]
    lines = [f"{status.condition}: {named(holder)}", f"id: {holder.id}"]
    if status.condition == "stale":
        lines.append("it ended without saying so; the next run takes over by itself")
    elif status.condition == "elsewhere":
        lines.append(f"if it is gone: {workspace.command(f'unlock {holder.id}')}")
    return lines


def named(holder: Holder) -> str:
    """Who it is, in one line."""
    return f"`{holder.command}` of {holder.user}@{holder.host}, process {holder.pid}, since {holder.since}"
