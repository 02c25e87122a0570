"""`validate`: compares what was deployed with what there is, and repairs it where somebody asks for that."""

from __future__ import annotations

import argparse
from pathlib import Path

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.running import add_run_arguments
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError

EPILOG = """\
examples:
  k0rdent-azure validate                  what is missing, unexpected or changed, and what to do now
  k0rdent-azure validate --hosts          WireGuard, k0s, nodes and kcm too, over SSH
  k0rdent-azure validate --json           the same for scripts (keys are stable)
  k0rdent-azure validate --show-ignored   with what the rules of drift.ignore hide
  k0rdent-azure validate --sync           show, ask, and write what there is into the state
  k0rdent-azure validate --repair --dry-run
  k0rdent-azure validate --repair         show what would be done, ask, do it, and look again

It takes no lock and sends at most eight requests for any number of VMs, none of which changes anything. Only --repair
does, after a preview: what is gone is made anew, what is off is started, what was changed is put back. What is not
ours, and what others added to ours, stays.
Exit code 0: as it was deployed. 11: drift. 12: no drift in what could be read, but something could not be read.
Any other: an error, as in `k0rdent-azure --help`.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "validate",
        help="compare what was deployed with what there is",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--hosts", action="store_true", help="ask the hosts too, over SSH")
    parser.add_argument("--show-ignored", action="store_true", help="with what ignore rules hide")
    parser.add_argument(
        "--ignore-file", metavar="FILE", type=Path, help="take drift.ignore from FILE, not from k0rdent.yaml"
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--sync", action="store_true", help="write what there is into the state")
    ends.add_argument("--repair", action="store_true", help="make what there is as it should be")
    parser.add_argument("--dry-run", action="store_true", help="with --repair: only show what would be done")
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """`--json` prints `report.findings.document`."""
    from k0rdent_azure.cli.comparing import EXIT_CODES, look, show

    workspace = Workspace(args.workspace)
    if args.dry_run and not args.repair:
        raise UsageError(
            "--dry-run goes with --repair", hint="without --repair nothing is changed in any case"
        )
    told = look(workspace, args)
    if args.repair:
        from k0rdent_azure.cli.repairing import repair

        return repair(workspace, told, args)
    show(told, args)
    return EXIT_CODES[told.verdict]
