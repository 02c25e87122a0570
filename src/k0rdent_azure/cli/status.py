"""`status`: where the deployment stands, from the state file alone: no ARM request (unless told to), no SSH."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import no_deployment
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from k0rdent_azure.report.model import StatusReport
    from k0rdent_azure.state.lock import Holder
    from k0rdent_azure.state.model import State

#: Real seconds between two looks of `--watch`; a look costs reading one file.
WATCH_EVERY = 1.0

EPILOG = """\
examples:
  k0rdent-azure status                   phase, VMs, network, VPN, cluster, k0rdent, what to type next
  k0rdent-azure status --json            the same for scripts (keys are stable)
  k0rdent-azure status --watch           stay, and follow a run in another terminal
  k0rdent-azure status --svg status.svg  a picture of it, 110 columns wide
  k0rdent-azure status --refresh         ask Azure for all VMs first: two requests, however many VMs
  k0rdent-azure status --refresh=auto    only where the phase calls for it

It reads one file and never waits; every fact comes with its age. With --refresh, while a run is live, that run's
own facts are shown and Azure is not asked.
Exit code 4 where there is no state file, or none that can be read; 6 where --refresh could not ask Azure: what is
shown then is the last known state.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "status",
        help="where the deployment stands, offline",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object")
    shape.add_argument("--svg", metavar="FILE", type=Path, help="draw the screen into an SVG file")
    shape.add_argument("--watch", action="store_true", help="show changes until Ctrl-C")
    parser.add_argument(
        "--refresh",
        nargs="?",
        const="always",
        choices=("always", "auto"),
        help="ask Azure for the VMs first: always, or (auto) where they are older than the phase allows",
    )


def run(args: argparse.Namespace) -> int:
    """Keys of `--json` are the fields of `report.model.StatusReport`."""
    workspace = Workspace(args.workspace)
    if args.watch and args.refresh:
        raise UsageError("--watch asks nobody", hint="run status --refresh beside it")
    if args.watch:
        _watch(workspace)
    elif args.refresh:
        return _refreshed(workspace, args)
    else:
        _show(read_report(workspace), args)
    return 0


def _refreshed(workspace: Workspace, args: argparse.Namespace) -> int:
    """Show what is known after asking Azure, also where it did not answer."""
    from k0rdent_azure.cli.refreshing import refresh, tell
    from k0rdent_azure.phases.freshness import is_due
    from k0rdent_azure.report.text import ago

    state, _ = _read(workspace)
    due = args.refresh == "always" or is_due(state, SystemClock(state.metadata.clock_speed or 1.0))
    row, error = refresh(workspace, command="status", is_due=due)
    report = read_report(workspace)
    report.refresh = row
    _show(report, args)
    return tell(row, error, checked=ago(report.facts["vms"]), as_json=args.json)


def _show(report: StatusReport, args: argparse.Namespace) -> None:
    if args.svg is not None:
        _draw(report, args.svg)
    else:
        show_status(report, as_json=args.json)


def read_report(workspace: Workspace) -> StatusReport:
    """The report of this moment. Raises StateNotFoundError saying what to type, and StateInvalidError."""
    from k0rdent_azure.report.status import summary

    state, holder = _read(workspace)
    report = summary(
        state,
        now=datetime.now(UTC),
        live_holder=holder,
        config_changed=_changed_settings(workspace, state),
        program=workspace.command("").strip(),
        directory=Path() if workspace.is_here else workspace.directory,
    )
    if report.failure is not None and report.failure.hint:
        report.failure.hint = workspace.placed(report.failure.hint)
    return report


def _read(workspace: Workspace) -> tuple[State, Holder | None]:
    """State and live holder, in the order in which a run that just ends or begins is not taken for dead.

    A run writes its end before it lets go of the lock, so the lock is looked at first; one that began
    after that look shows itself at the second.
    """
    holder = workspace.live_holder()
    store = workspace.store()
    if not store.exists():
        _refuse(workspace, holder)
    state = store.read().state
    if holder is None and state.metadata.deployment_status in ("in_progress", "destroying"):
        holder = workspace.live_holder()
    return state, holder


def _refuse(workspace: Workspace, holder: Holder | None) -> None:
    from k0rdent_azure.report.next_step import next_without_state

    step = next_without_state(
        has_config=workspace.config_path.is_file(), holder=holder, program=workspace.command("").strip()
    )
    raise no_deployment(workspace, f"{step.reason}: {step.command}" if step.command else step.reason)


def _changed_settings(workspace: Workspace, state: State) -> list[str]:
    """Settings that the config file wants otherwise now; not looked for while the file's bytes are the same."""
    recorded = state.metadata.config_digest
    try:
        data = workspace.config_path.read_bytes()
    except OSError:
        return []
    import hashlib

    if recorded is None or hashlib.sha256(data).hexdigest() == recorded:
        return []
    from k0rdent_azure.config.load import load
    from k0rdent_azure.config.snapshot import differs, wishes

    try:
        loaded = load(workspace.config_path, environ=os.environ)
        return wishes(loaded, differs(loaded, state.configuration), recorded).file
    except ConfigError:
        return ["it is no longer valid, see `config validate`"]


def show_status(report: StatusReport, *, as_json: bool) -> None:
    """The whole report on stdout."""
    from k0rdent_azure.cli.output import console, is_ascii_only, print_json

    if as_json:
        print_json(report)
        return
    from k0rdent_azure.report.status_view import render

    screen = console()
    drawn = render(report, width=screen.width, ascii_only=is_ascii_only(sys.stdout))
    if screen.is_terminal:
        screen.print(drawn, crop=False)
        return
    with screen.capture() as captured:
        screen.print(drawn, crop=False)
    # Columns are padded to their width; in a file or a pipe that would be noise.
    sys.stdout.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())


def show_result(workspace: Workspace, *, as_json: bool) -> None:
    """How a run ended, on stdout: in few words, because the progress was just on the screen."""
    from k0rdent_azure.cli.output import print_json

    report = read_report(workspace)
    if as_json:
        print_json(report)
        return
    from k0rdent_azure.report.result import result_lines

    sys.stdout.write("\n".join(result_lines(report, workspace.directory)) + "\n")


def _draw(report: StatusReport, path: Path) -> None:
    from k0rdent_azure.report.picture import WIDTH, svg
    from k0rdent_azure.report.status_view import render

    picture = svg(render(report, width=WIDTH), title="k0rdent-azure status")
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _watch(workspace: Workspace) -> None:
    """Redraw when a second passed: the file may change, and ages do. Ctrl-C is the way out, not a failure."""
    if not sys.stdout.isatty():
        raise UsageError("--watch needs a terminal", hint="use --json in a loop of your own")
    from rich.live import Live

    from k0rdent_azure.cli.output import console, is_ascii_only
    from k0rdent_azure.report.status_view import render

    screen, plain = console(), is_ascii_only(sys.stdout)
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=screen, screen=True, auto_refresh=False) as live,
    ):
        while True:
            frame = render(read_report(workspace), width=screen.width, ascii_only=plain)
            live.update(frame, refresh=True)
            time.sleep(WATCH_EVERY)
