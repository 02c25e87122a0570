"""What `deploy`, `resume` and `destroy` share: the run lock, the signals, the live display, the last words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.cloud import outside
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import DeclinedError, InterruptedRunError, K0rdentAzureError, TerminatedRunError

if TYPE_CHECKING:
    import asyncio

    from k0rdent_azure.config.model import Config
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.errors import Way
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.interrupt import Interrupt
    from k0rdent_azure.report.progress import Progress

#: Real seconds between SIGTERM and giving up waiting; CI systems kill after ten.
TERM_GRACE = 6.0
#: Real seconds that closing connections may take once the user said "now".
FORCED_EXIT = 1.0


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """`--yes`, `--quiet`, `--json` and `--svg`, the same for every command that changes something."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, only the result")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--svg", metavar="FILE", type=_picture, help="keep a picture of the progress in an SVG file"
    )


def _picture(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder")
    return path


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; without one, `--yes` is the only answer. Raises DeclinedError."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise DeclinedError("not confirmed: there is no terminal to ask on", hint="add --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DeclinedError("not confirmed; nothing was done")


def snapshot_of(workspace: Workspace) -> tuple[Config, Names]:
    """The configuration and names that the state was created with; a changed file plays no part."""
    from k0rdent_azure.config.snapshot import from_snapshot
    from k0rdent_azure.config.topology import Names

    state = workspace.store().read().state
    config = from_snapshot(state.configuration)
    return config, Names(state.metadata.deployment_id, config.azure.resource_group)


def supervise(
    workspace: Workspace,
    config: Config,
    names: Names,
    *,
    args: argparse.Namespace,
    work: Callable[[Context], Awaitable[None]],
    only_looks: bool = False,
) -> None:
    """Run `work` with live progress; the first signal asks it to stop, the second makes it.

    The caller holds the run lock. Raises what the work raises.
    """
    import asyncio

    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.interrupt import Interrupt
    from k0rdent_azure.report.progress import Progress

    async def main() -> None:
        interrupt = Interrupt()
        ctx = Context(
            workspace=workspace.directory,
            store=workspace.store(),
            config=config,
            names=names,
            outside=outside(
                config,
                workspace,
                deployment=names.deployment_id,
                command=args.command,
                read_only=only_looks,
            ),
            observer=progress,
            interrupt=interrupt,
            command=args.command,
            only_looks=only_looks,
        )
        task = asyncio.ensure_future(work(ctx))
        _handle_signals(task, interrupt, progress)
        try:
            await task
        except asyncio.CancelledError:
            raise interrupt.error() from None
        finally:
            await _close(ctx)

    progress = Progress(quiet=args.quiet or args.json, picture=args.svg)
    try:
        asyncio.run(main())
    finally:
        progress.finish()


async def _close(ctx: Context) -> None:
    """Connections are closed politely, but nobody waits for a dead peer."""
    import asyncio

    try:
        await asyncio.wait_for(ctx.close(), timeout=FORCED_EXIT)
    except TimeoutError:
        return


def _handle_signals(task: asyncio.Future[None], interrupt: Interrupt, progress: Progress) -> None:
    import asyncio
    import os
    import signal
    import threading

    loop = asyncio.get_running_loop()

    def force(code: int) -> None:
        # Whatever still hangs (a name lookup in a thread, say) must not hold the terminal: the state on
        # disk is complete at every instant.
        watchdog = threading.Timer(FORCED_EXIT, os._exit, (code,))
        watchdog.daemon = True
        watchdog.start()
        task.cancel()

    def on_interrupt() -> None:
        if interrupt.requested:
            force(interrupt.error().exit_code)
            return
        interrupt.request(signal.SIGINT)
        progress.stopping("interrupted: finishing what is under way (Ctrl-C again to stop now)")

    def on_terminate() -> None:
        if interrupt.requested:
            force(interrupt.error().exit_code)
            return
        interrupt.request(signal.SIGTERM)
        progress.stopping(f"terminated: finishing what is under way, {TERM_GRACE:.0f} s at most")
        loop.call_later(TERM_GRACE, force, 143)

    loop.add_signal_handler(signal.SIGINT, on_interrupt)
    loop.add_signal_handler(signal.SIGTERM, on_terminate)

    def on_hangup() -> None:
        # Terminal, shell and session may each send one: more of them mean no more than one does.
        if not interrupt.requested:
            on_terminate()

    # The terminal went away. Under `nohup` that is meant to be ignored, and is.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, on_hangup)


def next_command_hint(
    error: K0rdentAzureError, workspace: Workspace, words: str, *, overrides: Sequence[str] = ()
) -> None:
    """Give an interrupted or failed run the exact command that helps; `words` are the same command again.

    `overrides` are the settings (`--set`) that a `deploy` was given.
    """
    error.is_led = True
    if isinstance(error, InterruptedRunError | TerminatedRunError):
        error.hint = f"go on with: {workspace.command(words)}"
        return
    fix = error.hint or "fix the cause"
    way: Way = error.way if words.startswith("resume") or error.way == "report" else "again"
    if way == "again" or not workspace.store().exists():
        again = workspace.command(words)
        plain = again.removesuffix(" --yes")
        error.hint = (
            f"{fix.removesuffix(plain)}{again}" if fix.endswith(plain) else f"{fix}; go on with: {again}"
        )
        return
    from k0rdent_azure.report.ways import onward

    error.hint = onward(
        way,
        workspace.store().read().state,
        workspace.command,
        places=error.places,
        about=error.about,
        again=words,
        yes=" --yes" if "--yes" in words.split() else "",
        overrides="".join(f" --set {shell_word(each)}" for each in overrides),
    ).told(fix)
