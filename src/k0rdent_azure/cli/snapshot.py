"""`snapshot`: keep the state as it is now, and look at what was kept."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock, parse_timestamp
from k0rdent_azure.errors import UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from k0rdent_azure.state.snapshots import Snapshot
    from k0rdent_azure.state.store import FileStore

EPILOG = """\
examples:
  k0rdent-azure snapshot create --reason "before I try something"
  k0rdent-azure snapshot list
  k0rdent-azure snapshot show latest
  k0rdent-azure snapshot diff 12                   from serial 12 to the present state
  k0rdent-azure snapshot diff 12 latest
  k0rdent-azure snapshot prune --keep 5 --older-than 30d

NAME is `latest`, a serial, or the beginning of a name. `deploy`, `resume`, `destroy` and `rollback` take a snapshot
by themselves; `snapshots.keep` in k0rdent.yaml says how many of those stay. `rollback NAME` goes back to one.
"""
#: Characters. What needs more room is no label.
_MAX_REASON = 200


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "snapshot",
        help="keep the state as it is, and compare with what was",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    create = verbs.add_parser("create", help="keep the state as it is now, until it is pruned")
    create.add_argument("--reason", metavar="TEXT", default="on demand", help="why, for the list")
    listing = verbs.add_parser("list", help="what was kept, the newest last")
    show = verbs.add_parser("show", help="one snapshot: where the deployment stood")
    show.add_argument("name", metavar="NAME")
    diff = verbs.add_parser("diff", help="what changed between two")
    diff.add_argument("old", metavar="A")
    diff.add_argument("new", metavar="B", nargs="?", help="default: the present state")
    prune = verbs.add_parser("prune", help="remove old ones, also those made on demand")
    prune.add_argument("--keep", metavar="N", type=int, help="leave the newest N")
    prune.add_argument("--older-than", metavar="AGE", help="leave what is younger than AGE, e.g. 12h or 30d")
    prune.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    for verb in (create, listing, show, diff, prune):
        verb.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """`--json` of list and prune has snapshots[]; of create the one that was made; of show and diff see there."""
    if args.verb in ("show", "diff"):
        from k0rdent_azure.cli import snapshot_content

        return snapshot_content.run(args)
    return {"create": _create, "list": _list, "prune": _prune}[args.verb](args)


def _create(args: argparse.Namespace) -> int:
    from k0rdent_azure.state.snapshots import take

    reason = _reason(args.reason)
    store = Workspace(args.workspace).store()
    # Tells what is missing or broken before anything is made.
    store.read()
    with store.storage.writing():
        taken = take(store.storage, store.read(), reason=reason, clock=SystemClock())
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(row(taken))
    else:
        sys.stdout.write(f"{taken.name}\n")
    return 0


def _reason(text: str) -> str:
    """On one line, and what JSON can hold. Raises UsageError."""
    from k0rdent_azure.report.text import clean

    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("--reason is not UTF-8") from None
    reason = clean(text)
    if not reason or len(reason) > _MAX_REASON:
        raise UsageError(f"--reason has {len(reason)} characters; expected 1 to {_MAX_REASON}")
    return reason


def _list(args: argparse.Namespace) -> int:
    from k0rdent_azure.state.snapshots import list_snapshots

    found = list_snapshots(Workspace(args.workspace).store().storage)
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json({"snapshots": [row(each) for each in found]})
        return 0
    _print(found)
    if not found:
        from k0rdent_azure.cli.output import show_notice

        show_notice("there are no snapshots: `snapshot create` takes one, and so does each run")
    return 0


def _prune(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.report.text import plural
    from k0rdent_azure.state.snapshots import prune

    keep, older_than = _limits(args)
    store, now = Workspace(args.workspace).store(), SystemClock().now()
    storage = store.storage
    chosen = prune(storage, now=now, keep=keep, older_than=older_than, dry_run=True, needed=_needed(store))
    if chosen:
        if not args.json:
            _print(chosen)
        confirm(f"Remove {plural(len(chosen), 'snapshot')} for good?", yes=args.yes)
        with storage.writing():
            chosen = prune(storage, now=now, keep=keep, older_than=older_than, needed=_needed(store))
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json({"snapshots": [row(each) for each in chosen]})
    else:
        sys.stdout.write(f"removed {plural(len(chosen), 'snapshot')}\n")
    return 0


def _needed(store: FileStore) -> frozenset[str]:
    """The snapshots that a pending operation needs. Raises StateInvalidError if the state cannot say."""
    from k0rdent_azure.state.intents import needed_snapshots

    return needed_snapshots(store.read().state) if store.exists() else frozenset()


def _limits(args: argparse.Namespace) -> tuple[int | None, timedelta | None]:
    from datetime import timedelta

    from k0rdent_azure.report.text import parse_age

    if args.keep is None and args.older_than is None:
        raise UsageError(
            "which ones? neither --keep nor --older-than is given", hint="--keep 20, for example"
        )
    if args.keep is not None and args.keep < 0:
        raise UsageError(f"--keep {args.keep}: expected a number from 0 on")
    if args.older_than is None:
        return args.keep, None
    seconds = parse_age(args.older_than)
    if seconds is None:
        raise UsageError(f"--older-than {args.older_than!r} is not an age", hint="use 12h, 30d or 8w")
    try:
        return args.keep, timedelta(seconds=seconds)
    except OverflowError:
        raise UsageError(f"--older-than {args.older_than}: that long ago there was nothing") from None


def row(snapshot: Snapshot) -> dict[str, object]:
    """Keys: name, serial, lineage, taken_at, age_seconds, reason, automatic, size, fault (null where it is whole)."""
    import msgspec

    return {**msgspec.to_builtins(snapshot), "age_seconds": _age(snapshot)}


def _age(snapshot: Snapshot) -> float | None:
    if snapshot.taken_at is None:
        return None
    return SystemClock().age(parse_timestamp(snapshot.taken_at))


def _print(found: list[Snapshot]) -> None:
    from k0rdent_azure.report.text import ago, clean, shorten

    names = [clean(each.name) for each in found]
    for name, each in zip(names, found, strict=True):
        said = f"broken: {each.fault}" if each.fault else shorten(clean(each.reason), 60)
        kind = "" if each.fault else "automatic" if each.automatic else "on demand"
        cells = f"{name:<{max(map(len, names))}}  {ago(_age(each)):>9}  {each.size / 1000:8.1f} kB"
        sys.stdout.write(f"{cells}  {kind:<9}  {clean(said)}\n")
