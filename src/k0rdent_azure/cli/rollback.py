"""`rollback`: go back to an earlier version of the state, or of one component of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.rollback import RollbackPlan
    from k0rdent_azure.state.store import FileStore

EPILOG = """\
examples:
  k0rdent-azure rollback latest --dry-run             what would change
  k0rdent-azure rollback 12                           to the version of serial 12
  k0rdent-azure rollback 12 --only wireguard
  k0rdent-azure rollback 12 --only vm/k0s-worker-1 --only k0rdent

components: resource_group, network, ssh_key, deployment, vms, vm/NAME (the VM, its peer and its node),
            wireguard, cluster, k0rdent, phases, or a section of your own

It takes a snapshot first, so `rollback latest` undoes it. The restored version is a new one: the audit trail, the
serial and pending operations are never rolled back. Nothing in Azure or on a VM is touched.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "rollback",
        help="go back to a snapshot of the state",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="latest, a serial, or the beginning of a name")
    parser.add_argument(
        "--only", metavar="C", action="append", default=[], help="only this component (repeatable)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: snapshot, components[], dry_run, serial (afterwards), kept_as (null where nothing was changed),
    changes[] (path, kind, old, new), unrecorded[] and missing[] (kind, name, id).
    """
    from contextlib import nullcontext

    workspace = Workspace(args.workspace)
    store = workspace.store()
    # Tells what is missing or broken before anything is made or locked.
    store.read()
    with nullcontext() if args.dry_run else workspace.run_lock().acquire("rollback"):
        return _roll_back(store, args)


def _roll_back(store: FileStore, args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.state.rollback import plan
    from k0rdent_azure.state.snapshots import find, load

    current = store.read()
    name = find(store.storage, args.snapshot)
    to = plan(current, load(store.storage, name), args.only)
    if not args.json:
        _show_changes(to)
    kept_as = None
    if to.changes and not args.dry_run:
        confirm(f"Restore {', '.join(to.components) or 'all of it'} from {name}?", yes=args.yes)
        kept_as = _commit(store, current, to, name)
    serial = current.serial + (kept_as is not None)
    if args.json:
        _print_json(args, name, to, serial, kept_as)
    else:
        _show_outcome(to, serial, kept_as)
    return 0


def _commit(store: FileStore, current: Document, to: RollbackPlan, name: str) -> str:
    from k0rdent_azure.state.rollback import roll_back
    from k0rdent_azure.state.snapshots import take

    with store.transaction(based_on=current) as tx:
        kept = take(store.storage, tx.document, reason="before rollback", clock=SystemClock())
        roll_back(tx, to, snapshot=name, kept_as=kept.name)
    return kept.name


def _show_changes(to: RollbackPlan) -> None:
    from k0rdent_azure.report.changes import change_lines, resource_lines
    from k0rdent_azure.state.compare import HIDDEN

    lines = list(change_lines(to.changes, hidden=HIDDEN))
    for title, resources in (
        ("exists now, and the restored state does not know of it:", to.unrecorded),
        ("stands in the restored state, and does not exist now as far as the present one knows:", to.missing),
    ):
        if resources:
            lines += [title, *resource_lines(resources)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _show_outcome(to: RollbackPlan, serial: int, kept_as: str | None) -> None:
    from k0rdent_azure.report.text import plural

    if not to.changes:
        sys.stdout.write(f"nothing to restore; serial {serial}\n")
        return
    count = plural(len(to.changes), "value")
    if kept_as is None:
        sys.stdout.write(f"{count} would change; nothing was done\n")
        return
    sys.stdout.write(f"{count} restored; serial {serial}; the version before is {kept_as}\n")
    sys.stdout.write("only the state was changed: nothing in Azure or on a VM was touched\n")


def _print_json(
    args: argparse.Namespace, name: str, to: RollbackPlan, serial: int, kept_as: str | None
) -> None:
    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.changes import change_rows

    print_json(
        {
            "snapshot": name,
            "components": to.components,
            "dry_run": args.dry_run,
            "serial": serial,
            "kept_as": kept_as,
            "changes": change_rows(to.changes),
            "unrecorded": to.unrecorded,
            "missing": to.missing,
        }
    )
