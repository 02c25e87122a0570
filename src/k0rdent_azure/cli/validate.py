"""`validate`: compares what was deployed with what there is, and repairs it where somebody asks for that."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.running import add_run_arguments, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError, StateNotFoundError

if TYPE_CHECKING:
    from k0rdent_azure.phases.validation import Comparison
    from k0rdent_azure.report.findings import Validation
    from k0rdent_azure.state.model import State

#: Exit codes of their own: neither is an error of this program.
EXIT_CODES = {"clean": 0, "drift": 11, "incomplete": 12}

EPILOG = """\
examples:
  k0rdent-azure validate                  what is missing, unexpected or changed, and what to do now
  k0rdent-azure validate --json           the same for scripts (keys are stable)
  k0rdent-azure validate --repair --dry-run
  k0rdent-azure validate --repair         show what would be done, ask, do it, and look again

It takes no lock and sends at most eight requests for any number of VMs, none of which changes anything. Only --repair
does, after a preview: what is gone is made anew, what is off is started, what was changed is put back; what is not ours
is left alone.
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
    parser.add_argument("--repair", action="store_true", help="make what there is as it should be")
    parser.add_argument("--dry-run", action="store_true", help="with --repair: only show what would be done")
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """`--json` prints `report.findings.document`."""
    workspace = Workspace(args.workspace)
    told = look(workspace)
    if args.repair:
        from k0rdent_azure.cli.repairing import repair

        return repair(workspace, told, args)
    show(told, args)
    return EXIT_CODES[told.verdict]


def look(workspace: Workspace) -> Validation:
    """Read Azure and compare; changes nothing."""
    import asyncio

    from k0rdent_azure.cli.cloud import A_LOOK, outside
    from k0rdent_azure.phases.validation import validate

    state = _state(workspace)
    config, names = snapshot_of(workspace)
    # Looked for before Azure is asked: a run that ends meanwhile has changed things too.
    holder = workspace.live_holder()

    async def ask() -> tuple[Comparison, int]:
        beyond = outside(config, workspace, retries=A_LOOK, read_only=True)
        try:
            compared = await validate(config, names, state, beyond)
            return compared, sum(beyond.ledger.counts().values())
        finally:
            await beyond.arm.close()

    compared, requests = asyncio.run(ask())
    return _report(compared, state, requests, run=holder.command if holder else None)


def _state(workspace: Workspace) -> State:
    """Raises StateNotFoundError, and StateError where nothing is to be there any more."""
    store = workspace.store()
    if not store.exists():
        raise StateNotFoundError(
            f"there is no deployment in {workspace.directory}", hint="there is nothing to compare with"
        )
    state = store.read().state
    if state.metadata.deployment_status in ("destroying", "destroyed"):
        raise StateError(
            f"{state.metadata.deployment_id} is {state.metadata.deployment_status}",
            hint=f"finish that: {workspace.command('destroy')}",
        )
    return state


def _report(compared: Comparison, state: State, requests: int, *, run: str | None) -> Validation:
    from k0rdent_azure.clock import SystemClock, timestamp
    from k0rdent_azure.report.findings import Validation

    baseline = state.azure_resources.baseline
    return Validation(
        deployment_id=state.metadata.deployment_id,
        checked_at=timestamp(SystemClock().now()),
        findings=compared.findings,
        unread=compared.found.unread,
        requests=requests,
        run=run,
        baseline=baseline.recorded_at if baseline else None,
    )


def show(told: Validation, args: argparse.Namespace) -> None:
    """Print the findings, as `--json` says."""
    from k0rdent_azure.cli.output import console, is_ascii_only, print_json, show_notice
    from k0rdent_azure.report.findings import document, lines
    from k0rdent_azure.report.theme import Look

    if told.run is not None:
        show_notice(f"a run is under way ({told.run}); what it is changing may look like drift")
    if args.json:
        print_json(document(told))
        return
    from rich.text import Text

    screen = console()
    for line in lines(told, Look(ascii_only=is_ascii_only(sys.stdout)), show_ignored=False):
        screen.print(Text.assemble(*line), soft_wrap=True)
