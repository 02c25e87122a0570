"""`validate --repair`: shows what would end the drift, asks, does it, and looks again."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.comparing import EXIT_CODES, look, show
from k0rdent_azure.cli.deploy import continue_deployment
from k0rdent_azure.cli.running import confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateConflictError

if TYPE_CHECKING:
    from k0rdent_azure.phases.repair import RepairPlan
    from k0rdent_azure.report.findings import Validation
    from k0rdent_azure.state.transaction import Transaction


def repair(workspace: Workspace, told: Validation, args: argparse.Namespace) -> int:
    """Returns `validate`'s exit code for what is left in the end. Raises what a run raises."""
    from k0rdent_azure.phases.repair import mark, plan

    document = workspace.store().read()
    config, names = snapshot_of(workspace)
    wanted = plan(told.findings, config, names, document.state)
    if not args.json:
        show(told, args)
        _show_plan(wanted)
    if wanted.is_empty or args.dry_run:
        if args.json:
            _print_json(told, wanted, done=False)
        return EXIT_CODES[told.verdict]
    confirm("Do that?", yes=args.yes)

    def intent(tx: Transaction) -> None:
        if tx.document.serial != document.serial:
            raise StateConflictError("the state was changed since the preview", hint="look again, and repeat")
        mark(tx, wanted)

    with workspace.run_lock().acquire("validate"):
        continue_deployment(workspace, args, intent=intent, show=False)
    after = look(workspace, args)
    if args.json:
        _print_json(after, wanted, done=True)
    else:
        show(after, args)
    return EXIT_CODES[after.verdict]


def _show_plan(wanted: RepairPlan) -> None:
    lines = [f"would {step}" for step in wanted.steps] or ["there is nothing here that a repair could do"]
    if wanted.left:
        lines.append(f"{len(wanted.left)} of these are left to you: what to do stands beside each")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _print_json(told: Validation, wanted: RepairPlan, *, done: bool) -> None:
    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.findings import document

    print_json({**document(told), "repair": {"done": done, "steps": wanted.steps}})
