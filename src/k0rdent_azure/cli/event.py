"""`event`: add an event to the audit trail, from a script or by hand."""

from __future__ import annotations

import argparse
import re
import sys

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.state_words import unicode_text
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError
from k0rdent_azure.state.model import PHASE_NAMES

_ACTION = re.compile(r"[a-z0-9_]+\Z")

EPILOG = """\
examples:
  k0rdent-azure event add backup_taken "etcd is saved"
  k0rdent-azure event add node_drained "for the new kernel" --resource k0s-worker-1
  k0rdent-azure event add smoke_test_failed "no route to the API" --phase complete --details "$(tail -n 1 log)"

It may be added while a run is under way. `events` reads the trail.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "event",
        help="add an event to the audit trail",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    add = actions.add_parser("add", help="add one event, durably, and print it")
    add.add_argument("action", metavar="ACTION", help="what happened, in small letters, digits and _")
    add.add_argument("message", metavar="MESSAGE", help="the same for people")
    add.add_argument(
        "--phase",
        choices=PHASE_NAMES,
        metavar="PHASE",
        help=f"one of {', '.join(PHASE_NAMES)} (default: the deployment's)",
    )
    add.add_argument("--resource", metavar="NAME", help="what it happened to")
    add.add_argument("--details", metavar="TEXT", help="more of it")
    add.add_argument("--json", action="store_true", help="print the event as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: those of a line of `events --json`; absent ones are left out."""
    if not _ACTION.match(args.action):
        raise UsageError(
            f"{args.action!r} is no action: expected small letters, digits and _", hint="such as backup_taken"
        )
    for name in ("message", "resource", "details"):
        _refuse_text(name, getattr(args, name))
    event = _add(Workspace(args.workspace), args)
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(event)
        return 0
    import msgspec

    from k0rdent_azure.report.timeline import plain_line
    from k0rdent_azure.state.model import Event

    sys.stdout.write(plain_line(msgspec.convert(event, Event), date=True) + "\n")
    return 0


def _add(workspace: Workspace, args: argparse.Namespace) -> object:
    """The event as it was committed, with its time and its link in the chain."""
    store = workspace.store()
    # Tells what is missing or broken before anything is made or locked.
    store.read()
    with store.transaction() as tx:
        phase = args.phase or tx.state.metadata.deployment_phase
        tx.event(phase, args.action, args.message, resource=args.resource, details=args.details)
    return tx.last_event


def _refuse_text(name: str, text: str | None) -> None:
    if text is None:
        return
    if not text.strip():
        raise UsageError(f"the {name} is empty")
    unicode_text(text, f"the {name}")
