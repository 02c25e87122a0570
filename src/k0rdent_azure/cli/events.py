"""`events`: the audit trail, oldest first, with the sealed older part joined in."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.streams import is_unread
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError
from k0rdent_azure.state.model import PHASE_NAMES

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.model import Event

#: Real seconds between two looks of `--follow`; a look is one `stat` while nothing changes.
LOOK_EVERY = 1.0

EPILOG = """\
examples:
  k0rdent-azure events                               everything that happened
  k0rdent-azure events --since 1h --phase vm_creation
  k0rdent-azure events --action vm_failed --json     one JSON object a line
  k0rdent-azure events --resource k0s-worker-1 --limit 5
  k0rdent-azure events --text quota --since 2d --until 1d
  k0rdent-azure events --follow --limit 10           the newest ten, then each as it comes, until Ctrl-C
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "events",
        help="what happened, in order",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
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
    parser.add_argument("--until", metavar="TIME", help="a time or an age, as for --since")
    parser.add_argument("--text", metavar="TEXT", help="events whose message, details or resource hold TEXT")
    parser.add_argument("--limit", metavar="N", type=int, help="only the newest N")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new events until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Keys of each `--json` line: timestamp, phase, action, message, resource, details, chain (null where absent)."""
    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit}: expected a number from 0 on")
    if args.follow and args.until:
        raise UsageError("--follow has no end; leave --until out")
    trail = Trail(args, now=datetime.now(UTC))
    if not args.follow:
        _show(trail.found(trail.store.read()), as_json=args.json)
        return 0
    # Ctrl-C is the way out, not a failure.
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for event in trail.followed():
            _print_line(event, as_json=args.json)
            sys.stdout.flush()
    return 0


class Trail:
    """The events of one workspace that the command line asks for. Raises UsageError."""

    def __init__(self, args: argparse.Namespace, *, now: datetime) -> None:
        self.store = Workspace(args.workspace).store()
        self._since = parse_moment(args.since, option="--since", now=now) if args.since else None
        self._until = parse_moment(args.until, option="--until", now=now) if args.until else None
        self._limit: int | None = args.limit
        self._asked = args

    def found(self, document: Document) -> Iterator[Event]:
        """What there is, oldest first. Segments that cannot hold any of it are not read."""
        from k0rdent_azure.state.events import history

        asked = self._asked
        filters = (asked.phase, asked.action, asked.resource, asked.text, asked.until)
        newest = self._limit if all(given is None for given in filters) else None
        return self._select(
            history(document, self.store.storage, since=self._since, newest=newest), limit=self._limit
        )

    def followed(self) -> Iterator[Event]:
        """What there is, and from then on what comes."""
        from k0rdent_azure.cli.follow import Follower
        from k0rdent_azure.cli.output import show_notice

        follower = Follower(self.store, wait=_wait, tell=show_notice)
        yield from self.found(follower.start())
        yield from self._select(follower.new_events(), limit=None)

    def _select(self, events: Iterable[Event], *, limit: int | None) -> Iterator[Event]:
        from k0rdent_azure.report.timeline import select

        return select(
            events,
            phase=self._asked.phase,
            action=self._asked.action,
            resource=self._asked.resource,
            text=self._asked.text,
            since=self._since,
            until=self._until,
            limit=limit,
        )


def _wait() -> None:
    """Until the next look. Raises BrokenPipeError if nobody reads any more: `| head -1` must not wait for an event."""
    if is_unread(sys.stdout):
        raise BrokenPipeError
    time.sleep(LOOK_EVERY)


def _print_line(event: Event, *, as_json: bool) -> None:
    from k0rdent_azure.cli.output import print_json_line
    from k0rdent_azure.report.timeline import plain_line

    if as_json:
        print_json_line(event)
    else:
        sys.stdout.write(plain_line(event, date=True) + "\n")


def _show(events: Iterable[Event], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        for event in events:
            _print_line(event, as_json=as_json)
        return
    from k0rdent_azure.cli.output import console, is_ascii_only
    from k0rdent_azure.report.timeline import table

    screen = console()
    screen.print(table(events, width=screen.width, ascii_only=is_ascii_only(sys.stdout)))


def parse_moment(text: str, *, option: str, now: datetime) -> datetime:
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
            f"{option} {text!r} is neither a time nor an age", hint="use 2025-01-07T15:30:00Z, 10m, 2h or 1d"
        ) from None
