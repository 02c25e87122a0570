"""`vm`: one VM of the deployment, as fresh as it has to be."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import UsageError

if TYPE_CHECKING:
    from k0rdent_azure.report.model import RefreshRow, VmRow

EPILOG = """\
examples:
  k0rdent-azure vm show k0s-worker-1                    asks Azure where what is known is older than 5 minutes
  k0rdent-azure vm show k0s-worker-1 --max-age 1h       only where it is older than an hour
  k0rdent-azure vm show k0s-worker-1 --refresh --json   ask in any case; for scripts

Asking takes two requests and brings all VMs up to date. While a run is live, that run's own facts are shown.
Exit code 2 where there is no such VM, 6 where Azure had to be asked and could not be: what is shown then is the
last known state.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "vm",
        help="one VM, as fresh as it has to be",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="everything that is known of one VM", formatter_class=HelpFormatter)
    show.add_argument("name", metavar="NAME", help="its name, such as k0s-worker-1")
    show.add_argument("--max-age", metavar="AGE", default="5m", help="30s, 5m, 1h, 1d (default: 5m)")
    show.add_argument("--refresh", action="store_true", help="ask Azure however fresh it is")
    show.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json` are the fields of `report.model.VmRow`, and `refresh` as `status --refresh` has it."""
    from k0rdent_azure.cli.refreshing import refresh, tell
    from k0rdent_azure.report.text import ago

    workspace, max_age = Workspace(args.workspace), _max_age(args.max_age)
    is_due = _is_due(workspace, args.name, max_age, force=args.refresh)
    row, error = refresh(workspace, command="vm", is_due=is_due)
    vm = _row(workspace, args.name)
    _show(vm, row, as_json=args.json)
    return tell(row, error, checked=ago(vm.age_seconds), as_json=args.json) if is_due else 0


def _max_age(text: str) -> float:
    from k0rdent_azure.report.text import parse_age

    seconds = parse_age(text)
    if seconds is None:
        raise UsageError(f"--max-age {text!r} is no age", hint="use one such as 30s, 5m, 1h or 1d")
    return seconds


def _is_due(workspace: Workspace, name: str, max_age: float, *, force: bool) -> bool:
    """Whether Azure is to be asked. Raises UsageError for an unknown name."""
    from k0rdent_azure.phases.freshness import is_stale, known_vm

    state = workspace.store().read().state
    vm = known_vm(state, name)
    return force or is_stale(vm, max_age, SystemClock(state.metadata.clock_speed or 1.0))


def _row(workspace: Workspace, name: str) -> VmRow:
    from datetime import UTC, datetime

    from k0rdent_azure.report.vms import vms

    return next(row for row in vms(workspace.store().read().state, datetime.now(UTC)) if row.name == name)


def _show(vm: VmRow, refresh: RefreshRow, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        from k0rdent_azure.cli.output import print_json

        print_json({**msgspec.to_builtins(vm), "refresh": refresh})
        return
    from k0rdent_azure.report.text import ago, clean

    hidden = {"name", "last_checked", "age_seconds", "handshake_age_seconds", "percent"}
    known = {
        key: value
        for key, value in msgspec.to_builtins(vm).items()
        if key not in hidden and value is not None
    }
    width = max(len(key) for key in (*known, "checked"))
    lines = [f"{vm.name}", *(f"  {key:{width}}  {clean(value)}" for key, value in known.items())]
    sys.stdout.write("\n".join([*lines, f"  {'checked':{width}}  {ago(vm.age_seconds)}"]) + "\n")
