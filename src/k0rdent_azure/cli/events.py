"""`events`: the audit trail, oldest first, with the sealed older part joined in."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError
from k0rdent_azure.state.model import PHASE_NAMES

EPILOG = """\
examples:
  k0rdent-azure events                               everything that happened
  k0rdent-azure events --since 1h --phase vm_creation
  k0rdent-azure events --action vm_failed --json     one JSON object a line
  k0rdent-azure events --resource k0s-worker-1 --limit 5
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "events",
        help="what happened, in order",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--phase", choices=PHASE_NAMES, metavar="PHASE", help=f"one of {', '.join(PHASE_NAMES)}"
    )
    parser.add_argument("--action", metavar="ACTION", help="exactly this action, e.g. vm_created")
    parser.add_argument("--resource", metavar="TEXT", help="resources whose name or id holds TEXT")
    parser.add_argument(
        "--since", metavar="TIME", help="2025-01-07T15:30:00Z, or an age such as 90s, 10m, 2h, 1d"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="only the newest N")


def run(args: argparse.Namespace) -> int:
    """Keys of each `--json` line: timestamp, phase, action, message, resource, details (null where absent)."""
    from k0rdent_azure.report.timeline import select
    from k0rdent_azure.state.events import history

    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit}: expected a number from 0 on")
    since = parse_since(args.since, now=datetime.now(UTC)) if args.since else None
    document = Workspace(args.workspace).store().read()
    events = select(
        history(document),
        phase=args.phase,
        action=args.action,
        resource=args.resource,
        since=since,
        limit=args.limit,
    )
    if args.json:
        from k0rdent_azure.cli.output import print_json_line

        for event in events:
            print_json_line(event)
        return 0
    from k0rdent_azure.report.timeline import plain_line

    if not sys.stdout.isatty():
        for event in events:
            sys.stdout.write(plain_line(event, date=True) + "\n")
        return 0
    from k0rdent_azure.cli.output import console, is_ascii_only
    from k0rdent_azure.report.timeline import table

    screen = console()
    screen.print(table(events, width=screen.width, ascii_only=is_ascii_only(sys.stdout)))
    return 0


def parse_since(text: str, *, now: datetime) -> datetime:
    """A moment, or an age back from `now`. Raises UsageError."""
    from k0rdent_azure.clock import parse_timestamp
    from k0rdent_azure.report.text import parse_age

    age = parse_age(text)
    if age is not None:
        try:
            return now - timedelta(seconds=age)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        return parse_timestamp(text)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is neither a time nor an age", hint="use 2025-01-07T15:30:00Z, 10m, 2h or 1d"
        ) from None
